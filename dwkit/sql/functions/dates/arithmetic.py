"""DATE_ADD and its kin, ADD_MONTHS, and functions that make intervals."""

from __future__ import annotations

from functools import partial

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Builder, Call, Functions
from dwkit.sql.functions.dates.units import moment_of, name_of_unit, unit_of_node
from dwkit.sql.functions.interval import (
    add_interval,
    interval_of,
    interval_value,
    of_unit,
    of_units,
    parts_of,
)
from dwkit.sql.types import is_date, is_text
from dwkit.sql.value import Interval, Value

__all__ = ["ARITHMETIC", "moved"]

_SPARK = ("spark", "databricks")
_TEXT_IS_TIMESTAMP = frozenset({"tsql", "snowflake", "redshift", "postgres"})
_TIMES = frozenset({"HOUR", "MINUTE", "SECOND", "MILLISECOND", "MICROSECOND", "NANOSECOND"})


def moved(call: Call, value: Value, amount: exp.Expr, unit: exp.Expr | str | None, sign: int) -> Value:
    """Return a date, time or timestamp moved by an amount of a unit, or by an interval.

    Raises:
        SqlError: no such unit, or the amount is no number.
    """
    start = moment_of(call, value, time=True, zoned=True)
    if is_text(value.dtype) and is_date(start.dtype) and call.dialect in _TEXT_IS_TIMESTAMP:
        start = call.cast(start, pl.Datetime("us"))
    by = _amount(call, amount, unit)
    if is_date(start.dtype) and call.dialect == "tsql" and not is_text(value.dtype) and _is_time(unit):
        raise call.error("a date has no time of day to add to", hint="cast it to datetime2")
    keep = by.keeps_date
    return add_interval(call, start, by.interval, sign, keep_date=keep)


class _By:
    def __init__(self, interval: Interval, *, keeps_date: bool = False) -> None:
        self.interval = interval
        self.keeps_date = keeps_date


def _is_time(unit: exp.Expr | str | None) -> bool:
    name = unit if isinstance(unit, str) else unit.name if unit is not None else ""
    return (name_of_unit(name, "tsql") or "") in _TIMES


def _amount(call: Call, amount: exp.Expr, unit: exp.Expr | str | None) -> _By:
    if isinstance(amount, exp.Literal) and amount.is_string and isinstance(unit, exp.Expr):
        value = interval_of(call, amount, unit)
    else:
        value = call.bind(amount)
    if value.interval is not None:
        return _By(value.interval)
    name = unit_of_node(call, unit)
    whole = call.cast(value, pl.Int64())
    found = of_unit(whole.constant if isinstance(whole.constant, int) else whole.expr, name)
    if found is None:
        raise call.error(f"nothing can be added in {name}")
    return _By(found, keeps_date=unit is None)


def _add(sign: int, call: Call) -> Value:
    node = call.node
    inner = node.this
    if isinstance(inner, exp.TsOrDsToDate) and inner.args.get("format") is None:
        inner = inner.this
    value = call.bind(inner)
    if call.dialect in _SPARK and isinstance(node, exp.TimestampAdd) and not _is_stamp(value):
        moment = moment_of(call, value, inner, zoned=True)
        value = moment if _is_stamp(moment) else call.cast(moment, pl.Datetime("us"))
    return moved(call, value, node.expression, call.given("unit"), sign)


def _is_stamp(value: Value) -> bool:
    return isinstance(value.dtype, pl.Datetime)


def _ts_or_ds_add(call: Call) -> Value:
    """Spark's DATE_ADD(d, days) gives a date, Redshift's DATEADD a timestamp."""
    node = call.node
    value = call.arg()
    if call.dialect in _SPARK:
        by = _amount(call, node.expression, call.given("unit"))
        day = call.cast(moment_of(call, value, node.this), pl.Date())
        return add_interval(call, day, by.interval, keep_date=True)
    return moved(call, value, node.expression, call.given("unit"), 1)


def _by_name(sign: int, call: Call) -> Value:
    """DATEADD('unit', n, d) where sqlglot has no class for it; DATE_ADD(d, n), ADDDATE(d, n)."""
    nodes = call.node.expressions
    if len(nodes) == 3:
        return moved(call, call.bind(nodes[2]), nodes[1], nodes[0], sign)
    if len(nodes) != 2:
        raise call.error(f"{call.name} wants a date and what to add")
    return moved(call, call.bind(nodes[0]), nodes[1], None, sign)


_KEEPS_LAST = frozenset({"oracle", "snowflake", "redshift"})
"""ADD_MONTHS of the last day of a month is a last day there."""


def _add_months(call: Call) -> Value:
    first, second = (
        call.args() if isinstance(call.node, exp.Anonymous) else (call.arg(), call.arg("expression"))
    )
    value, months = moment_of(call, first), call.cast(second, pl.Int64())
    if call.dialect in _SPARK:
        value = call.cast(value, pl.Date())
    elif is_date(value.dtype) and call.dialect == "redshift":
        value = call.cast(value, pl.Datetime("us"))
    amount = months.constant if isinstance(months.constant, int) else months.expr
    made = add_interval(call, value, Interval(months=amount), keep_date=True)
    if call.dialect not in _KEEPS_LAST:
        return call.value(made.expr, made.dtype)
    is_last = value.expr.dt.day() == value.expr.dt.days_in_month()
    return call.value(pl.when(is_last).then(made.expr.dt.month_end()).otherwise(made.expr), made.dtype)


# -- intervals from numbers -----------------------------------------------------------------------------


def _to(unit: str, call: Call) -> Value:
    """TO_MINUTES(n) and its kin."""
    value = call.args()[0] if isinstance(call.node, exp.Anonymous) else call.arg()
    if unit in ("SECOND", "MILLISECOND") and not value.dtype.is_integer():
        micros = call.cast(value, pl.Float64()).expr * (1_000_000 if unit == "SECOND" else 1000)
        return interval_value(call, Interval(micros=micros.round().cast(pl.Int64)))
    found = of_unit(call.cast(value, pl.Int64()).expr, unit)
    assert found is not None
    return interval_value(call, found)


def _num_to(call: Call) -> Value:
    """NUMTODSINTERVAL(n, 'unit'), NUMTOYMINTERVAL(n, 'unit')."""
    first, second = call.node.expressions
    value = call.bind(first)
    found = of_units(
        value.constant if value.is_constant else call.cast(value, pl.Float64()).expr,
        unit_of_node(call, second),
    )
    if found is None:
        raise call.error("no such unit", second)
    return interval_value(call, found)


def _read(span: str, call: Call) -> Value:
    """TO_DSINTERVAL('1 02:03:04'), TO_YMINTERVAL('1-2')."""
    value = call.args()[0]
    if not isinstance(value.constant, str):
        raise call.error(f"{call.name} wants a literal")
    return interval_value(call, parts_of(call, value.constant, span))


_MAKE = ("years", "months", "weeks", "days", "hours", "mins", "secs")


def _make_interval(call: Call) -> Value:
    """MAKE_INTERVAL(years, months, weeks, days, hours, mins, secs), by position or by name."""
    units = {
        "years": "YEAR",
        "months": "MONTH",
        "weeks": "WEEK",
        "days": "DAY",
        "hours": "HOUR",
        "mins": "MINUTE",
        "secs": "SECOND",
    }
    parts: list[Interval] = []
    for key, name in zip(call.node.arg_types, _MAKE, strict=False):
        given = call.given(key)
        if not isinstance(given, exp.Expr):
            continue
        unit = name
        if isinstance(given, exp.Kwarg):
            unit = given.this.name.lower().rstrip("s") + "s"
            unit = {"minutes": "mins", "seconds": "secs"}.get(unit, unit)
            given = given.expression
        if unit not in units:
            raise call.error(f"MAKE_INTERVAL has no {unit}")
        value = call.bind(given)
        amount = (
            value.constant
            if value.is_constant
            else call.cast(value, pl.Float64() if unit == "secs" else pl.Int64()).expr
        )
        found = of_units(amount, units[unit])
        if found is None:
            raise call.error("MAKE_INTERVAL wants numbers")
        parts.append(found)
    total = {n: sum((getattr(p, n) for p in parts), start=0) for n in ("months", "days", "micros")}
    for name, part in total.items():
        if name != "micros" and isinstance(part, int) and not -(2**31) <= part < 2**31:
            raise call.error(f"an interval has no {part} {name}")
        if name != "micros" and isinstance(part, pl.Expr):
            total[name] = part.cast(pl.Int32, strict=True).cast(pl.Int64)
    return interval_value(call, Interval(**total))


def _justify(days: bool, hours: bool, call: Call) -> Value:
    """JUSTIFY_HOURS: 24 hours are a day; JUSTIFY_DAYS: 30 days are a month; all parts get one sign."""
    value = call.arg()
    if value.interval is None:
        raise call.error(f"{call.name} wants an interval")
    lits = [
        pl.lit(p, dtype=pl.Int64) if isinstance(p, int) else p
        for p in (value.interval.months, value.interval.days, value.interval.micros)
    ]
    months, days_, micros = lits
    day = 86_400_000_000
    if hours:
        whole = micros.sign() * (micros.abs() // day)
        days_, micros = days_ + whole, micros - whole * day
    if days:
        whole = days_.sign() * (days_.abs() // 30)
        months, days_ = months + whole, days_ - whole * 30
        ahead = (days_ < 0) | ((days_ == 0) & (micros < 0)) if hours else days_ < 0
        behind = (days_ > 0) | ((days_ == 0) & (micros > 0)) if hours else days_ > 0
        fix = ((months > 0) & ahead).cast(pl.Int64) - ((months < 0) & behind).cast(pl.Int64)
        months, days_ = months - fix, days_ + fix * 30
    if hours:
        fix = ((days_ > 0) & (micros < 0)).cast(pl.Int64) - ((days_ < 0) & (micros > 0)).cast(pl.Int64)
        days_, micros = days_ - fix, micros + fix * day
    return interval_value(call, Interval(months, days_, micros))


def _add_time(sign: int, call: Call) -> Value:
    """ADDTIME(d, '1:00:00'), SUBTIME: MySQL's."""
    first, second = call.node.expressions
    value, by = moment_of(call, call.bind(first), first, time=True), call.bind(second)
    if isinstance(by.constant, str):
        return add_interval(call, value, parts_of(call, by.constant, "DAY TO SECOND"), sign)
    if isinstance(by.dtype, pl.Time):
        return add_interval(call, value, Interval(micros=by.expr.cast(pl.Int64) // 1000), sign)
    raise call.error(f"{call.name} wants a time to add", second)


_TO = {
    "TO_MILLENNIA": "MILLENNIUM", "TO_CENTURIES": "CENTURY", "TO_DECADES": "DECADE", "TO_YEARS": "YEAR",
    "TO_QUARTERS": "QUARTER", "TO_MONTHS": "MONTH", "TO_WEEKS": "WEEK", "TO_HOURS": "HOUR",
    "TO_MINUTES": "MINUTE", "TO_SECONDS": "SECOND", "TO_MILLISECONDS": "MILLISECOND", "TO_MICROSECONDS": "MICROSECOND",
}  # fmt: skip

_PLUS: dict[type[exp.Expr] | str, Builder] = {
    key: partial(_add, 1) for key in (exp.DateAdd, exp.DatetimeAdd, exp.TimestampAdd, exp.TimeAdd)
}
_MINUS: dict[type[exp.Expr] | str, Builder] = {
    key: partial(_add, -1) for key in (exp.DateSub, exp.DatetimeSub, exp.TimestampSub, exp.TimeSub)
}

ARITHMETIC: Functions = {
    **_PLUS, **_MINUS,
    exp.TsOrDsAdd: _ts_or_ds_add, "DATEADD": partial(_by_name, 1), "DATE_ADD": partial(_by_name, 1),
    "ADDDATE": partial(_by_name, 1), "SUBDATE": partial(_by_name, -1), exp.AddMonths: _add_months, "ADD_MONTHS": _add_months,
    "ADDTIME": partial(_add_time, 1), "SUBTIME": partial(_add_time, -1),
    **{name: partial(_to, unit) for name, unit in _TO.items()},
    exp.ToDays: partial(_to, "DAY"), "NUMTODSINTERVAL": _num_to, "NUMTOYMINTERVAL": _num_to, "TO_DSINTERVAL": partial(_read, "DAY TO SECOND"),
    "TO_YMINTERVAL": partial(_read, "YEAR TO MONTH"), exp.MakeInterval: _make_interval,
    "MAKE_DT_INTERVAL": lambda call: _sum_of(call, ("DAY", "HOUR", "MINUTE", "SECOND")),
    "MAKE_YM_INTERVAL": lambda call: _sum_of(call, ("YEAR", "MONTH")),
    exp.JustifyDays: partial(_justify, True, False), exp.JustifyHours: partial(_justify, False, True),
    exp.JustifyInterval: partial(_justify, True, True),
}  # fmt: skip


def _sum_of(call: Call, units: tuple[str, ...]) -> Value:
    """MAKE_DT_INTERVAL and MAKE_YM_INTERVAL: what is left out is 0, of a NULL comes NULL."""
    if len(call.node.expressions) > len(units):
        raise call.error(f"{call.name} wants up to {len(units)} numbers")
    total = Interval()
    for value, unit in zip(call.args(), units, strict=False):
        amount = (
            value.constant
            if value.is_constant and not value.is_null
            else call.cast(value, pl.Float64() if unit == "SECOND" else pl.Int64()).expr
        )
        one = of_units(amount, unit)
        if one is None:
            raise call.error(f"{call.name} wants numbers")
        total = Interval(total.months + one.months, total.days + one.days, total.micros + one.micros)
    return interval_value(call, total)
