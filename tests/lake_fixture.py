"""A lake to test with: batches written straight from frames, and files ingested by the Python function."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from dwkit.errors import NotFoundError
from dwkit.lake.ingest import Ingested, Request, ingest
from dwkit.ledger import Ledger
from dwkit.model.batch import Batch
from dwkit.model.ids import new_id
from dwkit.model.source import ReadOptions
from dwkit.storage.layout import Layout
from dwkit.storage.tables import MALFORMED_SCHEMA, scan_batches, scan_malformed
from dwkit.storage.types import schema_text


@dataclass
class Lake:
    """A project folder with a lake and a ledger."""

    root: Path
    frames: dict[str, pl.LazyFrame] = field(default_factory=dict)
    """Tables that references and SQL steps find, by ``layer.table``."""

    @property
    def layout(self) -> Layout:
        return Layout(self.root)

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.layout.ledger)

    @property
    def tables(self) -> Callable[[str], pl.LazyFrame]:
        def find(name: str) -> pl.LazyFrame:
            if name not in self.frames:
                raise NotFoundError("table", name, self.frames)
            return self.frames[name]

        return find

    def batch(
        self,
        dataset: str,
        frame: pl.DataFrame | dict[str, Sequence[object]],
        *,
        malformed: Sequence[str] = (),
        first_row: int = 1,
    ) -> Batch:
        """Write one batch; malformed records come after the rows and are numbered on."""
        return write_batch(self.layout, self.ledger, dataset, frame, malformed=malformed, first_row=first_row)

    def ingest(
        self,
        *sources: str | Path,
        into: str | None = None,
        force: bool = False,
        keep_original: bool = False,
        limit: int | None = None,
        stdin: Path | None = None,
        **options: Any,
    ) -> list[Ingested]:
        """Ingest as ``dwkit ingest`` does; paths are relative to the project's folder."""
        request = Request(
            sources=[str(s) for s in sources],
            into=into,
            options=ReadOptions(**options),
            force=force,
            keep_original=keep_original,
            limit=limit,
            stdin_file=stdin,
        )
        ledger = self.ledger
        self.root.mkdir(exist_ok=True)
        run = ledger.start("ingest")
        return ingest(request, layout=self.layout, ledger=ledger, run=run, cwd=self.root)

    def file(self, name: str, content: bytes | str) -> Path:
        """Write a file below the project's folder; text as UTF-8."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def read(self, name: str, content: bytes | str, **options: Any) -> pl.DataFrame:
        """Ingest one file that is one table, and return its raw columns and ``_row``."""
        (one,) = self.ingest(self.file(name, content), **options)
        return scan_batches(self.layout, [one.batch]).collect().drop("_batch")

    def rows(self, dataset: str) -> pl.DataFrame:
        """Return what the lake holds of a dataset, batch by batch."""
        return scan_batches(self.layout, self.ledger.batches(dataset)).collect()

    def malformed(self, dataset: str) -> list[tuple[int, int | None, str, str]]:
        """Return ``(_row, line, raw, reason)`` of the records that are no rows."""
        frame = scan_malformed(self.layout, self.ledger.batches(dataset)).collect()
        return frame.select("_row", "line", "raw", "reason").rows()


def write_batch(
    layout: Layout,
    ledger: Ledger,
    dataset: str,
    frame: pl.DataFrame | dict[str, Sequence[object]],
    *,
    malformed: Sequence[str] = (),
    first_row: int = 1,
) -> Batch:
    """Write a batch of the lake from a frame of raw columns, and enter it in the ledger."""
    rows = pl.DataFrame(frame)
    ident = new_id()
    folder = layout.batch(dataset, ident)
    folder.mkdir(parents=True)
    numbers = pl.int_range(first_row, first_row + rows.height, dtype=pl.Int64, eager=True)
    raw = rows.with_columns(pl.lit(ident).alias("_batch"), numbers.alias("_row"))
    raw.write_parquet(folder / "part-00000.parquet", compression="lz4")
    if malformed:
        start = first_row + rows.height
        bad = pl.DataFrame(
            {
                "_batch": [ident] * len(malformed),
                "_row": list(range(start, start + len(malformed))),
                "line": list(range(start + 1, start + 1 + len(malformed))),
                "raw": list(malformed),
                "reason": ["4 fields where the header has 3"] * len(malformed),
            },
            schema=MALFORMED_SCHEMA,
        )
        bad.write_parquet(folder / "malformed.parquet", compression="lz4")
    batch = Batch(
        id=ident,
        dataset=dataset,
        source=f"{dataset}.csv",
        digest=hashlib.sha256(ident.encode()).hexdigest(),
        format="csv",
        rows=rows.height,
        malformed=len(malformed),
        files=["part-00000.parquet"],
        malformed_file="malformed.parquet" if malformed else "",
        columns=schema_text(dict(rows.schema)),
    )
    (folder / "_batch.json").write_bytes(msgspec.json.encode(batch))
    ledger.add_batch(batch)
    return batch
