"""Conditions over the columns of one row, as the rules of a contract have them."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
from sqlglot import exp

from dwkit.errors import SqlError
from dwkit.sql.lower import polars_sql, rewritten
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
    bound, _ = rewritten(
        parse(f"{prefix}({text}) AS ok FROM t", dialect), {"t": pl.LazyFrame(schema=dict(schema))}
    )
    assert isinstance(bound, exp.Select)
    try:
        made = pl.sql_expr(polars_sql(bound.selects[0].unalias()))
        kind = pl.LazyFrame(schema=dict(schema)).select(made.alias("ok")).collect_schema()["ok"]
    except pl.exceptions.PolarsError as error:
        raise SqlError(f"{text!r} cannot be checked: {str(error).splitlines()[0]}") from error
    if kind not in (pl.Boolean(), pl.Null()):
        raise SqlError(f"{text!r} is neither true nor false", hint="for instance quantity > 0")
    return made.cast(pl.Boolean)
