"""Seconds, milliseconds and days since 1970-01-01 00:00:00 UTC, there and back."""

from __future__ import annotations

from functools import partial

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.functions.dates import models
from dwkit.sql.functions.dates.units import clock_of, days_from, moment_of, stamp
from dwkit.sql.types import is_integer, is_temporal, is_text
from dwkit.sql.value import Value

__all__ = ["EPOCH", "of_seconds"]

_INT = pl.Int64()
_PLAIN = pl.Datetime("us")
_UTC = pl.Datetime("us", "UTC")
_SPARK = ("spark", "databricks")


def of_seconds(call: Call, value: Value, parts: int, dtype: pl.DataType) -> Value:
    """Return the moment so many parts of a second after 1970; `parts` of them are one second."""
    if is_integer(value.dtype):
        number = value.expr.cast(_INT)
        micros = number * (1_000_000 // parts) if parts <= 1_000_000 else number // (parts // 1_000_000)
    else:
        micros = (call.cast(value, pl.Float64()).expr * (1_000_000 / parts)).round().cast(_INT)
    made = micros.cast(_PLAIN)
    zone = getattr(dtype, "time_zone", None)
    return call.value(made.dt.replace_time_zone("UTC") if zone else made, _UTC if zone else _PLAIN)


def seconds_of(micros: pl.Expr) -> pl.Expr:
    """Return microseconds as seconds, the double that is nearest."""
    return (micros // 1_000_000).cast(pl.Float64) + (micros % 1_000_000).cast(pl.Float64) / 1_000_000


def since(call: Call, value: Value, parts: int) -> pl.Expr:
    """Return how many parts of a second a moment is after 1970."""
    micros = stamp(clock_of(call, value)).dt.epoch("us")
    return micros * (parts // 1_000_000) if parts >= 1_000_000 else micros // (1_000_000 // parts)


def _unix_to_time(call: Call) -> Value:
    """TO_TIMESTAMP(n), TIMESTAMP_SECONDS(n), FROM_UNIXTIME(n)."""
    value = call.arg()
    scale = call.constant("scale", 0)
    if scale not in range(10):
        raise call.error("the scale is a literal from 0 to 9")
    zone = call.given("zone")
    made = of_seconds(call, value, 10**scale, _UTC)
    if zone is not None:
        from dwkit.sql.functions.dates.zones import in_zone, zone_of

        return call.value(in_zone(made.expr, zone_of(call, call.constant("zone"), zone)), _PLAIN)
    return made


def _of(parts: int, call: Call) -> Value:
    """TIMESTAMP_MILLIS(n), MAKE_TIMESTAMP_MS(n)."""
    zone = call.dialect in ("bigquery", *_SPARK)
    return of_seconds(call, call.args()[0], parts, _UTC if zone else _PLAIN)


def _since(parts: int, call: Call) -> Value:
    """UNIX_SECONDS(ts), UNIX_MILLIS(ts), EPOCH_US(ts)."""
    value = call.args()[0] if isinstance(call.node, exp.Anonymous) else call.arg()
    return call.value(since(call, value, parts), _INT)


def _epoch_ms(call: Call) -> Value:
    """EPOCH_MS(n) makes a timestamp, EPOCH_MS(timestamp) a number."""
    value = call.args()[0]
    if is_temporal(value.dtype) or is_text(value.dtype):
        # DuckDB rounds here, where DATE_PART cuts off.
        return call.value((since(call, value, 1_000_000) + 500) // 1000, _INT)
    return of_seconds(call, value, 1000, _PLAIN)


def _time_to_unix(call: Call) -> Value:
    """EPOCH(ts), TO_UNIXTIME(ts): seconds as a double."""
    value = call.arg()
    if value.interval is not None or isinstance(value.dtype, pl.Time):
        from dwkit.sql.functions.dates.fields import field_of
        from dwkit.sql.functions.dates.units import Unit

        return field_of(call, value, Unit("EPOCH"))
    return call.value(seconds_of(stamp(moment_of(call, value)).dt.epoch("us")), pl.Float64())


def _unix_timestamp(call: Call) -> Value:
    """UNIX_TIMESTAMP(), UNIX_TIMESTAMP(ts), UNIX_TIMESTAMP(text, format)."""
    nodes = call.node.expressions
    if not nodes:
        return call.value(pl.lit(int(call.binder.now.timestamp()), dtype=_INT), _INT)
    value = call.bind(nodes[0])
    if len(nodes) > 1 and is_text(value.dtype):
        from dwkit.sql.functions.dates.parsing import parsed

        value = parsed(call, value, models.java, nodes[1], _PLAIN, safe=False)
    return call.value(since(call, value, 1), _INT)


def _from_unixtime(call: Call) -> Value:
    """FROM_UNIXTIME(n, format): text in Spark, a timestamp in MySQL where it has no format."""
    from dwkit.sql.functions.dates.formatting import pieces_of, written

    nodes = call.node.expressions
    moment = of_seconds(call, call.bind(nodes[0]), 1, _PLAIN)
    if call.dialect in _SPARK:
        pieces = (
            pieces_of(call, models.java, nodes[1])
            if len(nodes) > 1
            else models.java("yyyy-MM-dd HH:mm:ss", "spark")
        )
        return call.value(written(moment, pieces), pl.String())
    if len(nodes) > 1:
        return call.value(written(moment, pieces_of(call, models.mysql, nodes[1])), pl.String())
    return moment


def _unix_date(call: Call) -> Value:
    return call.value(days_from(call.date()), _INT)


def _from_unix_date(call: Call) -> Value:
    return call.value(call.integer().cast(pl.Int32).cast(pl.Date), pl.Date())


_MYSQL_ZERO = 719_528
"""Days from year 0 to 1970 as TO_DAYS counts them."""


def _from_days(call: Call) -> Value:
    days = call.cast(call.args()[0], _INT).expr - _MYSQL_ZERO
    return call.value(days.cast(pl.Int32).cast(pl.Date), pl.Date())


def _sec_to_time(call: Call) -> Value:
    seconds = call.cast(call.args()[0], _INT).expr
    return call.value((seconds * 1_000_000_000).cast(pl.Time), pl.Time())


def _time_to_sec(call: Call) -> Value:
    value = moment_of(call, call.args()[0], time=True)
    e = stamp(value)
    return call.value(e.dt.hour().cast(_INT) * 3600 + e.dt.minute().cast(_INT) * 60 + e.dt.second(), _INT)


def _to_days(call: Call) -> Value:
    """TO_DAYS(d): days since the year 0."""
    return call.value(days_from(call.cast(call.args()[0], pl.Date()).expr) + _MYSQL_ZERO, _INT)


def _period(call: Call) -> tuple[pl.Expr, Value]:
    first, second = call.args()
    number = call.cast(first, _INT).expr
    return number // 100 * 12 + number % 100 - 1, second


def _period_add(call: Call) -> Value:
    months, by = _period(call)
    months = months + call.cast(by, _INT).expr
    return call.value(months // 12 * 100 + months % 12 + 1, _INT)


def _period_diff(call: Call) -> Value:
    months, other = _period(call)
    number = call.cast(other, _INT).expr
    return call.value(months - (number // 100 * 12 + number % 100 - 1), _INT)


EPOCH: Functions = {
    exp.UnixToTime: _unix_to_time, exp.TimeToUnix: _time_to_unix, exp.UnixSeconds: partial(_since, 1),
    exp.UnixMillis: partial(_since, 1000), exp.UnixMicros: partial(_since, 1_000_000), exp.UnixDate: _unix_date,
    exp.DateFromUnixDate: _from_unix_date, "EPOCH_MS": _epoch_ms, "EPOCH_US": partial(_since, 1_000_000),
    "EPOCH_NS": partial(_since, 1_000_000_000), "TIMESTAMP_SECONDS": partial(_of, 1),
    "TIMESTAMP_MILLIS": partial(_of, 1000), "TIMESTAMP_MICROS": partial(_of, 1_000_000),
    "MAKE_TIMESTAMP_MS": partial(_of, 1000), "MAKE_TIMESTAMP_NS": partial(_of, 1_000_000_000),
    "UNIX_TIMESTAMP": _unix_timestamp, "TO_UNIX_TIMESTAMP": _unix_timestamp, "FROM_UNIXTIME": _from_unixtime,
    "FROM_DAYS": _from_days, "TO_DAYS": _to_days, "SEC_TO_TIME": _sec_to_time, "TIME_TO_SEC": _time_to_sec,
    "PERIOD_ADD": _period_add, "PERIOD_DIFF": _period_diff,
    "UNIX_SECONDS": partial(_since, 1), "UNIX_MILLIS": partial(_since, 1000), "UNIX_MICROS": partial(_since, 1_000_000),
}  # fmt: skip
