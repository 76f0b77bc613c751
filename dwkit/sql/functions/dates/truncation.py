"""DATE_TRUNC and its kin, LAST_DAY, NEXT_DAY."""

from __future__ import annotations

from functools import partial

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.functions.dates.units import WEEKDAYS, Unit, days_from, dow, moment_of, stamp, unit_of_node
from dwkit.sql.functions.dates.zones import in_zone, of_zone, zone_of
from dwkit.sql.types import is_date, is_text
from dwkit.sql.value import Value

__all__ = ["TRUNCATION", "truncated"]

_DAYS = {"MONTH": "1mo", "QUARTER": "1q", "YEAR": "1y", "DAY": "1d"}
_TIMES = {
    "HOUR": 3_600_000_000,
    "MINUTE": 60_000_000,
    "SECOND": 1_000_000,
    "MILLISECOND": 1000,
    "MICROSECOND": 1,
}
_YEARS = {"DECADE": 10, "CENTURY": 100, "MILLENNIUM": 1000}
_TO_TIMESTAMP = frozenset({"duckdb", "postgres", "redshift", "datafusion"})
"""DATE_TRUNC makes a timestamp of a date there."""


def _day_of(expr: pl.Expr) -> pl.Expr:
    return expr.cast(pl.Date)


def truncated(call: Call, value: Value, unit: Unit) -> pl.Expr:
    """Return the first moment of the unit that a date, time or timestamp is in, in its own type.

    Raises:
        SqlError: it cannot be cut at such a unit.
    """
    expr, dtype = value.expr, value.dtype
    if isinstance(dtype, pl.Time):
        if unit not in _TIMES:
            raise call.error(f"a time cannot be cut to {unit}")
        nanos = expr.cast(pl.Int64)
        return (nanos - nanos % (_TIMES[unit] * 1000)).cast(pl.Time)
    if isinstance(dtype, pl.Duration):
        length = {**_TIMES, "DAY": 86_400_000_000}.get(unit)
        if length is None:
            raise call.refuse(f"an interval cut to {unit}")
        micros = expr.dt.total_microseconds()
        return pl.duration(microseconds=micros.sign() * (micros.abs() // length * length))
    if unit in _TIMES:
        if is_date(dtype):
            return expr
        if unit == "MICROSECOND":
            return expr
        return expr.dt.truncate({"HOUR": "1h", "MINUTE": "1m", "SECOND": "1s", "MILLISECOND": "1ms"}[unit])
    if unit in _DAYS:
        return expr.dt.truncate(_DAYS[unit])
    day = expr.dt.date() if getattr(dtype, "time_zone", None) else _day_of(expr)
    if unit in ("WEEK", "ISOWEEK"):
        start = unit.start if unit == "WEEK" else 1
        made = days_from(day) - dow(day, start)
    elif unit == "YEARWEEKDAY":
        made = days_from(day) - (day.dt.ordinal_day().cast(pl.Int64) - 1) % 7
    elif unit == "ISOYEAR":
        fourth = pl.date(day.dt.iso_year(), 1, 4)
        made = days_from(fourth) - dow(fourth, 1)
    elif unit in _YEARS:
        length = _YEARS[unit]
        year = day.dt.year().cast(pl.Int64)
        # Centuries and millennia begin with their year 1, in DuckDB with the year 0.
        shift = 0 if unit == "DECADE" or call.dialect == "duckdb" else 1
        made = days_from(pl.date((year - shift) // length * length + shift, 1, 1))
    else:
        raise call.error(f"a date cannot be cut to {unit}")
    return (
        made.cast(pl.Int32).cast(pl.Date).cast(dtype)
        if not getattr(dtype, "time_zone", None)
        else (
            made.cast(pl.Int32).cast(pl.Date).cast(pl.Datetime("us")).dt.replace_time_zone(dtype.time_zone)  # type: ignore[attr-defined]
        )
    )


def _trunc(call: Call) -> Value:
    """DATE_TRUNC('unit', d), DATETIME_TRUNC(d, unit), DATETRUNC(unit, d)."""
    value = call.arg()
    if not isinstance(value.dtype, pl.Duration):
        value = moment_of(call, value, call.node.this, time=True, zoned=True)
    unit = unit_of_node(call, call.given("unit"))
    zone = call.given("zone")
    if zone is not None:
        return _in_zone(call, value, unit, call.constant("zone"))
    if is_date(value.dtype) and call.dialect in _TO_TIMESTAMP | {"spark", "databricks"}:
        value = call.cast(value, pl.Datetime("us"))
    elif is_date(value.dtype) and unit in _TIMES and call.dialect not in ("trino",):
        value = call.cast(value, pl.Datetime("us")) if call.dialect != "bigquery" else value
    return call.value(truncated(call, value, unit), value.dtype)


def _time_trunc(call: Call) -> Value:
    """TIME_TRUNC('unit', time) of Spark; other dialects' has a class of sqlglot."""
    if call.dialect not in ("spark", "databricks"):
        raise call.refuse("TIME_TRUNC")
    first, second = call.args()
    value = call.cast(second, pl.Time())
    if first.is_null:
        return call.cast(first, pl.Time())
    if not isinstance(first.constant, str):
        raise call.refuse("TIME_TRUNC to a computed unit")
    return call.value(truncated(call, value, unit_of_node(call, first.constant)), pl.Time())


def _in_zone(call: Call, value: Value, unit: Unit, name: object) -> Value:
    """The unit is that of another time zone's clock."""
    utc, zone = pl.Datetime("us", "UTC"), zone_of(call, name, call.given("zone"))
    local = Value(in_zone(call.cast(value, utc).expr, zone), pl.Datetime("us"), value.refs)
    return call.value(of_zone(truncated(call, local, unit), zone), utc)


def _date_trunc(call: Call) -> Value:
    """TRUNC(d, 'format') of Oracle, Snowflake and Spark, DATE_TRUNC(d, unit) of BigQuery."""
    value = moment_of(call, call.arg(), call.node.this)
    node = call.given("unit")
    if call.dialect in ("spark", "databricks"):
        return _spark_trunc(call, value, node)
    if call.dialect == "oracle":
        unit = unit_of_node(call, node, format_model=True)
        value = call.cast(value, pl.Datetime("us")) if is_date(value.dtype) else value
        return call.value(truncated(call, value, unit), pl.Datetime("us"))
    return _trunc(call)


_SPARK_TRUNC = {
    "YEAR": "YEAR", "YYYY": "YEAR", "YY": "YEAR", "QUARTER": "QUARTER", "MONTH": "MONTH", "MM": "MONTH",
    "MON": "MONTH", "WEEK": "WEEK",
}  # fmt: skip


def _spark_trunc(call: Call, value: Value, node: exp.Expr | None) -> Value:
    """Spark's TRUNC knows few units; with another one it is NULL."""
    unit = _SPARK_TRUNC.get(node.name.upper()) if node is not None else None
    day = call.cast(value, pl.Date())
    if unit is None:
        return call.value(pl.when(pl.lit(False)).then(day.expr), pl.Date())
    return call.value(truncated(call, day, Unit(unit)), pl.Date())


def _last_day(call: Call) -> Value:
    value = moment_of(call, call.arg(), call.node.this)
    oracle = call.dialect == "oracle"
    day = Value(_day_of(value.expr), pl.Date(), value.refs)
    unit = unit_of_node(call, call.given("unit"), "MONTH")
    amounts = {"MONTH": "1mo", "QUARTER": "1q", "YEAR": "1y", "WEEK": "1w", "ISOWEEK": "1w", "DAY": "1d"}
    if unit == "ISOYEAR":
        nearby = Value(truncated(call, day, unit).dt.offset_by("376d"), pl.Date())
        made = truncated(call, nearby, unit).dt.offset_by("-1d")
        return call.value(made, pl.Date())
    if unit not in amounts:
        raise call.refuse(f"LAST_DAY of a {unit}")
    made = truncated(call, day, unit).dt.offset_by(amounts[unit]).dt.offset_by("-1d")
    if oracle:
        clock = stamp(value) - _day_of(value.expr).cast(pl.Datetime("us"))
        return call.value(made.cast(pl.Datetime("us")) + clock, pl.Datetime("us"))
    return call.value(made, pl.Date())


def _next_day(forward: bool, call: Call) -> Value:
    """NEXT_DAY(d, 'MON'): the first such day after a date; PREVIOUS_DAY: the last one before it."""
    name = call.arg("expression")
    if is_text(name.dtype) and name.is_constant:
        number = _weekday(name.constant, call.dialect)
        if number is None:
            raise call.error(f"no day of the week {name.constant!r}", call.node.expression)
        wanted = pl.lit(number, dtype=pl.Int64)
    elif call.dialect in ("spark", "databricks") and (is_text(name.dtype) or name.is_null):
        known = {n.upper(): w for w, day in enumerate(WEEKDAYS) for n in (day[:2], day[:3], day)}
        upper = call.as_text(name).str.to_uppercase()
        wanted = upper.replace_strict(known, default=None, return_dtype=pl.Int64)
        unknown = upper.is_not_null() & wanted.is_null()
        wanted = call.checked(wanted, unknown, pl.format("no day of the week {}", upper))
    else:
        raise call.error(f"{call.name} wants the name of a day as a literal", call.node.expression)
    value = moment_of(call, call.arg(), call.node.this)
    day = _day_of(value.expr)
    # A date that is such a day itself counts as seven days away.
    away = (wanted - dow(day) + 6) % 7 + 1 if forward else (dow(day) - wanted + 6) % 7 + 1
    made = (days_from(day) + (away if forward else -away)).cast(pl.Int32).cast(pl.Date)
    if call.dialect == "oracle":
        clock = stamp(value) - day.cast(pl.Datetime("us"))
        return call.value(made.cast(pl.Datetime("us")) + clock, pl.Datetime("us"))
    return call.value(made, pl.Date())


def _weekday(name: str, dialect: str) -> int | None:
    """Return the number of a day, Sunday is 0; Spark takes two letters, three or all of them and no blanks."""
    plain = name.upper() if dialect in ("spark", "databricks") else name.strip().upper()
    for number, day in enumerate(WEEKDAYS):
        if dialect in ("spark", "databricks"):
            if plain in (day[:2], day[:3], day):
                return number
        elif len(plain) >= 2 and day.startswith(plain[: 3 if len(plain) > 2 else 2]):
            return number
    return None


TRUNCATION: Functions = {
    exp.TimestampTrunc: _trunc, exp.DatetimeTrunc: _trunc, exp.TimeTrunc: _trunc, exp.DateTrunc: _date_trunc,
    "TIME_TRUNC": _time_trunc,
    exp.LastDay: _last_day, exp.NextDay: partial(_next_day, True), exp.PreviousDay: partial(_next_day, False),
}  # fmt: skip
