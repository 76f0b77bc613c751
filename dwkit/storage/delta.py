"""Delta Lake tables: Parquet files written aside by Polars, committed by delta-rs in one step."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import polars as pl
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Schema, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction, create_table_with_add_actions

from dwkit.errors import ConflictError, DataError, NotFoundError
from dwkit.model.ids import new_id
from dwkit.storage.types import for_delta

__all__ = ["Commit", "Table"]

# Files of a few million rows: few enough to list, many enough to skip and to read in parallel.
_BYTES_PER_FILE = 256 * 1024 * 1024


@dataclass(frozen=True)
class Commit:
    """What a commit did, read back from the Delta log.

    ``facts`` is what dwkit wrote beside it: run, model digest, mode, parts.
    """

    version: int
    at: datetime
    operation: str
    facts: dict[str, Any] = field(default_factory=dict)


class Table:
    """One Delta table in a folder.

    Args:
        path: the folder; it need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def exists(self) -> bool:
        """Whether a first version was committed."""
        return (self.path / "_delta_log").is_dir() and DeltaTable.is_deltatable(str(self.path))

    def open(self, version: int | datetime | None = None) -> DeltaTable:
        """Return delta-rs' handle on a version (the newest when None).

        Raises:
            NotFoundError: there is no such table or version.
        """
        try:
            table = DeltaTable(self.path, version=version if isinstance(version, int) else None)
            if isinstance(version, datetime):
                table.load_as_version(version)
        except TableNotFoundError:
            raise NotFoundError("table", self.path.name, hint="dwkit ls") from None
        except DeltaError as error:
            if version is None:
                raise DataError(f"{self.path}: {error}", hint="dwkit doctor") from error
            raise NotFoundError("version", str(version), hint=f"dwkit history {self.path.name}") from error
        return table

    def version(self) -> int | None:
        """Return the newest version, None when there is no table."""
        return self.open().version() if self.exists else None

    def scan(self, version: int | datetime | None = None) -> pl.LazyFrame:
        """Scan a version lazily; the frame keeps reading that version whatever is written later."""
        return pl.scan_delta(self.open(version))

    def schema(self) -> dict[str, pl.DataType]:
        """Return the columns of the newest version."""
        return dict(self.scan().collect_schema())

    def size(self, version: int | None = None) -> tuple[int, int]:
        """Return rows and bytes of a version, from its log alone."""
        actions = pl.DataFrame(self.open(version).get_add_actions(flatten=True))
        if actions.is_empty():
            return 0, 0
        rows = actions["num_records"].sum() if "num_records" in actions.columns else 0
        return int(rows), int(actions["size_bytes"].sum())

    def applied(self, app_id: str) -> int | None:
        """Return the last version that was committed for an application transaction."""
        return self.open().transaction_version(app_id) if self.exists else None

    def history(self, limit: int | None = None) -> list[Commit]:
        """Return the commits, newest first."""
        return [
            Commit(
                version=entry["version"],
                at=datetime.fromtimestamp(entry["timestamp"] / 1000, tz=UTC),
                operation=str(entry.get("operation", "")),
                facts=_facts(entry.get("dwkit")),
            )
            for entry in self.open().history(limit)
        ]

    def write(self, frame: pl.LazyFrame) -> list[AddAction]:
        """Stream a frame into new Parquet files of the table's folder, not yet committed.

        A file that never gets committed is invisible to every reader; ``vacuum`` removes it.
        """
        frame = for_delta(frame, frame.collect_schema())
        self.path.mkdir(parents=True, exist_ok=True)
        stem = new_id()
        paths: list[Path] = []

        def name(_part: object) -> Path:
            path = self.path / f"part-{stem}-{len(paths):05d}.parquet"
            paths.append(path)
            return path

        frame.sink_parquet(
            pl.PartitionBy(self.path, file_path_provider=name, approximate_bytes_per_file=_BYTES_PER_FILE),
            compression="zstd",
            compression_level=1,
            engine="streaming",
        )
        return [_add(path) for path in paths if path.exists()]

    def commit(
        self,
        adds: Sequence[AddAction],
        schema: Mapping[str, pl.DataType],
        *,
        mode: Literal["append", "overwrite"],
        facts: Mapping[str, object],
        transactions: Mapping[str, int] | None = None,
        base: int | None = None,
        removes: Sequence[RemoveAction] = (),
    ) -> int:
        """Commit written files in one atomic step and return the new version.

        Args:
            adds: what `write` returned.
            schema: columns of the frame that was written; in ``append`` mode new ones are added.
            mode: keep the files there are, or replace them all.
            facts: kept in the commit under ``dwkit``.
            transactions: application transactions (id -> version) of this commit.
            base: version that the frame was computed from; the commit is refused when the table has
                moved on. None: the table must not exist.

        Raises:
            ConflictError: another writer committed since ``base``.
        """
        arrow = _arrow_schema(schema)
        properties = CommitProperties(
            custom_metadata={"dwkit": json.dumps(dict(facts))},
            max_commit_retries=0,
            app_transactions=[Transaction(k, v) for k, v in (transactions or {}).items()] or None,
        )
        hooks = PostCommitHookProperties(create_checkpoint=True, cleanup_expired_logs=False)
        try:
            if base is None:
                create_table_with_add_actions(
                    str(self.path),
                    arrow,
                    list(adds),
                    mode="error",
                    configuration={"delta.logRetentionDuration": "interval 36500 days"},
                    commit_properties=properties,
                    post_commithook_properties=hooks,
                )
                return 0
            table = self.open()
            if table.version() != base:
                raise ConflictError(f"{self.path.name} was written by another process", hint="type it again")
            if mode == "append":
                self._widen(table, schema)
            table.create_write_transaction(
                [*adds, *removes],
                mode=mode,
                schema=arrow if mode == "overwrite" else table.schema(),
                commit_properties=properties,
                post_commithook_properties=hooks,
            )
            return table.version() if table.version() != base else self.open().version()
        except CommitFailedError as error:
            raise ConflictError(
                f"{self.path.name} was written by another process: {error}", hint="type it again"
            ) from error

    def _widen(self, table: DeltaTable, schema: Mapping[str, pl.DataType]) -> None:
        have = {f.name for f in table.schema().fields}
        new = {n: t for n, t in schema.items() if n not in have}
        if new:
            table.alter.add_columns(list(_arrow_schema(new).fields))


def _arrow_schema(schema: Mapping[str, pl.DataType]) -> Schema:
    empty = pl.LazyFrame(schema=dict(schema))
    return Schema.from_arrow(for_delta(empty, dict(schema)).collect().to_arrow().schema)


def _facts(text: object) -> dict[str, Any]:
    try:
        found = json.loads(text) if isinstance(text, str) else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _add(path: Path) -> AddAction:
    import pyarrow.parquet as pq

    rows = pq.read_metadata(path).num_rows
    with path.open("rb") as handle:
        os.fsync(handle.fileno())
    return AddAction(
        path=path.name,
        size=path.stat().st_size,
        partition_values={},
        modification_time=int(time.time() * 1000),
        data_change=True,
        stats=json.dumps({"numRecords": rows}),
    )
