"""Windows of which only the first rows of each partition are asked for: ``WHERE rank() OVER (...) <= 10``.

Rows behind the tenth of their partition in the first key of the order need not be sorted.
"""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from dwkit.sql.bind.estimate import Estimates
from dwkit.sql.lower.bounds import most_values
from dwkit.sql.plan import Filter, Plan, Project, Shared, Sort, Window
from dwkit.sql.value import Condition, Value
from dwkit.sql.window import SortKey

__all__ = ["first_asked", "first_rows"]

_RANKS = frozenset({"rank", "row_number"})
_MOST = 10_000
_WORTH = 2
"""Rows of the input for each of those that are asked for from which on it pays."""


def first_asked(plan: Plan, again: Collection[int], estimates: Estimates) -> dict[int, int]:
    """Return how many first rows of each partition are asked for, of the windows where that saves work.

    Args:
        again: nodes that several others read.
    """
    found: dict[int, int] = {}
    seen: set[int] = set()
    waiting = [(plan, estimates)]
    while waiting:
        node, known = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, Filter):
            for condition in node.conditions:
                _note(condition, node.input, again, known, found)
        inside = node.origin.estimates if isinstance(node, Shared) else known
        waiting += [(one, inside) for one in node.inputs]
    return found


def _note(
    condition: Condition, plan: Plan, again: Collection[int], estimates: Estimates, found: dict[int, int]
) -> None:
    left, right = condition.left, condition.right
    if condition.op not in ("=", "<", "<=") or left is None or right is None:
        return
    if not left.expr.meta.is_column() or type(right.constant) is not int:
        return
    ident, most = left.expr.meta.output_name(), right.constant - (condition.op == "<")
    while id(plan) not in again:
        if isinstance(plan, Window):
            if ident not in plan.items:
                return
            if 0 < most <= min(_MOST, found.get(id(plan), _MOST)) and _is_worth_it(plan, most, estimates):
                found[id(plan)] = most
            return
        if isinstance(plan, Shared):
            ident, estimates = plan.input.columns[plan.ids.index(ident)], plan.origin.estimates
        elif isinstance(plan, Project) and ident in plan.made:
            if not plan.made[ident].expr.meta.is_column():
                return
            ident = plan.made[ident].expr.meta.output_name()
        elif not isinstance(plan, (Project, Filter, Sort)):
            return
        plan = plan.inputs[0]


def _is_worth_it(plan: Window, most: int, estimates: Estimates) -> bool:
    """Whether a window is of ranks in one order of partitions that are few beside the rows."""
    items = list(plan.items.values())
    first = items[0]
    if not first.partition or any(i.function not in _RANKS or not i.order for i in items):
        return False
    if any(_keys(i.partition) != _keys(first.partition) for i in items):
        return False
    if any(not _same(i.order[0], first.order[0]) for i in items):
        return False
    dtype = first.order[0].value.dtype
    if not (dtype.is_numeric() or dtype.is_temporal() or isinstance(dtype, pl.String)):
        return False
    groups = 1.0
    for value in first.partition:
        groups *= most_values(value, plan.input)
    return groups * most * _WORTH <= estimates.rows(plan.input)


def _keys(values: tuple[Value, ...]) -> list[str]:
    return [str(v.expr) for v in values]


def _same(one: SortKey, other: SortKey) -> bool:
    return (
        one.descending == other.descending
        and one.nulls_last == other.nulls_last
        and one.value.expr.meta.eq(other.value.expr)
    )


def first_rows(frame: pl.LazyFrame, partition: tuple[Value, ...], key: SortKey, most: int) -> pl.LazyFrame:
    """Return the rows without those that have so many of their partition before them in a key of the order."""
    by = {f"dwkit:by{n}": v.expr for n, v in enumerate(partition)}
    edge, value = pl.col("dwkit:edge"), key.value.expr
    if most == 1:
        last = value.max() if key.descending else value.min()
    else:
        last = value.top_k(most).min() if key.descending else value.bottom_k(most).max()
    rows = frame.with_columns(e.alias(n) for n, e in by.items()).cache()
    edges = rows.group_by(list(by)).agg(pl.when(value.count() >= most).then(last).alias("dwkit:edge"))
    within = value >= edge if key.descending else value <= edge
    if not key.nulls_last:
        within = within | value.is_null()
    kept = rows.join(edges, on=list(by), nulls_equal=True).filter(edge.is_null() | within)
    return kept.drop("dwkit:edge", *by)
