"""The column types of contracts, as text, parsed into a small tree.

``string  boolean  int8..int64  uint8..uint64  float32  float64  decimal(p,s)  date  time
timestamp  timestamptz  duration  binary  null  list(T)  struct(name T, ...)``; common SQL spellings
(``bigint``, ``varchar``, ``double`` ...) are read as their dwkit names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from dwkit.errors import UsageError, did_you_mean

__all__ = ["NUMERIC", "ColumnType", "parse_type"]

_INTS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
NUMERIC = frozenset((*_INTS, "float32", "float64", "decimal"))
_SIMPLE = frozenset(
    (
        "string",
        "boolean",
        *_INTS,
        "float32",
        "float64",
        "date",
        "time",
        "timestamp",
        "timestamptz",
        "duration",
        "binary",
        "null",
    )
)
_ALIASES = {
    "bigint": "int64", "integer": "int64", "int": "int64", "smallint": "int16", "tinyint": "int8",
    "double": "float64", "float": "float64", "real": "float32", "varchar": "string", "text": "string",
    "str": "string", "bool": "boolean", "datetime": "timestamp", "blob": "binary", "bytes": "binary",
    "numeric": "decimal",
}  # fmt: skip
_TOKEN = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^\s(),"]+)|([(),]))')


@dataclass(frozen=True)
class ColumnType:
    """One type: ``name``; precision and scale of a decimal; element or fields of a nested type."""

    name: str
    precision: int = 0
    scale: int = 0
    element: ColumnType | None = None
    fields: tuple[tuple[str, ColumnType], ...] = ()

    def __str__(self) -> str:
        if self.name == "decimal":
            return f"decimal({self.precision},{self.scale})"
        if self.name == "list":
            return f"list({self.element})"
        if self.name == "struct":
            return "struct(" + ", ".join(f"{_quoted(n)} {t}" for n, t in self.fields) + ")"
        return self.name


def parse_type(text: str) -> ColumnType:
    """Parse the text of a type.

    Raises:
        UsageError: the text is no type; the hint is the nearest one.
    """
    kind, rest = _parse([_token(m) for m in _TOKEN.finditer(text)], text)
    if rest:
        raise UsageError(f"{text!r} is no type: {rest[0][1]!r} is left over")
    return kind


_Tokens = list[tuple[bool, str]]
"""Tokens and whether each is a quoted name, which is never a word of the language."""


def _token(found: re.Match[str]) -> tuple[bool, str]:
    return (True, found[1].replace('""', '"')) if found[1] is not None else (False, found[2] or found[3])


def _is(tokens: _Tokens, mark: str) -> bool:
    return bool(tokens) and tokens[0] == (False, mark)


def _parse(tokens: _Tokens, text: str) -> tuple[ColumnType, _Tokens]:
    if not tokens or tokens[0][0]:
        raise UsageError(f"{text!r} is no type", hint="for instance string, int64, decimal(18,2), date")
    word = tokens[0][1].lower()
    word, rest = _ALIASES.get(word, word), tokens[1:]
    if word in _SIMPLE:
        return ColumnType(word), rest
    if word not in ("decimal", "list", "struct"):
        known = sorted(_SIMPLE | {"decimal", "list", "struct"} | set(_ALIASES))
        raise UsageError(f"{tokens[0][1]!r} is no type", hint=did_you_mean(word, known))
    if not _is(rest, "("):
        if word == "decimal":
            return ColumnType("decimal", 38, 10), rest
        raise UsageError(f"{text!r}: {word} needs its contents in parentheses")
    rest = rest[1:]
    if word == "decimal":
        return _decimal(rest, text)
    if word == "list":
        element, rest = _parse(rest, text)
        return ColumnType("list", element=element), _closed(rest, text)
    fields: list[tuple[str, ColumnType]] = []
    while rest and not _is(rest, ")"):
        name = rest[0][1]
        kind, rest = _parse(rest[1:], text)
        fields.append((name, kind))
        if _is(rest, ","):
            rest = rest[1:]
    return ColumnType("struct", fields=tuple(fields)), _closed(rest, text)


def _decimal(rest: _Tokens, text: str) -> tuple[ColumnType, _Tokens]:
    numbers: list[int] = []
    while rest and not _is(rest, ")"):
        word = rest[0][1]
        if word.isdigit():
            numbers.append(int(word))
        elif word != ",":
            break
        rest = rest[1:]
    rest = _closed(rest, text)
    precision, scale = (*numbers, 0, 0)[:2] if len(numbers) == 1 else (*numbers, 38, 10)[:2]
    if not 1 <= precision <= 38 or scale > precision:
        raise UsageError(f"{text!r}: a decimal has 1 to 38 digits, and no more of them after the point")
    return ColumnType("decimal", precision, scale), rest


def _closed(rest: _Tokens, text: str) -> _Tokens:
    if not _is(rest, ")"):
        raise UsageError(f"{text!r} is no type: ')' is missing")
    return rest[1:]


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"\w+", name) else '"' + name.replace('"', '""') + '"'
