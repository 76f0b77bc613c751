"""RETURNING: an answer made of the rows that a statement changed."""

from __future__ import annotations

import polars as pl
from sqlglot import exp

from dwkit.sql.statements.catalog import Table
from dwkit.sql.statements.run import Run, internal

__all__ = ["returned"]


def returned(run: Run, tree: exp.Expr, table: Table, rows: pl.DataFrame) -> pl.LazyFrame | None:
    """Return what RETURNING asks of changed rows, None without it."""
    clause = tree.args.get("returning")
    if clause is None:
        return None
    target = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    select = exp.Select(
        expressions=[e.copy() for e in clause.expressions],
        from_=exp.From(this=internal("__rows", target.alias or table.name.rpartition(".")[2])),
    )
    found = run.rows(select, {"__rows": rows})
    if not found.width:
        raise run.error("RETURNING gives no columns", clause)
    return found.lazy()
