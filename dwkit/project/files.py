"""Files of any kind as typed tables, for ``FROM 'x.csv'``."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from dwkit.errors import DataError
from dwkit.lake.sources import detect, expand, extracts
from dwkit.model.source import ReadOptions

if TYPE_CHECKING:
    import polars as pl

__all__ = ["scan_file"]


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
    from dwkit.staging import typed

    return typed(tables[0].rows.drop("_row"))
