"""Whole numbers: the greatest divisor, the least multiple, digits to the base of 16."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from dwkit.sql.functions.call import Call
from dwkit.sql.functions.decimals import scaled_of, unscaled
from dwkit.sql.types import is_decimal, is_integer, scale_of, shown
from dwkit.sql.value import Value

__all__ = ["all_digits", "divisor_of", "hex_of", "wider"]

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


def wider(value: Value) -> pl.Expr:
    """Return an integer in a type that has room for the opposite of the least one of its own."""
    long = isinstance(value.dtype, (pl.Int64, pl.UInt64, pl.Int128))
    return value.expr.cast(_WIDE if long else _INTEGER)


_PAIRS = "".join(f"{n:02x}" for n in range(256))


def hex_of(number: pl.Expr) -> pl.Expr:
    """Return a whole number of 64 bits to the base of 16, a negative one by its complement."""
    bits = number.cast(_INTEGER).reinterpret(signed=False)
    return pl.when(bits == 0).then(pl.lit("0")).otherwise(all_digits(bits).str.strip_chars_start("0"))


def all_digits(bits: pl.Expr) -> pl.Expr:
    """Return an unsigned number of 64 bits as 16 digits to the base of 16."""
    return pl.concat_str(pl.lit(_PAIRS).str.slice(bits // 256**n % 256 * 2, 2) for n in range(7, -1, -1))
