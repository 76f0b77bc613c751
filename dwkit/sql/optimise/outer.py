"""Aggregates before left joins: ``SELECT c.k, count(o.x) FROM c LEFT JOIN o ON o.k = c.k GROUP BY c.k``.

The orders are summed up by the keys that they are joined on. A row without a partner adds nothing to an aggregate
of columns that are then NULL.
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from dwkit.sql.bind.context import Context
from dwkit.sql.plan import Aggregate, Condition, Filter, Join, Plan
from dwkit.sql.value import Value

__all__ = ["summed_right"]


def summed_right(context: Context, plan: Aggregate) -> tuple[Join, Aggregate] | None:
    """Return the left join below an aggregate with its right side summed up, and that sum; None where it cannot be.

    The aggregate must be one whose results for parts make its result for the whole.
    """
    join = plan.input
    if not isinstance(join, Join) or join.kind != "left":
        return None
    left, right = join.left.given, join.right.given
    mine = frozenset().union(*(v.refs for v in plan.keys.values()))
    if not mine <= left or not all(
        v.refs and v.refs <= right and not v.volatile for v in plan.items.values()
    ):
        return None
    pairs: list[tuple[Value, Value]] = []
    alone: list[Condition] = []
    for condition in join.on:
        a, b = condition.left, condition.right
        if condition.value.refs <= right:
            alone.append(condition)
        elif condition.op == "=" and a is not None and b is not None and a.refs and b.refs:
            a, b = (a, b) if a.refs <= left else (b, a)
            if not (a.refs <= left and b.refs <= right):
                return None
            pairs.append((a, b))
        else:
            return None
    if not pairs or not _passed_over(context, plan):
        return None
    keys = {context.made("dwkit:key", b): b for _, b in pairs}
    kept: Plan = Filter(join.right, tuple(alone)) if alone else join.right
    part = Aggregate(kept, keys, plan.items, plan.empty, combined=plan.combined)
    on = tuple(_equal(a, context.column(i)) for (a, _), i in zip(pairs, keys, strict=True))
    return replace(join, right=part, on=on), part


def _passed_over(context: Context, plan: Aggregate) -> bool:
    """Whether a row of which all columns are NULL adds nothing."""
    names = frozenset().union(*(v.refs for v in plan.items.values()))
    row = pl.LazyFrame({n: [None] for n in names}, schema={n: context.dtypes[n] for n in names})
    try:
        made = row.select(v.expr.alias(i) for i, v in plan.items.items()).collect()
    except pl.exceptions.PolarsError:
        return False
    return all(
        v is None or (v == 0 and plan.combined[i] == "count") for i, v in made.row(0, named=True).items()
    )


def _equal(left: Value, right: Value) -> Condition:
    return Condition(Value(left.expr == right.expr, pl.Boolean(), left.refs | right.refs), "=", left, right)
