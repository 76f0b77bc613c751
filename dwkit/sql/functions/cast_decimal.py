"""Text as a decimal."""

from __future__ import annotations

import polars as pl

from dwkit.sql.types import scale_of, whole_digits

__all__ = ["text_to_decimal"]


def text_to_decimal(plain: pl.Expr, dtype: pl.DataType, *, strict: bool) -> pl.Expr:
    """Return a text as a decimal: read with more digits than it is to have, then rounded."""
    scale = scale_of(dtype)
    wide = pl.Decimal(38, min(38, scale + 6))
    short = None
    if whole_digits(dtype) + wide.scale > 38:
        # A text that leaves no room for more digits is read with just those that it is to have.
        short = plain.cast(wide, strict=False).is_null() & plain.str.contains(rf"\.\d{{{scale + 1}}}").not_()
    exact = (plain if short is None else pl.when(short.not_()).then(plain)).cast(wide, strict=strict)
    rounded = exact.round(scale, mode="half_away_from_zero").cast(dtype, strict=strict)
    if short is None:
        return rounded
    return pl.coalesce(rounded, pl.when(short).then(plain).cast(dtype, strict=strict))
