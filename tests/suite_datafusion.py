"""DataFusion's logic tests: its records, its external tables, its own names for what PostgreSQL has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
from logic import Record, shown, sorted_rows
from suite_values import HASHED, Tables, close, is_ordered, listed, normal, plain_records, scan, texts

from dwkit.sql import Session

__all__ = ["FOREIGN", "prepare", "records", "same"]

FOREIGN = re.compile(
    r"\b(arrow_(typeof|field|metadata|try_cast|cast)|spark_cast|with_metadata|async_\w+|input_file_name|file_row_index"
    r"|union_(extract|tag)|cast_to_type)\b|\bshuffle\(.*, *(1|CAST\(.*)\)",
    re.IGNORECASE,
)
"""What only DataFusion has, because it is about Arrow, about its own files or its own random numbers."""

_EXTERNAL = re.compile(
    r"\s*create\s+(?:unbounded\s+)?external\s+table\s+(?:if\s+not\s+exists\s+)?(?P<name>\S+)\s*"
    r"(?P<columns>\(.*?\))?\s*stored\s+as\s+(?P<kind>\w+)(?P<rest>.*?)location\s+'(?P<path>[^']*)'(?P<more>.*)",
    re.IGNORECASE | re.DOTALL,
)


def records(path: Path) -> Iterator[Record]:
    """Read the records of a file and of those that it includes."""
    of_spark, other = "spark" in path.parts, False
    for record in plain_records(path):
        other = _is_other(record.sql, other) if of_spark else False
        if other and record.kind == "query":
            continue
        if record.kind == "include":
            for pattern in record.words[1:]:
                for found in sorted(path.parent.glob(pattern)):
                    yield from records(found)
        else:
            expected = record.expected
            if expected and expected[0] == "----":
                expected = expected[1:]
            sql = _known_names(record.sql)
            if of_spark:
                # Spark calls the columns of VALUES col1, col2, ...; so it does the fields of a struct without names.
                sql = re.sub(r"\bcolumn(?=\d+\b)", "col", sql)
                expected = expected and [_FIELD.sub(lambda f: f"col{int(f[1]) + 1}:", e) for e in expected]
            # An error's text can stand in the first line.
            yield replace(record, words=record.words[:3], expected=expected, sql=sql)


def _is_other(sql: str, before: bool) -> bool:
    """Whether queries after a statement run under a setting that we do not have: another time zone, equal keys in maps."""
    found = re.match(
        r"\s*(re)?set\s+datafusion\.\w+\.(time_zone|map_key_dedup_policy)\b(.*)",
        sql,
        re.IGNORECASE | re.DOTALL,
    )
    if found is None:
        return before
    return found[1] is None and not re.search("UTC|EXCEPTION|BOGUS", found[3])


_FIELD = re.compile(r"(?<=[{ ])c(\d+):")

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
            wanted = _arrow_type(sql[place + 1 : end].strip().strip("'"))
            if not wanted:
                return sql
            made = f"CAST({sql[found.end() : place]} AS {wanted})"
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
    if "Duration" in str(data.dtypes):  # in which a month is thirty days
        expected = [
            _MONTHS.sub(lambda f: f"{int(f[1]) * (360 if f[2] == 'year' else 30)} days", e) for e in expected
        ]
    if _alike(texts(data, binary="hex"), expected, record, sort):
        return True
    maps = [n for n, t in data.schema.items() if _has_map(t)]
    # Polars has no maps: theirs are lists of structs of key and value.
    written = data.with_columns(
        pl.Series(
            n, [v if v is None else _with_maps(v, data.schema[n]) for v in data[n].to_list()], pl.String
        )
        for n in maps
    )
    return bool(maps) and _alike(texts(written, binary="hex"), expected, record, sort)


_MONTHS = re.compile(r"(-?\d+) (year|mon)s?\b")


def _has_map(dtype: pl.DataType) -> bool:
    if isinstance(dtype, pl.List):
        return _is_entry(dtype.inner) or _has_map(dtype.inner)
    return isinstance(dtype, pl.Struct) and any(_has_map(f.dtype) for f in dtype.fields)


def _is_entry(dtype: pl.DataType) -> bool:
    return isinstance(dtype, pl.Struct) and [f.name for f in dtype.fields] == ["key", "value"]


def _with_maps(value: object, dtype: pl.DataType) -> str:
    """Return a value as text, lists of structs of key and value in it as maps."""
    if value is None:
        return "NULL"
    if isinstance(dtype, pl.List):
        if not _is_entry(dtype.inner):
            return f"[{', '.join(_with_maps(v, dtype.inner) for v in value)}]"
        each = (
            ": ".join(_with_maps(v[f.name], f.dtype) for f in dtype.inner.fields) if v else "NULL"
            for v in value
        )
        return f"{{{', '.join(each)}}}"
    if isinstance(dtype, pl.Struct):
        return f"{{{', '.join(f'{f.name}: {_with_maps(value[f.name], f.dtype)}' for f in dtype.fields)}}}"
    return value if isinstance(value, str) else shown(value)


def _alike(rows: list[list[str]], expected: list[str], record: Record, sort: str) -> bool:
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
