"""DataFusion's logic tests: its records, its external tables, its own names for what PostgreSQL has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
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


def records(path: Path) -> Iterator[Record]:
    """Read the records of a file and of those that it includes."""
    for record in _whole(plain_records(path)):
        if record.kind == "include":
            for pattern in record.words[1:]:
                for found in sorted(path.parent.glob(pattern)):
                    yield from records(found)
        else:
            expected = record.expected
            if expected and expected[0] == "----":
                expected = expected[1:]
            # An error's text can stand in the first line.
            spark = "spark" in path.parts
            yield replace(
                record,
                words=record.words[:3],
                expected=_one_text(expected) if expected else expected,
                sql=_spark_literals(_known_names(record.sql, spark=True), path.stem)
                if spark
                else _known_names(record.sql),
            )


def _whole(found: Iterable[Record]) -> Iterator[Record]:
    """Give records the lines of a text of several, which stand after an empty line."""
    last: Record | None = None
    for record in found:
        lines = [" ".join(record.words), *record.sql.splitlines()]
        if last is not None and all(re.match(r"\d\d\)", line) for line in lines):
            last = replace(last, expected=[*(last.expected or []), *lines])
            continue
        if last is not None:
            yield last
        last = record
    if last is not None:
        yield last


def _one_text(expected: list[str]) -> list[str]:
    """Return a text of several lines, which their numbers stand before, as one value."""
    lines = [line for line in expected if line.strip()]
    if lines and all(re.match(r"\d\d\)", line) for line in lines):
        return ["\n".join(line[3:] for line in lines)]
    return expected


def _spark_literals(sql: str, function: str) -> str:
    """Write DataFusion's literals with those of Spark: a backslash is a sign as others, 1 a BIGINT, 1.5 a DOUBLE.

    The numbers matter for functions that are about the types of what they get.
    """
    sql = re.sub(r"\bmap\s*(?=\()", "map_from_arrays", sql.replace("\\", "\\\\"), flags=re.IGNORECASE)
    sql = re.sub(r"'((?:[^']|'')*)'", lambda found: "'" + found[1].replace("''", "\\'") + "'", sql)
    sql = re.sub(r"\bcolumn(\d)\b", r"col\1", sql)  # what VALUES calls its columns
    if function not in ("format_string", "xxhash64"):
        return sql
    pieces = re.split(r"('(?:[^'\\]|\\.)*')", sql)
    for place in range(0, len(pieces), 2):
        pieces[place] = re.sub(r"(?<![\w.])(\d+\.\d+(?:[eE][+-]?\d+)?)(?![\w.])", r"\1D", pieces[place])
        if function == "xxhash64":
            pieces[place] = re.sub(
                r"(?<![\w.])(\d{1,18}|9223372036854775807)(?![\w.])", r"\1L", pieces[place]
            )
    return "".join(pieces)


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


def _known_names(sql: str, *, spark: bool = False) -> str:
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
            wanted = sql[place + 1 : end].strip().strip("'")
            what = sql[found.end() : place]
            if spark and _counts_in_arrow(sql, wanted):
                return sql
            made = _of_number(wanted, what) if spark and re.fullmatch(r"\d+(::\w+)?", what.strip()) else ""
            if not made:
                wanted = _arrow_type(wanted)
                if not wanted:
                    return sql
                made = f"CAST({what} AS {wanted})"
        sql = sql[: found.start()] + made + sql[end + 1 :]
    return sql


def _counts_in_arrow(sql: str, kind: str) -> bool:
    """Whether a format shows what only Arrow has: a float of 16 bits, a moment in units that Spark does not count in."""
    formats = "format_string" in sql
    shows = formats and "%s" in sql.lower()
    moment = kind.startswith("Time") and "µs" not in kind and (shows or not kind.startswith("Timestamp"))
    return moment or (formats and kind == "Float16")


def _of_number(kind: str, number: str) -> str:
    """Return a number as the moment that it stands for in Arrow, as Spark counts from 1970; empty where it does not."""
    if kind in ("Date32", "Date64"):
        return f"date_from_unix_date({number})"
    found = re.fullmatch(r"Timestamp\((\w+|µs)\)", kind)
    units = {"s": "seconds", "ms": "millis", "µs": "micros"}
    return f"timestamp_{units[found[1]]}({number})" if found and found[1] in units else ""


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
    if re.match(r"Timestamp\(", text, re.IGNORECASE):
        return "TIMESTAMP" if "none" in text.lower() or "," not in text else "TIMESTAMPTZ"
    if re.match(r"Time(?:32|64)\(", text, re.IGNORECASE):
        return "TIME"
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
    if data.columns[:1] == ["c0"] and "json_tuple" in record.sql:
        rows = [[_as_struct(row, line)] for row, line in zip(rows, expected, strict=False)]
    lines = [_trimmed(" ".join(row)).replace("\0", "\\0") for row in rows]
    if sort == "valuesort":
        lines, expected = (
            sorted(v for row in rows for v in row),
            sorted(v for e in expected for v in e.split()),
        )
    if sort == "rowsort" or (sort != "valuesort" and not is_ordered(record.sql)):
        lines, expected = sorted(map(normal, lines)), sorted(map(normal, expected))
    return len(lines) == len(expected) and all(map(close, lines, expected))


def _as_struct(row: list[str], expected: str) -> str:
    """Return the columns of json_tuple as DataFusion has them, in a struct; a NULL has none but NULLs."""
    if expected == "NULL" and set(row) == {"NULL"}:
        return expected
    fields = [f"c{n}: {'' if value == '(empty)' else value}" for n, value in enumerate(row)]
    return "{" + ", ".join(fields) + "}"


def _trimmed(text: str) -> str:
    return re.sub(r"(?<![\w.])(-?\d+)\.0+(?![\w.])", r"\1", text.rstrip())


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
