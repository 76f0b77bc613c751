"""SQL's types as Polars types: their names in each dialect, which are alike, what two of them become together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import polars as pl
from sqlglot import exp

__all__ = [
    "from_sql",
    "is_date",
    "is_decimal",
    "is_float",
    "is_integer",
    "is_list",
    "is_map",
    "is_number",
    "is_temporal",
    "is_text",
    "is_timestamp",
    "scale_of",
    "shown",
    "unified",
    "whole_digits",
]

_T = exp.DataType.Type

_PLAIN: dict[Any, pl.DataType] = {
    _T.TINYINT: pl.Int8(), _T.SMALLINT: pl.Int16(), _T.MEDIUMINT: pl.Int32(), _T.INT: pl.Int32(),
    _T.BIGINT: pl.Int64(), _T.INT128: pl.Int128(), _T.UTINYINT: pl.UInt8(), _T.USMALLINT: pl.UInt16(),
    _T.UMEDIUMINT: pl.UInt32(), _T.UINT: pl.UInt32(), _T.UBIGINT: pl.UInt64(), _T.BIT: pl.Boolean(),
    _T.SERIAL: pl.Int32(), _T.BIGSERIAL: pl.Int64(), _T.SMALLSERIAL: pl.Int16(), _T.YEAR: pl.Int32(),
    _T.FLOAT: pl.Float32(), _T.DOUBLE: pl.Float64(), _T.UDOUBLE: pl.Float64(), _T.BOOLEAN: pl.Boolean(),
    _T.CHAR: pl.String(), _T.NCHAR: pl.String(), _T.VARCHAR: pl.String(), _T.NVARCHAR: pl.String(),
    _T.BPCHAR: pl.String(), _T.TEXT: pl.String(), _T.TINYTEXT: pl.String(), _T.MEDIUMTEXT: pl.String(),
    _T.LONGTEXT: pl.String(), _T.NAME: pl.String(), _T.UUID: pl.String(),
    _T.ENUM: pl.String(), _T.JSON: pl.String(), _T.JSONB: pl.String(), _T.VARIANT: pl.String(),
    _T.OBJECT: pl.String(), _T.SUPER: pl.String(), _T.BINARY: pl.Binary(), _T.VARBINARY: pl.Binary(),
    _T.BLOB: pl.Binary(), _T.DATE: pl.Date(), _T.DATE32: pl.Date(), _T.TIME: pl.Time(),
    _T.DATETIME: pl.Datetime("us"), _T.DATETIME2: pl.Datetime("us"), _T.SMALLDATETIME: pl.Datetime("us"),
    _T.TIMESTAMP: pl.Datetime("us"), _T.TIMESTAMPNTZ: pl.Datetime("us"), _T.TIMESTAMP_S: pl.Datetime("us"),
    _T.TIMESTAMP_MS: pl.Datetime("ms"), _T.TIMESTAMP_NS: pl.Datetime("ns"),
    _T.TIMESTAMPTZ: pl.Datetime("us", "UTC"), _T.TIMESTAMPLTZ: pl.Datetime("us", "UTC"),
    _T.INTERVAL: pl.Duration("us"), _T.NULL: pl.Null(), _T.MONEY: pl.Decimal(19, 4),
    _T.SMALLMONEY: pl.Decimal(10, 4), _T.BIGDECIMAL: pl.Decimal(38, 20),
}  # fmt: skip

_DEFAULT_DECIMAL = {
    "duckdb": (18, 3), "bigquery": (38, 9), "spark": (10, 0), "databricks": (10, 0), "mysql": (10, 0),
    "tsql": (18, 0), "redshift": (18, 0), "snowflake": (38, 0), "trino": (38, 0),
}  # fmt: skip
"""Precision and scale of a DECIMAL without any, from the manuals; elsewhere it holds what it is given."""
_UNBOUNDED_DECIMAL = (38, 10)

_LONG_INT = frozenset({"bigquery", "snowflake", "sqlite"})
"""INT is of 64 bits (or of 38 digits) there."""
_DOUBLE_FLOAT = frozenset({"bigquery", "snowflake", "sqlite", "postgres", "redshift", "tsql", "oracle"})
"""FLOAT without digits is of double precision there; REAL is another name."""

_BIT_STRINGS = frozenset({"duckdb", "postgres"})
"""BIT is a string of bits there, elsewhere a Boolean."""


def from_sql(kind: exp.DataType, dialect: str) -> pl.DataType | None:
    """Return the Polars type of a SQL type, None for one that there is not."""
    this = kind.this
    inner = [e for e in kind.expressions if isinstance(e, (exp.DataType, exp.ColumnDef))]
    if this in (_T.ARRAY, _T.LIST) and inner:
        element = from_sql(inner[0], dialect) if isinstance(inner[0], exp.DataType) else None
        return pl.List(element) if element is not None else None
    if this == _T.STRUCT:
        return _struct(kind, dialect)
    if this == _T.MAP and len(inner) == 2:
        pair = [from_sql(e, dialect) if isinstance(e, exp.DataType) else None for e in inner]
        fields = {n: t for n, t in zip(("key", "value"), pair, strict=True) if t is not None}
        return pl.List(pl.Struct(fields)) if len(fields) == 2 else None
    if this in (_T.DECIMAL, _T.DECIMAL32, _T.DECIMAL64, _T.DECIMAL128):
        digits = [int(e.name) for e in kind.expressions if e.name.lstrip("-").isdigit()]
        if dialect == "sqlite":
            return pl.Float64()
        if not digits:
            return pl.Decimal(*_DEFAULT_DECIMAL.get(dialect, _UNBOUNDED_DECIMAL))
        scale = digits[1] if len(digits) > 1 else 0
        if dialect == "datafusion" and 38 < digits[0] <= 76 and scale <= 38:
            return pl.Decimal(38, scale)  # values that need more digits are errors
        return pl.Decimal(digits[0], scale) if 1 <= digits[0] <= 38 else None
    if this == _T.BIT and dialect in _BIT_STRINGS:
        return None
    if this == _T.INT and dialect in _LONG_INT:
        return pl.Int64()
    if this == _T.FLOAT and dialect in _DOUBLE_FLOAT:
        return pl.Float64()
    if this == _T.DATE and dialect == "oracle":
        return pl.Datetime("us")  # Oracle's DATE has a time of day
    if this == _T.TIMESTAMPTZ and dialect in ("mysql", "datafusion"):
        return pl.Datetime(
            "us"
        )  # without a zone: MySQL shows the session's clock, DataFusion's session has no zone
    return _PLAIN.get(this)


def _struct(kind: exp.DataType, dialect: str) -> pl.DataType | None:
    fields: dict[str, pl.DataType] = {}
    for number, one in enumerate(kind.expressions):
        named = isinstance(one, exp.ColumnDef)
        inner = from_sql(one.args["kind"] if named else one, dialect)
        if inner is None:
            return None
        fields[one.name if named else f"{'c' if dialect == 'datafusion' else 'f'}{number}"] = inner
    return pl.Struct(fields)


def is_integer(dtype: pl.DataType) -> bool:
    """Whether it is an integer of any size."""
    return dtype.is_integer()


def is_float(dtype: pl.DataType) -> bool:
    """Whether it is a binary float."""
    return dtype.is_float()


def is_decimal(dtype: pl.DataType) -> bool:
    """Whether it is an exact decimal."""
    return isinstance(dtype, pl.Decimal)


def is_number(dtype: pl.DataType) -> bool:
    """Whether one can calculate with it."""
    return dtype.is_numeric()


def is_text(dtype: pl.DataType) -> bool:
    """Whether it is text, enumerated or not."""
    return isinstance(dtype, (pl.String, pl.Categorical, pl.Enum))


def is_date(dtype: pl.DataType) -> bool:
    """Whether it is a date without a time of day."""
    return isinstance(dtype, pl.Date)


def is_timestamp(dtype: pl.DataType) -> bool:
    """Whether it is a date with a time of day, with or without a time zone."""
    return isinstance(dtype, pl.Datetime)


def is_temporal(dtype: pl.DataType) -> bool:
    """Whether it is a date, a time or a timestamp."""
    return isinstance(dtype, (pl.Date, pl.Datetime, pl.Time))


def is_list(dtype: pl.DataType) -> bool:
    """Whether it is a list of any or a fixed length."""
    return isinstance(dtype, (pl.List, pl.Array))


def scale_of(dtype: pl.DataType) -> int:
    """Return the digits after the point of an exact number."""
    return dtype.scale if isinstance(dtype, pl.Decimal) else 0


_INTEGER_DIGITS = {1: 3, 2: 5, 4: 10, 8: 19, 16: 38}


def whole_digits(dtype: pl.DataType) -> int:
    """Return how many digits before the point an exact number can have."""
    if isinstance(dtype, pl.Decimal):
        return (dtype.precision or 38) - dtype.scale
    return _INTEGER_DIGITS.get(_bytes(dtype), 38)


def _bytes(dtype: pl.DataType) -> int:
    sizes: dict[type, int] = {pl.Int8: 1, pl.UInt8: 1, pl.Int16: 2, pl.UInt16: 2, pl.Int32: 4, pl.UInt32: 4,
                              pl.Int64: 8, pl.UInt64: 8, pl.Int128: 16, pl.UInt128: 16}  # fmt: skip
    return sizes.get(type(dtype), 16)


def _signed(dtype: pl.DataType) -> bool:
    return not isinstance(dtype, (pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64, pl.UInt128))


_SIGNED: tuple[tuple[int, pl.DataType], ...] = (
    (1, pl.Int8()), (2, pl.Int16()), (4, pl.Int32()), (8, pl.Int64()), (16, pl.Int128()),
)  # fmt: skip


def _integer(a: pl.DataType, b: pl.DataType) -> pl.DataType:
    if _signed(a) == _signed(b):
        return a if _bytes(a) >= _bytes(b) else b
    unsigned, signed = (a, b) if _signed(b) else (b, a)
    needed = max(_bytes(signed), 2 * _bytes(unsigned))
    return next((t for size, t in _SIGNED if size >= needed), pl.Int128())


def unified(dtypes: Iterable[pl.DataType], dialect: str = "", *, mixed: str = "") -> pl.DataType | None:
    """Return the type that values of several types have together, as in CASE or UNION; None where none is.

    Args:
        dialect: DataFusion has further types together.
        mixed: what text and numbers become, also in lists and structs: ``text``, ``number``, nothing.
    """
    found: pl.DataType = pl.Null()
    for dtype in dtypes:
        both = _both(found, dtype, dialect, mixed)
        if both is None:
            return None
        found = both
    return found


def _both(a: pl.DataType, b: pl.DataType, dialect: str, mixed: str) -> pl.DataType | None:
    if a == b or isinstance(b, pl.Null):
        return a
    if isinstance(a, pl.Null):
        return b
    if is_number(a) and is_number(b):
        return _number(a, b, dialect)
    if is_text(a) and is_text(b):
        return pl.String()
    if mixed and ((is_text(a) and is_number(b)) or (is_number(a) and is_text(b))):
        return pl.String() if mixed == "text" else b if is_text(a) else a
    if isinstance(a, (pl.Date, pl.Datetime)) and isinstance(b, (pl.Date, pl.Datetime)):
        return _timestamp(a, b)
    if is_list(a) and is_list(b):
        inner = _both(a.inner, b.inner, dialect, mixed)  # type: ignore[attr-defined]
        return pl.List(inner) if inner is not None else None
    if isinstance(a, pl.Struct) and isinstance(b, pl.Struct):
        return _structs(a, b, dialect, mixed)
    if isinstance(a, pl.Duration) and isinstance(b, pl.Duration):
        return pl.Duration("us")
    if (isinstance(a, pl.Binary) and is_text(b)) or (is_text(a) and isinstance(b, pl.Binary)):
        return pl.Binary()
    return None


def _number(a: pl.DataType, b: pl.DataType, dialect: str) -> pl.DataType:
    if is_float(a) or is_float(b):
        if dialect == "datafusion" and not any(isinstance(t, (pl.Float64, pl.Decimal)) for t in (a, b)):
            return pl.Float32()
        small = all(isinstance(t, pl.Float32) or (is_integer(t) and _bytes(t) <= 2) for t in (a, b))
        return pl.Float32() if small else pl.Float64()
    if is_integer(a) and is_integer(b):
        return _integer(a, b)
    scale = max(scale_of(a), scale_of(b))
    return pl.Decimal(min(38, scale + max(whole_digits(a), whole_digits(b))), scale)


def _timestamp(a: pl.DataType, b: pl.DataType) -> pl.DataType:
    stamps = [t for t in (a, b) if isinstance(t, pl.Datetime)]
    order = ("ms", "us", "ns")
    unit = max((t.time_unit for t in stamps), key=order.index)
    zone = next((t.time_zone for t in stamps if t.time_zone), None)
    return pl.Datetime(unit, zone)


def _structs(a: pl.Struct, b: pl.Struct, dialect: str, mixed: str) -> pl.DataType | None:
    names, others = [f.name for f in a.fields], [f.name for f in b.fields]
    if names != others and not (dialect == "datafusion" and sorted(names) == sorted(others)):
        return None
    fields: dict[str, pl.DataType] = {}
    for other in b.fields:
        one = a.fields[names.index(other.name)]
        inner = _both(one.dtype, other.dtype, dialect, mixed)  # type: ignore[arg-type]
        if inner is None:
            return None
        fields[one.name] = inner
    return pl.Struct(fields)


_SHOWN: dict[type, str] = {
    pl.Int8: "TINYINT", pl.Int16: "SMALLINT", pl.Int32: "INTEGER", pl.Int64: "BIGINT", pl.Int128: "HUGEINT",
    pl.UInt8: "UTINYINT", pl.UInt16: "USMALLINT", pl.UInt32: "UINTEGER", pl.UInt64: "UBIGINT",
    pl.Float32: "FLOAT", pl.Float64: "DOUBLE", pl.String: "VARCHAR", pl.Categorical: "VARCHAR",
    pl.Enum: "VARCHAR", pl.Boolean: "BOOLEAN", pl.Date: "DATE", pl.Time: "TIME", pl.Binary: "BLOB",
    pl.Duration: "INTERVAL", pl.Null: "NULL",
}  # fmt: skip


def is_map(dtype: pl.DataType) -> bool:
    """Whether it is a map: a list of its entries, as structs of ``key`` and ``value``."""
    if not isinstance(dtype, pl.List) or not isinstance(dtype.inner, pl.Struct):
        return False
    return [f.name for f in dtype.inner.fields] == ["key", "value"]


def shown(dtype: pl.DataType) -> str:
    """Return what SQL calls a type."""
    if isinstance(dtype, pl.Decimal):
        return f"DECIMAL({dtype.precision or 38},{dtype.scale})"
    if isinstance(dtype, pl.Datetime):
        return "TIMESTAMP WITH TIME ZONE" if dtype.time_zone else "TIMESTAMP"
    if isinstance(dtype, (pl.List, pl.Array)):
        return f"{shown(dtype.inner)}[]"  # type: ignore[arg-type]
    if isinstance(dtype, pl.Struct):
        return f"STRUCT({', '.join(f'{f.name} {shown(f.dtype)}' for f in dtype.fields)})"  # type: ignore[arg-type]
    return _SHOWN.get(type(dtype), str(dtype))
