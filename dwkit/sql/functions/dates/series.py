"""GENERATE_SERIES, RANGE, SEQUENCE, GENERATE_DATE_ARRAY: lists of numbers, dates or timestamps."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.functions.cast_moment import on_clock
from dwkit.sql.functions.dates.units import days_from, moment_of, stamp
from dwkit.sql.functions.interval import add_interval, interval_of, of_unit
from dwkit.sql.types import is_date, is_number
from dwkit.sql.value import Interval, Value

__all__ = ["SERIES"]

_INT = pl.Int64()
_PLAIN = pl.Datetime("us")
_DAY = 86_400_000_000
_DRIFTS = frozenset({"duckdb", "postgres", "datafusion"})
"""A step of months starts from the last value there, so that a day cut to a month's last one stays cut."""
_SPARK = ("spark", "databricks")


def _series(call: Call) -> Value:
    node = call.node
    exclusive = call.has("is_end_exclusive")
    start, end = call.arg("start"), call.maybe("end")
    step = _step(call)
    if call.dialect == "datafusion" and any(v is not None and v.is_null for v in (start, end, step)):
        return call.value(pl.lit(None, dtype=pl.List(_INT)), pl.List(_INT))
    if end is None:
        start, end = call.cast(start, _INT).as_(pl.lit(0, dtype=_INT), _INT), start
    if is_number(start.dtype) or (start.is_null and is_number(end.dtype)):
        return _numbers(call, start, end, step, exclusive=exclusive)
    first, last = moment_of(call, start, node.args["start"]), moment_of(call, end, node.args.get("end"))
    return _moments(call, first, last, step, exclusive=exclusive)


def _step(call: Call) -> Value | None:
    node = call.given("step")
    if node is None:
        return None
    if isinstance(node, exp.Literal) and node.is_string:
        return interval_of(call, node, None)
    return call.bind(node)


def _numbers(call: Call, start: Value, end: Value, step: Value | None, *, exclusive: bool) -> Value:
    if (
        not start.dtype.is_integer()
        or not end.dtype.is_integer()
        or (step is not None and not step.dtype.is_integer())
    ):
        return _decimals(call, start, end, step, exclusive=exclusive)
    a, b = call.cast(start, _INT).expr, call.cast(end, _INT).expr
    if step is None:
        # Spark and Trino go down where the end comes first.
        by = (
            pl.when(a <= b).then(1).otherwise(-1)
            if call.dialect in (*_SPARK, "trino")
            else pl.lit(1, dtype=_INT)
        )
    else:
        if step.constant == 0:
            raise call.error("the step of a series cannot be 0")
        by = call.cast(step, _INT).expr
    known = (start.constant, end.constant, 1 if step is None else step.constant)
    if all(isinstance(n, int) for n in known):
        _check_length(call, abs(known[1] - known[0]) // abs(known[2]))
    return call.value(_ranges(a, b, by, exclusive=exclusive), pl.List(_INT))


_LONGEST = 2**27


def _check_length(call: Call, count: int) -> None:
    """Refuse a list that would not fit the memory of most machines."""
    if count > _LONGEST:
        raise call.error(f"a series of {count} values is too long", hint=f"at most {_LONGEST}")


def _capped(count: pl.Expr) -> pl.Expr:
    """Let a cast fail where a list would be too long for memory."""
    spare = 2**31 // _LONGEST
    return (count * spare).cast(pl.Int32, strict=True).cast(_INT) // spare


def _ranges(a: pl.Expr, b: pl.Expr, by: pl.Expr, *, exclusive: bool) -> pl.Expr:
    """Return the lists of whole numbers from a to b."""
    a, b, by = (
        e.cast(pl.Int128) for e in (a, b, by)
    )  # the way from one to the other may be longer than 64 bits
    room = b - a
    ahead = (room.sign() == by.sign()) | (room == 0)
    count = room.abs() // by.abs() + 1
    if exclusive:
        count = (room.abs() + by.abs() - 1) // by.abs()
    count = pl.when(ahead).then(count).otherwise(0)
    count = _capped(count)
    known = a.is_not_null() & b.is_not_null() & by.is_not_null() & (by != 0)
    steps = pl.int_ranges(0, pl.when(known).then(count).otherwise(0), dtype=_INT)
    return pl.when(known).then(steps * by.cast(_INT).fill_null(1) + a.cast(_INT).fill_null(0))


def _decimals(call: Call, start: Value, end: Value, step: Value | None, *, exclusive: bool) -> Value:
    """A step with a fraction: the values are start + n * step."""
    if exclusive:
        raise call.refuse("RANGE of numbers with a fraction")
    a, b = (call.cast(v, pl.Float64()).expr for v in (start, end))
    by = call.cast(step, pl.Float64()).expr if step is not None else pl.lit(1.0)
    room = ((b - a) / by + 1e-9).floor().cast(_INT)
    count = _capped(pl.when(room >= 0).then(room + 1).otherwise(0))
    steps = pl.int_ranges(0, count.fill_null(0), dtype=_INT).cast(pl.List(pl.Float64))
    known = a.is_not_null() & b.is_not_null() & by.is_not_null()
    return call.value(
        pl.when(known).then(steps * by.fill_null(1.0) + a.fill_null(0.0)), pl.List(pl.Float64())
    )


def _moments(call: Call, first: Value, last: Value, step: Value | None, *, exclusive: bool) -> Value:
    interval = Interval(days=1)
    if step is not None:
        if step.interval is None:
            found = of_unit(call.cast(step, _INT).expr, "DAY")
            assert found is not None
            interval = found
        else:
            interval = step.interval
    months, days, micros = interval.months, interval.days, interval.micros
    if not all(isinstance(p, int) for p in (months, days, micros)):
        raise call.refuse("a step that is no literal")
    assert isinstance(months, int)
    assert isinstance(days, int)
    assert isinstance(micros, int)
    if months and (days or micros):
        raise call.refuse("a step of months together with days or time")
    if not (months or days or micros):
        raise call.error("the step of a series cannot be 0")
    ends = (first.constant, last.constant)
    if all(isinstance(e, date) for e in ends) and not months:
        span = (_midnight(ends[1]) - _midnight(ends[0])) / timedelta(days=days, microseconds=micros)
        _check_length(call, int(span))
    as_dates = (
        is_date(first.dtype)
        and is_date(last.dtype)
        and not micros
        and call.dialect not in ("duckdb", "postgres")
    )
    zone = next(
        (v.dtype.time_zone for v in (first, last) if isinstance(v.dtype, pl.Datetime) and v.dtype.time_zone),
        None,
    )
    if call.dialect == "datafusion" and is_date(first.dtype) and not (months or days):
        raise call.error("the step of a series of dates cannot be less than a day")
    if as_dates and exclusive and call.dialect == "datafusion":
        # The end itself is moved back by a step there, and then belongs to the dates.
        back = Interval(months=-months, days=-days)
        last, exclusive = add_interval(call, last, back, keep_date=True), False
    # Days and months are those of the zone's calendar, hours pass the same everywhere.
    clock = zone if months or days else "UTC"
    a, b = (
        stamp(v).dt.convert_time_zone(clock).dt.replace_time_zone(None)
        if clock is not None and getattr(v.dtype, "time_zone", None)
        else stamp(v)
        for v in (first, last)
    )
    if months:
        made = _by_months(call, a, b, months, exclusive=exclusive)
    else:
        made = _ranges(
            a.dt.epoch("us"), b.dt.epoch("us"), pl.lit(days * _DAY + micros, dtype=_INT), exclusive=exclusive
        )
    stamps = made.cast(pl.List(_PLAIN))
    if as_dates:
        return call.value(stamps.list.eval(pl.element().dt.date()), pl.List(pl.Date()))
    if zone is not None and clock is not None:
        moments = on_clock(pl.element(), clock).dt.convert_time_zone(zone)
        return call.value(stamps.list.eval(moments), pl.List(pl.Datetime("us", zone)))
    return call.value(stamps, pl.List(_PLAIN))


def _midnight(moment: date) -> datetime:
    return moment if isinstance(moment, datetime) else datetime.combine(moment, time.min)


def _by_months(call: Call, a: pl.Expr, b: pl.Expr, months: int, *, exclusive: bool) -> pl.Expr:
    """Return the microseconds of the moments that are a number of months apart, the day cut to the month's last one."""
    start = a.dt.year().cast(_INT) * 12 + a.dt.month() - 1
    stop = b.dt.year().cast(_INT) * 12 + b.dt.month() - 1
    index = _ranges(start, stop, pl.lit(months, dtype=_INT), exclusive=False)
    element = pl.element()
    first = pl.date(element // 12, element % 12 + 1, 1)
    day = a.dt.day().cast(_INT)
    short = index.list.eval(first.dt.days_in_month().cast(_INT)) - day
    lacking = pl.min_horizontal(pl.element(), pl.lit(0, dtype=_INT))
    cut = short.list.eval(lacking.cum_min() if call.dialect in _DRIFTS else lacking)
    firsts = index.list.eval(days_from(first) * _DAY)
    clock = (day - 1) * _DAY + a.dt.epoch("us") % _DAY
    made = firsts + cut * pl.lit(_DAY, dtype=_INT) + clock
    # The last month's moment may lie behind the end.
    end = b.dt.epoch("us")
    away = (made - end) * pl.lit(1 if months > 0 else -1, dtype=_INT)
    kept = away.list.eval((pl.element() < 0) if exclusive else (pl.element() <= 0)).list.sum()
    return pl.when(a.is_not_null() & b.is_not_null()).then(made.list.head(kept))


SERIES: Functions = {
    exp.GenerateSeries: _series, exp.ExplodingGenerateSeries: _series, exp.GenerateDateArray: _series,
    exp.GenerateTimestampArray: _series,
}  # fmt: skip
