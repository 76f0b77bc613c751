"""A correlated aggregate over a table that the outer query reads as well, joined on what they are correlated by.

``FROM t, r WHERE t.k = r.k AND t.x < (SELECT avg(x) FROM t WHERE t.k = r.k)`` looks, in both places, at the rows of
t only whose k is one of r's. They are read once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dwkit.sql.bind.conditions import equal
from dwkit.sql.bind.context import Context
from dwkit.sql.optimise.tree import instead, leaves
from dwkit.sql.plan import Aggregate, Condition, Extend, Filter, Join, Plan, Project, Scan
from dwkit.sql.value import Value

__all__ = ["asked_once"]

_REDUCES = 4
"""Rows of the table for each of those that are asked for from which on it pays to keep these."""


def asked_once(
    context: Context, left: Plan, right: Aggregate, conditions: list[Condition]
) -> tuple[Plan, Plan] | None:
    """Return an outer query and a grouped subquery that read a table together, None where they do not.

    Args:
        conditions: a value of the outer query equals a key of the subquery.
    """
    base = _joins_of(left)
    tables, on = leaves(base)
    for outer, key in _correlated(right, conditions):
        theirs = next(
            (s for s in map(_scan, leaves(right.input)[0]) if s is not None and key in s.given), None
        )
        if theirs is None:
            continue
        for mine in (s for s in map(_scan, tables) if s is not None and _alike(s, theirs)):
            column = _by_name(mine)[theirs.names[key]]
            for one, other in _partners(on, column):
                reducing = next((t for t in tables if other in t.given and not mine.given & t.given), None)
                if outer not in (one, other) or reducing is None or reducing.outer:
                    continue
                kept = _asked(context, mine, one, reducing, other)
                if context.estimates.rows(kept) * _REDUCES > context.estimates.rows(mine):
                    continue
                names = _by_name(mine)
                same = Project(kept, {i: context.column(names[n]) for i, n in theirs.names.items()})
                made = instead(left, mine, kept)
                context.estimates.note(made, context.estimates.rows(left))
                return made, replace(right, input=instead(right.input, theirs, same))
    return None


def _joins_of(plan: Plan) -> Plan:
    """Return the inner joins under what leaves their rows as they are or leaves some out."""
    while True:
        if isinstance(plan, Join) and plan.kind in ("left", "semi", "anti"):
            plan = plan.left
        elif isinstance(plan, Extend) or (isinstance(plan, Filter) and not isinstance(plan.input, Join)):
            plan = plan.input
        else:
            return plan


def _correlated(right: Aggregate, conditions: list[Condition]) -> Iterator[tuple[str, str]]:
    """Return the columns of the outer query and of the subquery's tables that are compared."""
    for condition in conditions:
        if condition.left is None or condition.right is None:
            continue
        key = right.keys[next(iter(condition.right.refs))]
        if _is_column(condition.left) and _is_column(key):
            yield condition.left.expr.meta.output_name(), key.expr.meta.output_name()


def _partners(on: list[Condition], column: str) -> Iterator[tuple[str, str]]:
    """Return a column and each that a join makes it equal to."""
    for condition in on:
        left, right = condition.left, condition.right
        if (
            condition.op != "="
            or left is None
            or right is None
            or not (_is_column(left) and _is_column(right))
        ):
            continue
        a, b = left.expr.meta.output_name(), right.expr.meta.output_name()
        if column in (a, b):
            yield (a, b) if column == a else (b, a)


def _is_column(value: Value) -> bool:
    return value.expr.meta.is_column()


def _scan(plan: Plan) -> Scan | None:
    """Return the table of a leaf."""
    while isinstance(plan, Filter):
        plan = plan.input
    return plan if isinstance(plan, Scan) else None


def _by_name(scan: Scan) -> dict[str, str]:
    return {name: ident for ident, name in scan.names.items()}


def _alike(one: Scan, other: Scan) -> bool:
    return one.frame is other.frame and set(one.names.values()) == set(other.names.values())


def _asked(context: Context, scan: Scan, column: str, reducing: Plan, other: str) -> Plan:
    """Return the rows of a table whose column has a partner in another one."""
    value = context.column(other)
    ident = context.made("dwkit:asked", value)
    on = equal(context.column(column), context.column(ident))
    return Join(scan, Project(reducing, {ident: value}), "semi", (on,))
