"""Files of any kind as typed tables, for ``FROM 'x.csv'``."""

from __future__ import annotations

import atexit
import shlex
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from dwkit.errors import DataError, UsageError
from dwkit.lake.sources import detect, expand, extracts
from dwkit.model.source import ReadOptions

if TYPE_CHECKING:
    import polars as pl

    from dwkit.lake.sources import Extract

__all__ = ["query_files", "scan_file"]


def scan_file(spec: str, *, cwd: Path | None = None) -> pl.LazyFrame:
    """Return the typed rows of the files that a path or glob names, one below the other.

    Text formats get the types that `dwkit stage` would infer, over all rows.

    Raises:
        ReachError: there is no such file.
        DataError: it cannot be read, or holds several tables.
    """
    import polars as pl

    frames = [_one(path) for path in expand(spec, cwd or Path.cwd())]
    return frames[0] if len(frames) == 1 else pl.concat(frames, how="diagonal_relaxed")


def query_files(
    sql: str, *, dialect: str = "duckdb", params: Mapping[str, object] | None = None
) -> pl.LazyFrame:
    """Return the rows of a query that reads files only, outside any project.

    Raises:
        UsageError: it reads a table, which only a project has.
    """
    from dwkit.sql import parse, to_lazy

    parsed = parse(sql, dialect, params=params)
    for ref in parsed.tables:
        if ref.file is None:
            raise UsageError(
                f"no table {ref.name!r}: there is no project here, only files can be read",
                hint="select * from 'file.csv', or -C DIR for a project",
            )
    return to_lazy(parsed, {r.file: scan_file(r.file) for r in parsed.tables if r.file}, dialect)


def _one(path: Path) -> pl.LazyFrame:
    import polars as pl

    if detect(path, ReadOptions()) == "parquet":
        return pl.scan_parquet(path)
    work = Path(tempfile.mkdtemp(prefix="dwkit-"))
    atexit.register(shutil.rmtree, work, ignore_errors=True)
    tables = list(extracts(path, ReadOptions(), work, name=path.name))
    if len(tables) != 1:
        names = ", ".join(t.member for t in tables)
        raise DataError(f"{path.name} holds {len(tables)} tables: {names}", hint=f"dwkit ingest {path.name}")
    table, rows = tables[0], work / "rows.parquet"
    # Written first: only then is every record accounted for, and the text is read once, not at each pass.
    table.write(lambda raw: raw.sink_parquet(rows, compression="lz4", engine="streaming"))
    _require_whole(path, table)
    from dwkit.staging import typed

    return typed(pl.scan_parquet(rows, glob=False).drop("_row"))


def _require_whole(path: Path, table: Extract) -> None:
    """Refuse a file some of whose records are no rows: a query has no quarantine to keep them in."""
    malformed = table.malformed()
    if malformed is None:
        return
    records = malformed.sort("_row").collect()
    first = records.row(0, named=True)
    place = f"line {first['line']}" if first["line"] is not None else f"record {first['_row']}"
    shown = first["raw"] if len(first["raw"]) <= 80 else first["raw"][:77] + "..."
    more = f" (and {records.height - 1} more like it)" if records.height > 1 else ""
    raise DataError(
        f"{path.name}, {place}: {first['reason']}: {shown!r}{more}",
        hint=f"dwkit ingest {shlex.quote(str(path))} --into NAME keeps such records in quarantine",
    )
