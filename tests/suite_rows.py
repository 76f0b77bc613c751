"""Rows as DataFusion's suite prints them, compared value by value by their types.

A value is equal to what a line has in its place where its text is the same. No value is left out. Looser than that:

- rows of a query without an outermost ORDER BY may come in any order
- floats may differ by 1e-9 of their size, or by 1e-12, of which the suite prints no more; shorter ones are rounded to
  what they can be
- numbers are compared by value, whatever their types: 1 is 1.0, and 1.50 is 1.5
- moments have six digits of a second here: the suite's nanoseconds are cut off
- a moment of UTC is equal with and without its zone; an empty zone is UTC
- a date is equal to a moment at its midnight, as Arrow has dates in milliseconds
- intervals are microseconds here: a month is thirty days; where the suite has parts of a microsecond, those of the
  values that an interval is made of may be lost
- maps are lists of entries here: they may be printed so or as maps, all of a row alike
- bytes are printed as hexadecimal digits; a row of only empty bytes is an empty line, which ends a record in a file
- a NUL in a text is ``\\0``, an empty text ``(empty)``, blanks at the end of a line do not count
- columns that json_tuple makes are the fields of one struct there
- where the suite itself has ``<slt:ignore>``, it takes any text
"""

from __future__ import annotations

import math
import re
import struct
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

import polars as pl
from logic import Record
from suite_values import is_ordered

__all__ = ["same"]


@dataclass(frozen=True)
class Piece:
    """A part of a line: text as it is where it has no kind, else a value."""

    text: str
    kind: str = ""


Line = list[Piece]


def same(record: Record, data: pl.DataFrame) -> bool:
    """Whether rows are those of a record."""
    expected = [line.rstrip() for line in record.expected or []]
    while expected and not expected[0] and any(re.match(r"\d\d\)", line) for line in expected[1:2]):
        expected.pop(0)
    ordered = is_ordered(record.sql) and "rowsort" not in record.words
    rows, types = _plain(data).rows(), data.dtypes
    tuples = "json_tuple" in record.sql.lower() and data.columns[:1] == ["c0"]
    if not tuples and len(record.words) > 1 and len(record.words[1]) != data.width:
        return False
    for maps in (False, True):
        lines = [
            line
            for row in rows
            for line in (
                [_tuple(row)] if tuples else _lines([_cell(v, t, maps) for v, t in zip(row, types, strict=True)])
            )
        ]  # fmt: skip
        bytes_only = all(t == pl.Binary for t in types)
        while bytes_only and len(lines) > len(expected) and not _text(lines[-1]):
            lines.pop()
        if _alike(lines, expected, ordered):
            return True
    return False


# -- printing -------------------------------------------------------------------------------------


def _plain(data: pl.DataFrame) -> pl.DataFrame:
    """Return rows with moments as text and intervals as microseconds: Python has not all of them."""
    return data.with_columns(
        pl.col(n).cast(made) for n, t in data.schema.items() if (made := _printed(t)) != t
    )


def _printed(dtype: pl.DataType) -> pl.DataType:
    if isinstance(dtype, pl.Struct):
        return pl.Struct({f.name: _printed(f.dtype) for f in dtype.fields})  # type: ignore[arg-type]
    if isinstance(dtype, (pl.List, pl.Array)):
        return pl.List(_printed(dtype.inner))  # type: ignore[arg-type]
    if isinstance(dtype, pl.Duration):
        return pl.Duration("us") if dtype.time_unit != "us" else pl.Int64()
    # The shortest text that is a single float.
    return pl.String() if isinstance(dtype, (pl.Date, pl.Datetime, pl.Float32)) else dtype


_FLOATS = {pl.Float16: "half", pl.Float32: "single", pl.Float64: "float"}


def _cell(value: Any, dtype: pl.DataType, maps: bool) -> Line:
    if value == "" and isinstance(dtype, pl.String):
        return [Piece("(empty)")]
    if isinstance(value, str) and isinstance(dtype, pl.String) and "\n" in value:
        numbered = (f"{n:02}){line}" for n, line in enumerate(value.removesuffix("\n").split("\n"), 1))
        return [Piece("\n" + "\n".join(numbered))]
    return list(_pieces(value, dtype, maps))


def _pieces(value: Any, dtype: pl.DataType, maps: bool) -> Iterator[Piece]:
    if value is None:
        yield Piece("NULL")
    elif isinstance(dtype, (pl.List, pl.Array)):
        yield from _list(value, dtype.inner, maps)  # type: ignore[arg-type]
    elif isinstance(dtype, pl.Struct):
        yield Piece("{")
        for place, field in enumerate(dtype.fields):
            yield Piece(f"{', ' if place else ''}{field.name}: ")
            yield from _pieces(value[field.name], field.dtype, maps)  # type: ignore[arg-type]
        yield Piece("}")
    elif isinstance(dtype, pl.Duration):
        yield Piece(f"{value} micros", "span")
    elif isinstance(dtype, (pl.Date, pl.Datetime, pl.Time)):
        yield Piece(str(value).replace(" ", "T", 1), "date" if isinstance(dtype, pl.Date) else "moment")
    elif dtype.is_float():
        yield Piece(str(float(value)), _FLOATS[type(dtype)])
    elif dtype.is_numeric():
        yield Piece(format(value, "f") if isinstance(value, Decimal) else str(value), "exact")
    elif isinstance(value, bool):
        yield Piece(str(value).lower())
    else:
        yield Piece(value.hex() if isinstance(value, bytes) else str(value).replace("\0", "\\0"))


def _list(value: Sequence[Any], inner: pl.DataType, maps: bool) -> Iterator[Piece]:
    entries = isinstance(inner, pl.Struct) and [f.name for f in inner.fields] == ["key", "value"]
    as_map = maps and entries and None not in value
    yield Piece("{" if as_map else "[")
    for place, one in enumerate(value):
        yield Piece(", " if place else "")
        if as_map and isinstance(inner, pl.Struct):
            key, held = inner.fields
            yield from _pieces(one["key"], key.dtype, maps)  # type: ignore[arg-type]
            yield Piece(": ")
            yield from _pieces(one["value"], held.dtype, maps)  # type: ignore[arg-type]
        else:
            yield from _pieces(one, inner, maps)
    yield Piece("}" if as_map else "]")


def _tuple(row: Sequence[str | None]) -> Line:
    """Return the columns of json_tuple as the struct of them; one of a NULL has none but NULLs."""
    text = "{" + ", ".join(f"c{n}: {'NULL' if v is None else v}" for n, v in enumerate(row)) + "}"
    if all(v is None for v in row):
        return [Piece(text, "nothing")]
    return [Piece(text)]


def _lines(cells: Sequence[Line]) -> list[Line]:
    """Return the lines of a row: values of several lines stand below it, each line with its number."""
    lines: list[Line] = [[]]
    for place, cell in enumerate(cells):
        for piece in [Piece(" "), *cell] if place else cell:
            first, *more = piece.text.split("\n")
            lines[-1].append(Piece(first, piece.kind))
            lines.extend([Piece(text)] for text in more)
    if len(lines) > 1 and not _text(lines[0]):
        del lines[0]
    return lines


# -- comparing ------------------------------------------------------------------------------------

_NUMBER = r"(?i:[-+]?(?:\.?\d[\d.]*(?:e[-+]?\d+)?|inf(?:inity)?|nan))"
_CLOCK = r"\d\d:\d\d:\d\d(?:\.\d+)?"
_ANY = "<slt:ignore>"
_LENGTHS = {"year": 360 * 86400, "mon": 30 * 86400, "day": 86400, "hour": 3600, "min": 60, "sec": 1}
_SHAPES = {
    "half": _NUMBER,
    "single": _NUMBER,
    "float": _NUMBER,
    "exact": _NUMBER,
    "moment": rf"(?:[-+]?\d+-\d\d-\d\d(?:T{_CLOCK})?|{_CLOCK})(?:Z|[-+]\d\d:?\d\d)?",
    "date": rf"[-+]?\d+-\d\d-\d\d(?:T{_CLOCK})?",
    "span": r"(?=-?[\d.]+ [a-z])" + " ?".join(rf"(?:-?[\d.]+ {u}s?)?" for u in _LENGTHS),
}


def _text(line: Line) -> str:
    return "".join(p.text for p in line).rstrip()


def _alike(lines: list[Line], expected: list[str], ordered: bool) -> bool:
    if len(lines) != len(expected):
        return False
    if ordered:
        return all(map(_is, lines, expected))
    left = Counter(expected)
    others = []
    for line in lines:
        text = _text(line)
        if left[text]:
            left[text] -= 1
        else:
            others.append(line)
    rest = sorted(left.elements())
    others.sort(key=_text)
    if all(map(_is, others, rest)):
        return True
    for line in others:
        place = next((n for n, text in enumerate(rest) if _is(line, text)), None)
        if place is None:
            return False
        rest.pop(place)
    return True


def _is(line: Line, text: str) -> bool:
    if _text(line) == text:
        return True
    if _ANY in text:
        return re.fullmatch(".*".join(map(re.escape, text.split(_ANY))), _text(line)) is not None
    if not any(p.kind for p in line):
        return False
    found = re.fullmatch("".join(map(_shape, line)), text)
    values = [p for p in line if p.kind]
    return found is not None and all(
        _CHECKS[p.kind](p.text, given) for p, given in zip(values, found.groups(), strict=True)
    )


def _shape(piece: Piece) -> str:
    if piece.kind == "nothing":
        return f"(NULL|{re.escape(piece.text)})"
    return f"({_SHAPES[piece.kind]})" if piece.kind else re.escape(piece.text)


def _float(ours: str, theirs: str) -> bool:
    x, y = float(ours), float(theirs)
    return math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-12) or (math.isnan(x) and math.isnan(y))


def _short(code: str, ours: str, theirs: str) -> bool:
    """Whether two numbers are the same float of fewer bits, or near each other."""
    try:
        return struct.pack(code, float(ours)) == struct.pack(code, float(theirs)) or _float(ours, theirs)
    except OverflowError:
        return False


def _exact(ours: str, theirs: str) -> bool:
    try:
        return Decimal(ours) == Decimal(theirs)
    except InvalidOperation:
        return False


def _moment(ours: str, theirs: str) -> bool:
    return _parts(ours) == _parts(theirs)


def _date(ours: str, theirs: str) -> bool:
    return _parts(ours) == _parts(re.sub(r"T00:00:00(\.0+)?$", "", theirs))


def _parts(text: str) -> tuple[str, str, str]:
    found = re.fullmatch(r"(.*?)(?:\.(\d+))?(Z|(?<=\d)[-+]\d\d:?\d\d)?", text)
    assert found is not None
    zone = (found[3] or "").replace(":", "")
    return found[1].lstrip("+"), (found[2] or "")[:6].rstrip("0"), "" if zone in ("Z", "+0000") else zone


def _span(ours: str, theirs: str) -> bool:
    parts = re.findall(r"(-?[\d.]+) ([a-z]+?)s?\b", theirs.lower())
    micros = sum(Decimal(number) * _LENGTHS[unit] * 1_000_000 for number, unit in parts)
    return abs(micros - int(ours.split(maxsplit=1)[0])) < 1


_CHECKS: dict[str, Callable[[str, str], bool]] = {
    "half": partial(_short, "e"),
    "single": partial(_short, "f"),
    "float": _float,
    "exact": _exact,
    "moment": _moment,
    "date": _date,
    "span": _span,
    "nothing": lambda *_: True,
}
