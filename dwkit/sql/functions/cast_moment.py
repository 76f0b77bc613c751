"""Dates, times and timestamps as a cast makes them: of text, of numbers and of each other."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from dwkit.sql.types import is_integer
from dwkit.sql.value import Value

__all__ = [
    "moment_to_moment",
    "moment_to_number",
    "named_zone",
    "number_to_moment",
    "on_clock",
    "text_to_moment",
]

_SPARK = frozenset({"spark", "databricks"})
_MONTH_FIRST = frozenset({"postgres", "redshift", "tsql", "snowflake"})
"""``1/31/2024`` is read there, month first."""
_EIGHT_DIGITS = frozenset({"postgres", "redshift", "tsql", "mysql", "datafusion"})
"""``20240131`` is read there."""
_CLOCK = r"\d{1,2}:\d{1,2}(?::\d{1,2}(?:\.\d*)?)?"
_ZONE = r"\s*(?:Z|z|UTC|GMT|[+-]\d{1,2}(?::?\d{2})?)"


def text_to_moment(text: pl.Expr, dtype: pl.DataType, dialect: str, *, strict: bool) -> pl.Expr | None:
    """Return text as a date, a time or a timestamp, None for another type.

    Args:
        strict: what is none is an error when it runs, else NULL.
    """
    if isinstance(dtype, pl.Date):
        return _to_date(text, dialect, strict=strict)
    if isinstance(dtype, pl.Datetime):
        return _to_stamp(text, dtype, dialect, strict=strict)
    if isinstance(dtype, pl.Time):
        return _to_time(text, strict=strict)
    return None


def _day(text: pl.Expr, dialect: str) -> pl.Expr:
    """Return text with its date as ``YYYY-MM-DD`` where it begins with one in another spelling."""
    made = text.str.replace(r"^(\d{4})[/.](\d{1,2})[/.](\d{1,2})", "$1-$2-$3")
    if dialect in _MONTH_FIRST:
        made = made.str.replace(r"^(\d{1,2})/(\d{1,2})/(\d{4})", "$3-$1-$2")
    if dialect in _EIGHT_DIGITS:
        made = made.str.replace(r"^(\d{4})(\d\d)(\d\d)( |T|$)", "$1-$2-$3$4")
    if dialect == "oracle":
        # NLS_DATE_FORMAT as it is by default.
        named = made.str.extract(r"^(\d{1,2}-[A-Za-z]{3}-\d\d)(?:\s|$)").str.to_date("%d-%b-%y", strict=False)
        rest = made.str.replace(r"^\S+", "")
        made = (
            pl.when(named.is_not_null())
            .then(pl.concat_str(named.dt.strftime("%Y-%m-%d"), rest))
            .otherwise(made)
        )
    if dialect in _SPARK:
        made = made.str.replace(r"^(\d{4})$", "$1-01-01").str.replace(r"^(\d{4}-\d{1,2})$", "$1-01")
    return made


def _to_date(text: pl.Expr, dialect: str, *, strict: bool) -> pl.Expr:
    exact = text.str.to_date("%Y-%m-%d", strict=False)
    odd = _day(pl.when(exact.is_null()).then(text), dialect)
    rest = "[ T].*" if dialect in _SPARK else rf"[ T]{_CLOCK}(?:{_ZONE})?"
    day = odd.str.replace(rf"^(\d{{4}}-\d{{1,2}}-\d{{1,2}})(?:{rest})$", "$1")
    return pl.coalesce(exact, day.str.to_date("%Y-%m-%d", strict=strict))


def _to_stamp(text: pl.Expr, dtype: pl.Datetime, dialect: str, *, strict: bool) -> pl.Expr:
    unit = dtype.time_unit
    exact = text.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit=unit, strict=False)
    odd = pl.when(exact.is_null()).then(text)
    plain = _day(odd, dialect).str.replace(r"^(\d{4}-\d{1,2}-\d{1,2})T", "$1 ")
    day = plain.str.replace(r"^(\d{4}-\d{1,2}-\d{1,2})$", "$1 00:00:00")
    whole = day.str.replace(rf"^(\S+ \d{{1,2}}:\d{{1,2}})({_ZONE})?$", "$1:00$2")
    if dialect in ("tsql", "redshift", "postgres", "spark", "databricks"):
        whole = whole.str.replace(r"^(\S+ \d{1,2})$", "$1:00:00")
    bare = whole.str.replace(rf"^(\S+ \d{{1,2}}:\d{{1,2}}:\d{{1,2}}(?:\.\d*)?){_ZONE}$", "$1")
    if not dtype.time_zone and dialect != "datafusion":
        # A time zone in the text of a timestamp without one does not count (PostgreSQL 8.5.1.3, DuckDB).
        return pl.coalesce(exact, bare.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit=unit, strict=strict))
    local = bare.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit=unit, strict=strict)
    zone = whole.str.extract(rf"^\S+ \d{{1,2}}:\d{{1,2}}:\d{{1,2}}(?:\.\d*)?({_ZONE})$").str.strip_chars()
    hours = zone.str.extract(r"^[+-](\d{1,2})").cast(pl.Int64, strict=False).fill_null(0)
    minutes = zone.str.extract(r"^[+-]\d{1,2}:?(\d{2})$").cast(pl.Int64, strict=False).fill_null(0)
    sign = pl.when(zone.str.starts_with("-")).then(-1).otherwise(1)
    moved = local - pl.duration(minutes=sign * (hours * 60 + minutes))
    if dialect == "datafusion" or not dtype.time_zone:
        return _of_zone(pl.coalesce(exact, moved), zone, dtype)
    return pl.coalesce(exact, moved).dt.replace_time_zone("UTC").dt.convert_time_zone(dtype.time_zone)


def _of_zone(moment: pl.Expr, given: pl.Expr, dtype: pl.Datetime) -> pl.Expr:
    """Return a moment whose text gave no zone as one of the type's zone."""
    if not dtype.time_zone:
        return moment
    here = on_clock(pl.when(given.is_null()).then(moment), dtype.time_zone)
    there = moment.dt.replace_time_zone("UTC").dt.convert_time_zone(dtype.time_zone)
    return pl.when(given.is_null()).then(here).otherwise(there)


def _to_time(text: pl.Expr, *, strict: bool) -> pl.Expr:
    exact = text.str.to_time("%H:%M:%S%.f", strict=False)
    odd = pl.when(exact.is_null()).then(text)
    clock = odd.str.replace(rf"^\d{{4}}-\d{{1,2}}-\d{{1,2}}[ T]({_CLOCK})(?:{_ZONE})?$", "$1")
    whole = clock.str.replace(r"^(\d{1,2}:\d{1,2})$", "$1:00")
    halves = whole.str.replace(r"^(\d{1,2}:\d{1,2}:\d{1,2}(?:\.\d*)?)\s*([AaPp][Mm])$", "$1 $2")
    twelve = halves.str.to_time("%I:%M:%S%.f %p", strict=False)
    rest = pl.when(twelve.is_null()).then(whole)
    return pl.coalesce(exact, twelve, rest.str.to_time("%H:%M:%S%.f", strict=strict))


def named_zone(text: str) -> datetime | None:
    """Return the moment of ``2024-01-31 10:00:00 Europe/Paris``, None for text without the name of a zone."""
    clock, _, name = text.strip().rpartition(" ")
    if "/" not in name:
        return None
    try:
        return datetime.fromisoformat(clock).replace(tzinfo=ZoneInfo(name)).astimezone(UTC)
    except (ValueError, ZoneInfoNotFoundError):
        return None


# -- numbers, and from each other -------------------------------------------------------------------

_DAYS_TO_1900 = 25_567


def number_to_moment(value: Value, dtype: pl.DataType, dialect: str, *, strict: bool) -> pl.Expr | None:
    """A number as a timestamp: seconds since 1970 in Spark and Snowflake, days since 1900 in SQL Server."""
    if isinstance(dtype, pl.Date):
        days = dialect == "datafusion" and is_integer(value.dtype)
        return value.expr.cast(pl.Int32, strict=strict).cast(dtype) if days else None
    number = value.expr.cast(pl.Float64)
    if dialect in ("spark", "databricks", "snowflake"):
        made = (number * 1_000_000).round().cast(pl.Int64, strict=strict).cast(pl.Datetime("us"))
    elif dialect == "tsql":
        made = (
            ((number - _DAYS_TO_1900) * 86_400e6)
            .round()
            .cast(pl.Int64, strict=strict)
            .cast(pl.Datetime("us"))
        )
    else:
        return None
    zone = dtype.time_zone if isinstance(dtype, pl.Datetime) else None
    return made.dt.replace_time_zone("UTC").dt.convert_time_zone(zone) if zone else made


def moment_to_number(
    expr: pl.Expr, source: pl.DataType, dtype: pl.DataType, dialect: str, *, strict: bool
) -> pl.Expr | None:
    """A date or a timestamp as a number: 20240131100000 in MySQL, seconds since 1970 in Spark, days in SQL Server."""
    if dialect == "mysql":
        code = (
            "%Y%m%d"
            if isinstance(source, pl.Date)
            else "%H%M%S"
            if isinstance(source, pl.Time)
            else "%Y%m%d%H%M%S"
        )
        return expr.dt.strftime(code).cast(pl.Int64).cast(dtype, strict=strict)
    if dialect in ("spark", "databricks") and isinstance(source, pl.Datetime):
        seconds = expr.dt.epoch("us") / 1_000_000
        return (seconds.floor() if is_integer(dtype) else seconds).cast(dtype, strict=strict)
    if dialect == "datafusion" and isinstance(source, pl.Date) and is_integer(dtype):
        return expr.to_physical().cast(dtype, strict=strict)
    if dialect == "tsql" and isinstance(source, pl.Datetime):
        days = expr.dt.epoch("us") / 86_400e6 + _DAYS_TO_1900
        return (days.round() if is_integer(dtype) else days).cast(dtype, strict=strict)
    return None


def moment_to_moment(expr: pl.Expr, source: pl.DataType, dtype: pl.DataType, dialect: str) -> pl.Expr | None:
    """Return a date, time, timestamp or interval as another of these types, None where there is no such cast."""
    if isinstance(source, pl.Date) and isinstance(dtype, pl.Datetime):
        made = expr.cast(pl.Datetime(dtype.time_unit))
        return on_clock(made, dtype.time_zone) if dtype.time_zone else made
    if isinstance(source, pl.Datetime):
        if isinstance(dtype, pl.Date):
            return expr.dt.date()
        if isinstance(dtype, pl.Time):
            return expr.dt.time()
        if isinstance(dtype, pl.Datetime):
            made = expr.dt.cast_time_unit(dtype.time_unit) if dtype.time_unit != source.time_unit else expr
            if bool(source.time_zone) == bool(dtype.time_zone):
                return made.dt.convert_time_zone(dtype.time_zone) if dtype.time_zone else made
            if dialect != "datafusion":
                return made.dt.replace_time_zone(dtype.time_zone or None)
            if dtype.time_zone:
                return on_clock(made, dtype.time_zone)
            return made.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    if isinstance(source, pl.Duration) and isinstance(dtype, pl.Duration):
        return expr.cast(dtype)
    return None


def on_clock(expr: pl.Expr, zone: str) -> pl.Expr:
    """Return the moment at which the clock of a zone shows a timestamp.

    An hour that comes twice in autumn is its first; one that is left out in spring is an hour later.
    """
    if zone == "UTC":
        return expr.dt.replace_time_zone(zone)
    exact = expr.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    later = expr.dt.offset_by("1h").dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    return pl.coalesce(exact, later)
