"""Frames as tables of SQLite databases."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import polars as pl

from dwkit.errors import ConflictError, DataError
from dwkit.storage import cells

__all__ = ["write"]


def write(frame: pl.LazyFrame, path: Path, name: str) -> int:
    """Write a frame as a table of a database, replacing the table of that name; return its rows.

    It is one transaction: readers see the old table or the new one. Decimals are NUMERIC (as text where
    a float would not hold them), booleans 0 and 1, dates and times ISO text, nested values JSON.

    Raises:
        DataError: the file is no SQLite database.
        ConflictError: another process holds the database.
    """
    schema = frame.collect_schema()
    columns = ", ".join(f"{_quoted(n)} {_type(t)}" for n, t in schema.items())
    shaped = frame.select(_value(n, t) for n, t in schema.items())
    marks = ", ".join("?" * len(schema))
    rows = 0
    con = sqlite3.connect(path, timeout=30, isolation_level=None)
    try:
        con.execute("BEGIN IMMEDIATE")
        con.execute(f"DROP TABLE IF EXISTS {_quoted(name)}")
        con.execute(f"CREATE TABLE {_quoted(name)} ({columns})")
        for batch in shaped.collect_batches(maintain_order=True, lazy=True, engine="streaming"):
            con.executemany(f"INSERT INTO {_quoted(name)} VALUES ({marks})", batch.iter_rows())
            rows += batch.height
        con.execute("COMMIT")
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise ConflictError(f"{path} is in use by another process", hint="type it again") from error
        raise DataError(f"{path}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise DataError(
            f"{path} is no SQLite database: {error}", hint="another name, or remove the file"
        ) from error
    finally:
        con.close()
    return rows


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _type(dtype: pl.DataType) -> str:
    if dtype == pl.UInt64 or dtype == pl.Int128 or isinstance(dtype, pl.Decimal):  # noqa: PLR1714 - types, not values
        return "NUMERIC"
    if dtype.is_integer():
        return "INTEGER"
    if dtype.is_float():
        return "REAL"
    if dtype == pl.Boolean:
        return "BOOLEAN"
    return "BLOB" if dtype == pl.Binary else "TEXT"


def _value(name: str, dtype: pl.DataType) -> pl.Expr:
    column, kind = pl.col(name), _type(dtype)
    if kind in ("INTEGER", "REAL", "BLOB", "BOOLEAN"):
        return column
    return cells.as_text(column, dtype).alias(name)
