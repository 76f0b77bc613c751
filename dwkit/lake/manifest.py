"""Manifests: each batch folder describes itself, so that the ledger can be made again from the lake."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from dwkit.errors import DataError
from dwkit.ledger import Ledger
from dwkit.model.batch import Batch
from dwkit.storage.layout import Layout

__all__ = ["MANIFEST", "adopt", "datasets", "write_manifest"]

MANIFEST = "_batch.json"


def write_manifest(folder: Path, batch: Batch) -> None:
    """Write the manifest of a batch that is being made in ``folder``."""
    (folder / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(batch), indent=2))


def datasets(layout: Layout) -> list[str]:
    """Return the datasets that have a folder in the lake."""
    lake = layout.root / "lake"
    return sorted(d.name for d in lake.iterdir() if d.is_dir()) if lake.is_dir() else []


def adopt(layout: Layout, ledger: Ledger, dataset: str) -> list[Batch]:
    """Enter in the ledger the batches of a dataset that were committed but not entered.

    That happens when a process is killed between the two, or when the ledger was lost.

    Raises:
        DataError: a manifest cannot be read.
    """
    home = layout.dataset(dataset)
    there = os.listdir(home) if home.is_dir() else []  # noqa: PTH208 - Path objects cost more than all else here
    known = ledger.batch_ids(dataset)
    adopted = []
    for name in sorted(n for n in there if n.startswith("batch=") and n.removeprefix("batch=") not in known):
        folder = home / name
        if not (folder / MANIFEST).is_file():
            continue
        try:
            batch = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Batch)
        except (OSError, msgspec.MsgspecError) as error:
            raise DataError(f"{folder / MANIFEST} cannot be read: {error}", hint="dwkit doctor") from None
        ledger.add_batch(batch)
        adopted.append(batch)
    return adopted
