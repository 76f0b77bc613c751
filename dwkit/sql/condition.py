"""Conditions over the columns of one row, as the rules of a contract have them."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
from sqlglot import exp

from dwkit.errors import SqlError
from dwkit.sql.bind import Context, QueryBinder
from dwkit.sql.bind.expressions import Stage
from dwkit.sql.bind.names import Field, Relation, Scope
from dwkit.sql.bind.resolve import resolve
from dwkit.sql.plan import OneRow
from dwkit.sql.query import parse

__all__ = ["condition"]


def condition(text: str, schema: Mapping[str, pl.DataType], dialect: str = "duckdb") -> pl.Expr:
    """Return a SQL condition as a Boolean expression.

    Args:
        text: for instance ``quantity > 0 OR status = 'returned'``.
        schema: the columns that the rows have.

    Raises:
        SqlError: it does not parse, names another column, looks at more than one row, or is no condition.
    """
    prefix = "SELECT "
    query = parse(prefix + text, dialect)
    tree = query.tree
    if (
        not isinstance(tree, exp.Select)
        or len(tree.selects) != 1
        or tree.args.get("from_")
        or tree.args.get("where")
    ):
        raise SqlError(f"{text!r} is not one condition", hint="for instance quantity > 0")
    if tree.find(exp.AggFunc, exp.Window, exp.Subquery, exp.Star):
        raise SqlError(
            f"{text!r} looks at more than one row", hint="a rule is a condition over the columns of one row"
        )
    context = Context(query.sql, dialect, {}, dtypes=dict(schema))
    scope = Scope([Relation("t", tuple(Field(n, n) for n in schema), "these rows")])
    stage = Stage(context, QueryBinder(context), scope, OneRow(), "a rule")
    made = stage.bind(resolve(tree.copy().selects[0], scope, context))
    if made.dtype not in (pl.Boolean(), pl.Null()):
        raise SqlError(f"{text!r} is neither true nor false", hint="for instance quantity > 0")
    return made.expr.cast(pl.Boolean)
