"""Questions to the ledger and entries in it, in the words of the layers."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from dwkit.errors import NotFoundError
from dwkit.ledger.database import Database
from dwkit.ledger.runs import RunRecorder
from dwkit.model.batch import Batch, Part, TableVersion
from dwkit.model.run import Run, Step

__all__ = ["Decision", "Edge", "Ledger"]


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What a person decided for one quarantined row.

    ``action`` is ``fix`` (``changes`` replaces raw values by column) or ``discard``.
    """

    dataset: str
    batch: str
    row: int
    action: str
    changes: dict[str, str | None] = {}
    run: str = ""
    made_at: str = ""


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """``node`` reads ``input``; ``columns`` maps its columns to the input's columns they come from."""

    node: str
    input: str
    columns: dict[str, list[str]] = {}
    run: str = ""


class Ledger:
    """The ledger of one project.

    Args:
        path: the SQLite file; it is made on first use.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.database = Database(path)

    # -- runs ---------------------------------------------------------------------------------

    def start(self, command: str) -> RunRecorder:
        """Begin a run; runs left open by processes that are gone are closed as interrupted."""
        for run in self.database.rows(Run, "SELECT * FROM run WHERE state = 'running'"):
            if not _alive(run.pid):
                with self.database.transaction() as con:
                    con.execute("UPDATE run SET state = 'interrupted' WHERE id = ?", (run.id,))
                    con.execute(
                        "UPDATE step SET state = 'interrupted' WHERE run = ? AND state = 'running'", (run.id,)
                    )
        return RunRecorder(self.database, command)

    def runs(self, limit: int = 20) -> list[Run]:
        """Return the latest runs, newest first, with the totals of their steps."""
        return self.database.rows(
            Run,
            """SELECT run.*, count(step.seq) AS steps, coalesce(sum(step.rows_out), 0) AS rows_out,
                      coalesce(sum(step.quarantined), 0) AS quarantined
               FROM run LEFT JOIN step ON step.run = run.id
               GROUP BY run.id ORDER BY run.id DESC LIMIT ?""",
            limit,
        )

    def run(self, prefix: str) -> Run:
        """Return the one run whose id starts with ``prefix`` (``last`` is the newest).

        Raises:
            NotFoundError: none does, or several do.
        """
        if prefix == "last":
            found = self.runs(limit=1)
        else:
            found = [r for r in self.runs(limit=-1) if r.id.startswith(prefix)]
        if len(found) != 1:
            raise NotFoundError(
                "run" if not found else f"single run ({len(found)} match)", prefix, hint="dwkit log"
            )
        return found[0]

    def steps(self, run: str) -> list[Step]:
        """Return the steps of a run in order."""
        return self.database.rows(Step, "SELECT * FROM step WHERE run = ? ORDER BY seq", run)

    def last_step(self, verb: str, node: str) -> Step | None:
        """Return the newest step of this verb on this node."""
        found = self.database.rows(
            Step,
            "SELECT * FROM step WHERE node = ? AND verb = ? ORDER BY started_at DESC, run DESC, seq DESC LIMIT 1",
            node,
            verb,
        )
        return found[0] if found else None

    # -- lake ---------------------------------------------------------------------------------

    def add_batch(self, batch: Batch) -> None:
        """Enter a committed batch."""
        self.database.put("batch", batch)

    def batches(self, dataset: str | None = None) -> list[Batch]:
        """Return the batches of one dataset, or of all, oldest first."""
        if dataset is None:
            return self.database.rows(Batch, "SELECT * FROM batch ORDER BY id")
        return self.database.rows(Batch, "SELECT * FROM batch WHERE dataset = ? ORDER BY id", dataset)

    def newest_batch(self, dataset: str) -> Batch | None:
        """Return the newest batch of a dataset."""
        found = self.database.rows(
            Batch, "SELECT * FROM batch WHERE dataset = ? ORDER BY id DESC LIMIT 1", dataset
        )
        return found[0] if found else None

    def batch_ids(self, dataset: str) -> set[str]:
        """Return the ids of a dataset's batches."""
        rows = self.database.connection().execute("SELECT id FROM batch WHERE dataset = ?", (dataset,))
        return {ident for (ident,) in rows}

    def datasets(self) -> set[str]:
        """Return the datasets that have a batch."""
        return {name for (name,) in self.database.connection().execute("SELECT DISTINCT dataset FROM batch")}

    def has_size(self, dataset: str, size: int) -> bool:
        """Tell whether a batch of the dataset came from so many bytes."""
        found = self.database.connection().execute(
            "SELECT 1 FROM batch WHERE dataset = ? AND bytes_in = ? LIMIT 1", (dataset, size)
        )
        return found.fetchone() is not None

    def batch_with(self, dataset: str, digest: str) -> Batch | None:
        """Return the oldest batch of the dataset that holds these bytes."""
        found = self.database.rows(
            Batch, "SELECT * FROM batch WHERE dataset = ? AND digest = ? ORDER BY id LIMIT 1", dataset, digest
        )
        return found[0] if found else None

    def file_digest(self, path: Path, stat: os.stat_result) -> str:
        """Return the digest of a file that was read before and not touched since, empty for any other."""
        found = self.database.connection().execute(
            "SELECT digest FROM file WHERE path = ? AND size = ? AND modified = ? AND changed = ?",
            (str(path), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns),
        )
        row = found.fetchone()
        return str(row[0]) if row else ""

    def add_file_digest(self, path: Path, stat: os.stat_result, digest: str) -> None:
        """Keep the digest of a file as it is now."""
        with self.database.transaction() as con:
            con.execute(
                "INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?)",
                (str(path), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, digest),
            )

    def drop_batch(self, batch: str) -> None:
        """Forget a batch whose files are gone."""
        with self.database.transaction() as con:
            con.execute("DELETE FROM batch WHERE id = ?", (batch,))

    # -- staging ------------------------------------------------------------------------------

    def replace_parts(self, dataset: str, batch: str, parts: Iterable[Part]) -> None:
        """Make ``parts`` the parts of a batch, in place of those it had."""
        with self.database.transaction() as con:
            con.execute("DELETE FROM part WHERE dataset = ? AND batch = ?", (dataset, batch))
            for part in parts:
                self.database.put("part", part)

    def add_part(self, part: Part) -> None:
        """Enter one more part, or a changed one."""
        self.database.put("part", part)

    def parts(self, dataset: str | None = None) -> list[Part]:
        """Return the parts of one dataset, or of all, oldest first; purged ones included."""
        if dataset is None:
            return self.database.rows(Part, "SELECT * FROM part ORDER BY id")
        return self.database.rows(Part, "SELECT * FROM part WHERE dataset = ? ORDER BY id", dataset)

    def staged_datasets(self) -> set[str]:
        """Return the datasets that have a part."""
        return {name for (name,) in self.database.connection().execute("SELECT DISTINCT dataset FROM part")}

    def decide(self, decisions: Iterable[Decision]) -> None:
        """Enter decisions on quarantined rows, each in the place of an earlier one on the same row."""
        with self.database.transaction():
            for one in decisions:
                self.database.put("decision", one)

    def decisions(self, dataset: str) -> list[Decision]:
        """Return the decisions on a dataset's rows, by batch and row."""
        return self.database.rows(
            Decision, "SELECT * FROM decision WHERE dataset = ? ORDER BY batch, row", dataset
        )

    # -- warehouse and marts ------------------------------------------------------------------

    def add_version(self, version: TableVersion, applied: dict[str, str], *, rebuilt: bool) -> None:
        """Enter a committed version of a table, with the parts (id -> digest) that it applied.

        Args:
            rebuilt: the table was made anew, so that earlier parts count no more.
        """
        with self.database.transaction() as con:
            self.database.put("version", version)
            if rebuilt:
                con.execute("DELETE FROM applied WHERE layer = ? AND name = ?", (version.layer, version.name))
            con.executemany(
                "INSERT OR REPLACE INTO applied (layer, name, part, digest, version) VALUES (?, ?, ?, ?, ?)",
                [
                    (version.layer, version.name, part, digest, version.version)
                    for part, digest in applied.items()
                ],
            )

    def version(self, layer: str, name: str) -> TableVersion | None:
        """Return the newest version of a table."""
        found = self.database.rows(
            TableVersion,
            "SELECT * FROM version WHERE layer = ? AND name = ? ORDER BY version DESC LIMIT 1",
            layer,
            name,
        )
        return found[0] if found else None

    def versions(self, layer: str | None = None, name: str | None = None) -> list[TableVersion]:
        """Return the versions of one table, or the newest version of every table."""
        if layer is not None and name is not None:
            return self.database.rows(
                TableVersion,
                "SELECT * FROM version WHERE layer = ? AND name = ? ORDER BY version",
                layer,
                name,
            )
        return self.database.rows(
            TableVersion,
            """SELECT v.* FROM version v JOIN (
                   SELECT layer, name, max(version) AS newest FROM version GROUP BY layer, name
               ) n ON v.layer = n.layer AND v.name = n.name AND v.version = n.newest
               ORDER BY v.layer, v.name""",
        )

    def applied(self, layer: str, name: str) -> dict[str, str]:
        """Return the parts (id -> digest) that a table holds."""
        rows = self.database.connection().execute(
            "SELECT part, digest FROM applied WHERE layer = ? AND name = ? ORDER BY part", (layer, name)
        )
        return dict(rows)

    def forget_table(self, layer: str, name: str) -> None:
        """Forget a table's versions and parts (its files are gone or will be made anew)."""
        with self.database.transaction() as con:
            for table in ("version", "applied"):
                con.execute(f"DELETE FROM {table} WHERE layer = ? AND name = ?", (layer, name))

    # -- lineage ------------------------------------------------------------------------------

    def set_edges(self, node: str, edges: Iterable[Edge]) -> None:
        """Make ``edges`` the inputs of a node, in place of those it had."""
        with self.database.transaction() as con:
            con.execute("DELETE FROM edge WHERE node = ?", (node,))
            for edge in edges:
                self.database.put("edge", edge)

    def edges(self) -> list[Edge]:
        """Return all lineage edges."""
        return self.database.rows(Edge, "SELECT * FROM edge ORDER BY node, input")


def _alive(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
