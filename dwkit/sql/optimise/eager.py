"""Aggregates before joins: a fact is summed up by its foreign keys before the dimensions that only name groups.

After Yan and Larson, "Eager Aggregation and Lazy Aggregation", VLDB 1995. It is right for every aggregate whose
results for parts make its result for the whole: rows of one part have the same join keys, so each part meets
the same partners as each of its rows would.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dwkit.sql.bind.context import Context
from dwkit.sql.bind.joinorder import Pool
from dwkit.sql.plan import Aggregate, Condition, Filter, Join, Plan, Scan
from dwkit.sql.types import is_text
from dwkit.sql.value import Value

__all__ = ["aggregated_first"]

_WORTH = 2.0
"""Rows of the fact for each of its groups from which on it pays."""
_WIDE = 2
"""Texts to group by from which on it pays to do so with fewer rows, if only one number is grouped by before."""
_SMALL = 50_000
"""Rows that are aggregated as fast after the join as before."""


def aggregated_first(context: Context, plan: Aggregate) -> Plan:
    """Return an aggregate over joins as one over joins of aggregates, where that is worth it; else as it is."""
    if not plan.keys or not plan.items or not plan.combined.keys() >= plan.items.keys():
        return plan
    leaves, conditions = _leaves(plan.input)
    if len(leaves) < 2:
        return plan
    facts, dimensions = _parted(plan, leaves, conditions)
    for kept in _choices(dimensions):
        made = _early(context, plan, [*facts, *(d for d in dimensions if d not in kept)], kept, conditions)
        if made is not None:
            return made
    return plan


def _choices(dimensions: list[Plan]) -> Iterator[list[Plan]]:
    """Return which dimensions to join after the fact is summed up: all of them, or else one."""
    if dimensions:
        yield dimensions
    if len(dimensions) > 1:
        yield from ([one] for one in dimensions)


def _early(
    context: Context, plan: Aggregate, facts: list[Plan], dimensions: list[Plan], conditions: list[Condition]
) -> Plan | None:
    """Return an aggregate of the sums of the facts, None where that is not worth it."""
    if not facts:
        return None
    inside, across, outside = _sorted_out(conditions, facts, dimensions)
    known = frozenset(c for d in dimensions for c in d.columns)
    keys: dict[str, Value] = {}
    for value in (*plan.keys.values(), *(c.value for c in across)):
        for ident in value.refs - known:
            keys[ident] = context.column(ident)
    if not _connected(facts, inside):
        return None
    fact = _joined(context, facts, inside)
    part = Aggregate(fact, keys, plan.items, plan.empty, combined=plan.combined)
    rows = context.estimates.rows(fact)
    texts = sum(is_text(v.dtype) for v in plan.keys.values())
    plain = len(keys) == 1 and not any(is_text(v.dtype) for v in keys.values())
    worth = 1.0 if plain and texts >= _WIDE else _WORTH
    if (
        rows < _SMALL
        or context.estimates.rows(part) * worth > rows
        or _reduces(context, part, dimensions, across)
    ):
        return None
    whole = _joined(context, [part, *dimensions], [*across, *outside])
    return replace(plan, input=whole, items=_combining(context, plan))


def _leaves(plan: Plan) -> tuple[list[Plan], list[Condition]]:
    """Return the tables of a tree of inner joins, and all its conditions."""
    if isinstance(plan, Join) and plan.kind == "inner":
        left, right = _leaves(plan.left), _leaves(plan.right)
        return [*left[0], *right[0]], [*left[1], *right[1], *plan.on]
    if isinstance(plan, Filter) and isinstance(plan.input, Join) and plan.input.kind == "inner":
        leaves, conditions = _leaves(plan.input)
        return leaves, [*conditions, *plan.conditions]
    return [plan], []


def _parted(
    plan: Aggregate, leaves: list[Plan], conditions: list[Condition]
) -> tuple[list[Plan], list[Plan]]:
    """Return the tables that are aggregated or filter, and the whole tables that only name groups."""
    read = frozenset().union(*(v.refs for v in plan.items.values()))
    dimensions: list[Plan] = [n for n in leaves if isinstance(n, Scan) and not read & n.given]
    for node in list(dimensions):
        own = node.given
        for condition in conditions:
            touched = condition.value.refs & own
            if touched and (condition.op != "=" or condition.value.refs <= own):
                dimensions.remove(node)
                break
    known = frozenset(c for d in dimensions for c in d.columns)
    for value in plan.keys.values():
        if value.refs & known and value.refs - known:
            return leaves, []
    named = frozenset().union(*(v.refs for v in plan.keys.values()))
    if not named & known:
        return leaves, []
    return [n for n in leaves if n not in dimensions], dimensions


def _sorted_out(
    conditions: list[Condition], facts: list[Plan], dimensions: list[Plan]
) -> tuple[list[Condition], list[Condition], list[Condition]]:
    """Return the conditions of the facts alone, those between facts and dimensions, and those of dimensions."""
    ours = frozenset(c for f in facts for c in f.columns)
    theirs = frozenset(c for d in dimensions for c in d.columns)
    inside = [c for c in conditions if not c.value.refs & theirs]
    across = [c for c in conditions if c.value.refs & theirs and c.value.refs & ours]
    outside = [c for c in conditions if c.value.refs & theirs and not c.value.refs & ours]
    return inside, across, outside


def _connected(plans: list[Plan], conditions: list[Condition]) -> bool:
    reached, waiting = frozenset(plans[0].columns), list(plans[1:])
    while waiting:
        for plan in waiting:
            own = plan.given
            if any(c.op == "=" and c.value.refs & own and c.value.refs & reached for c in conditions):
                reached |= own
                waiting.remove(plan)
                break
        else:
            return False
    return True


def _joined(context: Context, plans: list[Plan], conditions: list[Condition]) -> Plan:
    pool = Pool(context)
    for plan in plans:
        pool.add(plan)
    made, rest = pool.joined(conditions)
    return Filter(made, tuple(rest)) if rest else made


def _reduces(context: Context, part: Plan, dimensions: list[Plan], across: list[Condition]) -> bool:
    """Whether a dimension leaves rows out, so that it had better be joined first."""
    for node in dimensions:
        own = node.given
        kept = context.estimates.rows(node)
        touching = [c for c in across if c.value.refs & own]
        for condition in touching:
            kept *= context.estimates.joined(condition, part, node)
        if touching and kept < 0.7:
            return True
    return False


def _combining(context: Context, plan: Aggregate) -> dict[str, Value]:
    """Return the items of the whole, made of those of the parts, under the same ids."""
    from dwkit.sql.lower.aggregate import combined

    return {i: Value(combined(plan.combined[i], i), v.dtype, frozenset((i,))) for i, v in plan.items.items()}
