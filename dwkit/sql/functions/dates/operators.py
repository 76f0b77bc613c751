"""``+`` and ``-`` where dates, times, timestamps and intervals meet."""

from __future__ import annotations

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.arrow_typeof import type_of
from dwkit.sql.functions.call import Call
from dwkit.sql.functions.dates.units import days_from, moment_of
from dwkit.sql.functions.interval import add_interval, interval_value, summed
from dwkit.sql.types import is_date, is_integer, is_number, is_temporal, is_text, is_timestamp, unified
from dwkit.sql.value import Interval, Value

__all__ = ["apart", "moved_by"]


def moved_by(call: Call, moment: Value, by: Value, sign: int) -> Value | None:
    """A date or a timestamp and an interval, a date and a number of days, two intervals."""
    if moment.interval is not None and by.interval is not None:
        return summed(call, moment.interval, by.interval, sign)
    if moment.is_null and by.interval is not None:
        return call.cast(moment, pl.Datetime("us"))
    if by.is_null and (is_temporal(moment.dtype) or moment.interval is not None):
        return call.cast(by, moment.dtype)
    if by.interval is not None and is_text(moment.dtype):
        moment = moment_of(call, moment, zoned=True)
    if call.dialect == "datafusion" and isinstance(moment.dtype, pl.Time):
        # A time is an interval since midnight there.
        since = Interval(micros=moment.expr.cast(pl.Int64) // 1000)
        if isinstance(by.dtype, pl.Time):
            return summed(call, since, Interval(micros=by.expr.cast(pl.Int64) // 1000), sign)
        if by.interval is not None:
            return summed(call, since, by.interval, sign)
    if by.interval is not None and (
        is_date(moment.dtype) or is_timestamp(moment.dtype) or isinstance(moment.dtype, pl.Time)
    ):
        return add_interval(call, moment, by.interval, sign)
    forth = sign > 0 or call.dialect == "datafusion"
    if forth and isinstance(by.dtype, pl.Time) and (is_date(moment.dtype) or is_timestamp(moment.dtype)):
        stamp = call.cast(moment, pl.Datetime("us")) if is_date(moment.dtype) else moment
        clock = by.expr.cast(pl.Int64) // 1000 * sign
        return call.value(stamp.expr + pl.duration(microseconds=clock), stamp.dtype)
    if is_date(moment.dtype) and is_number(by.dtype):
        days = call.cast(by, pl.Int64()).expr
        return call.value((days_from(moment.expr) + days * sign).cast(pl.Int32).cast(pl.Date), pl.Date())
    if is_timestamp(moment.dtype) and is_number(by.dtype) and call.dialect in ("oracle", "tsql"):
        micros = (call.cast(by, pl.Float64()).expr * 86_400e6 * sign).round().cast(pl.Int64)
        return call.value(moment.expr + pl.duration(microseconds=micros), moment.dtype)
    if is_timestamp(moment.dtype) and is_integer(by.dtype) and _has_date64(call):
        days = pl.duration(days=call.cast(by, pl.Int64()).expr * sign)
        return call.value(moment.expr + days, moment.dtype)
    if isinstance(by.dtype, pl.Duration) and not call.binder.is_exact(by):
        raise call.refuse(
            "an interval out of CASE, an aggregate or a subquery: its months are not kept, and such arithmetic"
        )
    if isinstance(by.dtype, pl.Duration) and (is_date(moment.dtype) or is_timestamp(moment.dtype)):
        stamp = call.cast(moment, pl.Datetime("us")) if is_date(moment.dtype) else moment
        return call.value(stamp.expr + by.expr * sign if sign > 0 else stamp.expr - by.expr, stamp.dtype)
    if isinstance(by.dtype, pl.Duration) and isinstance(moment.dtype, pl.Duration):
        return call.value(moment.expr + by.expr if sign > 0 else moment.expr - by.expr, pl.Duration("us"))
    return None


def _has_date64(call: Call) -> bool:
    """Whether one side is a date of Arrow in milliseconds, which is held as a timestamp."""
    if call.dialect != "datafusion" or not isinstance(call.node, exp.Binary):
        return False
    return any(type_of(call, n) == "Date64" for n in (call.node.this, call.node.expression))


_DAYS_APART = frozenset({"spark", "databricks", "trino", "bigquery"})
"""The difference of two dates is an interval there, elsewhere a number of days."""


def apart(call: Call, left: Value, right: Value) -> Value | None:
    """The days between two dates, the time between two times or timestamps."""
    if left.is_null and is_temporal(right.dtype):
        return call.cast(left, pl.Int64() if is_date(right.dtype) else pl.Duration("us"))
    if left.is_text_literal and is_temporal(right.dtype):
        left = call.cast(left, right.dtype)
    if right.is_text_literal and is_temporal(left.dtype):
        right = call.cast(right, left.dtype)
    if not (is_temporal(left.dtype) and is_temporal(right.dtype)):
        return None
    if call.dialect == "mysql":
        raise call.error(
            "the difference of two dates is of their digits there", hint="DATEDIFF or TIMESTAMPDIFF"
        )
    if is_date(left.dtype) and is_date(right.dtype):
        days = (left.expr - right.expr).dt.total_days().cast(pl.Int64)
        return (
            interval_value(call, Interval(days=days))
            if call.dialect in _DAYS_APART
            else call.value(days, pl.Int64())
        )
    if isinstance(left.dtype, pl.Time) != isinstance(right.dtype, pl.Time):
        return None
    if isinstance(left.dtype, pl.Time):
        return interval_value(
            call, Interval(micros=(left.expr.cast(pl.Int64) - right.expr.cast(pl.Int64)) // 1000)
        )
    dtype = unified((left.dtype, right.dtype))
    assert dtype is not None
    a, b = call.cast(left, dtype), call.cast(right, dtype)
    micros = (a.expr - b.expr).dt.total_microseconds()
    if call.dialect == "oracle":
        return call.value(micros / 86_400e6, pl.Float64())
    days = micros.sign() * (micros.abs() // 86_400_000_000)
    return interval_value(call, Interval(days=days, micros=micros - days * 86_400_000_000))
