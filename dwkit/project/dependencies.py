"""The graph's nodes and edges, read from the configuration, the models' SQL and the lake."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dwkit.errors import SqlError
from dwkit.model.header import Model
from dwkit.project.graph import Graph, GraphNode

if TYPE_CHECKING:
    from dwkit.project.project import Project

__all__ = ["build_graph", "model_inputs"]


def build_graph(project: Project) -> Graph:
    """Return the graph: lake and staging nodes of each dataset, and a node for each model.

    Raises:
        ConfigError: tables are made from each other.
        SqlError: a model's SQL does not parse, or reads a table that nothing makes.
    """
    models = project.models
    lake = {b.dataset: b.format for b in project.ledger.batches()}
    datasets = {*project.config.datasets, *lake}
    nodes = [GraphNode(f"lake.{name}", tags=tuple(_tags(project, name))) for name in sorted(datasets)]
    known = {f"lake.{d}" for d in datasets} | {f"staging.{d}" for d in datasets} | set(models)
    inputs = {key: model_inputs(model, project.config.dialect, known) for key, model in models.items()}
    read = {name for found in inputs.values() for name in found}
    for name in sorted(datasets | {m.name for m in models.values() if m.layer == "staging"}):
        key = f"staging.{name}"
        dataset = project.config.datasets.get(name)
        is_object = lake.get(name) == "object" or (name not in lake and not (dataset and dataset.columns))
        if is_object and key not in read and key not in models and lake.get(name) == "object":
            continue
        model = models.get(key)
        found = [i for i in inputs[key] if i != key] if model else [f"lake.{name}"]
        for rules in dataset.columns.values() if dataset else ():
            if rules.references:
                found.append(_referred(rules.references))
        nodes.append(GraphNode(key, tuple(dict.fromkeys(found)), model, tuple(_tags(project, name))))
    for key, model in models.items():
        if model.layer != "staging":
            nodes.append(GraphNode(key, inputs[key], model, tuple(model.header.tags)))
    return Graph(nodes)


def model_inputs(model: Model, dialect: str, known: set[str]) -> tuple[str, ...]:
    """Return the ``layer.table`` names that a model reads, its looked-up dimensions included.

    Raises:
        SqlError: the SQL does not parse, or names a table that nothing makes.
    """
    from dwkit.sql import edges

    found = []
    for ref in edges(model.sql, model.header.dialect or dialect) if model.sql else ():
        if ref.file is None:
            found.append(resolve(ref.schema, ref.name, known, model.path))
    found += [f"warehouse.{lookup.table}" for lookup in model.header.dimensions.values()]
    return tuple(dict.fromkeys(found))


def resolve(schema: str | None, name: str, known: set[str], place: str = "") -> str:
    """Return the ``layer.table`` that a table name in SQL stands for.

    A name without a layer is looked for in the marts, the warehouse, the staging area and the lake,
    in this order.

    Raises:
        SqlError: nothing has that name; the hint is the nearest one.
    """
    from dwkit.errors import did_you_mean

    wanted = (
        [f"{schema}.{name}"]
        if schema
        else [f"{la}.{name}" for la in ("marts", "warehouse", "staging", "lake")]
    )
    lowered = {k.lower(): k for k in known}
    for one in wanted:
        if one.lower() in lowered:
            return lowered[one.lower()]
    shown = f"{schema}.{name}" if schema else name
    raise SqlError(
        f"{place}: no table {shown!r}" if place else f"no table {shown!r}",
        hint=did_you_mean(shown, sorted(known)) or "dwkit ls shows the tables there are",
    )


def _referred(text: str) -> str:
    pieces = text.split(".")
    return f"staging.{pieces[0]}" if len(pieces) == 2 else ".".join(pieces[:2])


def _tags(project: Project, dataset: str) -> list[str]:
    found = project.config.datasets.get(dataset)
    return found.tags if found else []
