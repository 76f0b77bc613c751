"""Semi and anti joins on equalities and one comparison, without looking at pairs.

``EXISTS (SELECT * FROM t WHERE t.k = o.k AND t.x > o.x)`` asks whether the greatest x of the group is greater,
``t.x <> o.x`` whether the least or the greatest is another one: one row for each group decides.
"""

from __future__ import annotations

import polars as pl

from dwkit.sql.bind.context import Context
from dwkit.sql.functions.aggregate.rows import reduction
from dwkit.sql.optimise.reread import Pair, asked_only, is_table, pays
from dwkit.sql.plan import Aggregate, Condition, Filter, Join, Plan, Project
from dwkit.sql.value import Value

__all__ = ["by_extremes"]

_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "<>": "<>"}


def by_extremes(context: Context, join: Join) -> Plan:
    """Return a semi or anti join as a join with the extremes of each group, where it has that shape; else as it is."""
    if join.kind not in ("semi", "anti"):
        return join
    ours, theirs = join.left.given, join.right.given
    equal: list[tuple[Value, Value]] = []
    compared: list[tuple[str, Value, Value]] = []
    for condition in join.on:
        left, right, op = condition.left, condition.right, condition.op
        if left is None or right is None or not left.refs or not right.refs:
            return join
        if left.refs <= theirs and right.refs <= ours:
            left, right, op = right, left, _TURNED.get(op, op)
        if not (left.refs <= ours and right.refs <= theirs):
            return join
        if op == "=":
            equal.append((left, right))
        elif op in _TURNED:
            compared.append((op, left, right))
        else:
            return join
    of_tables = join.kind == "semi" and is_table(join.left) and is_table(join.right)
    if equal and not compared and of_tables and pays(context, join.left, join.right):
        outer, inner = asked_only(context, join.left, join.right, [Pair("=", a, b) for a, b in equal])
        return Join(outer, inner, join.kind, join.on)
    if (
        not equal
        or len(compared) != 1
        or (not compared[0][2].dtype.is_numeric() and not compared[0][2].dtype.is_temporal())
    ):
        return join
    return _joined(context, join, equal, compared[0])


def _joined(
    context: Context, join: Join, equal: list[tuple[Value, Value]], compared: tuple[str, Value, Value]
) -> Plan:
    op, mine, other = compared
    keys = {context.made("dwkit:key", right): right for _, right in equal}
    least, greatest = context.made("dwkit:least", other), context.made("dwkit:greatest", other)
    items = {
        least: other.as_(other.expr.min(), other.dtype),
        greatest: other.as_(reduction("max", other.expr, other.dtype), other.dtype),
    }
    outer, inner = join.left, join.right
    if pays(context, outer, inner):
        outer, inner = asked_only(context, outer, inner, [Pair("=", a, b) for a, b in equal])
    groups = Aggregate(inner, keys, items)
    on = [_equal(left, context.column(i)) for (left, _), i in zip(equal, keys, strict=True)]
    low, high = pl.col(least), pl.col(greatest)
    found = {
        "<": mine.expr < high, "<=": mine.expr <= high, ">": mine.expr > low, ">=": mine.expr >= low,
        "<>": (mine.expr != low) | (mine.expr != high),
    }[op]  # fmt: skip
    refs = mine.refs | {least, greatest}
    semi = join.kind == "semi"
    met = Value(found if semi else found.fill_null(value=False).not_(), pl.Boolean(), refs)
    made = Filter(Join(outer, groups, "inner" if semi else "left", tuple(on)), (Condition(met),))
    return Project(made, {c: context.column(c) for c in join.left.columns})


def _equal(left: Value, right: Value) -> Condition:
    return Condition(Value(left.expr == right.expr, pl.Boolean(), left.refs | right.refs), "=", left, right)
