"""Delta Lake tables: Parquet files written aside by Polars, committed by delta-rs in one step."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

import polars as pl
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Schema, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction, create_table_with_add_actions

from dwkit.errors import ConflictError, DataError, NotFoundError
from dwkit.model.ids import new_id
from dwkit.model.statistics import ColumnStatistics, TableStatistics
from dwkit.storage.parquet import statistics
from dwkit.storage.types import for_delta

__all__ = ["UPKEEP", "AddAction", "Commit", "Table", "rows_of"]

# Files of a few million rows: few enough to list, many enough to skip and to read in parallel.
_BYTES_PER_FILE = 256 * 1024 * 1024

UPKEEP = ("compact", "vacuum")
"""Modes of commits that change no row."""


@dataclass(frozen=True)
class Commit:
    """What a commit did, read back from the Delta log.

    ``facts`` is what dwkit wrote beside it: run, model digest, mode, parts.
    """

    version: int
    at: datetime
    operation: str
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def made_rows(self) -> bool:
        """Whether dwkit made this commit and it may have changed rows."""
        return bool(self.facts) and self.facts.get("mode") not in UPKEEP


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
                # delta-rs would give the first version for every time before it.
                past = [c.version for c in self.history() if c.at <= version]
                if not past:
                    raise NotFoundError(
                        "version",
                        f"{self.path.name}@{version:%Y-%m-%d %H:%M:%S}",
                        hint=f"dwkit history {self.path.name} shows since when there is one",
                    )
                table.load_as_version(max(past))
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

    def statistics(self, version: int | datetime | None = None) -> TableStatistics | None:
        """Return what the log of a version says of its rows, None where it does not say how many there are.

        Bounds are those of whole numbers and dates: of others the log has rounded ones.
        """
        table = self.open(version)
        key = (str(table.metadata().id), table.version())
        if key not in _KNOWN:
            _KNOWN[key] = _read_statistics(table)
        return _KNOWN[key]

    def size(self, version: int | None = None) -> tuple[int, int]:
        """Return rows and bytes of a version, from its log alone."""
        actions = pl.DataFrame(self.open(version).get_add_actions(flatten=True))
        if actions.is_empty():
            return 0, 0
        rows = actions["num_records"].sum() if "num_records" in actions.columns else 0
        return int(rows), int(actions["size_bytes"].sum())

    def files(self, version: int | None = None) -> list[str]:
        """Return the data files of a version, relative to the table's folder."""
        return list(pl.DataFrame(self.open(version).get_add_actions(flatten=True))["path"])

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

    def latest(self) -> Commit | None:
        """Return the newest commit that dwkit made of rows, None when there is none.

        Commits of upkeep (`dwkit.storage.upkeep`) change no row and are passed over.
        """
        if not self.exists:
            return None
        for limit in (4, 64, None):
            for commit in self.history(limit):
                if commit.made_rows:
                    return commit
        return None

    def scan_files(
        self, files: Sequence[str], schema: Mapping[str, pl.DataType], *, paths_as: str | None = None
    ) -> pl.LazyFrame:
        """Scan some of the table's data files; columns of ``schema`` that a file lacks are NULL.

        Args:
            files: relative to the table's folder, as `files` gives them.
            paths_as: add a column of this name with the file that each row lies in.
        """
        if not files:
            wanted = dict(schema) | ({paths_as: pl.String()} if paths_as else {})
            return pl.LazyFrame(schema=wanted)
        scan = pl.scan_parquet(
            [self.path / f for f in files],
            schema=dict(schema),
            missing_columns="insert",
            include_file_paths=paths_as,
            glob=False,
            hive_partitioning=False,
        )
        if paths_as:
            root = f"{self.path.as_posix()}/"
            scan = scan.with_columns(
                pl.col(paths_as).str.replace_all("\\", "/", literal=True).str.strip_prefix(root)
            )
        return scan

    def holding(self, keys: pl.DataFrame, on: Sequence[str], version: int | None = None) -> list[str]:
        """Return the data files of a version that hold a row with one of the ``keys``."""
        files = self.files(version)
        if not files or keys.is_empty():
            return []
        scan = self.scan_files(files, dict(self.scan(version).collect_schema()), paths_as="dwkit:file")
        found = (
            scan.select(*on, "dwkit:file")
            .join(keys.lazy().select(on), on=list(on), how="semi", nulls_equal=True)
            .select(pl.col("dwkit:file").unique())
            .collect(engine="streaming")
        )
        return sorted(found["dwkit:file"].to_list())

    def without(self, files: Sequence[str]) -> list[RemoveAction]:
        """Return the actions that take data files out of the table; `commit` them with what replaces them."""
        wanted, stamp = set(files), int(time.time() * 1000)
        actions = pl.DataFrame(self.open().get_add_actions(flatten=True))
        return [
            RemoveAction(
                path=row["path"],
                data_change=True,
                deletion_timestamp=stamp,
                size=row["size_bytes"],
                partition_values={},
            )
            for row in actions.iter_rows(named=True)
            if row["path"] in wanted
        ]

    def discard(self, adds: Sequence[AddAction]) -> None:
        """Remove files that `write` made and that will not be committed."""
        for add in adds:
            (self.path / add.path).unlink(missing_ok=True)

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
            # delta-rs' handle stays at the version it was opened at.
            return self.open().version()
        except CommitFailedError as error:
            raise ConflictError(
                f"{self.path.name} was written by another process: {error}", hint="type it again"
            ) from error

    def _widen(self, table: DeltaTable, schema: Mapping[str, pl.DataType]) -> None:
        have = {f.name for f in table.schema().fields}
        new = {n: t for n, t in schema.items() if n not in have}
        if new:
            table.alter.add_columns(list(_arrow_schema(new).fields))


def rows_of(adds: Sequence[AddAction]) -> int:
    """Return how many rows written files hold."""
    return sum(int(json.loads(a.stats)["numRecords"]) for a in adds)


def _arrow_schema(schema: Mapping[str, pl.DataType]) -> Schema:
    empty = pl.LazyFrame(schema=dict(schema))
    return Schema.from_arrow(for_delta(empty, dict(schema)).collect().to_arrow().schema)


_KNOWN: dict[tuple[str, int], TableStatistics | None] = {}
"""Statistics of the versions that were asked for; a version never changes."""


def _read_statistics(table: DeltaTable) -> TableStatistics | None:
    actions = pl.DataFrame(table.get_add_actions(flatten=True))
    if actions.is_empty():
        return TableStatistics(0)
    if "num_records" not in actions.columns or actions["num_records"].null_count():
        return None
    columns: dict[str, ColumnStatistics] = {}
    for column in table.schema().fields:
        low, high, nulls = (
            actions[f"{part}.{column.name}"] if f"{part}.{column.name}" in actions.columns else None
            for part in ("min", "max", "null_count")
        )
        if low is None or high is None or not (low.dtype.is_integer() or low.dtype == pl.Date):
            continue
        if low.null_count() or high.null_count():
            continue
        missing = int(nulls.sum()) if nulls is not None and not nulls.null_count() else None
        columns[column.name] = ColumnStatistics(low.min(), high.max(), missing)
    return TableStatistics(int(actions["num_records"].sum()), columns)


def _bounds(path: Path) -> dict[str, Any]:
    """Return what the log says of a file's columns: bounds of whole numbers and dates, and NULLs."""
    known = statistics([path]).columns
    exact = {name: one for name, one in known.items() if type(one.low) is int or type(one.low) is date}

    def shown(value: int | date) -> int | str:
        return value if isinstance(value, int) else value.isoformat()

    return {
        "minValues": {n: shown(c.low) for n, c in exact.items()},
        "maxValues": {n: shown(c.high) for n, c in exact.items()},
        "nullCount": {n: c.nulls for n, c in exact.items() if c.nulls is not None},
    }


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
        stats=json.dumps({"numRecords": rows, **_bounds(path)}),
    )
