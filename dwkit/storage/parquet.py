"""Parquet files: streaming writes, and reads of many files whose columns differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

import polars as pl

from dwkit.model.statistics import ColumnStatistics, TableStatistics
from dwkit.storage.aside import flushing
from dwkit.storage.types import unified

__all__ = ["Written", "compression", "counted", "scan_union", "sink", "statistics"]

# lz4 beats zstd on two cores: staging reads each lake file once or twice, and then it is history.
compression: Literal["lz4"] = "lz4"
# Rows in a group. A reader holds several groups at once: small ones bound its memory.
_GROUP = 65_536


class Written(NamedTuple):
    """A Parquet file that was written: its path, rows and bytes."""

    path: Path
    rows: int
    bytes: int


def sink(frame: pl.LazyFrame, path: Path, *, statistics: bool = True) -> Written:
    """Stream a frame into one Parquet file; memory is bounded by the batches under way.

    Args:
        statistics: of each column in each row group; text gains little by them.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with flushing(path):
        frame.sink_parquet(
            path, compression=compression, row_group_size=_GROUP, statistics=statistics, engine="streaming"
        )
    return counted(path)


def counted(path: Path) -> Written:
    """Return the rows and bytes of a Parquet file, from its footer."""
    rows = int(pl.scan_parquet(path, glob=False).select(pl.len()).collect().item())
    return Written(path, rows, path.stat().st_size)


def statistics(paths: Sequence[Path]) -> TableStatistics:
    """Return the rows of Parquet files and the bounds of their columns, from their footers."""
    found = [_statistics(path, path.stat().st_mtime_ns) for path in paths]
    if len(found) == 1:
        return found[0]
    columns: dict[str, ColumnStatistics] = {}
    for name in found[0].columns if found else ():
        parts = [f.columns.get(name, ColumnStatistics()) for f in found]
        lows, highs = [p.low for p in parts], [p.high for p in parts]
        nulls = [p.nulls for p in parts]
        columns[name] = ColumnStatistics(
            None if None in lows else min(lows),
            None if None in highs else max(highs),
            None if None in nulls else sum(n for n in nulls if n is not None),
        )
    return TableStatistics(sum(f.rows for f in found), columns)


@lru_cache(maxsize=4096)
def _statistics(path: Path, _changed: int) -> TableStatistics:
    """Return the statistics of one file; it is read again when it has changed."""
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(path)
    columns: dict[str, ColumnStatistics] = {}
    for index in range(metadata.num_columns):
        chunks = [metadata.row_group(g).column(index) for g in range(metadata.num_row_groups)]
        name = chunks[0].path_in_schema if chunks else ""
        parts = [c.statistics for c in chunks]
        if not parts or any(p is None or not p.has_min_max for p in parts) or "." in name:
            continue
        lows, highs = [p.min for p in parts], [p.max for p in parts]
        if isinstance(lows[0], (str, bytes)):
            continue  # may be cut off
        columns[name] = ColumnStatistics(
            min(lows),
            max(highs),
            sum(p.null_count for p in parts) if all(p.has_null_count for p in parts) else None,
        )
    return TableStatistics(metadata.num_rows, columns)


def scan_union(files: Sequence[tuple[Path, Mapping[str, pl.DataType]]]) -> pl.LazyFrame:
    """Scan files as one table by column name.

    Columns that a file lacks are NULL; a column whose types differ takes the narrowest type that
    holds both, text in the last resort. Files of one schema are one scan.

    Args:
        files: path and schema of each, in the order of their rows.
    """
    groups: list[tuple[Mapping[str, pl.DataType], list[Path]]] = []
    for path, schema in files:
        if groups and dict(groups[-1][0]) == dict(schema) and list(groups[-1][0]) == list(schema):
            groups[-1][1].append(path)
        else:
            groups.append((schema, [path]))
    scans = [pl.scan_parquet(paths, hive_partitioning=False, glob=False) for _, paths in groups]
    if len(scans) == 1:
        return scans[0]
    wanted = unified(schema for schema, _ in groups)
    aligned = [
        scan.select(
            pl.col(name).cast(dtype) if name in schema else pl.lit(None, dtype=dtype).alias(name)
            for name, dtype in wanted.items()
        )
        for scan, (schema, _) in zip(scans, groups, strict=True)
    ]
    return pl.concat(aligned, how="vertical")
