"""The graph's nodes and edges, read from the configuration, the models' SQL and the lake."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dwkit.errors import NotFoundError, SqlError, UsageError, did_you_mean
from dwkit.model.header import Model
from dwkit.project.graph import Graph, GraphNode

if TYPE_CHECKING:
    from dwkit.project.project import Project

__all__ = ["build_graph", "model_inputs", "only_objects", "resolve", "staging_nodes"]


def build_graph(project: Project) -> Graph:
    """Return the graph: lake and staging nodes of each dataset, and a node for each model or table.

    Raises:
        ConfigError: tables are made from each other.
        SqlError: a model's SQL does not parse, or reads a table that nothing makes.
    """
    models, dialect = project.models, project.config.dialect
    existing = project.catalog.names()
    lake = sorted(
        {*project.config.datasets, *(n.partition(".")[2] for n in existing if n.startswith("lake."))}
    )
    known = {f"lake.{d}" for d in lake} | {f"staging.{d}" for d in lake} | set(models) | existing
    inputs = {key: model_inputs(model, dialect, known) for key, model in models.items()}
    read = {name for found in inputs.values() for name in found}
    nodes = [GraphNode(f"lake.{name}", tags=_tags(project, name)) for name in lake]
    for name in sorted({*lake, *(m.name for m in models.values() if m.layer == "staging")}):
        key = f"staging.{name}"
        if key in models or key in read or not only_objects(project, name):
            nodes.append(_staging_node(project, name, inputs.get(key)))
    recorded: dict[str, list[str]] = {}
    for edge in project.ledger.edges():
        recorded.setdefault(edge.node, []).append(edge.input)
    for key in sorted({*models, *existing}):
        if key.startswith(("warehouse.", "marts.")):
            model = models.get(key)
            found = inputs[key] if model else tuple(recorded.get(key, ()))
            nodes.append(GraphNode(key, found, model, tuple(model.header.tags) if model else ()))
    return Graph(nodes)


def staging_nodes(project: Project, names: Sequence[str]) -> list[str]:
    """Return the staging nodes that datasets' names (or selectors) stand for; all without a name.

    Raises:
        NotFoundError: a name that no dataset has.
    """
    nodes = project.graph.nodes
    lake = project.ledger.datasets()
    if not names:
        return [n for n in project.graph.order if n.startswith("staging.") and _can_stage(project, n, lake)]
    known = {n.partition(".")[2] for n in nodes if n.startswith("staging.")} | lake
    wanted = []
    for name in names:
        short = name.removeprefix("staging.")
        if not any(c in short for c in "*?[+:") and short not in known:
            raise NotFoundError(
                "dataset", short, known, hint="" if known else f"dwkit ingest FILE --into {short}"
            )
        if short in lake and f"staging.{short}" not in nodes:
            raise UsageError(
                f"lake.{short} holds objects, which have nothing to be typed or checked",
                hint=f"dwkit show lake.{short} shows their catalogue",
            )
        wanted.append(f"staging.{short}")
    return project.graph.select(wanted)


def _can_stage(project: Project, node: str, lake: set[str]) -> bool:
    model = project.models.get(node)
    return node.partition(".")[2] in lake or model is not None


def only_objects(project: Project, name: str) -> bool:
    """Whether a dataset holds objects, which have nothing to be typed, or nothing yet."""
    formats = {b.format for b in project.ledger.batches(name)}
    return formats == {"object"}


def _staging_node(project: Project, name: str, inputs: tuple[str, ...] | None) -> GraphNode:
    key = f"staging.{name}"
    found = [i for i in inputs if i != key] if inputs is not None else [f"lake.{name}"]
    dataset = project.config.datasets.get(name)
    for rules in dataset.columns.values() if dataset else ():
        if rules.references:
            pieces = rules.references.split(".")
            found.append(f"staging.{pieces[0]}" if len(pieces) == 2 else ".".join(pieces[:2]))
    unique = dict.fromkeys(i for i in found if i != key)
    return GraphNode(key, tuple(unique), project.models.get(key), _tags(project, name))


def model_inputs(model: Model, dialect: str, known: set[str]) -> tuple[str, ...]:
    """Return the ``layer.table`` names that a model reads, its looked-up dimensions included.

    Raises:
        SqlError: the SQL does not parse, or names a table that nothing makes.
    """
    from dwkit.sql import edges

    found = []
    try:
        refs = edges(model.sql, model.header.dialect or dialect) if model.sql else ()
    except SqlError as error:
        error.message = f"{model.path}: {error.message}" if model.path else error.message
        raise
    for ref in refs:
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


def _tags(project: Project, dataset: str) -> tuple[str, ...]:
    found = project.config.datasets.get(dataset)
    return tuple(found.tags) if found else ()
