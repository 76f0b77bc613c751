"""Whole numbers: the greatest divisor, the least multiple, bits moved to a side, digits to the base of 16."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Builder, Call, Functions
from dwkit.sql.functions.decimals import scaled_of, unscaled
from dwkit.sql.types import is_decimal, is_integer, scale_of, shown
from dwkit.sql.value import Value

__all__ = ["BITS", "all_digits", "divisor_of", "hex_of"]

_INTEGER, _WIDE = pl.Int64(), pl.Int128()


def _euclid(columns: Sequence[pl.Series]) -> pl.Series:
    """Return the greatest common divisors: all rows take a step at once, of which 64 bits need at most 92."""
    size = max(len(c) for c in columns) if all(len(c) for c in columns) else 0
    a, b = (c.new_from_index(0, size) if len(c) != size else c for c in columns)
    steps = pl.DataFrame({"a": a.abs(), "b": b.abs()})
    while (steps["b"] != 0).any():
        steps = steps.select(
            pl.when(pl.col("b") != 0).then("b").otherwise("a").alias("a"),
            pl.when(pl.col("b") != 0).then(pl.col("a") % pl.when(pl.col("b") != 0).then("b")).otherwise("b").alias("b"),
        )  # fmt: skip
    return steps.select(pl.when(pl.col("b").is_not_null()).then("a"))["a"]


def divisor_of(call: Call, left: Value, right: Value) -> Value:
    """Return GCD or LCM of two whole numbers or decimals; a result that does not fit is an error when it runs."""
    for value in (left, right):
        if not (is_integer(value.dtype) or is_decimal(value.dtype) or value.is_null):
            raise call.error(f"{call.name} wants whole numbers, not {shown(value.dtype)}")
    scale = max(scale_of(left.dtype), scale_of(right.dtype))
    exact = is_decimal(left.dtype) or is_decimal(right.dtype)
    dtype = pl.Decimal(38, scale) if exact else _INTEGER
    values = [call.cast(v, dtype) for v in (left, right)]
    a, b = (scaled_of(v) if exact else v.expr.cast(_WIDE) for v in values)
    made = pl.map_batches([a, b], _euclid, return_dtype=_WIDE, is_elementwise=True)
    if call.name == "LCM":
        product = a.abs() // pl.when(made != 0).then(made) * b.abs()
        made = pl.when(made == 0).then(pl.lit(0, dtype=_WIDE)).otherwise(product)
    return call.value(unscaled(made, scale) if exact else made.cast(_INTEGER, strict=True), dtype)


_PAIRS = "".join(f"{n:02x}" for n in range(256))


def hex_of(number: pl.Expr) -> pl.Expr:
    """Return a whole number of 64 bits to the base of 16, a negative one by its complement."""
    bits = number.cast(_INTEGER).reinterpret(signed=False)
    return pl.when(bits == 0).then(pl.lit("0")).otherwise(all_digits(bits).str.strip_chars_start("0"))


def all_digits(bits: pl.Expr) -> pl.Expr:
    """Return an unsigned number of 64 bits as 16 digits to the base of 16."""
    return pl.concat_str(pl.lit(_PAIRS).str.slice(bits // 256**n % 256 * 2, 2) for n in range(7, -1, -1))


def _shifted(call: Call, value: Value, places: Value, direction: int) -> Value:
    """Return bits moved to the left or to the right, as processors do: places count modulo the width."""
    literal = value.is_constant or places.is_constant
    narrow = not literal and all(isinstance(v.dtype, (pl.Int8, pl.Int16, pl.Int32)) for v in (value, places))
    width = 32 if narrow else 64
    count = call.cast(places, _INTEGER).expr.mod(width)
    powers = [2**n if n < 63 else -(2**63) for n in range(64)]
    power = count.replace_strict(list(range(64)), powers, return_dtype=_INTEGER)
    number = call.cast(value, _INTEGER).expr
    if direction < 0:
        far = pl.when(number < 0).then(-1).otherwise(0).cast(_INTEGER)
        made = pl.when(count == 63).then(far).otherwise(number // power)
    else:
        made = number * power
    if narrow:
        low = made & (2**32 - 1)
        made = pl.when(low >= 2**31).then(low - 2**32).otherwise(low)
    return call.value(pl.when(number.is_not_null() & count.is_not_null()).then(made), _INTEGER)


def _bits(of: Callable[[Any, Any], pl.Expr]) -> Builder:
    def build(call: Call) -> Value:
        return call.value(of(call.integer(), call.integer("expression")), pl.Int64())

    return build


def _shift(direction: int) -> Builder:
    def build(call: Call) -> Value:
        if call.dialect == "datafusion":
            return _shifted(call, call.arg(), call.arg("expression"), direction)
        powers = pl.lit(2, dtype=pl.Int64).pow(call.integer("expression"))
        value = call.integer()
        return call.value(value * powers if direction > 0 else value // powers, pl.Int64())

    return build


BITS: Functions = {
    exp.BitwiseAnd: _bits(operator.and_),
    exp.BitwiseOr: _bits(operator.or_),
    exp.BitwiseXor: _bits(operator.xor),
    exp.BitwiseLeftShift: _shift(1),
    exp.BitwiseRightShift: _shift(-1),
    exp.BitwiseNot: lambda call: call.value(call.integer().not_(), pl.Int64()),
}
