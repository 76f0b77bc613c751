"""Intervals: months, days and time, and what becomes of a date that one is added to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Call
from dwkit.sql.types import is_date
from dwkit.sql.value import Interval, Value

__all__ = ["UNITS", "add_interval", "interval_of", "interval_value", "of_unit", "scaled", "summed", "unit_of"]

_SECOND = 1_000_000
UNITS: Mapping[str, tuple[str, int]] = {
    "YEAR": ("months", 12), "QUARTER": ("months", 3), "MONTH": ("months", 1), "DECADE": ("months", 120),
    "CENTURY": ("months", 1200), "MILLENNIUM": ("months", 12000),
    "WEEK": ("days", 7), "DAY": ("days", 1), "ISOWEEK": ("days", 7),
    "HOUR": ("micros", 3600 * _SECOND), "MINUTE": ("micros", 60 * _SECOND), "SECOND": ("micros", _SECOND),
    "MILLISECOND": ("micros", 1000), "MICROSECOND": ("micros", 1),
}  # fmt: skip
"""Part of an interval that a unit counts in, and how many of it."""

_SHORT = {
    "Y": "YEAR", "YY": "YEAR", "YYYY": "YEAR", "YR": "YEAR", "Q": "QUARTER", "QTR": "QUARTER", "QQ": "QUARTER",
    "MON": "MONTH", "MM": "MONTH", "M": "MONTH", "W": "WEEK", "WK": "WEEK", "WW": "WEEK", "D": "DAY", "DD": "DAY",
    "H": "HOUR", "HR": "HOUR", "HH": "HOUR", "MI": "MINUTE", "MIN": "MINUTE", "N": "MINUTE", "S": "SECOND",
    "SS": "SECOND", "SEC": "SECOND", "MS": "MILLISECOND", "MSEC": "MILLISECOND", "US": "MICROSECOND",
    "USEC": "MICROSECOND", "DAYOFMONTH": "DAY", "CENTURIES": "CENTURY", "MILLENNIA": "MILLENNIUM",
}  # fmt: skip


def unit_of(name: str) -> str:
    """Return the plain name of a unit: ``days``, ``dd`` and ``D`` are ``DAY``; unknown names stay as they are."""
    upper = name.strip().upper()
    if upper in UNITS:
        return upper
    if upper in _SHORT:
        return _SHORT[upper]
    return upper[:-1] if upper.endswith("S") and (upper[:-1] in UNITS) else _SHORT.get(upper.rstrip("S"), upper)


def of_unit(amount: pl.Expr | int, unit: str) -> Interval | None:
    """Return an amount of a unit as an interval, None for an unknown unit."""
    part = UNITS.get(unit_of(unit))
    if part is None:
        return None
    name, factor = part
    return Interval(**{name: amount * factor})


def interval_value(call: Call, interval: Interval) -> Value:
    """Return an interval as a value; its expression has the time, days as 24 hours, for comparison and output."""
    micros = _lit(interval.micros) + _lit(interval.days) * 86_400 * _SECOND
    whole = micros + _lit(interval.months) * 30 * 86_400 * _SECOND
    made = call.value(pl.duration(microseconds=whole), pl.Duration("us"))
    return Value(made.expr, made.dtype, made.refs, interval=interval)


def _lit(part: pl.Expr | int) -> pl.Expr:
    return pl.lit(part, dtype=pl.Int64) if isinstance(part, int) else part.cast(pl.Int64)


_PARTS = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*([A-Za-z]+)")
_CLOCK = re.compile(r"(-?)(\d+):(\d+)(?::(\d+)(?:\.(\d{1,6}))?)?$")


def interval_of(call: Call, node: exp.Expr, unit: exp.Expr | None) -> Value:
    """Return ``INTERVAL amount unit``, or an interval written in one text, as ``'1 year 2 days 03:04'``."""
    value = call.bind(node)
    name = _unit_name(unit)
    text = value.constant if isinstance(value.constant, str) else None
    if text is not None and (not name or not re.fullmatch(r"\s*[+-]?\d+(\.\d+)?\s*", text)):
        return interval_value(call, _written(call, text, name))
    if text is not None:
        amount: Any = float(text) if "." in text else int(text)
    elif value.is_constant and value.constant is not None:
        amount = value.constant
    else:
        amount = call.cast(value, pl.Int64()).expr
    name = name or "DAY"
    found = of_unit(amount, name) if not isinstance(amount, (int, float)) else _whole(of_unit(1, name), amount)
    if found is None:
        raise call.error(f"no unit of time {name!r}")
    return interval_value(call, found)


def _unit_name(unit: exp.Expr | None) -> str:
    if unit is None:
        return ""
    if isinstance(unit, exp.IntervalSpan):
        return f"{unit.this.name} TO {unit.expression.name}".upper()
    if isinstance(unit, exp.DataType):
        return ""
    return unit.name


def _whole(one: Interval | None, amount: float) -> Interval | None:
    """Return a number of one unit; a fraction goes on into the next smaller part."""
    if one is None:
        return None
    if isinstance(one.months, int) and one.months:
        months = one.months * amount
        return Interval(months=int(months), days=round((months - int(months)) * 30))
    if isinstance(one.days, int) and one.days:
        days = one.days * amount
        return Interval(days=int(days), micros=round((days - int(days)) * 86_400 * _SECOND))
    assert isinstance(one.micros, int)
    return Interval(micros=round(one.micros * amount))


def _written(call: Call, text: str, span: str) -> Interval:
    months = days = micros = 0
    rest = text.strip()
    if span == "YEAR TO MONTH" and re.fullmatch(r"\d+-\d+", rest):
        years, more = rest.split("-")
        return Interval(months=int(years) * 12 + int(more))
    if span == "DAY TO SECOND" and re.fullmatch(r"\d+ .*", rest):
        day, rest = rest.split(" ", 1)
        days = int(day)
    for amount, unit in _PARTS.findall(rest):
        one = _whole(of_unit(1, unit), float(amount))
        if one is None:
            raise call.error(f"no unit of time {unit!r}")
        months, days, micros = months + one.months, days + one.days, micros + one.micros  # type: ignore[operator]
    clock = _CLOCK.search(_PARTS.sub("", rest).strip())
    if clock:
        sign, hours, minutes, seconds, fraction = clock.groups()
        time = (int(hours) * 3600 + int(minutes) * 60 + int(seconds or 0)) * _SECOND
        time += int((fraction or "0").ljust(6, "0"))
        micros += -time if sign else time
    elif not _PARTS.search(rest) and not (days or months):
        raise call.error(f"{text!r} is no interval", hint="for instance interval '3 days'")
    return Interval(months, days, micros)


def summed(call: Call, a: Interval, b: Interval, sign: int) -> Value:
    """Return the sum (or, for sign -1, the difference) of two intervals."""
    parts = {n: getattr(a, n) + getattr(b, n) * sign for n in ("months", "days", "micros")}
    return interval_value(call, Interval(**parts))


def scaled(call: Call, interval: Interval, factor: pl.Expr) -> Value:
    """Return an interval times a whole number."""
    found = {n: getattr(interval, n) for n in ("months", "days", "micros")}
    plain = {n: p if isinstance(p, int) and p == 0 else factor * p for n, p in found.items()}
    return interval_value(call, Interval(**plain))


_KEEPS_DATE = frozenset({
    "snowflake", "bigquery", "mysql", "spark", "databricks", "trino", "sqlite", "tsql",
})  # fmt: skip
"""A date and an interval of whole days is a date there; elsewhere a timestamp."""


def add_interval(call: Call, moment: Value, interval: Interval, sign: int = 1, *, keep_date: bool = False) -> Value:
    """Return a date, time or timestamp moved by an interval.

    Months go first and the day is cut to the month's last one, then days, then time (ISO 9075-2, 6.34).

    Args:
        sign: -1 moves back.
        keep_date: a date stays a date where the interval has no time, whatever the dialect.
    """
    keep = is_date(moment.dtype) and not _timed(interval) and (keep_date or call.dialect in _KEEPS_DATE)
    start = moment
    if is_date(moment.dtype) and not keep:
        start = call.cast(moment, pl.Datetime("us"))
    expr = start.expr
    for part, suffix in ((interval.months, "mo"), (interval.days, "d")):
        if isinstance(part, int):
            if part:
                expr = expr.dt.offset_by(f"{part * sign}{suffix}")
        else:
            expr = expr.dt.offset_by(pl.format("{}" + suffix, (part * sign).cast(pl.Int64)))
    if _timed(interval):
        expr = expr + pl.duration(microseconds=_lit(interval.micros) * sign)
    return call.value(expr, start.dtype)


def _timed(interval: Interval) -> bool:
    return not (isinstance(interval.micros, int) and interval.micros == 0)
