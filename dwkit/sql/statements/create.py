"""CREATE TABLE, VIEW, SCHEMA and INDEX."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
from sqlglot import exp

from dwkit.sql.failure import collected
from dwkit.sql.query import is_query
from dwkit.sql.statements.assign import new_rows
from dwkit.sql.statements.catalog import Catalog, Column, Index, Key, Table, View
from dwkit.sql.statements.constraints import checked
from dwkit.sql.statements.define import define
from dwkit.sql.statements.macros import create_macro
from dwkit.sql.statements.run import Done, Result, Run, renamed
from dwkit.sql.types import shown

__all__ = ["column_of", "create", "stored"]

_REMARKS = (
    exp.TemporaryProperty, exp.TransientProperty, exp.UnloggedProperty, exp.EngineProperty,
    exp.PartitionedByProperty, exp.ClusterProperty, exp.ClusteredByProperty, exp.Cluster, exp.SortKeyProperty,
    exp.DistKeyProperty, exp.DistStyleProperty, exp.DistributedByProperty, exp.FileFormatProperty,
    exp.CharacterSetProperty, exp.AutoIncrementProperty, exp.SchemaCommentProperty, exp.MaterializedProperty,
    exp.WithDataProperty, exp.LikeProperty, exp.StabilityProperty, exp.BackupProperty, exp.Property,
)  # fmt: skip
"""How and where rows are stored has no meaning in memory."""


def create(run: Run) -> Done:
    """Run a CREATE statement.

    Raises:
        SqlError: it is there already, or something that there is not is to be created.
        DataError: the rows of its query cannot be computed.
    """
    tree = run.tree
    assert isinstance(tree, exp.Create)
    kind = str(tree.args.get("kind") or "").upper()
    if kind in ("MACRO", "FUNCTION"):
        return create_macro(run, tree)
    for one in _properties(tree):
        if not isinstance(one, _REMARKS):
            raise run.refuse(one.sql(dialect=run.dialect) or type(one).__name__, one)
    match kind:
        case "TABLE":
            return _create_table(run, tree)
        case "VIEW":
            return _create_view(run, tree)
        case "SCHEMA" | "DATABASE":
            return _create_schema(run, tree)
        case "INDEX":
            return _create_index(run, tree)
    raise run.refuse(f"CREATE {kind}")


def stored(run: Run, frame: pl.LazyFrame) -> tuple[tuple[Column, ...], pl.DataFrame]:
    """Compute the rows of a query for a new table, and return the columns that the table gets.

    Raises:
        SqlError: two of its columns have the same name.
        DataError: a value cannot be computed.
    """
    data = collected(frame)
    # A column of NULLs has no type yet; each dialect settles for one, but DataFusion.
    settled = {"duckdb": pl.Int32(), "datafusion": pl.Null()}.get(run.dialect, pl.String())
    data = data.with_columns(
        pl.col(c).cast(settled) for c, t in data.schema.items() if isinstance(t, pl.Null)
    )
    seen: set[str] = set()
    for name in data.columns:
        if name.lower() in seen:
            raise run.error(f"two columns are called {name!r}", hint="give one of them another name with AS")
        seen.add(name.lower())
    return tuple(column_of(name, dtype) for name, dtype in data.schema.items()), data


def column_of(name: str, dtype: pl.DataType) -> Column:
    """Return a column that holds values of a type, NULL among them."""
    kind = shown(dtype).replace("Float16", "FLOAT")  # SQL has no halves; the cast to them comes after it
    return Column(name, exp.DataType.build(kind, dialect="duckdb"), dtype)


def _properties(tree: exp.Create) -> list[exp.Expr]:
    found = tree.args.get("properties")
    return list(found.expressions) if found is not None else []


def _free(run: Run, tree: exp.Create, node: exp.Expr) -> str | None:
    """Return the key under which something may be created, None where it is there and may stay."""
    assert isinstance(node, exp.Table)
    schema = node.text("db")
    if schema and not run.catalog.has_schema(schema):
        raise run.error(f"no schema {schema!r} in this session", node, f"CREATE SCHEMA {schema} makes it")
    key = run.key(node)
    there = run.catalog.objects.get(key)
    if there is None:
        return key
    wanted = View if tree.args.get("kind") == "VIEW" else Table
    if tree.args.get("replace"):
        if not isinstance(there, wanted):
            raise run.error(f"{there.name!r} is a {type(there).__name__.lower()}", node, "DROP it first")
        return key
    if tree.args.get("exists"):
        return None
    hint = "CREATE OR REPLACE makes it anew, IF NOT EXISTS leaves it"
    raise run.error(f"{type(there).__name__.lower()} {there.name!r} is there already", node, hint)


def _create_table(run: Run, tree: exp.Create) -> Done:
    schema = tree.this if isinstance(tree.this, exp.Schema) else None
    node = schema.this if schema is not None else tree.this
    key = _free(run, tree, node)
    result = Result("CREATE TABLE")
    if key is None:
        return Done(run.catalog, result)
    parts = list(schema.expressions) if schema is not None else []
    like = [p for p in (*_properties(tree), *parts) if isinstance(p, exp.LikeProperty)]
    clone = tree.args.get("clone")
    if like or clone:
        source = clone.this if clone else like[0].this
        _, model = run.table(source, verb="LIKE")
        data = model.data if clone else model.data.clear()
        made = replace(model, name=key, data=data, foreign=model.foreign if clone else ())
        return Done(run.catalog.with_object(key, made), result)
    if tree.expression is None:
        if not any(isinstance(p, exp.ColumnDef) for p in parts):
            raise run.error("a table needs columns", node, f"CREATE TABLE {key} (id BIGINT, ...)")
        return Done(run.catalog.with_object(key, define(run, parts).table(run, key)), result)
    return _create_as(run, tree, key, parts)


def _create_as(run: Run, tree: exp.Create, key: str, parts: list[exp.Expr]) -> Done:
    if not is_query(tree.expression):
        raise run.refuse("CREATE TABLE AS without a query", tree.expression)
    query = run.query(tree.expression)
    columns, data = stored(run, run.lazy(query))
    if run.dialect == "datafusion":
        types = run.arrow_types(query)
        columns = tuple(replace(c, arrow=t or "") for c, t in zip(columns, types, strict=True))
    if any(isinstance(p, exp.WithDataProperty) and p.args.get("no") for p in _properties(tree)):
        data = data.clear()
    names = [p.name for p in parts if isinstance(p, (exp.ColumnDef, exp.Identifier))]
    if names and len(names) != len(columns):
        raise run.error(f"{len(names)} columns are named, the query gives {len(columns)}", parts[0])
    if names:
        data = data.rename(dict(zip(data.columns, names, strict=True)))
        columns = tuple(replace(c, name=n) for c, n in zip(columns, names, strict=True))
    if any(isinstance(p, exp.ColumnDef) and p.args.get("kind") for p in parts):
        made, data = new_rows(run, define(run, parts).table(run, key), data)
        made = made.with_rows(data)
    else:
        made = Table(key, columns, data, text=run.text, dialect=run.dialect)
    return Done(run.catalog.with_object(key, checked(run, made)), Result("CREATE TABLE", rows=data.height))


def _create_view(run: Run, tree: exp.Create) -> Done:
    schema = tree.this if isinstance(tree.this, exp.Schema) else None
    node = schema.this if schema is not None else tree.this
    key = _free(run, tree, node)
    result = Result("CREATE VIEW")
    if key is None:
        return Done(run.catalog, result)
    if tree.expression is None or not is_query(tree.expression):
        raise run.error("a view needs a query", node, f"CREATE VIEW {key} AS SELECT ...")
    names = tuple(p.name for p in schema.expressions) if schema is not None else ()
    made = View(key, run.query(tree.expression), names)
    after = run.catalog.with_object(key, made)
    # With itself in the catalogue, so that a view that reads itself is found out now.
    frame = replace(run, catalog=after).lazy(made.query)
    renamed(frame, made)
    return Done(after, result)


def _create_schema(run: Run, tree: exp.Create) -> Done:
    name = tree.this.text("db") or tree.this.name
    result = Result("CREATE SCHEMA")
    if run.catalog.has_schema(name):
        if not (tree.args.get("exists") or tree.args.get("replace")):
            raise run.error(f"schema {name!r} is there already", hint="IF NOT EXISTS leaves it")
        return Done(run.catalog, result)
    return Done(replace(run.catalog, schemas=run.catalog.schemas | {name.lower()}), result)


def _create_index(run: Run, tree: exp.Create) -> Done:
    index = tree.this
    result = Result("CREATE INDEX")
    name = index.name.lower()
    if name and name in run.catalog.indexes:
        if tree.args.get("exists"):
            return Done(run.catalog, result)
        raise run.error(f"index {index.name!r} is there already", index, "IF NOT EXISTS leaves it")
    key, table = run.table(index.args.get("table"), verb="CREATE INDEX")
    params = index.args.get("params")
    columns = [o.this if isinstance(o, exp.Ordered) else o for o in (params.args.get("columns") or ())]
    for column in columns:
        for named in column.find_all(exp.Column):
            run.column(table, named)
    catalog: Catalog = run.catalog
    if tree.args.get("unique"):
        if params.args.get("where") or not all(isinstance(c, exp.Column) for c in columns):
            raise run.refuse("a UNIQUE INDEX over a part of the rows or over expressions", index)
        made = Key(tuple(run.column(table, c) for c in columns), name=name)
        catalog = catalog.with_object(
            key, checked(run, replace(table, keys=(*table.keys, made)), table.data.clear())
        )
    return Done(replace(catalog, indexes={**catalog.indexes, name: Index(name, key)}), result)
