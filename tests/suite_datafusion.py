"""DataFusion's logic tests: its records, its external tables, its own names for what PostgreSQL has."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
from logic import Record, read
from suite_settings import DATAFUSION, OTHER, marked, setting_of
from suite_spark import fields, spelled
from suite_tables import External, kind_of, options_of, write_files
from suite_values import Tables, known_name

from dwkit.sql import Session

__all__ = ["FOREIGN", "prepare", "records"]

FOREIGN = re.compile(
    r"\b(arrow_(field|metadata)|spark_cast|with_metadata|async_\w+|input_file_name|file_row_index|union_(extract|tag))\b"
    r"|\bformat_string\(.*%s.*'Timestamp\((?:s|ms|ns)\)'"
    rf"|\bshuffle\(.*, *(1|CAST\(.*)\)|{re.escape(OTHER)}",
    re.IGNORECASE,
)
"""What only DataFusion has: Arrow and its units of time, its own files, random numbers and settings."""
_BLANK = "\u200b"
_EXTERNAL = re.compile(
    r"\s*create\s+(?P<stream>unbounded\s+)?external\s+table\s+(?P<exists>if\s+not\s+exists\s+)?(?P<name>[^\s(]+)\s*(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
_INSERT = re.compile(
    r"\s*insert\s+(?:into|(?P<anew>overwrite))\s+(?:table\s+)?(?P<name>[^\s(]+)(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)


def records(path: Path) -> Iterator[Record]:
    """Read the records of a file and of those that it includes."""
    of_spark = "spark" in path.parts
    for record in marked(_whole(_read(path)), DATAFUSION):
        sql, expected = record.sql, record.expected
        if expected and expected[0] == "----":
            expected = expected[1:]
        if of_spark:
            sql = spelled(sql, path.stem)
            if expected is not None and "json_tuple" not in sql:
                expected = list(map(fields, expected))
        # An error's text can stand in the first line.
        yield replace(record, words=record.words[:3], expected=expected, sql=sql)


def _read(path: Path) -> Iterator[Record]:
    text = path.read_text(encoding="utf-8", errors="replace")
    # An empty line between a directive and its text does not end a record there; a line of blanks is a row of them.
    text = re.sub(
        r"(?m)^((?:statement (?:ok|error|count)|query (?:error|[A-Z?]+(?= |$))).*\n)[ \t]*\n", r"\1", text
    )
    for record in read(re.sub(r"(?m)^[ \t]+$", _BLANK, text)):
        if record.kind == "include":
            for pattern in record.words[1:]:
                for included in sorted(path.parent.glob(pattern)):
                    yield from _read(included)
        else:
            expected = record.expected and [line.replace(_BLANK, "") for line in record.expected]
            yield replace(record, sql=record.sql.replace(_BLANK, ""), expected=expected)


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


_COPY = re.compile(
    r"\s*copy\s+(?P<what>\(.*\)|\S+)\s+to\s+'(?P<path>[^']*)'(?P<rest>.*)", re.IGNORECASE | re.DOTALL
)


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


def prepare(session: Session, tables: Tables, sql: str) -> bool:
    """Make, fill or drop a table over files, or write the files of a COPY."""
    sql = re.sub(r"^(\s*--[^\n]*\n)+", "", sql)
    for pattern, does in ((_COPY, _copied), (_EXTERNAL, _made), (_INSERT, _inserted)):
        found = pattern.match(sql)
        if found is not None:
            return does(session, tables, found)
    dropped = re.match(r"\s*drop\s+table\s+(?:if\s+exists\s+)?([\w.\"]+)", sql, re.IGNORECASE)
    if dropped is not None:
        return tables.known.pop(known_name(dropped[1]), None) is not None
    if session.dialect in ("datafusion", "postgres"):
        # There the grammar says whether ^ is a power.
        grammar = tables.settings.get("datafusion.sql_parser.dialect", "")
        session.dialect = "postgres" if "^" in sql and grammar.startswith("postgres") else "datafusion"
    setting = setting_of(sql)
    if setting is not None:
        tables.settings[setting[0]] = setting[1]
    return setting is not None


def _made(session: Session, tables: Tables, found: re.Match[str]) -> bool:
    """Run CREATE EXTERNAL TABLE."""
    name, rest = known_name(found["name"]), found["rest"]
    if found["exists"] and name in tables.known:
        return True
    columns = ""
    if rest.startswith("("):
        end = _arguments(rest, 1)[0]
        columns, rest = rest[1:end], rest[end + 1 :]
    location = re.search(r"\blocation\s+'([^']*)'", rest, re.IGNORECASE)
    stored = re.search(r"\bstored\s+as\s+(\w+)", rest, re.IGNORECASE)
    if location is None or stored is None:
        raise ValueError("an external table wants STORED AS and LOCATION")
    parts = re.search(r"\bpartitioned\s+by\s*\(([^)]*)\)", rest, re.IGNORECASE)
    folders = [w.split() for w in parts[1].split(",")] if parts is not None else []
    typed = ", ".join(" ".join(w) for w in folders if len(w) > 1)
    if columns:
        columns = ", ".join(filter(None, (columns.rstrip().rstrip(","), typed)))
    declared = _declared(session, columns) if columns else None
    options = re.search(r"\boptions\s*(\()", rest, re.IGNORECASE)
    given = (
        options_of(rest[options.end() : _arguments(rest, options.end())[0]]) if options is not None else {}
    )
    inferred = tables.settings.get("datafusion.execution.listing_table_factory_infer_partitions") != "false"
    partitions = [w[0].strip('"') for w in folders] if parts is not None else None if inferred else []
    stream = found["stream"] is not None
    if stream:
        given.setdefault("has_header", "false")
    place, kind = tables.place(location[1]), stored[1].lower()
    table = External(place, kind, declared, partitions, given, stream=stream, settings=tables.settings)
    frame = table.frame()
    if declared is None:
        table.declared = dict(frame.collect_schema())
    if columns:
        table.columns = _last(columns, partitions or [])
    tables.known[name] = table.frame
    return True


def _last(columns: str, names: list[str]) -> str:
    """Return declared columns with some of them at the end, where those that stand in folders come."""
    cuts = [-1, *_arguments(columns + ")", 0)[1], len(columns)]
    parts = [columns[a + 1 : b].strip() for a, b in itertools.pairwise(cuts)]
    return ", ".join(sorted(filter(None, parts), key=lambda p: p.split()[0].strip('"') in names))


def _declared(session: Session, columns: str) -> dict[str, pl.DataType]:
    scratch = Session(dialect=session.dialect)
    list(scratch.run(f"create table x ({columns})"))
    return dict(scratch.tables["x"].schema)


def _inserted(session: Session, tables: Tables, found: re.Match[str]) -> bool:
    """Run INSERT INTO a table over files: its rows become one more file."""
    table = tables.known.get(known_name(found["name"]))
    external = getattr(table, "__self__", None)
    if not isinstance(external, External):
        return False
    if external.path.is_file() and not external.stream:
        raise ValueError("a table of a single file takes no rows")
    made = f"({external.columns})" if external.columns else f"as select * from {found['name']} limit 0"
    list(session.run(f"create table __rows {made}"))
    try:
        list(session.run(f"insert into __rows {found['rest']}"))
        external.write(session.tables["__rows"], anew=bool(found["anew"]))
    finally:
        list(session.run("drop table __rows"))
    return True


def _copied(session: Session, tables: Tables, found: re.Match[str]) -> bool:
    """Write what COPY ... TO writes."""
    what, rest, path = found["what"], found["rest"], tables.place(found["path"])
    query = what.strip()[1:-1] if what.startswith("(") else f"select * from {what}"
    [result] = session.run(query)
    assert result.frame is not None
    stored = re.search(r"\bstored\s+as\s+(\w+)", rest, re.IGNORECASE)
    kind = stored[1].lower() if stored is not None else kind_of(path)
    options = re.search(r"\boptions\s*\((.*)\)", rest, re.IGNORECASE | re.DOTALL)
    parts = re.search(r"\bpartitioned\s+by\s*\(([^)]*)\)", rest, re.IGNORECASE)
    folders = [w.strip().strip('"') for w in parts[1].split(",")] if parts is not None else []
    write_files(
        result.frame.collect(), path, kind, options_of(options[1]) if options is not None else {}, folders
    )
    return True
