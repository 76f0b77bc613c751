"""Where partitions and groups of peers begin and end, as numbers of rows in a sorted frame."""

from __future__ import annotations

from functools import reduce

import polars as pl

__all__ = ["FIRST", "LAST", "ROW", "at", "group", "numbered", "peers"]

ROW = pl.col("dwkit:row")
"""Number of the row in the frame, from 0."""
FIRST = pl.col("dwkit:first")
"""Number of the first row of its partition."""
LAST = pl.col("dwkit:last")
"""Number of the last row of its partition."""


def peers(depth: int) -> tuple[pl.Expr, pl.Expr]:
    """Return the numbers of the first and the last row that are equal to a row in so many keys of the order."""
    return (pl.col(f"dwkit:first{depth}"), pl.col(f"dwkit:last{depth}")) if depth else (FIRST, LAST)


def group(depth: int) -> pl.Expr:
    """Return the number of a row's group of peers in the whole frame, from 0."""
    return pl.col(f"dwkit:group{depth}")


def at(values: pl.Expr, position: pl.Expr) -> pl.Expr:
    """Return the value at a row's position, NULL where the position is NULL."""
    return values.gather(position)


def numbered(frame: pl.LazyFrame, partition: list[str], order: list[str], depths: list[int]) -> pl.LazyFrame:
    """Return a sorted frame with the positions that functions ask for.

    Args:
        partition, order: columns that it is sorted by.
        depths: of how many keys of the order the peers are wanted.
    """
    row = pl.int_range(pl.len(), dtype=pl.Int64)
    frame = frame.with_columns(row.alias("dwkit:row"), _changed(partition).alias("dwkit:new"))
    levels = [("", pl.col("dwkit:new"))]
    for depth in depths:
        new = pl.col("dwkit:new") | _changed(order[:depth]) if depth else pl.col("dwkit:new")
        frame = frame.with_columns(new.alias(f"dwkit:new{depth}"))
        levels.append((str(depth), pl.col(f"dwkit:new{depth}")))
    made = []
    for name, new in levels:
        made += [
            pl.when(new).then(ROW).forward_fill().alias(f"dwkit:first{name}"),
            pl.when(new.shift(-1).fill_null(value=True)).then(ROW).backward_fill().alias(f"dwkit:last{name}"),
            (new.cast(pl.Int64).cum_sum() - 1).alias(f"dwkit:group{name}"),
        ]
    return frame.with_columns(made)


def _changed(keys: list[str]) -> pl.Expr:
    """Whether a row is the first one or differs from the one before it."""
    start = pl.int_range(pl.len(), dtype=pl.Int64) == 0
    return reduce(lambda a, b: a | b, (pl.col(k).ne_missing(pl.col(k).shift(1)) for k in keys), start)
