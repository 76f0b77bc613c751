"""Keys of several whole numbers packed into one: grouping by one number is twice as fast as by two.

Whole numbers, dates and truths between known bounds are digits of one number, as hours and minutes are of the time.
The bounds are those that the files of a table state; a value beyond them makes the query fail, not lie
(`dwkit.sql.lower.packed`). Polars pushes no filter below a packed key, so keys that are filtered later stay as
they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from dwkit.sql.bind.context import Context
from dwkit.sql.lower.bounds import bounds_of
from dwkit.sql.lower.packed import Digit
from dwkit.sql.plan import (
    Aggregate,
    Distinct,
    Filter,
    Join,
    Limit,
    Plan,
    Project,
    SetOperation,
    Shared,
    Sort,
    Window,
)
from dwkit.sql.value import Value

__all__ = ["packing"]

Packing = Mapping[str, Digit]
"""The keys of a node by their ids."""

_SMALL = 50_000
"""Rows that are grouped fast in any way."""
_MOST = 2**62
"""What a packed key must stay below."""
_KEPT = 0.7
"""A join that keeps less than this part of a side is taken to tell the side which keys it asks for."""


def packing(context: Context, plan: Plan) -> dict[int, Packing]:
    """Return the keys of the nodes of a plan, by ``id``, whose keys are to be packed."""
    found: dict[int, Packing] = {}
    alike: dict[int, tuple[str, ...]] = {}
    plain: set[tuple[str, ...]] = set()
    seen: set[tuple[int, frozenset[str]]] = set()

    def visit(context: Context, node: Plan, asked: frozenset[str]) -> None:
        asked &= node.given
        if (id(node), asked) in seen:
            return
        seen.add((id(node), asked))
        if isinstance(node, (Aggregate, Distinct)):
            keys = _packed(context, node, asked)
            if keys is None:
                plain.add(node.columns)
            else:
                found[id(node)], alike[id(node)] = keys, node.columns
        for inner, one, below in _below(context, node, asked):
            visit(inner, one, below)

    visit(context, plan, frozenset())
    # Nodes with the same columns may be the same, which Polars computes once: they are packed all or none.
    return {node: keys for node, keys in found.items() if alike[node] not in plain}


def _packed(context: Context, node: Aggregate | Distinct, asked: frozenset[str]) -> Packing | None:
    """Return the keys of a node, None where they are not to be packed."""
    if isinstance(node, Distinct):
        columns: Mapping[str, Value] = {c: context.column(c) for c in node.columns}
        if node.on is not None:
            return None
    else:
        columns = node.keys
        if not all(v.expr.meta.is_column() for v in columns.values()):
            return None
    if len(columns) < 2 or asked & columns.keys() or context.estimates.rows(node.input) < _SMALL:
        return None
    keys: dict[str, Digit] = {}
    for ident, value in columns.items():
        bounds = bounds_of(value, node.input)
        if bounds is None or bounds[1] < bounds[0]:
            return None
        keys[ident] = Digit(value.dtype, *bounds)
    return keys if math.prod(k.size for k in keys.values()) < _MOST else None


def _below(context: Context, node: Plan, asked: frozenset[str]) -> list[tuple[Context, Plan, frozenset[str]]]:
    """Return the inputs of a node, what their ids belong to, and which of their columns are filtered."""
    if isinstance(node, Shared):
        names = dict(zip(node.ids, node.input.columns, strict=True))
        return [(node.origin, node.input, frozenset(names[i] for i in asked))]
    if isinstance(node, SetOperation):
        places = [n for n, i in enumerate(node.ids) if i in asked]
        return [(context, side, frozenset(side.columns[n] for n in places)) for side in node.inputs]
    if isinstance(node, Project):
        below = frozenset().union(*(v.refs for i, v in node.made.items() if i in asked), asked)
        return [(context, node.input, below)]
    if isinstance(node, Filter):
        return [(context, node.input, asked.union(*(v.refs for v in node.values)))]
    if isinstance(node, Aggregate):
        below = frozenset().union(*(v.refs for i, v in node.keys.items() if i in asked))
        return [(context, node.input, below)]
    if isinstance(node, Join):
        return [(context, side, asked | _asked(context, node, side)) for side in node.inputs]
    if isinstance(node, Window) and any(w.order for w in node.items.values()):
        return [(context, node.input, frozenset())]  # all rows have their place in the order
    if isinstance(node, (Distinct, Sort, Window)):
        return [(context, node.input, asked)]
    if isinstance(node, Limit):
        return [(context, node.input, frozenset())]
    return []


def _asked(context: Context, node: Join, side: Plan) -> frozenset[str]:
    """Return the keys of a side of a join of which the other side may have few values."""
    rows = context.estimates.rows
    if node.kind == "inner" or (node.kind == "semi" and side is node.left):
        few = rows(node) < rows(side) * _KEPT
    else:
        few = node.kind != "full" and side is node.right and rows(node.left) < rows(side)
    return frozenset().union(*(v.refs for v in node.values)) if few else frozenset()
