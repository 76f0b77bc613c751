"""Decimals: text read as one, and the digits of those that say none."""

from __future__ import annotations

import re

import polars as pl

from dwkit.sql.types import is_decimal, is_integer, scale_of, whole_digits
from dwkit.sql.value import Value

__all__ = ["holding", "text_to_decimal"]


def holding(value: Value, dtype: pl.DataType) -> pl.DataType:
    """Return a decimal type that has room for all digits of a value, as far as they are known."""
    if is_decimal(value.dtype):
        return value.dtype
    if is_integer(value.dtype) and whole_digits(value.dtype) < 38:
        return pl.Decimal(whole_digits(value.dtype), 0)
    if isinstance(value.constant, str):
        found = re.fullmatch(r"\s*[+-]?(\d*)(?:\.(\d*))?\s*", value.constant)
        digits = len(found[2] or "") if found else 0
        if found and 10 < digits <= 38 - len(found[1]):
            return pl.Decimal(38, digits)
    return dtype


def text_to_decimal(plain: pl.Expr, dtype: pl.DataType, *, strict: bool) -> pl.Expr:
    """Return text as a decimal.

    Polars rounds halves to the even neighbour, SQL away from zero: that one digit more than are kept decides.
    """
    scale = scale_of(dtype)
    power = plain.str.contains("[eE]")
    cut = plain.str.replace(rf"^([^.]*\.\d{{{scale + 1}}})\d+$", "${1}")
    exact = pl.when(power.not_()).then(cut).cast(pl.Decimal(38, min(38, scale + 1)), strict=False)
    wide = pl.when(power).then(plain).cast(pl.Decimal(38, min(38, scale + 18)), strict=False)
    near = pl.coalesce(
        *(e.round(scale, mode="half_away_from_zero").cast(dtype, strict=strict) for e in (exact, wide))
    )
    # A number of all digits that there are has no room for one more.
    rest = pl.when(near.is_null()).then(plain).cast(pl.Decimal(38, scale), strict=strict)
    return pl.coalesce(near, rest.cast(dtype, strict=strict))
