"""Rows that come into a table whose keys they may have already: ON CONFLICT, OR REPLACE, OR IGNORE, ON DUPLICATE KEY."""

from __future__ import annotations

import polars as pl
from sqlglot import exp

from dwkit.errors import DataError
from dwkit.sql.statements.assign import fitted, generated
from dwkit.sql.statements.catalog import Key, Table
from dwkit.sql.statements.change import ROW, replaced, settings
from dwkit.sql.statements.run import Run, internal, quoted

__all__ = ["upserted"]

_PAIR = "__pair"
_NEW = "__new"


def upserted(
    run: Run, tree: exp.Insert, table: Table, rows: pl.DataFrame, given: list[str]
) -> tuple[Table, pl.DataFrame]:
    """Return the table with rows added as an INSERT says, and the rows that were added or changed.

    Args:
        given: columns that the statement gives values to; the others have their defaults in `rows`.

    Raises:
        SqlError: the conflict that it names is none.
        DataError: two of the new rows would change the same row.
    """
    conflict = tree.args.get("conflict")
    action = str(tree.args.get("alternative") or "").lower()
    if tree.args.get("ignore"):
        action = "ignore"
    if isinstance(conflict, exp.OnConflict):
        if action:
            raise run.refuse(f"OR {action.upper()} together with ON CONFLICT", conflict)
        if conflict.args.get("index_predicate"):
            raise run.refuse(
                "WHERE of a conflict target", conflict.args["index_predicate"], "DO UPDATE SET ... WHERE"
            )
        words = conflict.text("action").upper()
        action = "ignore" if "NOTHING" in words else "update"
    if action in ("", "abort", "rollback"):
        return table.with_rows(table.data.vstack(rows)), rows
    if action not in ("ignore", "replace", "update"):
        raise run.refuse(f"INSERT OR {action.upper()}")
    keys = _keys(run, table, conflict)
    if action == "ignore":
        kept = _without_known(table, rows, keys)
        return table.with_rows(table.data.vstack(kept)), kept
    if action == "replace":
        for key in keys:
            whole = pl.all_horizontal(pl.col(c).is_not_null() for c in key.columns)
            rows = rows.filter(pl.struct(key.columns).is_last_distinct() | ~whole)
        rows = _completed(run, table, rows, keys, given)
        data = table.data
        for key in keys:
            data = data.join(rows, on=list(key.columns), how="anti", maintain_order="left")
        return table.with_rows(data.vstack(rows)), rows
    assert isinstance(conflict, exp.OnConflict)
    return _updated(run, tree, conflict, table, rows, keys)


def _completed(run: Run, table: Table, rows: pl.DataFrame, keys: list[Key], given: list[str]) -> pl.DataFrame:
    """Return rows that replace others, with the old values of columns that are not given, where those stay."""
    left = [c.name for c in table.columns if c.name not in given and c.generated is None]
    if run.dialect != "duckdb" or not left:  # SQLite and MySQL put the defaults in
        return rows
    if len(keys) > 1:
        raise run.refuse(f"OR REPLACE of some columns of a table with {len(keys)} keys")
    for key in keys:
        old = table.data.select(*key.columns, *(pl.col(c).alias(f"__old_{c}") for c in left), __met=True)
        met = rows.join(old, on=list(key.columns), how="left", maintain_order="left")
        values = (pl.when("__met").then(pl.col(f"__old_{c}")).otherwise(pl.col(c)).alias(c) for c in left)
        rows = generated(run, table, met.with_columns(values).select(rows.columns))
    return rows


def _keys(run: Run, table: Table, conflict: exp.Expr | None) -> list[Key]:
    """Return the keys that a conflict can be about."""
    named = conflict.args.get("conflict_keys") if conflict is not None else None
    constraint = conflict.args.get("constraint") if conflict is not None else None
    if named:
        wanted = {run.column(table, n.this if isinstance(n, exp.Ordered) else n) for n in named}
        found = [k for k in table.keys if set(k.columns) == wanted]
        if not found:
            raise run.error(
                f"({', '.join(sorted(wanted))}) is no key of {table.name}", named[0], "PRIMARY KEY or UNIQUE"
            )
        return found
    if constraint is not None:
        found = [k for k in table.keys if k.name.lower() == constraint.name.lower()]
        if not found:
            raise run.error(f"{table.name} has no constraint {constraint.name!r}", constraint)
        return found
    return list(table.keys)


def _without_known(table: Table, rows: pl.DataFrame, keys: list[Key]) -> pl.DataFrame:
    """Return the rows that no key has yet; of new rows that are alike, the first."""
    for key in keys:
        rows = rows.join(table.data, on=list(key.columns), how="anti", maintain_order="left")
    for key in keys:
        whole = pl.all_horizontal(pl.col(c).is_not_null() for c in key.columns)
        first = pl.struct(key.columns).is_first_distinct()
        rows = rows.filter(first | ~whole)
    return rows


def _updated(
    run: Run, tree: exp.Insert, conflict: exp.OnConflict, table: Table, rows: pl.DataFrame, keys: list[Key]
) -> tuple[Table, pl.DataFrame]:
    if len(keys) != 1 and not conflict.args.get("duplicate"):
        hint = "name it: ON CONFLICT (column) DO UPDATE"
        raise run.error(f"{table.name} has {len(keys)} keys, DO UPDATE needs one", conflict, hint)
    numbered = table.data.with_row_index(ROW)
    pairs = _conflicts(table, numbered, rows.with_row_index(_NEW), keys)
    target = numbered.select(pl.all().gather(pairs[ROW])).with_row_index(_PAIR)
    source = rows.select(pl.all().gather(pairs[_NEW])).with_row_index(_PAIR)
    node = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    name = node.alias or table.name.rpartition(".")[2]
    assignments = [_with_excluded(e) for e in conflict.expressions]
    columns, expressions = settings(run, table, assignments)
    where = conflict.args.get("where")
    select = exp.Select(
        expressions=[
            exp.alias_(quoted(ROW, name), ROW, quoted=True),
            *(exp.alias_(e, c, quoted=True) for c, e in zip(columns, expressions, strict=True)),
        ],
        from_=exp.From(this=internal("__target", name)),
        joins=[exp.Join(
            this=internal("__source", "excluded"),
            on=exp.EQ(this=quoted(_PAIR, name), expression=quoted(_PAIR, "excluded")),
        )],
        where=where.copy() if where is not None else None,
    )  # fmt: skip
    changes = fitted(
        run, table, run.rows(_unqualified(select, table, name), {"__target": target, "__source": source})
    )
    data, changed = replaced(table, changes)
    fresh = rows.with_row_index(_NEW).join(pairs, on=_NEW, how="anti", maintain_order="left").drop(_NEW)
    data, changed = generated(run, table, data), generated(run, table, changed)
    return table.with_rows(data.vstack(fresh)), changed.vstack(fresh)


def _conflicts(table: Table, numbered: pl.DataFrame, rows: pl.DataFrame, keys: list[Key]) -> pl.DataFrame:
    """Return which new row meets which row of the table, by the first of the keys that has it.

    Raises:
        DataError: two new rows meet the same row, or each other.
    """
    found = []
    for key in keys:
        on = list(key.columns)
        if rows.select(on).drop_nulls().is_duplicated().any():
            raise DataError(f"{table.name}: two of the new rows have the same {key.shown}")
        met = rows.select(_NEW, *on).join(
            numbered.select(ROW, *on), on=on, how="inner", maintain_order="left"
        )
        found.append(met.select(_NEW, ROW))
    pairs = pl.concat(found) if found else rows.select(_NEW, pl.col(_NEW).alias(ROW)).clear()
    pairs = pairs.unique(_NEW, keep="first", maintain_order=True)
    if pairs[ROW].is_duplicated().any():
        raise DataError(f"{table.name}: two of the new rows would change the same row")
    return pairs


def _with_excluded(node: exp.Expr) -> exp.Expr:
    """Write MySQL's ``VALUES(column)`` as ``excluded.column``."""
    node = node.copy()
    for call in list(node.find_all(exp.Anonymous)):
        if str(call.this).upper() == "VALUES" and len(call.expressions) == 1:
            call.replace(exp.column(call.expressions[0].name, table="excluded"))
    return node


def _unqualified(select: exp.Select, table: Table, name: str) -> exp.Select:
    """Say of names without a table that they are the target's: the new row is only called ``excluded``."""
    known = {n.lower() for n in table.names}
    for column in select.find_all(exp.Column):
        inside = column.find_ancestor(exp.Select)
        if inside is select and not column.table and column.name.lower() in known:
            column.set("table", exp.to_identifier(name, quoted=True))
    return select
