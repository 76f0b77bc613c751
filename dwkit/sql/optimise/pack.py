"""Keys of several whole numbers packed into one: grouping by one number is twice as fast as by two.

Whole numbers, dates and truths between known bounds are digits of one number, as hours and minutes are of the time.
The bounds are those that the files of a table state; a value beyond them makes the query fail, not lie
(`dwkit.sql.lower.packed`). Polars pushes no filter below a packed key, so keys that are filtered later stay as
they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime

import polars as pl

from dwkit.sql.bind.context import Context
from dwkit.sql.lower.packed import Digit
from dwkit.sql.plan import (
    Aggregate,
    Distinct,
    Filter,
    Join,
    Limit,
    Plan,
    Project,
    Scan,
    SetOperation,
    Shared,
    Sort,
    Window,
)

__all__ = ["packing"]

Packing = Mapping[str, Digit]
"""The keys of a node by their ids."""

_SMALL = 50_000
"""Rows that are grouped fast in any way."""
_MOST = 2**62
"""What a packed key must stay below."""
_KEPT = 0.7
"""A join that keeps less than this part of a side is taken to tell the side which keys it asks for."""
_TYPES: dict[type[pl.DataType], tuple[int, int] | None] = {
    pl.Boolean: (0, 1), pl.Int8: (-128, 127), pl.UInt8: (0, 255), pl.Int16: (-32768, 32767), pl.UInt16: (0, 65535),
    pl.Int32: None, pl.UInt32: None, pl.Int64: None, pl.Date: None,
}  # fmt: skip
"""Types whose values are packed, and the bounds of those that need no others."""


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
        columns = {c: c for c in node.columns}
        if node.on is not None:
            return None
    else:
        columns = {i: v.expr.meta.output_name() for i, v in node.keys.items() if v.expr.meta.is_column()}
        if len(columns) < len(node.keys):
            return None
    if len(columns) < 2 or asked & columns.keys() or context.estimates.rows(node.input) < _SMALL:
        return None
    keys: dict[str, Digit] = {}
    for ident, column in columns.items():
        bounds = _bounds(context, node.input, column)
        if bounds is None:
            return None
        keys[ident] = Digit(context.dtypes[column], *bounds)
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


def _bounds(context: Context, node: Plan, ident: str) -> tuple[int, int] | None:
    """Return the bounds of a column of a plan, None where they are not known."""
    if type(context.dtypes[ident]) not in _TYPES:
        return None
    own = _TYPES[type(context.dtypes[ident])]
    if own is not None:
        return own
    if isinstance(node, Shared):
        return _bounds(node.origin, node.input, dict(zip(node.ids, node.input.columns, strict=True))[ident])
    if isinstance(node, SetOperation):
        place = node.ids.index(ident)
        both = [_bounds(context, side, side.columns[place]) for side in node.inputs]
        known = [b for b in both if b is not None]
        return (min(k[0] for k in known), max(k[1] for k in known)) if len(known) == 2 else None
    if isinstance(node, Scan):
        return _stated(context, node, ident)
    made = node.made if isinstance(node, Project) else node.keys if isinstance(node, Aggregate) else {}
    if ident in made:
        expr = made[ident].expr
        return _bounds(context, node.inputs[0], expr.meta.output_name()) if expr.meta.is_column() else None
    if isinstance(node, Aggregate):
        return None
    return next((_bounds(context, one, ident) for one in node.inputs if ident in one.given), None)


def _stated(context: Context, scan: Scan, ident: str) -> tuple[int, int] | None:
    known = context.statistics(scan.key)
    column = known.columns.get(scan.names[ident]) if known is not None else None
    if column is None:
        return None
    low, high = (_number(v) for v in (column.low, column.high))
    return (low, high) if low is not None and high is not None and low <= high else None


def _number(value: object) -> int | None:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.toordinal() - date(1970, 1, 1).toordinal()
    return value if isinstance(value, int) else None
