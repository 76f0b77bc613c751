"""A project folder whose staged parts are written straight through storage and ledger."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from dwkit.ledger import Ledger
from dwkit.model.batch import Part
from dwkit.model.header import ColumnHeader, Header, Lookup, Model
from dwkit.model.ids import new_id
from dwkit.storage.delta import Table
from dwkit.storage.layout import Layout
from dwkit.storage.parquet import sink
from dwkit.storage.tables import scan_parts
from dwkit.storage.types import schema_text


class Shop:
    """A project: ``stage`` makes parts, ``load`` and ``mart`` call the steps, ``table`` reads what they made."""

    def __init__(self, root: Path) -> None:
        self.layout = Layout(root)
        self.ledger = Ledger(self.layout.ledger)
        self.views: dict[str, Any] = {}

    def stage(
        self,
        dataset: str,
        rows: pl.DataFrame,
        *,
        part: str | None = None,
        batch: str | None = None,
        digest: str | None = None,
    ) -> Part:
        batch = batch or part or new_id()
        part = part or batch
        rows = rows.with_columns(
            pl.lit(batch).alias("_batch"),
            pl.int_range(1, rows.height + 1, dtype=pl.Int64, eager=True).alias("_row"),
        )
        written = sink(rows.lazy(), self.layout.part(dataset, part))
        made = Part(
            id=part,
            dataset=dataset,
            batch=batch,
            digest=digest or hashlib.sha256(rows.write_ndjson().encode() + part.encode()).hexdigest(),
            contract="c",
            rows_in=rows.height,
            rows_out=rows.height,
            bytes=written.bytes,
            columns=schema_text({n: t for n, t in rows.schema.items() if not n.startswith("_")}),
        )
        self.ledger.add_part(made)
        return made

    def purge(self, part: Part) -> None:
        self.layout.part(part.dataset, part.id).unlink()
        self.ledger.add_part(msgspec.structs.replace(part, purged_at="2026-01-01T00:00:00.000Z"))

    def scan(self, name: str) -> pl.LazyFrame:
        layer, _, table = name.partition(".")
        if layer == "staging":
            return scan_parts(self.layout, self.ledger.parts(table))
        if layer in ("warehouse", "marts"):
            return Table(self.layout.table(layer, table)).scan()  # type: ignore[arg-type]
        path = Path(name)
        return pl.scan_csv(path if path.is_absolute() else self.layout.root / path)

    def load(self, model: Model, **options: Any) -> Any:
        from dwkit.warehouse import load_table

        run = self.ledger.start(f"load {model.name}")
        with run.step("load", f"warehouse.{model.name}") as step:
            result = load_table(
                model,
                layout=self.layout,
                ledger=self.ledger,
                run=run.id,
                step=step,
                dialect="duckdb",
                scan=self.scan,
                **options,
            )
        run.finish(0)
        return result

    def mart(self, model: Model, **options: Any) -> Any:
        from dwkit.marts import build_mart
        from dwkit.tables.inputs import fingerprint_of

        run = self.ledger.start(f"mart {model.name}")
        with run.step("mart", f"marts.{model.name}") as step:
            result = build_mart(
                model,
                layout=self.layout,
                ledger=self.ledger,
                run=run.id,
                step=step,
                dialect="duckdb",
                scan=self.scan,
                fingerprint=lambda name: fingerprint_of(name, layout=self.layout, ledger=self.ledger),
                **options,
            )
        run.finish(0)
        return result

    def delta(self, name: str, layer: str = "warehouse") -> Table:
        return Table(self.layout.table(layer, name))  # type: ignore[arg-type]

    def table(self, name: str, layer: str = "warehouse") -> pl.DataFrame:
        return self.delta(name, layer).scan().collect()


def dimension(name: str = "dim_customer", *, sql: str = "", **header: Any) -> Model:
    header.setdefault("key", ["customer_id"])
    return Model(
        layer="warehouse",
        name=name,
        header=Header(kind="dimension", **header),
        sql=sql or "SELECT * FROM staging.customers",
    )


def fact(name: str = "fact_order", *, sql: str = "", **header: Any) -> Model:
    return Model(
        layer="warehouse",
        name=name,
        header=Header(kind="fact", **header),
        sql=sql or "SELECT * FROM staging.orders",
    )


def mart(name: str = "sales", *, sql: str, **header: Any) -> Model:
    return Model(layer="marts", name=name, header=Header(**header), sql=sql)


__all__ = ["ColumnHeader", "Header", "Lookup", "Model", "Shop", "dimension", "fact", "mart"]
