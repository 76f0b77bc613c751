"""Upkeep: what is wrong with a project, and mending it from what the files themselves say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from dwkit.errors import DwkitError, UsageError
from dwkit.lake.manifest import MANIFEST, adopt, datasets
from dwkit.model.names import Layer
from dwkit.storage.aside import sweep

if TYPE_CHECKING:
    from dwkit.project.project import Project

__all__ = ["delta_tables", "doctor", "repair"]


def delta_tables(project: Project, names: Sequence[str]) -> list[tuple[Layer, str]]:
    """Return layer and name of the tables meant, all of the warehouse and the marts without a name.

    Raises:
        NotFoundError: there is no such table.
        UsageError: it is no Delta table.
    """
    layers: tuple[Layer, ...] = ("warehouse", "marts")
    known = [
        (layer, name.partition(".")[2])
        for layer in layers
        for name in sorted(project.catalog.names())
        if name.startswith(f"{layer}.")
        and (project.layout.table(layer, name.partition(".")[2]) / "_delta_log").is_dir()
    ]
    if not names:
        return known
    found = []
    for text in names:
        full = project.catalog.find(text)
        match = [pair for pair in known if f"{pair[0]}.{pair[1]}" == full]
        if not match:
            raise UsageError(f"{full} is no table of the warehouse or the marts with versions of its own")
        found += match
    return found


def doctor(project: Project) -> list[dict[str, Any]]:
    """Return one record for each check: check, state (``ok``, ``warn``, ``fail``), detail, and what to type."""
    records: list[dict[str, Any]] = []

    def say(check: str, state: str, detail: str, do: str = "") -> None:
        records.append({"check": check, "state": state, "detail": detail, "do": do})

    try:
        say("dwkit.toml", "ok", f"{len(project.config.datasets)} datasets")
        say("models", "ok", f"{len(project.models)} models")
        say("graph", "ok", f"{len(project.graph.nodes)} tables")
    except DwkitError as error:
        say("configuration", "fail", error.message, error.hint)
        return records
    _check_ledger(project, say)
    _check_lake(project, say)
    _check_staging(project, say)
    _check_tables(project, say)
    return records


def _check_ledger(project: Project, say: Any) -> None:
    con = project.ledger.database.connection()
    verdict = con.execute("PRAGMA integrity_check").fetchone()[0]
    say("ledger", "ok" if verdict == "ok" else "fail", verdict, "" if verdict == "ok" else "dwkit repair")


def _check_lake(project: Project, say: Any) -> None:
    batches = project.ledger.batches()
    known = {b.id for b in batches}
    lost = [
        b for b in batches if any(not (project.layout.batch(b.dataset, b.id) / f).is_file() for f in b.files)
    ]
    for batch in lost:
        say(
            "lake",
            "fail",
            f"files of batch {batch.id} of {batch.dataset} ({batch.source}) are gone",
            "dwkit repair",
        )
    for name in datasets(project.layout):
        for folder in project.layout.dataset(name).glob("batch=*"):
            if folder.name.removeprefix("batch=") not in known:
                say("lake", "warn", f"{folder.name} of {name} is not in the ledger", "dwkit repair")
    if not lost:
        say("lake", "ok", f"{len(batches)} batches")


def _check_staging(project: Project, say: Any) -> None:
    parts = [p for p in project.ledger.parts() if not p.purged_at]
    lost = [p for p in parts if not project.layout.part(p.dataset, p.id).is_file()]
    for part in lost:
        say(
            "staging",
            "warn",
            f"part {part.id} of {part.dataset} is gone",
            f"dwkit stage {part.dataset} --force",
        )
    if not lost:
        say("staging", "ok", f"{len(parts)} parts")


def _check_tables(project: Project, say: Any) -> None:
    from dwkit.storage.delta import Table

    layers: tuple[Layer, ...] = ("warehouse", "marts")
    for layer in layers:
        folder = project.layout.root / layer
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if not (path / "_delta_log").is_dir():
                continue
            name = f"{layer}.{path.name}"
            try:
                table = Table(path)
                missing = [u for u in table.files() if not (path / u).is_file()]
                entered = project.ledger.version(layer, path.name)
            except DwkitError as error:
                say(name, "fail", error.message, error.hint)
                continue
            if missing:
                say(
                    name,
                    "fail",
                    f"{len(missing)} data files are gone, {missing[0]} the first",
                    f"dwkit run {name} --force",
                )
            elif entered is None or entered.version < (table.version() or 0):
                say(name, "warn", "has commits that the ledger lacks", "dwkit repair")
            else:
                say(name, "ok", f"version {entered.version}, {entered.rows} rows")


def repair(project: Project) -> list[dict[str, Any]]:
    """Bring the ledger in line with the files; return one record for each thing mended.

    A ledger that cannot be read is put aside. Batches and decisions that the ledger lacks are entered, entries whose files are gone are dropped,
    commits of Delta tables that the ledger lacks are entered, scratch of killed processes is removed.
    Data files are never removed.
    """
    from dwkit.staging import adopt_decisions
    from dwkit.warehouse import reconcile

    layout, ledger = project.layout, project.ledger
    records: list[dict[str, Any]] = []
    if aside := ledger.database.put_aside():
        records.append(
            {"what": "ledger", "mended": f"it could not be read: {aside} keeps it, a new one is made"}
        )
    for name in datasets(layout):
        for batch in adopt(layout, ledger, name):
            records.append({"what": f"lake.{name}", "mended": f"batch {batch.id} entered in the ledger"})
        if decided := adopt_decisions(layout, ledger, name):
            mended = f"{decided} decisions on quarantined rows entered in the ledger"
            records.append({"what": f"lake.{name}", "mended": mended})
        for folder in layout.dataset(name).glob("batch=*"):
            if not (folder / MANIFEST).is_file():
                records.append(
                    {"what": f"lake.{name}", "mended": f"{folder.name} has no manifest: left as it is"}
                )
    for batch in ledger.batches():
        if not layout.batch(batch.dataset, batch.id).is_dir():
            ledger.drop_batch(batch.id)
            records.append(
                {"what": f"lake.{batch.dataset}", "mended": f"batch {batch.id} is gone: entry dropped"}
            )
    for part in ledger.parts():
        if not part.purged_at and not layout.part(part.dataset, part.id).is_file():
            from dwkit.ledger.runs import now

            ledger.add_part(msgspec.structs.replace(part, purged_at=now()))
            records.append(
                {"what": f"staging.{part.dataset}", "mended": f"part {part.id} is gone: marked as purged"}
            )
    layers: tuple[Layer, ...] = ("warehouse", "marts")
    for layer in layers:
        folder = layout.root / layer
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if (path / "_delta_log").is_dir():
                entered = reconcile(layer, path.name, layout=layout, ledger=ledger)
                if entered:
                    records.append(
                        {"what": f"{layer}.{path.name}", "mended": f"{entered} commits entered in the ledger"}
                    )
    sweep(layout.scratch)
    return records
