"""Aggregates before joins: a fact is summed up by its foreign keys before the dimensions that only name groups.

After Yan and Larson, "Eager Aggregation and Lazy Aggregation", VLDB 1995. It is right for every aggregate whose
results for parts make its result for the whole: rows of one part have the same join keys, so each part meets
the same partners as each of its rows would. That holds for sums of values that a CASE over the dimensions
chooses as well: the values are summed up before the CASE.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from dwkit.sql.bind.chosen import Chosen
from dwkit.sql.bind.context import Context
from dwkit.sql.bind.joinorder import Pool
from dwkit.sql.optimise.codes import gives_codes
from dwkit.sql.optimise.outer import summed_right
from dwkit.sql.optimise.thin import is_wide
from dwkit.sql.plan import Aggregate, Condition, Filter, Join, Plan, Scan
from dwkit.sql.value import Value

__all__ = ["aggregated_first"]

_WORTH = 2.0
"""Rows of the fact for each of its groups from which on it pays."""
_SMALL = 50_000
"""Rows that are aggregated as fast after the join as before."""


@dataclass(frozen=True, eq=False)
class _Split:
    """How aggregates are made in two steps.

    Attributes:
        parts, combined: the items of the parts, and how they make those of the whole, see `Aggregate`.
        whole: the items of the whole, made of those of the parts.
    """

    parts: Mapping[str, Value]
    combined: Mapping[str, str]
    whole: Mapping[str, Value]

    @property
    def chosen_by(self) -> frozenset[str]:
        """Columns that the items of the whole look at besides."""
        return frozenset().union(*(v.refs for v in self.whole.values())) - self.parts.keys()


def aggregated_first(
    context: Context, plan: Aggregate, chosen: Callable[[str], Chosen | None] = lambda _: None
) -> Plan:
    """Return an aggregate over joins as one over joins of aggregates, where that is worth it; else as it is.

    Args:
        chosen: gives an item as one of sums that CASE chooses from.
    """
    if not plan.keys or not plan.items or not plan.combined.keys() >= plan.items.keys():
        return plan
    outer = summed_right(context, plan)
    if outer is not None:
        join, part = outer
        rows, groups = context.estimates.rows(part.input), context.estimates.rows(part)
        if rows < _SMALL or groups * _WORTH > rows:
            return plan
        return replace(plan, input=join, items=_plain(plan).whole)
    tables, conditions = _leaves(plan.input)
    if len(tables) < 2 or max(context.estimates.rows(t) for t in tables) < _SMALL:
        return plan
    made = _first(context, plan, tables, conditions, _plain(plan))
    if made is None:
        split = _choosing(plan, chosen)
        made = _first(context, plan, tables, conditions, split) if split is not None else None
    return plan if made is None else made


def _plain(plan: Aggregate) -> _Split:
    """Return each item as made of itself."""
    from dwkit.sql.lower.aggregate import combined

    whole = {
        i: Value(combined(plan.combined[i], i, v.dtype), v.dtype, frozenset((i,)))
        for i, v in plan.items.items()
    }
    return _Split(plan.items, plan.combined, whole)


def _choosing(plan: Aggregate, chosen: Callable[[str], Chosen | None]) -> _Split | None:
    """Return the items of which some are chosen from sums, None where there are none."""
    plain = _plain(plan)
    parts: dict[str, Value] = {}
    whole: dict[str, Value] = {}
    for ident in plan.items:
        found = chosen(ident)
        parts.update(found.sums if found is not None else {ident: plain.parts[ident]})
        whole[ident] = found.whole if found is not None else plain.whole[ident]
    if parts.keys() == plan.items.keys():
        return None
    return _Split(parts, {i: plan.combined.get(i, "sum") for i in parts}, whole)


def _first(
    context: Context, plan: Aggregate, tables: list[Plan], conditions: list[Condition], split: _Split
) -> Plan | None:
    facts, dimensions = _parted(plan, tables, conditions, split)
    for kept, worth in _choices(context, plan, facts, dimensions):
        others = [d for d in dimensions if d not in kept]
        made = _early(context, plan, split, [*facts, *others], kept, conditions, worth)
        if made is not None:
            return made
    return None


def _choices(
    context: Context, plan: Aggregate, facts: list[Plan], dimensions: list[Plan]
) -> Iterator[tuple[list[Plan], Callable[[dict[str, Value], float, float], bool]]]:
    """Return which dimensions to join after the fact is summed up, and what tells from its keys, rows and groups if that pays.

    All of them, or else one, where there are fewer groups; or those that give names, of several columns, where
    the keys are narrow. That there are fewer groups of these cannot be told, since keys depend on each other: a
    customer buys much on one day.
    """

    def fewer(_: dict[str, Value], rows: float, groups: float) -> bool:
        return groups * _WORTH <= rows

    def narrow(keys: dict[str, Value], _: float, __: float) -> bool:
        return not any(
            is_wide(v.dtype) or _is_unique(context, [*facts, *dimensions], k) for k, v in keys.items()
        )

    if dimensions:
        yield dimensions, fewer
    if len(dimensions) > 1:
        yield from (([one], fewer) for one in dimensions)
    names = frozenset().union(*(v.refs for v in plan.keys.values() if is_wide(v.dtype)))
    rows = context.estimates.rows(plan.input)
    named = [d for d in dimensions if names & d.given and not gives_codes(d, rows)]
    if named and len(names) > 1:
        yield named, narrow


def _is_unique(context: Context, tables: list[Plan], key: str) -> bool:
    """Whether a column of one of some tables may have another value in each row of it."""
    table = next((t for t in tables if key in t.given), None)
    while isinstance(table, Filter):
        table = table.input
    if table is None:
        return True
    rows = context.estimates.rows(table)
    return context.estimates.distinct(key, rows) * _WORTH > rows


def _early(
    context: Context,
    plan: Aggregate,
    split: _Split,
    facts: list[Plan],
    dimensions: list[Plan],
    conditions: list[Condition],
    worth: Callable[[dict[str, Value], float, float], bool],
) -> Plan | None:
    """Return an aggregate of the sums of the facts, None where that is not worth it."""
    if not facts:
        return None
    inside, across, outside = _sorted_out(conditions, facts, dimensions)
    known = frozenset().union(*(d.given for d in dimensions))
    named = [v.refs for v in plan.keys.values()] + [c.value.refs for c in across] + [split.chosen_by]
    keys = {i: context.column(i) for refs in named for i in refs - known}
    if not keys or not _connected(context, facts, inside):  # without keys there is a part even of no rows
        return None
    fact = _joined(context, facts, inside)
    part = Aggregate(fact, keys, split.parts, plan.empty, combined=split.combined)
    rows = context.estimates.rows(fact)
    if (
        rows < _SMALL
        or not worth(keys, rows, context.estimates.rows(part))
        or _reduces(context, part, dimensions, across)
    ):
        return None
    whole = _joined(context, [part, *dimensions], [*across, *outside])
    return replace(plan, input=whole, items=split.whole)


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
    plan: Aggregate, leaves: list[Plan], conditions: list[Condition], split: _Split
) -> tuple[list[Plan], list[Plan]]:
    """Return the tables that are aggregated or filter, and the whole tables that only name groups."""
    read = frozenset().union(*(v.refs for v in split.parts.values()))
    dimensions: list[Plan] = [n for n in leaves if isinstance(n, Scan) and not read & n.given]
    for node in list(dimensions):
        own = node.given
        for condition in conditions:
            touched = condition.value.refs & own
            if touched and (condition.op != "=" or condition.value.refs <= own):
                dimensions.remove(node)
                break
    known = frozenset().union(*(d.given for d in dimensions))
    for value in plan.keys.values():
        if value.refs & known and value.refs - known:
            return leaves, []
    named = split.chosen_by.union(*(v.refs for v in plan.keys.values()))
    if not named & known:
        return leaves, []
    return [n for n in leaves if n not in dimensions], dimensions


def _sorted_out(
    conditions: list[Condition], facts: list[Plan], dimensions: list[Plan]
) -> tuple[list[Condition], list[Condition], list[Condition]]:
    """Return the conditions of the facts alone, those between facts and dimensions, and those of dimensions."""
    ours = frozenset().union(*(f.given for f in facts))
    theirs = frozenset().union(*(d.given for d in dimensions))
    inside = [c for c in conditions if not c.value.refs & theirs]
    across = [c for c in conditions if c.value.refs & theirs and c.value.refs & ours]
    outside = [c for c in conditions if c.value.refs & theirs and not c.value.refs & ours]
    return inside, across, outside


def _connected(context: Context, plans: list[Plan], conditions: list[Condition]) -> bool:
    """Whether equalities join all plans with each other; those of one row need none."""
    reached, waiting = frozenset(plans[0].columns), list(plans[1:])
    while waiting:
        for plan in waiting:
            own = plan.given
            alone = context.estimates.rows(plan) <= 1
            if alone or any(
                c.op == "=" and c.value.refs & own and c.value.refs & reached for c in conditions
            ):
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
