"""GROUP BY and its grouping sets."""

from __future__ import annotations

import polars as pl

from dwkit.sql.plan import Aggregate

__all__ = ["aggregate"]


def aggregate(frame: pl.LazyFrame, plan: Aggregate) -> pl.LazyFrame:
    """Return a row for each group, or for each group of each grouping set."""
    if plan.sets is None:
        return _grouped(frame, plan, tuple(plan.keys), grouping=False)
    return pl.concat([_grouped(frame, plan, one, grouping=True) for one in plan.sets])


def _grouped(frame: pl.LazyFrame, plan: Aggregate, keys: tuple[str, ...], *, grouping: bool) -> pl.LazyFrame:
    items = [v.expr.alias(i) for i, v in plan.items.items()]
    if not keys:
        made = frame.select(items or [pl.len().alias("dwkit:rows")])
    else:
        # A key may be called as a column that an aggregate reads, so keys are computed under names of their own.
        named = {k: f"dwkit:key{n}" for n, k in enumerate(keys)}
        by = [plan.keys[k].expr.alias(named[k]) for k in keys]
        made = frame.group_by(by).agg(items).rename({v: k for k, v in named.items()})
    if not grouping:
        return made.select(plan.columns) if plan.columns else made
    nulls = [
        pl.lit(None, dtype=plan.keys[k].dtype).alias(k) if k not in keys else pl.col(k) for k in plan.keys
    ]
    masks = [pl.lit(_mask(asked, keys), dtype=pl.Int64).alias(i) for i, asked in plan.grouping.items()]
    return made.select(*nulls, *(pl.col(i) for i in plan.items), *masks)


def _mask(asked: tuple[str, ...], keys: tuple[str, ...]) -> int:
    mask = 0
    for key in asked:
        mask = mask * 2 + (key not in keys)
    return mask
