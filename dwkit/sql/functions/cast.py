"""CAST, TRY_CAST and the casts that a dialect makes by itself."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, time
from decimal import Decimal

import polars as pl

from dwkit.sql.functions import jsontext
from dwkit.sql.functions.cast_bytes import text_to_bytes
from dwkit.sql.functions.cast_decimal import text_to_decimal
from dwkit.sql.functions.cast_list import text_to_texts
from dwkit.sql.functions.cast_moment import (
    moment_to_moment,
    moment_to_number,
    named_zone,
    number_to_moment,
    text_to_moment,
)
from dwkit.sql.functions.cast_text import to_text
from dwkit.sql.types import is_decimal, is_float, is_integer, is_list, is_number, is_text, scale_of
from dwkit.sql.value import Value, constant

__all__ = ["MisreadError", "cast", "fits", "rounded_to_integer"]

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
    if value.json:
        return _from_json(value, dtype, dialect, safe=safe, guard=guard)
    if value.dtype == dtype:
        return value
    if value.is_null or isinstance(value.dtype, pl.Null):
        return Value(value.expr.cast(dtype), dtype, value.refs, constant=value.constant)
    if value.scaled is not None and is_decimal(dtype) and scale_of(dtype) == scale_of(value.dtype):
        return replace(value, dtype=dtype)
    if value.is_constant:
        made = _constant(value, dtype, dialect)
        if made is not None:
            return made
    if isinstance(value.constant, str) and not is_text(dtype):
        read = _literal(value, dtype, dialect, guarded=safe or guard is not None)
        if read is not None:
            return read
    expr = value.expr
    if guard is not None and not safe:
        expr = pl.when(guard).then(expr)
    made_expr = _expression(replace(value, expr=expr), dtype, dialect, strict=not safe)
    return None if made_expr is None else value.as_(made_expr, dtype)


_JSON_IS_TEXT = frozenset({"duckdb", "postgres", "mysql", "sqlite", "tsql", "oracle"})
"""A JSON string keeps its quotes as text there."""


def _from_json(
    value: Value, dtype: pl.DataType, dialect: str, *, safe: bool, guard: pl.Expr | None
) -> Value | None:
    """Return the scalar of a JSON value as another type; an array as a list, an object as a struct."""
    plain = Value(value.expr, pl.String(), value.refs, volatile=value.volatile)
    if is_list(dtype) or isinstance(dtype, pl.Struct):
        text = plain.expr if guard is None else pl.when(guard).then(plain.expr)
        return plain.as_(pl.when(text != "null").then(text).str.json_decode(dtype), dtype)
    if is_text(dtype) and dialect in _JSON_IS_TEXT:
        return plain
    scalar = value.unquoted if value.unquoted is not None else jsontext.unquoted(value.expr)
    return cast(replace(plain, expr=scalar), dtype, dialect, safe=safe, guard=guard)


class MisreadError(ValueError):
    """A literal is none of the type that it is cast to."""


_ENDLESS = frozenset({"duckdb", "postgres", "redshift"})
_BEYOND = re.compile(r"^\s*[+-]?infinity\s*$|\(bc\)|\bbc\s*$|^\s*24:00(:00)?\s*$|^\s*\d{5,}-", re.IGNORECASE)
"""Moments that are ones there, but cannot be held here: TRY_CAST must not say that they are none."""


def _literal(value: Value, dtype: pl.DataType, dialect: str, *, guarded: bool) -> Value | None:
    """Return a quoted literal as one of another type, None where that is to be seen when it runs.

    Raises:
        MisreadError: it is none, and every row asks for it.
    """
    if isinstance(dtype, (pl.List, pl.Struct)):
        return None
    expr = _from_text(pl.lit(value.constant), dtype, dialect, strict=False)
    if expr is None or isinstance(dtype, pl.Binary):
        return None
    known = pl.select(expr).item()
    if known is None:
        beyond = dtype.is_temporal() and dialect in _ENDLESS and _BEYOND.search(str(value.constant))
        if (guarded and not beyond) or dialect == "mysql":
            return None
        raise MisreadError
    if getattr(dtype, "time_zone", None):
        return Value(pl.lit(known).cast(dtype), dtype, value.refs)
    if (isinstance(dtype, pl.Time) and dialect == "datafusion") or dtype == pl.Datetime("ns"):
        return Value(expr, dtype, value.refs)  # with the nanoseconds that Python has not
    return constant(known, dtype)


def _constant(value: Value, dtype: pl.DataType, dialect: str) -> Value | None:
    """Return a literal as a literal of another type where that is plain."""
    known = value.constant
    if isinstance(known, bool):
        return None
    if isinstance(known, int) and (is_decimal(dtype) or is_float(dtype) or is_integer(dtype)):
        if is_integer(dtype):
            return constant(known, dtype) if fits(known, dtype) else None
        if is_float(dtype):
            return constant(float(known), dtype)
        assert isinstance(dtype, pl.Decimal)
        return (
            constant(Decimal(known), dtype)
            if abs(known) < 10 ** ((dtype.precision or 38) - dtype.scale)
            else None
        )
    if isinstance(known, Decimal) and is_float(dtype):
        return constant(float(known), dtype)
    if isinstance(known, str):
        if isinstance(dtype, pl.Datetime) and dtype.time_zone == "UTC":
            found = named_zone(known)
            return None if found is None else Value(pl.lit(found).cast(dtype), dtype, value.refs)
        if (
            isinstance(dtype, pl.Datetime)
            and dialect == "datafusion"
            and (found := named_zone(known)) is not None
        ):
            moment = pl.lit(found).cast(pl.Datetime("us", dtype.time_zone or "UTC"))
            return Value(moment if dtype.time_zone else moment.dt.replace_time_zone(None), dtype, value.refs)
        with suppress(ValueError):
            if isinstance(dtype, pl.Date) and re.fullmatch(r"\d{4}-\d\d?-\d\d?", known.strip()):
                year, month, day = map(int, known.strip().split("-"))
                return constant(date(year, month, day), dtype)
            if isinstance(dtype, pl.Datetime) and dtype.time_zone is None:
                return (
                    constant(datetime.fromisoformat(known.strip()).replace(tzinfo=None), dtype)
                    if _plain_stamp(known)
                    else None
                )
    if isinstance(known, date) and not isinstance(known, datetime) and isinstance(dtype, pl.Datetime):
        midnight = datetime.combine(known, time.min)
        return constant(midnight, dtype) if dtype.time_zone is None else None
    return None


def _plain_stamp(text: str) -> bool:
    return bool(re.fullmatch(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?)?", text.strip()))


def fits(number: int, dtype: pl.DataType) -> bool:
    """Whether a number is one of a type of integers."""
    bits = {"Int8": 7, "Int16": 15, "Int32": 31, "Int64": 63, "Int128": 127}.get(str(dtype))
    if bits is not None:
        return bool(-(2**bits) <= number < 2**bits)
    bits = {"UInt8": 8, "UInt16": 16, "UInt32": 32, "UInt64": 64}.get(str(dtype), 128)
    return bool(0 <= number < 2**bits)


_WRITES_UNITS = frozenset({"spark", "databricks"})
"""An interval's text depends on the units that it was written in there, which it does not keep here."""


def _expression(value: Value, dtype: pl.DataType, dialect: str, *, strict: bool) -> pl.Expr | None:
    source, expr = value.dtype, value.expr
    if isinstance(source, pl.Null):
        return expr.cast(dtype)
    if is_text(dtype):
        if isinstance(source, pl.Duration) and dialect in _WRITES_UNITS:
            return None
        return to_text(value, dialect).cast(dtype)
    if dialect == "datafusion" and isinstance(dtype, pl.List) and not is_list(source):
        inner: pl.DataType = dtype.inner  # type: ignore[assignment]
        one = expr if source == inner else _expression(value, inner, dialect, strict=strict)
        return None if one is None or is_list(inner) else pl.concat_list(one)
    if is_text(source):
        return _from_text(expr.cast(pl.String), dtype, dialect, strict=strict)
    if isinstance(source, pl.Binary) or isinstance(dtype, pl.Binary):
        return (
            expr.cast(dtype, strict=strict)
            if isinstance(source, pl.Binary) and isinstance(dtype, pl.Binary)
            else None
        )
    if is_list(source) != is_list(dtype) or isinstance(source, pl.Struct) != isinstance(dtype, pl.Struct):
        return None
    if is_list(source):
        return _list(expr, source, dtype, dialect, strict=strict)
    if isinstance(source, pl.Struct) and isinstance(dtype, pl.Struct):
        return _struct(expr, source, dtype, dialect, strict=strict)
    if isinstance(source, pl.Boolean):
        return expr.cast(pl.Int8).cast(dtype) if is_number(dtype) else None
    if is_number(source):
        return _from_number(value, dtype, dialect, strict=strict)
    if is_number(dtype) and not isinstance(source, pl.Duration):
        return moment_to_number(expr, source, dtype, dialect, strict=strict)
    return moment_to_moment(expr, source, dtype, dialect)


def _list(
    expr: pl.Expr, source: pl.DataType, dtype: pl.DataType, dialect: str, *, strict: bool
) -> pl.Expr | None:
    given: pl.DataType = source.inner  # type: ignore[attr-defined]
    wanted: pl.DataType = dtype.inner  # type: ignore[attr-defined]
    inner = (
        pl.element()
        if given == wanted
        else _expression(Value(pl.element(), given), wanted, dialect, strict=strict)
    )
    lists = expr.arr.to_list() if isinstance(source, pl.Array) else expr
    return None if inner is None else lists.list.eval(inner).cast(dtype, strict=strict)


def _struct(
    expr: pl.Expr, source: pl.Struct, dtype: pl.Struct, dialect: str, *, strict: bool
) -> pl.Expr | None:
    """Cast the fields of a struct, by name where all names are alike, else by place."""
    alike = str.lower if dialect in _FIELDS_BY_NAME else str
    names = [alike(f.name) for f in source.fields]
    wanted_names = {alike(f.name) for f in dtype.fields}
    by_name = set(names) == wanted_names or (
        dialect in _FIELDS_BY_NAME and not wanted_names.isdisjoint(names)
    )
    if not by_name and len(names) != len(dtype.fields):
        return None
    places = (names, [f.name for f in dtype.fields])
    if not by_name and dialect == "duckdb" and [f"v{n}" for n in range(1, len(names) + 1)] not in places:
        return None  # only a struct without names is one of another by place
    made: list[pl.Expr] = []
    for place, field in enumerate(dtype.fields):
        if by_name and alike(field.name) not in names:
            made.append(pl.lit(None, dtype=field.dtype).alias(field.name))
            continue
        one = source.fields[names.index(alike(field.name)) if by_name else place]
        given: pl.DataType = one.dtype  # type: ignore[assignment]
        wanted: pl.DataType = field.dtype  # type: ignore[assignment]
        value = Value(expr.struct.field(one.name), given)
        inner = value.expr if given == wanted else _expression(value, wanted, dialect, strict=strict)
        if inner is None:
            return None
        made.append(inner.alias(field.name))
    return pl.when(expr.is_not_null()).then(pl.struct(made))


_FIELDS_BY_NAME = frozenset({"datafusion", "duckdb"})
"""A field that a struct lacks is NULL there, one that is not asked for is dropped."""


def _from_number(value: Value, dtype: pl.DataType, dialect: str, *, strict: bool) -> pl.Expr | None:
    source, expr = value.dtype, value.expr
    if isinstance(dtype, pl.Boolean):
        return expr != 0
    if isinstance(dtype, (pl.Date, pl.Datetime)):
        return number_to_moment(value, dtype, dialect, strict=strict)
    if isinstance(dtype, pl.Time) and is_integer(source) and dialect == "datafusion":
        nanos = expr.cast(pl.Int64, strict=strict)
        # Polars takes any number for a time: what is none is made too great to be cast.
        day = (
            pl.when(nanos.is_between(0, 86_399_999_999_999))
            .then(nanos)
            .otherwise(nanos.cast(pl.Int128) + 2**64)
        )
        return day.cast(pl.Int64, strict=strict).cast(dtype)
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
        return (
            expr.truncate()
            if is_float(source)
            else pl.when(expr < 0).then(expr.ceil()).otherwise(expr.floor())
        )
    if is_float(source) and dialect in _HALF_EVEN:
        return expr.round(0, mode="half_to_even")
    return expr.round(0, mode="half_away_from_zero")


_BOOLEANS = {
    True: ("t", "true", "y", "yes", "on", "1"), False: ("f", "false", "n", "no", "off", "0"),
}  # fmt: skip


def _from_text(text: pl.Expr, dtype: pl.DataType, dialect: str, *, strict: bool) -> pl.Expr | None:
    plain = text.str.strip_chars()
    if isinstance(dtype, pl.Boolean):
        return _truth(plain, dialect, strict=strict)
    if is_number(dtype) and dialect in _PREFIX:
        # What begins like a number is that number, all else 0.
        shape = (
            r"^([+-]?\d+)"
            if is_integer(dtype) and dialect == "sqlite"
            else r"^([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
        )
        found = plain.str.extract(shape)
        plain = pl.when(found.is_null() & plain.is_not_null()).then(pl.lit("0")).otherwise(found)
    if is_integer(dtype):
        return _whole(plain, dtype, dialect, strict=strict)
    if is_decimal(dtype):
        return text_to_decimal(plain, dtype, strict=strict)
    if is_float(dtype):
        return plain.cast(dtype, strict=strict)
    if isinstance(dtype, pl.Binary):
        return text_to_bytes(text, dialect, strict=strict)
    if isinstance(dtype, pl.List):
        return _text_to_list(plain, dtype, dialect, strict=strict)
    return text_to_moment(plain, dtype, dialect, strict=strict and dialect != "mysql")


def _text_to_list(plain: pl.Expr, dtype: pl.List, dialect: str, *, strict: bool) -> pl.Expr | None:
    inner: pl.DataType = dtype.inner  # type: ignore[assignment]
    texts = None if isinstance(inner, (pl.List, pl.Struct)) else text_to_texts(plain, dialect, strict=strict)
    if texts is None or is_text(inner):
        return texts
    made = _from_text(pl.element(), inner, dialect, strict=strict)
    return None if made is None else texts.list.eval(made)


_PREFIX = frozenset({"mysql", "sqlite"})
"""A text is a number there as far as it looks like one."""
_WHOLE_ONLY = frozenset({"postgres", "redshift", "tsql", "trino", "bigquery", "spark", "databricks"})
"""A text with a fraction is no integer there."""


def _truth(plain: pl.Expr, dialect: str, *, strict: bool) -> pl.Expr:
    lowered = plain.str.to_lowercase()
    few = dialect in ("bigquery", "trino")
    yes = ("true", "t", "1") if dialect == "trino" else ("true",) if few else _BOOLEANS[True]
    no = ("false", "f", "0") if dialect == "trino" else ("false",) if few else _BOOLEANS[False]
    other = pl.when(lowered.is_in([*yes, *no]).not_()).then(plain)
    # Polars has no cast from text to Boolean; that to a number fails with the value in its message.
    failed = (other.str.replace(r"^.*$", "${0}x").cast(pl.Int8, strict=True) > 0) if strict else None
    made = pl.when(lowered.is_in(yes)).then(True).when(lowered.is_in(no)).then(False)
    return made.otherwise(failed) if failed is not None else made.otherwise(None)


def _whole(plain: pl.Expr, dtype: pl.DataType, dialect: str, *, strict: bool) -> pl.Expr:
    if dialect in _HEXADECIMAL:
        digits = plain.str.extract(r"^[+-]?0[xX]([0-9a-fA-F]+)$").str.to_integer(base=16, strict=False)
        signed = pl.when(plain.str.starts_with("-")).then(-digits).otherwise(digits)
        rest = _decimal_whole(pl.when(digits.is_null()).then(plain), dtype, dialect, strict=strict)
        return pl.coalesce(rest, signed.cast(dtype, strict=strict))
    return _decimal_whole(plain, dtype, dialect, strict=strict)


_HEXADECIMAL = frozenset({"bigquery", "duckdb"})
"""``'0x1F'`` is an integer there."""


def _decimal_whole(plain: pl.Expr, dtype: pl.DataType, dialect: str, *, strict: bool) -> pl.Expr:
    if dialect in _WHOLE_ONLY:
        return plain.cast(dtype, strict=strict)
    exact = plain.cast(dtype, strict=False)
    rest = pl.when(exact.is_null()).then(plain)
    rounding = "sqlite" if dialect == "mysql" else "" if dialect == "duckdb" else dialect
    # Digits are read as they are: a double has not all of them, and makes some that are too many fit.
    whole = rest.str.extract(r"^([+-]?\d+)\.\d*$").cast(pl.Int128, strict=False)
    if rounding not in _TRUNCATING:
        away = pl.when(rest.str.starts_with("-")).then(-1).otherwise(1)
        whole = whole + pl.when(rest.str.contains(r"\.[5-9]\d*$")).then(away).otherwise(0)
    digits = whole.cast(dtype, strict=False)
    rest = pl.when(digits.is_null()).then(rest)
    only = rest.str.contains(r"^[+-]?\d+$")
    beyond = pl.when(only).then(rest).cast(dtype, strict=strict)
    other = pl.when(only.not_()).then(rest).cast(pl.Float64, strict=strict)
    fraction = rounded_to_integer(other, pl.Float64(), rounding).cast(dtype, strict=strict)
    return pl.coalesce(exact, digits, beyond, fraction)
