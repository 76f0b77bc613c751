"""How public suites of logic tests write down their records, tables and rows; `suites.py` runs them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path

import polars as pl
import suite_datafusion
import suite_rows
from logic import Record, shown, sorted_rows
from suite_fixtures import fixtures
from suite_values import HASHED, Tables, close, is_ordered, listed, micros, plain_records, texts

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


# -- DuckDB ---------------------------------------------------------------------------------------

_SETS = {
    "<integral>": "tinyint smallint integer bigint hugeint utinyint usmallint uinteger ubigint",
    "<signed>": "tinyint smallint integer bigint hugeint",
    "<unsigned>": "utinyint usmallint uinteger ubigint",
    "<numeric>": "tinyint smallint integer bigint hugeint utinyint usmallint uinteger ubigint float double",
    "<alltypes>": "tinyint smallint integer bigint hugeint utinyint usmallint uinteger ubigint float double bool varchar",
    "<compression>": "none", "<all_types_columns>": "bool",
}  # fmt: skip


def _duckdb_records(path: Path) -> Iterator[Record]:
    records = list(plain_records(path))
    if any(r.kind == "require-env" or any(w.startswith("con") for w in r.words[2:]) for r in records):
        return  # it is about the environment, or about several connections at once
    skipping = nulls_first = False
    for record in _unrolled(records):
        if record.kind == "mode":
            skipping = record.words[1] == "skip"
        elif not skipping and record.kind in ("query", "statement", "halt"):
            nulls_first |= "nulls_first" in record.sql.lower() and "default_null_order" in record.sql.lower()
            labelled = len(record.words) > 3 and not record.expected  # the same rows as another query
            unlike = labelled or (nulls_first and "order by" in record.sql.lower())
            yield replace(record, words=["statement", "ok"] if unlike else record.words[:3])


def _unrolled(records: Sequence[Record]) -> Iterator[Record]:
    place = 0
    while place < len(records):
        record = records[place]
        place += 1
        if record.kind not in ("loop", "foreach", "concurrentloop", "concurrentforeach"):
            if record.kind != "endloop":
                yield record
            continue
        depth, start = 1, place
        while place < len(records) and depth:
            depth += {"endloop": -1}.get(
                records[place].kind, "loop" in records[place].kind or "each" in records[place].kind
            )
            place += 1
        name, *given = record.words[1:]
        if "loop" in record.kind:
            values = [str(n) for n in range(int(given[0]), min(int(given[1]), int(given[0]) + 300))]
        else:
            values = [v for g in given for v in _SETS.get(g, g).split()]
        for value in values:
            yield from _unrolled([_filled(r, name, value) for r in records[start : place - 1]])


def _filled(record: Record, name: str, value: str) -> Record:
    mark = f"${{{name}}}"
    return replace(
        record,
        sql=record.sql.replace(mark, value),
        words=[w.replace(mark, value) for w in record.words],
        expected=[e.replace(mark, value) for e in record.expected] if record.expected is not None else None,
    )


def _printable(data: pl.DataFrame) -> pl.DataFrame:
    """Return rows with intervals as so many microseconds, and with maps of plain values as DuckDB prints them."""
    made = []
    for name, dtype in data.schema.items():
        if isinstance(dtype, pl.Duration):
            made.append(pl.format("{} us", pl.col(name).dt.total_microseconds()).alias(name))
        elif isinstance(dtype, pl.List) and isinstance(dtype.inner, pl.Struct):
            fields = dtype.inner.fields
            if [f.name for f in fields] == ["key", "value"] and not any(f.dtype.is_nested() for f in fields):
                made.append(pl.Series(name, [_map(v) for v in data[name].to_list()], dtype=pl.String))
    return data.with_columns(made)


def _map(entries: list[dict[str, object]] | None) -> str | None:
    if entries is None:
        return None
    return "{" + ", ".join(f"{shown(e['key'])}={shown(e['value'])}" for e in entries) + "}"


def _duckdb_same(record: Record, data: pl.DataFrame) -> bool:
    sort = record.words[2] if len(record.words) > 2 else "nosort"
    expected = list(record.expected or [])
    rows = texts(_printable(data))
    if len(expected) == 1 and HASHED.fullmatch(expected[0].strip()):
        return listed([v for row in sorted_rows(rows, sort) for v in row], expected)
    if any(e.startswith(("<REGEX>", "<!REGEX>", "<FILE>")) for e in expected):
        return True
    if data.width != len(record.words[1]):
        return False
    wanted = [re.split(r"\t+", e.strip("\t")) for e in expected]
    if data.width > 1 and all(len(w) == 1 for w in wanted):  # a value a line
        flat = [w[0] for w in wanted]
        if len(flat) != data.width * data.height:
            return False
        wanted = [flat[n : n + data.width] for n in range(0, len(flat), data.width)]
    spans = {n for n, dtype in enumerate(data.dtypes) if isinstance(dtype, pl.Duration)}
    wanted = [
        [f"{span} us" if n in spans and (span := micros(c)) is not None else c for n, c in enumerate(row)]
        for row in wanted
    ]
    sort = "rowsort" if sort == "nosort" and not is_ordered(record.sql) else sort
    rows, wanted = (sorted_rows([list(map(_plain, r)) for r in some], sort) for some in (rows, wanted))
    return len(rows) == len(wanted) and all(
        len(r) == len(w) and all(map(_duckdb_close, r, w)) for r, w in zip(rows, wanted, strict=True)
    )


_SIX_DIGITS = re.compile(r"-?\d+\.\d{6}")
_ENTRY = re.compile(r"\{key: ([^{}]*), value: ([^{}]*)\}")


def _plain(text: str) -> str:
    """Return a value as both sides are sorted: without quotes, a truth as a number."""
    return {"true": "1", "false": "0"}.get(text.lower(), text).replace("'", "")


def _duckdb_close(got: str, wanted: str) -> bool:
    """Whether two values are the same; some are written with six digits after the point, and maps as ``{k=v}``."""
    if _SIX_DIGITS.fullmatch(wanted):
        try:
            return abs(Decimal(got) - Decimal(wanted)) <= Decimal("0.0000005")
        except InvalidOperation:
            return False
    if close(got, wanted):
        return True
    entries = _ENTRY.sub(r"\1=\2", got) if got.startswith("[{key") and wanted.startswith("{") else ""
    return bool(entries) and close("{" + entries[1:-1] + "}", wanted)


def _pragma(session: Session, tables: Tables, sql: str) -> bool:
    return bool(re.match(r"\s*(pragma|set|reset|checkpoint|vacuum|analyze)\b", sql, re.IGNORECASE))


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
            "duckdb", lambda _: "duckdb", ".test", "duckdb", _duckdb_records, _duckdb_same, _folder, _pragma
        ),
    )
}
