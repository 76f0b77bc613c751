"""How far an ingest has come, counted on the rows as they pass."""

from __future__ import annotations

import threading
from collections.abc import Callable

import polars as pl

from dwkit.lake.sources import Extract
from dwkit.model.run import Seen

__all__ = ["Passed", "Watch"]

Watch = Callable[[Seen], None]
"""Called from several threads, each time that rows have passed."""


class Passed:
    """The rows and bytes of an ingest so far.

    Args:
        total: bytes of all files.
        watch: is told.
    """

    def __init__(self, total: int, watch: Watch) -> None:
        self._total, self._watch = total, watch
        self._rows = self._bytes = 0
        self._lock = threading.Lock()

    def counting(self, extract: Extract, source: str, size: int) -> pl.Expr:
        """Return ``_row`` unchanged, counting the rows of a file of ``size`` bytes.

        Where a reader knows about how many rows are to come, the bytes are in proportion to them.
        """
        passed, rows, size_before = 0, self._rows, self._bytes

        def count(values: pl.Series) -> pl.Series:
            nonlocal passed
            with self._lock:
                passed += len(values)
                share = min(1.0, passed / extract.approx_rows) if extract.approx_rows else 0.0
                self._rows, done = rows + passed, size_before + int(share * size)
                self._watch(Seen(source=source, rows=self._rows, bytes=done, total=self._total))
            return values

        return pl.col("_row").map_batches(count, return_dtype=pl.Int64, is_elementwise=True)

    def done(self, source: str, size: int) -> None:
        """Count a file as read."""
        with self._lock:
            self._bytes += size
            self._watch(Seen(source=source, rows=self._rows, bytes=self._bytes, total=self._total))
