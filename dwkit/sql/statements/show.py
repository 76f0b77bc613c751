"""DESCRIBE, SHOW, SUMMARIZE, EXPLAIN: what there is, as rows."""

from __future__ import annotations

import re
from dataclasses import replace
from time import perf_counter

import polars as pl
from sqlglot import exp

from dwkit.errors import SqlError
from dwkit.sql.failure import collected
from dwkit.sql.query import is_query, keyword, statements, with_params
from dwkit.sql.statements.catalog import Table, View
from dwkit.sql.statements.run import Done, Result, Run
from dwkit.sql.types import shown

__all__ = ["describe", "explain", "show", "summarize"]


def describe(run: Run) -> Done:
    """Run a DESCRIBE of a table, a view or a query; in MySQL it is another word for EXPLAIN.

    Raises:
        SqlError: there is no such table.
    """
    target = run.tree.this
    if run.dialect == "mysql" and not isinstance(target, exp.Table):
        return explain(run)
    if isinstance(target, exp.Table):
        found = run.catalog.objects.get(run.key(target))
        if isinstance(found, Table):
            return Done(run.catalog, Result("DESCRIBE", _described(found)))
    schema = run.lazy(run.query(_selected(run, target))).collect_schema()
    rows = {"column_name": list(schema), "column_type": [shown(t) for t in schema.values()]}
    return Done(run.catalog, Result("DESCRIBE", pl.LazyFrame(rows, schema=dict.fromkeys(rows, pl.String))))


def _described(table: Table) -> pl.LazyFrame:
    keys = {c: "PRI" if k.primary else "UNI" for k in reversed(table.keys) for c in k.columns}
    return pl.LazyFrame(
        [
            (
                c.name, shown(c.dtype), "NO" if c.not_null else "YES", keys.get(c.name),
                c.default.sql(dialect=table.dialect) if c.default is not None else None,
            )
            for c in table.columns
        ],
        schema=dict.fromkeys(("column_name", "column_type", "null", "key", "default"), pl.String),
        orient="row",
    )  # fmt: skip


def _selected(run: Run, target: exp.Expr) -> exp.Expr:
    if isinstance(target, exp.Table):
        return exp.Select(expressions=[exp.Star()], from_=exp.From(this=target.copy()))
    if not is_query(target):
        raise run.refuse("DESCRIBE of this", target)
    return target.copy()


def show(run: Run) -> Done:
    """Run a SHOW TABLES, VIEWS, SCHEMAS or COLUMNS.

    Raises:
        SqlError: something else is to be shown.
    """
    tree = run.tree
    words = str(tree.this).upper().removeprefix("ALL ").split()
    if isinstance(tree, exp.Command):
        words = tree.text("expression").upper().removeprefix("ALL ").split()
    what = words[0] if words else ""
    if what == "COLUMNS" and len(words) > 2:
        name = tree.text("expression").split()[2] if isinstance(tree, exp.Command) else words[2]
        return describe(replace(run, tree=exp.Describe(this=exp.to_table(name))))
    objects = run.catalog.objects
    rows: list[tuple[str, ...]]
    columns: tuple[str, ...]
    match what:
        case "TABLES" | "VIEWS":
            kept = {k: o for k, o in objects.items() if what == "TABLES" or isinstance(o, View)}
            rows = [
                (
                    k.rpartition(".")[0] or "main",
                    k.rpartition(".")[2],
                    "table" if isinstance(o, Table) else "view",
                )
                for k, o in sorted(kept.items())
            ]
            outer = sorted(run.names()) if what == "TABLES" and run.names is not None else []
            rows += [(n.rpartition(".")[0] or "main", n.rpartition(".")[2], "table") for n in outer]
            columns = ("schema", "name", "kind")
        case "SCHEMAS" | "DATABASES":
            rows = [(s,) for s in sorted({"main", *run.catalog.schemas, *run.reserved})]
            columns = ("name",)
        case _:
            raise run.refuse(f"SHOW {' '.join(words)}", hint="SHOW TABLES, VIEWS, SCHEMAS or DESCRIBE name")
    frame = pl.LazyFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")
    return Done(run.catalog, Result(f"SHOW {what}", frame))


def summarize(run: Run) -> Done:
    """Run a SUMMARIZE: for each column its type, least, greatest, distinct and missing values.

    Raises:
        SqlError: there is no such table.
        DataError: a value cannot be computed.
    """
    data = collected(run.lazy(run.query(_selected(run, run.tree.this))))
    rows = []
    for column in data.get_columns():
        ordered = not isinstance(column.dtype, (pl.List, pl.Struct, pl.Array, pl.Null))
        least, greatest = (column.min(), column.max()) if ordered else (None, None)
        mean = column.mean() if column.dtype.is_numeric() else None
        rows.append((
            column.name, shown(column.dtype), *(None if v is None else str(v) for v in (least, greatest)),
            column.n_unique() - bool(column.null_count()), None if mean is None else float(str(mean)),
            column.null_count(), data.height,
        ))  # fmt: skip
    names = ("column_name", "column_type", "min", "max", "distinct", "mean", "nulls", "rows")
    types = (pl.String, pl.String, pl.String, pl.String, pl.Int64, pl.Float64, pl.Int64, pl.Int64)
    frame = pl.LazyFrame(rows, schema=dict(zip(names, types, strict=True)), orient="row")
    return Done(run.catalog, Result("SUMMARIZE", frame))


def explain(run: Run) -> Done:
    """Run an EXPLAIN: the plan of a query, or of the query in a statement that changes something, a line in each row.

    With ANALYZE the query is run, and the last line says how many rows it gave in what time.

    Raises:
        SqlError: the statement has no query whose plan could be shown, or it does not bind.
        DataError: with ANALYZE, a value cannot be computed.
    """
    if isinstance(run.tree, exp.Describe):
        analyze, tree = run.tree.text("style").upper() == "ANALYZE", run.tree.this.copy()
    else:
        words = run.tree.text("expression")
        found = _HOW.match(words)
        text = words[found.end() :] if found else words
        analyze = found is not None and _ANALYZE.search(found[0]) is not None
        before = run.text[: max(0, run.text.find(text))]
        # Behind as much white space, names keep their places.
        trees = statements(re.sub(r"[^\n]", " ", before) + text, run.dialect, shown=run.text)
        if len(trees) != 1:
            raise SqlError("EXPLAIN wants one statement", hint="EXPLAIN SELECT ...")
        tree = with_params(trees[0], run.text, run.dialect, run.params)
    plan = []
    if not is_query(tree):
        query = _query_in(tree)
        if query is None:
            raise run.refuse(f"EXPLAIN of {keyword(tree)}", hint="EXPLAIN SELECT ...")
        if analyze:
            raise run.refuse(
                f"EXPLAIN ANALYZE of {keyword(tree)}", hint="it would run; EXPLAIN shows its plan"
            )
        plan, tree = [keyword(tree)], query
    asked = run.query(tree)
    plan += run.explained(asked)
    if analyze:
        start = perf_counter()
        rows = collected(run.lazy(asked)).height
        count = f"{rows:,} row{'' if rows == 1 else 's'}".replace(",", " ")
        plan += ["", f"Ran: {count} in {perf_counter() - start:.3f} s"]
    return Done(run.catalog, Result("EXPLAIN", pl.LazyFrame({"plan": plan}, schema={"plan": pl.String})))


_HOW = re.compile(
    r"""\s*((analy[sz]e | verbose | plan\s+for | extended | formatted | codegen | cost | query\s+plan
    | using\s+(tabular|json|text) | format\s*=?\s*\w+ | \((?!\s*(select|with|values|from|\())[\w\s,']*\))
    (?=\W|$)\s*)*""",
    re.IGNORECASE | re.VERBOSE,
)
_ANALYZE = re.compile(r"\banaly[sz]e\b(?!\s+(false|off|0)\b)", re.IGNORECASE)


def _query_in(tree: exp.Expr) -> exp.Expr | None:
    """Return the query whose rows a statement takes, or the one of the rows that it changes."""
    if isinstance(tree, exp.Copy):
        inner = tree.this.this if isinstance(tree.this, exp.Subquery) else None
        if inner is None and isinstance(tree.this, exp.Table) and not tree.args.get("kind"):
            inner = exp.Select(expressions=[exp.Star()], from_=exp.From(this=tree.this.copy()))
        return inner
    if isinstance(tree, (exp.Create, exp.Insert)):
        return (
            tree.expression if isinstance(tree.expression, exp.Expr) and is_query(tree.expression) else None
        )
    if isinstance(tree, exp.Delete) and not tree.args.get("using"):
        made = exp.Select(expressions=[exp.Star()], from_=exp.From(this=tree.this.copy()))
        if tree.args.get("where"):
            made.set("where", tree.args["where"].copy())
        return made
    return None
