"""TIME_BUCKET, DATE_BIN, DATE_BUCKET, TIME_SLICE: dates and timestamps in slices of any width."""

from __future__ import annotations

from datetime import datetime

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.functions.dates.units import moment_of, stamp, unit_of_node
from dwkit.sql.functions.interval import add_interval, interval_of, of_unit
from dwkit.sql.types import is_date, is_text, is_timestamp
from dwkit.sql.value import Interval, Value, constant

__all__ = ["BUCKETS", "bigquery_bucket", "bucketed"]


def _bucket(call: Call) -> Value:
    """TIME_BUCKET(width, d, origin or offset), DATE_BIN(width, d, origin)."""
    node, moment, *more = call.node.expressions
    width = interval_of(call, node, None) if isinstance(node, exp.Literal) else call.bind(node)
    if width.interval is None:
        raise call.error("the width of a bucket is an interval", node)
    value = moment_of(call, call.bind(moment), moment)
    return bucketed(call, value, width.interval, call.bind(more[0]) if more else None)


def bigquery_bucket(call: Call) -> Value:
    """DATE_BUCKET(d, width, origin) of BigQuery: buckets are counted from 1950-01-01."""
    moment, node, *more = call.node.expressions
    width = call.bind(node)
    if width.interval is None:
        raise call.error("the width of a bucket is an interval", node)
    origin = call.bind(more[0]) if more else constant(datetime(1950, 1, 1), pl.Datetime("us"))  # noqa: DTZ001
    return bucketed(call, moment_of(call, call.bind(moment), moment), width.interval, origin)


def bucketed(call: Call, value: Value, width: Interval, origin: Value | None, *, end: bool = False) -> Value:
    """Return the beginning of the bucket of a width that a moment is in.

    Buckets of days and time are counted from Monday, 2000-01-03, those of months from 2000-01-01, as in DuckDB.

    Raises:
        SqlError: the width is mixed, no literal or not positive.
    """
    months, days, micros = width.months, width.days, width.micros
    if not all(isinstance(p, int) for p in (months, days, micros)):
        raise call.error("the width of a bucket is a literal")
    assert isinstance(months, int)
    assert isinstance(days, int)
    assert isinstance(micros, int)
    keeps_date = is_date(value.dtype) and not micros
    if months and (days or micros):
        raise call.error("a bucket is of months or of days and time, not of both")
    if (months or days * 86_400_000_000 + micros) <= 0:
        raise call.error("the width of a bucket must be greater than 0")
    if origin is not None and origin.interval is not None:
        moved = add_interval(call, value, origin.interval, -1)
        made = bucketed(call, moved, width, None)
        back = add_interval(call, made, origin.interval, 1)
        return call.cast(back, value.dtype) if keeps_date else back
    if origin is not None and not (
        is_date(origin.dtype) or is_timestamp(origin.dtype) or is_text(origin.dtype)
    ):
        raise call.error("the origin of a bucket is a timestamp or an interval")
    if months:
        start = stamp(moment_of(call, origin)) if origin is not None else None
        first = 24000 if start is None else start.dt.year().cast(pl.Int64) * 12 + start.dt.month() - 1
        e = value.expr
        index = e.dt.year().cast(pl.Int64) * 12 + e.dt.month() - 1 - first
        index = index - index % months + first + (months if end else 0)
        day = pl.date(index // 12, index % 12 + 1, 1)
        return call.value(
            day if keeps_date else day.cast(pl.Datetime("us")), pl.Date() if keeps_date else value.dtype
        )
    wide = days * 86_400_000_000 + micros
    zero = 946_857_600_000_000 if origin is None else stamp(moment_of(call, origin)).dt.epoch("us")
    since = stamp(value).dt.epoch("us") - zero
    made_micros = since - since % wide + zero + (wide if end else 0)
    made_expr = made_micros.cast(pl.Datetime("us"))
    if keeps_date:
        return call.value(made_expr.dt.date(), pl.Date())
    zone = getattr(value.dtype, "time_zone", None)
    return call.value(made_expr.dt.replace_time_zone(zone) if zone else made_expr, pl.Datetime("us", zone))


def _slice(call: Call) -> Value:
    """TIME_SLICE(d, n, 'unit', 'START' or 'END'): slices are counted from 1970-01-01, weeks from its Monday."""
    value = moment_of(call, call.arg(), call.node.this)
    count, unit = call.constant("expression"), unit_of_node(call, call.given("unit"))
    width = of_unit(count, unit) if isinstance(count, int) else None
    kind = str(call.constant("kind", "START")).upper()
    if width is None:
        raise call.error("TIME_SLICE wants a whole number and a unit of time")
    start = datetime(1970, 1, 1) if unit != "WEEK" else datetime(1969, 12, 29)  # noqa: DTZ001
    return bucketed(call, value, width, constant(start, pl.Datetime("us")), end=kind == "END")


BUCKETS: Functions = {
    "TIME_BUCKET": _bucket, "DATE_BIN": _bucket, "TIMESTAMP_BUCKET": bigquery_bucket,
    "DATETIME_BUCKET": bigquery_bucket, exp.TimeSlice: _slice,
}  # fmt: skip
