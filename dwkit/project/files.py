"""Files of any kind as typed tables, for ``FROM 'x.csv'``."""

from __future__ import annotations

import atexit
import shlex
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from dwkit.errors import DataError
from dwkit.lake.sources import detect, expand, extracts
from dwkit.model.source import ReadOptions
from dwkit.model.statistics import TableStatistics

if TYPE_CHECKING:
    import polars as pl

    from dwkit.lake.sources import Extract

__all__ = ["file_statistics", "scan_file"]


def scan_file(spec: str, *, cwd: Path | None = None, options: ReadOptions | None = None) -> pl.LazyFrame:
    """Return the typed rows of the files that a path or glob names, one below the other.

    Text formats get the types that `dwkit stage` would infer, over all rows.

    Args:
        options: how to read them, where that is not to be detected.

    Raises:
        ReachError: there is no such file.
        DataError: it cannot be read, or holds several tables.
    """
    import polars as pl

    options = options or ReadOptions()
    frames = [_one(path, options) for path in expand(spec, cwd or Path.cwd())]
    return frames[0] if len(frames) == 1 else pl.concat(frames, how="diagonal_relaxed")


def file_statistics(spec: str, *, cwd: Path | None = None) -> TableStatistics | None:
    """Return what the footers of Parquet files say; None of files that would have to be read."""
    from dwkit.storage.parquet import statistics

    paths = expand(spec, cwd or Path.cwd())
    if all(detect(path, ReadOptions()) == "parquet" for path in paths):
        return statistics(paths)
    return None


def _one(path: Path, options: ReadOptions) -> pl.LazyFrame:
    import polars as pl

    if detect(path, options) == "parquet":
        return pl.scan_parquet(path)
    work = Path(tempfile.mkdtemp(prefix="dwkit-"))
    atexit.register(shutil.rmtree, work, ignore_errors=True)
    tables = list(extracts(path, options, work, name=path.name))
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
