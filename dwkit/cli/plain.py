"""Cells of plain Python rows as text: the same texts as :mod:`dwkit.storage.cells`, without polars."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum

__all__ = ["as_json", "as_text", "csv_line", "is_number", "md_line", "quoted"]

# What Markdown would take for its own; a line break ends the row.
_MARKDOWN = {"\\": "\\\\", "|": "\\|", "*": "\\*", "`": "\\`", "<": "&lt;", "\r": "", "\n": "<br>"}
MD_FROM, MD_TO = list(_MARKDOWN), list(_MARKDOWN.values())
_NOT_ESCAPED = {0x7F: "\\u007f", 0x2028: "\\u2028", 0x2029: "\\u2029"}  # by json.dumps
_MARKDOWN_TABLE = str.maketrans(_MARKDOWN)


def is_number(value: object) -> bool:
    """Say whether a value is shown right-aligned."""
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def as_text(value: object) -> str | None:
    """Return a value's text; None stays None."""
    match value:
        case None:
            return None
        case str():
            return value.value if isinstance(value, Enum) else value
        case bool():
            return "true" if value else "false"
        case float():
            return "NaN" if math.isnan(value) else repr(value)
        case Decimal():
            return format(value, "f") if value.is_finite() else str(value)
        case datetime() | time():
            text = value.isoformat(sep=" ") if isinstance(value, datetime) else value.isoformat()
            start, dot, fraction = text.partition(".")
            return f"{start}.{fraction.replace('000', '', 1)}" if dot and fraction[3:6] == "000" else text
        case date():
            return value.isoformat()
        case timedelta():
            return _duration(value)
        case bytes() | bytearray() | memoryview():
            return bytes(value).hex()
        case Enum():
            return as_text(value.value)
        case Mapping() | list() | tuple() | set() | frozenset():
            return as_json(value)
        case _:
            return str(value)


def as_json(value: object) -> str:
    """Return a value's JSON: decimals as numbers with all their digits, NaN and infinities as null."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case float():
            return repr(value) if math.isfinite(value) else "null"
        case Decimal():
            return format(value, "f") if value.is_finite() else "null"
        case Enum():
            return as_json(value.value)
        case int():
            return str(value)
        case Mapping():
            return "{" + ",".join(f"{quoted(str(k))}:{as_json(v)}" for k, v in value.items()) + "}"
        case list() | tuple() | set() | frozenset():
            return "[" + ",".join(as_json(v) for v in value) + "]"
        case _:
            return quoted(as_text(value) or "")


def quoted(text: str) -> str:
    """Return text as a JSON string, on one line for every reader of lines."""
    return json.dumps(text, ensure_ascii=False).translate(_NOT_ESCAPED)


def csv_line(cells: list[str | None]) -> str:
    """Return a line of CSV; an empty string is quoted, so that it differs from NULL."""
    return ",".join("" if c is None else _csv_cell(c) for c in cells) + "\n"


def md_line(cells: list[str | None]) -> str:
    """Return a line of a Markdown table; NULL is an empty cell."""
    return "| " + " | ".join("" if c is None else c.translate(_MARKDOWN_TABLE) for c in cells) + " |\n"


def _csv_cell(cell: str) -> str:
    if cell and not any(c in cell for c in ',"\n\r'):
        return cell
    return '"' + cell.replace('"', '""') + '"'


def _duration(value: timedelta) -> str:
    sign, left = ("-", -value) if value < timedelta(0) else ("", value)
    seconds = f"{left.seconds}.{left.microseconds:06d}".rstrip("0").rstrip(".")
    days = f"{left.days}D" if left.days else ""
    clock = f"T{seconds}S" if seconds != "0" or not days else ""
    return f"{sign}P{days}{clock}"
