"""Joins a plan with one that names its columns: a correlated subquery becomes a join.

Two ways. Where the correlation stands in conditions that can be pulled up, they become the conditions of the
join. Elsewhere the subquery is done once for each distinct combination of the outer values (its domain), after
Neumann and Kemper, "Unnesting Arbitrary Queries", BTW 2015.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import polars as pl

from dwkit.sql.bind.conditions import same
from dwkit.sql.bind.context import Context
from dwkit.sql.optimise.reread import Pair, asked_only, pays
from dwkit.sql.optimise.semi import by_extremes
from dwkit.sql.optimise.thin import thinned
from dwkit.sql.plan import (
    Aggregate,
    Condition,
    Distinct,
    Extend,
    Filter,
    Join,
    JoinKind,
    Limit,
    OneRow,
    Plan,
    Project,
    Recursive,
    RecursiveRef,
    SetOperation,
    Shared,
    Sort,
    Unnest,
    Window,
)
from dwkit.sql.value import Value, constant
from dwkit.sql.window import WindowItem

__all__ = ["apply"]


class CannotUnnestError(Exception):
    """A node that cannot be done for all outer rows at once."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


def apply(context: Context, left: Plan, right: Plan, kind: JoinKind, on: tuple[Condition, ...] = ()) -> Plan:
    """Return the left plan joined with the right one, done for each row of the left.

    Args:
        kind: ``inner``, ``left``, ``semi`` or ``anti``.

    Raises:
        CannotUnnestError: the right plan has a node that cannot be done for all rows at once.
    """
    free = right.outer & left.given
    if not free:
        if kind in ("semi", "anti"):
            asked = frozenset().union(*(c.value.refs for c in on)) & right.given
            right = thinned(context, right, asked)
        return Join(left, right, kind, on)
    if kind in ("inner", "left"):
        chained = _over_aggregate(context, left, right, kind, on, free)
        if chained is not None:
            return chained
    pulled = _pull(context, right, free)
    if pulled is not None:
        plan, conditions = pulled
        return by_extremes(context, Join(left, plan, kind, (*on, *conditions)))
    domain = Distinct(Project(left, {i: context.column(i) for i in sorted(free)}))
    made = _Domain(context, domain, free).over(right)
    renamed, conditions = _renamed(context, made, free)
    return Join(left, renamed, kind, (*on, *conditions))


def _renamed(context: Context, plan: Plan, free: Iterable[str]) -> tuple[Plan, list[Condition]]:
    """Return a plan with the outer columns under other ids, and that they are the same."""
    ids = {i: context.fresh(i, context.dtypes[i]) for i in sorted(free)}
    kept = {c: context.column(c) for c in plan.columns if c not in ids}
    renamed = Project(plan, {**kept, **{new: context.column(old) for old, new in ids.items()}})
    return renamed, [same(old, new, context.dtypes[old]) for old, new in ids.items()]


# -- pulling conditions up ------------------------------------------------------------------------


def _pull(context: Context, plan: Plan, free: frozenset[str]) -> tuple[Plan, list[Condition]] | None:
    """Return a plan without the conditions that name outer columns, and those; None where others name them.

    The plan may give more columns than before: those that the conditions read.
    """
    if not plan.outer & free:
        return plan, []
    if isinstance(plan, Filter):
        below = _pull(context, plan.input, free)
        if below is None:
            return None
        own = [c for c in plan.conditions if c.value.refs & free]
        rest = tuple(c for c in plan.conditions if not c.value.refs & free)
        return (Filter(below[0], rest) if rest else below[0]), [*below[1], *own]
    if isinstance(plan, Project):
        return _pull_project(context, plan, free)
    if isinstance(plan, Sort):
        return _pull(context, plan.input, free)
    if isinstance(plan, Join) and plan.kind in ("inner", "left", "semi", "anti"):
        return _pull_join(context, plan, free)
    if isinstance(plan, Aggregate) and plan.keys and plan.sets is None:
        return _pull_aggregate(context, plan, free)
    return None


def _pull_project(
    context: Context, plan: Project, free: frozenset[str]
) -> tuple[Plan, list[Condition]] | None:
    if any(v.refs & free for v in plan.made.values()):
        return None
    below = _pull(context, plan.input, free)
    if below is None:
        return None
    if isinstance(plan, Extend):
        return Extend(below[0], plan.made), below[1]
    read = frozenset().union(*(c.value.refs for c in below[1])) - free
    passed = {i: context.column(i) for i in sorted(read) if i not in plan.made}
    return Project(below[0], {**plan.made, **passed}), below[1]


def _pull_join(context: Context, plan: Join, free: frozenset[str]) -> tuple[Plan, list[Condition]] | None:
    inner = plan.kind == "inner"
    own = [c for c in plan.on if c.value.refs & free]
    if (own or plan.right.outer & free) and not inner:
        return None
    left, right = _pull(context, plan.left, free), _pull(context, plan.right, free)
    if left is None or right is None:
        return None
    rest = tuple(c for c in plan.on if not c.value.refs & free)
    return Join(left[0], right[0], plan.kind, rest), [*left[1], *right[1], *own]


def _pull_aggregate(
    context: Context, plan: Aggregate, free: frozenset[str]
) -> tuple[Plan, list[Condition]] | None:
    if any(v.refs & free for v in plan.values):
        return None
    below = _pull(context, plan.input, free)
    if below is None:
        return None
    sided = [_sided(c, free) for c in below[1]]
    if not all(sided):
        return None
    keys = dict(plan.keys)
    conditions: list[Condition] = []
    for pair in sided:
        assert pair is not None
        outer, inside, op = pair
        ident = next((i for i in inside.refs if len(inside.refs) == 1 and _is_column(inside, i)), "")
        if not ident or (ident in keys and not _is_column(keys[ident], ident)):
            ident = context.fresh("dwkit:key", inside.dtype)
        keys[ident] = inside
        conditions.append(_condition(op, outer, Value(pl.col(ident), inside.dtype, frozenset((ident,)))))
    return replace(plan, input=below[0], keys=keys), conditions


def _is_column(value: Value, ident: str) -> bool:
    return value.expr.meta.eq(pl.col(ident))


def _sided(condition: Condition, free: frozenset[str]) -> tuple[Value, Value, str] | None:
    """Return an equality as its outer side and its inner side, None where it is none."""
    left, right = condition.left, condition.right
    if condition.op not in ("=", "is") or left is None or right is None:
        return None
    for outer, inside in ((left, right), (right, left)):
        if outer.refs <= free and not inside.refs & free and inside.refs:
            return outer, inside, condition.op
    return None


def _condition(op: str, outer: Value, inside: Value) -> Condition:
    made = outer.expr == inside.expr if op == "=" else outer.expr.eq_missing(inside.expr)
    return Condition(Value(made, pl.Boolean(), outer.refs | inside.refs), op, outer, inside)


# -- one row for each outer row -------------------------------------------------------------------


def _over_aggregate(
    context: Context, left: Plan, right: Plan, kind: JoinKind, on: tuple[Condition, ...], free: frozenset[str]
) -> Plan | None:
    """Join with an aggregate over all rows, which gives one row for each outer row, also over no rows."""
    chain: list[Plan] = []
    plan = right
    while isinstance(plan, (Project, Filter, Sort)):
        chain.append(plan)
        plan = plan.input
    filtered = any(isinstance(n, Filter) for n in chain) or bool(on)
    if not isinstance(plan, Aggregate) or plan.keys or plan.sets is not None or (filtered and kind == "left"):
        return None
    # With a key that no row lacks the aggregate has keys, and conditions can be pulled through it.
    pulled = _pull_aggregate(context, plan, free)
    if pulled is not None:
        grouped, conditions = pulled
        left, grouped = _reduced(context, left, grouped, conditions, free)
        made: Plan = Join(left, grouped, "left", tuple(conditions))
    else:
        domain = Distinct(Project(left, {i: context.column(i) for i in sorted(free)}))
        renamed, conditions = _renamed(context, _Domain(context, domain, free).grouped(plan), free)
        made = Join(left, renamed, "left", tuple(conditions))
    made = _filled(context, made, plan)
    for node in reversed(chain):
        if isinstance(node, Filter):
            made = Filter(made, node.conditions)
        elif isinstance(node, Project):
            fresh = {i: v for i, v in node.made.items() if i not in made.columns}
            made = Extend(made, fresh) if fresh else made
    return Filter(made, on) if on else made


def _reduced(
    context: Context, left: Plan, plan: Plan, conditions: list[Condition], free: frozenset[str]
) -> tuple[Plan, Plan]:
    """Return the outer plan and a grouped subquery over those rows only whose groups it asks for, where that pays."""
    assert isinstance(plan, Aggregate)
    if not pays(context, left, plan.input):
        return left, plan
    pairs: list[Pair] = []
    for condition in conditions:
        outer, key = condition.left, condition.right
        assert outer is not None
        assert key is not None
        if not outer.refs <= free or not left.given >= outer.refs:
            return left, plan
        pairs.append(Pair(condition.op, outer, plan.keys[next(iter(key.refs))]))
    left, inner = asked_only(context, left, plan.input, pairs)
    return left, replace(plan, input=inner)


def _filled(context: Context, plan: Plan, aggregate: Aggregate) -> Plan:
    """Return a plan whose aggregates are what they are over no rows where they found none."""
    zero = {
        i: Value(pl.col(i).fill_null(e), context.dtypes[i], frozenset((i,)))
        for i, e in aggregate.empty.items()
        if e is not None
    }
    if not zero:
        return plan
    kept = {c: context.column(c) for c in plan.columns}
    return Project(plan, {**kept, **zero})


# -- once for each combination of outer values ----------------------------------------------------


class _Domain:
    """Does plans for all combinations of outer values at once; the results have them as columns.

    Args:
        domain: the distinct combinations.
        free: their ids.
    """

    def __init__(self, context: Context, domain: Plan, free: frozenset[str]) -> None:
        self._context = context
        self._domain = domain
        self._free = free
        self._columns = {i: context.column(i) for i in sorted(free)}

    def over(self, plan: Plan) -> Plan:
        """Return a plan done for each combination: its columns and those of the domain."""
        if not plan.outer & self._free:
            return self._domain if isinstance(plan, OneRow) else Join(self._domain, plan, "inner")
        if isinstance(plan, Filter):
            if not plan.input.outer & self._free and not isinstance(plan.input, OneRow):
                return Join(self._domain, plan.input, "inner", plan.conditions)
            return Filter(self.over(plan.input), plan.conditions)
        if isinstance(plan, Extend):
            return Extend(self.over(plan.input), plan.made)
        if isinstance(plan, Project):
            return Project(self.over(plan.input), {**plan.made, **self._columns})
        if isinstance(plan, Aggregate):
            return self._aggregate(plan)
        if isinstance(plan, Sort):
            return self.over(plan.input)
        if isinstance(plan, Limit):
            return self._limit(plan)
        if isinstance(plan, Distinct):
            on = None if plan.on is None else (*plan.on, *self._columns)
            return Distinct(self._sorted(plan.input), on)
        if isinstance(plan, Window):
            items = {i: self._partitioned(w) for i, w in plan.items.items()}
            return Window(self.over(plan.input), items)
        if isinstance(plan, Unnest):
            return replace(plan, input=self.over(plan.input))
        if isinstance(plan, SetOperation):
            return self._set(plan)
        if isinstance(plan, Join):
            return self._join(plan)
        if isinstance(plan, (Shared, Recursive, RecursiveRef)):
            raise CannotUnnestError("WITH RECURSIVE")
        raise CannotUnnestError(type(plan).__name__.upper())

    def grouped(self, plan: Aggregate) -> Plan:
        """Return an aggregate for each combination that has rows."""
        sets = None if plan.sets is None else tuple((*s, *self._columns) for s in plan.sets)
        return replace(plan, input=self.over(plan.input), keys={**plan.keys, **self._columns}, sets=sets)

    def _aggregate(self, plan: Aggregate) -> Plan:
        grouped = self.grouped(plan)
        if plan.sets is not None and not all(plan.sets):  # it has a row even where there are none
            raise CannotUnnestError("GROUPING SETS with an empty one")
        if plan.keys or plan.sets is not None:
            return grouped
        renamed, conditions = _renamed(self._context, grouped, self._free)
        joined = Join(self._domain, renamed, "left", tuple(conditions))
        return _filled(self._context, joined, plan)

    def _sorted(self, plan: Plan) -> Plan:
        return Sort(self.over(plan.input), plan.keys) if isinstance(plan, Sort) else self.over(plan)

    def _partitioned(self, item: WindowItem) -> WindowItem:
        there = {next(iter(v.refs)) for v in item.partition if v.expr.meta.is_column()}
        added = (v for v in self._columns.values() if v.expr.meta.output_name() not in there)
        return replace(item, partition=(*item.partition, *added))

    def _limit(self, plan: Limit) -> Plan:
        if plan.percent:
            raise CannotUnnestError("LIMIT PERCENT")
        dtype = pl.Int64()
        ident = self._context.fresh("dwkit:row", dtype)
        item = WindowItem(
            "rank" if plan.ties else "row_number", (), tuple(self._columns.values()), plan.keys, None, dtype
        )
        numbered = Window(self.over(plan.input), {ident: item})
        low = Value(pl.col(ident) > plan.offset, pl.Boolean(), frozenset((ident,)))
        conditions = [Condition(low)]
        if plan.count is not None:
            end = constant(plan.offset + int(plan.count), dtype)
            conditions.append(Condition(Value(pl.col(ident) <= end.expr, pl.Boolean(), frozenset((ident,)))))
        return Filter(numbered, tuple(conditions))

    def _set(self, plan: SetOperation) -> Plan:
        sides = []
        for side in (plan.left, plan.right):
            made = self.over(side)
            sides.append(
                Project(made, {**{i: self._context.column(i) for i in side.columns}, **self._columns})
            )
        return replace(plan, left=sides[0], right=sides[1], ids=(*plan.ids, *self._columns))

    def _join(self, plan: Join) -> Plan:
        on_left = bool(plan.left.outer & self._free) or bool(
            frozenset().union(*(c.value.refs for c in plan.on)) & self._free if plan.on else ()
        )
        on_right = bool(plan.right.outer & self._free)
        if plan.kind == "inner" and on_right and not plan.left.outer & self._free:
            return Join(plan.left, self.over(plan.right), "inner", plan.on)
        if plan.kind in ("right", "full", "asof", "asof_left"):
            raise CannotUnnestError(f"{plan.kind.upper()} JOIN")
        left = self.over(plan.left) if on_left or plan.kind != "inner" or not on_right else plan.left
        if not on_right:
            return Join(left, plan.right, plan.kind, plan.on)
        right, conditions = _renamed(self._context, self.over(plan.right), self._free)
        return Join(left, right, plan.kind, (*plan.on, *conditions))
