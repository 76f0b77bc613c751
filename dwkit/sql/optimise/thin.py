"""Plans of which only it matters whether a row is there, as on the right of IN and EXISTS.

An inner join that multiplies rows, of which then only the columns of one side are asked for, is a semi join:
``x IN (SELECT a.x FROM a JOIN b ON a.x = b.x AND a.y <> b.y)`` needs no pairs.
"""

from __future__ import annotations

from dataclasses import replace

from dwkit.sql.bind.context import Context
from dwkit.sql.optimise.semi import by_extremes
from dwkit.sql.plan import Filter, Join, Plan, Project, Shared

__all__ = ["thinned"]

_MANY = 2.0
"""Rows of a join for each row of the side that is asked for, from which on the pairs are not worth it."""


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
        read = frozenset().union(*(v.refs for i, v in plan.made.items() if i in needed))
        below = read | (needed & plan.input.given)
        made = thinned(context, plan.input, below)
        wanted = {i: v for i, v in plan.made.items() if i in needed}
        return plan if made is plan.input or not wanted else replace(plan, input=made, made=wanted)
    if isinstance(plan, Filter):
        made = thinned(context, plan.input, needed.union(*(c.value.refs for c in plan.conditions)))
        return plan if made is plan.input else replace(plan, input=made)
    if isinstance(plan, Join) and plan.kind == "inner":
        return _join(context, plan, needed)
    return plan


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
    return plan
