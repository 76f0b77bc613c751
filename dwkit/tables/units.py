"""Units of work: the pieces of a model's driving input that a load applies, each exactly once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from dwkit.errors import NotFoundError
from dwkit.ledger import Ledger
from dwkit.model.batch import Batch, Part
from dwkit.model.ids import time_of
from dwkit.storage.layout import Layout
from dwkit.storage.tables import scan_batches, scan_parts
from dwkit.storage.types import fitted, to_polars, unified

__all__ = ["BEGIN", "PROVENANCE", "Unit", "units_of"]

PROVENANCE: dict[str, pl.DataType] = {"_batch": pl.String(), "_row": pl.Int64()}
"""Columns that say which row of the lake a row came from."""

BEGIN = datetime(1900, 1, 1)  # noqa: DTZ001 - the warehouse's instants are naive UTC
"""The instant from which a row is valid that nothing dates."""


@dataclass(frozen=True)
class Unit:
    """One piece of the driving input: a staged part, a batch of the lake, or a whole table or file.

    Attributes:
        id: part id, batch id, or the input's name.
        digest: another digest means other rows.
        batch: id of the lake's batch; empty for a whole table or file.
        rows: rows in it; 0 when unknown.
        part: the staged part, if it is one.
        read: gives the rows, with ``_batch`` and ``_row`` where there are any.
    """

    id: str
    digest: str
    batch: str
    rows: int
    read: Callable[[], pl.LazyFrame]
    part: Part | None = field(default=None, repr=False)

    @property
    def at(self) -> datetime:
        """UTC instant (naive, microseconds) at which the batch was ingested; `BEGIN` without a batch."""
        return time_of(self.batch).replace(tzinfo=None) if self.batch else BEGIN


def units_of(
    name: str,
    *,
    layout: Layout,
    ledger: Ledger,
    scan: Callable[[str], pl.LazyFrame],
    fingerprint: Callable[[str], str],
) -> list[Unit]:
    """Return the units of a driving input in the order in which they are applied: by id.

    A dataset of the staging area has one unit for each part, one of the lake one for each batch; all
    units of a dataset have the same columns. Any other input is one unit whose digest is its
    fingerprint.

    Args:
        name: ``layer.table`` or the path of a file.

    Raises:
        NotFoundError: nothing was staged or ingested under that name yet.
    """
    layer, _, table = name.partition(".")
    if layer == "staging":
        parts = ledger.parts(table)
        if not parts:
            raise NotFoundError("staged dataset", table, hint=f"dwkit stage {table}")
        columns = _columns([p.columns for p in parts])
        return [
            Unit(p.id, p.digest, p.batch, p.rows_out, _part_reader(layout, p, columns), p)
            for p in sorted(parts, key=lambda p: p.id)
        ]
    if layer == "lake":
        batches = ledger.batches(table)
        if not batches:
            raise NotFoundError("dataset", table, hint=f"dwkit ingest FILE --into {table}")
        columns = _columns([b.columns for b in batches])
        return [
            Unit(b.id, b.digest, b.id, b.rows, _batch_reader(layout, b, columns))
            for b in sorted(batches, key=lambda b: b.id)
        ]
    return [Unit(name, fingerprint(name), "", 0, lambda: scan(name))]


def _columns(texts: Sequence[Mapping[str, str]]) -> dict[str, pl.DataType]:
    schemas = [{n: to_polars(t) for n, t in one.items() if n not in PROVENANCE} for one in texts]
    return unified(schemas) | PROVENANCE


def _part_reader(
    layout: Layout, part: Part, columns: Mapping[str, pl.DataType]
) -> Callable[[], pl.LazyFrame]:
    return lambda: _complete(scan_parts(layout, [part]), columns)


def _batch_reader(
    layout: Layout, batch: Batch, columns: Mapping[str, pl.DataType]
) -> Callable[[], pl.LazyFrame]:
    return lambda: _complete(scan_batches(layout, [batch]), columns)


def _complete(frame: pl.LazyFrame, columns: Mapping[str, pl.DataType]) -> pl.LazyFrame:
    """Give a frame the columns of its dataset; a column that no record of the ledger lists stays too."""
    have = dict(frame.collect_schema())
    extra = {n: t for n, t in have.items() if n not in columns}
    return fitted(frame, {**columns, **extra})
