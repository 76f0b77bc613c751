"""CURRENT_DATE, NOW and their kin: one moment for a whole query."""

from __future__ import annotations

from datetime import datetime

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Builder, Call, Functions
from dwkit.sql.functions.dates.zones import zone_of
from dwkit.sql.value import Value, constant

__all__ = ["CLOCK"]

_WITHOUT_ZONE = frozenset({"tsql", "mysql", "sqlite", "datafusion"})
"""The current timestamp is one without a time zone there."""
_WHOLE_SECONDS = frozenset({"mysql", "sqlite", "oracle"})


def _now(call: Call) -> datetime:
    return call.binder.now


def _local(call: Call) -> datetime:
    """The clock of the session, whose time zone is UTC, or of the zone that is named."""
    zone = (
        call.node.this
        if isinstance(call.node, (exp.CurrentDate, exp.CurrentTime, exp.CurrentDatetime))
        else None
    )
    now = _now(call)
    if isinstance(zone, exp.Literal) and zone.is_string:
        now = now.astimezone(zone_of(call, zone.this, zone))
    return now.replace(tzinfo=None)


def _date(call: Call) -> Value:
    today = _local(call)
    if call.dialect == "oracle":
        return constant(today.replace(microsecond=0), pl.Datetime("us"))
    if call.dialect == "sqlite":
        return constant(today.strftime("%Y-%m-%d"), pl.String())
    return constant(today.date(), pl.Date())


def _time(call: Call) -> Value:
    now = _local(call)
    if call.dialect == "sqlite":
        return constant(now.strftime("%H:%M:%S"), pl.String())
    return constant(now.time(), pl.Time())


def _timestamp(call: Call) -> Value:
    if call.dialect == "sqlite":
        return constant(_local(call).strftime("%Y-%m-%d %H:%M:%S"), pl.String())
    sysdate = call.has("sysdate")
    if call.dialect in _WITHOUT_ZONE or (sysdate and call.dialect != "snowflake"):
        return _datetime(call)
    if sysdate:
        return _datetime(call)
    # Redshift's GETDATE() comes without a time zone, as does all that is not the standard's CURRENT_TIMESTAMP.
    if call.dialect == "redshift":
        return _datetime(call)
    return Value(pl.lit(_now(call)).cast(pl.Datetime("us", "UTC")), pl.Datetime("us", "UTC"))


def _datetime(call: Call) -> Value:
    now = _local(call)
    if call.dialect in ("mysql", "oracle"):
        now = now.replace(microsecond=0)
    return constant(now, pl.Datetime("us"))


def _of(make: Builder, *names: str) -> dict[type[exp.Expr] | str, Builder]:
    return dict.fromkeys(names, make)


CLOCK: Functions = {
    exp.CurrentDate: _date, exp.UtcDate: _date, exp.CurrentTime: _time, exp.Localtime: _time, exp.UtcTime: _time,
    exp.CurrentTimestamp: _timestamp, exp.CurrentDatetime: _datetime, exp.Localtimestamp: _datetime,
    exp.UtcTimestamp: _datetime, exp.Systimestamp: _timestamp, exp.CurrentTimezone: lambda _: constant("UTC", pl.String()),
    **_of(_timestamp, "NOW", "GET_CURRENT_TIMESTAMP", "TRANSACTION_TIMESTAMP", "STATEMENT_TIMESTAMP", "CLOCK_TIMESTAMP",
          "SYSDATETIMEOFFSET"),
    **_of(_datetime, "GETUTCDATE", "SYSUTCDATETIME", "SYSDATE", "CURRENT_LOCALTIMESTAMP"),
}  # fmt: skip
