"""What a run would do, and why, without doing it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dwkit.errors import DwkitError

if TYPE_CHECKING:
    from dwkit.project.graph import GraphNode
    from dwkit.project.project import Project

__all__ = ["plan"]

_VERBS = {"lake": "ingest", "staging": "stage", "warehouse": "load", "marts": "mart"}


def plan(project: Project, chosen: Sequence[str], *, force: bool = False) -> list[dict[str, Any]]:
    """Return one record for each chosen node: node, action (the verb, or ``nothing``), and why.

    A node whose inputs would change is planned for too, as far as that can be known beforehand.
    """
    due: dict[str, str] = {}
    records = []
    for name in chosen:
        node = project.graph.nodes[name]
        moved = [i for i in project.graph.inputs(name) if i in due]
        try:
            why = "--force" if force and node.layer != "lake" else _reason(project, node)
        except DwkitError as error:
            why = error.message
        if not why and moved:
            why = f"{', '.join(moved)} will change"
        if why:
            due[name] = why
        records.append(
            {"node": name, "action": _VERBS[node.layer] if why else "nothing", "why": why or "up to date"}
        )
    return records


def _reason(project: Project, node: GraphNode) -> str:
    """Return why a node is out of date by itself, empty when it is not."""
    if node.layer == "lake":
        from dwkit.lake.ingest import waiting

        declared = project.config.datasets.get(node.table)
        if declared is None or not declared.sources:
            return ""
        files = waiting(
            declared.sources, node.table, declared.read,
            layout=project.layout, ledger=project.ledger, cwd=project.root,
        )  # fmt: skip
        return f"{len(files)} new {'file' if len(files) == 1 else 'files'}" if files else ""
    if node.layer == "staging":
        from dwkit.staging import pending

        declared = project.config.datasets.get(node.table)
        found = pending(
            node.table,
            ledger=project.ledger,
            layout=project.layout,
            contract=declared.contract if declared else None,
            sql_step=project.models.get(node.name),
            dialect=project.config.dialect,
        )
        return f"{len(found)} {'batch' if len(found) == 1 else 'batches'} to stage" if found else ""
    if node.model is None:
        return ""
    version = project.ledger.version(node.layer, node.table)
    if version is None:
        return "no table yet"
    if version.model != node.model.digest:
        return "the model has changed"
    if node.layer == "warehouse":
        from dwkit.warehouse import load_table

        result = load_table(
            node.model, layout=project.layout, ledger=project.ledger, run="", step=None,
            dialect=project.config.dialect, scan=project.catalog.scan,
            fingerprint=project.catalog.fingerprint, dry_run=True,
        )  # fmt: skip
        return "" if result.mode == "nothing" else result.why
    if node.model.kind == "view":
        return ""
    changed = [i for i, seen in version.inputs.items() if project.catalog.fingerprint(i) != seen]
    return f"{', '.join(changed)} changed" if changed else ""
