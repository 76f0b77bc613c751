"""Delimited text: straight through Polars while it is regular, with care once it is not."""

from __future__ import annotations

from pathlib import Path

import msgspec
import polars as pl

from dwkit.errors import DataError, UsageError
from dwkit.lake.sources.careful import Cleaned, clean
from dwkit.lake.sources.extract import Extract, Malformed, Source, Table
from dwkit.lake.sources.sniff import Dialect, Layout, sniff
from dwkit.lake.sources.text import SAMPLE, binary_reason, encoding_of, plain_text, valid_utf8

__all__ = ["read_csv"]

_SWAP = "\x1f"
_FEW, _MOST = 20, 4 << 20


def read_csv(source: Source, path: Path) -> Extract:
    """Read delimited text; every column is text, and empty fields are empty text.

    Args:
        path: the unpacked bytes.

    Raises:
        DataError: the file is empty or binary.
        UsageError: an option's value does not fit the file.
    """
    table = _Csv(source, path)
    layout = table.layout
    dialect = layout.dialect
    options = msgspec.structs.replace(
        source.options,
        delimiter=table.delimiter,
        quote=dialect.quote,
        escape=dialect.escape or None,
        encoding=encoding_of(_start(path), source.options.encoding).name,
        header=layout.header,
    )
    return Extract(source, "csv", table, options=options, approx_rows=table.approx_rows)


def _start(path: Path) -> bytes:
    with path.open("rb") as handle:
        return handle.read(SAMPLE)


def _lines_of(path: Path) -> tuple[bytes, bool]:
    """Return the beginning of a text, some lines of it if they are not too long; and whether it is all."""
    size = SAMPLE
    with path.open("rb") as handle:
        sample = handle.read(size)
        while sample.count(b"\n") < _FEW and len(sample) == size < _MOST:
            sample += handle.read(3 * size)
            size *= 4
        return sample, not handle.read(1)


class _Csv(Table):
    """Rows of a delimited text.

    First they come straight from `polars.scan_csv`. That stops at a row with too many fields, at a
    wrong quote and at bytes that are not UTF-8; it fills up rows with too few, which leaves their
    last field empty: if any last field was empty, pyarrow counts fields once over. When either finds
    something, the text is cleaned into a copy, which is then read in the same way.
    """

    def __init__(self, source: Source, path: Path) -> None:
        super().__init__()
        self._source = source
        self._original = path
        self._utf8 = False
        self._cleaned: Cleaned | None = None
        self._empty_last = False
        reason = binary_reason(_start(path)) if source.options.encoding is None else None
        if reason:
            raise DataError(
                f"{source.name} {reason}: it is no delimited text",
                hint="--as-objects keeps the bytes as they are",
            )
        self.delimiter = source.options.delimiter or ""
        self._path = self._readable(thorough=False)
        self.layout = self._sniffed()
        self.delimiter = self.delimiter if self._swapped else self.layout.dialect.delimiter
        start = _start(self._path)
        size = self._path.stat().st_size
        self.approx_rows = start.count(b"\n") * size // max(len(start), 1) or None
        self._bad = Malformed(
            source, "--delimiter, --quote, --skip-rows, --comment and --header say how the file is to be read"
        )
        dialect = self.layout.dialect
        if self.layout.ragged or dialect.escape or dialect.skip_space:
            self._clean()

    @property
    def _swapped(self) -> bool:
        """Whether the delimiter is more than a byte, which no parser takes: it is swapped for one."""
        return len(self.delimiter.encode()) > 1

    def _readable(self, *, thorough: bool) -> Path:
        path = plain_text(self._source, self._original, thorough=thorough)
        return swap(self._source, path, self.delimiter) if self._swapped else path

    def _sniffed(self) -> Layout:
        sample, whole = _lines_of(self._path)
        text = sample.decode("utf-8-sig", "replace")
        if not text.strip():
            if not whole:
                raise DataError(f"{self._source.name} starts with {len(sample) >> 10} KiB of blank lines")
            raise DataError(f"{self._source.name} is empty", hint="there is nothing to ingest")
        source = self._source
        if self._swapped:
            source = source.with_options(delimiter=_SWAP)
        layout = sniff(text, source, whole=whole)
        if not layout.names:
            raise DataError(f"{self._source.name} has no columns", hint="--columns names them")
        if len(layout.dialect.delimiter.encode()) > 1:  # found, not asked for
            self.delimiter = layout.dialect.delimiter
            self._path = swap(self._source, self._path, self.delimiter)
            return layout._replace(dialect=layout.dialect._replace(delimiter=_SWAP))
        return layout

    def rows(self) -> pl.LazyFrame:
        names, cleaned = self.layout.names, self._cleaned
        frame = scan(
            cleaned.path if cleaned else self._path,
            self.layout.dialect,
            names,
            skip_lines=0 if cleaned else self.layout.skip_lines,
            comment=None if cleaned else self._source.options.comment,
        )
        row = pl.col("_row").cast(pl.Int64)
        if cleaned:
            row = row.map_batches(cleaned.numbers, return_dtype=pl.Int64, is_elementwise=True)
        last = pl.col(names[-1])
        if not cleaned and len(names) > 1:
            self._empty_last = False
            last = last.map_batches(self._watch_last, return_dtype=pl.String, is_elementwise=True)
        frame = frame.select(*names[:-1], last, row)
        if self._swapped:
            frame = frame.with_columns(pl.col(names).str.replace_all(_SWAP, self.delimiter, literal=True))
        return frame

    def _watch_last(self, values: pl.Series) -> pl.Series:
        if (values.str.len_bytes() == 0).any():
            self._empty_last = True  # never a sum: several threads come here at once
        return values

    def again(self, error: Exception | None) -> bool:
        if self._cleaned:
            return False
        if error is None and (not self._empty_last or self._regular()):
            return False
        if error is not None and not self._utf8:
            self._utf8 = True
            if not valid_utf8(self._path):
                self._path = self._readable(thorough=True)
                return True
        self._clean()
        return True

    def _regular(self) -> bool:
        """Say whether all rows have all fields and no line is blank."""
        import pyarrow as pa
        import pyarrow.csv as pc

        names, dialect = self.layout.names, self.layout.dialect
        if self._source.options.comment:
            return False
        with self._path.open("rb") as handle:
            for _ in range(self.layout.skip_lines):
                handle.readline()
            counted = 0
            try:
                reader = pc.open_csv(
                    handle,
                    read_options=pc.ReadOptions(column_names=names, block_size=4 << 20),
                    parse_options=pc.ParseOptions(
                        delimiter=dialect.delimiter,
                        quote_char=dialect.quote or False,
                        newlines_in_values=True,
                    ),
                    convert_options=pc.ConvertOptions(
                        include_columns=names[:1], column_types={names[0]: pa.binary()}, check_utf8=False
                    ),
                )
                for batch in reader:
                    counted += batch.num_rows
            except pa.ArrowException:
                return False
        frame = scan(self._path, dialect, names, skip_lines=self.layout.skip_lines, comment=None)
        return bool(frame.select(pl.len()).collect(engine="streaming").item() == counted)

    def _clean(self) -> None:
        if not self._utf8 and not valid_utf8(self._path):
            self._path = self._readable(thorough=True)
        self._utf8 = True
        self._bad.clear()
        self._cleaned = clean(
            self._source, self._path, self.layout, self._bad, pad=self._source.options.ragged == "pad"
        )
        self._bad.check(self._cleaned.good + self._bad.count)

    def malformed(self) -> pl.LazyFrame | None:
        return self._bad.frame()


def scan(
    path: Path, dialect: Dialect, names: list[str], *, skip_lines: int, comment: str | None
) -> pl.LazyFrame:
    """Scan regular delimited text: ``_row`` (from 1) and the named columns, all text."""
    return pl.scan_csv(
        path,
        has_header=False,
        separator=dialect.delimiter,
        quote_char=dialect.quote or None,
        comment_prefix=comment,
        skip_lines=skip_lines,
        schema=dict.fromkeys(names, pl.String()),
        empty_string_is_null=False,
        extra_columns="raise",
        missing_columns="insert",
        raise_if_empty=False,
        row_index_name="_row",
        row_index_offset=1,
        glob=False,
    )


def swap(source: Source, path: Path, delimiter: str) -> Path:
    """Copy a text with a long delimiter, which is swapped for a control character."""
    target = source.scratch("swapped")
    old, new = delimiter.encode(), _SWAP.encode()
    with path.open("rb") as handle, target.open("wb") as out:
        for line in handle:
            if new in line:
                raise UsageError(
                    f"{source.name}: its text holds the control character U+001F and a long delimiter"
                )
            out.write(line.replace(old, new))
    return target
