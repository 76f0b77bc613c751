"""Text read as a decimal."""

from __future__ import annotations

import polars as pl

from dwkit.sql.types import scale_of

__all__ = ["text_to_decimal"]


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
