"""Functions as tables: series, FLATTEN, EXPLODE, JSON tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
from sqlglot import exp

from dwkit.sql.bind.expressions import Stage
from dwkit.sql.bind.names import Field, Relation, Scope
from dwkit.sql.bind.resolve import resolve
from dwkit.sql.plan import OneRow, Unnest
from dwkit.sql.query import is_file_function
from dwkit.sql.types import is_list, shown

if TYPE_CHECKING:
    from dwkit.sql.bind.query import QueryBinder
    from dwkit.sql.bind.tables import Table

__all__ = ["lateral_function", "table_function"]


def table_function(binder: QueryBinder, scope: Scope, node: exp.Table) -> Table | None:
    """Bind a function that stands for a table; None where it reads a file.

    Raises:
        SqlError: there is no such function.
    """
    if is_file_function(node):
        return None
    return _listed(binder, scope, node, node.this)


def lateral_function(binder: QueryBinder, scope: Scope, node: exp.Lateral) -> Table:
    """Bind LATERAL VIEW EXPLODE, LATERAL FLATTEN and other functions over the tables before."""
    inner = node.this
    if isinstance(inner, (exp.Explode, exp.ExplodeOuter)) and not isinstance(inner.this, exp.Kwarg):
        return _listed(binder, scope, node, inner.this, outer=isinstance(inner, exp.ExplodeOuter))
    if isinstance(inner, (exp.GenerateSeries, exp.ExplodingGenerateSeries)):
        return _listed(binder, scope, node, inner)
    raise binder.context.refuse(f"{inner.key.upper()} as a table", node)


def _listed(
    binder: QueryBinder, scope: Scope, node: exp.Expr, function: exp.Expr, *, outer: bool = False
) -> Table:
    """A function that gives a list, each element a row."""
    from dwkit.sql.bind.tables import Table

    context = binder.context
    stage = Stage(context, binder, scope, OneRow(), "FROM")
    if context.dialect == "tsql":
        function = _towards_end(function)
    value = stage.bind(resolve(function, scope, context))
    if not is_list(value.dtype):
        raise context.error(f"a function in FROM wants to give a list, not {shown(value.dtype)}", node)
    alias = node.args.get("alias")
    columns = [c.name for c in alias.columns] if isinstance(alias, exp.TableAlias) else []
    called = alias.name if alias is not None and alias.this is not None else function.key
    name = columns[0] if columns else _column_name(context.dialect, function, called)
    inner: pl.DataType = value.dtype.inner  # type: ignore[attr-defined]
    ident = context.fresh(name, inner)
    unnest = Unnest(OneRow(), {ident: value}, keep_empty=outer)
    return Table(OneRow(), [Relation(called, (Field(name, ident),), called)], unnest)


def _towards_end(function: exp.Expr) -> exp.Expr:
    """Return a series with its step: SQL Server counts down where the start is greater than the end."""
    if not isinstance(function, exp.GenerateSeries) or function.args.get("step") is not None:
        return function
    down = exp.GT(this=function.args["start"].copy(), expression=function.args["end"].copy())
    made = function.copy()
    made.set("step", exp.Case(ifs=[exp.If(this=down, true=exp.convert(-1))], default=exp.convert(1)))
    return made


def _column_name(dialect: str, function: exp.Expr, called: str) -> str:
    if isinstance(function, (exp.GenerateSeries, exp.ExplodingGenerateSeries)) and dialect == "duckdb":
        return "range" if function.args.get("is_end_exclusive") else "generate_series"
    if dialect == "tsql":
        return "value"
    return called if dialect in ("postgres", "redshift") else "col"
