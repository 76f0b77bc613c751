"""UNNEST with options, whose lists and structs are put one behind the other, and GENERATE_SUBSCRIPTS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import polars as pl
from sqlglot import exp

from dwkit.sql.bind.expressions import Stage
from dwkit.sql.bind.resolve import resolve
from dwkit.sql.types import is_list, shown
from dwkit.sql.value import Value

if TYPE_CHECKING:
    from dwkit.sql.bind.context import Context
    from dwkit.sql.bind.names import Scope
    from dwkit.sql.bind.query import QueryBinder

__all__ = ["fields_of", "flattened", "is_subscripts", "subscripts"]


def _levels(context: Context, node: exp.Expr) -> int | None:
    """Return how many levels of lists UNNEST takes away; None for all, and structs too."""
    levels: int | None = 1
    for option in node.expressions:
        name = option.this.name.lower() if isinstance(option, (exp.PropertyEQ, exp.Kwarg)) else ""
        given = option.args.get("expression")
        if name == "recursive" and isinstance(given, exp.Boolean):
            levels = None if given.this else levels
        elif name == "max_depth" and isinstance(given, exp.Literal) and given.name.isdigit():
            levels = max(int(given.name), 1)
        else:
            raise context.refuse("UNNEST with options", node)
    return levels


def flattened(stage: Stage, node: exp.Expr) -> Value:
    """Return the list that UNNEST with options unnests, its inner lists put one behind the other."""
    levels = _levels(stage.context, node)
    select = node.find_ancestor(exp.Select)
    others = [e for e in select.expressions if e.find(exp.Explode)] if select is not None else []
    if levels != 1 and len(others) > 1:
        raise stage.context.refuse("UNNEST with options beside another one", node)
    value = stage.bind(node.this)
    if isinstance(value.dtype, pl.Struct) and levels is None:
        value = value.as_(pl.concat_list(value.expr), pl.List(value.dtype))
    if not is_list(value.dtype):
        raise stage.context.error(f"UNNEST wants a list, not {shown(value.dtype)}", node)
    expr, inner = value.expr, value.dtype.inner  # type: ignore[attr-defined]
    while is_list(inner) and (levels is None or levels > 1):
        element = pl.element()
        expr = expr.list.eval(element.filter(element.list.len() > 0).explode())
        inner = inner.inner
        levels = None if levels is None else levels - 1
    if levels is not None and levels > 1 and isinstance(inner, pl.Struct):
        raise stage.context.refuse("UNNEST of structs with MAX_DEPTH", node)
    if levels is None and isinstance(inner, pl.Struct):
        nested = next((f for f in inner.fields if isinstance(f.dtype, (pl.List, pl.Struct))), None)
        if nested is not None:
            raise stage.context.refuse(f"UNNEST of structs of {shown(nested.dtype)}", node)  # type: ignore[arg-type]
    return value.as_(expr, pl.List(inner))


def fields_of(
    node: exp.Expr, scope: Scope, context: Context, binder: QueryBinder
) -> Iterator[tuple[str, exp.Expr]] | None:
    """Return the columns of ``UNNEST(struct)`` and ``UNNEST(structs, recursive := true)``, None for what is none."""
    from dwkit.sql.plan import OneRow

    if not isinstance(node, exp.Explode) or context.dialect != "duckdb":
        return None
    if next(node.find_all(exp.AggFunc, exp.Query, exp.Window), None) is not None:
        return None
    stage = Stage(context, binder, scope, OneRow(), "UNNEST")
    made = node.copy()
    if not node.expressions:
        if not isinstance(node.this, (exp.Column, exp.Struct, exp.Cast, exp.Dot)):
            return None
        struct = stage.bind(resolve(node.this, scope, context)).dtype
        if not isinstance(struct, pl.Struct):
            return None
        return ((f.name, _field(node.this, f.name)) for f in struct.fields)
    if _levels(context, node) is not None:
        return None
    made.set("this", resolve(node.this, scope, context))
    value = flattened(stage, made)
    inner = value.dtype.inner  # type: ignore[attr-defined]
    if not isinstance(inner, pl.Struct):
        return None
    return (
        (f.name, exp.Dot(this=node.copy(), expression=exp.to_identifier(f.name, quoted=True)))
        for f in inner.fields
    )


def _field(node: exp.Expr, name: str) -> exp.Dot:
    whole = node.copy() if isinstance(node, (exp.Struct, exp.Cast)) else exp.Paren(this=node.copy())
    return exp.Dot(this=whole, expression=exp.to_identifier(name, quoted=True))


def is_subscripts(node: exp.Expr) -> bool:
    """Whether it is GENERATE_SUBSCRIPTS(list, 1)."""
    return isinstance(node, exp.Anonymous) and str(node.this).upper() == "GENERATE_SUBSCRIPTS"


def subscripts(stage: Stage, node: exp.Expr) -> Value:
    """Return the places of the elements of a list, as a list."""
    if len(node.expressions) != 2 or node.expressions[1].name != "1":
        raise stage.context.refuse("GENERATE_SUBSCRIPTS of another dimension than 1", node)
    value = stage.bind(node.expressions[0])
    if not is_list(value.dtype):
        raise stage.context.error(f"GENERATE_SUBSCRIPTS wants a list, not {shown(value.dtype)}", node)
    return value.as_(
        pl.int_ranges(1, value.expr.list.len().cast(pl.Int64) + 1, dtype=pl.Int64), pl.List(pl.Int64())
    )
