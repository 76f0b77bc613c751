"""What is staged: the raw rows of a batch, through the SQL step where the dataset has one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from dwkit.errors import ConfigError, NotFoundError, SqlError, UsageError
from dwkit.ledger import Ledger
from dwkit.ledger.ledger import Decision
from dwkit.model.batch import Batch, Part
from dwkit.model.contract import Contract
from dwkit.model.header import Model
from dwkit.staging.pipeline import Rulebook
from dwkit.staging.rows import Decisions, raw_rows
from dwkit.storage.layout import Layout

__all__ = ["Source", "Tables", "first_part", "in_order", "lake_of"]

Tables = Callable[[str], pl.LazyFrame]
"""Resolves ``layer.table``."""


def first_part(dataset: str, batch: Batch) -> str:
    """Return the id of the first part that staging makes of a batch: the batch's own.

    A dataset that a SQL step makes from another dataset's batches has ids of its own, which sort
    by the same time.
    """
    if dataset == batch.dataset:
        return batch.id
    return batch.id[:24] + hashlib.sha256(f"{dataset}/{batch.id}".encode()).hexdigest()[:12]


def in_order(parts: Sequence[Part]) -> dict[str, list[Part]]:
    """Return the parts by batch, the first part of each first."""
    found: dict[str, list[Part]] = {}
    for part in sorted(parts, key=lambda p: p.id):
        found.setdefault(part.batch, []).append(part)
    return found


@dataclass(frozen=True)
class Source:
    """The rows of one staged dataset, batch by batch.

    Args:
        lake: dataset of the lake whose batches are staged; mostly of the same name.
        sql_step: model of ``models/staging``, or None.
        tables: resolves the other tables that the SQL step and the rules name.
    """

    dataset: str
    lake: str
    layout: Layout
    ledger: Ledger
    sql_step: Model | None
    tables: Tables
    dialect: str

    def batches(self) -> list[Batch]:
        """Return the lake's batches, oldest first.

        Raises:
            NotFoundError: there are none.
        """
        found = self.ledger.batches(self.lake)
        if not found:
            known = self.ledger.datasets()
            hint = "" if known else f"dwkit ingest FILE --into {self.lake}"
            raise NotFoundError("dataset in the lake", self.lake, known, hint=hint)
        return found

    def decided(self, batch: Batch) -> Decisions:
        """Return what people decided about the rows of a batch."""
        return self._decisions.get(batch.id, Decisions())

    @cached_property
    def _decisions(self) -> dict[str, Decisions]:
        by_batch: dict[str, list[Decision]] = {}
        for decision in self.ledger.decisions(self.dataset):
            by_batch.setdefault(decision.batch, []).append(decision)
        return {batch: Decisions.of(made) for batch, made in by_batch.items()}

    def rows_before_step(self, batch: Batch) -> pl.LazyFrame:
        """Return the raw rows of a batch, with their fixes."""
        return raw_rows(self.layout, batch, self.decided(batch))

    def rows(self, batch: Batch, only: Sequence[int] | None = None) -> pl.LazyFrame:
        """Return the rows of a batch, or those of some raw rows, with ``_batch`` and ``_row``.

        Raises:
            DataError: a file of the lake is missing.
            SqlError: the SQL step is wrong.
        """
        raw = raw_rows(self.layout, batch, self.decided(batch), only)
        if self.sql_step is None:
            return raw
        return _stepped(self.sql_step, self.lake, raw, self.tables, self.dialect)

    def recipe(self, contract: Contract) -> str:
        """Digest of what is done to a batch: contract and SQL step."""
        if self.sql_step is None:
            return contract.digest
        return hashlib.sha256(f"{contract.digest} {self.sql_step.digest}".encode()).hexdigest()

    def rulebook(self, contract: Contract) -> Rulebook:
        """Look up what the contract's rules refer to.

        Raises:
            ConfigError: a referenced table or column is not there, or an expression is wrong.
        """
        references: dict[str, pl.Series] = {}
        for name, rules in contract.columns.items():
            if not rules.references or rules.references in references:
                continue
            try:
                references[rules.references] = self._values(rules.references)
            except UsageError as error:
                raise ConfigError(
                    error.message, keys=["columns", name, "references"], hint=error.hint
                ) from None
        return Rulebook(
            contract,
            references=references,
            expressions=self._conditions(contract),
            many=self.sql_step is not None,
        )

    def _values(self, reference: str) -> pl.Series:
        table, dot, column = reference.rpartition(".")
        if not dot:
            raise UsageError(
                f"references = {reference!r} names no column", hint='for instance "warehouse.dim_x.id"'
            )
        name = table if "." in table else f"staging.{table}"
        if name == f"staging.{self.dataset}":
            raise UsageError(
                "a dataset cannot refer to itself: its rows are checked before they are staged",
                hint="test it in a warehouse model",
            )
        frame = self.tables(name)
        known = frame.collect_schema().names()
        if column not in known:
            raise NotFoundError(f"column of {name}", column, known)
        found = frame.select(pl.col(column).drop_nulls().unique()).collect(engine="streaming")
        return found.to_series().sort()

    def _conditions(self, contract: Contract) -> list[tuple[str, pl.Expr]]:
        if not contract.expressions:
            return []
        from dwkit.sql import condition
        from dwkit.storage.types import to_polars

        schema = {n: to_polars(r.type) for n, r in contract.columns.items()}
        made = []
        for i, rule in enumerate(contract.expressions):
            try:
                made.append((rule.name or rule.sql, condition(rule.sql, schema, self.dialect)))
            except SqlError as error:
                raise ConfigError(error.message, keys=["expressions", str(i)], hint=error.hint) from None
        return made


def _stepped(model: Model, lake: str, raw: pl.LazyFrame, tables: Tables, dialect: str) -> pl.LazyFrame:
    """Return what the SQL step makes of raw rows, each with the ``_batch`` and ``_row`` it came from."""
    from dwkit.sql import parse, to_lazy

    dialect = model.header.dialect or dialect
    query = parse(model.sql, dialect)
    given: dict[str, pl.LazyFrame] = {}
    for ref in query.tables:
        key = ref.file or (f"{ref.schema}.{ref.name}" if ref.schema else ref.name)
        own = ref.file is None and (ref.schema or "lake").lower() == "lake" and ref.name.lower() == lake
        given[key] = raw if own else tables(key if ref.file or ref.schema else f"staging.{ref.name}")
    own_columns = ["_batch", "_row"]
    frame: pl.LazyFrame = to_lazy(query, given, dialect)
    if set(own_columns) <= set(frame.collect_schema()):
        return frame
    if not query.is_plain:
        raise ConfigError(
            "the SQL step must make each of its rows from one raw row: without GROUP BY, DISTINCT or aggregates",
            place=model.path or f"staging.{model.name}",
            hint="put what goes over several rows into models/warehouse or models/marts",
        )
    stepped: pl.LazyFrame = to_lazy(query.with_columns_of_driver(own_columns), given, dialect)
    return stepped


def lake_of(dataset: str, model: Model | None, ledger: Ledger, dialect: str) -> str:
    """Return the dataset of the lake whose batches a staged dataset is made from.

    That is the one of its own name, else the one that its SQL step reads first.
    """
    if model is None or ledger.batches(dataset):
        return dataset
    from dwkit.sql import parse

    driver = parse(model.sql, model.header.dialect or dialect).driver
    if driver is None or driver.file is not None or (driver.schema or "lake").lower() != "lake":
        raise ConfigError(
            f"the SQL step of {dataset} must read its rows from a dataset of the lake",
            place=model.path or f"staging.{dataset}",
            hint=f"SELECT ... FROM lake.{dataset}",
        )
    return str(driver.name).lower()
