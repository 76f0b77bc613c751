"""AT TIME ZONE, CONVERT_TIMEZONE and their kin. The time zone of a session is UTC."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, available_timezones

import polars as pl
from sqlglot import exp

from dwkit.errors import SqlError
from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.functions.cast_moment import on_clock
from dwkit.sql.functions.dates.units import moment_of
from dwkit.sql.types import is_date, is_text, is_timestamp
from dwkit.sql.value import Value

__all__ = ["ZONES", "by_zone", "in_zone", "of_zone", "region_of", "zone_of"]

_SPARK = ("spark", "databricks")
_UTC = pl.Datetime("us", "UTC")
_PLAIN = pl.Datetime("us")
_OFFSET = re.compile(r"(?:UTC|GMT)?\s*([+-])(\d{1,2})(?::?(\d{2}))?$", re.IGNORECASE)

_WINDOWS = {
    "UTC": "UTC", "GMT STANDARD TIME": "Europe/London", "CENTRAL EUROPEAN STANDARD TIME": "Europe/Warsaw",
    "W. EUROPE STANDARD TIME": "Europe/Berlin", "ROMANCE STANDARD TIME": "Europe/Paris",
    "CENTRAL EUROPE STANDARD TIME": "Europe/Budapest", "E. EUROPE STANDARD TIME": "Europe/Chisinau",
    "FLE STANDARD TIME": "Europe/Kiev", "GTB STANDARD TIME": "Europe/Bucharest",
    "RUSSIAN STANDARD TIME": "Europe/Moscow", "TURKEY STANDARD TIME": "Europe/Istanbul",
    "ISRAEL STANDARD TIME": "Asia/Jerusalem", "ARABIAN STANDARD TIME": "Asia/Dubai",
    "INDIA STANDARD TIME": "Asia/Kolkata", "CHINA STANDARD TIME": "Asia/Shanghai",
    "SINGAPORE STANDARD TIME": "Asia/Singapore", "TOKYO STANDARD TIME": "Asia/Tokyo",
    "KOREA STANDARD TIME": "Asia/Seoul", "AUS EASTERN STANDARD TIME": "Australia/Sydney",
    "E. AUSTRALIA STANDARD TIME": "Australia/Brisbane", "NEW ZEALAND STANDARD TIME": "Pacific/Auckland",
    "EASTERN STANDARD TIME": "America/New_York", "CENTRAL STANDARD TIME": "America/Chicago",
    "MOUNTAIN STANDARD TIME": "America/Denver", "US MOUNTAIN STANDARD TIME": "America/Phoenix",
    "PACIFIC STANDARD TIME": "America/Los_Angeles", "ALASKAN STANDARD TIME": "America/Anchorage",
    "HAWAIIAN STANDARD TIME": "Pacific/Honolulu", "ATLANTIC STANDARD TIME": "America/Halifax",
    "E. SOUTH AMERICA STANDARD TIME": "America/Sao_Paulo", "ARGENTINA STANDARD TIME": "America/Buenos_Aires",
    "SOUTH AFRICA STANDARD TIME": "Africa/Johannesburg", "EGYPT STANDARD TIME": "Africa/Cairo",
}  # fmt: skip
"""Windows' names of time zones, as SQL Server has them (Unicode CLDR, windowsZones)."""


def zone_of(call: Call, name: object, node: exp.Expr | None = None) -> tzinfo:
    """Return a time zone by its name or its distance from UTC.

    Raises:
        SqlError: there is none.
    """
    if not isinstance(name, str):
        raise call.error("a time zone is a quoted literal", node)
    plain = name.strip()
    found = _OFFSET.match(plain)
    if found:
        sign = -1 if found[1] == "-" else 1
        return timezone(sign * timedelta(hours=int(found[2]), minutes=int(found[3] or 0)))
    if call.dialect == "tsql" and plain.upper() in _WINDOWS:
        plain = _WINDOWS[plain.upper()]
    by_lower = {z.lower(): z for z in available_timezones()}
    exact = by_lower.get({"z": "utc"}.get(plain.lower(), plain.lower()))
    if exact is None:
        raise call.error(f"no time zone {name!r}", node, "for instance 'Europe/Paris', 'UTC' or '+02:00'")
    return ZoneInfo(exact)


def region_of(call: Call, name: object, node: exp.Expr | None = None) -> str:
    """Return the name that the type of a timestamp has for a time zone.

    Raises:
        SqlError: there is no such zone, or none of that distance from UTC.
    """
    zone = zone_of(call, name, node)
    if isinstance(zone, ZoneInfo):
        return zone.key
    apart = zone.utcoffset(None)
    assert apart is not None
    hours, rest = divmod(apart, timedelta(hours=1))
    if rest or not -12 <= hours <= 14:
        raise call.refuse(f"the time zone {name}, which is not whole hours from UTC,")
    return f"Etc/GMT{-hours:+d}" if hours else "UTC"


def _zone(call: Call, node: exp.Expr) -> tzinfo:
    return zone_of(call, call.bind(node).constant, node)


def by_zone(
    call: Call, value: pl.Expr, node: exp.Expr, dtype: pl.DataType, make: Callable[[pl.Expr, tzinfo], pl.Expr]
) -> pl.Expr:
    """Return what a zone makes of a value; of a column of zones, the rows of each zone are computed together."""
    given = call.bind(node)
    if given.is_null:
        return pl.lit(None, dtype=dtype)
    if given.is_constant:
        return make(value, zone_of(call, given.constant, node))

    def each(rows: pl.Series) -> pl.Series:
        both = rows.struct.unnest()
        made = pl.repeat(None, both.height, dtype=dtype, eager=True)
        for name in both["zone"].drop_nulls().unique():
            try:
                zone = zone_of(call, name, node)
            except SqlError as error:
                raise pl.exceptions.ComputeError(f"no time zone {name!r}") from error
            places = (both["zone"] == name).arg_true()
            own = both[places].select(make(pl.col("value"), zone)).to_series()
            made = made.scatter(places, own)
        return made

    both = pl.struct(value.alias("value"), call.as_text(given).alias("zone"))
    return both.map_batches(each, return_dtype=dtype, is_elementwise=True)


def in_zone(value: pl.Expr, zone: tzinfo) -> pl.Expr:
    """Return what the clock of a zone shows at a moment with a time zone."""
    if isinstance(zone, ZoneInfo):
        return value.dt.convert_time_zone(zone.key).dt.replace_time_zone(None)
    return value.dt.convert_time_zone("UTC").dt.replace_time_zone(None) + _offset(zone)


def of_zone(value: pl.Expr, zone: tzinfo) -> pl.Expr:
    """Return the moment, in UTC, at which the clock of a zone shows a timestamp."""
    if not isinstance(zone, ZoneInfo):
        return (value - _offset(zone)).dt.replace_time_zone("UTC")
    made = on_clock(value, zone.key)
    return made if zone.key == "UTC" else made.dt.convert_time_zone("UTC")


def _offset(zone: tzinfo) -> pl.Expr:
    apart = zone.utcoffset(None)
    assert apart is not None
    return pl.lit(apart, dtype=pl.Duration("us"))


def _aware(value: Value) -> bool:
    return bool(getattr(value.dtype, "time_zone", None))


def _stamped(call: Call, value: Value, node: exp.Expr) -> Value:
    value = moment_of(call, value, node)
    if is_date(value.dtype):
        value = call.cast(value, _PLAIN)
    if not is_timestamp(value.dtype):
        raise call.error("a timestamp is wanted here", node)
    return value


def _at_time_zone(call: Call) -> Value:
    """``ts AT TIME ZONE 'zone'``: of a timestamp with a zone, that zone's clock; of one without, the moment."""
    node = call.node
    if call.dialect == "datafusion":
        # A cast to the type of timestamps of that zone.
        zone = region_of(call, call.bind(call.given("zone")).constant, call.given("zone"))
        return call.cast(call.bind(node.this), pl.Datetime("us", zone))
    if call.dialect not in _SPARK:
        return _shifted(call, call.bind(node.this), _zone(call, call.given("zone")), node.this)
    moment = _moment(call)
    clock = by_zone(call, moment.expr, call.given("zone"), _PLAIN, in_zone)
    return call.value(clock.dt.replace_time_zone("UTC"), _UTC)


def _moment(call: Call) -> Value:
    """Return the first argument of FROM_UTC_TIMESTAMP and TO_UTC_TIMESTAMP of Spark: a text is read with its offset."""
    node = call.node.this
    if isinstance(node, exp.Cast) and node.to.this == exp.DataType.Type.TIMESTAMP:  # sqlglot's
        node = node.this
    value = call.bind(node)
    if is_text(value.dtype) or value.is_null:
        return call.cast(value, _UTC)
    return call.cast(_stamped(call, value, node), _UTC)


def _shifted(call: Call, value: Value, zone: tzinfo, node: exp.Expr) -> Value:
    value = _stamped(call, value, node)
    if call.dialect in _SPARK:
        moment = value.expr if _aware(value) else value.expr.dt.replace_time_zone("UTC")
        return call.value(in_zone(moment, zone).dt.replace_time_zone("UTC"), _UTC)
    if _aware(value):
        return call.value(in_zone(value.expr, zone), _PLAIN)
    return call.value(of_zone(value.expr, zone), _UTC)


def _from_zone(call: Call) -> Value:
    """TO_UTC_TIMESTAMP(ts, zone) of Spark."""
    clock = _moment(call).expr.dt.replace_time_zone(None)
    return call.value(by_zone(call, clock, call.given("zone"), _UTC, of_zone), _UTC)


def _convert(call: Call) -> Value:
    """CONVERT_TIMEZONE(from, to, ts), CONVERT_TZ(ts, from, to)."""
    value = _stamped(call, call.bind(call.given("timestamp")), call.given("timestamp"))
    target = _zone(call, call.given("target_tz"))
    source = call.given("source_tz")
    if source is None or _aware(value):
        moment = value.expr if _aware(value) else value.expr.dt.replace_time_zone("UTC")
    else:
        moment = of_zone(value.expr, _zone(call, source))
    return call.value(in_zone(moment, target), _PLAIN)


def _timezone(call: Call) -> Value:
    """TIMEZONE('zone', ts)."""
    zone, moment = call.node.expressions
    return _shifted(call, call.bind(moment), _zone(call, zone), moment)


def _at_timezone(call: Call) -> Value:
    """AT_TIMEZONE(ts, 'zone') of Trino."""
    moment, zone = call.node.expressions
    return _shifted(call, call.bind(moment), _zone(call, zone), moment)


def _with_timezone(call: Call) -> Value:
    """WITH_TIMEZONE(ts, 'zone') of Trino, FROM_TZ of Oracle, TODATETIMEOFFSET: the moment a zone's clock shows it."""
    moment, zone = call.node.expressions
    value = _stamped(call, call.bind(moment), moment)
    clock = value.expr.dt.replace_time_zone(None) if _aware(value) else value.expr
    return call.value(of_zone(clock, _zone(call, zone)), _UTC)


def _utc(call: Call) -> Value:
    """SYS_EXTRACT_UTC(ts)."""
    value = _stamped(call, call.args()[0], call.node)
    return call.value(value.expr.dt.replace_time_zone(None), _PLAIN)


ZONES: Functions = {
    exp.AtTimeZone: _at_time_zone, exp.FromTimeZone: _from_zone, exp.ConvertTimezone: _convert,
    "TIMEZONE": _timezone, "AT_TIMEZONE": _at_timezone, "WITH_TIMEZONE": _with_timezone, "FROM_TZ": _with_timezone,
    "TODATETIMEOFFSET": _with_timezone, "SYS_EXTRACT_UTC": _utc,
}  # fmt: skip
