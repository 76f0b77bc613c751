"""Intervals: months, days and time, and what becomes of a date that one is added to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Call
from dwkit.sql.types import is_date
from dwkit.sql.value import Interval, Value, constant

__all__ = [
    "UNITS", "add_interval", "interval_of", "interval_value", "of_unit", "of_units", "parts_of", "scaled", "summed",
    "unit_of",
]  # fmt: skip

_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
UNITS: Mapping[str, tuple[str, int]] = {
    "YEAR": ("months", 12), "QUARTER": ("months", 3), "MONTH": ("months", 1), "DECADE": ("months", 120),
    "CENTURY": ("months", 1200), "MILLENNIUM": ("months", 12000),
    "WEEK": ("days", 7), "DAY": ("days", 1), "ISOWEEK": ("days", 7), "DOY": ("days", 1), "DOW": ("days", 1),
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
    "NANOSECOND": "NANOSECOND",
}  # fmt: skip


def unit_of(name: str) -> str:
    """Return the plain name of a unit: ``days``, ``dd`` and ``D`` are ``DAY``; unknown names stay as they are."""
    upper = name.strip().upper()
    if upper in UNITS:
        return upper
    if upper in _SHORT:
        return _SHORT[upper]
    return (
        upper[:-1] if upper.endswith("S") and (upper[:-1] in UNITS) else _SHORT.get(upper.rstrip("S"), upper)
    )


_NANOS = frozenset({"NANOSECOND", "NANOSECONDS"})


def of_unit(amount: pl.Expr | int, unit: str) -> Interval | None:
    """Return a whole amount of a unit as an interval, None for an unknown unit."""
    if unit.upper() in _NANOS:
        return Interval(micros=amount // 1000)
    part = UNITS.get(unit_of(unit))
    if part is None:
        return None
    name, factor = part
    return Interval(**{name: amount * factor})


def of_units(amount: pl.Expr | float | Decimal, unit: str, *, whole_months: bool = False) -> Interval | None:
    """Return any amount of a unit; a fraction goes on into the next smaller part: months have 30 days, days 24 hours.

    Args:
        whole_months: a fraction of a year and of longer units is rounded to months.
    """
    if unit_of(unit) == "NANOSECOND" and not isinstance(amount, pl.Expr):
        amount, unit = Decimal(str(amount)) / 1000, "MICROSECOND"
    one = of_unit(1, unit)
    if one is None:
        return None
    if isinstance(amount, pl.Expr):
        return _times(one, amount)
    if isinstance(amount, int):
        return of_unit(amount, unit)
    if unit.upper() in _NANOS:
        return of_units(Decimal(str(amount)) / 1000, "MICROSECOND")
    try:
        exact = Decimal(str(amount))
    except InvalidOperation:
        return None
    if not exact.is_finite() or abs(exact) > 10**12:
        return None
    assert isinstance(one.months, int)
    assert isinstance(one.days, int)
    assert isinstance(one.micros, int)
    months, days = exact * one.months, exact * one.days
    if whole_months and one.months >= 12:
        months = months.to_integral_value(ROUND_HALF_EVEN)
    days += (months - int(months)) * 30
    micros = exact * one.micros + (days - int(days)) * _DAY
    return Interval(int(months), int(days), int(micros.to_integral_value()))


def _times(interval: Interval, factor: pl.Expr) -> Interval:
    """Return an interval times a double."""
    number = factor.cast(pl.Float64)
    months, days, micros = (number * _lit(p) for p in (interval.months, interval.days, interval.micros))
    whole_months = months.truncate()
    days = days + ((months - whole_months) * 30)
    # A product such as 0.1 * 30 may miss its day by a rounding error.
    days = days.round(9)
    whole_days = days.truncate()
    micros = micros + (days - whole_days) * _DAY
    return Interval(whole_months.cast(pl.Int64), whole_days.cast(pl.Int64), micros.round().cast(pl.Int64))


def interval_value(call: Call, interval: Interval) -> Value:
    """Return an interval as a value; its expression has the time, days as 24 hours, for comparison and output.

    What has more than 64 bits of microseconds can be calculated with; as time it is an error when it runs.
    """
    months, days, time = interval.months, interval.days, interval.micros
    known = isinstance(months, int) and isinstance(days, int) and isinstance(time, int)
    if known and not -(2**63) <= (months * 30 + days) * _DAY + time < 2**63:
        never = call.checked(pl.lit(None, dtype=pl.Duration("us")), pl.lit(True), "the interval is too long")
        return Value(never, pl.Duration("us"), interval=interval)
    micros = _lit(interval.micros) + _lit(interval.days) * _DAY
    whole = micros + _lit(interval.months) * 30 * _DAY
    made = call.value(pl.duration(microseconds=whole), pl.Duration("us"))
    return Value(made.expr, made.dtype, made.refs, interval=interval)


def _lit(part: pl.Expr | int) -> pl.Expr:
    return pl.lit(part, dtype=pl.Int64) if isinstance(part, int) else part.cast(pl.Int64)


# -- literals -------------------------------------------------------------------------------------

_PARTS = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))\s*([A-Za-z]+)")
_CLOCK = re.compile(r"([+-]?)(\d+):(\d+)(?::(\d+)(?:\.(\d{1,9}))?)?$")
_ISO = re.compile(r"P(?=.)(?:\d+[YMWD])*(?:T(?:[\d.]+[HMS])+)?$")
_ORDER = ("YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND", "MICROSECOND")


def interval_of(call: Call, node: exp.Expr, unit: exp.Expr | None) -> Value:
    """Return ``INTERVAL amount unit``, or an interval written in one text, as ``'1 year 2 days 03:04'``.

    Raises:
        SqlError: no such unit, or the text is no interval.
    """
    if isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal):  # INTERVAL -'1-1' YEAR TO MONTH
        plain = interval_of(call, node.this, unit)
        assert plain.interval is not None
        return scaled(call, plain.interval, constant(-1, pl.Int32()))
    value = call.bind(node)
    name = _unit_name(unit)
    text = value.constant if isinstance(value.constant, str) else None
    if text is not None and (not name or not re.fullmatch(r"\s*[+-]?\d+(\.\d+)?\s*", text)):
        return interval_value(call, parts_of(call, text, name))
    name = name or "DAY"
    span = name.replace("_", " TO ", 1) if name.count("_") == 1 else name
    if " TO " in span:
        if text is None and value.is_constant:
            text = str(value.constant)
        if text is None:
            raise call.refuse(f"an INTERVAL of {name} that is no literal")
        return interval_value(call, parts_of(call, text, name))
    amount: pl.Expr | int | float | Decimal | None
    if text is not None:
        amount = Decimal(text.strip()) if "." in text else int(text)
    elif value.is_constant and value.constant is not None and not isinstance(value.constant, str):
        amount = value.constant
        if isinstance(amount, (float, Decimal)) and unit_of(name) not in ("SECOND", "MILLISECOND"):
            amount = int(amount) if call.dialect == "duckdb" else round(amount)
    elif unit_of(name) == "SECOND" and not value.dtype.is_integer():
        amount = call.cast(value, pl.Float64()).expr
    else:
        if call.dialect == "duckdb" and not value.dtype.is_integer() and value.dtype.is_numeric():
            value = value.as_(value.expr.cast(pl.Float64).truncate(), pl.Float64())
        amount = call.cast(value, pl.Int64()).expr
        found = of_unit(amount, name)
        if found is None:
            raise call.error(f"no unit of time {name!r}")
        return interval_value(call, found)
    made = of_units(amount, name, whole_months=call.dialect in _WHOLE_MONTHS)
    if made is None:
        raise call.error(f"no unit of time {name!r}")
    return interval_value(call, made)


def _unit_name(unit: exp.Expr | None) -> str:
    if unit is None:
        return ""
    if isinstance(unit, exp.WeekStart):
        return "WEEK"
    if isinstance(unit, (exp.Year, exp.Month, exp.Day, exp.Hour, exp.Minute, exp.Second)):
        return unit.key.upper()
    if isinstance(unit, exp.Var):
        return unit.name.upper()
    return re.sub(r"\(\d+\)", "", unit.sql()).upper()


def parts_of(call: Call, text: str, span: str = "") -> Interval:
    """Return an interval that is written in one text.

    Args:
        span: how its fields are to be read, as ``YEAR TO MONTH``, ``DAY_HOUR`` or ``MINUTE``.

    Raises:
        SqlError: the text is no interval.
    """
    found = _span(text, span) if span else None
    if found is None:
        found = _iso(text) if _ISO.match(text.strip()) else _worded(call, text, span)
    if found is None:
        raise call.error(f"{text!r} is no interval", hint="for instance interval '3 days'")
    return found


def _span(text: str, span: str) -> Interval | None:
    """Read the fields of ``YEAR TO MONTH``, ``DAY TO SECOND``, ``DAY_HOUR``, in any punctuation, from the last one."""
    first, _, last = span.replace(" TO ", "_").upper().partition("_")
    if first not in _ORDER or last not in _ORDER:
        return None
    names = _ORDER[_ORDER.index(first) : _ORDER.index(last) + 1]
    plain = text.strip()
    sign = -1 if plain.startswith("-") else 1
    numbers = re.findall(r"\d+", plain)
    fraction = re.search(r"\.(\d+)\s*$", plain) if last == "SECOND" else None
    if fraction:
        numbers = numbers[:-1]
    if not numbers or re.search(r"[A-Za-z]", plain):
        return None
    if len(numbers) > len(names):
        return None
    total = Interval()
    for name, number in zip(reversed(names), reversed(numbers), strict=False):
        one = of_unit(int(number.ljust(6, "0")) if name == "MICROSECOND" else int(number), name)
        assert one is not None
        total = _plus(total, one)
    if fraction:
        total = _plus(total, Interval(micros=int(fraction[1].ljust(6, "0")[:6])))
    return Interval(total.months * sign, total.days * sign, total.micros * sign)


def _plus(a: Interval, b: Interval) -> Interval:
    return Interval(a.months + b.months, a.days + b.days, a.micros + b.micros)


def _iso(text: str) -> Interval:
    """Read an interval of ISO 8601, as ``P1Y2M3DT4H5M6S``."""
    date, _, time = text.strip()[1:].partition("T")
    total = Interval()
    for part, names in ((date, {"Y": "YEAR", "M": "MONTH", "W": "WEEK", "D": "DAY"}),
                        (time, {"H": "HOUR", "M": "MINUTE", "S": "SECOND"})):  # fmt: skip
        for number, letter in re.findall(r"([\d.]+)([A-Z])", part):
            one = of_units(Decimal(number), names[letter])
            assert one is not None
            total = _plus(total, one)
    return total


_WHOLE_MONTHS = frozenset({"duckdb", "postgres"})
"""A fraction of a year is rounded to months there."""


def _worded(call: Call, text: str, span: str) -> Interval | None:
    rest = text.strip()
    back = rest.lower().endswith(" ago")
    if back:
        rest = rest[:-4]
    rest = rest.removeprefix("@").strip()
    if call.dialect in ("postgres", "redshift"):  # a sign may stand apart, as in '1 month - 1 day'
        rest = re.sub(r"([+-])\s+(?=[\d.])", r"\1", rest)
    found = False
    total = Interval()
    for amount, short in _PARTS.findall(rest):
        unit = "MINUTE" if short in ("m", "M") else short
        if unit_of(unit) in ("DOY", "DOW"):
            raise call.error(f"no unit of time {unit!r}")
        one = of_units(Decimal(amount), unit, whole_months=call.dialect in _WHOLE_MONTHS)
        if one is None:
            raise call.error(f"no unit of time {unit!r}")
        total, found = _plus(total, one), True
    left = _PARTS.sub("", rest).replace(",", " ").strip()
    year_month = re.fullmatch(r"([+-]?)(\d+)-(\d+)", left)
    days = re.match(r"([+-]?\d+)\s+(?=[+-]?\d+:)", left)
    if year_month:
        months = int(year_month[2]) * 12 + int(year_month[3])
        return _plus(total, Interval(months=-months if year_month[1] == "-" else months))
    if days:
        total, left = _plus(total, Interval(days=int(days[1]))), left[days.end() :]
    clock = _CLOCK.match(left)
    if clock:
        sign, hours, minutes, seconds, fraction = clock.groups()
        time = (int(hours) * 3600 + int(minutes) * 60 + int(seconds or 0)) * _SECOND
        time += int((fraction or "0").ljust(6, "0")[:6])
        total = _plus(total, Interval(micros=-time if sign == "-" else time))
    elif re.fullmatch(r"[+-]?\d+(\.\d+)?", left) and (not found or call.dialect == "datafusion"):
        one = of_units(Decimal(left), span or "SECOND")
        if one is None:
            return None
        total = _plus(total, one)
    elif left or not found:
        return None
    return Interval(-total.months, -total.days, -total.micros) if back else total


# -- arithmetic -------------------------------------------------------------------------------------


def summed(call: Call, a: Interval, b: Interval, sign: int) -> Value:
    """Return the sum (or, for sign -1, the difference) of two intervals."""
    parts = {n: getattr(a, n) + getattr(b, n) * sign for n in ("months", "days", "micros")}
    return interval_value(call, Interval(**parts))


def scaled(call: Call, interval: Interval, factor: Value) -> Value:
    """Return an interval times a number."""
    if factor.dtype.is_integer():
        number = factor.constant if isinstance(factor.constant, int) else factor.expr.cast(pl.Int64)
        found = {n: getattr(interval, n) for n in ("months", "days", "micros")}
        plain = {n: p if isinstance(p, int) and p == 0 else number * p for n, p in found.items()}
        return interval_value(call, Interval(**plain))
    return interval_value(call, _times(interval, call.cast(factor, pl.Float64()).expr))


_KEEPS_DATE = frozenset({
    "snowflake", "bigquery", "mysql", "spark", "databricks", "trino", "sqlite", "tsql",
})  # fmt: skip
"""A date and an interval of whole days is a date there; elsewhere a timestamp."""


def add_interval(
    call: Call, moment: Value, interval: Interval, sign: int = 1, *, keep_date: bool = False
) -> Value:
    """Return a date, time or timestamp moved by an interval.

    Months go first and the day is cut to the month's last one, then days, then time (ISO 9075-2, 6.34).

    Args:
        sign: -1 moves back.
        keep_date: a date stays a date where the interval has no time, whatever the dialect.
    """
    if isinstance(moment.dtype, pl.Time):
        nanos = (moment.expr.cast(pl.Int64) + _lit(interval.micros) * (1000 * sign)) % (_DAY * 1000)
        return call.value(nanos.cast(pl.Time), moment.dtype)
    if is_date(moment.dtype) and call.dialect == "datafusion":
        # A date stays one there: hours count as far as they are whole days.
        whole = _lit(interval.micros)
        days = (
            _lit(interval.days) + whole.sign() * (whole.abs() // _DAY) if _timed(interval) else interval.days
        )
        interval, keep_date = Interval(interval.months, days), True
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
