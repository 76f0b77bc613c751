"""JSON: documents and lines of records; nesting is kept, types are learnt from all records."""

from __future__ import annotations

import gc
import io
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any, NamedTuple

import msgspec
import polars as pl

from dwkit.errors import DataError
from dwkit.lake.sources.detect import json_kind, plain_name
from dwkit.lake.sources.extract import Extract, Malformed, Source, Stream, unique_names
from dwkit.lake.sources.json_split import split
from dwkit.lake.sources.json_types import Shape, fitted
from dwkit.lake.sources.text import SAMPLE, binary_reason, blocks, plain_text
from dwkit.model.source import FORMATS

__all__ = ["read_json", "read_records"]

BLOCK = 8 << 20
MAX_COLUMNS = 5000

_RELEARN = 40  # a checker is made anew for each of the first misfits of a block, then once at its end


def read_json(source: Source, path: Path) -> Extract:
    """Read a JSON document or one JSON value on each line.

    Args:
        path: the unpacked bytes.

    Raises:
        DataError: the file is empty, binary or no JSON, or its records cannot be found.
    """
    reason = binary_reason(_start(path)) if source.options.encoding is None else None
    if reason:
        raise DataError(
            f"{source.name} {reason}: it is no JSON",
            hint="--as-objects keeps the bytes as they are",
        )
    text = plain_text(source, path, thorough=True)
    sample = _start(text).decode("utf-8-sig", "replace").strip()
    if not sample:
        raise DataError(f"{source.name} is empty", hint="there is nothing to ingest")
    options = source.options
    if options.records is None and _by_line(source, sample):
        return read_records(source, text, "ndjson")
    found = split(text, source.name, options.records, source.scratch)
    if options.records is not None:  # another choice is another table of the same bytes
        source = source.part(options.records)
    source = source.with_options(records=found.records or None)
    return read_records(source, found.path, "json", lines=False)


def read_records(source: Source, path: Path, kind: str, *, lines: bool = True, wrong: str = "") -> Extract:
    """Read one JSON value on each line.

    Records that are no objects become a column ``value``, if most are such; else they are malformed.

    Args:
        kind: the format that the records came from.
        lines: whether lines of ``path`` are lines of the source, to be named in errors.
        wrong: what is wrong with a line that is no JSON, instead of the parser's words.
    """
    learnt = _Learnt(source, path, lines=lines, wrong=wrong)
    return Extract(source, kind, _Json(source, path, learnt), approx_rows=learnt.good)


def _by_line(source: Source, sample: str) -> bool:
    """Whether each line is a record: by the option, by the file's name, or because they look so."""
    if source.options.format in ("ndjson", "jsonl"):
        return True
    kind = json_kind(sample)
    ending = PurePath(plain_name(source.stem)).suffix.lower().lstrip(".")
    if ending in FORMATS["ndjson"].extensions:
        return kind != "json" or json_kind(sample.split("\n", 1)[0]) == "line"
    return kind in ("ndjson", None)


def _start(path: Path) -> bytes:
    with path.open("rb") as handle:
        return handle.read(SAMPLE)


class _Block(NamedTuple):
    """What the first reading found in a block: its records, and which of them are none (from 0)."""

    records: int
    bad: tuple[int, ...]


class _Learnt:
    """The first reading: the shape of all records, and the records that are none."""

    def __init__(self, source: Source, path: Path, *, lines: bool, wrong: str) -> None:
        self._lines = lines
        self._unparsed = wrong
        self._line = self._record = 0
        self.bad = Malformed(source, "--as names what it is; --encoding how it is written")
        self.shape = Shape()
        self.blocks: list[_Block] = []
        self.wrapped: bool | None = None
        self.dense = True  # no blank lines
        for data in blocks(path, BLOCK):
            if self.wrapped is None and data.strip():
                self.wrapped = _wrapped(data)
            self.blocks.append(self._block(data))
        self.good = sum(b.records - len(b.bad) for b in self.blocks)
        self.bad.check(self._record)
        fields = self.shape.fields
        if not self.good or not fields:
            raise DataError(
                f"{source.name} holds no records", hint="--records PATH names the array that does"
            )
        if len(fields) > MAX_COLUMNS:
            raise DataError(
                f"{source.name}: its records have {len(fields)} different fields, {MAX_COLUMNS} at the most",
                hint="--records PATH names another array",
            )
        for place, shape in self.shape.places():
            if len(shape.kinds) > 1:
                source.note(f"{place} mixes {', '.join(shape.kinds)}: kept as text")
            elif shape.opaque:
                source.note(f"{place} has ever new keys: kept as JSON text")
            else:
                source.note(f"{place} has numbers that no numeric type keeps exactly: kept as text")

    def _block(self, data: bytes) -> _Block:
        if not self.wrapped and self.shape.fields is not None:
            count = _checked(self._decoder(), data)
            if count is not None:
                self._record += count
                self._line += data.count(b"\n")
                return _Block(count, ())
        return self._slowly(data)

    def _slowly(self, data: bytes) -> _Block:
        bad: list[int] = []
        missed = count = 0
        decoder = self._decoder()
        plain = msgspec.json.Decoder()
        for line in _lines(data):
            self._line += 1
            if not line.strip():
                self.dense = False
                continue
            self._record += 1
            count += 1
            if missed <= _RELEARN and not self.wrapped:
                try:
                    decoder.decode(line)
                    continue
                except (msgspec.DecodeError, RecursionError):
                    pass
            try:
                value = plain.decode(line)
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
                reason = (
                    "nested too deeply"
                    if isinstance(error, RecursionError)
                    else f"not JSON: {str(error).removeprefix('JSON is malformed: ')}"
                )
                self._wrong(bad, count, line, reason)
                continue
            if self.wrapped:
                self.shape.learn({"value": value})
            elif isinstance(value, dict):
                self.shape.learn(value)
                missed += 1
                if missed <= _RELEARN:
                    decoder = self._decoder()
            else:
                self._wrong(bad, count, line, f"{_word(value)}, an object expected")
        return _Block(count, tuple(bad))

    def _wrong(self, bad: list[int], count: int, line: bytes, reason: str) -> None:
        bad.append(count - 1)
        self.bad.add(
            self._record,
            self._line if self._lines else None,
            line.rstrip(b"\r").decode("utf-8", "replace"),
            self._unparsed or reason,
        )

    def _decoder(self) -> Any:
        return msgspec.json.Decoder(self.shape.record())


def _checked(decoder: Any, data: bytes) -> int | None:
    """Return how many records a block has if all fit and each has a line, else None."""
    # The collector would go through the records again and again, and none of them refers to another.
    collecting = gc.isenabled()
    gc.disable()
    try:
        count = len(decoder.decode_lines(data))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    else:
        return count if count == data.count(b"\n") + (not data.endswith(b"\n")) else None
    finally:
        if collecting:
            gc.enable()


def _lines(data: bytes) -> list[bytes]:
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return lines


def _wrapped(data: bytes) -> bool:
    """Whether most of the first records are no objects."""
    first = [line.lstrip()[:1] for line in _lines(data)[:1000] if line.strip()]
    return 2 * first.count(b"{") < len(first) and any(c in b'[-0123456789"tfn' for c in first)


def _word(value: object) -> str:
    if value is None:
        return "null"
    words = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "an array"}
    return words.get(type(value), "another value")


class _Json(Stream):
    """The second reading, by Polars, with the types that were learnt.

    A file of nothing but records is scanned as it is; else it is read block by block: if something in
    it is kept as text, which Polars would write anew, or if Polars stumbles over a record.
    """

    def __init__(self, source: Source, path: Path, learnt: _Learnt) -> None:
        self._path = path
        self._name = source.name
        self._learnt = learnt
        fields = learnt.shape.fields or {}
        self._schema = {name: shape.dtype() for name, shape in fields.items()}
        names = unique_names(source, list(fields))
        self._names = dict(zip(fields, names, strict=True))
        schema = pl.Schema({self._names[n]: t for n, t in self._schema.items()} | {"_row": pl.Int64()})
        super().__init__(schema, self._frames, name="json", malformed=learnt.bad)
        self._plan = learnt.shape.plan()
        regular = learnt.dense and not learnt.bad.count and not learnt.wrapped
        self._plain = regular and self._plan is None and names == list(fields)

    def rows(self) -> pl.LazyFrame:
        if not self._plain:
            return super().rows()
        frame = pl.scan_ndjson(self._path, schema=self._schema, row_index_name="_row", row_index_offset=1)
        return frame.select(*self._schema, pl.col("_row").cast(pl.Int64))

    def again(self, error: Exception | None) -> bool:
        plain, self._plain = self._plain, False
        return plain and error is not None

    def _frames(self) -> Iterator[pl.DataFrame]:
        record = 0
        for data, block in zip(blocks(self._path, BLOCK), self._learnt.blocks, strict=True):
            rows = pl.int_range(record + 1, record + block.records + 1, dtype=pl.Int64, eager=True)
            record += block.records
            good = data
            if block.bad:
                lines = [line for line in _lines(data) if line.strip()]
                none = set(block.bad)
                good = b"\n".join(line for place, line in enumerate(lines) if place not in none)
                rows = rows.filter(~pl.Series(range(block.records)).is_in(block.bad))
            if not len(rows):
                continue
            frame = self._frame(good)
            if frame.height != len(rows):
                raise DataError(
                    f"{self._name}: {len(rows)} records near record {record} gave {frame.height} rows"
                )
            yield frame.rename(self._names).with_columns(rows.alias("_row"))

    def _frame(self, data: bytes) -> pl.DataFrame:
        try:
            lines = [line for line in _lines(data) if line.strip()]
            if self._learnt.wrapped:
                lines = [b'{"value":' + line + b"}" for line in lines]
            if self._plan is not None:
                lines = [msgspec.json.encode(fitted(msgspec.Raw(line.strip()), self._plan)) for line in lines]
            try:
                return pl.read_ndjson(io.BytesIO(b"\n".join(lines)), schema=self._schema)
            except pl.exceptions.PolarsError:  # a number of forty digits, for instance
                lines = [msgspec.json.encode(msgspec.json.decode(line)) for line in lines]
                return pl.read_ndjson(io.BytesIO(b"\n".join(lines)), schema=self._schema)
        except (pl.exceptions.PolarsError, msgspec.MsgspecError) as error:
            raise DataError(
                f"{self._name} cannot be read: {error}", hint="--as-objects keeps its bytes"
            ) from None
