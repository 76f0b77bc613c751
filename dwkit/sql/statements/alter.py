"""ALTER TABLE and DROP."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
from sqlglot import exp

from dwkit.errors import DataError, did_you_mean
from dwkit.sql.statements.assign import assigned, default_values, fitted
from dwkit.sql.statements.catalog import Catalog, Column, Table, View
from dwkit.sql.statements.constraints import checked
from dwkit.sql.statements.define import Definition, column_of, constraint, kind_of
from dwkit.sql.statements.macros import drop_macro
from dwkit.sql.statements.run import Done, Result, Run, internal, quoted

__all__ = ["alter", "drop"]


def alter(run: Run) -> Done:
    """Run an ALTER TABLE, or an ALTER VIEW that renames.

    Raises:
        SqlError: there is no such table or column, or no such change.
        DataError: the rows do not keep to what is asked of them.
    """
    tree = run.tree
    assert isinstance(tree, exp.Alter)
    kind = str(tree.args.get("kind") or "").upper()
    catalog = run.catalog
    result = Result(f"ALTER {kind}")
    if tree.args.get("exists") and catalog.objects.get(run.key(tree.this)) is None:
        return Done(catalog, result)
    for action in tree.args.get("actions") or ():
        here = replace(run, catalog=catalog)
        if isinstance(action, exp.AlterRename):
            catalog = _renamed(here, tree.this, action.this)
            continue
        if kind != "TABLE":
            raise run.refuse(f"ALTER {kind} of this kind", action)
        key, table = here.table(tree.this, verb="ALTER TABLE")
        catalog = catalog.with_object(key, _altered(here, table, action))
    return Done(catalog, result)


def _renamed(run: Run, node: exp.Table, to: exp.Table) -> Catalog:
    key = run.key(node)
    found = run.catalog.objects.get(key)
    if found is None:
        run.table(node, verb="RENAME")
        raise AssertionError
    new = run.catalog.key(to.text("db") or node.text("db") or None, to.name)
    if new in run.catalog.objects:
        raise run.error(f"{new!r} is there already", to)
    after = run.catalog.without(key).with_object(new, replace(found, name=new))
    objects = {
        k: replace(o, foreign=tuple(replace(f, table=new) if f.table == key else f for f in o.foreign))
        if isinstance(o, Table)
        else o
        for k, o in after.objects.items()
    }
    indexes = {k: replace(i, table=new) if i.table == key else i for k, i in run.catalog.indexes.items()}
    return replace(after, objects=objects, indexes=indexes)


def _altered(run: Run, table: Table, action: exp.Expr) -> Table:
    match action:
        case exp.ColumnDef():
            return _added(run, table, action)
        case exp.Drop() if str(action.args.get("kind")).upper() == "COLUMN":
            for node in action.args.get("tables") or ():
                table = _dropped(run, table, node, missing_ok=bool(action.args.get("exists")))
            return table
        case exp.Drop() if str(action.args.get("kind")).upper() == "CONSTRAINT":
            return _without_constraint(run, table, action)
        case exp.RenameColumn():
            return _column_renamed(run, table, action)
        case exp.AlterColumn():
            return _column_altered(run, table, action)
        case exp.AddConstraint():
            made = Definition(columns=list(table.columns), keys=list(table.keys), checks=list(table.checks),
                              foreign=list(table.foreign))  # fmt: skip
            for one in action.expressions:
                constraint(run, one, made)
            primary = {c for k in made.keys if k.primary for c in k.columns}
            columns = tuple(replace(c, not_null=c.not_null or c.name in primary) for c in table.columns)
            table = replace(table, columns=columns, keys=tuple(made.keys), checks=tuple(made.checks),
                            foreign=tuple(made.foreign), text=run.text)  # fmt: skip
            return checked(run, table)
    raise run.refuse(f"ALTER TABLE {action.sql(dialect=run.dialect)}", action)


def _added(run: Run, table: Table, node: exp.ColumnDef) -> Table:
    if table.column(node.name) is not None:
        if node.args.get("exists"):
            return table
        raise run.error(f"column {node.name!r} is there already", node, "IF NOT EXISTS leaves it")
    made = Definition()
    column = column_of(run, node, made)
    if column.step is not None or column.generated is not None:
        raise run.refuse("a counted or generated column added later", node)
    rows = table.data.height
    values = pl.Series(node.name, [None], dtype=column.dtype).new_from_index(0, rows)
    if column.default is not None:
        own = replace(table, text=run.text, dialect=run.dialect)
        values = default_values(own, [column], rows, run)[0].cast(column.dtype).alias(node.name)
    table = replace(
        table, columns=(*table.columns, column), data=table.data.with_columns(values), keys=(*table.keys, *made.keys),
        checks=(*table.checks, *made.checks), foreign=(*table.foreign, *made.foreign),
    )  # fmt: skip
    return checked(run, table)


def _dropped(run: Run, table: Table, node: exp.Expr, *, missing_ok: bool) -> Table:
    if missing_ok and table.column(node.name) is None:
        return table
    name = run.column(table, node)
    if len(table.columns) == 1:
        raise run.error(f"{name!r} is the only column of {table.name}", node, "DROP TABLE drops the table")
    _unused(run, table, name, node)
    columns = tuple(c for c in table.columns if c.name != name)
    following = {k: v for k, v in table.following.items() if k != name}
    return replace(table, columns=columns, data=table.data.drop(name), following=following)


def _unused(run: Run, table: Table, name: str, node: exp.Expr) -> None:
    """See that no key, check or generated column needs a column that is to go or to change."""
    for key in table.keys:
        if name in key.columns:
            raise run.error(f"{name!r} is part of {key.shown}", node, "drop that first")
    for foreign in table.foreign:
        if name in foreign.columns:
            raise run.error(f"{name!r} is part of a foreign key", node, "drop that first")
    for check in table.checks:
        if any(c.name.lower() == name.lower() for c in check.condition.find_all(exp.Column)):
            raise run.error(f"{name!r} is in CHECK ({check.shown})", node, "drop that first")
    for column in table.columns:
        used = column.generated.find_all(exp.Column) if column.generated is not None else ()
        if any(c.name.lower() == name.lower() for c in used):
            raise run.error(f"column {column.name!r} is generated from {name!r}", node)


def _without_constraint(run: Run, table: Table, action: exp.Drop) -> Table:
    for node in action.args.get("tables") or ():
        name = node.name.lower()
        kept = replace(
            table,
            keys=tuple(k for k in table.keys if k.name.lower() != name),
            checks=tuple(c for c in table.checks if c.name.lower() != name),
            foreign=tuple(f for f in table.foreign if f.name.lower() != name),
        )
        if kept == table and not action.args.get("exists"):
            raise run.error(f"{table.name} has no constraint {node.name!r}", node)
        table = kept
    return table


def _column_renamed(run: Run, table: Table, action: exp.RenameColumn) -> Table:
    if action.args.get("exists") and table.column(action.this.name) is None:
        return table
    old = run.column(table, action.this)
    new = action.args["to"].name
    if new.lower() != old.lower() and table.column(new) is not None:
        raise run.error(f"column {new!r} is there already", action.args["to"])

    def other(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(new if n == old else n for n in names)

    def tree(node: exp.Expr | None) -> exp.Expr | None:
        made = node.copy() if node is not None else None
        for column in made.find_all(exp.Column) if made is not None else ():
            if column.name.lower() == old.lower():
                column.this.set("this", new)
        return made

    checks = []
    for check in table.checks:
        condition = tree(check.condition)
        assert condition is not None
        checks.append(replace(check, condition=condition, shown=condition.sql(dialect=table.dialect)))
    columns = tuple(
        replace(c, name=new if c.name == old else c.name, generated=tree(c.generated)) for c in table.columns
    )
    return replace(
        table, columns=columns, data=table.data.rename({old: new}), checks=tuple(checks),
        keys=tuple(replace(k, columns=other(k.columns)) for k in table.keys),
        foreign=tuple(replace(f, columns=other(f.columns)) for f in table.foreign),
        following={new if k == old else k: v for k, v in table.following.items()},
    )  # fmt: skip


def _column_altered(run: Run, table: Table, action: exp.AlterColumn) -> Table:
    name = run.column(table, action.this)
    column = table.column(name)
    assert column is not None
    data = table.data
    if action.args.get("dtype") is not None:
        kind, dtype, length = kind_of(run, action.args["dtype"], action)
        json = action.args["dtype"].this in (exp.DataType.Type.JSON, exp.DataType.Type.JSONB)
        made = replace(column, kind=kind, dtype=dtype, length=length, json=json)
        data = data.with_columns(_converted(run, table, made, action.args.get("using") or None))
    elif action.args.get("allow_null") is not None:
        made = replace(column, not_null=not action.args["allow_null"])
    elif action.args.get("default") is not None:
        made = replace(column, default=action.args["default"])
    elif action.args.get("drop"):
        made = replace(column, default=None)
    else:
        raise run.refuse(f"ALTER TABLE {action.sql(dialect=run.dialect)}", action)
    columns = tuple(made if c.name == name else c for c in table.columns)
    return checked(run, replace(table, columns=columns, data=data))


def _converted(run: Run, table: Table, column: Column, using: exp.Expr | None) -> pl.Series:
    value = assigned(using.copy() if using is not None else quoted(column.name), column)
    select = exp.Select(
        expressions=[exp.alias_(value, column.name, quoted=True)],
        from_=exp.From(this=internal("__target", table.name.rpartition(".")[2])),
    )
    found = run.rows(select, {"__target": table.data})
    made = replace(table, columns=(column,))
    return fitted(run, made, found)[column.name]


def drop(run: Run) -> Done:
    """Run a DROP of tables, views, schemas or indexes.

    Raises:
        SqlError: there is none of that name, or others depend on it.
    """
    tree = run.tree
    assert isinstance(tree, exp.Drop)
    kind = str(tree.args.get("kind") or "").upper()
    catalog = run.catalog
    for node in tree.args.get("tables") or [tree.this]:
        here = replace(run, catalog=catalog)
        match kind:
            case "TABLE" | "VIEW":
                catalog = _drop_object(here, tree, node, Table if kind == "TABLE" else View)
            case "SCHEMA" | "DATABASE":
                catalog = _drop_schema(here, tree, node)
            case "INDEX":
                catalog = _drop_index(here, tree, node)
            case "MACRO" | "FUNCTION" if run.dialect == "duckdb":
                catalog = drop_macro(here, node, exists=bool(tree.args.get("exists")))
            case _:
                raise run.refuse(f"DROP {kind}")
    return Done(catalog, Result(f"DROP {kind}"))


def _drop_object(run: Run, tree: exp.Drop, node: exp.Table, kind: type) -> Catalog:
    key = run.key(node)
    found = run.catalog.objects.get(key)
    if found is None:
        if tree.args.get("exists"):
            return run.catalog
        known = [o.name for o in run.catalog.objects.values() if isinstance(o, kind)]
        raise run.error(f"no {kind.__name__.lower()} {key!r} in this session", node, did_you_mean(key, known))
    if not isinstance(found, kind):
        there = type(found).__name__.lower()
        raise run.error(f"{found.name!r} is a {there}", node, f"DROP {there.upper()} {found.name}")
    after = run.catalog.without(key)
    for other in after.objects.values():
        if isinstance(other, Table) and any(f.table == key for f in other.foreign):
            if not tree.args.get("cascade"):
                raise DataError(
                    f"{other.name} refers to {found.name}", hint="DROP ... CASCADE drops its foreign key"
                )
            kept = tuple(f for f in other.foreign if f.table != key)
            after = after.with_object(other.name, replace(other, foreign=kept))
    return after


def _drop_schema(run: Run, tree: exp.Drop, node: exp.Expr) -> Catalog:
    name = (node.text("db") or node.name).lower()
    if name not in run.catalog.schemas:
        if tree.args.get("exists"):
            return run.catalog
        raise run.error(f"no schema {name!r} in this session", node, did_you_mean(name, run.catalog.schemas))
    inside = [k for k in run.catalog.objects if k.startswith(f"{name}.")]
    if inside and not tree.args.get("cascade"):
        raise run.error(f"schema {name!r} is not empty: {', '.join(inside)}", node, "CASCADE drops them too")
    catalog = run.catalog
    for key in inside:
        catalog = catalog.without(key)
    current = "" if catalog.current == name else catalog.current
    return replace(catalog, schemas=catalog.schemas - {name}, current=current)


def _drop_index(run: Run, tree: exp.Drop, node: exp.Expr) -> Catalog:
    name = node.name.lower()
    index = run.catalog.indexes.get(name)
    if index is None:
        if tree.args.get("exists"):
            return run.catalog
        raise run.error(
            f"no index {node.name!r} in this session", node, did_you_mean(name, run.catalog.indexes)
        )
    table = run.catalog.objects[index.table]
    assert isinstance(table, Table)
    kept = replace(table, keys=tuple(k for k in table.keys if k.name != name))
    indexes = {k: i for k, i in run.catalog.indexes.items() if k != name}
    return replace(run.catalog.with_object(index.table, kept), indexes=indexes)
