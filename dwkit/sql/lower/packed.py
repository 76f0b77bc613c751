"""Keys of several whole numbers as one number, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

__all__ = ["Digit", "grouped", "within"]

_PACKED = "dwkit:packed"


@dataclass(frozen=True, slots=True)
class Digit:
    """A key as a digit of a packed one: its type, and the least and the greatest value that it can have."""

    dtype: pl.DataType
    low: int
    high: int

    @property
    def size(self) -> int:
        """How many values it can have, with NULL."""
        return self.high - self.low + 2

    def whole(self, expr: pl.Expr) -> pl.Expr:
        """Return a key as a whole number."""
        return expr.to_physical().cast(pl.Int64)

    def packed(self, expr: pl.Expr) -> pl.Expr:
        """Return a key as a number from 0; NULL comes last, and what is beyond the bounds is NULL."""
        whole = self.whole(expr)
        null = pl.lit(self.size - 1, dtype=pl.Int64)
        return (
            pl.when(whole.is_between(self.low, self.high))
            .then(whole - self.low)
            .when(whole.is_null())
            .then(null)
        )

    def unpacked(self, digit: pl.Expr) -> pl.Expr:
        """Return the key again."""
        whole = pl.when(digit < self.size - 1).then(digit + self.low)
        if isinstance(self.dtype, pl.Categorical):  # a code of `dwkit.sql.optimise.codes`
            return whole.cast(self.dtype.categories.physical()).cat.to(self.dtype)
        return (whole.cast(pl.Int32) if isinstance(self.dtype, pl.Date) else whole).cast(self.dtype)


def within(number: pl.Expr, beyond: pl.Expr) -> pl.Expr:
    """Return a packed key; where a value is beyond its bounds, it fails."""
    told = pl.lit(
        "dwkit: a table has values beyond the bounds that its files state: was one changed meanwhile?"
    )
    return pl.when(pl.when(beyond).then(told).cast(pl.Int8, strict=True).is_null()).then(number)


def grouped(
    frame: pl.LazyFrame, keys: Mapping[str, pl.Expr], items: list[pl.Expr], digits: Mapping[str, Digit]
) -> pl.LazyFrame:
    """Return the groups of a frame: its keys, then the items. It fails where a key is beyond its bounds."""
    first, *others = keys
    key = digits[first].packed(keys[first])
    for ident in others:
        key = key * digits[ident].size + digits[ident].packed(keys[ident])
    groups = frame.group_by(key.alias(_PACKED)).agg(items)
    groups = groups.with_columns(within(pl.col(_PACKED), pl.col(_PACKED).is_null()).alias(_PACKED))
    rest = pl.col(_PACKED)
    made: list[pl.Expr] = []
    for ident in reversed(list(keys)):
        made.insert(0, digits[ident].unpacked(rest % digits[ident].size).alias(ident))
        rest = rest // digits[ident].size
    return groups.select(*made, pl.all().exclude(_PACKED))
