"""Decimals as whole numbers of 128 bits, for calculations that Polars' decimals are slow at."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import polars as pl

from dwkit.sql.functions.call import Call
from dwkit.sql.types import is_integer, scale_of, whole_digits
from dwkit.sql.value import Value

__all__ = ["from_scaled", "scaled_of", "unscaled", "whole_of"]


def scaled_of(value: Value) -> pl.Expr:
    """Return an exact number times ten to the power of its scale, as a whole number of 128 bits."""
    if value.scaled is not None:
        return value.scaled
    if value.is_null:
        return pl.lit(None, dtype=pl.Int128)
    if isinstance(value.constant, (int, Decimal)):
        return pl.lit(int(Decimal(value.constant).scaleb(scale_of(value.dtype))), dtype=pl.Int128)
    return value.expr.cast(pl.Int128) if is_integer(value.dtype) else value.expr.to_physical()


def whole_of(value: Value) -> int:
    """Return how many digits before the point an exact number needs."""
    if isinstance(value.constant, (int, Decimal)):
        return len(str(abs(int(value.constant))))
    return whole_digits(value.dtype)


def unscaled(scaled: pl.Expr, scale: int) -> pl.Expr:
    """Return a whole number times ten to the power of a scale as the decimal."""
    return scaled.cast(pl.Decimal(38, 0)) * pl.lit(Decimal(1).scaleb(-scale), dtype=pl.Decimal(38, scale))


def from_scaled(call: Call, scaled: pl.Expr, digits: int, scale: int) -> Value:
    """Return a calculated decimal of so many digits, which must fit 38."""
    made = call.value(unscaled(scaled, scale), pl.Decimal(digits, scale))
    return replace(made, scaled=scaled)
