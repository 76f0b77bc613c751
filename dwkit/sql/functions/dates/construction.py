"""Dates, times and timestamps from numbers, and from each other."""

from __future__ import annotations

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.functions.dates.epoch import of_seconds
from dwkit.sql.functions.dates.units import days_from, moment_of, stamp
from dwkit.sql.functions.dates.zones import by_zone, in_zone, of_zone, zone_of
from dwkit.sql.types import is_date, is_integer, is_text, is_timestamp
from dwkit.sql.value import Value

__all__ = ["CONSTRUCTION"]

_INT = pl.Int64()
_PLAIN = pl.Datetime("us")
_UTC = pl.Datetime("us", "UTC")
_SPARK = ("spark", "databricks")
_WITH_ZONE = frozenset({"spark", "databricks"})


def _date(call: Call, year: pl.Expr, month: pl.Expr, day: pl.Expr, *, overflow: bool) -> pl.Expr:
    """Return a date of its numbers.

    Args:
        overflow: a month 13 is the next year's first and a day 0 the month's before last, as in Snowflake;
            else there is an error where it runs.
    """
    months = year * 12 + month - 1
    first = pl.date(months // 12, months % 12 + 1, 1)
    made = (days_from(first) + day - 1).cast(pl.Int32).cast(pl.Date)
    if overflow:
        return made
    valid = month.is_between(1, 12) & (day >= 1) & (day <= first.dt.days_in_month())
    text = pl.format("{}-{}-{} is no date", year, month, day)
    bad = valid.not_() if call.binder.condition is None else valid.not_() & call.binder.condition
    failed = pl.when(bad).then(text).str.to_date("%Y-%m-%d", strict=True)
    return pl.when(valid).then(made).otherwise(failed)


def _whole(call: Call, value: Value) -> pl.Expr:
    return call.cast(value, _INT).expr


def _date_from_parts(call: Call) -> Value:
    overflow = call.has("allow_overflow")
    if call.given("month") is None:
        raise call.refuse("a date of a struct")
    parts = [_whole(call, call.arg(k)) for k in ("year", "month", "day")]
    made = _date(call, *parts, overflow=overflow)
    return call.value(made, pl.Date())


def _make_date(call: Call) -> Value:
    values = call.args()
    if len(values) == 1 and is_integer(values[0].dtype):
        return call.value(_whole(call, values[0]).cast(pl.Int32).cast(pl.Date), pl.Date())
    if len(values) != 3:
        raise call.refuse("a date of a struct")
    made = _date(call, *(_whole(call, v) for v in values), overflow=False)
    return call.value(made, pl.Date())


def _clock(call: Call, hour: Value, minute: Value, second: Value | None, micros: pl.Expr | None) -> pl.Expr:
    """Return microseconds since midnight."""
    made = _whole(call, hour) * 3_600_000_000 + _whole(call, minute) * 60_000_000
    if second is not None:
        if is_integer(second.dtype):
            made = made + _whole(call, second) * 1_000_000
        else:
            made = made + (call.cast(second, pl.Float64()).expr * 1_000_000).round().cast(_INT)
    return made if micros is None else made + micros


def _timestamp(call: Call, values: list[Value], micros: pl.Expr | None = None) -> pl.Expr:
    if len(values) < 5:
        raise call.error(f"{call.name} wants year, month, day, hour and minute")
    year, month, day, hour, minute, *rest = values
    overflow = call.dialect == "snowflake"
    made = _date(call, _whole(call, year), _whole(call, month), _whole(call, day), overflow=overflow)
    clock = _clock(call, hour, minute, rest[0] if rest else None, micros)
    if not overflow:
        clock = _in_a_day(call, clock, hour, minute, rest[0] if rest else None)
    return made.cast(_PLAIN) + pl.duration(microseconds=clock)


_SIXTY_SECONDS = frozenset({"spark", "databricks", "duckdb", "postgres"})
"""Second 60 is the next minute there, elsewhere an error."""
_HOUR_24 = frozenset({"duckdb", "postgres"})


def _in_a_day(call: Call, clock: pl.Expr, hour: Value, minute: Value, second: Value | None) -> pl.Expr:
    """Return a time of day whose parts must be in their range; a wrong one is an error as it runs."""
    hours, minutes = _whole(call, hour), _whole(call, minute)
    late = (hours > 23) & (clock != 86_400_000_000) if call.dialect in _HOUR_24 else hours > 23
    wrong = late | (hours < 0) | minutes.is_between(0, 59).not_()
    if second is not None:
        seconds = call.cast(second, pl.Float64()).expr
        wrong = wrong | (seconds < 0) | (seconds > 60 if call.dialect in _SIXTY_SECONDS else seconds >= 60)
    return call.checked(clock, wrong, "an hour, a minute or a second is out of its range")


def _timestamp_from_parts(call: Call) -> Value:
    target = call.node.args.get("target_type")
    if call.given("this") is not None:
        day, time = call.arg("this"), call.arg("expression")
        made = call.cast(day, pl.Date()).expr.dt.combine(call.cast(time, pl.Time()).expr)
        return call.value(made, _PLAIN)
    micros: pl.Expr | None = None
    for key, one in (("milli", 1000), ("nano", None)):
        if call.given(key) is not None:
            part = _whole(call, call.arg(key))
            micros = part * one if one else part // 1000
    values = [
        v for v in (call.maybe(k) for k in ("year", "month", "day", "hour", "min", "sec")) if v is not None
    ]
    zone = call.given("zone")
    made = _timestamp(call, values, micros)
    del target
    if zone is not None:
        return call.value(of_zone(made, zone_of(call, call.constant("zone"), zone)), _UTC)
    if call.dialect in _WITH_ZONE:
        return call.value(made.dt.replace_time_zone("UTC"), _UTC)
    return call.value(made, _PLAIN)


def _make_timestamp(call: Call) -> Value:
    """MAKE_TIMESTAMP(y, m, d, h, mi, s), or of microseconds; DATETIME2FROMPARTS with a fraction and its digits."""
    values = call.args()
    if len(values) == 1:
        return of_seconds(call, values[0], 1_000_000, _PLAIN)
    if call.name == "DATETIME2FROMPARTS":
        digits = values[7].constant
        if digits not in range(8):
            raise call.error("the precision is a literal from 0 to 7")
        micros = _whole(call, values[6]) * 1_000_000 // 10**digits
        return call.value(_timestamp(call, values[:6], micros), _PLAIN)
    made = _timestamp(call, values[:6])
    if len(values) > 6:
        return call.value(by_zone(call, made, call.node.expressions[6], _UTC, of_zone), _UTC)
    aware = call.name in ("MAKE_TIMESTAMPTZ", "MAKE_TIMESTAMP_LTZ") or (
        call.dialect in _WITH_ZONE and call.name == "MAKE_TIMESTAMP"
    )
    return call.value(made.dt.replace_time_zone("UTC"), _UTC) if aware else call.value(made, _PLAIN)


def _time_from_parts(call: Call) -> Value:
    micros: pl.Expr | None = None
    if call.given("nano") is not None:
        micros = _whole(call, call.arg("nano")) // 1000
    if call.given("fractions") is not None:
        digits = call.constant("precision", 0)
        if digits not in range(8):
            raise call.error("the precision is a literal from 0 to 7")
        micros = _whole(call, call.arg("fractions")) * 1_000_000 // 10**digits
    call.given("overflow")
    clock = _clock(call, call.arg("hour"), call.arg("min"), call.maybe("sec"), micros)
    if call.dialect == "snowflake":
        clock = clock % 86_400_000_000
    return call.value((clock * 1000).cast(pl.Time), pl.Time())


def _make_day(call: Call) -> Value:
    """MAKEDATE(year, day of the year)."""
    year, day = (_whole(call, v) for v in call.args())
    made = (days_from(pl.date(year, 1, 1)) + day - 1).cast(pl.Int32).cast(pl.Date)
    return call.value(pl.when(day > 0).then(made), pl.Date())


# -- from each other ------------------------------------------------------------------------------------


def _zoned(call: Call, value: Value) -> Value:
    """The clock of the zone in the argument `zone` or `expression`."""
    key = "zone" if call.given("zone") is not None else "expression"
    zone = zone_of(call, call.constant(key), call.given(key))
    moment = call.cast(moment_of(call, value), _UTC)
    return Value(in_zone(moment.expr, zone), _PLAIN, moment.refs)


def _to_date(call: Call) -> Value:
    """DATE(x), DATE(x, zone), DATE(y, m, d)."""
    if call.given("expressions"):
        if call.dialect == "sqlite":
            raise call.refuse("DATE with modifiers here")
        values = [call.arg(), *call.args()]
        if len(values) != 3:
            raise call.error("DATE wants one argument, or year, month and day")
        return call.value(_date(call, *(_whole(call, v) for v in values), overflow=False), pl.Date())
    value = call.arg()
    if call.given("zone") is not None:
        value = _zoned(call, value)
    return call.cast(value, pl.Date())


def _to_datetime(call: Call) -> Value:
    """DATETIME(x), DATETIME(x, zone), DATETIME(date, time)."""
    value = call.arg()
    second = call.given("expression")
    if second is None:
        return call.cast(moment_of(call, value), _PLAIN)
    if is_timestamp(value.dtype) or (
        isinstance(second, exp.Literal) and not is_date(value.dtype) and "/" in second.name
    ):
        return call.value(_zoned(call, value).expr, _PLAIN)
    day, time = call.cast(value, pl.Date()).expr, call.cast(call.arg("expression"), pl.Time()).expr
    return call.value(day.dt.combine(time), _PLAIN)


def _to_timestamp(call: Call) -> Value:
    """TIMESTAMP(x), TIMESTAMP(x, zone) of BigQuery; TIMESTAMP(date, time) of MySQL."""
    argument, second = call.arg(), call.given("zone")
    aware = call.dialect == "bigquery" or call.dialect in _SPARK
    if aware and second is None:
        return call.cast(argument, _UTC)
    value = moment_of(call, argument, call.node.this)
    if call.dialect == "mysql" and second is not None:
        time = call.cast(call.arg("zone"), pl.Time()).expr
        return call.value(stamp(value) + pl.duration(microseconds=time.cast(_INT) // 1000), _PLAIN)
    if second is not None:
        clock = call.cast(value, _PLAIN)
        return call.value(of_zone(clock.expr, zone_of(call, call.constant("zone"), second)), _UTC)
    return call.cast(value, _PLAIN)


def _to_time(call: Call) -> Value:
    value = call.arg()
    if is_text(value.dtype) and not value.is_constant:
        return call.cast(value, pl.Time())
    return call.cast(moment_of(call, value, call.node.this, time=True), pl.Time())


CONSTRUCTION: Functions = {
    exp.DateFromParts: _date_from_parts, "MAKE_DATE": _make_date, exp.TimestampFromParts: _timestamp_from_parts,
    exp.TimestampTzFromParts: _timestamp_from_parts,
    **dict.fromkeys(("MAKE_TIMESTAMP", "MAKE_TIMESTAMPTZ", "MAKE_TIMESTAMP_LTZ", "MAKE_TIMESTAMP_NTZ", "DATETIME2FROMPARTS", "SMALLDATETIMEFROMPARTS"), _make_timestamp),
    exp.TimeFromParts: _time_from_parts, "MAKEDATE": _make_day, exp.Date: _to_date, exp.Datetime: _to_datetime,
    exp.Timestamp: _to_timestamp, exp.Time: _to_time,
}  # fmt: skip
