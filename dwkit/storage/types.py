"""Contract types to Polars types and back; what a Delta table can hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from dwkit.model.types import ColumnType, parse_type
from dwkit.storage.cells import as_json

__all__ = ["common_type", "fitted", "for_delta", "from_polars", "schema_text", "to_polars", "unified"]

_SIMPLE: dict[str, pl.DataType] = {
    "string": pl.String(),
    "boolean": pl.Boolean(),
    "int8": pl.Int8(),
    "int16": pl.Int16(),
    "int32": pl.Int32(),
    "int64": pl.Int64(),
    "uint8": pl.UInt8(),
    "uint16": pl.UInt16(),
    "uint32": pl.UInt32(),
    "uint64": pl.UInt64(),
    "float32": pl.Float32(),
    "float64": pl.Float64(),
    "date": pl.Date(),
    "time": pl.Time(),
    "timestamp": pl.Datetime("us"),
    "timestamptz": pl.Datetime("us", "UTC"),
    "duration": pl.Duration("us"),
    "binary": pl.Binary(),
    "null": pl.Null(),
}
_NAMES: dict[type[pl.DataType], str] = {
    type(v): k for k, v in _SIMPLE.items() if not k.startswith("timestamp")
}


def to_polars(kind: ColumnType | str) -> pl.DataType:
    """Return the Polars type of a contract type.

    Raises:
        UsageError: the text is no type.
    """
    kind = parse_type(kind) if isinstance(kind, str) else kind
    if kind.name == "decimal":
        return pl.Decimal(kind.precision, kind.scale)
    if kind.element is not None:
        return pl.List(to_polars(kind.element))
    if kind.name == "struct":
        return pl.Struct([pl.Field(name, to_polars(field)) for name, field in kind.fields])
    return _SIMPLE[kind.name]


def from_polars(dtype: pl.DataType) -> ColumnType:
    """Return the contract type of a Polars type; types without one of their own become ``string``."""
    if isinstance(dtype, pl.Datetime):
        return ColumnType("timestamptz" if dtype.time_zone else "timestamp")
    if isinstance(dtype, pl.Decimal):
        return ColumnType("decimal", dtype.precision or 38, dtype.scale)
    if isinstance(dtype, (pl.List, pl.Array)):
        return ColumnType("list", element=from_polars(dtype.inner))  # type: ignore[arg-type]
    if isinstance(dtype, pl.Struct):
        return ColumnType("struct", fields=tuple((f.name, from_polars(f.dtype)) for f in dtype.fields))  # type: ignore[arg-type]
    return ColumnType(_NAMES.get(type(dtype), "string"))


def schema_text(schema: Mapping[str, pl.DataType]) -> dict[str, str]:
    """Return a schema as type texts by column."""
    return {name: str(from_polars(dtype)) for name, dtype in schema.items()}


def common_type(left: pl.DataType, right: pl.DataType) -> pl.DataType:
    """Return the narrowest type that holds the values of both, text in the last resort."""
    if left == right or isinstance(right, pl.Null):
        return left
    if isinstance(left, pl.Null):
        return right
    both = [pl.DataFrame(schema={"x": left}), pl.DataFrame(schema={"x": right})]
    try:
        return pl.concat(both, how="vertical_relaxed").schema["x"]
    except pl.exceptions.PolarsError:
        return pl.String()


def unified(schemas: Iterable[Mapping[str, pl.DataType]]) -> dict[str, pl.DataType]:
    """Return the columns of all schemas, in the order in which they appear, with their common types."""
    wanted: dict[str, pl.DataType] = {}
    for schema in schemas:
        for name, dtype in schema.items():
            wanted[name] = common_type(wanted[name], dtype) if name in wanted else dtype
    return wanted


def fitted(frame: pl.LazyFrame, wanted: Mapping[str, pl.DataType]) -> pl.LazyFrame:
    """Return the frame with exactly the columns of ``wanted``; those that it lacks are NULL."""
    have = frame.collect_schema()
    if list(have.items()) == list(wanted.items()):
        return frame
    return frame.select(
        _cast(name, have[name], dtype) if name in have else pl.lit(None, dtype=dtype).alias(name)
        for name, dtype in wanted.items()
    )


def _cast(name: str, have: pl.DataType, wanted: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if have == wanted:
        return column
    if wanted == pl.String() and have.is_nested():
        return pl.when(column.is_not_null()).then(as_json(column, have)).alias(name)
    return column.cast(wanted)


def for_delta(frame: pl.LazyFrame, schema: Mapping[str, pl.DataType]) -> pl.LazyFrame:
    """Cast the columns of types that Delta Lake lacks to the nearest type that keeps every value.

    Unsigned integers become the next wider signed ones (``uint64`` a decimal), times ISO text,
    durations microseconds, categories text, nulls text; timestamps have microseconds.
    """
    casts = [
        pl.col(name).cast(wanted) for name, dtype in schema.items() if (wanted := _delta_type(dtype)) != dtype
    ]
    return frame.with_columns(casts) if casts else frame


def _delta_type(dtype: pl.DataType) -> pl.DataType:
    if isinstance(dtype, pl.Datetime):
        return pl.Datetime("us", "UTC" if dtype.time_zone else None)
    if isinstance(dtype, (pl.List, pl.Array)):
        return pl.List(_delta_type(dtype.inner))  # type: ignore[arg-type]
    if isinstance(dtype, pl.Struct):
        return pl.Struct([pl.Field(f.name, _delta_type(f.dtype)) for f in dtype.fields])  # type: ignore[arg-type]
    if isinstance(dtype, pl.Duration):
        return pl.Int64()
    return {
        pl.UInt8: pl.Int16(), pl.UInt16: pl.Int32(), pl.UInt32: pl.Int64(), pl.UInt64: pl.Decimal(20, 0),
        pl.Int128: pl.Decimal(38, 0), pl.Time: pl.String(), pl.Categorical: pl.String(),
        pl.Enum: pl.String(), pl.Null: pl.String(),
    }.get(type(dtype), dtype)  # fmt: skip
