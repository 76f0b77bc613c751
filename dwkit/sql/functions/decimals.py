"""Decimals as whole numbers of 128 bits, for calculations that Polars' decimals are slow at."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import polars as pl

from dwkit.sql.functions.call import Call
from dwkit.sql.types import is_float, is_integer, scale_of, whole_digits
from dwkit.sql.value import Value

__all__ = ["from_scaled", "read_as", "rounded_units", "scaled_of", "unscaled", "whole_of"]


def scaled_of(value: Value) -> pl.Expr:
    """Return an exact number times ten to the power of its scale, as a whole number of 128 bits."""
    if value.scaled is not None:
        return value.scaled
    if value.is_null:
        return pl.lit(None, dtype=pl.Int128)
    if isinstance(value.constant, (int, Decimal)):
        exact = Fraction(value.constant) * 10 ** scale_of(value.dtype)  # Decimal would round to 28 digits
        return pl.lit(int(exact), dtype=pl.Int128)
    return value.expr.cast(pl.Int128) if is_integer(value.dtype) else value.expr.to_physical()


def whole_of(value: Value) -> int:
    """Return how many digits before the point an exact number needs."""
    if isinstance(value.constant, (int, Decimal)):
        return len(str(abs(int(value.constant))))
    return whole_digits(value.dtype)


def unscaled(scaled: pl.Expr, scale: int) -> pl.Expr:
    """Return a whole number times ten to the power of a scale as the decimal; more than 38 digits are an error."""
    return scaled.cast(pl.Decimal(38, 0)) * pl.lit(Decimal(1).scaleb(-scale), dtype=pl.Decimal(38, scale))


def read_as(scaled: pl.Expr, scale: int) -> pl.Expr:
    """Return a whole number of at most 38 digits, times ten to the power of a scale, as the decimal: the same bits."""
    return scaled.reinterpret(dtype=pl.Decimal(38, scale))


def from_scaled(call: Call, scaled: pl.Expr, digits: int, scale: int) -> Value:
    """Return a calculated decimal of so many digits, which must fit 38."""
    made = call.value(read_as(scaled, scale), pl.Decimal(digits, scale))
    return replace(made, scaled=scaled)


def rounded_units(call: Call, value: Value, digits: int, *, even: bool = False) -> pl.Expr:
    """Return a number times ten to the power of some digits, rounded, as a whole number of 128 bits.

    A float is rounded by its exact value. Where that is a tie, to the even number as C does.

    Args:
        even: a tie of an exact number goes to the even one too, else away from zero.
    """
    if is_float(value.dtype):
        return _float_units(call.cast(value, pl.Float64()).expr, digits)
    scaled, unit = scaled_of(value), 10 ** max(scale_of(value.dtype) - digits, 0)
    if unit == 1:
        factor: int = 10 ** (digits - scale_of(value.dtype))
        return scaled * factor
    low = scaled.abs() // unit
    rest = scaled.abs() - low * unit
    tie = (rest * 2 == unit) & (low % 2 != 0) if even else rest * 2 == unit
    made = low + ((rest * 2 > unit) | tie).cast(pl.Int128)
    return pl.when(scaled < 0).then(0 - made).otherwise(made)


_HALVES = 134_217_729.0
"""Two to the power of 27, plus one: divides a double into two halves (T. J. Dekker, 1971)."""


def _float_units(x: pl.Expr, digits: int) -> pl.Expr:
    factor = 10.0**digits
    product = x * factor
    high = x * _HALVES - (x * _HALVES - x)
    factor_high = factor * _HALVES - (factor * _HALVES - factor)
    low, factor_low = x - high, factor - factor_high
    # What the product lacks of the exact one; it decides where the product stands at a half.
    lacks = ((high * factor_high - product) + high * factor_low + low * factor_high) + low * factor_low
    floor = product.floor()
    at_half = product - floor == 0.5
    near = product.round(0, mode="half_to_even")
    settled = pl.when(lacks > 0).then(floor + 1).when(lacks < 0).then(floor).otherwise(near)
    whole = pl.when(at_half).then(settled).otherwise(near)
    return whole.cast(pl.Int128, strict=True)
