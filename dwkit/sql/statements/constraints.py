"""What rows must keep to: NOT NULL, keys, CHECK, foreign keys, lengths. Checked after each change, before it holds."""

from __future__ import annotations

import polars as pl

from dwkit.errors import DataError
from dwkit.sql.statements.catalog import Catalog, Table
from dwkit.sql.statements.run import Run

__all__ = ["checked"]


def checked(run: Run, table: Table, new: pl.DataFrame | None = None) -> Table:
    """Return the table, having looked whether its rows keep to its constraints.

    Args:
        new: the rows that were added or changed, None for all.

    Raises:
        DataError: one does not; the message names the constraint and the value.
    """
    rows = table.data if new is None else new
    for column in table.columns:
        if column.not_null and rows[column.name].null_count():
            raise DataError(f"{table.name}.{column.name} is NOT NULL, but a row has NULL there")
        if column.length is not None:
            long = rows[column.name].filter(rows[column.name].str.len_chars() > column.length)
            if len(long):
                raise DataError(
                    f"{table.name}.{column.name} holds at most {column.length} characters, not {long[0]!r}"
                )
    for key in table.keys:
        values = table.data.select(key.columns).drop_nulls()
        if values.height > 1 and values.n_unique() < values.height:
            twice = values.filter(values.is_duplicated()).row(0)
            shown = ", ".join(map(repr, twice))
            raise DataError(f"{table.name}: two rows have {shown} in {key.shown}")
    if table.checks and rows.height:
        held = run.over(table, rows, [c.condition for c in table.checks])
        for number, check in enumerate(table.checks):
            if not held[f"c{number}"].cast(pl.Boolean).fill_null(True).all():
                raise DataError(f"{table.name}: a row does not meet CHECK ({check.shown})")
    return table


def references(catalog: Catalog, key: str) -> None:
    """Look whether all foreign keys from and to a table hold.

    Raises:
        DataError: one does not.
    """
    for name, table in catalog.objects.items():
        if not isinstance(table, Table):
            continue
        for foreign in table.foreign:
            if key not in (name, foreign.table):
                continue
            other = catalog.objects.get(foreign.table)
            if not isinstance(other, Table):
                raise DataError(f"{table.name} refers to {foreign.table}, which would be gone")
            values = table.data.select(foreign.columns).drop_nulls().unique()
            there = other.data.select(
                pl.col(o).cast(values.schema[c]).alias(c)
                for o, c in zip(foreign.other, foreign.columns, strict=True)
            )
            missing = values.join(there, on=list(foreign.columns), how="anti")
            if missing.height:
                shown = ", ".join(map(repr, missing.row(0)))
                raise DataError(
                    f"{table.name} ({', '.join(foreign.columns)}) refers to {other.name}, which has no {shown}"
                )
