"""Bits of whole numbers: &, |, ^, ~, << and >>."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Builder, Call, Functions
from dwkit.sql.types import is_integer
from dwkit.sql.value import Value

__all__ = ["BITS"]


def _bits(of: Callable[[Any, Any], pl.Expr]) -> Builder:
    def build(call: Call) -> Value:
        return call.value(of(call.integer(), call.integer("expression")), pl.Int64())

    return build


_OWN_TYPE = frozenset({"duckdb", "postgres", "redshift"})
"""What is shifted keeps its type there."""


def _shift(direction: int) -> Builder:
    def build(call: Call) -> Value:
        if call.dialect == "sqlite":
            return call.value(_sqlite_shift(call, direction), pl.Int64())
        if call.dialect in ("spark", "databricks"):
            return _java_shift(call, direction)
        call.has("requires_int128")
        value, places = call.arg(), call.integer("expression")
        own = call.dialect in _OWN_TYPE and is_integer(value.dtype) and not isinstance(value.dtype, pl.Int128)
        dtype = value.dtype if own else pl.Int64()
        number = call.cast(value, pl.Int64()).expr.cast(pl.Int128)
        powers = pl.lit(2.0).pow(places.clip(0, 64)).cast(pl.Int128)
        if direction < 0:
            made = (number // powers).cast(dtype)
        else:
            made = (number * powers).cast(
                dtype, strict=call.dialect != "bigquery", wrap_numerical=call.dialect == "bigquery"
            )
        return call.value(pl.when(places >= 0).then(made), dtype)

    return build


def _java_shift(call: Call, direction: int) -> Value:
    """Java shifts 32 or 64 bits, by the rest of the places there."""
    value, places = call.arg(), call.integer("expression")
    long = isinstance(value.dtype, (pl.Int64, pl.UInt32))
    dtype = pl.Int64() if long else pl.Int32()
    number = call.cast(value, pl.Int64()).expr
    powers = pl.lit(2.0).pow(places % (64 if long else 32)).cast(pl.Int128)
    if direction < 0:
        return call.value((number.cast(pl.Int128) // powers).cast(dtype), dtype)
    wrapped = number * powers.cast(pl.Int64, strict=False, wrap_numerical=True)
    return call.value(wrapped.cast(dtype, strict=False, wrap_numerical=True), dtype)


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


BITS: Functions = {
    exp.BitwiseAnd: _bits(operator.and_),
    exp.BitwiseOr: _bits(operator.or_),
    exp.BitwiseXor: _bits(operator.xor),
    exp.BitwiseLeftShift: _shift(1),
    exp.BitwiseRightShift: _shift(-1),
    exp.BitwiseNot: lambda call: call.value(call.integer().not_(), pl.Int64()),
}
