"""Parquet, Arrow and Avro: sources that know their types, which are kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from dwkit.errors import DataError, MissingExtraError
from dwkit.lake.sources.extract import Extract, Source, Stream, Table, unique_names

__all__ = ["read_arrow", "read_avro", "read_parquet", "typed"]

MAX_DIGITS = 38
"""Of a decimal, in Polars and in Delta tables."""


def read_parquet(source: Source, path: Path) -> Extract:
    """Read a Parquet file.

    Raises:
        DataError: it is none, or damaged.
    """
    with path.open("rb") as handle:
        start = handle.read(4)
        if start == b"PAR1":
            handle.seek(-4, 2)
        if start != b"PAR1" or handle.read(4) not in (b"PAR1", b"PARE"):
            raise _damaged(source, "Parquet", "its start or its end is missing")
    return Extract(source, "parquet", Table(typed(source, pl.scan_parquet(path, glob=False), "Parquet")))


def read_arrow(source: Source, path: Path) -> Extract:
    """Read an Arrow file (Feather, IPC) or an Arrow stream.

    Raises:
        DataError: it is none, or damaged.
    """
    import pyarrow as pa

    def batches() -> Iterator[Any]:
        with pa.OSFile(str(path)) as handle:
            if handle.read(6) == b"ARROW1":
                file = pa.ipc.open_file(handle)
                for number in range(file.num_record_batches):
                    yield file.get_batch(number)
            else:
                handle.seek(0)
                yield from pa.ipc.open_stream(handle)

    def frames() -> Iterator[pl.DataFrame]:
        try:
            for batch in batches():
                batch.validate(full=True)  # Polars takes its offsets on trust
                yield pl.DataFrame(batch.rename_columns(names))
        except (pa.ArrowException, OSError) as error:
            raise _damaged(source, "Arrow", str(error)) from None

    try:
        with pa.OSFile(str(path)) as handle:
            is_file = handle.read(6) == b"ARROW1"
            handle.seek(0)
            schema = (pa.ipc.open_file if is_file else pa.ipc.open_stream)(handle).schema
        names = unique_names(source, schema.names)
        known = pl.DataFrame(schema.empty_table().rename_columns(names)).schema
    except (pa.ArrowException, pl.exceptions.PolarsError, OSError) as error:
        raise _damaged(source, "Arrow", str(error)) from None
    table = Stream(known, frames, name="arrow", then=lambda rows: typed(source, rows, "Arrow"))
    return Extract(source, "arrow", table)


def read_avro(source: Source, path: Path) -> Extract:
    """Read an Avro file, a block at a time.

    Raises:
        DataError: it is none, or damaged.
        MissingExtraError: fastavro is not installed.
    """
    try:
        import fastavro
    except ImportError:
        raise MissingExtraError("reading Avro", "avro") from None

    # Of damaged bytes fastavro says what its inner parts say: any exception there is.
    try:
        with path.open("rb") as handle:
            written: Any = fastavro.block_reader(handle).writer_schema
    except Exception as error:
        raise _damaged(source, "Avro", str(error)) from None
    if not isinstance(written, dict) or written.get("type") != "record":
        raise DataError(f"{source.name}: its Avro records are no records but {written!r}")
    plan = _Avro(written)

    def frames() -> Iterator[pl.DataFrame]:
        held: list[Any] = []
        try:
            with path.open("rb") as handle:
                for block in fastavro.block_reader(handle):
                    held += [plan.fitted(record) for record in block]
                    if len(held) >= 10_000:
                        yield pl.DataFrame(held, schema=plan.schema, orient="row")
                        held = []
        except Exception as error:
            raise _damaged(source, "Avro", str(error)) from None
        if held:
            yield pl.DataFrame(held, schema=plan.schema, orient="row")

    table = Stream(plan.schema, frames, name="avro", then=lambda rows: typed(source, rows, "Avro"))
    return Extract(source, "avro", table)


def typed(source: Source, frame: pl.LazyFrame, what: str) -> pl.LazyFrame:
    """Number the rows, and give columns names and types that every later layer can hold."""
    try:
        schema = frame.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _damaged(source, what, str(error).split("\n", 1)[0]) from None
    names = unique_names(source, schema.names())
    if names != schema.names():
        frame = frame.rename(dict(zip(schema.names(), names, strict=True)))
    changed = {}
    for name, dtype in zip(names, schema.dtypes(), strict=True):
        if _widest(dtype) > MAX_DIGITS:
            raise DataError(
                f"{source.name}: column {name} is {dtype}: {MAX_DIGITS} digits at the most",
                hint=f"write it as decimal({MAX_DIGITS}, s) or as text; --as-objects keeps the file as it is",
            )
        wanted = _kept(dtype)
        if wanted != dtype:
            changed[name] = wanted
            if "time_unit='ns'" in str(dtype):  # all others keep what they say
                source.note(f"column {name}: nanoseconds are cut to microseconds")
    number = pl.col("_row").cast(pl.Int64)
    return frame.cast(changed).with_row_index("_row", 1).select(*names, number)  # type: ignore[arg-type]


def _kept(dtype: pl.DataType) -> pl.DataType:
    """Return the type that a type is kept as: itself, unless Delta and SQL have no such type."""
    match dtype:
        case pl.Struct() if dtype.fields:
            return pl.Struct({f.name: _kept(_made(f.dtype)) for f in dtype.fields})
        case pl.List():
            return pl.List(_kept(_made(dtype.inner)))
        case pl.Array():
            return pl.List(_kept(_made(dtype.inner)))
        case pl.Map():  # as Avro's maps, and as Parquet stores them
            pair = {"key": _kept(_made(dtype.key)), "value": _kept(_made(dtype.value))}
            return pl.List(pl.Struct(pair))
        case pl.Float16():
            return pl.Float32()
        case pl.Null() | pl.Categorical() | pl.Enum():
            return pl.String()
        case pl.Datetime():
            return pl.Datetime("us", dtype.time_zone)
        case pl.Duration():
            return pl.Duration("us")
        case pl.Int128():
            return pl.String()
    return dtype


def _widest(dtype: pl.DataType) -> int:
    """Return the digits of the widest decimal in a type; Polars panics over those it cannot write."""
    match dtype:
        case pl.Decimal():
            return dtype.precision
        case pl.Struct():
            return max((_widest(_made(f.dtype)) for f in dtype.fields), default=0)
        case pl.List() | pl.Array():
            return _widest(_made(dtype.inner))
        case pl.Map():
            return max(_widest(_made(dtype.key)), _widest(_made(dtype.value)))
    return 0


def _made(dtype: Any) -> pl.DataType:
    made: pl.DataType = dtype() if isinstance(dtype, type) else dtype
    return made


def _damaged(source: Source, what: str, reason: str) -> DataError:
    return DataError(
        f"{source.name} is no {what} file that can be read: {reason}",
        hint="get the file again, or --as names what it is; nothing of it was ingested",
    )


class _Avro:
    """How Avro's records become columns: unions of several types are JSON text, maps are lists of pairs."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self._named: dict[str, Any] = {}
        self._fields = [(f["name"], f["type"]) for f in schema["fields"]]
        self._remember(schema)
        self.schema = pl.Schema({name: self._dtype(kind) for name, kind in self._fields})

    def fitted(self, record: Any) -> tuple[Any, ...]:
        """Return the values of a record in the order of the columns."""
        return tuple(self._value(record.get(name), kind) for name, kind in self._fields)

    def _remember(self, kind: Any) -> None:
        if isinstance(kind, list):
            for inner in kind:
                self._remember(inner)
        elif isinstance(kind, dict):
            if "name" in kind and kind.get("type") in ("record", "enum", "fixed"):
                self._named[kind["name"]] = kind
                self._named[kind["name"].rsplit(".", 1)[-1]] = kind
            for inner in [f["type"] for f in kind.get("fields", ())] + [
                kind.get("items"),
                kind.get("values"),
            ]:
                self._remember(inner)

    def _plain(self, kind: Any) -> tuple[Any, bool]:
        """Return a type without its null, and whether what is left is a choice of several."""
        while True:
            if isinstance(kind, list):
                left = [k for k in kind if k != "null"]
                if len(left) != 1:
                    return left, True
                kind = left[0]
            elif isinstance(kind, str) and kind in self._named:
                kind = self._named[kind]
            elif isinstance(kind, dict) and isinstance(kind.get("type"), (dict, list)):
                kind = kind["type"]
            else:
                return kind, False

    def _dtype(self, kind: Any, depth: int = 0) -> pl.DataType:
        kind, several = self._plain(kind)
        if several or depth > 20:
            return pl.String()
        word = kind["type"] if isinstance(kind, dict) else kind
        logical = kind.get("logicalType") if isinstance(kind, dict) else None
        match logical, word:
            case "decimal", "bytes" | "fixed":
                return pl.Decimal(min(kind.get("precision", 38), 38), kind.get("scale", 0))
            case "date", "int":
                return pl.Date()
            case "time-millis" | "time-micros", _:
                return pl.Time()
            case "timestamp-millis" | "timestamp-micros", "long":
                return pl.Datetime("us", "UTC")
            case "local-timestamp-millis" | "local-timestamp-micros", "long":
                return pl.Datetime("us")
        match word:
            case "record":
                fields = {f["name"]: self._dtype(f["type"], depth + 1) for f in kind["fields"]}
                return pl.Struct(fields) if fields else pl.String()
            case "array":
                return pl.List(self._dtype(kind["items"], depth + 1))
            case "map":
                return pl.List(
                    pl.Struct({"key": pl.String(), "value": self._dtype(kind["values"], depth + 1)})
                )
        plain: dict[str, pl.DataType] = {
            "boolean": pl.Boolean(),
            "int": pl.Int32(),
            "long": pl.Int64(),
            "float": pl.Float32(),
            "double": pl.Float64(),
            "bytes": pl.Binary(),
            "fixed": pl.Binary(),
        }
        return plain.get(word, pl.String())

    def _value(self, value: Any, kind: Any, depth: int = 0) -> Any:
        if value is None:
            return None
        kind, several = self._plain(kind)
        if several or depth > 20:
            return value if isinstance(value, str) else _json(value)
        word = kind["type"] if isinstance(kind, dict) else kind
        if word == "record":
            if not kind["fields"]:
                return "{}"
            return {
                f["name"]: self._value(value.get(f["name"]), f["type"], depth + 1) for f in kind["fields"]
            }
        if word == "array":
            return [self._value(v, kind["items"], depth + 1) for v in value]
        if word == "map":
            return [{"key": k, "value": self._value(v, kind["values"], depth + 1)} for k, v in value.items()]
        if word in ("string", "enum"):
            return str(value)
        return value


def _json(value: Any) -> str:
    import msgspec

    return msgspec.json.encode(value).decode()
