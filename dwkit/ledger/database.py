"""The ledger's SQLite file: schema, connections, and structs to rows and back."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from weakref import finalize

import msgspec

from dwkit.errors import ConfigError, ConflictError, DwkitError, ReachError

__all__ = ["Database"]

VERSION = 2

SCHEMA = """
CREATE TABLE IF NOT EXISTS run (
    id TEXT PRIMARY KEY, command TEXT NOT NULL, started_at TEXT NOT NULL, state TEXT NOT NULL,
    finished_at TEXT NOT NULL, exit_code INTEGER, pid INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS step (
    run TEXT NOT NULL REFERENCES run (id), seq INTEGER NOT NULL, verb TEXT NOT NULL, node TEXT NOT NULL,
    state TEXT NOT NULL, started_at TEXT NOT NULL, seconds REAL NOT NULL, rows_in INTEGER NOT NULL,
    rows_out INTEGER NOT NULL, quarantined INTEGER NOT NULL, bytes_out INTEGER NOT NULL,
    digest TEXT NOT NULL, why TEXT NOT NULL, error TEXT NOT NULL,
    PRIMARY KEY (run, seq)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS step_node ON step (node, started_at);
CREATE TABLE IF NOT EXISTS batch (
    id TEXT PRIMARY KEY, dataset TEXT NOT NULL, source TEXT NOT NULL, digest TEXT NOT NULL,
    format TEXT NOT NULL, rows INTEGER NOT NULL, malformed INTEGER NOT NULL, bytes_in INTEGER NOT NULL,
    bytes_out INTEGER NOT NULL, files TEXT NOT NULL, malformed_file TEXT NOT NULL, columns TEXT NOT NULL,
    options TEXT NOT NULL, notes TEXT NOT NULL, run TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS batch_digest ON batch (dataset, digest);
CREATE INDEX IF NOT EXISTS batch_size ON batch (dataset, bytes_in);
CREATE TABLE IF NOT EXISTS file (
    path TEXT PRIMARY KEY, size INTEGER NOT NULL, modified INTEGER NOT NULL, changed INTEGER NOT NULL,
    digest TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS part (
    id TEXT PRIMARY KEY, dataset TEXT NOT NULL, batch TEXT NOT NULL, digest TEXT NOT NULL,
    contract TEXT NOT NULL, rows_in INTEGER NOT NULL, rows_out INTEGER NOT NULL,
    quarantined INTEGER NOT NULL, deduplicated INTEGER NOT NULL, bytes INTEGER NOT NULL,
    columns TEXT NOT NULL, run TEXT NOT NULL, purged_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS part_dataset ON part (dataset, batch);
CREATE TABLE IF NOT EXISTS decision (
    dataset TEXT NOT NULL, batch TEXT NOT NULL, row INTEGER NOT NULL, action TEXT NOT NULL,
    changes TEXT NOT NULL, run TEXT NOT NULL, made_at TEXT NOT NULL,
    PRIMARY KEY (dataset, batch, row)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS version (
    layer TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL, model TEXT NOT NULL,
    kind TEXT NOT NULL, rows INTEGER NOT NULL, bytes INTEGER NOT NULL, mode TEXT NOT NULL,
    inputs TEXT NOT NULL, parts TEXT NOT NULL, run TEXT NOT NULL, created_at TEXT NOT NULL,
    PRIMARY KEY (layer, name, version)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS applied (
    layer TEXT NOT NULL, name TEXT NOT NULL, part TEXT NOT NULL, digest TEXT NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (layer, name, part)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS edge (
    node TEXT NOT NULL, input TEXT NOT NULL, columns TEXT NOT NULL, run TEXT NOT NULL,
    PRIMARY KEY (node, input)
) WITHOUT ROWID;
"""

T = TypeVar("T", bound=msgspec.Struct)


@cache
def _fields(kind: type[msgspec.Struct]) -> dict[str, bool]:
    """Field name -> whether it is kept as JSON text."""
    return {
        f.name: not isinstance(f.type, (msgspec.inspect.StrType, msgspec.inspect.IntType,
                                        msgspec.inspect.FloatType, msgspec.inspect.LiteralType,
                                        msgspec.inspect.UnionType))
        for f in msgspec.inspect.type_info(kind).fields  # type: ignore[attr-defined]
    }  # fmt: skip


class Database:
    """Connections to one ledger file; one per thread, opened on first use, closed with this by any thread.

    The file is made, with its folder, when it is first written to.

    Args:
        path: the SQLite file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()

    def connection(self) -> sqlite3.Connection:
        """Return this thread's connection.

        Raises:
            ConfigError: the file is no ledger, or a newer dwkit wrote it.
            ReachError: it cannot be opened, or not be made.
        """
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is not None:
            return found
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            con = self._opened()
        except sqlite3.OperationalError as error:
            raise self._explained(error) from error
        except sqlite3.DatabaseError as error:
            raise ConfigError(f"not a ledger: {error}", place=str(self.path), hint="dwkit repair") from error
        # Else the collector would, at some time or never: a connection and its cached statements refer to each
        # other. What was written ahead goes into the ledger's file with the last close.
        finalize(self, con.close)
        self._local.connection = con
        return con

    def _opened(self) -> sqlite3.Connection:
        if self.path.is_file() and not os.access(self.path.parent, os.W_OK):
            # WAL needs a file beside the ledger even to read. Nobody writes here, unless a write is left over.
            wal = self.path.with_name(f"{self.path.name}-wal")
            whole = not wal.exists() or wal.stat().st_size == 0
            uri = f"{self.path.absolute().as_uri()}?mode=ro{'&immutable=1' if whole else ''}"
            con = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
            con.row_factory = sqlite3.Row
            return con
        con = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)
        con.row_factory = sqlite3.Row
        try:
            con.execute("PRAGMA journal_mode = WAL")
            con.execute("PRAGMA synchronous = NORMAL")
            con.execute("PRAGMA foreign_keys = ON")
            self._migrate(con)
        except BaseException:
            con.close()
            raise
        return con

    def put_aside(self) -> str:
        """Rename a file that is no ledger, so that a new one can be made; return its new name.

        Returns:
            Empty when the ledger can be read.

        Raises:
            ConfigError: a newer dwkit wrote it.
        """
        if not self.path.exists():
            return ""
        try:
            if self.connection().execute("PRAGMA quick_check").fetchone()[0] == "ok":
                return ""
        except ConfigError as error:
            if not isinstance(error.__cause__, sqlite3.DatabaseError):
                raise
        except sqlite3.OperationalError as error:
            raise self._explained(error) from error
        except sqlite3.DatabaseError:
            pass
        self.close()
        aside = self.path.with_name(f"{self.path.name}.damaged")
        for ending in ("-wal", "-shm"):
            self.path.with_name(self.path.name + ending).unlink(missing_ok=True)
        self.path.replace(aside)
        return aside.name

    def close(self) -> None:
        """Close this thread's connection."""
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is not None:
            found.close()
            self._local.connection = None

    def _explained(self, error: sqlite3.OperationalError) -> DwkitError:
        if "locked" in str(error):
            return ConflictError("the ledger is locked by another process", hint="try again")
        return ReachError(
            f"cannot write the ledger {self.path}: {error}",
            hint=f"what was finished is kept; df {self.path.parent} and ls -ld {self.path.parent} show room and owner",
        )

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run the block in one write transaction; roll back on any error.

        Raises:
            ConflictError: another process held the ledger for more than 30 seconds.
            ReachError: the disk is full, or the ledger may only be read.
        """
        con = self.connection()
        if con.in_transaction:
            yield con
            return
        try:
            con.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise self._explained(error) from error
        try:
            yield con
            con.execute("COMMIT")
        except BaseException as error:
            # A full disk has rolled back already.
            if con.in_transaction:
                con.execute("ROLLBACK")
            if isinstance(error, sqlite3.OperationalError):
                raise self._explained(error) from error
            raise

    def put(self, table: str, value: msgspec.Struct) -> None:
        """Insert ``value`` as a row, replacing the row with its key."""
        kinds = _fields(type(value))
        row: dict[str, object] = {
            name: msgspec.json.encode(getattr(value, name)).decode() if as_json else getattr(value, name)
            for name, as_json in kinds.items()
        }
        marks = ", ".join(f":{name}" for name in row)
        with self.transaction() as con:
            con.execute(f"INSERT OR REPLACE INTO {table} ({', '.join(row)}) VALUES ({marks})", row)

    def rows(self, kind: type[T], sql: str, *args: object) -> list[T]:
        """Return the rows of a query as structs of ``kind``."""
        kinds = _fields(kind)
        found: list[T] = []
        for row in self.connection().execute(sql, args):
            record: dict[str, Any] = {
                name: msgspec.json.decode(row[name]) if kinds[name] else row[name]
                for name in row.keys()  # noqa: SIM118 - sqlite3.Row is no mapping
                if name in kinds
            }
            found.append(msgspec.convert(record, kind, strict=False))
        return found

    def _migrate(self, con: sqlite3.Connection) -> None:
        version = con.execute("PRAGMA user_version").fetchone()[0]
        if version == VERSION:
            return
        if version > VERSION:
            raise ConfigError(
                f"written by a newer dwkit (ledger format {version}, this one reads {VERSION})",
                place=str(self.path),
                hint="pip install --upgrade dwkit",
            )
        con.execute("BEGIN IMMEDIATE")
        if con.execute("PRAGMA user_version").fetchone()[0] != VERSION:
            # What format 2 calls decisions, format 1 called repairs; all else that it has is new.
            if con.execute("SELECT 1 FROM sqlite_master WHERE name = 'repair'").fetchone():
                con.execute("ALTER TABLE repair RENAME TO decision")
            for statement in SCHEMA.split(";"):
                if statement.strip():
                    con.execute(statement)
            con.execute(f"PRAGMA user_version = {VERSION}")
        con.execute("COMMIT")
