"""What only SQL Server has: CONVERT with a style, ISDATE, DATE_BUCKET, SWITCHOFFSET."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.functions.dates.buckets import bigquery_bucket, bucketed
from dwkit.sql.functions.dates.formatting import written
from dwkit.sql.functions.dates.parsing import read_code, read_text
from dwkit.sql.functions.dates.patterns import PIECES, Piece, literal
from dwkit.sql.functions.dates.units import moment_of, unit_of_node
from dwkit.sql.functions.dates.zones import in_zone, zone_of
from dwkit.sql.functions.interval import of_unit
from dwkit.sql.types import from_sql, is_date, is_temporal, is_text, is_timestamp
from dwkit.sql.value import Value, constant

__all__ = ["TSQL"]

_CLOCK = ("hour", ":", "minute", ":", "second")
_STYLES: Mapping[int, tuple[str, ...]] = {
    100: ("Mon", " ", "day_", " ", "year", " ", "hour12_", ":", "minute", "AM"),
    101: ("month", "/", "day", "/", "year"), 102: ("year", ".", "month", ".", "day"),
    103: ("day", "/", "month", "/", "year"), 104: ("day", ".", "month", ".", "year"),
    105: ("day", "-", "month", "-", "year"), 106: ("day", " ", "Mon", " ", "year"),
    107: ("Mon", " ", "day", ", ", "year"), 108: _CLOCK,
    109: ("Mon", " ", "day_", " ", "year", " ", "hour12_", ":", "minute", ":", "second", ":", "fraction3", "AM"),
    110: ("month", "-", "day", "-", "year"), 111: ("year", "/", "month", "/", "day"), 112: ("year", "month", "day"),
    113: ("day", " ", "Mon", " ", "year", " ", *_CLOCK, ":", "fraction3"), 114: (*_CLOCK, ":", "fraction3"),
    120: ("year", "-", "month", "-", "day", " ", *_CLOCK),
    121: ("year", "-", "month", "-", "day", " ", *_CLOCK, ".", "fraction3"),
    126: ("year", "-", "month", "-", "day", "T", *_CLOCK, ".", "fraction3"),
    23: ("year", "-", "month", "-", "day"),
}  # fmt: skip
"""The styles of CONVERT with a year of four digits; those below 100 have two, save 20 and 21."""
_OF_DATES = frozenset({101, 102, 103, 104, 105, 106, 107, 110, 111, 112, 23})


def _style(call: Call, number: int) -> tuple[list[Piece], bool]:
    """Return the pieces of a style, and whether it has a time of day."""
    full = {0: 100, 9: 109, 13: 113, 20: 120, 21: 121, 25: 121, 127: 126}.get(number, number)
    short = full not in _STYLES and full + 100 in _STYLES
    names = _STYLES.get(full + 100 if short else full)
    if names is None:
        raise call.refuse(f"style {number} of CONVERT")
    pieces = [PIECES["year2" if short and n == "year" else n] if n in PIECES else literal(n) for n in names]
    return pieces, (full + 100 if short else full) not in _OF_DATES


def _convert(call: Call) -> Value:
    """CONVERT(type, value, style), TRY_CONVERT: a cast, in a format of their own for dates."""
    kind, node, style = call.given("this"), call.given("expression"), call.given("style")
    safe = call.has("safe")
    if kind is None or node is None:
        raise call.error("CONVERT wants a type and a value")
    value = call.bind(node)
    dtype = from_sql(kind, "tsql")
    number = call.constant("style") if style is not None else None
    if isinstance(number, int) and dtype is not None:
        if is_text(dtype) and is_temporal(value.dtype):
            return _shortened(call, _text(call, value, number), kind)
        if is_text(value.dtype) and (is_date(dtype) or is_timestamp(dtype)):
            return _moment(call, value, number, dtype, safe=safe)
    made = exp.TryCast(this=node, to=kind, safe=True) if safe else exp.Cast(this=node, to=kind)
    made.parent = call.node.parent
    return call.bind(made)


def _text(call: Call, value: Value, number: int) -> Value:
    pieces, timed = _style(call, number)
    if is_date(value.dtype) and timed and number in (120, 121, 20, 21, 126, 127, 25):
        pieces = [PIECES[n] if n in PIECES else literal(n) for n in _STYLES[23]]
    made = written(value, pieces)
    if number in (126, 127):
        made = made.str.replace(r"\.000$", "")
    return call.value(made, pl.String())


def _shortened(call: Call, value: Value, kind: exp.DataType) -> Value:
    length = kind.expressions[0].name if kind.expressions else ""
    return call.value(value.expr.str.slice(0, int(length)), pl.String()) if length.isdigit() else value


def _moment(call: Call, value: Value, number: int, dtype: pl.DataType, *, safe: bool) -> Value:
    """Return text of a style as a date; ISO text is read in every style."""
    pieces, timed = _style(call, number)
    code = read_code(call, pieces, call.node)
    text = call.as_text(value).str.strip_chars()
    exact = read_text(call, text, code, pl.Datetime("us"), strict=False)
    if timed:
        exact = pl.coalesce(exact, read_text(call, text, "%Y-%m-%d", pl.Datetime("us"), strict=False))
    iso = text.str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", strict=False)
    day = text.str.to_datetime(f"{code} %H:%M:%S%.f", time_unit="us", strict=False) if not timed else exact
    rest = pl.when(pl.coalesce(exact, iso, day).is_null()).then(text)
    last = read_text(call, rest if safe else call.guarded(rest), code, pl.Datetime("us"), strict=not safe)
    made = pl.coalesce(exact, iso, day, last)
    if isinstance(value.constant, str):
        known = pl.select(pl.coalesce(exact, iso, day)).item()
        if known is None and not safe:
            raise call.error(f"{value.constant!r} is no date of the style {number}", call.given("expression"))
        return call.cast(constant(known, pl.Datetime("us")), dtype)
    return call.cast(call.value(made, pl.Datetime("us")), dtype)


def _isdate(call: Call) -> Value:
    value = call.args()[0]
    if is_temporal(value.dtype):
        return call.value(pl.when(value.expr.is_not_null()).then(1).otherwise(0).cast(pl.Int32), pl.Int32())
    read = call.cast(value, pl.Datetime("us"), safe=True).expr
    return call.value(read.is_not_null().cast(pl.Int32), pl.Int32())


def _date_bucket(call: Call) -> Value:
    """DATE_BUCKET(unit, n, d, origin): buckets are counted from 1900-01-01, a Monday."""
    nodes = call.node.expressions
    if call.dialect == "bigquery":
        return bigquery_bucket(call)
    if len(nodes) < 3:
        raise call.error("DATE_BUCKET wants a unit of time, a number and a date")
    unit, count = unit_of_node(call, nodes[0]), call.bind(nodes[1]).constant
    width = of_unit(count, unit) if isinstance(count, int) else None
    if width is None:
        raise call.error("DATE_BUCKET wants a unit of time and a whole number")
    value = moment_of(call, call.bind(nodes[2]), nodes[2])
    if len(nodes) > 3:
        origin = call.bind(nodes[3])
    else:
        origin = call.cast(constant("1900-01-01", pl.String()), pl.Datetime("us"))
    return bucketed(call, value, width, origin)


def _switch_offset(call: Call) -> Value:
    moment, zone = call.node.expressions
    value = call.cast(moment_of(call, call.bind(moment), moment), pl.Datetime("us", "UTC"))
    name = call.bind(zone).constant
    if not isinstance(name, str):
        raise call.refuse("an offset that is no literal")
    return call.value(in_zone(value.expr, zone_of(call, name, zone)), pl.Datetime("us"))


TSQL: Functions = {
    exp.Convert: _convert, "ISDATE": _isdate, "DATE_BUCKET": _date_bucket, "SWITCHOFFSET": _switch_offset,
}  # fmt: skip
