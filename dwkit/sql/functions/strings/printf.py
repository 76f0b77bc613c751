"""PRINTF, FORMAT and FORMAT_STRING: values in the places of a text."""

from __future__ import annotations

import re

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.functions.strings.javaformat import java_formatted
from dwkit.sql.value import Value

__all__ = ["PRINTF"]

_TEXT = pl.String()
_JAVA = frozenset({"spark", "databricks", "trino"})
"""The format is one of Java's Formatter there."""

_DIRECTIVE = re.compile(r"%(?P<flags>[-0 +]*)(?P<width>\d*)(?:\.(?P<digits>\d+))?(?P<kind>[sdifxX%])")


def _printf(call: Call) -> Value:
    """PRINTF and FORMAT with a literal format: ``%s``, ``%d`` and ``%.2f``, with width and fill."""
    first, *values = call.args() if isinstance(call.node, exp.Anonymous) else [call.arg(), *call.args()]
    pattern = first.constant
    if first.is_null or isinstance(first.dtype, pl.Null):
        return call.value(pl.lit(None, dtype=_TEXT), _TEXT)
    if call.dialect in _JAVA and isinstance(pattern, str):
        return call.value(java_formatted(call, pattern, values), _TEXT)
    if not isinstance(pattern, str):
        raise call.refuse("a computed format")
    if call.dialect == "duckdb" and isinstance(call.node, exp.Format):
        return _braces(call, pattern, values)
    parts: list[pl.Expr] = []
    at = 0
    waiting = list(values)
    for found in _DIRECTIVE.finditer(pattern):
        parts.append(pl.lit(pattern[at : found.start()]))
        at = found.end()
        if found["kind"] == "%":
            parts.append(pl.lit("%"))
            continue
        if not waiting:
            raise call.error("the format has more places than there are values")
        parts.append(_formatted(call, found, waiting.pop(0)))
    if "%" in _DIRECTIVE.sub("", pattern):
        raise call.refuse("this format")
    parts.append(pl.lit(pattern[at:]))
    return call.value(pl.concat_str(parts), _TEXT)


def _braces(call: Call, pattern: str, values: list[Value]) -> Value:
    pieces = pattern.split("{}")
    if len(pieces) - 1 != len(values) or re.search(r"\{[^}]", pattern):
        raise call.refuse("this format")
    parts: list[pl.Expr] = [pl.lit(pieces[0])]
    for value, piece in zip(values, pieces[1:], strict=True):
        parts += [call.as_text(value), pl.lit(piece)]
    return call.value(pl.concat_str(parts), _TEXT)


def _formatted(call: Call, found: re.Match[str], value: Value) -> pl.Expr:
    kind, flags = found["kind"], found["flags"]
    if kind in ("x", "X") or set(flags) - {"-", "0"}:
        raise call.refuse(f"the format {found[0]}")
    if kind == "s":
        made = call.as_text(value)
    elif kind in ("d", "i"):
        made = call.cast(value, pl.Int64()).expr.cast(pl.String)
    else:
        digits = int(found["digits"] or 6)
        exact = call.cast(value, pl.Decimal(38, digits))
        made = exact.expr.cast(pl.String)
    width = int(found["width"] or 0)
    if not width:
        return made
    if "-" in flags:
        return made.str.pad_end(width)
    return made.str.zfill(width) if "0" in flags and kind != "s" else made.str.pad_start(width)


PRINTF: Functions = {
    exp.Format: _printf,
    "PRINTF": _printf,
    "FORMAT": _printf,
    "FORMAT_STRING": _printf,
}
