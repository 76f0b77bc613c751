"""GROUP BY and its grouping sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

from dwkit.sql.lower.packed import Digit, grouped
from dwkit.sql.plan import Aggregate

__all__ = ["aggregate", "combined"]

_COMBINED: dict[str, Callable[[pl.Expr], pl.Expr]] = {
    "sum": lambda e: pl.when(e.count() > 0).then(e.sum()),
    "count": lambda e: e.sum(),
    "min": lambda e: e.min(),
    "max": lambda e: e.max(),
    "nan_max": lambda e: e.nan_max(),
}
"""How the results of finer groups make the result of a coarser one."""


def aggregate(
    frame: pl.LazyFrame, plan: Aggregate, digits: Mapping[str, Digit] | None = None
) -> pl.LazyFrame:
    """Return a row for each group, or for each group of each grouping set.

    Args:
        digits: the keys where they are to be packed into one.
    """
    if plan.sets is None:
        plain = [pl.lit(0, dtype=pl.Int64).alias(i) for i in plan.grouping]  # no key is left out
        return _grouped(frame, plan, tuple(plan.keys), digits).with_columns(plain)
    if len(plan.sets) > 1 and plan.combined.keys() >= plan.items.keys():
        return _from_finest(frame, plan, plan.sets, digits)
    return pl.concat([_completed(_grouped(frame, plan, one, digits), plan, one) for one in plan.sets])


def _grouped(
    frame: pl.LazyFrame, plan: Aggregate, keys: tuple[str, ...], digits: Mapping[str, Digit] | None
) -> pl.LazyFrame:
    """Return the groups of some of the keys: these, then the items."""
    items = [v.expr.alias(i) for i, v in plan.items.items()]
    if not keys:
        return frame.select(items or [pl.len().alias("dwkit:rows")])
    if digits is not None and len(keys) > 1:
        return grouped(frame, {k: plan.keys[k].expr for k in keys}, items, digits)
    # A key may be called as a column that an aggregate reads, so keys are computed under names of their own.
    named = {k: f"dwkit:key{n}" for n, k in enumerate(keys)}
    values = [plan.keys[k].expr for k in keys]
    if not any(v.meta.root_names() for v in values):  # Polars has a group of a literal even of no rows
        values[0] = pl.when(pl.int_range(pl.len()) >= 0).then(values[0])
    by = [v.alias(named[k]) for v, k in zip(values, keys, strict=True)]
    return frame.group_by(by).agg(items).rename({v: k for k, v in named.items()})


def _from_finest(
    frame: pl.LazyFrame,
    plan: Aggregate,
    sets: tuple[tuple[str, ...], ...],
    digits: Mapping[str, Digit] | None,
) -> pl.LazyFrame:
    """Return all sets, each made from the groups of the smallest set that has its keys and is there already."""
    every = tuple(k for k in plan.keys if any(k in one for one in sets))
    made: dict[frozenset[str], pl.LazyFrame] = {
        frozenset(every): _grouped(frame, plan, every, digits).cache()
    }
    for one in sorted(sets, key=len, reverse=True):
        keys = frozenset(one)
        if keys not in made:
            source = made[min((m for m in made if m >= keys), key=len)]
            made[keys] = _combined(source, plan, one).cache()
    return pl.concat([_completed(made[frozenset(one)], plan, one) for one in sets])


def combined(how: str, ident: str, dtype: pl.DataType) -> pl.Expr:
    """Return what the column of an item of finer groups makes of it for a coarser one; a sum beyond its type fails."""
    if how == "sum" and dtype.is_integer():
        return _COMBINED[how](pl.col(ident).cast(pl.Int128)).cast(dtype)
    return _COMBINED[how](pl.col(ident))


def _combined(groups: pl.LazyFrame, plan: Aggregate, keys: tuple[str, ...]) -> pl.LazyFrame:
    items = [combined(plan.combined[i], i, v.dtype).alias(i) for i, v in plan.items.items()]
    if keys:
        return groups.group_by(keys).agg(items)
    # Over no rows at all the grand total is still a row.
    counts = [
        pl.col(i).fill_null(0) for i, how in plan.combined.items() if how == "count" and i in plan.items
    ]
    return groups.select(items or [pl.len().alias("dwkit:rows")]).with_columns(counts)


def _completed(groups: pl.LazyFrame, plan: Aggregate, keys: tuple[str, ...]) -> pl.LazyFrame:
    """Return the groups of a set with NULL for the keys that it lacks, and what GROUPING tells of it."""
    every = [pl.col(k) if k in keys else pl.lit(None, dtype=plan.keys[k].dtype).alias(k) for k in plan.keys]
    masks = [pl.lit(_mask(asked, keys), dtype=pl.Int64).alias(i) for i, asked in plan.grouping.items()]
    return groups.select(*every, *(pl.col(i) for i in plan.items), *masks)


def _mask(asked: tuple[str, ...], keys: tuple[str, ...]) -> int:
    mask = 0
    for key in asked:
        mask = mask * 2 + (key not in keys)
    return mask
