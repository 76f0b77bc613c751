"""INSERT: VALUES, a query, DEFAULT, BY NAME, ON CONFLICT, RETURNING."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
from sqlglot import exp

from dwkit.sql.query import is_query, statements
from dwkit.sql.statements.assign import assigned, is_default, new_rows
from dwkit.sql.statements.catalog import Column, Table
from dwkit.sql.statements.constraints import checked
from dwkit.sql.statements.literals import literal, series
from dwkit.sql.statements.returning import returned
from dwkit.sql.statements.run import Done, Result, Run
from dwkit.sql.statements.upsert import upserted

__all__ = ["insert", "replace_into"]


def insert(run: Run) -> Done:
    """Run an INSERT.

    Raises:
        SqlError: there is no such table or column, or the number of values is wrong.
        DataError: a value does not fit, or breaks a constraint.
    """
    tree = run.tree
    assert isinstance(tree, exp.Insert)
    for word in ("partition", "is_function", "source", "settings", "where"):
        if tree.args.get(word):
            raise run.refuse(f"INSERT with {word.upper()}", tree)
    schema = tree.this if isinstance(tree.this, exp.Schema) else None
    node = schema.this if schema is not None else tree.this
    key, table = run.table(node, verb="INSERT")
    names = [run.column(table, e) for e in schema.expressions] if schema is not None else None
    if names is not None and len(set(names)) < len(names):
        raise run.error("a column is named twice", node)
    source = _source(run, tree, table, names)
    table, rows = new_rows(run, table, source)
    base = table.with_rows(table.data.clear()) if tree.args.get("overwrite") else table
    made, touched = upserted(run, tree, base, rows, source.columns)
    checked(run, made, touched)
    frame = returned(run, tree, made, touched)
    return Done(run.catalog.with_object(key, made), Result("INSERT", frame, touched.height))


def replace_into(run: Run) -> Done:
    """Run MySQL's and SQLite's REPLACE INTO, which sqlglot leaves as text.

    Raises:
        SqlError, DataError: as `insert`.
    """
    text = f"INSERT {run.tree.text('expression')}"
    [tree] = statements(text, run.dialect)
    if not isinstance(tree, exp.Insert):
        raise run.refuse("REPLACE of this")
    tree.set("alternative", "replace")
    return insert(replace(run, tree=tree, text=text))


def _source(run: Run, tree: exp.Insert, table: Table, names: list[str] | None) -> pl.DataFrame:
    """Return the values by column; columns that are left out or DEFAULT are not there."""
    source = tree.expression
    if tree.args.get("default") or source is None:
        return pl.DataFrame(height=1)
    takes = names if names is not None else [c.name for c in table.columns if c.generated is None]
    columns = [c for n in takes if (c := table.column(n)) is not None]
    inner = source.this if isinstance(source, exp.Subquery) and not source.alias else source
    if isinstance(inner, (exp.Values, exp.Tuple)) and not tree.args.get("by_name"):
        return _values(run, inner, columns, listed=names is not None)
    if not is_query(source):
        raise run.refuse("INSERT of this", source)
    query = source.copy()
    if tree.args.get("with_"):
        query.set("with_", tree.args["with_"].copy())
    rows = run.rows(query)
    if tree.args.get("by_name"):
        return rows.rename({n: run.column(table, exp.to_identifier(n)) for n in rows.columns})
    if len(rows.columns) != len(columns):
        _count(run, source, len(rows.columns), columns)
    return rows.rename(dict(zip(rows.columns, [c.name for c in columns], strict=True)))


def _count(run: Run, node: exp.Expr, given: int, columns: list[Column]) -> None:
    raise run.error(
        f"{given} values for {len(columns)} columns", node, f"columns: {', '.join(c.name for c in columns)}"
    )


def _values(run: Run, source: exp.Expr, columns: list[Column], *, listed: bool) -> pl.DataFrame:
    rows = [t.expressions if isinstance(t, exp.Tuple) else [t] for t in source.expressions]
    if isinstance(source, exp.Tuple):
        rows = [source.expressions]
    if not listed and run.dialect == "postgres":
        columns = columns[: len(rows[0])]  # PostgreSQL fills the columns that are left over
    for number, row in enumerate(rows, 1):
        if len(row) != len(columns):
            node = row[0] if row else source
            where = f"row {number}: " if len(rows) > 1 else ""
            hint = f"columns: {', '.join(c.name for c in columns)}"
            raise run.error(f"{where}{len(row)} values for {len(columns)} columns", node, hint)
    made: list[pl.Series] = []
    computed: list[tuple[Column, list[exp.Expr]]] = []
    for place, column in enumerate(columns):
        nodes = [row[place] for row in rows]
        if all(map(is_default, nodes)):
            continue
        nodes = [_default(n, column) for n in nodes]
        cells = [literal(n, column.kind, run.dialect) for n in nodes]
        if all(known for known, _ in cells) and not column.written_anew:
            made.append(series([c for _, c in cells], column.dtype).alias(column.name))
        else:
            computed.append((column, nodes))
    if computed:
        made += _computed(run, computed)
    return pl.DataFrame(made) if made else pl.DataFrame(height=len(rows))


def _default(node: exp.Expr, column: Column) -> exp.Expr:
    if not is_default(node):
        return node
    return column.default if column.default is not None else exp.Null()


def _computed(run: Run, columns: list[tuple[Column, list[exp.Expr]]]) -> list[pl.Series]:
    """Compute columns of VALUES that are more than literals."""
    height = len(columns[0][1])
    selects = [
        exp.Select(
            expressions=[
                exp.alias_(assigned(nodes[n].copy(), c), c.name, quoted=True) for c, nodes in columns
            ]
        )
        for n in range(height)
    ]
    if height == 1:
        return run.rows(selects[0]).get_columns()
    names = [exp.to_identifier(c.name, quoted=True) for c, _ in columns]
    values = exp.Values(
        expressions=[exp.Tuple(expressions=[e.this for e in s.expressions]) for s in selects],
        alias=exp.TableAlias(this=exp.to_identifier("v"), columns=names),
    )
    tree = exp.Select(expressions=[exp.Star()], from_=exp.From(this=values))
    return run.rows(tree).get_columns()
