"""Batches of the lake, parts of the staging area, versions of the tables."""

from __future__ import annotations

from datetime import datetime

import msgspec

from dwkit.model.ids import time_of

__all__ = ["Batch", "Part", "TableVersion"]


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """What one ingest brought for one dataset; immutable. Its manifest is ``_batch.json`` beside the rows.

    ``files`` are relative to the batch's folder; ``columns`` maps raw names to type texts.
    """

    id: str
    dataset: str
    source: str
    digest: str
    format: str
    rows: int
    malformed: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    files: list[str] = []
    malformed_file: str = ""
    columns: dict[str, str] = {}
    options: dict[str, object] = {}
    notes: list[str] = []
    run: str = ""

    @property
    def created_at(self) -> datetime:
        """UTC instant of the ingest, from the id."""
        return time_of(self.id)


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of one batch that passed the contract: one file of the staging area.

    The first part of a batch has the batch's id; rows that were replayed from quarantine come as
    further parts with ids of their own. ``digest`` covers batch, contract and decisions: a part with
    another digest holds other rows.
    """

    id: str
    dataset: str
    batch: str
    digest: str
    contract: str
    rows_in: int
    rows_out: int
    quarantined: int = 0
    deduplicated: int = 0
    bytes: int = 0
    columns: dict[str, str] = {}
    run: str = ""
    purged_at: str = ""
    """UTC instant at which retention removed the file; the lake can give it back."""


class TableVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One committed version of a warehouse or mart table.

    ``inputs`` maps each input node to what was read of it: part ids and digests for staging, a Delta
    version for tables. ``model`` is the digest of the model that made it.
    """

    layer: str
    name: str
    version: int
    model: str
    kind: str
    rows: int
    bytes: int
    mode: str
    inputs: dict[str, str] = {}
    parts: list[str] = []
    run: str = ""
    created_at: str = ""
