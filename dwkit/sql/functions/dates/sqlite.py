"""SQLite's dates: text or numbers, with modifiers (sqlite.org/lang_datefunc.html)."""

from __future__ import annotations

import re

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.functions.dates.units import days_from, dow
from dwkit.sql.types import is_date, is_number, is_text, is_timestamp
from dwkit.sql.value import Value

__all__ = ["SQLITE", "stamp_of", "text_of"]

_INT = pl.Int64()
_PLAIN = pl.Datetime("us")
_DAY = 86_400_000_000
_JULIAN_ZERO = 2440587.5
_CLOCK = r"(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?"


def stamp_of(call: Call, nodes: list[exp.Expr]) -> Value:
    """Return a time value with its modifiers as a timestamp, NULL where it is none.

    Raises:
        SqlError: a modifier is no literal or not known.
    """
    if not nodes:
        return Value(pl.lit(call.binder.now.replace(tzinfo=None)), _PLAIN)
    value = call.bind(nodes[0])
    modifiers: list[str] = []
    for node in nodes[1:]:
        one = call.bind(node)
        if not isinstance(one.constant, str):
            raise call.refuse("a modifier that is no literal")
        modifiers.append(one.constant.strip().lower())
    e = _start(call, value, modifiers[0] if modifiers else "")
    for number, modifier in enumerate(modifiers):
        if number == 0 and modifier in ("unixepoch", "julianday", "auto"):
            continue
        e = _modified(call, e, modifier, nodes[number + 1])
    return Value(e, _PLAIN, value.refs)


def _start(call: Call, value: Value, modifier: str) -> pl.Expr:
    if is_date(value.dtype) or is_timestamp(value.dtype):
        return value.expr.cast(_PLAIN)
    if isinstance(value.constant, str) and value.constant.strip().lower() == "now":
        return pl.lit(call.binder.now.replace(tzinfo=None))
    if is_number(value.dtype):
        return _of_number(value.expr.cast(pl.Float64), modifier)
    if not is_text(value.dtype) and not value.is_null:
        raise call.error("a date is text or a number there")
    text = call.as_text(value).str.strip_chars()
    made = _of_text(text)
    number = text.cast(pl.Float64, strict=False)
    return pl.coalesce(made, _of_number(number, modifier))


def _of_number(number: pl.Expr, modifier: str) -> pl.Expr:
    """A number is a Julian day, with a modifier the seconds since 1970."""
    julian = ((number - _JULIAN_ZERO) * _DAY / 1000).round().cast(_INT) * 1000
    unix = (number * 1_000_000).round().cast(_INT)
    if modifier == "unixepoch":
        micros = unix
    elif modifier == "auto":
        micros = pl.when(number.is_between(0.0, 5373484.499999)).then(julian).otherwise(unix)
    else:
        micros = pl.when(number.is_between(0.0, 5373484.499999)).then(julian)
    return micros.cast(_PLAIN)


def _of_text(text: pl.Expr) -> pl.Expr:
    """``YYYY-MM-DD``, ``YYYY-MM-DD HH:MM[:SS[.SSS]]`` or a time alone, of 2000-01-01; with a zone or without."""
    whole = text.str.replace(r"^(\d\d:)", "2000-01-01 $1").str.replace(r"^(\d{4}-\d\d-\d\d)T", "$1 ")
    zone = whole.str.extract(r"\d\d:\d\d(?::\d\d(?:\.\d+)?)?\s*([+-]\d\d:\d\d)$")
    bare = whole.str.replace(r"(\d\d:\d\d(?::\d\d(?:\.\d+)?)?)\s*(?:Z|z|[+-]\d\d:\d\d)$", "$1")
    shape = bare.str.contains(r"^\d{4}-\d\d-\d\d(?:\s+\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?$")
    days = bare.str.slice(8, 2).cast(_INT, strict=False)
    # A day up to 31 counts on into the next month, as it does there.
    first = pl.concat_str(bare.str.slice(0, 8), pl.lit("01")).str.to_date("%Y-%m-%d", strict=False)
    clock = (
        pl.when(bare.str.len_chars() > 10)
        .then(bare.str.slice(10).str.strip_chars())
        .otherwise(pl.lit("00:00:00"))
    )
    clock = clock.str.replace(r"^(\d\d:\d\d)$", "$1:00")
    time = clock.str.to_time("%H:%M:%S%.f", strict=False)
    stamp = (
        first.cast(_PLAIN) + pl.duration(days=days - 1) + pl.duration(microseconds=time.cast(_INT) // 1000)
    )
    sign = pl.when(zone.str.starts_with("-")).then(-1).otherwise(1)
    minutes = zone.str.slice(1, 2).cast(_INT, strict=False) * 60 + zone.str.slice(4, 2).cast(
        _INT, strict=False
    )
    shift = (sign * minutes).fill_null(0)
    return pl.when(shape & days.is_between(1, 31)).then(stamp - pl.duration(minutes=shift))


_UNITS = {"day": _DAY, "hour": 3_600_000_000, "minute": 60_000_000, "second": 1_000_000}


def _modified(call: Call, e: pl.Expr, modifier: str, node: exp.Expr) -> pl.Expr:
    counted = re.fullmatch(r"([+-]?\d+(?:\.\d+)?)\s*(day|hour|minute|second|month|year)s?", modifier)
    if counted:
        amount, unit = float(counted[1]), counted[2]
        if unit in _UNITS:
            return e + pl.duration(microseconds=round(amount * _UNITS[unit]))
        if amount != int(amount):
            raise call.refuse(f"{modifier!r}")
        return _add_months(e, int(amount) * (12 if unit == "year" else 1))
    if modifier in ("start of month", "start of year", "start of day"):
        return e.dt.truncate({"month": "1mo", "year": "1y", "day": "1d"}[modifier.rsplit(" ", 1)[1]])
    weekday = re.fullmatch(r"weekday\s+([0-6])(?:\.0*)?", modifier)
    if weekday:
        return e + pl.duration(days=(int(weekday[1]) - dow(e) + 7) % 7)
    clock = re.fullmatch(rf"([+-]?){_CLOCK}", modifier)
    if clock:
        return e + pl.duration(
            microseconds=_micros(clock[2], clock[3], clock[4], clock[5]) * (-1 if clock[1] == "-" else 1)
        )
    shift = re.fullmatch(rf"([+-])(\d{{4}})-(\d\d)-(\d\d)(?:\s+{_CLOCK})?", modifier)
    if shift:
        sign = -1 if shift[1] == "-" else 1
        moved = _add_months(e, sign * (int(shift[2]) * 12 + int(shift[3])))
        micros = int(shift[4]) * _DAY + (_micros(shift[5], shift[6], shift[7], shift[8]) if shift[5] else 0)
        return moved + pl.duration(microseconds=micros * sign)
    if modifier in ("utc", "localtime", "subsec", "subsecond", "ceiling"):
        return e
    raise call.error(f"no modifier {modifier!r}", node)


def _micros(hours: str, minutes: str, seconds: str | None, fraction: str | None) -> int:
    whole = (int(hours) * 60 + int(minutes)) * 60 + int(seconds or 0)
    return whole * 1_000_000 + int((fraction or "0").ljust(6, "0")[:6])


def _add_months(e: pl.Expr, months: int) -> pl.Expr:
    """A day that the month does not have runs over into the next one."""
    first = e.dt.truncate("1mo").dt.offset_by(f"{months}mo")
    return (
        first
        + pl.duration(days=e.dt.day().cast(_INT) - 1)
        + pl.duration(microseconds=e.dt.epoch("us") % _DAY)
    )


def text_of(call: Call) -> Value:
    """DATE(...), TIME(...), DATETIME(...): the time value as text."""
    nodes = call.node.expressions
    subsecond = any(
        isinstance(n, exp.Literal) and n.name.lower() in ("subsec", "subsecond") for n in nodes[1:]
    )
    code = {"DATE": "%Y-%m-%d", "TIME": "%H:%M:%S", "DATETIME": "%Y-%m-%d %H:%M:%S"}[call.name]
    code = code + ".%3f" if subsecond and call.name != "DATE" else code
    return call.value(stamp_of(call, nodes).expr.dt.strftime(code), pl.String())


def _julianday(call: Call) -> Value:
    e = stamp_of(call, call.node.expressions).expr
    # Whole days and the fraction apart: their sum in microseconds would lose digits.
    days, rest = days_from(e), e.dt.epoch("us") % _DAY
    return call.value(days + _JULIAN_ZERO + rest / _DAY, pl.Float64())


def _unixepoch(call: Call) -> Value:
    return call.value(stamp_of(call, call.node.expressions).expr.dt.epoch("us") // 1_000_000, _INT)


SQLITE: Functions = {"DATETIME": text_of, "JULIANDAY": _julianday, "UNIXEPOCH": _unixepoch}
