"""A model's SQL: what it reads, and the frame it gives for one unit of its driving input."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import polars as pl
import polars_hash  # noqa: F401 - gives expressions their hashes

from dwkit.errors import ConfigError, SqlError, did_you_mean
from dwkit.ledger import Ledger
from dwkit.model.header import Model
from dwkit.model.names import LAYERS
from dwkit.model.statistics import TableStatistics
from dwkit.sql import parse, to_lazy
from dwkit.storage.types import for_delta
from dwkit.tables.known import rows_in
from dwkit.tables.units import PROVENANCE, Unit

if TYPE_CHECKING:
    from dwkit.sql import Query, TableRef

__all__ = ["ModelQuery", "Scan"]

Scan = Callable[[str], pl.LazyFrame]
"""Gives all rows of ``layer.table`` or of a file."""


class ModelQuery:
    """A model's SQL, parsed, its tables resolved.

    Attributes:
        driver: the input that drives it, ``layer.table`` or a file: the first one of FROM. None when
            the SQL reads no table.
        others: its other inputs.

    Args:
        model: a model with SQL.
        dialect: the project's dialect; the model's own goes before it.
        ledger: tells which tables there are, for names without a layer.

    Raises:
        SqlError: the SQL does not parse.
    """

    def __init__(self, model: Model, *, dialect: str, ledger: Ledger) -> None:
        if not model.sql.strip():
            raise ConfigError("the model has no SQL", place=model.path or f"{model.layer}.{model.name}")
        self.model = model
        self.dialect = model.header.dialect or dialect
        with _in_file(model):
            self._query: Query = parse(model.sql, self.dialect)
        self._ledger = ledger
        self._names = {ref.key: _resolved(ref, ledger) for ref in self._query.tables}
        driver = self._query.driver
        self._driver_key = driver.key if driver is not None else ""
        self.driver: str | None = self._names[self._driver_key] if driver is not None else None
        self.others = tuple(dict.fromkeys(n for k, n in self._names.items() if n != self.driver))

    @property
    def is_plain(self) -> bool:
        """Whether each row of the result comes from one row of the driving input."""
        return self._query.is_plain

    def all(self, scan: Scan) -> pl.LazyFrame:
        """Return the rows over all inputs whole, with the types of a Delta table."""
        tables = {key: scan(name) for key, name in self._names.items()}
        with _in_file(self.model):
            frame = self._hashed(to_lazy(self._query, tables, self.dialect, statistics=self._known))
        return for_delta(frame, frame.collect_schema())

    def _known(self, key: str) -> TableStatistics | None:
        rows = rows_in(self._names[key], self._ledger)
        return TableStatistics(rows) if rows else None

    def _hashed(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        """Put the SHA-256 of its text in the place of every value that the header calls personal."""
        schema, hidden = frame.collect_schema(), [n for n, c in self.model.header.columns.items() if c.pii]
        for name in hidden:
            if name not in schema:
                place = self.model.path or f"{self.model.layer}.{self.model.name}"
                raise ConfigError(
                    f"columns.{name}: no such column", place=place, hint=did_you_mean(name, schema)
                )
        return frame.with_columns(pl.col(n).cast(pl.String).chash.sha2_256() for n in hidden)  # type: ignore[attr-defined]

    def over(self, unit: Unit, scan: Scan) -> pl.LazyFrame:
        """Return the rows over one unit of the driving input, with the types of a Delta table.

        The last columns are ``_batch`` and ``_row``. Where the SQL aggregates or joins so that a row of
        the result has no one row that it came from, they are the unit's batch and NULL.
        """
        driving = unit.read()
        tables = {key: driving if name == self.driver else scan(name) for key, name in self._names.items()}
        traced = self.is_plain and set(PROVENANCE) <= set(driving.collect_schema())
        query = self._query.with_columns_of_driver(list(PROVENANCE)) if traced else self._query
        with _in_file(self.model):
            frame = self._hashed(to_lazy(query, tables, self.dialect, statistics=self._known))
        schema = dict(frame.collect_schema())
        known = {
            "_batch": pl.lit(unit.batch or None, dtype=pl.String()),
            "_row": pl.lit(None, dtype=pl.Int64()),
        }
        frame = frame.select(
            *(pl.col(n) for n in schema if n not in PROVENANCE),
            *((pl.col(n) if n in schema else known[n]).cast(t).alias(n) for n, t in PROVENANCE.items()),
        )
        return for_delta(frame, frame.collect_schema())


@contextmanager
def _in_file(model: Model) -> Iterator[None]:
    """Say in which model file the SQL is wrong."""
    try:
        yield
    except SqlError as error:
        if model.path:
            error.message = f"{model.path}: {error.message}"
        raise


def _resolved(ref: TableRef, ledger: Ledger) -> str:
    """Return ``layer.table`` or the file; a name without a layer is looked for from the marts down."""
    if ref.file is not None:
        return ref.file
    if ref.schema:
        return f"{ref.schema}.{ref.name}".lower()
    known = {f"{v.layer}.{v.name}" for v in ledger.versions()}
    known |= {f"staging.{name}" for name in ledger.staged_datasets()}
    known |= {f"lake.{name}" for name in ledger.datasets()}
    for layer in reversed(LAYERS):
        if f"{layer}.{ref.name.lower()}" in known:
            return f"{layer}.{ref.name.lower()}"
    raise SqlError(
        f"no table {ref.name!r}", hint="name its layer, such as staging.orders; dwkit ls shows them"
    )
