"""DATE_BIN of Apache DataFusion: bins of any width from any origin, of timestamps and of times."""

from __future__ import annotations

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Call
from dwkit.sql.functions.dates.units import stamp
from dwkit.sql.functions.interval import interval_of
from dwkit.sql.types import is_date, is_text, is_timestamp, shown
from dwkit.sql.value import Interval, Value

__all__ = ["date_bin"]

_INT = pl.Int64()
_PLAIN = pl.Datetime("us")
_DAY = 86_400_000_000
_FAR = 100_000
"""So many months from any origin no timestamp is left."""


def date_bin(call: Call) -> Value:
    """DATE_BIN(width, moment, origin): the beginning of the bin, from 1970 or an origin, that a moment is in.

    Raises:
        SqlError: the width is no literal, mixed or not positive; moment and origin are not of one kind.
    """
    nodes: list[exp.Expr] = call.node.expressions
    if not 2 <= len(nodes) <= 3:
        raise call.error(
            f"DATE_BIN wants a width, a moment and perhaps an origin, not {len(nodes)} arguments"
        )
    width = interval_of(call, nodes[0], None) if isinstance(nodes[0], exp.Literal) else call.bind(nodes[0])
    value = call.bind(nodes[1])
    if is_text(value.dtype) or is_date(value.dtype) or value.is_null:
        value = call.cast(value, _PLAIN)
    if width.is_null:
        return call.value(pl.lit(None, dtype=value.dtype), value.dtype)
    if width.interval is None:
        raise call.error("the width of a bin is an interval", nodes[0])
    origin = call.bind(nodes[2]) if len(nodes) > 2 else None
    if isinstance(value.dtype, pl.Time):
        return _times(call, value, width.interval, origin)
    if not is_timestamp(value.dtype):
        raise call.error(f"DATE_BIN has no bins of a {shown(value.dtype)}", nodes[1])
    if origin is not None and isinstance(origin.dtype, pl.Time):
        raise call.error("a time is no origin of timestamps", nodes[2])
    months, micros = _width(call, width.interval)
    zero = _micros(call.cast(origin, value.dtype)) if origin is not None else pl.lit(0, dtype=_INT)
    made = _by_months(value, zero, months) if months else _by_time(_micros(value), zero, micros)
    zone = value.dtype.time_zone  # type: ignore[attr-defined]
    moment = made.cast(_PLAIN)
    return call.value(
        moment.dt.replace_time_zone("UTC").dt.convert_time_zone(zone) if zone else moment,
        pl.Datetime("us", zone),
    )


def _width(call: Call, width: Interval) -> tuple[int, int]:
    """Return a width as months and microseconds, of which one is 0."""
    months, days, micros = width.months, width.days, width.micros
    if not (isinstance(months, int) and isinstance(days, int) and isinstance(micros, int)):
        raise call.error("the width of a bin is a literal")
    if months and (days or micros):
        raise call.error("a bin is of months or of days and time, not of both")
    if (months or days * _DAY + micros) <= 0:
        raise call.error("the width of a bin is a microsecond at least")
    return months, days * _DAY + micros


def _micros(value: Value) -> pl.Expr:
    return stamp(value).dt.epoch("us")


def _by_time(micros: pl.Expr, zero: pl.Expr, width: int) -> pl.Expr:
    since = micros - zero
    return since - since % width + zero


def _by_months(value: Value, zero: pl.Expr, months: int) -> pl.Expr:
    """Bins begin where the origin moved by whole months is: on a month's last day where it has no such day."""
    start, moment = zero.cast(_PLAIN), _micros(value).cast(_PLAIN)

    def month(e: pl.Expr) -> pl.Expr:
        return e.dt.year().cast(_INT) * 12 + e.dt.month().cast(_INT)

    apart = month(moment) - month(start)
    first = apart - apart % months
    bins = [
        start.dt.offset_by(pl.format("{}mo", pl.when(moves.abs() < _FAR).then(moves)))
        for moves in (first, first - months)
    ]
    return pl.when(bins[0] <= moment).then(bins[0]).otherwise(bins[1]).dt.epoch("us")


def _times(call: Call, value: Value, width: Interval, origin: Value | None) -> Value:
    """Bins of a day; a bin that begins on the day before is that of its clock."""
    months, micros = _width(call, width)
    if months or micros >= _DAY:
        raise call.error("the width of a bin of times is less than a day")
    if origin is not None and not isinstance(origin.dtype, pl.Time) and not is_text(origin.dtype):
        raise call.error(f"a {shown(origin.dtype)} is no origin of times")
    zero = (
        call.cast(origin, pl.Time()).expr.cast(_INT) // 1000 if origin is not None else pl.lit(0, dtype=_INT)
    )
    made = _by_time(value.expr.cast(_INT) // 1000, zero, micros) % _DAY
    return call.value((made * 1000).cast(pl.Time), pl.Time())
