"""UPDATE, DELETE, TRUNCATE: the rows that they touch are found by a query over the numbered rows of the table."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from sqlglot import exp

from dwkit.errors import DataError
from dwkit.sql.statements.assign import assigned, fitted, generated, is_default
from dwkit.sql.statements.catalog import Table
from dwkit.sql.statements.constraints import checked
from dwkit.sql.statements.returning import returned
from dwkit.sql.statements.run import Done, Result, Run, internal, quoted

__all__ = ["ROW", "delete", "replaced", "settings", "truncate", "update"]

ROW = "__row"
"""Column of row numbers in the internal copy of a table under change."""
_CLAUSES = ("order", "limit", "offset")


def update(run: Run) -> Done:
    """Run an UPDATE.

    Raises:
        SqlError: there is no such table or column.
        DataError: a value does not fit, breaks a constraint, or a row would get two values.
    """
    tree = run.tree
    assert isinstance(tree, exp.Update)
    clause = tree.args.get("from_")
    key, table, name, sources = _target(run, tree.this, [clause.this] if clause is not None else [], "UPDATE")
    columns, expressions = settings(run, table, tree.expressions)
    select = _select(tree, name, sources)
    select.set("expressions", [*select.expressions, *(
        exp.alias_(e, c, quoted=True) for c, e in zip(columns, expressions, strict=True)
    )])  # fmt: skip
    found = run.rows(select, {"__target": table.data.with_row_index(ROW)})
    changes = fitted(run, table, found)
    data, changed = replaced(table, changes)
    made = table.with_rows(generated(run, table, data))
    changed = generated(run, table, changed)
    checked(run, made, changed)
    return _done(run, key, made, Result("UPDATE", returned(run, tree, made, changed), changed.height))


def delete(run: Run) -> Done:
    """Run a DELETE.

    Raises:
        SqlError: there is no such table or column.
        DataError: a condition cannot be computed, or a foreign key refers to a row.
    """
    tree = run.tree
    assert isinstance(tree, exp.Delete)
    tables = tree.args.get("tables")
    if tables and len(tables) > 1:
        raise run.refuse("DELETE from several tables at once", tables[1])
    node, others = tree.this, list(tree.args.get("using") or ())
    if tables:  # MySQL: DELETE t FROM t JOIN s
        node, others = tables[0], [tree.this, *others]
    key, table, name, sources = _target(run, node, others, "DELETE")
    found = run.rows(_select(tree, name, sources), {"__target": table.data.with_row_index(ROW)})
    gone = pl.Series(ROW, [False]).new_from_index(0, table.data.height).scatter(found[ROW], True)
    made = table.with_rows(table.data.filter(~gone))
    removed = table.data.filter(gone)
    return _done(run, key, made, Result("DELETE", returned(run, tree, table, removed), removed.height))


def truncate(run: Run) -> Done:
    """Run a TRUNCATE.

    Raises:
        SqlError: there is no such table.
    """
    catalog, rows = run.catalog, 0
    for node in run.tree.expressions:
        key, table = run.table(node, verb="TRUNCATE")
        rows += table.data.height
        catalog = catalog.with_object(key, table.with_rows(table.data.clear()))
    return Done(catalog, Result("TRUNCATE", rows=rows))


def settings(run: Run, table: Table, assignments: Sequence[exp.Expr]) -> tuple[list[str], list[exp.Expr]]:
    """Return the columns that SET sets, and what each is set to, cast to the column's type.

    Raises:
        SqlError: there is no such column, it is set twice, or is no column that can be set.
    """
    pairs: list[tuple[exp.Expr, exp.Expr]] = []
    for one in assignments:
        if not isinstance(one, (exp.EQ, exp.PropertyEQ)):
            raise run.refuse("SET of this", one)
        pairs += _pairs(run, one.this, one.expression)
    columns: list[str] = []
    expressions: list[exp.Expr] = []
    for target, value in pairs:
        if not isinstance(target, (exp.Column, exp.Identifier)):
            raise run.refuse("SET of a part of a column", target)
        name = run.column(table, target)
        column = table.column(name)
        assert column is not None
        if name in columns:
            raise run.error(f"column {name!r} is set twice", target)
        if column.generated is not None:
            raise run.error(f"column {name!r} is generated, it cannot be set", target)
        columns.append(name)
        default = column.default if column.default is not None else exp.Null()
        expressions.append(assigned((default if is_default(value) else value).copy(), column))
    return columns, expressions


def _pairs(run: Run, target: exp.Expr, value: exp.Expr) -> list[tuple[exp.Expr, exp.Expr]]:
    if not isinstance(target, exp.Tuple):
        return [(target, value)]
    if isinstance(value, exp.Subquery) and isinstance(value.this, exp.Select):
        made = []
        for place in range(len(value.this.expressions)):
            one = value.copy()
            one.this.set("expressions", [value.this.expressions[place].copy()])
            made.append(one)
        values: list[exp.Expr] = list(made)
    else:
        values = list(value.expressions) if isinstance(value, exp.Tuple) else [value.unnest()]
    if len(values) != len(target.expressions):
        raise run.error(f"{len(values)} values for {len(target.expressions)} columns", target)
    return list(zip(target.expressions, values, strict=True))


def replaced(table: Table, changes: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows of a table with changed values in place, and the changed rows alone.

    Args:
        changes: new values of some columns, with the row's number in `ROW`.

    Raises:
        DataError: a row has two different changes.
    """
    columns = [c for c in changes.columns if c != ROW]
    changes = changes.unique(maintain_order=True) if changes[ROW].is_duplicated().any() else changes
    if changes[ROW].is_duplicated().any():
        raise DataError(f"{table.name}: a row would be changed in two ways; several rows match it")
    order = changes[ROW]
    rows = table.data.height
    place = pl.Series(range(rows), dtype=pl.Int64)
    place = place.scatter(order, pl.Series(range(rows, rows + len(order)), dtype=pl.Int64))
    data = table.data.with_columns(table.data[c].append(changes[c]).gather(place) for c in columns)
    return data, data[order]


def _target(
    run: Run, node: exp.Expr, others: list[exp.Expr], verb: str
) -> tuple[str, Table, str, list[exp.Expr | exp.Join]]:
    """Find the table under change and what it is joined with.

    Returns:
        Its key, the table, what the statement calls it, and the FROM: first table or join after the other,
        with the numbered copy of the table in its place.
    """
    assert isinstance(node, exp.Table)
    items: list[exp.Expr] = []
    for other in (node, *others) if node not in others else others:
        bare = other.copy()
        joins = bare.args.get("joins") or []
        bare.set("joins", None)
        items += [bare, *joins]
    name = node.alias_or_name.lower()
    # SQL Server and MySQL name the table again, or only there: UPDATE x SET ... FROM t AS x JOIN s.
    places = [
        n for n, item in enumerate(items)
        if isinstance(t := item.this if isinstance(item, exp.Join) else item, exp.Table)
        and t.alias_or_name.lower() == name
    ]  # fmt: skip
    if len(places) > 1:
        items.pop(places[0])
        places = [p - 1 for p in places[1:]]
    place = places[0]
    chosen = items[place].this if isinstance(items[place], exp.Join) else items[place]
    key, table = run.table(chosen, verb=verb)
    called = chosen.alias_or_name
    if isinstance(items[place], exp.Join):
        items[place].set("this", internal("__target", called))
    else:
        items[place] = internal("__target", called)
    return key, table, called, items


def _select(tree: exp.Expr, name: str, sources: list[exp.Expr]) -> exp.Select:
    """Return the query that gives the numbers of the touched rows."""
    first, *rest = sources
    select = exp.Select(
        expressions=[exp.alias_(quoted(ROW, name), ROW, quoted=True)],
        from_=exp.From(this=first),
        joins=[s if isinstance(s, exp.Join) else exp.Join(this=s) for s in rest],
    )
    for clause in ("where", "with_", *_CLAUSES):
        if tree.args.get(clause):
            select.set(clause, tree.args[clause].copy())
    return select


def _done(run: Run, key: str, table: Table, result: Result) -> Done:
    return Done(run.catalog.with_object(key, table), result)
