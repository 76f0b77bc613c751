"""Rows that are held back while a batch is staged: gathered in files, so that memory stays bounded."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from dwkit.staging.check import Failing, failures
from dwkit.staging.rows import HELD_SCHEMA, raw_json
from dwkit.storage.parquet import Written, sink

__all__ = ["Held", "Reason"]

_SPILL_ROWS = 50_000


@dataclass(frozen=True)
class Reason:
    """A rule that rows of a batch broke: how many, and values of the first rows."""

    column: str
    rule: str
    message: str
    rows: int
    examples: list[str]

    def __str__(self) -> str:
        shown = ", ".join(repr(e[:60]) for e in self.examples)
        shown += ", ..." if self.rows > len(self.examples) else ""
        subject = f"{self.column} " if self.column else ""
        return f"{self.rows:,} x {subject}{self.message}" + (f" ({shown})" if self.examples else "")


class Held:
    """The rows of one batch that are held back, with their failures.

    Args:
        folder: scratch folder for the files; memory holds at most 50,000 rows of them.
    """

    def __init__(self, folder: Path) -> None:
        self.rows = 0
        self._mistyped: set[str] = set()
        self._folder = folder
        self._files: list[Path] = []
        self._waiting: list[pl.DataFrame] = []
        self._waiting_rows = 0
        self._lock = threading.Lock()

    def add(
        self, rows: pl.DataFrame, at: pl.Series, failing: Sequence[Failing], columns: Sequence[str]
    ) -> None:
        """Hold back rows of a batch of raw rows. Safe between threads.

        Args:
            rows: the raw rows, with ``_batch`` and ``_row``.
            at: positions of those that are held back.
            failing: what failed, over all of ``rows``.
            columns: the raw columns, for ``raw``; none when the raw row is looked up later.
        """
        picked = rows.select("_batch", "_row", *columns)[at]
        raw = raw_json(columns, rows.schema) if columns else pl.lit(None, dtype=pl.String).alias("raw")
        made = picked.select("_batch", "_row", raw).with_columns(failures(failing, at))
        self.append(made.select(HELD_SCHEMA.keys()))
        self._mistyped.update(one.column for one in failing if one.rule == "type")

    def append(self, made: pl.DataFrame) -> None:
        """Hold back rows that have the columns of a quarantine file already."""
        with self._lock:
            self.rows += made.height
            self._waiting.append(made.cast(pl.Schema(HELD_SCHEMA)))
            self._waiting_rows += made.height
            if self._waiting_rows >= _SPILL_ROWS:
                self._spill()

    def numbers(self) -> pl.Series:
        """Return ``_row`` of all rows held back, sorted."""
        found = self._scan().select("_row").unique().sort("_row").collect(engine="streaming")
        return found.to_series()

    def frame(self) -> pl.LazyFrame:
        """Return the rows, ordered by ``_row``; one row for each ``_row``, with all its failures."""
        return self._scan().sort("_row", maintain_order=True)

    def write(self, path: Path) -> Written:
        """Write the quarantine file."""
        return sink(self.frame(), path)

    def mistyped(self) -> list[str]:
        """Return the columns of which a value was not of its type."""
        return sorted(self._mistyped)

    def worst(self) -> list[Reason]:
        """Return what failed, most rows first."""
        flat = self.frame().explode("failures", empty_as_null=False).unnest("failures")
        grouped = flat.group_by("column", "rule", maintain_order=True).agg(
            pl.col("message").first(),
            pl.len().alias("rows"),
            pl.col("value").drop_nulls().head(3).alias("examples"),
        )
        found = grouped.sort("rows", descending=True, maintain_order=True).collect(engine="streaming")
        return [Reason(c or "", *rest) for c, *rest in found.iter_rows()]

    def _spill(self) -> None:
        path = self._folder / f"held-{len(self._files)}.parquet"
        pl.concat(self._waiting).write_parquet(path, compression="lz4")
        self._files.append(path)
        self._waiting, self._waiting_rows = [], 0

    def _scan(self) -> pl.LazyFrame:
        with self._lock:
            waiting = [f.lazy() for f in self._waiting]
            files = [pl.scan_parquet(self._files, glob=False)] if self._files else []
        frames = files + waiting
        return pl.concat(frames) if frames else pl.LazyFrame(schema=HELD_SCHEMA)
