"""Committing what a load or a mart wrote: Delta first, which is the truth, the ledger after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from dwkit.errors import ConflictError, DwkitError, NotFoundError
from dwkit.ledger import Ledger
from dwkit.ledger.runs import now
from dwkit.model.batch import TableVersion
from dwkit.model.header import Model
from dwkit.storage.delta import AddAction, Table
from dwkit.storage.layout import Layout
from dwkit.tables.checks import check_table, require

__all__ = ["FULL", "Change", "publish"]

FULL = ("rebuild", "restore")
"""Modes of commits that leave nothing of what was applied before them."""


@dataclass(frozen=True)
class Change:
    """What a commit does to a table's files.

    Attributes:
        mode: ``append`` (rows were only added), ``merge`` (some rows were replaced) or ``rebuild``.
        adds: files that `Table.write` wrote.
        removes: data files, relative to the table's folder, that the new ones replace.
        schema: all columns of the table after the commit.
        overwrite: replace all files there are.
        rows: rows that are new or changed.
    """

    mode: str
    adds: Sequence[AddAction]
    schema: Mapping[str, pl.DataType]
    removes: Sequence[str] = ()
    overwrite: bool = False
    rows: int = 0
    facts: Mapping[str, object] = field(default_factory=dict)


def publish(
    model: Model,
    change: Change,
    *,
    layout: Layout,
    ledger: Ledger,
    run: str,
    dialect: str,
    base: int | None,
    parts: Mapping[str, str],
    inputs: Mapping[str, str],
    driver: str = "",
) -> TableVersion:
    """Test the table as it will be, commit it and enter it in the ledger.

    A kill before the commit leaves the table as it was; one after it, before the ledger's entry, is
    made good by `dwkit.tables.reconcile.reconcile` at the next command.

    Args:
        base: version that the change was computed from, None for a new table.
        parts: units applied (id -> digest).
        inputs: other inputs -> fingerprint.
        driver: name of the driving input, for the ids of the Delta transactions.

    Raises:
        CheckError: a test of the header failed; the written files are removed, nothing is committed.
        ConflictError: another writer committed since ``base``.
    """
    table = Table(layout.table(model.layer, model.name))
    try:
        if model.header.tests or any(c.tests for c in model.header.columns.values()):
            gone = set(change.removes)
            kept = [] if base is None or change.overwrite else [f for f in table.files(base) if f not in gone]
            after = table.scan_files([*kept, *(a.path for a in change.adds)], change.schema)
            require(model, check_table(model, after, dialect))
    except DwkitError:
        table.discard(change.adds)
        raise
    facts = {
        "run": run,
        "model": model.digest,
        "mode": change.mode,
        "kind": model.kind,
        "parts": dict(parts),
        "inputs": dict(inputs),
        "created_at": now(),
        **change.facts,
    }
    try:
        version = table.commit(
            change.adds,
            change.schema,
            mode="overwrite" if change.overwrite and base is not None else "append",
            facts=facts,
            transactions={f"dwkit:{driver}:{part}": 1 for part in parts},
            base=base,
            removes=table.without(change.removes) if change.removes else (),
        )
    except ConflictError:
        table.discard(change.adds)
        raise
    return enter(ledger, table, model.layer, model.name, version, facts)


def enter(
    ledger: Ledger, table: Table, layer: str, name: str, version: int, facts: Mapping[str, object]
) -> TableVersion:
    """Enter a committed version in the ledger from its facts, and return the entry."""
    applied = _texts(facts.get("parts"))
    rows, size = _size(table, version)
    entry = TableVersion(
        layer=layer,
        name=name,
        version=version,
        model=str(facts.get("model", "")),
        kind=str(facts.get("kind", "table")),
        rows=rows,
        bytes=size,
        mode=str(facts.get("mode", "")),
        inputs=_texts(facts.get("inputs")),
        parts=sorted(applied),
        run=str(facts.get("run", "")),
        created_at=str(facts.get("created_at", "")),
    )
    ledger.add_version(entry, applied, rebuilt=entry.mode in FULL)
    return entry


def _size(table: Table, version: int) -> tuple[int, int]:
    try:
        return table.size(version)
    except NotFoundError:
        # Old versions can be read no more once their log was cleaned up.
        return 0, 0


def _texts(value: object) -> dict[str, str]:
    return {str(k): str(v) for k, v in value.items()} if isinstance(value, dict) else {}
