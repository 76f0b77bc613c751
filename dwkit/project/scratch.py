"""What SQL finds in a project: tables and files by name, what is known of them, and scratch sessions over them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dwkit.errors import SqlError, UsageError
from dwkit.model.names import check_dialect
from dwkit.model.statistics import TableStatistics
from dwkit.project.dependencies import resolve
from dwkit.project.files import file_statistics, scan_file

if TYPE_CHECKING:
    import polars as pl

    from dwkit.project.project import Project
    from dwkit.sql import Session, TableRef

__all__ = ["Sources", "scratch"]


class Sources:
    """Frames and statistics of what a query names.

    Args:
        project: has the tables; None where only files can be read.
        as_of: a version or an instant at which tables are read.
        place: where the SQL stands, for errors.
        cwd: what the paths of files start from, None for the working directory.
    """

    def __init__(
        self,
        project: Project | None,
        *,
        as_of: datetime | int | None = None,
        place: str = "",
        cwd: Path | None = None,
    ) -> None:
        self._project = project
        self._as_of = as_of
        self._place = place
        self._cwd = cwd
        self._known: set[str] = set()

    def frame(self, ref: TableRef) -> pl.LazyFrame:
        """Return the rows of a table or a file, not yet read.

        Raises:
            SqlError: there is no such table.
            ReachError: there is no such file.
        """
        if ref.file is not None:
            return scan_file(ref.file, cwd=self._cwd)
        if self._project is None:
            raise UsageError(
                f"no table {ref.name!r}: there is no project here, only files can be read",
                hint="select * from 'file.csv', or -C DIR for a project",
            )
        return self._project.catalog.scan(self._name(self._project, ref), self._as_of)

    def statistics(self, ref: TableRef) -> TableStatistics | None:
        """Return what is cheaply known of a table or a file that there is."""
        if ref.file is not None:
            return file_statistics(ref.file, cwd=self._cwd)
        if self._project is None:
            return None
        return self._project.catalog.statistics(self._name(self._project, ref), self._as_of)

    def _name(self, project: Project, ref: TableRef) -> str:
        try:
            return resolve(ref.schema, ref.name, self._known, self._place)
        except SqlError:  # it may have been made meanwhile
            self._known = project.catalog.names()
            return resolve(ref.schema, ref.name, self._known, self._place)


class _Files:
    """The files of COPY."""

    def __init__(self, cwd: Path | None = None) -> None:
        self._cwd = cwd

    def read(self, path: str, kind: str, options: Mapping[str, object]) -> pl.LazyFrame:
        """Return the typed rows of a file."""
        from dwkit.model.source import ReadOptions

        told: dict[str, object] = {}
        for name, value in options.items():
            match name:
                case "header":
                    told["header"] = str(value).lower() not in ("false", "0", "off")
                case "delimiter" | "delim" | "sep":
                    told["delimiter"] = str(value)
                case "quote" | "escape":
                    told[name] = str(value)
                case _:
                    raise UsageError(f"COPY FROM with {name.upper()} is not supported")
        return scan_file(path, cwd=self._cwd, options=ReadOptions(format=kind or None, **told))  # type: ignore[arg-type]

    def write(self, frame: pl.LazyFrame, path: str, kind: str, options: Mapping[str, object]) -> int:
        """Write a file; its suffix says how."""
        from dwkit.marts.export import export

        if options.get("header") not in (None, True, "true") or set(options) - {"header"}:
            words = ", ".join(o.upper() for o in options)
            raise UsageError(
                f"COPY TO with {words} is not supported", hint="without it, or dwkit query --format"
            )
        named = Path(path).suffix.lower().removeprefix(".")
        if kind and kind != named and named not in ("gz", "zst"):
            raise UsageError(f"COPY TO {path}: the suffix is not {kind}", hint=f"COPY ... TO '{path}.{kind}'")
        return export(frame, (self._cwd or Path.cwd()) / path).rows


_WHO = {
    "lake": "dwkit ingest adds to it",
    "staging": "dwkit stage makes it",
    "warehouse": "models change it, or --write",
    "marts": "models change it, or --write",
}


def scratch(
    project: Project | None,
    *,
    dialect: str | None = None,
    as_of: datetime | int | None = None,
    write: str = "",
    tell: Callable[[str], None] = lambda _: None,
) -> Session:
    """Return a session that reads the tables of a project and files, and has tables of its own in memory.

    Args:
        write: what was typed, for the ledger, where statements may change the warehouse and the marts.
        tell: is told what a person should know of such a change.

    Raises:
        UsageError: there is no such dialect, there are no earlier versions since there is no project, or what
            was then is to be changed.
    """
    from dwkit.project.write import LayerTables
    from dwkit.sql import Session

    if write and project is None:
        raise UsageError("there is no project here whose tables could be changed", hint="-C DIR names one")
    if write and as_of is not None:
        raise UsageError("what was then cannot be changed", hint="--as-of or --write, not both")

    if project is None and as_of is not None:
        raise UsageError(
            "files have no earlier versions and there is no project here",
            hint="-C DIR names a project; else leave out --as-of",
        )
    sources = Sources(project, as_of=as_of)
    own = project.config.dialect if project is not None else "duckdb"
    return Session(
        sources.frame,
        check_dialect(dialect or own),
        files=_Files(),
        statistics=sources.statistics,
        names=project.catalog.names if project is not None else None,
        reserved=_WHO,
        store=LayerTables(project, write, tell) if write and project is not None else None,
    )
