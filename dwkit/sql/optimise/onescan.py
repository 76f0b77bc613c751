"""Aggregates over all rows of the same joined tables with different filters: computed in one scan.

``SELECT (SELECT count(*) FROM t WHERE p), (SELECT sum(x) FROM t WHERE q)`` reads t once, as
``SELECT count(*) FILTER (WHERE p), sum(x) FILTER (WHERE q) FROM t WHERE p OR q`` does. The filters of one table may
differ; what else they ask for must be the same, so that no row is joined that none of them asks for. A filter is
computed as a column of its table, before that is joined; one that may fail for a row that the others leave out is not.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import partial, reduce
from typing import TypeVar

import polars as pl

from dwkit.sql.bind.context import Context
from dwkit.sql.optimise.spans import spans
from dwkit.sql.optimise.total import cannot_fail
from dwkit.sql.plan import Aggregate, Condition, Extend, Filter, Join, Plan, Project, Recursive, Scan, Shared
from dwkit.sql.value import Value, column

__all__ = ["in_one_scan"]

_ALL = 0.8
"""Part of a table from which on it is not worth it to leave the other rows out."""


def in_one_scan(context: Context, plan: Plan) -> Plan:
    """Return a plan in which aggregates over the same tables read them once; as it is where there are none."""
    numbers = _Numbers()
    found = [m for c, a in _over_all_rows(context, plan) if (m := _member(numbers, c, a)) is not None]
    made: dict[int, Plan] = {}
    for members in _grouped(found, lambda m: (m.scans, m.on)):
        for bundles, table in _differing_in_one(members):
            for counted, rows in _fused(bundles, table):
                if len(counted) > 1:
                    made.update(_aggregated(counted, rows))
    return _replaced(plan, made) if made else plan


# -- what can be computed together ----------------------------------------------------------------


class _Numbers:
    """A number for each condition, the same for equal ones."""

    def __init__(self) -> None:
        self._known: dict[frozenset[str], list[tuple[pl.Expr, int]]] = {}
        self._count = 0

    def of(self, condition: Condition) -> int:
        """Return the number of a condition."""
        expr = condition.value.expr
        known = self._known.setdefault(condition.value.refs, [])
        for one, number in known:
            if one.meta.eq(expr):
                return number
        self._count += 1
        known.append((expr, self._count))
        return self._count


@dataclass(frozen=True)
class _Table:
    """A table of a FROM.

    Attributes:
        key: the same for the same table under the same ids.
        filters: conditions on its columns alone, by number.
    """

    scan: Scan
    key: tuple[int, tuple[tuple[str, str], ...]]
    filters: dict[int, Condition]


@dataclass(frozen=True)
class _Member:
    """An aggregate over all rows of joined tables.

    Attributes:
        on: numbers of the conditions that name several tables.
    """

    context: Context
    plan: Aggregate
    tables: Mapping[frozenset[str], _Table]
    on: frozenset[int]

    @property
    def scans(self) -> frozenset[object]:
        """Which tables it reads."""
        return frozenset(t.key for t in self.tables.values())

    def filters(self, *, but: frozenset[str] = frozenset()) -> frozenset[object]:
        """Return what its tables, but for one, are filtered by."""
        return frozenset((ids, frozenset(t.filters)) for ids, t in self.tables.items() if ids != but)


def _over_all_rows(context: Context, plan: Plan) -> Iterator[tuple[Context, Aggregate]]:
    """Return the aggregates over all rows of tables, and what their ids belong to."""
    seen: set[int] = set()
    waiting = [(context, plan)]
    while waiting:
        context, node = waiting.pop()
        if id(node) in seen or isinstance(node, Recursive):
            continue
        seen.add(id(node))
        if isinstance(node, Aggregate) and not node.keys and node.sets is None and node.items:
            yield context, node
        inside = node.origin if isinstance(node, Shared) else context
        waiting += [(inside, i) for i in reversed(node.inputs)]


def _member(numbers: _Numbers, context: Context, plan: Aggregate) -> _Member | None:
    """Return an aggregate over inner joins of tables; None for any other."""
    scans: list[Scan] = []
    conditions: list[Condition] = []
    if not _sources(plan.input, scans, conditions) or any(v.volatile for v in plan.values):
        return None
    tables = {s.given: _Table(s, (id(s.frame), tuple(s.names.items())), {}) for s in scans}
    on: list[int] = []
    for condition in conditions:
        refs = condition.value.refs
        if condition.value.volatile or not refs:
            return None
        owner = next((t for ids, t in tables.items() if refs <= ids), None)
        if owner is not None:
            owner.filters[numbers.of(condition)] = condition
        elif cannot_fail(context, condition):
            on.append(numbers.of(condition))
        else:
            return None
    return _Member(context, plan, tables, frozenset(on))


def _sources(plan: Plan, scans: list[Scan], conditions: list[Condition]) -> bool:
    """Collect the tables of inner joins and all conditions; whether there is nothing else."""
    if isinstance(plan, Scan):
        scans.append(plan)
        return bool(plan.names)
    if isinstance(plan, Filter):
        conditions += plan.conditions
        return _sources(plan.input, scans, conditions)
    if isinstance(plan, Join) and plan.kind == "inner":
        conditions += plan.on
        return _sources(plan.left, scans, conditions) and _sources(plan.right, scans, conditions)
    return False


_T = TypeVar("_T")


def _grouped(members: Iterable[_T], key: Callable[[_T], Hashable]) -> list[list[_T]]:
    """Return what has the same key together, in the order in which it comes first."""
    made: dict[Hashable, list[_T]] = {}
    for member in members:
        made.setdefault(key(member), []).append(member)
    return list(made.values())


def _differing_in_one(members: list[_Member]) -> Iterator[tuple[list[list[_Member]], frozenset[str]]]:
    """Return groups that differ in the filters of one table at most, in bundles whose filters are the same."""
    groups, table = min(
        ((_grouped(members, partial(_Member.filters, but=t)), t) for t in members[0].tables),
        key=lambda choice: len(choice[0]),
    )
    for group in groups:
        yield _grouped(group, _Member.filters), table


# -- computing it together ------------------------------------------------------------------------

_Counted = list[tuple[_Member, Mapping[str, Value]]]
"""Aggregates over the same rows, each with its items over those of them that it counts."""


def _fused(bundles: list[list[_Member]], table: frozenset[str]) -> Iterator[tuple[_Counted, Plan]]:
    """Return aggregates that are computed together, and the rows that they are computed over."""
    context = bundles[0][0].context
    filters = [b[0].tables[table].filters for b in bundles]
    common = frozenset.intersection(*(frozenset(f) for f in filters))
    safe = all(cannot_fail(context, filters[0][n]) for n in common)
    able: list[_Counted] = []
    flags: dict[str, Value] = {}
    owns: list[list[Condition]] = []
    parts: list[float] = []
    for bundle, conditions in zip(bundles, filters, strict=True):
        own = [c for n, c in conditions.items() if n not in common]
        flag = context.fresh("dwkit:counted", pl.Boolean()) if own else None
        alone = not safe or not all(cannot_fail(context, c) for c in own)
        items = [None if alone else _counting(m, flag) for m in bundle]
        if any(i is None for i in items):
            yield [(m, m.plan.items) for m in bundle], bundle[0].plan.input
            continue
        able.append([(m, i) for m, i in zip(bundle, items, strict=True) if i is not None])
        if flag is not None:
            flags[flag] = _all(own)
            owns.append(own)
        parts.append(context.estimates.filtered(own, bundle[0].tables[table].scan))
    if len(able) < 2:
        for one in able:
            yield [(m, m.plan.items) for m, _ in one], one[0][0].plan.input
        return
    first = bundles[0][0]
    kept = [c for n, c in first.tables[table].filters.items() if n in common]
    some = len(flags) == len(able) and sum(parts) < _ALL
    rows = _flagged(context, first.tables[table].scan, kept, flags, owns if some else [])
    yield [m for one in able for m in one], _instead(first.plan.input, table, rows)


def _flagged(
    context: Context,
    scan: Plan,
    kept: list[Condition],
    flags: Mapping[str, Value],
    any_of: list[list[Condition]],
) -> Plan:
    """Return the rows of a table with a column for each flag.

    Args:
        kept: what all rows meet.
        any_of: conditions of which they meet those of one flag at least; none where there are other rows as well.
    """
    if not any_of:
        return Extend(Filter(scan, tuple(kept)) if kept else scan, flags)
    near = spans(any_of)
    if near and context.estimates.filtered(near, scan) < _ALL:
        rows = Extend(Filter(scan, (*kept, *near)), flags)
        return Filter(rows, (Condition(_any([context.column(f) for f in flags])),))
    return Extend(Filter(scan, (*kept, Condition(_any(flags.values())))), flags)


def _counting(member: _Member, flag: str | None) -> Mapping[str, Value] | None:
    """Return the items over the rows for which a flag is true; None where they cannot be told to be the same."""
    if flag is None:
        return member.plan.items
    return member.plan.over(flag) if member.plan.over is not None else None


def _all(conditions: list[Condition]) -> Value:
    refs = frozenset().union(*(c.value.refs for c in conditions))
    return Value(reduce(pl.Expr.__and__, (c.value.expr for c in conditions)), pl.Boolean(), refs)


def _any(values: Collection[Value]) -> Value:
    refs = frozenset().union(*(v.refs for v in values))
    return Value(reduce(pl.Expr.__or__, (v.expr for v in values)), pl.Boolean(), refs)


def _instead(plan: Plan, table: frozenset[str], rows: Plan) -> Plan:
    """Return joins with other rows of one table."""
    if isinstance(plan, Join):
        left, right = _instead(plan.left, table, rows), _instead(plan.right, table, rows)
        return replace(plan, left=left, right=right)
    if isinstance(plan, Filter) and plan.given != table:
        return replace(plan, input=_instead(plan.input, table, rows))
    return rows if plan.given == table else plan


def _aggregated(counted: _Counted, rows: Plan) -> Iterator[tuple[int, Plan]]:
    """Return what stands for each aggregate: its items, of the row that has those of all."""
    context = counted[0][0].context
    every: dict[str, Value] = {}
    own: list[dict[str, str]] = []
    for _, items in counted:
        own.append({i: context.fresh(i, v.dtype) for i, v in items.items()})
        every.update((own[-1][i], v) for i, v in items.items())
    whole = Aggregate(rows, {}, every)
    for (member, _), made in zip(counted, own, strict=True):
        there = member.context
        ids = {i: i if there is context else there.fresh(i, v.dtype) for i, v in every.items()}
        row = whole if there is context else Shared(whole, tuple(ids.values()), context)
        yield id(member.plan), Project(row, {i: column(ids[f], every[f].dtype) for i, f in made.items()})


def _replaced(plan: Plan, made: dict[int, Plan]) -> Plan:
    """Return a plan with other nodes in the place of some; what is shared stays shared."""
    found = made.get(id(plan))
    if found is None:
        changed = {
            f.name: after
            for f in fields(plan)
            if isinstance(before := getattr(plan, f.name), Plan)
            and (after := _replaced(before, made)) is not before
        }
        found = made[id(plan)] = replace(plan, **changed) if changed else plan
    return found
