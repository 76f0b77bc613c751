"""SQLite files: every table is a table."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import polars as pl

from dwkit.errors import DataError, NotFoundError
from dwkit.lake.sources.extract import Extract, Source, Stream, unique_names

__all__ = ["read_sqlite"]

_ROWS = 20_000


def read_sqlite(source: Source, path: Path) -> Iterator[Extract]:
    """Yield the tables of a SQLite file.

    A column has the type of its values, all of them: integers Int64, reals Float64 (with integers
    that a float keeps), text String, blobs Binary; of several types it is text, blobs as hex digits.
    A column without values has its declared type.

    Args:
        path: the file; it is opened for reading only.

    Raises:
        DataError: it is no SQLite database, damaged, or without tables.
        NotFoundError: it has no table of the name that was asked for.
    """
    try:
        with closing(_connect(path)) as db:
            names = [
                name
                for (name,) in db.execute(
                    "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' "
                    "ESCAPE '\\' AND (? IS NOT NULL OR type = 'table') ORDER BY name",
                    (source.options.table,),
                )
            ]
            several = len(names) > 1
            wanted = source.options.table
            if wanted is not None:
                if wanted not in names:
                    raise NotFoundError(f"table in {source.name}", wanted, names)
                names = [wanted]
            plans = {name: _plan(db, name) for name in names}
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise _damaged(source, error) from None
    if not names:
        raise DataError(f"{source.name} is empty: it has no tables", hint="there is nothing to ingest")
    for name, plan in plans.items():
        part = source.part(name if several else "").with_options(table=name)
        yield _extract(part, path, name, plan, alone=len(names) == 1)


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False)
    db.text_factory = _text
    return db


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


class _Plan:
    """How a table is read: its column names, their types, the SELECT list."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.types: list[pl.DataType] = []
        self.select: list[str] = []
        self.mixed: list[str] = []
        self.rows = 0


def _plan(db: sqlite3.Connection, table: str) -> _Plan:
    plan = _Plan()
    declared = [
        (str(r[1]), str(r[2]).upper())
        for r in db.execute(f"PRAGMA table_xinfo({_quoted(table)})")
        if r[6] != 1
    ]
    kinds = ("integer", "real", "text", "blob")
    tests = [f"MAX(typeof({_quoted(name)}) = '{kind}')" for name, _ in declared for kind in kinds]
    wide = [f"MAX(typeof({_quoted(n)}) = 'integer' AND abs({_quoted(n)} / 2) > {2**52})" for n, _ in declared]
    found: list[int] = []
    # SQLite bounds the columns of a result, so a wide table is asked in several parts.
    for start in range(0, len(tests + wide), 1500):
        part = (tests + wide)[start : start + 1500]
        found += [bool(v) for v in db.execute(f"SELECT {', '.join(part)} FROM {_quoted(table)}").fetchone()]
    plan.rows = db.execute(f"SELECT COUNT(*) FROM {_quoted(table)}").fetchone()[0]
    for place, (name, words) in enumerate(declared):
        seen = {k for k, there in zip(kinds, found[4 * place : 4 * place + 4], strict=True) if there}
        is_wide = bool(found[4 * len(declared) + place])
        dtype, mixed = _dtype(seen, words, wide=is_wide)
        column = _quoted(name)
        plan.names.append(name)
        plan.types.append(dtype)
        if mixed:
            plan.mixed.append(name)
            column = f"CASE typeof({column}) WHEN 'blob' THEN hex({column}) ELSE CAST({column} AS TEXT) END"
        plan.select.append(column)
    return plan


def _dtype(seen: set[str], declared: str, *, wide: bool) -> tuple[pl.DataType, bool]:
    """Return the type for the storage classes seen, and whether the values must become text."""
    if not seen:
        return _affinity(declared), False
    if seen == {"integer"}:
        return pl.Int64(), False
    if seen == {"real"} or (seen == {"integer", "real"} and not wide):
        return pl.Float64(), False
    if seen == {"text"}:
        return pl.String(), False
    if seen == {"blob"}:
        return pl.Binary(), False
    return pl.String(), True


def _affinity(declared: str) -> pl.DataType:
    """Return the type of a column without values, by SQLite's own rules."""
    if "INT" in declared:
        return pl.Int64()
    if any(word in declared for word in ("CHAR", "CLOB", "TEXT")):
        return pl.String()
    if "BLOB" in declared:
        return pl.Binary()
    if any(word in declared for word in ("REAL", "FLOA", "DOUB")):
        return pl.Float64()
    return pl.String()


def _extract(source: Source, path: Path, name: str, plan: _Plan, *, alone: bool) -> Extract:
    names = unique_names(source, plan.names)
    schema = pl.Schema(dict(zip(names, plan.types, strict=True)))
    for column in plan.mixed:
        source.note(f"column {column} holds values of several types: kept as text")
    query = f"SELECT {', '.join(plan.select)} FROM {_quoted(name)}"

    def batches() -> Iterator[pl.DataFrame]:
        read = 0
        try:
            with closing(_connect(path)) as db:
                cursor = db.execute(query)
                while rows := cursor.fetchmany(_ROWS):
                    frame = pl.DataFrame(
                        {
                            c: pl.Series(c, values, dtype=t, strict=False)
                            for (c, t), values in zip(schema.items(), zip(*rows, strict=True), strict=True)
                        }
                    )
                    yield frame.with_columns(
                        pl.int_range(read + 1, read + len(rows) + 1, dtype=pl.Int64).alias("_row")
                    )
                    read += len(rows)
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise _damaged(source, error) from None

    full = pl.Schema({**schema, "_row": pl.Int64()})
    table = Stream(full, batches, name="sqlite")
    return Extract(
        source, "sqlite", table, suggested_name=source.stem if alone else name, approx_rows=plan.rows
    )


def _damaged(source: Source, error: Exception) -> DataError:
    return DataError(
        f"{source.name} is no SQLite database that can be read: {error}",
        hint="get the file again; if a program has it open, close that first",
    )
