"""How public suites of logic tests write down their records, tables and rows; `suites.py` runs them."""

from __future__ import annotations

import glob
import hashlib
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl
from logic import Record, read, shown, sorted_rows

from dwkit.sql import Session, TableRef

__all__ = ["FORMATS", "Format", "Tables", "is_ordered", "is_select"]

_QUERY = re.compile(r"(\s|--[^\n]*\n|\()*(select|with|values|from|table)\b", re.IGNORECASE)
_HASHED = re.compile(r"(\d+) values hashing to ([0-9a-f]{32})")
_STAMP = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)")


def is_ordered(sql: str) -> bool:
    """Whether the outermost query has an ORDER BY."""
    text = re.sub(r"'[^']*'|--[^\n]*", "", sql).strip().rstrip(";").lower()
    depth, outer = 0, ""
    for mark in re.split(r"([()])", text):
        depth += {"(": 1, ")": -1}.get(mark, 0)
        outer += mark if depth == 0 else ""
    return bool(re.search(r"\border\s+by\b", outer)) or text.startswith("(")


def is_select(sql: str) -> bool:
    """Whether a text is a query that gives rows of tables."""
    return bool(_QUERY.match(sql))


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
    """

    name: str
    dialect: Callable[[Path], str]
    suffix: str
    engine: str
    records: Callable[[Path], Iterator[Record]]
    same: Callable[[Record, pl.DataFrame], bool]
    family: Callable[[Path, Path], str]
    prepare: Callable[[Session, Tables, str], bool]

    def skips(self, record: Record) -> bool:
        """Whether a record is for other engines."""
        return any((word == "skipif") == (name == self.engine) for word, name in record.conditions)


class Tables:
    """Tables that a session reads but does not own: files below a folder, and external tables over them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.known: dict[str, pl.LazyFrame] = {}

    def __call__(self, ref: TableRef) -> pl.LazyFrame | None:
        """Return the frame of a reference."""
        if ref.file is None:
            return self.known.get(ref.name.lower())
        return scan(self.root / ref.file)


def scan(path: Path, *, header: bool = True, separator: str = ",") -> pl.LazyFrame | None:
    """Return the rows of a file, None where there is none."""
    if not glob.glob(str(path)):  # noqa: PTH207 — the path may be a pattern
        return None
    if path.is_dir():
        inside = sorted(p for p in path.rglob("*.*") if p.is_file())
        if not inside or any("=" in p.parent.name for p in inside):
            return None
        path = path / f"**/*{inside[0].suffix}"
    suffix = "".join(path.suffixes[-2:]).lower()
    if "parquet" in suffix:
        return pl.scan_parquet(path)
    if "arrow" in suffix:
        return pl.scan_ipc(path)
    if "ndjson" in suffix or "json" in suffix:
        return pl.scan_ndjson(path)
    return pl.scan_csv(
        path, has_header=header, separator=separator, try_parse_dates=True, infer_schema_length=None
    )


# -- SQLite ---------------------------------------------------------------------------------------


def _plain_records(path: Path) -> Iterator[Record]:
    yield from read(path.read_text(encoding="utf-8", errors="replace"))


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
        return f"{float(value):.3f}" if not isinstance(value, str) else "0.000"
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
    return _listed([v for row in rows for v in row], record.expected or [])


def _listed(values: Sequence[str], expected: Sequence[str]) -> bool:
    hashed = _HASHED.fullmatch(expected[0].strip()) if len(expected) == 1 else None
    if hashed is None:
        return list(values) == list(expected)
    digest = hashlib.md5("".join(f"{v}\n" for v in values).encode(), usedforsecurity=False).hexdigest()
    return len(values) == int(hashed[1]) and digest == hashed[2]


def _nothing(session: Session, tables: Tables, sql: str) -> bool:
    return False


def _sqlite_family(root: Path, path: Path) -> str:
    parts = path.relative_to(root).parts
    return "/".join(parts[:-1][:2]) if len(parts) > 1 else path.stem


# -- values as other engines show them ------------------------------------------------------------


def _texts(data: pl.DataFrame, *, binary: str = "") -> list[list[str]]:
    exact = data.with_columns(pl.col(pl.Float32).cast(pl.String).cast(pl.Float64))
    if binary:
        exact = exact.with_columns(pl.col(pl.Binary).bin.encode(binary))
    return [[shown(v) for v in row] for row in exact.iter_rows()]


def _normal(text: str) -> str:
    text = _STAMP.sub(r"\1 \2", text).replace("'", "").replace('"', "")
    text = _INTERVAL.sub(_interval, text)
    text = re.sub(r"(\d\d:\d\d:\d\d)(\.\d*?)0+\b", r"\1\2", text)
    text = re.sub(r"(\d\d:\d\d:\d\d)\.(?!\d)", r"\1", text)
    text = re.sub(r"(:\d\d(?:\.\d+)?)(?:Z|\+00(?::?00)?)(?=\W|$)", r"\1", text)
    text = re.sub(r"(?<![\w.])-0(?:\.0+)?(?![\w.])", "0", text)
    return " ".join(text.split())


_INTERVAL = re.compile(
    r"(?:-?[\d.]+ (?:years?|mons?|months?|days?|hours?|mins?|secs?)\b ?)+(?:-?\d+:\d\d:\d\d[\d.]*)?"
)
_UNITS = {"d": 86400.0, "h": 3600.0, "s": 1.0}


def _interval(found: re.Match[str]) -> str:
    """Write an interval as months, days and a time, however its engine does it."""
    months = seconds = 0.0
    for number, unit in re.findall(r"(-?[\d.]+) ([a-z]+)", found[0]):
        value = float(number)
        if unit.startswith(("y", "mon")):
            months += value * (12 if unit[0] == "y" else 1)
        else:
            seconds += value * (60 if unit.startswith("min") else _UNITS[unit[0]])
    clock = re.search(r"(-?)(\d+):(\d\d):(\d\d[\d.]*)", found[0])
    if clock:
        size = int(clock[2]) * 3600 + int(clock[3]) * 60 + float(clock[4])
        seconds += -size if clock[1] else size
    days, rest = divmod(round(seconds, 6), 86400)
    day_text = f"{days:g} days " if days else ""
    month_text = f"{months:g} mons " if months else ""
    return f"{month_text}{day_text}{int(rest // 3600):02}:{int(rest // 60 % 60):02}:{rest % 60:09.6f} "


def _close(got: str, wanted: str) -> bool:
    """Whether two lines are the same, but for how numbers, times and quotes are written."""
    if got == wanted:
        return True
    got, wanted = _normal(got), _normal(wanted)
    if got.lower() == wanted.lower():
        return True
    ours, theirs = (re.split(r"([\s,\[\]{}:()]+)", t) for t in (got, wanted))
    return len(ours) == len(theirs) and all(map(_near, ours, theirs))


def _near(a: str, b: str) -> bool:
    if a.lower() == b.lower() or {a.lower(), b.lower()} in ({"true", "1"}, {"false", "0"}):
        return True
    if not a.strip() and not b.strip():
        return True
    try:
        x, y = float(a), float(b)
    except ValueError:
        return False
    return math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-12) or (math.isnan(x) and math.isnan(y))


# -- DataFusion -----------------------------------------------------------------------------------

_EXTERNAL = re.compile(
    r"\s*create\s+(?:unbounded\s+)?external\s+table\s+(?:if\s+not\s+exists\s+)?(?P<name>\S+)\s*"
    r"(?P<columns>\(.*?\))?\s*stored\s+as\s+(?P<kind>\w+)(?P<rest>.*?)location\s+'(?P<path>[^']*)'(?P<more>.*)",
    re.IGNORECASE | re.DOTALL,
)


def _datafusion_records(path: Path) -> Iterator[Record]:
    for record in _plain_records(path):
        if record.kind == "include":
            for pattern in record.words[1:]:
                for found in sorted(path.parent.glob(pattern)):
                    yield from _datafusion_records(found)
        else:
            expected = record.expected
            if expected and expected[0] == "----":
                expected = expected[1:]
            # An error's text can stand in the first line.
            yield replace(record, words=record.words[:3], expected=expected)


_COPY = re.compile(
    r"\s*copy\s+(?P<what>\(.*\)|\S+)\s+to\s+'(?P<path>[^']*)'(?P<rest>.*)", re.IGNORECASE | re.DOTALL
)


def _datafusion_same(record: Record, data: pl.DataFrame) -> bool:
    sort = record.words[2] if len(record.words) > 2 else "nosort"
    expected = record.expected or []
    if any("<slt:ignore>" in line for line in expected):
        return True
    if len(expected) == 1 and _HASHED.fullmatch(expected[0].strip()):
        return _listed([v for row in sorted_rows(_texts(data), sort) for v in row], expected)
    rows = _texts(data, binary="hex")
    lines = [_trimmed(" ".join(row)) for row in rows]
    if sort == "valuesort":
        lines, expected = (
            sorted(v for row in rows for v in row),
            sorted(v for e in expected for v in e.split()),
        )
    if sort == "rowsort" or (sort != "valuesort" and not is_ordered(record.sql)):
        lines, expected = sorted(map(_normal, lines)), sorted(map(_normal, expected))
    return len(lines) == len(expected) and all(map(_close, lines, expected))


def _trimmed(text: str) -> str:
    return re.sub(r"(?<![\d.])(-?\d+)\.0+(?![\d.])", r"\1", text.rstrip())


def _external(session: Session, tables: Tables, sql: str) -> bool:
    """Make an external table a table over its file."""
    copied = _COPY.match(sql)
    if copied is not None:
        _copied(session, tables.root / copied["path"], copied["what"], copied["rest"].lower())
        return True
    found = _EXTERNAL.match(sql)
    if found is None:
        return bool(re.match(r"\s*(set|reset)\b", sql, re.IGNORECASE))
    options = (found["rest"] + found["more"]).lower()
    header = not re.search(r"has_header'?\s+'?false", options)
    separator = re.search(r"delimiter'?\s+'(.)'", options)
    if re.search(r"quote|escape|terminator|newlines|comment|null_regex", options):
        raise NotImplementedError("this kind of CSV")
    frame = scan(tables.root / found["path"], header=header, separator=separator[1] if separator else ",")
    if frame is None:
        raise FileNotFoundError(found["path"])
    if found["columns"]:
        columns = re.sub(r"\bwith order\b.*", "", found["columns"], flags=re.IGNORECASE | re.DOTALL)
        scratch = Session(dialect=session.dialect)
        list(scratch.run(f"create table x {columns}"))
        schema = scratch.tables["x"].schema
        names = dict(zip(frame.collect_schema().names(), schema, strict=False))
        frame = frame.rename(names).select(pl.col(n).cast(t, strict=False) for n, t in schema.items())
    tables.known[found["name"].strip('"').lower()] = frame
    return True


def _copied(session: Session, path: Path, what: str, rest: str) -> None:
    """Write what COPY ... TO writes, as one file in a folder where the path is none of a file."""
    if "partitioned" in rest:
        raise NotImplementedError("this kind of COPY")
    query = what.strip()[1:-1] if what.startswith("(") else f"select * from {what}"
    [result] = session.run(query)
    assert result.frame is not None
    kind = next((k for k in ("parquet", "json", "csv", "arrow") if k in rest), path.suffix[1:])
    if not path.suffix:
        path = path / f"data.{kind}"
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = result.frame.collect()
    writers = {
        "parquet": frame.write_parquet,
        "json": frame.write_ndjson,
        "csv": frame.write_csv,
        "arrow": frame.write_ipc,
    }
    writers[kind](path)


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
    records = list(_plain_records(path))
    if any(r.kind == "require-env" for r in records):
        return
    skipping = False
    for record in _unrolled(records):
        if record.kind == "mode":
            skipping = record.words[1] == "skip"
        elif not skipping and record.kind in ("query", "statement", "halt"):
            yield replace(record, words=record.words[:3])


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
            values = [str(n) for n in range(int(given[0]), min(int(given[1]), int(given[0]) + 20))]
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


def _duckdb_same(record: Record, data: pl.DataFrame) -> bool:
    sort = record.words[2] if len(record.words) > 2 else "nosort"
    expected = list(record.expected or [])
    rows = _texts(data)
    if len(expected) == 1 and _HASHED.fullmatch(expected[0].strip()):
        return _listed([v for row in sorted_rows(rows, sort) for v in row], expected)
    if any(e.startswith(("<REGEX>", "<!REGEX>", "<FILE>")) for e in expected):
        return True
    if data.width != len(record.words[1]):
        return False
    wanted = [e.split("\t") for e in expected]
    if data.width > 1 and all(len(w) == 1 for w in wanted):  # a value a line
        flat = [w[0] for w in wanted]
        if len(flat) != data.width * data.height:
            return False
        wanted = [flat[n : n + data.width] for n in range(0, len(flat), data.width)]
    sort = "rowsort" if sort == "nosort" and not is_ordered(record.sql) else sort
    rows, wanted = sorted_rows(rows, sort), sorted_rows(wanted, sort)
    return len(rows) == len(wanted) and all(
        len(r) == len(w) and all(map(_close, r, w)) for r, w in zip(rows, wanted, strict=True)
    )


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
            _plain_records,
            _sqlite_same,
            _sqlite_family,
            _nothing,
        ),
        Format(
            "datafusion",
            lambda p: "spark" if "spark" in p.parts else "postgres",
            ".slt",
            "DataFusion",
            _datafusion_records,
            _datafusion_same,
            _folder,
            _external,
        ),
        Format(
            "duckdb", lambda _: "duckdb", ".test", "duckdb", _duckdb_records, _duckdb_same, _folder, _pragma
        ),
    )
}
