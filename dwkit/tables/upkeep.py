"""Going back, compacting and vacuuming, with the ledger kept in line."""

from __future__ import annotations

from datetime import timedelta

from dwkit.errors import NotFoundError
from dwkit.ledger import Ledger
from dwkit.ledger.runs import now
from dwkit.model.batch import TableVersion
from dwkit.model.names import Layer
from dwkit.storage import upkeep
from dwkit.storage.delta import Table
from dwkit.storage.layout import Layout
from dwkit.storage.locks import writing
from dwkit.tables.publish import FULL, enter
from dwkit.tables.reconcile import reconcile

__all__ = ["compact", "rollback", "vacuum"]


def rollback(
    layer: Layer, name: str, version: int, *, layout: Layout, ledger: Ledger, run: str
) -> TableVersion:
    """Make the rows of an earlier version the newest ones, by a new commit.

    The parts that count as applied are those of that version; the next load applies the later ones
    again.

    Raises:
        NotFoundError: there is no such table or version.
        DataError: files of that version were vacuumed away.
        ConflictError: another writer is at work.
    """
    table = Table(layout.table(layer, name))
    with writing(layout.locks, f"{layer}.{name}"):
        reconcile(layer, name, layout=layout, ledger=ledger)
        newest = table.open().version()
        if not 0 <= version <= newest:
            raise NotFoundError("version", str(version), hint=f"dwkit history {name} (0 to {newest})")
        commits = [c for c in reversed(table.history()) if c.made_rows and c.version <= version]
        if not commits:
            raise NotFoundError("version made by dwkit", str(version), hint=f"dwkit history {name}")
        parts: dict[str, str] = {}
        for commit in commits:
            if commit.facts.get("mode") in FULL:
                parts = {}
            parts |= commit.facts.get("parts", {})
        facts = {**commits[-1].facts, "mode": "restore", "of": version, "run": run, "parts": parts}
        facts["created_at"] = now()
        latest = table.latest()
        if latest is not None and "dimension" in facts and "dimension" in latest.facts:
            # Surrogate keys that were given after that version are not given to other rows.
            facts["dimension"] = {
                **facts["dimension"],
                "highest": latest.facts["dimension"].get("highest", 0),
            }
        made = upkeep.restore(table, version, facts)
        return enter(ledger, table, layer, name, made, facts)


def compact(layer: Layer, name: str, *, layout: Layout, run: str) -> tuple[int, int]:
    """Put small files of a table together; return how many there were and how many there are now.

    Raises:
        NotFoundError: there is no such table.
        ConflictError: another writer is at work.
    """
    with writing(layout.locks, f"{layer}.{name}"):
        return upkeep.compact(Table(layout.table(layer, name)), {"mode": "compact", "run": run})


def vacuum(layer: Layer, name: str, keep: timedelta, *, layout: Layout, dry_run: bool = False) -> list[str]:
    """Remove files that no version younger than ``keep`` reads; return their names.

    Raises:
        NotFoundError: there is no such table.
        ConflictError: another writer is at work.
    """
    with writing(layout.locks, f"{layer}.{name}"):
        return upkeep.vacuum(Table(layout.table(layer, name)), keep, dry_run=dry_run)
