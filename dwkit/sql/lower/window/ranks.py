"""Numbers and ranks of rows in their partitions."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

from dwkit.sql.lower.window.positions import FIRST, LAST, ROW, at, group, peers

__all__ = ["RANKS", "ntile"]


def _dense_rank(depth: int) -> pl.Expr:
    return group(depth) - at(group(depth), FIRST) + 1


def _percent_rank(depth: int) -> pl.Expr:
    """0 in a partition of one row."""
    others = (LAST - FIRST).cast(pl.Float64)
    return pl.when(others > 0).then((peers(depth)[0] - FIRST) / others).otherwise(0.0)


RANKS: Mapping[str, Callable[[int], pl.Expr]] = {
    "row_number": lambda _: ROW - FIRST + 1,
    "rank": lambda depth: peers(depth)[0] - FIRST + 1,
    "dense_rank": _dense_rank,
    "percent_rank": _percent_rank,
    "cume_dist": lambda depth: (peers(depth)[1] - FIRST + 1) / (LAST - FIRST + 1),
}
"""Rank in the order of so many keys."""


def ntile(buckets: pl.Expr) -> pl.Expr:
    """Return the number of a row's bucket; the first ones are one larger where the rows do not divide evenly."""
    rows, place = LAST - FIRST + 1, ROW - FIRST
    size, larger = rows // buckets, rows % buckets
    border = larger * (size + 1)
    later = larger + (place - border) // pl.max_horizontal(size, pl.lit(1, dtype=pl.Int64))
    return pl.when(place < border).then(place // (size + 1)).otherwise(later) + 1
