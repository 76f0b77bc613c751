"""Batches of the lake, written straight from frames: for tests that begin at the lake."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import polars as pl

from dwkit.errors import NotFoundError
from dwkit.ledger import Ledger
from dwkit.model.batch import Batch
from dwkit.model.ids import new_id
from dwkit.storage.layout import Layout
from dwkit.storage.tables import MALFORMED_SCHEMA
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
