"""Lowering: a bound tree, rewritten, to a lazy frame."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import polars as pl
from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import ErrorLevel, UnsupportedError
from sqlglot.optimizer.scope import traverse_scope

from dwkit.errors import SqlError, did_you_mean
from dwkit.sql.bind import Binder
from dwkit.sql.place import at_node
from dwkit.sql.query import Query, parse, table_ref
from dwkit.sql.refuse import refuse
from dwkit.sql.rules import ONE_ROW, RULES, Rule, lateral_aliases, named
from dwkit.sql.types import annotate

__all__ = ["polars_sql", "rewritten", "to_lazy"]


class PolarsSql(DuckDB):
    """The SQL that Polars reads is nearest to DuckDB's, with PostgreSQL's default for NULLs in ORDER BY."""

    NULL_ORDERING = "nulls_are_large"


def to_lazy(
    sql: str | Query,
    tables: Mapping[str, pl.LazyFrame],
    dialect: str = "duckdb",
    *,
    params: Mapping[str, object] | None = None,
) -> pl.LazyFrame:
    """Return the rows of a query, not yet computed.

    Args:
        sql: text, or what `parse` made of it.
        tables: frames by ``schema.name``, by ``name``, or by a file's path as it stands in the text.
        dialect: dialect of the text.
        params: values of ``:name`` parameters.

    Raises:
        SqlError: the query does not parse or bind, or has a construct that cannot be lowered exactly;
            the message shows the place in the text.
    """
    query = sql if isinstance(sql, Query) else parse(sql, dialect, params=params)
    tree, frames = rewritten(query, tables)
    context = pl.SQLContext(frames)
    context.register(ONE_ROW, pl.LazyFrame({ONE_ROW: [0]}))
    try:
        frame = context.execute(polars_sql(tree), eager=False)
        frame.collect_schema()
    except (pl.exceptions.PolarsError, UnsupportedError) as error:
        reason = str(error).split("\n")[0]
        raise SqlError(f"this cannot be answered: {reason} (read as {query.dialect} SQL)") from error
    return frame


def rewritten(query: Query, tables: Mapping[str, pl.LazyFrame]) -> tuple[exp.Expr, dict[str, pl.LazyFrame]]:
    """Return a query's tree as Polars is to have it, and the frames by the names they have in it.

    Raises:
        SqlError: a name that nothing has.
    """
    refuse(query.tree, query.sql, query.dialect)
    tree = query.tree.copy()
    frames = _named_frames(query, tree, tables)
    schemas = {name: dict(frame.collect_schema()) for name, (frame, _) in frames.items()}
    shown = {name: called for name, (_, called) in frames.items()}
    Binder(query.sql, query.dialect, {n: list(s) for n, s in schemas.items()}, shown).bind(tree)
    annotate(tree, schemas)
    first: tuple[Rule, ...] = (lateral_aliases, partial(named, dialect=query.dialect))
    for rule in (*first, *RULES):
        tree = _applied(tree, rule)
    return tree, {name: frame for name, (frame, _) in frames.items()}


def polars_sql(tree: exp.Expr) -> str:
    """Return the text that Polars is given."""
    return PolarsSql().generate(tree, identify=True, comments=False, unsupported_level=ErrorLevel.RAISE)


def _applied(tree: exp.Expr, rule: Rule) -> exp.Expr:
    """Apply a rule to every node, the leaves first."""
    for node in list(tree.walk(bfs=False))[::-1]:
        made = rule(node)
        if made is not node:
            if node is tree:
                tree = made
            else:
                node.replace(made)
    return tree


def _named_frames(
    query: Query, tree: exp.Expr, tables: Mapping[str, pl.LazyFrame]
) -> dict[str, tuple[pl.LazyFrame, str]]:
    """Give each table of the tree a name of its own that needs no quotes; return the frames by it."""
    lowered = {k.lower(): k for k in tables}
    frames: dict[str, tuple[pl.LazyFrame, str]] = {}
    names: dict[str, str] = {}
    done: set[int] = set()
    nodes = [
        source
        for scope in traverse_scope(tree)
        for source in scope.sources.values()
        if isinstance(source, exp.Table)
    ]
    for node in nodes:
        if id(node) in done:
            continue
        done.add(id(node))
        ref = table_ref(query.sql, node)
        key = lowered.get(ref.key.lower())
        if key is None and ref.schema is None:
            ends = [k for k in tables if k.rpartition(".")[2].lower() == ref.name.lower()]
            key = ends[0] if len(ends) == 1 else None
        if key is None:
            hint = did_you_mean(ref.key, sorted(tables))
            raise at_node(query.sql, f"no table {ref.key!r}", node, dialect=query.dialect, hint=hint)
        name = names.setdefault(key, f"_t{len(names)}")
        frames[name] = (tables[key], key)
        alias = node.args.get("alias") or exp.TableAlias(this=exp.to_identifier(ref.name))
        made = exp.to_table(name)
        made.set(
            "alias",
            alias.copy()
            if alias.this
            else exp.TableAlias(this=exp.to_identifier(ref.name), columns=alias.columns),
        )
        made.set("joins", node.args.get("joins"))
        made.set("sample", node.args.get("sample"))
        made.this.meta.update(next((n.meta for n in node.walk() if "start" in n.meta), {}))
        node.replace(made)
    return frames
