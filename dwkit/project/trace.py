"""From a row of any table back to the record of the source file that it came from; and lineage."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import polars as pl

from dwkit.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from dwkit.project.project import Project

__all__ = ["column_edges", "lineage", "trace"]


def trace(project: Project, name: str, where: str, limit: int) -> list[dict[str, Any]]:
    """Return, for the rows of a table that a condition picks, the raw records behind them.

    Args:
        name: ``layer.table``.
        where: SQL condition; empty takes the first rows.
        limit: rows of the table at the most.

    Returns:
        One record a raw record: dataset, source file, record number in it, batch, and the raw values.

    Raises:
        UsageError: the table's rows are sums of many, so that none of them has a record of its own.
    """
    picked = project.catalog.scan(name)
    if "_row" not in picked.collect_schema().names():
        raise UsageError(
            f"rows of {name} are made from many rows each",
            hint=f"dwkit lineage {name} shows what from; trace one of those tables with --where",
        )
    rows = project.query(f"select _batch, _row from {name}" + (f" where {where}" if where else "")).limit(
        limit
    )
    keys = rows.collect()
    batches = {b.id: b for b in project.ledger.batches()}
    found: list[dict[str, Any]] = []
    for (ident,), group in keys.group_by("_batch", maintain_order=True):
        batch = batches.get(str(ident))
        if batch is None:
            if ident is None:
                continue
            raise NotFoundError("batch", str(ident), hint="dwkit repair")
        from dwkit.storage.tables import scan_batches

        raw = scan_batches(project.layout, [batch])
        numbers = group["_row"].drop_nulls().unique()
        records = (
            raw.filter(pl.col("_row").is_in(numbers.implode())).drop("_batch").collect(engine="streaming")
        )
        for record in records.sort("_row").iter_rows(named=True):
            number = record.pop("_row")
            found.append(
                {
                    "dataset": batch.dataset,
                    "source": batch.source,
                    "record": number,
                    "batch": batch.id,
                    "raw": record,
                }
            )
    return found


def lineage(project: Project, name: str, *, downstream: bool = False) -> list[dict[str, Any]]:
    """Return the edges between a table and all that it is made from (or all that is made from it).

    Raises:
        NotFoundError: there is no such table.
    """
    graph = project.graph
    if name not in graph.nodes:
        raise NotFoundError("table", name, graph.nodes)
    reached = graph.downstream([name]) if downstream else graph.upstream([name])
    records = []
    for node in graph.order:
        if node not in reached:
            continue
        inputs = [i for i in graph.inputs(node) if i in reached]
        records += [{"table": node, "input": one} for one in inputs]
        if node.startswith("lake.") and not downstream:
            sources = dict.fromkeys(b.source for b in project.ledger.batches(node.removeprefix("lake.")))
            records += [{"table": node, "input": source} for source in sources]
    return records


def column_edges(
    project: Project, name: str, column: str, *, downstream: bool = False
) -> list[dict[str, Any]]:
    """Return, step by step, the columns that a column is made from, down to the lake, or those made from it.

    Raises:
        NotFoundError: there is no such column.
    """
    own = _columns(project, name)
    if own and column not in own:
        raise NotFoundError("column", column, own)
    edges: list[tuple[tuple[str, str], tuple[str, str]]] = []
    if downstream:
        reached = {(name, column)}
        below = project.graph.downstream([name])
        for table in (n for n in project.graph.order if n in below and n != name):
            for made, inputs in _inputs(project, table, _columns(project, table)).items():
                used = [one for one in inputs if one in reached]
                edges += [((table, made), one) for one in used]
                reached |= {(table, made)} if used else set()
    else:
        todo, seen = [(name, column)], set[tuple[str, str]]()
        while todo:
            table, made = todo.pop(0)
            if (table, made) not in seen:
                seen.add((table, made))
                inputs = _inputs(project, table, [made])[made]
                edges += [((table, made), one) for one in inputs]
                todo += inputs
    return [{"column": ".".join(made), "input": ".".join(used)} for made, used in edges]


def _columns(project: Project, table: str) -> list[str]:
    """Return a table's columns, none when it has no rows yet."""
    try:
        return project.catalog.scan(table).collect_schema().names()
    except NotFoundError:
        return []


def _inputs(project: Project, table: str, columns: Iterable[str]) -> dict[str, list[tuple[str, str]]]:
    """Return the columns that each of a table's columns is made from, in one step."""
    from dwkit.sql import column_lineage, parse

    model = project.models.get(table)
    layer, _, short = table.partition(".")
    if model is not None and model.sql:
        schemas = {i: project.catalog.scan(i).collect_schema() for i in project.graph.inputs(table)}
        found = column_lineage(parse(model.sql, model.header.dialect or project.config.dialect), schemas)
        lookups = model.header.dimensions
        made: dict[str, list[tuple[str, str]]] = {}
        for column in columns:
            made[column] = list(found.get(column, ()))
            if column not in found and column in lookups:
                made[column] = [(f"warehouse.{lookups[column].table}", column)]
                made[column] += [pair for key in lookups[column].on for pair in found.get(key, ())]
        return made
    if layer == "staging":
        declared = project.config.datasets.get(short)
        rules = declared.columns if declared else {}
        return {c: [(f"lake.{short}", (c in rules and rules[c].source) or c)] for c in columns}
    return {c: [] for c in columns}
