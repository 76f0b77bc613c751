"""CAST, TRY_CAST and the casts that a dialect makes by itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

import polars as pl

from dwkit.sql.types import is_decimal, is_float, is_integer, is_list, is_number, is_text, scale_of
from dwkit.sql.value import Value, constant

__all__ = ["cast", "rounded_to_integer", "to_text"]

_TRUNCATING = frozenset({"spark", "databricks", "tsql", "sqlite", "redshift"})
"""A float or decimal loses its fraction there when it becomes an integer; elsewhere it is rounded."""
_HALF_EVEN = frozenset({"duckdb", "postgres"})
"""A float half goes to the even neighbour there, elsewhere away from zero. A decimal half never does."""


def cast(
    value: Value, dtype: pl.DataType, dialect: str, *, safe: bool = False, guard: pl.Expr | None = None
) -> Value | None:
    """Return a value as another type, None where no value of its type can be one.

    Args:
        safe: what cannot be cast becomes NULL (TRY_CAST); else it is an error when it runs.
        guard: only rows for which this is true count; the others become NULL.
    """
    if value.dtype == dtype:
        return value
    if value.is_null or isinstance(value.dtype, pl.Null):
        return Value(value.expr.cast(dtype), dtype, value.refs, constant=value.constant)
    if value.scaled is not None and is_decimal(dtype) and scale_of(dtype) == scale_of(value.dtype):
        return replace(value, dtype=dtype)
    if value.is_constant:
        made = _constant(value, dtype)
        if made is not None:
            return made
    expr = value.expr
    if guard is not None and not safe:
        expr = pl.when(guard).then(expr)
    made_expr = _expression(Value(expr, value.dtype, json=value.json), dtype, dialect, strict=not safe)
    return None if made_expr is None else value.as_(made_expr, dtype)


def _constant(value: Value, dtype: pl.DataType) -> Value | None:
    """Return a literal as a literal of another type where that is plain."""
    known = value.constant
    if isinstance(known, bool):
        return None
    if isinstance(known, int) and (is_decimal(dtype) or is_float(dtype) or is_integer(dtype)):
        if is_integer(dtype):
            return constant(known, dtype) if _fits(known, dtype) else None
        if is_float(dtype):
            return constant(float(known), dtype)
        assert isinstance(dtype, pl.Decimal)
        return constant(Decimal(known), dtype) if abs(known) < 10 ** ((dtype.precision or 38) - dtype.scale) else None
    if isinstance(known, Decimal) and is_float(dtype):
        return constant(float(known), dtype)
    if isinstance(known, str):
        with suppress(ValueError):
            if isinstance(dtype, pl.Date) and re.fullmatch(r"\d{4}-\d\d?-\d\d?", known.strip()):
                year, month, day = map(int, known.strip().split("-"))
                return constant(date(year, month, day), dtype)
            if isinstance(dtype, pl.Datetime) and dtype.time_zone is None:
                return constant(datetime.fromisoformat(known.strip()).replace(tzinfo=None), dtype) if _plain_stamp(known) else None
    if isinstance(known, date) and not isinstance(known, datetime) and isinstance(dtype, pl.Datetime):
        return constant(datetime(known.year, known.month, known.day), dtype) if dtype.time_zone is None else None  # noqa: DTZ001
    return None


def _plain_stamp(text: str) -> bool:
    return bool(re.fullmatch(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?)?", text.strip()))


def _fits(number: int, dtype: pl.DataType) -> bool:
    bits = {"Int8": 7, "Int16": 15, "Int32": 31, "Int64": 63, "Int128": 127}.get(str(dtype))
    if bits is not None:
        return -(2**bits) <= number < 2**bits
    bits = {"UInt8": 8, "UInt16": 16, "UInt32": 32, "UInt64": 64}.get(str(dtype), 128)
    return 0 <= number < 2**bits


def _expression(value: Value, dtype: pl.DataType, dialect: str, *, strict: bool) -> pl.Expr | None:
    source, expr = value.dtype, value.expr
    if is_text(dtype):
        return to_text(value, dialect).cast(dtype)
    if is_text(source):
        return _from_text(expr.cast(pl.String), dtype, dialect, strict=strict)
    if isinstance(source, pl.Binary) or isinstance(dtype, pl.Binary):
        return expr.cast(dtype, strict=strict) if isinstance(source, pl.Binary) and isinstance(dtype, pl.Binary) else None
    if is_list(source) != is_list(dtype) or isinstance(source, pl.Struct) != isinstance(dtype, pl.Struct):
        return None
    if is_list(source) or isinstance(source, pl.Struct):
        return expr.cast(dtype, strict=strict)
    if isinstance(source, pl.Boolean):
        return expr.cast(pl.Int8).cast(dtype) if is_number(dtype) else None
    if is_number(source):
        return _from_number(value, dtype, dialect, strict=strict)
    return _from_moment(expr, source, dtype)


def _from_number(value: Value, dtype: pl.DataType, dialect: str, *, strict: bool) -> pl.Expr | None:
    source, expr = value.dtype, value.expr
    if isinstance(dtype, pl.Boolean):
        return expr != 0
    if is_integer(dtype) and not is_integer(source):
        return rounded_to_integer(expr, source, dialect).cast(dtype, strict=strict)
    if is_decimal(dtype):
        if is_float(source) or scale_of(source) > scale_of(dtype):
            # Polars cuts digits off; SQL rounds them, half away from zero.
            expr = expr.round(scale_of(dtype), mode="half_away_from_zero")
        return expr.cast(dtype, strict=strict)
    if is_number(dtype):
        return expr.cast(dtype, strict=strict)
    return None


def rounded_to_integer(expr: pl.Expr, source: pl.DataType, dialect: str) -> pl.Expr:
    """Return a number as the whole number that a cast makes of it, still of its own type."""
    if dialect in _TRUNCATING:
        return expr.truncate() if is_float(source) else pl.when(expr < 0).then(expr.ceil()).otherwise(expr.floor())
    if is_float(source) and dialect in _HALF_EVEN:
        return expr.round(0, mode="half_to_even")
    return expr.round(0, mode="half_away_from_zero")


def _from_moment(expr: pl.Expr, source: pl.DataType, dtype: pl.DataType) -> pl.Expr | None:
    if isinstance(source, pl.Date) and isinstance(dtype, pl.Datetime):
        made = expr.cast(pl.Datetime(dtype.time_unit))
        return made.dt.replace_time_zone(dtype.time_zone) if dtype.time_zone else made
    if isinstance(source, pl.Datetime):
        if isinstance(dtype, pl.Date):
            return expr.dt.date()
        if isinstance(dtype, pl.Time):
            return expr.dt.time()
        if isinstance(dtype, pl.Datetime):
            made = expr.dt.cast_time_unit(dtype.time_unit) if dtype.time_unit != source.time_unit else expr
            if bool(source.time_zone) == bool(dtype.time_zone):
                return made.dt.convert_time_zone(dtype.time_zone) if dtype.time_zone else made
            return made.dt.replace_time_zone(dtype.time_zone or None)
    if isinstance(source, pl.Duration) and isinstance(dtype, pl.Duration):
        return expr.cast(dtype)
    return None


def to_text(value: Value, dialect: str) -> pl.Expr:
    """Return a value as the text that a cast makes of it."""
    source, expr = value.dtype, value.expr
    if isinstance(source, pl.Datetime):
        whole = expr.dt.strftime("%Y-%m-%d %H:%M:%S")
        part = expr.dt.strftime("%6f").str.strip_chars_end("0")
        made = pl.when(part == "").then(whole).otherwise(pl.concat_str(whole, pl.lit("."), part))
        return pl.concat_str(made, expr.dt.strftime("%z").str.slice(0, 3)) if source.time_zone else made
    if isinstance(source, pl.Time):
        whole = expr.dt.strftime("%H:%M:%S")
        part = expr.dt.strftime("%6f").str.strip_chars_end("0")
        return pl.when(part == "").then(whole).otherwise(pl.concat_str(whole, pl.lit("."), part))
    if isinstance(source, pl.Boolean):
        return pl.when(expr).then(pl.lit("true")).when(~expr).then(pl.lit("false"))
    if isinstance(source, (pl.List, pl.Struct, pl.Array)):
        return expr.struct.json_encode() if isinstance(source, pl.Struct) else expr.cast(pl.String)
    return expr.cast(pl.String)


_BOOLEANS = {
    True: ("t", "true", "y", "yes", "on", "1"), False: ("f", "false", "n", "no", "off", "0"),
}  # fmt: skip


def _from_text(text: pl.Expr, dtype: pl.DataType, dialect: str, *, strict: bool) -> pl.Expr | None:
    plain = text.str.strip_chars()
    if isinstance(dtype, pl.Boolean):
        lowered = plain.str.to_lowercase()
        failed = plain.cast(pl.Boolean, strict=strict)
        return (
            pl.when(lowered.is_in(_BOOLEANS[True])).then(True)
            .when(lowered.is_in(_BOOLEANS[False])).then(False)
            .otherwise(pl.when(lowered.is_in([*_BOOLEANS[True], *_BOOLEANS[False]]).not_()).then(failed))
        )  # fmt: skip
    if is_integer(dtype):
        return _whole(plain, dtype, dialect, strict=strict)
    if is_decimal(dtype):
        return plain.cast(pl.Decimal(38, min(38, scale_of(dtype) + 6)), strict=strict).round(
            scale_of(dtype), mode="half_away_from_zero"
        ).cast(dtype, strict=strict)
    if is_float(dtype):
        return plain.cast(dtype, strict=strict)
    if isinstance(dtype, pl.Binary):
        return text.cast(pl.Binary)
    made = _MOMENTS.get(type(dtype))
    return made(plain, dtype, strict) if made else None


def _whole(plain: pl.Expr, dtype: pl.DataType, dialect: str, *, strict: bool) -> pl.Expr:
    if dialect in ("postgres", "redshift", "tsql", "trino"):
        return plain.cast(dtype, strict=strict)
    exact = plain.cast(dtype, strict=False)
    fraction = rounded_to_integer(plain.cast(pl.Float64, strict=strict), pl.Float64(), dialect)
    other = pl.when(exact.is_null()).then(fraction).cast(dtype, strict=strict)
    return pl.coalesce(exact, other)


def _to_date(text: pl.Expr, dtype: pl.DataType, strict: bool) -> pl.Expr:  # noqa: FBT001
    day = text.str.extract(r"^(\d{4}-\d{1,2}-\d{1,2})(?:[ T].*)?$").fill_null(text)
    return day.str.to_date("%Y-%m-%d", strict=strict)


def _to_stamp(text: pl.Expr, dtype: pl.DataType, strict: bool) -> pl.Expr:  # noqa: FBT001
    assert isinstance(dtype, pl.Datetime)
    plain = text.str.replace("T", " ", literal=True)
    day = plain.str.replace(r"^(\d{4}-\d{1,2}-\d{1,2})$", "$1 00:00:00")
    whole = day.str.replace(r"^(\S+ \d{1,2}:\d{2})$", "$1:00")
    zoned = whole.str.replace(r"\s*(?:Z|UTC)$", "+00:00").str.replace(r"([+-]\d{2})$", "$1:00")
    has_zone = zoned.str.contains(r":\d{2}(?:\.\d+)?\s*[+-]\d{2}:?\d{2}$")
    with_zone = pl.when(has_zone).then(zoned).str.to_datetime(
        "%Y-%m-%d %H:%M:%S%.f%#z", time_unit=dtype.time_unit, time_zone="UTC", strict=strict
    )
    without = pl.when(has_zone.not_()).then(zoned).str.to_datetime(
        "%Y-%m-%d %H:%M:%S%.f", time_unit=dtype.time_unit, strict=strict
    )
    if dtype.time_zone:
        return pl.coalesce(with_zone, without.dt.replace_time_zone("UTC")).dt.convert_time_zone(dtype.time_zone)
    return pl.coalesce(with_zone.dt.replace_time_zone(None), without)


def _to_time(text: pl.Expr, dtype: pl.DataType, strict: bool) -> pl.Expr:  # noqa: FBT001
    whole = text.str.replace(r"^(\d{1,2}:\d{2})$", "$1:00")
    return whole.str.to_time("%H:%M:%S%.f", strict=strict)


_MOMENTS: dict[type, Callable[[pl.Expr, pl.DataType, bool], pl.Expr]] = {
    pl.Date: _to_date, pl.Datetime: _to_stamp, pl.Time: _to_time,
}  # fmt: skip
