"""Units of time and fields of a date as each dialect calls them."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Call
from dwkit.sql.types import is_date, is_text, is_timestamp, shown
from dwkit.sql.value import Value

__all__ = [
    "SUNDAY_WEEKS",
    "WEEKDAYS",
    "Unit",
    "clock_of",
    "days_from",
    "dow",
    "moment_of",
    "name_of_unit",
    "stamp",
    "unit_of_node",
]

WEEKDAYS = ("SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY")
SUNDAY_WEEKS = frozenset({"bigquery", "tsql", "mysql"})
"""A week begins on Sunday there (SQL Server: with the default DATEFIRST 7), elsewhere on Monday."""

_NAMES: Mapping[str, tuple[str, ...]] = {
    "MILLENNIUM": ("MIL", "MILS", "MILLENIUM", "MILLENNIA"), "CENTURY": ("C", "CENT", "CENTS", "CENTURIES"),
    "DECADE": ("DEC", "DECS"), "YEAR": ("Y", "YY", "YYY", "YYYY", "SYYYY", "SYEAR", "YR", "YRS"),
    "QUARTER": ("Q", "QTR", "QTRS", "QQ"), "MONTH": ("MM", "MON", "MONS"),
    "WEEK": ("W", "WK", "WW", "WOY", "WEEKOFYEAR", "WEEK_OF_YEAR"),
    "ISOWEEK": ("WEEKISO", "WEEK_ISO", "WEEKOFYEARISO", "WEEKOFYEAR_ISO", "ISO_WEEK", "ISOWK", "ISOWW", "IW"),
    "ISOYEAR": ("YEAROFWEEK", "YEAROFWEEKISO", "YEAR_OF_WEEK", "YOW", "ISO_YEAR", "IYYY", "IYY", "IY", "I"),
    "DAY": ("D", "DD", "DDD", "J", "DAYOFMONTH", "DAY_OF_MONTH", "DAYS", "DOM"),
    "DOW": ("DAYOFWEEK", "DAY_OF_WEEK", "WEEKDAY", "DW", "DWW"),
    "ISODOW": ("DAYOFWEEKISO", "DAYOFWEEK_ISO", "DAY_OF_WEEK_ISO", "DOW_ISO", "DOWISO", "DW_ISO", "WEEKDAY_ISO"),
    "DOY": ("DAYOFYEAR", "DAY_OF_YEAR", "DY", "YEARDAY"),
    "HOUR": ("H", "HH", "HR", "HRS", "HH24", "HH12"), "MINUTE": ("MI", "MIN", "MINS", "N"),
    "SECOND": ("S", "SS", "SEC", "SECS"), "MILLISECOND": ("MS", "MSEC", "MSECS", "MSECOND", "MSECONDS"),
    "MICROSECOND": ("US", "USEC", "USECS", "MCS", "USECOND", "USECONDS"),
    "NANOSECOND": ("NS", "NSEC", "NSECS", "NANOSEC", "NSECOND", "NSECONDS"),
    "EPOCH": ("EPOCH_SECOND", "EPOCH_SECONDS"), "EPOCH_MILLISECOND": ("EPOCH_MILLISECONDS",),
    "EPOCH_MICROSECOND": ("EPOCH_MICROSECONDS",), "EPOCH_NANOSECOND": ("EPOCH_NANOSECONDS",),
    "ERA": (), "JULIAN": (), "YEARWEEK": (), "TIMEZONE": (), "TIMEZONE_HOUR": ("TZH",), "TIMEZONE_MINUTE": ("TZM",),
    "DATE": (), "TIME": (), "DATETIME": (),
}  # fmt: skip
_BY_NAME = {alias: name for name, aliases in _NAMES.items() for alias in (name, *aliases)}
_OWN: Mapping[str, Mapping[str, str]] = {
    "tsql": {"M": "MONTH", "Y": "DOY", "DY": "DOY", "W": "DOW", "TZ": "TIMEZONE"},
    "snowflake": {"M": "MONTH"},
    "oracle": {
        "DAY": "WEEK",
        "DY": "WEEK",
        "D": "WEEK",
        "CC": "CENTURY",
        "SCC": "CENTURY",
        "RM": "MONTH",
        "WW": "YEARWEEKDAY",
    },
}
"""What a name means there and not elsewhere; Oracle's are the formats of TRUNC."""


_M_IS_MINUTE = frozenset({"duckdb", "postgres", "redshift", "spark", "databricks"})


class Unit(str):
    """A unit or field under its one name; a WEEK knows the day that it begins on, 0 is Sunday."""

    __slots__ = ("start",)
    start: int

    def __new__(cls, name: str, start: int = 1) -> Unit:
        """Make a unit of its one name."""
        made = super().__new__(cls, name)
        made.start = start
        return made


def name_of_unit(name: str, dialect: str, *, format_model: bool = False) -> Unit | None:
    """Return a unit by one of its names, None for an unknown one."""
    upper = name.strip().upper()
    if dialect != "oracle" or format_model:
        own = _OWN.get(dialect, {}).get(upper)
        if own is not None:
            return Unit(own, 0 if dialect in ("oracle", *SUNDAY_WEEKS) else 1)
    if upper == "M":
        upper = "MINUTE" if dialect in _M_IS_MINUTE else "MONTH"
    found = _BY_NAME.get(upper) or (_BY_NAME.get(upper[:-1]) if upper.endswith("S") else None)
    if found is None:
        return None
    return Unit(found, 0 if found == "WEEK" and dialect in SUNDAY_WEEKS else 1)


def unit_of_node(
    call: Call, node: exp.Expr | str | None, default: str = "DAY", *, format_model: bool = False
) -> Unit:
    """Return the unit that a part of a call names.

    Raises:
        SqlError: there is no such unit.
    """
    if node is None:
        return Unit(default)
    if isinstance(node, exp.WeekStart):
        day = node.this.name.upper()
        if day not in WEEKDAYS:
            raise call.error(f"no day of the week {day!r}", node)
        return Unit("WEEK", WEEKDAYS.index(day))
    name = node if isinstance(node, str) else node.name or node.sql()
    found = name_of_unit(name, call.dialect, format_model=format_model)
    if found is None:
        raise call.error(f"no unit of time {name!r}", node if isinstance(node, exp.Expr) else None)
    return found


def moment_of(
    call: Call, value: Value, node: exp.Expr | None = None, *, time: bool = False, zoned: bool = False
) -> Value:
    """Return a value as a date or a timestamp; text is read as the one that it looks like.

    Args:
        time: it may be a time of day as well.
        zoned: a text with an offset is that moment in Spark, whose timestamps have a zone; its dates have none.

    Raises:
        SqlError: it is none.
    """
    if is_date(value.dtype) or is_timestamp(value.dtype) or (time and isinstance(value.dtype, pl.Time)):
        return value
    if is_text(value.dtype) or value.is_null or isinstance(value.dtype, pl.Null):
        known = value.constant.strip() if isinstance(value.constant, str) else None
        if time and known is not None and ":" in known and "-" not in known:
            return call.cast(value, pl.Time())
        if known is not None and len(known) <= 10:
            return call.cast(value, pl.Date())
        zone = "UTC" if zoned and call.dialect in ("spark", "databricks") else None
        return call.cast(value, pl.Datetime("us", zone))
    raise call.error(f"{call.name} wants a date or a timestamp, not {shown(value.dtype)}", node)


def clock_of(call: Call, value: Value, node: exp.Expr | None = None, *, time: bool = False) -> Value:
    """Return a value as a date or a timestamp; a text with an offset as what the clock shows then, in UTC."""
    moment = moment_of(call, value, node, time=time, zoned=True)
    read = is_text(value.dtype) and is_timestamp(moment.dtype)
    return call.cast(moment, pl.Datetime("us")) if read else moment


def stamp(value: Value) -> pl.Expr:
    """Return a date or timestamp as a timestamp."""
    return value.expr.cast(pl.Datetime("us")) if is_date(value.dtype) else value.expr


def days_from(expr: pl.Expr) -> pl.Expr:
    """Return the days from 1970-01-01 to a date or timestamp."""
    return expr.cast(pl.Date).to_physical().cast(pl.Int64)


def dow(expr: pl.Expr, start: int = 0) -> pl.Expr:
    """Return how many days a date is after the last day of the week `start`, 0 is Sunday."""
    return (expr.dt.weekday().cast(pl.Int64) + (7 - start)) % 7
