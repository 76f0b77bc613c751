"""Bits of integers, and the bitmaps of Spark and Snowflake."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Builder, Call, Functions
from dwkit.sql.types import is_integer, shown
from dwkit.sql.value import Value

__all__ = ["BITS"]

_LONG, _SPARK = pl.Int64(), ("spark", "databricks")


def _bits(of: Callable[[Any, Any], pl.Expr]) -> Builder:
    def build(call: Call) -> Value:
        return call.value(of(call.integer(), call.integer("expression")), _LONG)

    return build


def _not(call: Call) -> Value:
    value = call.args()[0] if isinstance(call.node, exp.Anonymous) else call.arg()
    return call.value(call.cast(value, _LONG).expr.not_(), _LONG)


# -- shifts ---------------------------------------------------------------------------------------


_OWN_TYPE = frozenset({"duckdb", "postgres", "redshift"})
"""What is shifted keeps its type there."""


def _shift(direction: int) -> Builder:
    def build(call: Call) -> Value:
        if call.dialect in _SPARK:
            return _java_shift(call, call.arg(), call.arg("expression"), "<<" if direction > 0 else ">>")
        if call.dialect == "datafusion":
            return _processor_shift(call, call.arg(), call.arg("expression"), direction)
        if call.dialect == "sqlite":
            return call.value(_sqlite_shift(call, direction), _LONG)
        call.has("requires_int128")
        value, places = call.arg(), call.integer("expression")
        own = call.dialect in _OWN_TYPE and is_integer(value.dtype) and not isinstance(value.dtype, pl.Int128)
        dtype = value.dtype if own else _LONG
        number = call.cast(value, _LONG).expr.cast(pl.Int128)
        powers = pl.lit(2.0).pow(places.clip(0, 64)).cast(pl.Int128)
        if call.dialect == "duckdb":
            return call.value(_duckdb_shift(call, number, places, powers, direction, dtype), dtype)
        if direction < 0:
            made = (number // powers).cast(dtype)
        else:
            made = (number * powers).cast(
                dtype, strict=call.dialect != "bigquery", wrap_numerical=call.dialect == "bigquery"
            )
        return call.value(pl.when(places >= 0).then(made), dtype)

    return build


def _duckdb_shift(
    call: Call, number: pl.Expr, places: pl.Expr, powers: pl.Expr, direction: int, dtype: pl.DataType
) -> pl.Expr:
    """To the right by less than none or by the width and more gives 0; to the left it is an error for what is negative."""
    width = {1: 8, 2: 16, 4: 32}.get(_SIZES.get(type(dtype), 8), 64)
    if direction < 0:
        made = pl.when((places >= 0) & (places < width)).then(number // powers).otherwise(0).cast(dtype)
        return pl.when(places.is_not_null() & number.is_not_null()).then(made)
    moved = (pl.when(number != 0).then(number * powers).otherwise(0)).cast(dtype)
    said = (
        pl.when(places < 0)
        .then(pl.lit("a shift to the left by less than none"))
        .when(number < 0)
        .then(pl.lit("a shift to the left of a negative number"))
    )
    known = places.is_not_null() & number.is_not_null()
    return call.checked(pl.when(known).then(moved), said.is_not_null(), said)


_SIZES: dict[type[pl.DataType], int] = {
    pl.Int8: 1,
    pl.UInt8: 1,
    pl.Int16: 2,
    pl.UInt16: 2,
    pl.Int32: 4,
    pl.UInt32: 4,
}


def _processor_shift(call: Call, value: Value, places: Value, direction: int) -> Value:
    """Return bits moved to the left or to the right, as processors do: places count modulo the width."""
    literal = value.is_constant or places.is_constant
    narrow = not literal and all(isinstance(v.dtype, (pl.Int8, pl.Int16, pl.Int32)) for v in (value, places))
    width = 32 if narrow else 64
    count = call.cast(places, _LONG).expr.mod(width)
    powers = [2**n if n < 63 else -(2**63) for n in range(64)]
    power = count.replace_strict(list(range(64)), powers, return_dtype=_LONG)
    number = call.cast(value, _LONG).expr
    if direction < 0:
        far = pl.when(number < 0).then(-1).otherwise(0).cast(_LONG)
        made = pl.when(count == 63).then(far).otherwise(number // power)
    else:
        made = number * power
    if narrow:
        low = made & (2**32 - 1)
        made = pl.when(low >= 2**31).then(low - 2**32).otherwise(low)
    return call.value(pl.when(number.is_not_null() & count.is_not_null()).then(made), _LONG)


def _sqlite_shift(call: Call, direction: int) -> pl.Expr:
    """A shift by less than none goes the other way, by 64 and more nothing stays but the sign."""
    value, places = call.integer(), call.integer("expression")
    size = places.abs().clip(0, 64)
    powers = pl.lit(2.0).pow(size).cast(pl.Int128)
    left = (
        pl.when(size < 64).then(value * powers.cast(pl.Int64, strict=False, wrap_numerical=True)).otherwise(0)
    )
    right = (value.cast(pl.Int128) // powers).cast(pl.Int64)
    forward = places >= 0 if direction > 0 else places < 0
    return pl.when(places.is_not_null()).then(pl.when(forward).then(left).otherwise(right))


def _unsigned_shift(call: Call) -> Value:
    value, places = call.args()
    return _java_shift(call, value, places, ">>>")


def _java_shift(call: Call, value: Value, places: Value, sign: str) -> Value:
    """A shift as Java has it: of 32 or 64 bits, by the last five or six bits of the number of places."""
    if not (is_integer(value.dtype) or value.is_null):
        raise call.error(f"{call.name} wants a whole number, not {shown(value.dtype)}")
    dtype: pl.DataType = _LONG if isinstance(value.dtype, (pl.Int64, pl.UInt32)) else pl.Int32()
    size = 64 if isinstance(dtype, pl.Int64) else 32
    number = call.cast(value, dtype).expr
    count = call.cast(places, _LONG).expr % size
    if sign == ">>":  # in two steps, as 2 ** 63 is no BIGINT
        half = count // 2
        made = number.cast(_LONG) // _power(half) // _power(count - half)
        return call.value(made.cast(dtype), dtype)
    bits = number.cast(_LONG).reinterpret(signed=False)
    if size == 32:
        bits = bits % 2**32
    power = pl.lit(2, dtype=pl.UInt64).pow(count)
    bits = bits * power if sign == "<<" else bits // power
    if size == 64:
        return call.value(bits.reinterpret(signed=True), dtype)
    low = (bits % 2**32).cast(_LONG)
    return call.value(pl.when(low >= 2**31).then(low - 2**32).otherwise(low).cast(dtype), dtype)


def _power(count: pl.Expr) -> pl.Expr:
    return pl.lit(2, dtype=_LONG).pow(count)


# -- single bits ----------------------------------------------------------------------------------


def _count(call: Call) -> Value:
    value = call.cast(call.values()[0], _LONG)
    return call.value(value.expr.bitwise_count_ones().cast(_LONG), _LONG)


def _bit_of(call: Call) -> Value:
    """BIT_GET(x, n): the bit at a place, from 0 at the right."""
    place = call.arg("expression")
    if call.has("zero_is_msb"):
        raise call.refuse(f"{call.name} from the left")
    if isinstance(place.constant, int) and not 0 <= place.constant < 64:
        raise call.error(f"{call.name} has no place {place.constant}")
    count = call.cast(place, _LONG).expr
    if not place.is_constant:
        told = pl.concat_str(pl.lit("no place of a bit: "), count)
        count = call.checked(count, (count < 0) | (count > 63), told)
    bits = call.integer().reinterpret(signed=False) // pl.lit(2, dtype=pl.UInt64).pow(count)
    return call.value((bits % 2).cast(_LONG), _LONG)


# -- bitmaps --------------------------------------------------------------------------------------

_BITMAP = 32768
"""Numbers that one bitmap has room for."""


def _bit_position(call: Call) -> Value:
    number = call.integer()
    made = pl.when(number > 0).then((number - 1) % _BITMAP).otherwise((0 - number) % _BITMAP)
    return call.value(made, _LONG)


def _bucket_number(call: Call) -> Value:
    number = call.integer()
    below = 0 - (0 - (number + 1)) // _BITMAP  # -9223372036854775808 has no opposite
    whole = pl.when(number % _BITMAP == 0).then(number // _BITMAP).otherwise(below)
    return call.value(pl.when(number > 0).then((number - 1) // _BITMAP + 1).otherwise(whole), _LONG)


_ONES = {1: "[1248]", 2: "[3569ac]", 3: "[7bde]", 4: "f"}


def _bitmap_count(call: Call) -> Value:
    value = call.arg()
    if not isinstance(value.dtype, (pl.Binary, pl.Null)):
        raise call.error(f"{call.name} wants bytes, not {shown(value.dtype)}")
    digits = value.expr.cast(pl.Binary).bin.encode("hex")
    made = sum(
        (digits.str.count_matches(p).cast(_LONG) * n for n, p in _ONES.items()), pl.lit(0, dtype=_LONG)
    )
    return call.value(made, _LONG)


BITS: Functions = {
    exp.BitwiseAnd: _bits(operator.and_),
    exp.BitwiseOr: _bits(operator.or_),
    exp.BitwiseXor: _bits(operator.xor),
    exp.BitwiseNot: _not,
    "BITWISE_NOT": _not,
    exp.BitwiseLeftShift: _shift(1),
    exp.BitwiseRightShift: _shift(-1),
    "SHIFTRIGHTUNSIGNED": _unsigned_shift,
    exp.BitwiseCount: _count,
    "BIT_COUNT": _count,
    exp.Getbit: _bit_of,
    exp.BitmapBitPosition: _bit_position,
    exp.BitmapBucketNumber: _bucket_number,
    exp.BitmapCount: _bitmap_count,
}
