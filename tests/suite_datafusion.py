"""DataFusion's logic tests: its records, its external tables, its own names for what PostgreSQL has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
from logic import Record, sorted_rows
from suite_values import HASHED, Tables, close, is_ordered, listed, normal, plain_records, scan, texts

from dwkit.sql import Session

__all__ = ["FOREIGN", "prepare", "records", "same"]

FOREIGN = re.compile(
    r"\b(arrow_(typeof|field|metadata|try_cast|cast)|spark_cast|with_metadata|async_\w+|input_file_name|file_row_index"
    r"|union_(extract|tag)|cast_to_type)\b",
    re.IGNORECASE,
)
"""What only DataFusion has, because it is about Arrow or about its own files."""

_EXTERNAL = re.compile(
    r"\s*create\s+(?:unbounded\s+)?external\s+table\s+(?:if\s+not\s+exists\s+)?(?P<name>\S+)\s*"
    r"(?P<columns>\(.*?\))?\s*stored\s+as\s+(?P<kind>\w+)(?P<rest>.*?)location\s+'(?P<path>[^']*)'(?P<more>.*)",
    re.IGNORECASE | re.DOTALL,
)


_SETTING = re.compile(
    r"\s*(?P<verb>set|reset)\s+(?P<name>datafusion\.sql_parser\.default_null_ordering"
    r"|datafusion\.execution\.time_zone|time\s*zone)\s*(?:(?:=|\bto\b)?\s*'?(?P<value>[^';]*))?",
    re.IGNORECASE,
)
_DEFAULTS = frozenset({"", "nulls_max", "utc", "+00", "+00:00"})


def records(path: Path) -> Iterator[Record]:
    """Read the records of a file and of those that it includes.

    Queries under settings that change what SQL means are run but not counted: there are no such settings here.
    """
    changed: set[str] = set()
    for record in _all_records(path):
        setting = _SETTING.match(record.sql) if record.kind == "statement" else None
        if setting is not None:
            name = "nulls" if "null" in setting["name"].lower() else "zone"
            value = (setting["value"] or "").strip().lower()
            plain = setting["verb"].lower() == "reset" or value in _DEFAULTS
            changed = changed - {name} if plain else changed | {name}
        counted = record.kind != "query" or not changed
        yield record if counted else replace(record, words=["statement", "ok"])


def _all_records(path: Path) -> Iterator[Record]:
    for record in plain_records(path):
        if record.kind == "include":
            for pattern in record.words[1:]:
                for found in sorted(path.parent.glob(pattern)):
                    yield from _all_records(found)
        else:
            expected = record.expected
            if expected and expected[0] == "----":
                expected = expected[1:]
            # An error's text can stand in the first line.
            yield replace(record, words=record.words[:3], expected=expected, sql=_known_names(record.sql))


_COPY = re.compile(
    r"\s*copy\s+(?P<what>\(.*\)|\S+)\s+to\s+'(?P<path>[^']*)'(?P<rest>.*)", re.IGNORECASE | re.DOTALL
)


_ARROW_TYPES = {
    "int8": "SMALLINT", "int16": "SMALLINT", "int32": "INT", "int64": "BIGINT", "uint8": "SMALLINT",
    "uint16": "INT", "uint32": "BIGINT", "uint64": "DECIMAL(20, 0)", "float16": "REAL", "float32": "REAL",
    "float64": "DOUBLE PRECISION", "utf8": "VARCHAR", "largeutf8": "VARCHAR", "utf8view": "VARCHAR",
    "boolean": "BOOLEAN", "binary": "BYTEA", "largebinary": "BYTEA", "binaryview": "BYTEA", "date32": "DATE",
    "date64": "DATE",
}  # fmt: skip


def _known_names(sql: str) -> str:
    """Write what only DataFusion calls so with the words of PostgreSQL: make_array, arrow_cast."""
    while found := re.search(r"\b(make_array|arrow_cast)\s*\(", sql, re.IGNORECASE):
        end, cuts = _arguments(sql, found.end())
        if end < 0:
            return sql
        inner = sql[found.end() : end]
        if found[1].lower() == "make_array":
            made = f"ARRAY[{inner}]"
        else:
            place = cuts[-1] if cuts else found.end()
            kind = sql[place + 1 : end].strip().strip("'")
            unit = re.fullmatch(r"Duration\((Second|Millisecond|Microsecond)\)", kind, re.IGNORECASE)
            wanted = _arrow_type(kind)
            if not wanted and unit is None:
                return sql
            value = sql[found.end() : place]
            made = f"(({value}) * INTERVAL '1 {unit[1]}')" if unit else f"CAST({value} AS {wanted})"
        sql = sql[: found.start()] + made + sql[end + 1 :]
    return sql


def _arguments(sql: str, start: int) -> tuple[int, list[int]]:
    """Return where the parenthesis that opens before a place closes, and where its commas are."""
    depth, cuts, place = 1, [], start
    while place < len(sql):
        mark = sql[place]
        if mark in "'\"":
            place = sql.find(mark, place + 1)
            if place < 0:
                return -1, cuts
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(mark, 0)
        if depth == 0:
            return place, cuts
        if mark == "," and depth == 1:
            cuts.append(place)
        place += 1
    return -1, cuts


def _arrow_type(text: str) -> str:
    """Return the SQL type of an Arrow type, empty where there is none."""
    text = text.strip()
    if found := re.fullmatch(
        r"(?:Large)?(?:List|ListView)\((.*)\)|FixedSizeList\(\d+\s*(?:x|,)\s*(.*)\)", text, re.IGNORECASE
    ):
        inner = _arrow_type(re.sub(r"^(?:nullable|non-null)\s+", "", (found[1] or found[2]).strip()))
        return f"{inner}[]" if inner else ""
    if found := re.fullmatch(r"Dictionary\(\s*\w+\s*,\s*(.*)\)", text, re.IGNORECASE):
        return _arrow_type(found[1])
    if found := re.fullmatch(r"Decimal(?:32|64|128|256)\(\s*(\d+)\s*,\s*(\d+)\s*\)", text, re.IGNORECASE):
        return f"DECIMAL({found[1]}, {found[2]})" if int(found[1]) <= 38 else ""
    digits = (
        "(0)"
        if re.search(r"\((s|second)\b", text.lower())
        else "(3)"
        if re.search(r"\((ms|millisecond)\b", text.lower())
        else ""
    )
    if re.match(r"Timestamp\(", text, re.IGNORECASE):
        return f"TIMESTAMP{'' if 'none' in text.lower() or ',' not in text else 'TZ'}{digits}"
    if re.match(r"Time(?:32|64)\(", text, re.IGNORECASE):
        return f"TIME{digits}"
    return _ARROW_TYPES.get(text.lower(), "")


def same(record: Record, data: pl.DataFrame) -> bool:
    """Whether rows are those of a record, line by line."""
    sort = record.words[2] if len(record.words) > 2 else "nosort"
    expected = record.expected or []
    if any("<slt:ignore>" in line for line in expected):
        return True
    if len(expected) == 1 and HASHED.fullmatch(expected[0].strip()):
        return listed([v for row in sorted_rows(texts(data), sort) for v in row], expected)
    rows = texts(data, binary="hex")
    lines = [_trimmed(" ".join(row)) for row in rows]
    if sort == "valuesort":
        lines, expected = (
            sorted(v for row in rows for v in row),
            sorted(v for e in expected for v in e.split()),
        )
    if sort == "rowsort" or (sort != "valuesort" and not is_ordered(record.sql)):
        lines, expected = sorted(map(normal, lines)), sorted(map(normal, expected))
    return len(lines) == len(expected) and all(map(close, lines, expected))


def _trimmed(text: str) -> str:
    return re.sub(r"(?<![\d.])(-?\d+)\.0+(?![\d.])", r"\1", text.rstrip())


_LARGE = 1 << 20
"""Bytes of a file that is read once, not for each query."""


def prepare(session: Session, tables: Tables, sql: str) -> bool:
    """Make an external table a table over its file, drop it, or write the file of a COPY."""
    copied = _COPY.match(sql)
    if copied is not None:
        _copied(session, tables.root / copied["path"], copied["what"], copied["rest"].lower())
        return True
    dropped = re.match(r"\s*drop\s+table\s+(?:if\s+exists\s+)?\"?(\w+)", sql, re.IGNORECASE)
    if dropped is not None:
        return tables.known.pop(dropped[1].lower(), None) is not None
    found = _EXTERNAL.match(sql)
    if found is None:
        return bool(re.match(r"\s*(set|reset)\b", sql, re.IGNORECASE))
    options = (found["rest"] + found["more"]).lower()
    header = not re.search(r"has_header'?\s+'?false", options)
    separator = re.search(r"delimiter'?\s+'(.)'", options)
    if re.search(r"quote|escape|terminator|newlines|comment|null_regex", options):
        raise NotImplementedError("this kind of CSV")
    path, mark = tables.root / found["path"], separator[1] if separator else ","
    large = path.is_file() and path.stat().st_size > _LARGE and found["kind"].lower() == "csv"
    if large and found["columns"]:  # its types are told, to guess them takes minutes
        texts_only = pl.scan_csv(path, has_header=header, separator=mark, infer_schema=False)
        frame: pl.LazyFrame | None = texts_only
    else:
        frame = scan(path, header=header, separator=mark)
    if frame is None:
        raise FileNotFoundError(found["path"])
    if found["columns"]:
        columns = re.sub(r"\bwith order\b.*", "", found["columns"], flags=re.IGNORECASE | re.DOTALL)
        scratch = Session(dialect=session.dialect)
        list(scratch.run(f"create table x {columns}"))
        schema = scratch.tables["x"].schema
        names = dict(zip(frame.collect_schema().names(), schema, strict=False))
        parsed = {pl.Date: lambda e: e.str.to_date(strict=False)} if large else {}
        frame = frame.rename(names).select(
            parsed.get(type(t), lambda e, t=t: e.cast(t, strict=False))(pl.col(n)) for n, t in schema.items()
        )
        frame = frame.collect().lazy() if large else frame
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
