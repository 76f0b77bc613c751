"""EXTRACT, DATE_PART, YEAR() and all other functions that give one field of a date, a time or an interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Builder, Call, Functions
from dwkit.sql.functions.dates.units import Unit, days_from, dow, moment_of, stamp, unit_of_node
from dwkit.sql.functions.decimals import unscaled
from dwkit.sql.types import is_date
from dwkit.sql.value import Interval, Value

__all__ = ["FIELDS", "field_of", "field_value"]

_INT = pl.Int64()
_DAY = 86_400_000_000
_SPARK = ("spark", "databricks")

_SUNDAY_IS_0 = frozenset({"duckdb", "postgres", "redshift", "snowflake", "sqlite", "oracle", "datafusion"})
_WITH_SECONDS = frozenset({"duckdb", "postgres", "datafusion"})
"""Milliseconds and microseconds count the whole seconds of the minute there as well, elsewhere their fraction alone."""


def _week(e: pl.Expr, start: int) -> pl.Expr:
    """The week of the year; it begins on a day, and the days before the first such day are in week 0."""
    return (e.dt.ordinal_day().cast(_INT) + 6 - dow(e, start)) // 7


def _week_of_jan_1(e: pl.Expr) -> pl.Expr:
    return (e.dt.ordinal_day().cast(_INT) - dow(e) + 12) // 7


_PLAIN: Mapping[str, Callable[[pl.Expr], pl.Expr]] = {
    "YEAR": lambda e: e.dt.year(), "QUARTER": lambda e: e.dt.quarter(), "MONTH": lambda e: e.dt.month(),
    "DAY": lambda e: e.dt.day(), "ISOWEEK": lambda e: e.dt.week(), "ISOYEAR": lambda e: e.dt.iso_year(),
    "ISODOW": lambda e: e.dt.weekday(), "DOY": lambda e: e.dt.ordinal_day(),
    "HOUR": lambda e: e.dt.hour(), "MINUTE": lambda e: e.dt.minute(), "SECOND": lambda e: e.dt.second(),
    "DECADE": lambda e: e.dt.year().cast(_INT) // 10,
    "CENTURY": lambda e: (e.dt.year().cast(_INT) + 99) // 100,
    "MILLENNIUM": lambda e: (e.dt.year().cast(_INT) + 999) // 1000,
    "ERA": lambda e: (e.dt.year() > 0).cast(_INT), "YEARWEEK": lambda e: e.dt.iso_year().cast(_INT) * 100 + e.dt.week(),
    "TIMEZONE": lambda e: e.dt.year() * 0, "TIMEZONE_HOUR": lambda e: e.dt.year() * 0,
    "TIMEZONE_MINUTE": lambda e: e.dt.year() * 0,
}  # fmt: skip
_OF_DAY = frozenset({
    "HOUR", "MINUTE", "SECOND", "MILLISECOND", "MICROSECOND", "NANOSECOND", "EPOCH", "EPOCH_MILLISECOND",
    "EPOCH_MICROSECOND", "EPOCH_NANOSECOND",
})  # fmt: skip
"""Fields that a time has."""
_EPOCHS = {
    "EPOCH": 1,
    "EPOCH_MILLISECOND": 1000,
    "EPOCH_MICROSECOND": 1_000_000,
    "EPOCH_NANOSECOND": 1_000_000_000,
}
_PARTS = {"MILLISECOND": 1000, "MICROSECOND": 1_000_000, "NANOSECOND": 1_000_000_000}


def field_of(call: Call, value: Value, unit: Unit) -> Value:
    """Return a field of a value.

    Raises:
        SqlError: the value has no such field, or is none that has fields.
    """
    if value.interval is not None or isinstance(value.dtype, pl.Duration):
        return _of_interval(call, value, unit)
    value = moment_of(call, value, time=True, zoned=unit in _OF_DAY)
    is_time = isinstance(value.dtype, pl.Time)
    if is_time and unit not in _OF_DAY:
        raise call.error(f"a time has no {unit}")
    expr = stamp(value) if unit in _OF_DAY else value.expr
    if unit in ("DATE", "TIME", "DATETIME") and call.dialect == "bigquery":
        kinds: dict[str, pl.DataType] = {"DATE": pl.Date(), "TIME": pl.Time(), "DATETIME": pl.Datetime("us")}
        return call.cast(value, kinds[unit])
    if unit in _EPOCHS:
        return _epoch(call, expr, _EPOCHS[unit], is_time=is_time)
    if (
        unit == "SECOND"
        and (call.dialect in ("postgres", "oracle") or call.dialect in _SPARK)
        and isinstance(call.node, exp.Extract | exp.Anonymous)
    ):
        micros = expr.dt.second().cast(_INT) * 1_000_000 + _micro(expr)
        return call.value(_exact(micros), pl.Decimal(18, 6))
    if unit in _PARTS:
        return _part(call, expr, _PARTS[unit])
    if unit == "JULIAN":
        made = days_from(expr).cast(pl.Float64) + 2440588.0
        if not is_date(value.dtype):
            made = made + (expr.cast(pl.Datetime("us")).to_physical() % _DAY).cast(pl.Float64) / _DAY
        return call.value(made, pl.Float64())
    return call.value(field_value(call, expr, unit).cast(_INT), _INT)


def field_value(call: Call, expr: pl.Expr, unit: Unit) -> pl.Expr:
    """Return a field that is a whole number.

    Raises:
        SqlError: it is no field of a date.
    """
    if unit == "WEEK":
        if unit.start != 1 or call.dialect == "bigquery":
            return _week_of_jan_1(expr) if call.dialect == "tsql" else _week(expr, unit.start)
        return expr.dt.week()
    if unit == "DOW":
        if call.dialect == "trino":
            return expr.dt.weekday()
        return dow(expr) + (0 if call.dialect in _SUNDAY_IS_0 else 1)
    make = _PLAIN.get(unit)
    if make is None:
        raise call.refuse(f"field {unit}")
    return make(expr)


def _micro(expr: pl.Expr) -> pl.Expr:
    return expr.dt.nanosecond().cast(_INT) // 1000


def _exact(micros: pl.Expr) -> pl.Expr:
    """Millionths as a decimal."""
    return unscaled(micros, 6)


def _part(call: Call, expr: pl.Expr, parts: int) -> Value:
    nanos = expr.dt.nanosecond().cast(_INT)
    made = nanos // (1_000_000_000 // parts)
    if call.dialect in _WITH_SECONDS:
        if call.dialect == "postgres" and parts == 1000:
            micros = expr.dt.second().cast(_INT) * 1_000_000 + _micro(expr)
            return call.value(micros.cast(pl.Float64) / 1000, pl.Float64())
        made = made + expr.dt.second().cast(_INT) * parts
    return call.value(made, _INT)


def _epoch(call: Call, expr: pl.Expr, parts: int, *, is_time: bool) -> Value:
    micros = expr.cast(pl.Int64) // 1000 if is_time else expr.dt.epoch("us")
    if parts > 1:
        return call.value(
            micros * (parts // 1_000_000) if parts >= 1_000_000 else micros // (1_000_000 // parts), _INT
        )
    if call.dialect == "postgres":
        return call.value(_exact(micros), pl.Decimal(18, 6))
    if call.dialect in ("duckdb", "trino", "datafusion"):
        seconds = (micros // 1_000_000).cast(pl.Float64) + (micros % 1_000_000).cast(pl.Float64) / 1_000_000
        return call.value(seconds, pl.Float64())
    return call.value(micros // 1_000_000, _INT)


# -- of intervals -----------------------------------------------------------------------------------


def _of_interval(call: Call, value: Value, unit: Unit) -> Value:
    parts = value.interval
    if parts is None:
        whole = value.expr.dt.total_microseconds()
        days = _cut(whole, _DAY)
        parts = Interval(0, days, whole - days * _DAY)
    months, days, micros = (
        pl.lit(p, dtype=_INT) if isinstance(p, int) else p.cast(_INT)
        for p in (parts.months, parts.days, parts.micros)
    )
    if unit == "EPOCH":
        in_years = (
            months * 30
            if call.dialect == "datafusion"
            else _cut(months, 12) * 365.25 + _rest(months, 12) * 30
        )
        seconds = (in_years + days) * 86400 + micros / 1_000_000
        return call.value(seconds, pl.Float64())
    made = {
        "MILLENNIUM": _cut(months, 12_000), "CENTURY": _cut(months, 1200), "DECADE": _cut(months, 120),
        "YEAR": _cut(months, 12), "QUARTER": _cut(_rest(months, 12), 3) + 1, "MONTH": _rest(months, 12), "DAY": days,
        "HOUR": _cut(micros, 3_600_000_000), "MINUTE": _rest(_cut(micros, 60_000_000), 60),
        "SECOND": _rest(_cut(micros, 1_000_000), 60), "MILLISECOND": _cut(_rest(micros, 60_000_000), 1000),
        "MICROSECOND": _rest(micros, 60_000_000),
    }.get(unit)  # fmt: skip
    if made is None:
        raise call.error(f"an interval has no {unit}")
    if unit == "SECOND" and call.dialect in ("postgres", "oracle"):
        return call.value(_exact(_rest(micros, 60_000_000)), pl.Decimal(18, 6))
    return call.value(made, _INT)


def _cut(a: pl.Expr, b: int) -> pl.Expr:
    """A quotient without its fraction, also of a negative number."""
    return a.sign() * (a.abs() // b)


def _rest(a: pl.Expr, b: int) -> pl.Expr:
    return a.sign() * (a.abs() % b)


# -- the functions ------------------------------------------------------------------------------------


def _extract(call: Call) -> Value:
    node = call.node.this
    value = call.arg("expression")
    if call.dialect == "mysql":
        composite = _COMPOSITES.get(node.name.upper())
        if composite is not None:
            return _composite(call, value, composite)
    return field_of(call, value, unit_of_node(call, node))


_COMPOSITES = {
    "YEAR_MONTH": ("YEAR", "MONTH"), "DAY_HOUR": ("DAY", "HOUR"), "DAY_MINUTE": ("DAY", "HOUR", "MINUTE"),
    "DAY_SECOND": ("DAY", "HOUR", "MINUTE", "SECOND"), "HOUR_MINUTE": ("HOUR", "MINUTE"),
    "HOUR_SECOND": ("HOUR", "MINUTE", "SECOND"), "MINUTE_SECOND": ("MINUTE", "SECOND"),
}  # fmt: skip


def _composite(call: Call, value: Value, names: tuple[str, ...]) -> Value:
    """EXTRACT(YEAR_MONTH FROM d) and its kin: the fields, two digits each, as one number."""
    moment = moment_of(call, value)
    expr = stamp(moment)
    made: pl.Expr = pl.lit(0, dtype=_INT)
    for name in names:
        made = made * 100 + _PLAIN[name](expr).cast(_INT)
    return call.value(made, _INT)


def _part_by_name(call: Call) -> Value:
    """DATE_PART('name', d)."""
    first, second = call.node.expressions
    if isinstance(first, exp.Array):
        value = call.bind(second)
        made = [(n.name, field_of(call, value, unit_of_node(call, n)).expr) for n in first.expressions]
        fields = pl.struct(e.alias(n) for n, e in made)
        return call.value(pl.when(value.expr.is_not_null()).then(fields), call.type_of(fields))
    if isinstance(first, exp.Literal | exp.Column | exp.Var):
        unit, value = unit_of_node(call, first), call.bind(second)
        if call.dialect == "redshift" and unit == "SECOND" and value.interval is None:
            # Redshift's DATE_PART has the fraction, its EXTRACT has not.
            expr = stamp(moment_of(call, value, time=True))
            return call.value(expr.dt.second().cast(pl.Float64) + _micro(expr) / 1_000_000, pl.Float64())
        return field_of(call, value, unit)
    name = call.bind(first).constant
    if isinstance(name, str):  # as of 'year'::text
        return field_of(call, call.bind(second), unit_of_node(call, name))
    raise call.error("the name of a field is wanted here", first)


def _get(name: str, call: Call) -> Value:
    """YEAR(d) and its kin."""
    node = call.node.this if not isinstance(call.node, exp.Anonymous) else call.node.expressions[0]
    # The wrapper that sqlglot puts around the argument would take the time of day off.
    inner = node.this if isinstance(node, exp.TsOrDsToDate) and node.args.get("format") is None else node
    unit = unit_of_node(call, name)
    if name == "WEEK" and call.dialect == "mysql":
        return _mysql_week(call, call.bind(inner))
    return field_of(call, call.bind(inner), unit)


def _mysql_week(call: Call, value: Value) -> Value:
    mode = call.constant("mode", 0)
    if mode not in range(8):
        raise call.error(f"WEEK has the modes 0 to 7, not {mode!r}")
    moment = moment_of(call, value)
    return call.value(mysql_week(moment.expr, mode)[1], _INT)


def mysql_week(e: pl.Expr, mode: int) -> tuple[pl.Expr, pl.Expr]:
    """Return year and week of a date as MySQL's WEEK counts them in a mode.

    Bits of the mode: 1, weeks begin on Monday; 2, weeks are 1 to 53, not 0 to 53; 4, the first week is the first
    whole one where 1 is not set, or the first with four days where it is (the manual's table of modes).
    """
    start = mode & 1
    four_days = bool(mode & 1) != bool(mode & 4)
    # A week belongs to the year of its fourth day, or of its first, by what counts as the first week.
    first = days_from(e) - dow(e, start)
    decider = (first + 3 if four_days else first).cast(pl.Int32).cast(pl.Date)
    year = decider.dt.year().cast(_INT)
    week = (decider.dt.ordinal_day().cast(_INT) - 1) // 7 + 1
    if mode & 2:
        return year, week
    own = e.dt.year().cast(_INT)
    # A day of the old year's last week is in week 0; one of the new year's first week goes on counting.
    start_of = pl.date(own, 1, 1)
    last = (e.dt.ordinal_day().cast(_INT) - 1 + dow(start_of, start)) // 7
    opens = (dow(start_of, start) <= 3) if four_days else (dow(start_of, start) == 0)
    return own, last + opens.cast(_INT)


def _yearweek(call: Call) -> Value:
    if call.dialect != "mysql":
        return _get("YEARWEEK", call)
    args = call.args()
    mode = args[1].constant if len(args) > 1 else 0
    if mode not in range(8):
        raise call.error("YEARWEEK has the modes 0 to 7")
    year, week = mysql_week(moment_of(call, args[0]).expr, mode | 2)
    return call.value(year * 100 + week, _INT)


def _weekday(call: Call) -> Value:
    """WEEKDAY(d): Monday is 0 in MySQL and Spark, Sunday is 0 in DuckDB."""
    if call.dialect == "duckdb":
        return _get("DOW", call)
    if call.dialect in ("mysql", *_SPARK):
        value = moment_of(call, call.args()[0])
        return call.value(dow(value.expr, 1), _INT)
    raise call.refuse("function WEEKDAY")


def _named(code: str, short: str, call: Call) -> Value:
    value = moment_of(call, call.arg())
    abbreviated = call.has("abbreviated") or call.dialect in _SPARK
    return call.value(value.expr.dt.strftime(short if abbreviated else code), pl.String())


def _of(*names: str) -> dict[type[exp.Expr] | str, Builder]:
    return {name: partial(_get, name) for name in names}


FIELDS: Functions = {
    exp.Extract: _extract, "DATE_PART": _part_by_name, "PGDATE_PART": _part_by_name, "DATEPART": _part_by_name,
    exp.Year: partial(_get, "YEAR"), exp.Month: partial(_get, "MONTH"), exp.Day: partial(_get, "DAY"),
    exp.DayOfMonth: partial(_get, "DAY"), exp.DayOfYear: partial(_get, "DOY"), exp.DayOfWeek: partial(_get, "DOW"),
    exp.DayOfWeekIso: partial(_get, "ISODOW"), exp.Week: partial(_get, "WEEK"), exp.WeekOfYear: partial(_get, "ISOWEEK"),
    exp.YearOfWeek: partial(_get, "ISOYEAR"), exp.YearOfWeekIso: partial(_get, "ISOYEAR"),
    exp.Quarter: partial(_get, "QUARTER"), exp.Hour: partial(_get, "HOUR"), exp.Minute: partial(_get, "MINUTE"),
    exp.Second: partial(_get, "SECOND"), "YEARWEEK": _yearweek, "WEEKDAY": _weekday,
    exp.Dayname: partial(_named, "%A", "%a"), exp.Monthname: partial(_named, "%B", "%b"),
    "YOW": partial(_get, "ISOYEAR"), "ISOYEAR": partial(_get, "ISOYEAR"), "DOW": partial(_get, "DOW"),
    **_of("MILLISECOND", "MICROSECOND", "NANOSECOND", "ERA", "CENTURY", "DECADE", "MILLENNIUM", "JULIAN",
          "TIMEZONE_HOUR", "TIMEZONE_MINUTE"),
}  # fmt: skip
