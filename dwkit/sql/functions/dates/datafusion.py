"""Dates of Apache DataFusion: TO_TIMESTAMP and its kin by number or chrono's formats, TO_CHAR, TO_UNIXTIME, MAKE_TIME."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import polars as pl
from polars.exceptions import PolarsError
from sqlglot import exp

from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.functions.dates.bins import date_bin
from dwkit.sql.functions.dates.clock import CLOCK
from dwkit.sql.functions.dates.precision import cut_off, number_unit
from dwkit.sql.functions.dates.units import stamp
from dwkit.sql.functions.dates.zones import of_zone, region_of, zone_of
from dwkit.sql.types import is_date, is_decimal, is_integer, is_number, is_text, is_timestamp, scale_of, shown
from dwkit.sql.value import Value, constant

__all__ = ["DATAFUSION", "of_number", "to_number"]

_INT = pl.Int64()
_PLAIN = pl.Datetime("us")
_PARTS = {"": 1, "_SECONDS": 1, "_MILLIS": 1000, "_MICROS": 1_000_000, "_NANOS": 1_000_000_000}
_LAST_SECOND = 9_223_372_036
"""TO_TIMESTAMP has nanoseconds of 64 bits and ends with the year 2262."""


def _nodes(call: Call, low: int, high: int) -> list[exp.Expr]:
    nodes: list[exp.Expr] = call.node.expressions
    if not low <= len(nodes) <= high:
        many = str(low) if low == high else f"{low} or more" if high > 9 else f"{low} or {high}"
        raise call.error(f"{call.name} wants {many} argument{'' if many == '1' else 's'}, not {len(nodes)}")
    return nodes


# -- numbers ------------------------------------------------------------------------------------------


def _failed(bad: pl.Expr, text: str, *parts: pl.Expr) -> pl.Expr:
    """An expression that is an error with a text in the rows where a condition is true."""
    return pl.when(bad).then(pl.format(text, *parts)).str.to_datetime("%Y", strict=True).cast(_INT)


def of_number(call: Call, value: Value, parts: int, *, last: int | None = None) -> Value:
    """Return the moment so many parts of a second after 1970; a fraction of a part is cut off.

    Args:
        last: the greatest number that there is, where it is not the greatest that can be held.
    """
    if is_integer(value.dtype):
        number = call.cast(value, _INT).expr
    else:
        number = call.guarded(call.cast(value, pl.Float64()).expr).truncate().cast(_INT, strict=True)
    if parts > 1_000_000:
        return call.value((number // (parts // 1_000_000)).cast(_PLAIN), _PLAIN)
    factor = 1_000_000 // parts
    limit = min(last or 2**63, (2**63 - 1) // factor)
    bad = ~number.is_between(-limit, limit)
    micros = pl.when(bad).then(_failed(bad, "{} is beyond the last timestamp", number)).otherwise(number)
    return call.value((micros * factor).cast(_PLAIN), _PLAIN)


def to_number(call: Call, value: Value, node: exp.Expr) -> Value:
    """Return a timestamp as a whole number, in the unit of its type, which is known of what the query makes one.

    Raises:
        SqlError: its unit is not known.
    """
    inner = node.unnest()
    name = inner.name.upper() if isinstance(inner, exp.Anonymous) else ""
    if isinstance(inner, exp.Cast) and isinstance(inner.to, exp.DataType):
        parts = number_unit(inner.to)
    elif isinstance(inner, exp.CurrentTimestamp) or name in ("NOW", "TO_TIMESTAMP"):
        parts = 1_000_000_000
    elif name.startswith("TO_TIMESTAMP_") and name.removeprefix("TO_TIMESTAMP") in _PARTS:
        parts = _PARTS[name.removeprefix("TO_TIMESTAMP")]
    else:
        raise call.error(
            "a timestamp is a number of seconds to nanoseconds, by its type", hint="to_unixtime(x)"
        )
    micros = value.expr.dt.epoch("us")
    if parts > 1_000_000:
        return call.value((call.guarded(micros).cast(pl.Int128) * 1000).cast(_INT, strict=True), _INT)
    return call.value(micros // (1_000_000 // parts), _INT)


def _of_seconds(call: Call, value: Value) -> Value:
    if is_integer(value.dtype):
        return of_number(call, value, 1, last=_LAST_SECOND)
    seconds = call.guarded(call.cast(value, pl.Float64()).expr)
    nanos = (seconds * 1e9).truncate().cast(_INT, strict=True)
    return call.value((nanos // 1000).cast(_PLAIN), _PLAIN)


# -- text by formats ----------------------------------------------------------------------------------


def _readable(code: str) -> bool:
    """Whether chrono can read anything by a format."""
    try:
        pl.select(pl.lit("x").str.to_datetime(code, time_unit="us", time_zone="UTC", strict=False))
    except PolarsError:
        return False
    return True


def _read(text: pl.Expr, code: str, *, strict: bool) -> pl.Expr:
    made = text.str.to_datetime(code, time_unit="us", time_zone="UTC", strict=strict)
    return made.dt.replace_time_zone(None)


def _by_row(
    value: pl.Expr, code: pl.Expr, dtype: pl.DataType, make: Callable[[pl.Expr, str], pl.Expr]
) -> pl.Expr:
    """Return what a format of each row makes of its value: one pass for each different format."""

    def run(rows: pl.Series) -> pl.Series:
        made: pl.Expr = pl.lit(None, dtype=dtype)
        for one in rows.struct.field("f").unique().drop_nulls():
            mine = pl.col("f") == one
            made = pl.when(mine).then(make(pl.when(mine).then(pl.col("v")), one)).otherwise(made)
        return rows.struct.unnest().select(made.alias(rows.name)).to_series()

    rows = pl.struct(value.alias("v"), code.alias("f"))
    return rows.map_batches(run, return_dtype=dtype, is_elementwise=True)


def _with_zone(call: Call, value: Value, code: str, node: exp.Expr) -> pl.Expr:
    """A text whose last word is the name of a time zone, ``%Z``."""
    if not code.endswith(" %Z") or code.count("%Z") > 1:
        raise call.error("%Z stands at the end, after a blank", node)
    if not isinstance(value.constant, str):
        raise call.refuse("%Z of what is no literal")
    clock, _, name = value.constant.rpartition(" ")
    local = _read(pl.lit(clock), code[:-3], strict=False)
    return of_zone(local, zone_of(call, name)).dt.replace_time_zone(None)


def _by_formats(call: Call, value: Value, nodes: list[exp.Expr]) -> Value:
    """Return text as a timestamp by the first format that reads it."""
    text, found = call.guarded(call.as_text(value)), None
    formats = [(n, call.bind(n)) for n in nodes]
    for number, (node, code) in enumerate(formats):
        strict = number == len(formats) - 1 and not value.is_constant
        rest = text if found is None else pl.when(found.is_null()).then(text)
        if not is_text(code.dtype):
            raise call.error("a format is text", node)
        if not isinstance(code.constant, str):
            made = _by_row(rest, call.as_text(code), _PLAIN, partial(_read, strict=strict))
        elif "%Z" in code.constant:
            made = _with_zone(call, value, code.constant, node)
        elif _readable(code.constant):
            made = _read(rest, code.constant, strict=strict)
        elif strict and found is None:
            raise call.error(f"{code.constant!r} is no format", node)
        else:
            made = _read(rest, "%Y %m %d", strict=True) if strict else pl.lit(None, dtype=_PLAIN)
        found = made if found is None else pl.coalesce(found, made)
    assert found is not None
    if isinstance(value.constant, str) and all(c.is_constant for _, c in formats):
        known = pl.select(found).item()
        if known is None:
            raise call.error(f"{value.constant!r} is no date of these formats")
        return constant(known, _PLAIN)
    return call.value(found, _PLAIN)


def _moment(call: Call, value: Value, formats: list[exp.Expr]) -> Value:
    """Return text, a date or a timestamp as a timestamp."""
    if is_text(value.dtype) and formats:
        return _by_formats(call, value, formats)
    if is_text(value.dtype) or is_date(value.dtype) or isinstance(value.dtype, pl.Null):
        return call.cast(value, _PLAIN)
    if not is_timestamp(value.dtype):
        raise call.error(f"{call.name} has nothing for a {shown(value.dtype)}")
    return value


# -- the functions ------------------------------------------------------------------------------------


def _to_timestamp(call: Call) -> Value:
    """TO_TIMESTAMP(x, format...), TO_TIMESTAMP_SECONDS, _MILLIS, _MICROS, _NANOS."""
    first, *formats = _nodes(call, 1, 99)
    value, parts = call.bind(first), _PARTS[call.name.removeprefix("TO_TIMESTAMP")]
    if is_number(value.dtype):
        return _of_seconds(call, value) if call.name == "TO_TIMESTAMP" else of_number(call, value, parts)
    made = _moment(call, value, formats)
    if parts >= 1_000_000 or call.name == "TO_TIMESTAMP":
        return made
    assert isinstance(made.dtype, pl.Datetime)
    return call.value(cut_off(made.expr, made.dtype, 1_000_000 // parts), made.dtype)


def _to_unixtime(call: Call) -> Value:
    first, *formats = _nodes(call, 1, 99)
    value = call.bind(first)
    if is_integer(value.dtype):
        return call.cast(value, _INT)
    if is_number(value.dtype):
        return call.value(call.guarded(call.cast(value, pl.Float64()).expr).truncate().cast(_INT), _INT)
    micros = _moment(call, value, formats).expr.dt.epoch("us")
    return call.value(micros.sign() * (micros.abs() // 1_000_000), _INT)


def _to_date(call: Call) -> Value:
    """TO_DATE(x, format...); a number is of days since 1970."""
    first, *formats = _nodes(call, 1, 99)
    value = call.bind(first)
    if is_number(value.dtype):
        days = value.expr if is_integer(value.dtype) else call.cast(value, pl.Float64()).expr.truncate()
        return call.value(call.guarded(days).cast(pl.Int32, strict=True).cast(pl.Date), pl.Date())
    if is_text(value.dtype) and formats:
        return call.value(_by_formats(call, value, formats).expr.dt.date(), pl.Date())
    return call.cast(value, pl.Date())


def _to_time(call: Call) -> Value:
    first, *formats = _nodes(call, 1, 99)
    value = call.bind(first)
    if not (is_text(value.dtype) and formats):
        return call.cast(value, pl.Time())
    text, found = call.guarded(call.as_text(value)), None
    for node in formats:
        code = call.bind(node).constant
        if not isinstance(code, str):
            raise call.error("a format is a literal", node)
        rest = text if found is None else pl.when(found.is_null()).then(text)
        made = rest.str.to_time(code, strict=node is formats[-1])
        found = made if found is None else pl.coalesce(found, made)
    assert found is not None
    return call.value(found, pl.Time())


def _written(e: pl.Expr, code: str) -> pl.Expr:
    return e.dt.strftime(code)


def _to_char(call: Call) -> Value:
    """TO_CHAR(x, format), DATE_FORMAT(x, format)."""
    first, second = _nodes(call, 2, 2)
    value, code = call.bind(first), call.bind(second)
    if value.is_null or code.is_null or isinstance(value.dtype, pl.Null):
        return call.cast(constant(None, pl.String()), pl.String())
    if value.interval is not None or isinstance(value.dtype, pl.Duration):
        raise call.refuse("TO_CHAR of an interval")
    is_clock = isinstance(value.dtype, pl.Time)
    e = value.expr if is_clock else stamp(_moment(call, value, []))
    if not is_text(code.dtype):
        raise call.error("a format is text", second)
    if not isinstance(code.constant, str):
        made = _by_row(e, call.as_text(code), pl.String(), _written)
        return call.value(made, pl.String())
    sample = pl.lit(0, dtype=_INT).cast(pl.Time() if is_clock else _dtype_of(value))
    try:
        pl.select(sample.dt.strftime(code.constant))
    except PolarsError:
        raise call.error(f"{code.constant!r} is no format of a {shown(value.dtype)}", second) from None
    return call.value(e.dt.strftime(code.constant), pl.String())


def _dtype_of(value: Value) -> pl.DataType:
    return value.dtype if is_timestamp(value.dtype) else _PLAIN


def _from_unixtime(call: Call) -> Value:
    """FROM_UNIXTIME(seconds, zone)."""
    first, *rest = _nodes(call, 1, 2)
    made = of_number(call, call.bind(first), 1)
    if not rest:
        return made
    zone = region_of(call, call.bind(rest[0]).constant, rest[0])
    return call.value(
        made.expr.dt.replace_time_zone("UTC").dt.convert_time_zone(zone), pl.Datetime("us", zone)
    )


def _to_local_time(call: Call) -> Value:
    """TO_LOCAL_TIME(ts): what the clock of its zone shows."""
    [node] = _nodes(call, 1, 1)
    value = call.bind(node)
    if isinstance(value.dtype, pl.Null):
        return call.cast(value, _PLAIN)
    if not is_timestamp(value.dtype):
        raise call.error(f"TO_LOCAL_TIME wants a timestamp, not {shown(value.dtype)}", node)
    return call.value(value.expr.dt.replace_time_zone(None), _PLAIN)


def _make_time(call: Call) -> Value:
    """MAKE_TIME(hour, minute, second)."""
    nodes = _nodes(call, 3, 3)
    for node in nodes:
        dtype = call.bind(node).dtype
        whole = is_integer(dtype) or (is_decimal(dtype) and scale_of(dtype) == 0)
        if not (whole or is_text(dtype) or isinstance(dtype, pl.Null)):
            raise call.error(f"MAKE_TIME wants whole numbers, not {shown(dtype)}", node)
    hour, minute, second = (call.cast(call.bind(n), _INT).expr for n in nodes)
    valid = hour.is_between(0, 23) & minute.is_between(0, 59) & second.is_between(0, 59)
    failed = _failed(call.guarded(~valid), "{}:{}:{} is no time", hour, minute, second)
    nanos = (hour * 3600 + minute * 60 + second) * 1_000_000_000
    return call.value(pl.when(valid).then(nanos).otherwise(failed).cast(pl.Time), pl.Time())


def _datetrunc(call: Call) -> Value:
    unit, moment = _nodes(call, 2, 2)
    found = exp.TimestampTrunc(this=moment, unit=unit)
    found.parent = call.node.parent
    return call.bind(found)


DATAFUSION: Functions = {
    **{f"TO_TIMESTAMP{kind}": _to_timestamp for kind in _PARTS}, "TO_UNIXTIME": _to_unixtime, "TO_DATE": _to_date,
    "TO_TIME": _to_time, "TO_CHAR": _to_char, "DATE_FORMAT": _to_char, "FROM_UNIXTIME": _from_unixtime,
    "TO_LOCAL_TIME": _to_local_time, "MAKE_TIME": _make_time, "DATETRUNC": _datetrunc, "DATE_BIN": date_bin,
    "TODAY": CLOCK[exp.CurrentDate],
}  # fmt: skip
"""By upper-case name; those that other dialects have as well mean this in DataFusion only."""
