"""From SQL to a lazy frame: parse, bind, lower."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import polars as pl
from sqlglot import exp

from dwkit.errors import SqlError
from dwkit.model.statistics import TableStatistics
from dwkit.sql.bind import ArrowOf, Bound, Context, QueryBinder, Scope, Stage
from dwkit.sql.bind.apply import CannotUnnestError
from dwkit.sql.explain import drawn
from dwkit.sql.failure import explained as explained_error
from dwkit.sql.functions.arrow_typeof import names_of
from dwkit.sql.kept import Kept
from dwkit.sql.lower import lowered
from dwkit.sql.optimise.codes import coded
from dwkit.sql.optimise.onescan import in_one_scan
from dwkit.sql.optimise.pack import packing
from dwkit.sql.query import Query, parse
from dwkit.sql.read import too_deep

__all__ = ["Statistics", "arrow_types", "bound", "explained", "to_lazy"]

Statistics = Callable[[str], TableStatistics | None]

_KEPT = Kept()


def to_lazy(
    sql: str | Query,
    tables: Mapping[str, pl.LazyFrame],
    dialect: str = "duckdb",
    *,
    params: Mapping[str, object] | None = None,
    statistics: Statistics | None = None,
    arrow: ArrowOf | None = None,
) -> pl.LazyFrame:
    """Return the rows of a query, not yet computed.

    Args:
        sql: text, or what `parse` made of it.
        tables: frames by ``schema.name``, by ``name``, or by a file's path as it stands in the text.
        dialect: dialect of the text.
        params: values of ``:name`` parameters.
        statistics: gives what is known of a table by its name there, for the order of joins and the size of
            numbers.
        arrow: gives the types of Arrow of a table's columns.

    Raises:
        SqlError: the query does not parse or bind, or has a construct that cannot be lowered exactly;
            the message shows the place in the text.
        DataError: a literal in it cannot be what it is cast to.
    """
    if isinstance(sql, Query):
        with _uncollected():
            context = _context(sql, tables, statistics, arrow)
            return _frame(context, _bound(context, sql.tree.copy()))
    with _uncollected():
        return _of_text(sql, tables, dialect, params or {}, statistics, arrow)


def _of_text(
    sql: str,
    tables: Mapping[str, pl.LazyFrame],
    dialect: str,
    params: Mapping[str, object],
    statistics: Statistics | None,
    arrow: ArrowOf | None,
) -> pl.LazyFrame:
    key = (sql, dialect, *(f"{k}={type(v)}{v!r}" for k, v in params.items()))
    kept = _KEPT.find(key, tables, statistics) if arrow is None else None
    if kept is not None:
        return kept
    query = parse(sql, dialect, params=params)
    context = _context(query, tables, statistics, arrow)
    frame = _frame(context, _bound(context, query.tree))  # no one else has the tree
    if arrow is None:
        _KEPT.keep(key, context, frame)
    return frame


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep Python from looking for garbage meanwhile: it would find little, time and again, as all trees are in use."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _frame(context: Context, made: Bound) -> pl.LazyFrame:
    names: list[str] = []
    for one in made.fields:
        name, number = one.name, 0
        while name in names:
            number += 1
            name = f"{one.name}_{number}"
        names.append(name)
    try:
        plan = coded(context, made.plan)
        digits = packing(context, plan) if context.known is not None else None
        frame = lowered(plan, digits, context.estimates)
        frame = frame.select(pl.col(f.id).alias(n) for f, n in zip(made.fields, names, strict=True))
        frame.collect_schema()
    except pl.exceptions.PolarsError as error:
        raise explained_error(error) from error
    return frame


def bound(
    query: Query,
    tables: Mapping[str, pl.LazyFrame],
    statistics: Statistics | None = None,
    arrow: ArrowOf | None = None,
) -> Bound:
    """Return a query as a plan.

    Raises:
        SqlError: see `to_lazy`.
    """
    return _bound(_context(query, tables, statistics, arrow), query.tree.copy())


def arrow_types(
    query: Query, tables: Mapping[str, pl.LazyFrame], arrow: ArrowOf | None = None
) -> list[str | None]:
    """Return the names of the types of Arrow of a query's columns, None for those that are not known.

    Raises:
        SqlError: see `to_lazy`.
    """
    context = _context(query, tables, None, arrow)
    binder = QueryBinder(context)
    made = _bound(context, query.tree.copy())
    return names_of(Stage(context, binder, Scope(), made.plan), [f.id for f in made.fields])


def explained(
    query: Query,
    tables: Mapping[str, pl.LazyFrame],
    statistics: Statistics | None = None,
    arrow: ArrowOf | None = None,
) -> list[str]:
    """Return the plan of a query with the rows that each step is estimated to give, then Polars' optimised plan.

    Raises:
        SqlError: see `to_lazy`.
    """
    context = _context(query, tables, statistics, arrow)
    made = _bound(context, query.tree.copy())
    return [
        *drawn(made.plan, context.estimates),
        "",
        "In Polars:",
        *_frame(context, made).explain().splitlines(),
    ]


def _bound(context: Context, tree: exp.Expr) -> Bound:
    """Bind a tree, which is changed."""
    try:
        made = QueryBinder(context).query(tree)
        return Bound(in_one_scan(context, made.plan), made.fields)
    except RecursionError:
        raise too_deep(context.dialect) from None
    except CannotUnnestError as error:
        raise SqlError(
            f"{error.what} in a correlated subquery is not supported (read as {context.dialect} SQL)"
        ) from error


def _context(
    query: Query,
    tables: Mapping[str, pl.LazyFrame],
    statistics: Statistics | None,
    arrow: ArrowOf | None = None,
) -> Context:
    kinds = set(query.kinds)
    return Context(query.sql, query.dialect, tables, kinds=kinds, known=statistics, arrow=arrow)
