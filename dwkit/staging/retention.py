"""Retention: staged rows are removed when all that read them have loaded them; the lake keeps the raw ones."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
import polars as pl

from dwkit.ledger import Ledger
from dwkit.ledger.runs import now
from dwkit.model.batch import Part
from dwkit.model.retention import parse_policy
from dwkit.staging.commit import rows_file
from dwkit.staging.source import in_order
from dwkit.storage.aside import commit_file, scratch
from dwkit.storage.layout import Layout
from dwkit.storage.locks import writing
from dwkit.storage.parquet import sink

__all__ = ["purge"]


def purge(layout: Layout, ledger: Ledger, policy: str, loaded: Callable[[Part], bool]) -> list[Part]:
    """Remove the files of parts that are loaded and older than the policy allows.

    Args:
        policy: see `parse_policy`; a part's age is that of its file.
        loaded: tells whether every table that reads a part's dataset has applied it.

    Returns:
        The parts that were purged, with ``purged_at``.

    Raises:
        UsageError: the policy is none.
        ConflictError: a dataset is being staged.
    """
    age = parse_policy(policy)
    purged: list[Part] = []
    if age is None:
        return purged
    for dataset in sorted({p.dataset for p in ledger.parts()}):
        with writing(layout.locks, f"staging.{dataset}"):
            for parts in in_order(ledger.parts(dataset)).values():
                for i, part in enumerate(parts):
                    path = layout.part(dataset, part.id)
                    if not path.is_file():
                        continue
                    if part.purged_at:
                        # A kill came between the ledger and the file.
                        path.unlink()
                        continue
                    if time.time() - path.stat().st_mtime < age or not loaded(part):
                        continue
                    if i:
                        _keep_rows(layout, part)
                    gone = msgspec.structs.replace(part, purged_at=now())
                    ledger.add_part(gone)
                    path.unlink()
                    purged.append(gone)
    return purged


def _keep_rows(layout: Layout, part: Part) -> None:
    """Note which rows a replayed part has, so that it can be made again as it was."""
    with scratch(layout.scratch) as folder:
        rows = pl.scan_parquet(layout.part(part.dataset, part.id), glob=False).select("_row")
        commit_file(sink(rows, folder / "rows.parquet").path, rows_file(layout, part.dataset, part.id))
