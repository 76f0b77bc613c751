"""Plans of which only it matters whether a row is there, not how often: below DISTINCT, INTERSECT, IN and EXISTS.

An inner join that multiplies rows, of which then only the columns of one side are asked for, is a semi join:
``x IN (SELECT a.x FROM a JOIN b ON a.x = b.x AND a.y <> b.y)`` needs no pairs. One that brings names to the keys of
a fact brings them to the distinct keys: ``SELECT DISTINCT customer.name, sale.day``.
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from dwkit.sql.bind.context import Context
from dwkit.sql.optimise.semi import by_extremes
from dwkit.sql.plan import Distinct, Filter, Join, Plan, Project, SetOperation, Shared

__all__ = ["is_wide", "made_distinct", "once", "thinned"]

_MANY = 2.0
"""Rows of a join for each row of the side that is asked for, from which on the pairs are not worth it."""
_SMALL = 50_000
"""Rows that are joined as fast as they are made distinct."""
_WORTH = 2.0
"""Rows for each distinct one from which on they are made distinct before a join."""
_UNIQUE = 1.0
"""Part of the rows that has values of its own in a column of which no two rows are alike."""


def made_distinct(context: Context, plan: Plan) -> Plan:
    """Return the distinct rows of a plan."""
    return Distinct(once(context, plan))


def once(context: Context, plan: Plan) -> Plan:
    """Return a plan with the same rows, though not as many times; one that names outer columns as it is."""
    return plan if plan.outer else thinned(context, plan, plan.given)


def thinned(context: Context, plan: Plan, needed: frozenset[str]) -> Plan:
    """Return a plan with the same values in some of its columns, though not as many times, where that is less work.

    Args:
        needed: the columns that are read of it. Others may be missing from the result.
    """
    if isinstance(plan, Shared):
        inner = frozenset(o for i, o in zip(plan.ids, plan.input.columns, strict=True) if i in needed)
        # Not shared with other uses: Polars filters each by the keys that it is asked for.
        made = thinned(plan.origin, plan.input, inner)
        if made is plan.input:
            return plan
        ids = dict(zip(plan.input.columns, plan.ids, strict=True))
        kept = Project(made, {o: plan.origin.column(o) for o in plan.input.columns if o in inner})
        return Shared(kept, tuple(ids[c] for c in kept.columns), plan.origin)
    if isinstance(plan, Project):
        if any(v.volatile for v in plan.values):
            return plan
        read = frozenset().union(*(v.refs for i, v in plan.made.items() if i in needed))
        below = read | (needed & plan.input.given)
        made = thinned(context, plan.input, below)
        wanted = {i: v for i, v in plan.made.items() if i in needed}
        return plan if made is plan.input or not wanted else replace(plan, input=made, made=wanted)
    if isinstance(plan, Filter) and not any(v.volatile for v in plan.values):
        made = thinned(context, plan.input, needed.union(*(c.value.refs for c in plan.conditions)))
        return plan if made is plan.input else replace(plan, input=made)
    if isinstance(plan, Distinct) and plan.on is None:
        return thinned(context, plan.input, plan.given)
    if isinstance(plan, SetOperation) and plan.kind == "union":
        return _union(context, plan)
    if isinstance(plan, Join) and plan.kind in ("semi", "anti") and not isinstance(plan.left, Distinct):
        made = thinned(context, plan.left, needed.union(*(c.value.refs for c in plan.on)) & plan.left.given)
        return plan if made is plan.left else replace(plan, left=made)
    if isinstance(plan, Join) and plan.kind == "inner" and not any(v.volatile for v in plan.values):
        return _join(context, plan, needed)
    return plan


def _union(context: Context, plan: SetOperation) -> Plan:
    left, right = (thinned(context, side, side.given) for side in (plan.left, plan.right))
    return plan if left is plan.left and right is plan.right else replace(plan, left=left, right=right)


def _join(context: Context, plan: Join, needed: frozenset[str]) -> Plan:
    on = frozenset().union(*(c.value.refs for c in plan.on))
    rows = context.estimates.rows
    for kept, other in ((plan.left, plan.right), (plan.right, plan.left)):
        if needed & other.given or not plan.on:
            continue
        thin = thinned(context, other, on & other.given)
        if thin is other and rows(plan) < _MANY * rows(kept):
            return plan
        semi = Join(thinned(context, kept, (needed | on) & kept.given), thin, "semi", plan.on)
        return by_extremes(context, semi)
    return _of_distinct_keys(context, plan, needed | on)


def _of_distinct_keys(context: Context, plan: Join, needed: frozenset[str]) -> Plan:
    """Return a join of which one side is made distinct before, where that leaves fewer or much narrower rows."""
    estimates = context.estimates
    for fact, other in ((plan.left, plan.right), (plan.right, plan.left)):
        rows = estimates.rows(fact)
        kept = [c for c in fact.columns if c in needed]
        if not plan.on or rows < _SMALL or any(estimates.distinct(c, rows) >= rows * _UNIQUE for c in kept):
            continue
        thin = thinned(context, fact, frozenset(kept))
        if thin.columns != tuple(kept):
            thin = Project(thin, {c: context.column(c) for c in kept})
        made = Distinct(thin)
        names = any(is_wide(context.dtypes[c]) for c in needed & other.given)
        if estimates.rows(made) * _WORTH <= rows or (
            names and not any(is_wide(context.dtypes[c]) for c in kept)
        ):
            return replace(plan, left=made) if fact is plan.left else replace(plan, right=made)
    return plan


def is_wide(dtype: pl.DataType) -> bool:
    """Whether values of a type are slow to hash and to copy."""
    return dtype.is_nested() or isinstance(dtype, (pl.String, pl.Binary))
