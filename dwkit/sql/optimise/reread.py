"""Subqueries done only for the keys that the outer query asks for; a table that both read is read once.

``SELECT ... FROM t JOIN d ON t.k = d.k WHERE t.x < (SELECT avg(x) FROM t WHERE k = d.k)`` needs of t only the
rows whose k is one of d, in both places. So do several subqueries that look into one table by the same key.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import polars as pl

from dwkit.sql.bind.context import Context
from dwkit.sql.plan import Condition, Distinct, Extend, Filter, Join, Plan, Project, Scan
from dwkit.sql.value import Value

__all__ = ["Pair", "asked_only", "is_table", "pays"]

_REDUCES = 4
"""Rows for each of those that are asked for, from which on it pays to look for them first."""


class Pair(NamedTuple):
    """What must be equal: ``=`` or ``is``, a value of the outer query, one of the subquery."""

    op: str
    outer: Value
    inner: Value


def pays(context: Context, few: Plan, many: Plan) -> bool:
    """Whether a plan has so few rows that only those of the other should be looked at that it asks for."""
    return context.estimates.rows(few) * _REDUCES <= context.estimates.rows(many)


def asked_only(context: Context, left: Plan, inner: Plan, pairs: list[Pair]) -> tuple[Plan, Plan]:
    """Return an outer plan and that of a subquery, of which at most those rows are left whose keys are asked for.

    The subquery may have more rows left: it is joined with the outer plan on the same keys.
    """
    one = pairs[0] if len(pairs) == 1 and pairs[0].op == "=" and not left.outer else None
    scan = _leaf(inner, one.inner) if one is not None else None
    if one is not None and scan is not None:
        asked, column = _ident(one.outer), scan.names[_ident(one.inner)]
        kept = _restricted(left, scan, column, asked)
        if kept is not None and pays(context, kept, scan):
            return left, _put(inner, scan, _renamed(context, kept, scan))
    keys = {context.made("dwkit:asked", p.outer): p.outer for p in pairs}
    on = [_equal(p.op, context.column(i), p.inner) for p, i in zip(pairs, keys, strict=True)]
    source = Distinct(Project(left, keys))
    whole = Join(inner, source, "semi", tuple(on))
    if scan is None:
        return left, whole
    own = _own(context, left, scan, column, asked)
    semi = Join(scan, source, "semi", tuple(on))
    if own is not None and pays(context, own[1], scan):
        mine, kept = own
        if context.estimates.rows(kept) <= context.estimates.rows(semi):
            return _put(left, mine, kept), _put(inner, scan, _renamed(context, kept, scan))
    return left, _put(inner, scan, semi) if is_table(inner) else whole


def _restricted(left: Plan, scan: Scan, column: str, asked: str) -> Join | None:
    """Return the rows of the same table that another subquery looks at, where they have all keys that are asked for."""
    for node in _nodes(left):
        if not isinstance(node, Join) or node.kind != "semi" or len(node.on) != 1:
            continue
        mine, keys, key = node.left, node.right, node.on[0].right
        if not (isinstance(mine, Scan) and mine.frame is scan.frame and isinstance(keys, Distinct)):
            continue
        made = keys.input
        assert key is not None
        if (
            isinstance(made, Project)
            and node.on[0].op == "="
            and mine.names.get(_ident(key)) == column
            and [_ident(v) for v in made.made.values()] == [asked]
            and _descends(left, made.input, asked)
            and set(scan.names.values()) <= set(mine.names.values())
        ):
            return node
    return None


def _own(context: Context, left: Plan, scan: Scan, column: str, asked: str) -> tuple[Scan, Join] | None:
    """Return the same table where the outer plan itself reads it, and its rows that have a partner there."""
    for node in _nodes(left):
        if not isinstance(node, Join) or node.kind != "inner":
            continue
        for condition in node.on:
            a, b = condition.left, condition.right
            if condition.op != "=" or a is None or b is None:
                continue
            for key, partner in ((a, b), (b, a)):
                if asked not in (_ident(key), _ident(partner)):
                    continue
                side, other = (
                    (node.left, node.right) if key.refs <= node.left.given else (node.right, node.left)
                )
                mine = _leaf(side, key)
                if (
                    mine is None
                    or mine.frame is not scan.frame
                    or mine.names[_ident(key)] != column
                    or not partner.refs <= other.given
                    or not set(scan.names.values()) <= set(mine.names.values())
                    or _paths(left, mine) != 1
                    or not _inside(left, node)
                ):
                    continue
                ident = context.made("dwkit:asked", partner)
                on = _equal("=", context.column(ident), key)
                return mine, Join(mine, Project(other, {ident: partner}), "semi", (on,))
    return None


def _inside(plan: Plan, node: Plan) -> bool:
    """Whether all rows of a plan come from a join in it, by other inner joins and conditions."""
    if plan is node:
        return True
    if isinstance(plan, Filter):
        return _inside(plan.input, node)
    return isinstance(plan, Join) and plan.kind == "inner" and any(_inside(i, node) for i in plan.inputs)


def _descends(plan: Plan, source: Plan, ident: str) -> bool:
    """Whether a column of a plan has no other values than in another plan that it is made of."""
    while plan is not source:
        if isinstance(plan, Project) and ident in plan.made:
            if _ident(plan.made[ident]) != ident:
                return False
            plan = plan.input
        elif isinstance(plan, (Filter, Extend)):
            plan = plan.input
        elif isinstance(plan, Join) and plan.kind in ("inner", "left", "semi", "anti"):
            if ident not in plan.left.given and plan.kind != "inner":
                return False
            plan = plan.left if ident in plan.left.given else plan.right
        else:
            return False
    return ident in source.given


def _leaf(plan: Plan, key: Value) -> Scan | None:
    """Return the table that has a column, below inner joins and conditions."""
    ident = _ident(key)
    while ident in plan.given:
        if isinstance(plan, Scan):
            return plan
        if isinstance(plan, Filter):
            plan = plan.input
        elif isinstance(plan, Join) and plan.kind == "inner":
            plan = plan.left if ident in plan.left.given else plan.right
        else:
            return None
    return None


def is_table(plan: Plan) -> bool:
    """Whether it is one table, of which conditions may leave rows out."""
    while isinstance(plan, Filter):
        plan = plan.input
    return isinstance(plan, Scan)


def _ident(value: Value) -> str:
    """Return the id of a column, else nothing."""
    return value.expr.meta.output_name() if len(value.refs) == 1 and value.expr.meta.is_column() else ""


def _renamed(context: Context, kept: Join, scan: Scan) -> Plan:
    """Return rows of a table under the ids of another use of it."""
    assert isinstance(kept.left, Scan)
    ids = {name: ident for ident, name in kept.left.names.items()}
    return Project(kept, {i: context.column(ids[name]) for i, name in scan.names.items()})


def _nodes(plan: Plan) -> Iterator[Plan]:
    seen: set[int] = set()
    waiting = [plan]
    while waiting:
        node = waiting.pop()
        if id(node) not in seen:
            seen.add(id(node))
            yield node
            waiting += node.inputs


def _paths(plan: Plan, node: Plan) -> int:
    """Return how many times a node is read in a plan."""
    return 1 if plan is node else sum(_paths(i, node) for i in plan.inputs)


def _put(plan: Plan, old: Plan, new: Plan) -> Plan:
    """Return a plan with another table in the place of one below inner joins and conditions."""
    if plan is old:
        return new
    if isinstance(plan, Filter):
        below = _put(plan.input, old, new)
        return plan if below is plan.input else replace(plan, input=below)
    if isinstance(plan, Join) and plan.kind == "inner":
        left, right = (_put(i, old, new) for i in plan.inputs)
        return plan if left is plan.left and right is plan.right else replace(plan, left=left, right=right)
    return plan


def _equal(op: str, outer: Value, inner: Value) -> Condition:
    made = outer.expr == inner.expr if op == "=" else outer.expr.eq_missing(inner.expr)
    return Condition(Value(made, pl.Boolean(), outer.refs | inner.refs), op, outer, inner)
