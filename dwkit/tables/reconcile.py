"""The ledger's index of a Delta table, brought in line with the Delta log, which is the truth."""

from __future__ import annotations

from dwkit.ledger import Ledger
from dwkit.model.names import Layer
from dwkit.storage.delta import Table
from dwkit.storage.layout import Layout
from dwkit.tables.publish import enter

__all__ = ["reconcile"]


def reconcile(layer: Layer, name: str, *, layout: Layout, ledger: Ledger) -> int:
    """Enter commits that the ledger lacks; return how many.

    It lacks some when a load was killed between its commit and its entry, or when the ledger is new. A
    table whose folder is gone, or was replaced by another one, is forgotten first. Commits that dwkit
    did not make are not entered.
    """
    table, known = Table(layout.table(layer, name)), ledger.version(layer, name)
    if not table.exists:
        if known is not None and known.kind != "view":
            ledger.forget_table(layer, name)
        return 0
    latest = table.latest()
    if known is not None and latest is not None and known.kind != "view":
        same_run = latest.facts.get("run", known.run) == known.run
        if known.version == latest.version and same_run:
            return 0
    commits = [c for c in reversed(table.history()) if c.made_rows]
    entered = {v.version: v.run for v in ledger.versions(layer, name) if v.kind != "view"}
    there = {c.version: str(c.facts.get("run", "")) for c in commits}
    if any(there.get(version) != run for version, run in entered.items()):
        ledger.forget_table(layer, name)
        entered = {}
    missing = [c for c in commits if c.version not in entered]
    for commit in missing:
        enter(ledger, table, layer, name, commit.version, commit.facts)
    return len(missing)
