"""Emptying the staging area of what everything that reads it has loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dwkit.model.batch import Part

if TYPE_CHECKING:
    from dwkit.project.project import Project

__all__ = ["tidy"]


def tidy(project: Project) -> list[Part]:
    """Remove staged parts by the project's retention policy; return them.

    A part is loaded when every warehouse table and mart that reads its dataset has taken it in. A
    dataset that nothing reads is never emptied.

    Raises:
        UsageError: the policy is none.
    """
    policy = project.config.retention.staging
    if policy == "keep":
        return []
    from dwkit.staging import purge

    readers: dict[str, list[str]] = {}
    for name, node in project.graph.nodes.items():
        if node.layer in ("warehouse", "marts"):
            for one in project.graph.inputs(name):
                readers.setdefault(one, []).append(name)

    def loaded(part: Part) -> bool:
        reading = readers.get(f"staging.{part.dataset}", [])
        return bool(reading) and all(_has(project, name, part) for name in reading)

    return purge(project.layout, project.ledger, policy, loaded)


def _has(project: Project, name: str, part: Part) -> bool:
    layer, _, table = name.partition(".")
    version = project.ledger.version(layer, table)
    if version is None or version.kind == "view":
        return False  # a view reads the rows again whenever it is asked
    if project.ledger.applied(layer, table).get(part.id) == part.digest:
        return True
    node = f"staging.{part.dataset}"
    return version.inputs.get(node) == project.catalog.fingerprint(node)
