"""Columns of fixed width: characters from here to there, without the blanks that fill them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import msgspec
import polars as pl

from dwkit.errors import DataError
from dwkit.lake.sources.extract import Extract, Malformed, Source, Table, unique_names
from dwkit.lake.sources.sniff import looks_like_header
from dwkit.lake.sources.text import SAMPLE, binary_reason, blocks, plain_text

__all__ = ["read_fixed"]


class _Column(NamedTuple):
    start: int
    width: int


def read_fixed(source: Source, path: Path) -> Extract:
    """Read lines of columns of fixed width; every column is text, and blanks around it are left out.

    The widths are given, or found: a column of blanks through all of the first lines parts two fields.

    Args:
        path: the unpacked bytes.

    Raises:
        DataError: the file is empty or binary, or has no columns that could be found.
    """
    with path.open("rb") as handle:
        reason = binary_reason(handle.read(SAMPLE)) if source.options.encoding is None else None
    if reason:
        raise DataError(
            f"{source.name} {reason}: it is no text", hint="--as-objects keeps the bytes as they are"
        )
    text = plain_text(source, path, thorough=True)
    options = source.options
    skip = options.skip_rows or 0
    first = next(blocks(text, SAMPLE, skip_lines=skip), b"").decode("utf-8")
    sample = [line for line in first.splitlines() if line.strip()][:1000]
    if not sample:
        raise DataError(f"{source.name} is empty", hint="there is nothing to ingest")
    columns = _given(options.widths) if options.widths else _found(sample)
    if len(columns) < 2 and not options.widths:
        raise DataError(
            f"{source.name}: no columns of fixed width can be told from its first lines",
            hint="--widths gives them, for instance --widths 8,12,3",
        )
    rows = [[line[c.start : c.start + c.width].strip() for c in columns] for line in sample]
    header = looks_like_header(rows[0], rows[1:]) if options.header is None else options.header
    names = rows[0] if header else [f"column_{n}" for n in range(1, len(columns) + 1)]
    if options.columns:
        names = list(options.columns) + names[len(options.columns) :]
    names = unique_names(source, names)
    table = _Fixed(source, text, columns, names, skip=skip, header=header)
    widths = tuple(
        (after.start if after else c.start + c.width) - c.start
        for c, after in zip(columns, [*columns[1:], None], strict=True)
    )
    if columns[0].start:
        widths = (columns[0].start + widths[0], *widths[1:])
    found = msgspec.structs.replace(options, widths=widths, header=header)
    return Extract(source, "fixed", table, options=found)


def _given(widths: tuple[int, ...]) -> list[_Column]:
    made, start = [], 0
    for width in widths:
        made.append(_Column(start, width))
        start += width
    return made


def _found(sample: list[str]) -> list[_Column]:
    """A field starts where the first line after a column of blanks has a character."""
    length = max(map(len, sample))
    used = [any(line[place : place + 1].strip() for line in sample) for place in range(length)]
    starts = [p for p in range(length) if used[p] and (p == 0 or not used[p - 1])]
    return [_Column(start, end - start) for start, end in zip(starts, [*starts[1:], length], strict=True)]


class _Fixed(Table):
    """Lines cut at fixed places; a line that goes on after the last column is malformed."""

    def __init__(
        self, source: Source, path: Path, columns: list[_Column], names: list[str], *, skip: int, header: bool
    ) -> None:
        super().__init__()
        line = pl.col("line")
        lines = pl.scan_lines(path, name="line", row_index_name="at", row_index_offset=1, glob=False)
        kept = lines.filter(line.str.strip_chars().str.len_bytes() > 0, pl.col("at") > skip)
        if header:
            first = kept.select("at").head(1).collect(engine="streaming").item()
            kept = kept.filter(pl.col("at") > first)
        kept = kept.with_row_index("_row", 1)
        number = pl.col("_row").cast(pl.Int64)
        end = columns[-1].start + columns[-1].width
        # The last of the columns that were found may go on: its longest value was not in the sample.
        open_end = source.options.widths is None
        beyond = (
            pl.lit(value=False) if open_end else line.str.slice(end).str.strip_chars().str.len_bytes() > 0
        )
        cut = [
            (line.str.slice(c.start) if open_end and c is columns[-1] else line.str.slice(c.start, c.width))
            .str.strip_chars()
            .alias(name)
            for c, name in zip(columns, names, strict=True)
        ]
        self._rows = kept.filter(~beyond).select(*cut, number)
        self._all = kept
        self._beyond = kept.filter(beyond).select(number, "at", "line")
        self._bad = Malformed(source, "--widths gives the width of each column")
        self._reason = f"longer than the {end} characters of its columns"
        self._open = open_end

    def again(self, error: Exception | None) -> bool:
        if error is None and not self._open:
            self._bad.clear()
            for frame in self._beyond.collect_batches(maintain_order=True):
                self._bad.add_many((*record, self._reason) for record in frame.iter_rows())
            if self._bad.count:
                self._bad.check(self._all.select(pl.len()).collect(engine="streaming").item())
        return False

    def malformed(self) -> pl.LazyFrame | None:
        return self._bad.frame()
