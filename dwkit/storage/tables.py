"""Scans of the lake and of the staging area, over the batches and parts that the ledger lists."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from dwkit.errors import DataError
from dwkit.model.batch import Batch, Part
from dwkit.storage.layout import Layout
from dwkit.storage.parquet import scan_union

__all__ = ["MALFORMED_SCHEMA", "scan_batches", "scan_malformed", "scan_parts"]

MALFORMED_SCHEMA: dict[str, pl.DataType] = {
    "_batch": pl.String(),
    "_row": pl.Int64(),
    "line": pl.Int64(),
    "raw": pl.String(),
    "reason": pl.String(),
}
"""Columns of the records of a batch that have no fields to speak of (ragged rows, unmatched lines)."""


def scan_batches(layout: Layout, batches: Sequence[Batch]) -> pl.LazyFrame:
    """Scan lake batches of one dataset as one table: the raw columns, ``_batch`` and ``_row``.

    Raises:
        DataError: a file of a batch is missing or damaged.
    """
    return _scan([layout.batch(b.dataset, b.id) / f for b in batches for f in b.files], "dwkit doctor")


def scan_malformed(layout: Layout, batches: Sequence[Batch]) -> pl.LazyFrame:
    """Scan the malformed records of batches, with the columns of `MALFORMED_SCHEMA`."""
    files = [layout.batch(b.dataset, b.id) / b.malformed_file for b in batches if b.malformed_file]
    if not files:
        return pl.LazyFrame(schema=MALFORMED_SCHEMA)
    return _scan(files, "dwkit doctor").select(MALFORMED_SCHEMA.keys())


def scan_parts(layout: Layout, parts: Sequence[Part]) -> pl.LazyFrame:
    """Scan staged parts of one dataset as one table: the contract's columns, ``_batch`` and ``_row``.

    Raises:
        DataError: a part's file is missing, for instance because someone removed it.
    """
    hint = f"dwkit stage {parts[0].dataset} --force" if parts else ""
    return _scan([layout.part(p.dataset, p.id) for p in parts], hint)


def _scan(files: Sequence[Path], hint: str) -> pl.LazyFrame:
    found = []
    for path in files:
        try:
            found.append((path, dict(pl.read_parquet_schema(path))))
        except (OSError, pl.exceptions.PolarsError) as error:
            raise DataError(f"{path} cannot be read: {error}", hint=hint) from error
    return scan_union(found)
