"""How public suites of logic tests write down their records, tables and rows; `suites.py` runs them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import polars as pl
import suite_datafusion
import suite_duckdb
import suite_rows
from logic import Record, shown, sorted_rows
from suite_fixtures import fixtures
from suite_values import Tables, listed, plain_records

from dwkit.sql import Session

__all__ = ["FORMATS", "Format"]


@dataclass(frozen=True)
class Format:
    """The habits of one suite.

    Attributes:
        name: of the suite.
        dialect: what the SQL of a file is read as.
        suffix: of its files.
        engine: the name that ``skipif`` and ``onlyif`` have for it.
        records: reads the records of a file, loops and includes undone.
        same: compares rows with what the record expects.
        family: what a file's results are summed up under.
        prepare: does what a statement of its own wants, True where it was one.
        fixtures: gives the tables that a file of a name finds there.
        foreign: names that no dialect of ours has; queries with them do not count.
    """

    name: str
    dialect: Callable[[Path], str]
    suffix: str
    engine: str
    records: Callable[[Path], Iterator[Record]]
    same: Callable[[Record, pl.DataFrame], bool]
    family: Callable[[Path, Path], str]
    prepare: Callable[[Session, Tables, str], bool]
    foreign: re.Pattern[str] | None = None
    fixtures: Callable[[Path, str], dict[str, pl.DataFrame]] = lambda *_: {}

    def skips(self, record: Record) -> bool:
        """Whether a record is for other engines."""
        return any((word == "skipif") == (name == self.engine) for word, name in record.conditions)


# -- SQLite ---------------------------------------------------------------------------------------


def _sqlite_value(value: object, kind: str) -> str:
    if value is None:
        return "NULL"
    if kind == "I":
        return (
            str(int(value))
            if isinstance(value, (int, float)) or hasattr(value, "as_tuple")
            else _leading(value)
        )
    if kind == "R":
        # SQLite writes sixteen digits, then zeros.
        return f"{Decimal(f'{float(value):.15e}'):.3f}" if not isinstance(value, str) else "0.000"
    text = shown(value) if not isinstance(value, bool) else str(int(value))
    return "".join(c if " " <= c <= "~" else "@" for c in text)


def _leading(value: object) -> str:
    found = re.match(r"\s*([+-]?\d+)", str(value))
    return str(int(found[1])) if found else "0"


def _sqlite_same(record: Record, data: pl.DataFrame) -> bool:
    types = record.words[1]
    sort = record.words[2] if len(record.words) > 2 else "nosort"
    if data.width != len(types):
        return False
    rows = sorted_rows(
        ([_sqlite_value(v, k) for v, k in zip(row, types, strict=True)] for row in data.iter_rows()), sort
    )
    return listed([v for row in rows for v in row], record.expected or [])


def _nothing(session: Session, tables: Tables, sql: str) -> bool:
    return False


def _sqlite_family(root: Path, path: Path) -> str:
    parts = path.relative_to(root).parts
    return "/".join(parts[:-1][:2]) if len(parts) > 1 else path.stem


def _folder(root: Path, path: Path) -> str:
    return path.relative_to(root).parts[0].removesuffix(path.suffix)


FORMATS = {
    f.name: f
    for f in (
        Format(
            "sqlite",
            lambda _: "sqlite",
            ".test",
            "sqlite",
            plain_records,
            _sqlite_same,
            _sqlite_family,
            _nothing,
        ),
        Format(
            "datafusion",
            lambda p: "spark" if "spark" in p.parts else "datafusion",
            ".slt",
            "DataFusion",
            suite_datafusion.records,
            suite_rows.same,
            _folder,
            suite_datafusion.prepare,
            suite_datafusion.FOREIGN,
            fixtures,
        ),
        Format(
            "duckdb",
            lambda _: "duckdb",
            ".test",
            "duckdb",
            suite_duckdb.records,
            suite_duckdb.same,
            _folder,
            suite_duckdb.prepare,
            suite_duckdb.FOREIGN,
        ),
    )
}
