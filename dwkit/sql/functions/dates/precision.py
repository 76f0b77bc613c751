"""Digits after the seconds that a type of time keeps: TIMESTAMP(3), DATETIME, TIMESTAMP_S."""

from __future__ import annotations

from datetime import datetime

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Call
from dwkit.sql.value import Value

__all__ = ["cut_off", "number_unit", "with_precision"]

_T = exp.DataType.Type
_DEFAULT = {"trino": 3, "mysql": 0}
"""Digits of a type without any, from the manuals; elsewhere there are six."""


def _digits(kind: exp.DataType, dialect: str) -> int:
    if kind.this == _T.TIMESTAMP_S:
        return 0
    if kind.this == _T.TIMESTAMP_MS:
        return 3
    given = kind.expressions[0].name if kind.expressions else ""
    if not given.isdigit():
        return _DEFAULT.get(dialect, 6)
    digits = int(given)
    # DuckDB has timestamps of seconds, milliseconds and microseconds only.
    return digits if dialect != "duckdb" else 0 if digits == 0 else 3 if digits <= 3 else 6


_CUT = frozenset({"snowflake", "datafusion"})
"""Further digits are cut off there."""


def with_precision(call: Call, value: Value, kind: exp.DataType) -> Value:
    """Return a time or timestamp with the digits of a type, rounded half up, or cut off."""
    dtype = value.dtype
    if not isinstance(dtype, (pl.Datetime, pl.Time)) or value.is_null:
        return value
    if kind.this == _T.DATETIME and call.dialect == "tsql":
        # SQL Server's DATETIME counts in three hundredths of a second, shown as .000, .003 and .007.
        micros = value.expr.dt.epoch("us")
        ticks = (micros % 1_000_000 * 3 + 5000) // 10_000
        millis = (ticks * 10 + 1) // 3
        made = (micros // 1_000_000 * 1_000_000 + millis * 1000).cast(pl.Datetime("us"))
        whole = isinstance(value.constant, datetime) and value.constant.microsecond == 0
        return value if whole else value.as_(made, dtype)
    digits = _digits(kind, call.dialect)
    if digits >= 6 or (isinstance(value.constant, datetime) and value.constant.microsecond == 0):
        return value
    unit = 10 ** (6 - digits)
    if call.dialect == "datafusion" and isinstance(dtype, pl.Datetime):
        return value.as_(cut_off(value.expr, dtype, unit), dtype)
    half = 0 if call.dialect in _CUT else unit // 2
    if isinstance(dtype, pl.Time):
        nanos = (value.expr.cast(pl.Int64) + half * 1000) // (unit * 1000) * (unit * 1000)
        return value.as_((nanos % 86_400_000_000_000).cast(pl.Time), dtype)
    cut = ((value.expr.dt.epoch("us") + half) // unit * unit).cast(pl.Datetime("us"))
    zoned = cut.dt.replace_time_zone(dtype.time_zone) if dtype.time_zone else cut
    return value.as_(zoned.dt.cast_time_unit(dtype.time_unit), dtype)


def cut_off(expr: pl.Expr, dtype: pl.Datetime, unit: int) -> pl.Expr:
    """Return a timestamp in whole units of so many microseconds, cut off towards 1970."""
    micros = expr.dt.epoch("us")
    made = (micros.sign() * (micros.abs() // unit) * unit).cast(pl.Datetime("us"))
    return made.dt.replace_time_zone("UTC").dt.convert_time_zone(dtype.time_zone) if dtype.time_zone else made


def number_unit(kind: exp.DataType) -> int:
    """Return how many of what a number counts in are a second where DataFusion makes a timestamp of it."""
    given = kind.expressions[0].name if kind.expressions else ""
    return 10 ** int(given) if given in ("0", "3", "6") else 1_000_000_000
