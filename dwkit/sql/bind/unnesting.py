"""Functions of the SELECT list that give a row for each element of a list, and columns for the fields of a struct."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
from sqlglot import exp

from dwkit.sql.bind import generators
from dwkit.sql.bind.expressions import Stage, aggregates_of
from dwkit.sql.functions.aggregate import is_keep
from dwkit.sql.plan import Unnest
from dwkit.sql.types import is_list, shown
from dwkit.sql.value import Value

if TYPE_CHECKING:
    from dwkit.sql.bind.context import Context

__all__ = ["EXPANDING", "Unnested", "after_windows", "unnested"]

_OF_LISTS = (exp.Unnest, exp.Explode, exp.ExplodeOuter, exp.Posexplode, exp.PosexplodeOuter)
EXPANDING = (*_OF_LISTS, exp.ExplodingGenerateSeries, exp.Anonymous)
"""Classes of what a SELECT list can expand."""
_NESTS = frozenset({"datafusion"})
"""UNNEST(UNNEST(list)) and UNNEST(struct) are known there."""

Unnested = dict[exp.Expr, dict[str, exp.Expr]]
"""Structs whose fields are columns: the fields' nodes by their names."""


def after_windows(context: Context, select: exp.Select, nodes: list[exp.Expr]) -> bool:
    """Whether the lists of a SELECT are expanded after its window functions, which see each row once then.

    Raises:
        SqlError: a window function is over what is expanded.
    """
    if context.dialect not in ("duckdb", "postgres") or select.args.get("group"):
        return False
    if not context.may_have(*EXPANDING) or not context.may_have(exp.Window):
        return False
    nodes = [n for n in nodes if not isinstance(n, exp.Query)]
    found = [w for n in nodes for w in n.find_all(exp.Window) if not is_keep(w)]
    if not found or next(aggregates_of(nodes), None) is not None:
        return False
    inside = next((n for n in found if any(map(_expands, n.walk()))), None)
    if inside is not None:
        raise context.refuse("a window function over what UNNEST gives in the same SELECT", inside)
    return True


def unnested(stage: Stage, nodes: list[exp.Expr], *, grouped: bool) -> Unnested:
    """Unnest what a SELECT list expands; `stage.known` then has the elements.

    Calls right inside of one another, as ``UNNEST(UNNEST(l))``, are one call that is done several times. The calls of
    one level, none of which stands in another one, are read in parallel, shorter lists are filled up with NULL; those
    that are done fewer times begin later.

    Args:
        grouped: take the calls with aggregates in them, which are there after grouping, else the others.

    Raises:
        SqlError: it is no list, or an option that is not known.
    """
    levels: dict[int, dict[exp.Expr, None]] = {}
    for node in nodes:
        _level(node, levels, grouped=grouped)
    if not levels:
        return {}
    stage.clause = "UNNEST"
    structs: Unnested = {}
    for level in sorted(levels):
        _expand(stage, list(levels[level]), structs)
    return structs


def _level(node: exp.Expr, levels: dict[int, dict[exp.Expr, None]], *, grouped: bool) -> int:
    """Find the calls in an expression, by how many others are in them; return how many are in the expression."""
    if isinstance(node, exp.Query):
        return 0
    if not _expands(node):
        return max((_level(part, levels, grouped=grouped) for part in node.iter_expressions()), default=0)
    parts = [_base(node)[0]] if isinstance(node, _OF_LISTS) else node.iter_expressions()
    inside = max((_level(part, levels, grouped=grouped) for part in parts), default=0)
    if (next(aggregates_of([node]), None) is not None) == grouped:
        levels.setdefault(inside, {})[node] = None
    return inside + 1


def _expands(node: exp.Expr) -> bool:
    """Whether it is a call that gives a row for each element."""
    inside = isinstance(node.parent, (exp.In, exp.Any, exp.All))
    known = isinstance(node, (*_OF_LISTS, exp.ExplodingGenerateSeries)) or generators.is_subscripts(node)
    return known and not inside


def _base(node: exp.Expr) -> tuple[exp.Expr, int]:
    """Return what a call unnests, and how many times."""
    times = 0
    while isinstance(node, _OF_LISTS):
        node, times = (node.expressions[0] if isinstance(node, exp.Unnest) else node.this), times + 1
    return node, times


def _expand(stage: Stage, nodes: list[exp.Expr], structs: Unnested) -> None:
    """Do the calls of one level."""
    values = {node: _argument(stage, node) for node in nodes}
    times = {node: max(1, _base(node)[1]) for node in nodes}
    keep = any(isinstance(n, (exp.ExplodeOuter, exp.PosexplodeOuter)) for n in nodes)
    for left in range(max(times.values()), 0, -1):
        lists: dict[str, Value] = {}
        for node in nodes:
            value = values[node]
            if times[node] < left:
                continue
            if isinstance(value.dtype, pl.Struct) and left == 1 and stage.dialect in _NESTS:
                structs[node] = {
                    f.name: exp.Dot(this=node.copy(), expression=exp.to_identifier(f.name))
                    for f in value.dtype.fields
                }
                continue
            if not is_list(value.dtype):
                raise stage.context.error(f"{node.key.upper()} wants a list, not {shown(value.dtype)}", node)
            inner: pl.DataType = value.dtype.inner  # type: ignore[attr-defined]
            ident = stage.context.fresh("dwkit:element", inner)
            lists[ident] = value
            values[node] = stage.context.column(ident)
        if lists:
            stage.plan = Unnest(stage.plan, lists, keep_empty=keep)
    known = dict(stage.known)
    for node, value in values.items():
        known[node] = value
        for name, field in structs.get(node, {}).items():
            dtype = stage.context.type_of(value.expr.struct.field(name))
            known[field] = value.as_(value.expr.struct.field(name), dtype)
    stage.known = known


def _argument(stage: Stage, node: exp.Expr) -> Value:
    context = stage.context
    if generators.is_subscripts(node):
        return generators.subscripts(stage, node)
    if isinstance(node, (exp.Posexplode, exp.PosexplodeOuter)):
        raise context.refuse(f"{node.key.upper()} inside an expression", node)
    if isinstance(node, exp.ExplodingGenerateSeries):
        return stage.bind(node)
    argument = node.expressions[0] if isinstance(node, exp.Unnest) else node.this
    if any(_expands(n) for n in argument.walk()) and stage.dialect not in _NESTS:
        raise context.refuse(f"{node.key.upper()} inside of another", argument)
    if isinstance(node, (exp.Explode, exp.ExplodeOuter)) and node.expressions:
        return generators.flattened(stage, node)
    return stage.bind(_base(node)[0])
