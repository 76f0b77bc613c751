"""How DuckDB's suite writes down its records, loops, settings and rows; `suites.py` runs it."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path

import polars as pl
from logic import Record, shown, sorted_rows
from suite_settings import OTHER, marked
from suite_values import HASHED, Tables, close, exact, is_ordered, listed, micros, plain_records, texts

from dwkit.sql import Session

__all__ = ["FOREIGN", "prepare", "records", "same"]

FOREIGN = re.compile(re.escape(OTHER))
"""What is not asked here: queries under settings that a session here does not have."""

_USUAL = {
    "calendar": {"gregorian"},
    "default_collation": {"", "c", "binary", "posix"},
    "default_null_order": {"nulls_last", "nulls last"},
    "default_order": {"asc", "ascending"},
    "ieee_floating_point_ops": {"true"},
    "integer_division": {"false"},
    "old_implicit_casting": {"false"},
    "order_by_non_integer_literal": {"false"},
    "regex_match_operator_semantics": {"partial"},
    "scalar_subquery_error_on_multiple_rows": {"true"},
    "timezone": {"utc", "etc/utc"},
}
"""The settings that change what a query means, and their values here."""

_TOUCHED = {
    "default_null_order": r"order\s+by|sort",
    "default_order": r"order\s+by|sort",
    "scalar_subquery_error_on_multiple_rows": r"\(\s*(select|from|with|values)\b",
    "regex_match_operator_semantics": r"~",
    "timezone": r"tz|zone|time|date|now|today",
}
"""What a text holds whose meaning a setting changes; any text where it is not said."""

_SETS = {
    "<integral>": "tinyint smallint integer bigint hugeint utinyint usmallint uinteger ubigint",
    "<signed>": "tinyint smallint integer bigint hugeint",
    "<unsigned>": "utinyint usmallint uinteger ubigint",
    "<numeric>": "tinyint smallint integer bigint hugeint utinyint usmallint uinteger ubigint float double",
    "<alltypes>": "tinyint smallint integer bigint hugeint utinyint usmallint uinteger ubigint float double bool varchar",
    "<compression>": "none", "<all_types_columns>": "bool",
}  # fmt: skip


def records(path: Path) -> Iterator[Record]:
    """Read the records of a file, loops undone, without those that are about the engine itself."""
    found = list(plain_records(path))
    if any(r.kind == "require-env" or any(w.startswith("con") for w in r.words[2:]) for r in found):
        return  # it is about the environment, or about several connections at once
    if any(r.words[:2] == ["require", "windows"] for r in found):
        return
    skipping = False
    for record in marked(_unrolled(found), _USUAL, _touches):
        if record.kind == "mode":
            skipping = record.words[1] == "skip"
        elif not skipping and record.kind in ("query", "statement", "halt"):
            labelled = len(record.words) > 3 and not record.expected  # the same rows as another query
            yield replace(record, words=["statement", "ok"] if labelled else record.words[:3])


def _touches(setting: str, sql: str) -> bool:
    return bool(re.search(_TOUCHED.get(setting, ""), sql, re.IGNORECASE))


def _unrolled(found: Sequence[Record]) -> Iterator[Record]:
    place = 0
    while place < len(found):
        record = found[place]
        place += 1
        if record.kind not in ("loop", "foreach", "concurrentloop", "concurrentforeach"):
            if record.kind != "endloop":
                yield record
            continue
        depth, start = 1, place
        while place < len(found) and depth:
            kind = found[place].kind
            depth += {"endloop": -1}.get(kind, kind.endswith(("loop", "foreach")))
            place += 1
        name, *given = record.words[1:]
        if "loop" in record.kind:
            values = [str(n) for n in range(int(given[0]), min(int(given[1]), int(given[0]) + 300))]
        else:
            values = [v.strip('"') for g in given for v in _SETS.get(g, g).split()]
        for value in values:
            inside = [_filled(r, name, value) for r in found[start : place - 1]]
            yield from _unrolled([r for r in inside if r is not None])


def _filled(record: Record, name: str, value: str) -> Record | None:
    """Return a record of a loop with the value of its variable, None where a condition keeps it out."""
    conditions = []
    for word, condition in record.conditions:
        wanted = re.fullmatch(rf"{re.escape(name)}=([^&|]*)", condition)
        if wanted is None:
            conditions.append((word, condition))
        elif (wanted[1] == value) == (word == "skipif"):
            return None

    def filled(text: str) -> str:
        return text.replace(f"${{{name}}}", value).replace(f"{{{name}}}", value)

    return replace(
        record,
        sql=filled(record.sql),
        words=[filled(w) for w in record.words],
        expected=[filled(e) for e in record.expected] if record.expected is not None else None,
        conditions=conditions,
    )


def prepare(session: Session, tables: Tables, sql: str) -> bool:
    """Do what a statement asks of the engine alone: nothing."""
    return bool(
        re.match(
            r"\s*(pragma|set(?!\s+variable)|reset(?!\s+variable)|checkpoint|vacuum|analyze)\b",
            sql,
            re.IGNORECASE,
        )
    )


# -- rows -----------------------------------------------------------------------------------------


def same(record: Record, data: pl.DataFrame) -> bool:
    """Whether rows are those that a record expects."""
    sort = record.words[2] if len(record.words) > 2 else "nosort"
    expected = [e.replace("\\0", "\0") for e in record.expected or []]
    if len(expected) == 1 and HASHED.fullmatch(expected[0].strip()):
        return listed([v for row in sorted_rows(texts(data), sort) for v in row], expected)
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
    if any(len(w) != data.width for w in wanted):
        return False
    wanted = [[_interval_free(c, t) for c, t in zip(row, data.dtypes, strict=True)] for row in wanted]
    if sort == "sort" or (sort == "nosort" and not is_ordered(record.sql)):
        sort = "rowsort"
    maps = (True, False) if "key" in str(data.schema) else (True,)
    return any(_same(_rows(exact(data), m), wanted, [*data.dtypes], sort) for m in maps)


def _same(got: list[list[str]], wanted: list[list[str]], types: list[pl.DataType], sort: str) -> bool:
    if sort == "valuesort":
        types = [pl.String()]
    got, wanted = (sorted_rows([list(map(_plain, r)) for r in some], sort) for some in (got, wanted))
    return len(got) == len(wanted) and all(
        len(g) == len(w) and all(map(_alike, g, w, types)) for g, w in zip(got, wanted, strict=True)
    )


def _rows(data: pl.DataFrame, maps: bool) -> list[list[str]]:
    return [[_text(v, t, maps) for v, t in zip(row, data.dtypes, strict=True)] for row in data.iter_rows()]


def _text(value: object, dtype: pl.DataType, maps: bool) -> str:
    """Return a value as DuckDB prints it, but for quotes.

    Args:
        maps: whether lists of keys and values are maps.
    """
    match value, dtype:
        case None, _:
            return "NULL"
        case timedelta(), _:
            return f"{value // timedelta(microseconds=1)} us"
        case [*elements], pl.List() | pl.Array():
            inner: pl.DataType = dtype.inner  # type: ignore[assignment]
            if maps and isinstance(inner, pl.Struct) and [f.name for f in inner.fields] == ["key", "value"]:
                key, content = (f.dtype for f in inner.fields)
                pairs = [(_text(e["key"], key, maps), _text(e["value"], content, maps)) for e in elements]  # type: ignore[arg-type, index]
                return f"{{{', '.join(f'{k}={v}' for k, v in pairs)}}}"
            return f"[{', '.join(_inner(e, inner, maps) for e in elements)}]"
        case dict(), pl.Struct():
            held = [_inner(value[f.name], f.dtype, maps) for f in dtype.fields]  # type: ignore[arg-type]
            names = [f.name for f in dtype.fields]
            if any(
                names == [f"{mark}{n + first}" for n in range(len(names))]
                for mark, first in (("v", 1), ("", 0))
            ):
                return f"({held[0]},)" if len(held) == 1 else f"({', '.join(held)})"
            return f"{{{', '.join(f'{n}: {h}' for n, h in zip(names, held, strict=True))}}}"
        case b"", _:
            return "(empty)"
        case _:
            return shown(value)


def _inner(value: object, dtype: pl.DataType, maps: bool) -> str:
    return "" if value in ("", b"") else _text(value, dtype, maps)


_SPAN = re.compile(
    r"-?\d+ (?:year|month|day)s?(?: -?\d+ (?:year|month|day)s?)*(?: -?\d+:\d\d:\d\d(?:\.\d+)?)?|-?\d+:\d\d:\d\d(?:\.\d+)?"
)


def _interval_free(text: str, dtype: pl.DataType) -> str:
    """Return an expected value with intervals as so many microseconds where its type has some."""
    return _SPAN.sub(lambda m: f"{micros(m[0])} us", text) if "Duration" in str(dtype) else text


_SIX_DIGITS = re.compile(r"-?\d+\.\d{6}")


def _plain(text: str) -> str:
    """Return a value as both sides are sorted: without quotes, a truth as a number."""
    return {"true": "1", "false": "0"}.get(text.lower(), text).replace("'", "")


def _alike(got: str, wanted: str, dtype: pl.DataType) -> bool:
    """Whether two values are the same; some are written with six digits after the point, single floats as integers."""
    if _SIX_DIGITS.fullmatch(wanted):
        try:
            return abs(Decimal(got) - Decimal(wanted)) <= Decimal("0.0000005")
        except InvalidOperation:
            return False
    if isinstance(dtype, pl.Float32):
        return close(
            *(
                f"{struct.unpack('f', struct.pack('f', float(t)))[0]:.7g}" if _NUMBER.fullmatch(t) else t
                for t in (got, wanted)
            )
        )
    return close(got, wanted)


_NUMBER = re.compile(r"-?\d+(\.\d*)?(e[+-]?\d+)?")
