"""The careful way through delimited text: good records into a clean copy, the others set aside.

Lines without quotes, and lines whose quotes all open and close where they should, are judged in
bulk: their delimiters are counted. Only records with quotes elsewhere, or over several lines, go
through Python's csv module one by one.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

import polars as pl

from dwkit.lake.sources.extract import Malformed, Source
from dwkit.lake.sources.sniff import Dialect, Layout
from dwkit.lake.sources.text import blocks

__all__ = ["Cleaned", "clean"]

# A quote that has not closed after so many bytes is taken for a slip of the pen.
OPEN_LIMIT = 64 << 20

_UNCLOSED = "a quote opens and never closes"


@dataclass(frozen=True)
class Cleaned:
    """The good records of a text.

    Args:
        path: the clean copy, without header.
        good: its records.
        before: how many good records precede each of the others, ascending.
    """

    path: Path
    good: int
    before: pl.Series

    def numbers(self, places: pl.Series) -> pl.Series:
        """Return the number in the source of each record of the copy, both from 1."""
        if not len(self.before):
            return places
        return (places + self.before.search_sorted(places, side="left").cast(pl.Int64)).alias(places.name)


def clean(source: Source, path: Path, layout: Layout, bad: Malformed, *, pad: bool) -> Cleaned:
    """Copy the good records of a UTF-8 text; the others go to ``bad``.

    Blank lines are no records, unless the table has one column.

    Args:
        pad: fill up records with too few fields.
    """
    target = source.scratch("clean.csv")
    with target.open("wb") as out:
        cleaner = _Cleaner(layout, source.options.comment, bad, out, pad=pad)
        held = b""
        for block in blocks(path, skip_lines=layout.skip_lines):
            held = cleaner.block(held + block if held else block, last=False)
        if held:
            cleaner.block(held, last=True)
    before = pl.Series("before", cleaner.before, dtype=pl.Int64)
    return Cleaned(target, cleaner.good, before)


class _Fixed(NamedTuple):
    """What became of a record that was looked at alone: its lines, its clean text or what is wrong."""

    lines: int
    text: str | None
    reason: str = ""
    raw: str = ""


class _Cleaner:
    def __init__(
        self, layout: Layout, comment: str | None, bad: Malformed, out: IO[bytes], *, pad: bool
    ) -> None:
        self._dialect = layout.dialect
        self._width = len(layout.names)
        self._comment = comment
        self._bad = bad
        self._out = out
        self._pad = pad
        self._line = layout.skip_lines  # lines before the block
        self._record = 0
        self.good = 0
        self.before: list[int] = []
        self._shape = _shape(self._dialect)

    def block(self, data: bytes, *, last: bool) -> bytes:
        """Clean a block of whole lines; return the end of it that needs more to be judged."""
        frame = self._judged(data)
        odd = frame.select(pl.col("odd").arg_true()).to_series().to_list()
        fixed: dict[int, _Fixed] = {}
        if not odd and not frame.select((pl.col("drop") | (pl.col("fields") != self._width)).any()).item():
            self._out.write(data if data.endswith(b"\n") else data + b"\n")
            self.good += frame.height
            self._record += frame.height
            self._line += frame.height
            return b""
        if odd:
            lines = data.decode("utf-8").split("\n")
            if lines and not lines[-1]:
                lines.pop()
            end = 0
            for place in odd:
                if place < end:
                    continue
                record = self._alone(lines, place, last=last)
                if record is None:
                    frame = frame.head(place)
                    held = "\n".join(lines[place:]) + ("\n" if data.endswith(b"\n") else "")
                    self._emit(frame, fixed)
                    return held.encode()
                fixed[place] = record
                end = place + record.lines
        self._emit(frame, fixed)
        return b""

    def _judged(self, data: bytes) -> pl.DataFrame:
        """Return ``line``, ``fields``, ``odd`` (to be looked at alone), ``drop`` (no record) of each line."""
        dialect, line = self._dialect, pl.col("line")
        frame = pl.read_lines(io.BytesIO(data), name="line")
        drop = pl.lit(value=False)
        if self._width > 1:
            drop = line.str.strip_chars(" ").str.len_bytes() == 0
        if self._comment:
            drop = drop | line.str.starts_with(self._comment)
        plain, odd = line, pl.lit(value=False)
        if dialect.quote:
            quote = re.escape(dialect.quote)
            quoted = line.str.contains(dialect.quote, literal=True)
            plain = (
                pl.when(quoted).then(line.str.replace_all(f"{quote}[^{quote}]*{quote}", "")).otherwise(line)
            )
            odd = quoted & ~line.str.contains(self._shape)
        if dialect.escape:
            odd = odd | line.str.contains(dialect.escape, literal=True)
        if dialect.skip_space:
            odd = odd | line.str.contains(f"{dialect.delimiter} ", literal=True)
        fields = plain.str.count_matches(dialect.delimiter, literal=True) + 1
        return frame.lazy().with_columns(fields=fields, odd=odd & ~drop, drop=drop).collect()

    def _alone(self, lines: Sequence[str], place: int, *, last: bool) -> _Fixed | None:
        """Judge the record that starts at a line; None if it needs lines that are not there yet."""
        reader = self._dialect.reader((lines[at] + "\n" for at in range(place, len(lines))), strict=True)
        raw = lines[place].removesuffix("\r")
        try:
            fields = next(reader)
        except csv.Error as error:
            if "unexpected end" not in str(error):
                return _Fixed(1, None, _reason(error), raw)
            if not last and sum(map(len, lines[place:])) < OPEN_LIMIT:
                return None
            return _Fixed(1, None, _UNCLOSED, raw)
        used: int = reader.line_num  # type: ignore[attr-defined]
        text = "\n".join(lines[place : place + used]).removesuffix("\r")
        short = len(fields) < self._width and self._pad
        if short:
            fields += [""] * (self._width - len(fields))
        if len(fields) == self._width:
            return _Fixed(used, self._written(fields))
        if used > 1 and self._stands(lines[place + 1]):
            return _Fixed(1, None, _UNCLOSED, raw)
        return _Fixed(used, None, _wrong(len(fields), self._width), text)

    def _stands(self, line: str) -> bool:
        """Whether a line would be a whole record by itself, its quotes where they should be."""
        if self._shape and not re.match(self._shape, line.removesuffix("\r")):
            return False
        try:
            fields = next(self._dialect.reader([line + "\n"], strict=True), [])
        except csv.Error:
            return False
        return len(fields) == self._width

    def _written(self, fields: Sequence[str]) -> str:
        out = io.StringIO()
        dialect = self._dialect
        writer = csv.writer(
            out,
            delimiter=dialect.delimiter,
            quotechar=dialect.quote or '"',
            lineterminator="",
            quoting=csv.QUOTE_ALL,
        )
        writer.writerow(fields)
        return out.getvalue()

    def _emit(self, frame: pl.DataFrame, fixed: dict[int, _Fixed]) -> None:
        frame = frame.with_row_index("at").with_columns(pl.col("at").cast(pl.Int64))
        if fixed:
            frame = _with_fixed(frame, fixed, self._width)
        else:
            frame = frame.with_columns(reason=pl.lit(None, dtype=pl.String))
        width, fields = self._width, pl.col("fields").cast(pl.Int64)
        records = frame.filter(~pl.col("drop")).with_columns(
            record=pl.int_range(pl.len(), dtype=pl.Int64) + self._record + 1,
            bad=pl.col("reason").is_not_null() | (fields != width if not self._pad else fields > width),
        )
        good = records.filter(~pl.col("bad"))
        texts = good["line"]
        if self._pad and good.height:
            missing = (width - good["fields"].cast(pl.Int64)).clip(lower_bound=0)
            fill = pl.select(pl.lit(self._dialect.delimiter).repeat_by(missing).list.join("")).to_series()
            texts = texts + fill
        if good.height:
            self._out.write(("\n".join(texts.to_list()) + "\n").encode())
        if good.height < records.height:
            wrong = records.with_columns(before=(~pl.col("bad")).cum_sum().cast(pl.Int64) + self.good).filter(
                "bad"
            )
            self.before += wrong["before"].to_list()
            self._bad.add_many(
                (record, self._line + at + 1, line, reason or _wrong(count, width))
                for record, at, line, reason, count in wrong.select(
                    "record", "at", "line", "reason", "fields"
                ).iter_rows()
            )
        self.good += good.height
        self._record += records.height
        self._line += frame.height


def _with_fixed(frame: pl.DataFrame, fixed: dict[int, _Fixed], width: int) -> pl.DataFrame:
    """Put the judgements on single records in place of the lines they were found at."""
    found = pl.DataFrame(
        [(at, f.text if f.text is not None else f.raw, f.reason or None) for at, f in fixed.items()],
        schema={"at": pl.Int64, "text": pl.String, "reason": pl.String},
        orient="row",
    )
    inner = bytearray(frame.height)
    for start, f in fixed.items():
        inner[start + 1 : start + f.lines] = b"\1" * (f.lines - 1)
    known = pl.col("text").is_not_null()
    return (
        frame.join(found, on="at", how="left", maintain_order="left")
        .with_columns(
            line=pl.when(known).then("text").otherwise("line"),
            fields=pl.when(known).then(width).otherwise("fields"),
            drop=(pl.col("drop") & ~known) | (pl.Series(inner, dtype=pl.UInt8) != 0),
        )
        .drop("text")
    )


def _wrong(count: int, width: int) -> str:
    return f"{count} field{'s' * (count != 1)}, {width} expected"


def _reason(error: csv.Error) -> str:
    return "text follows a closing quote" if "expected after" in str(error) else "a lone carriage return"


def _shape(dialect: Dialect) -> str:
    """A regular expression for lines whose quotes stand where they should."""
    if not dialect.quote:
        return ""
    quote, part = re.escape(dialect.quote), re.escape(dialect.delimiter)
    field = f"(?:{quote}[^{quote}]*{quote}(?:{quote}[^{quote}]*{quote})*|[^{quote}{part}]*)"
    return f"^{field}(?:{part}{field})*$"
