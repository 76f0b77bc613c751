"""PRINTF, FORMAT and FORMAT_STRING: values in the places of a text."""

from __future__ import annotations

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.functions.strings.cformat import braces_formatted, c_formatted
from dwkit.sql.functions.strings.javaformat import java_formatted
from dwkit.sql.value import Value

__all__ = ["PRINTF"]

_TEXT = pl.String()
_JAVA = frozenset({"spark", "databricks", "trino"})
"""The format is one of Java's Formatter there."""
_C = frozenset({"sqlite", "duckdb", "bigquery", "postgres"})


def _printf(call: Call) -> Value:
    """Values in the places of a format, which must be a literal."""
    first, *values = call.args() if isinstance(call.node, exp.Anonymous) else [call.arg(), *call.args()]
    pattern = first.constant
    if first.is_null or isinstance(first.dtype, pl.Null):
        return call.value(pl.lit(None, dtype=_TEXT), _TEXT)
    if not isinstance(pattern, str):
        raise call.refuse("a computed format")
    if call.dialect in _JAVA:
        return call.value(java_formatted(call, pattern, values), _TEXT)
    if call.dialect not in _C:
        raise call.refuse(call.name)
    if call.dialect == "duckdb" and isinstance(call.node, exp.Format):
        return call.value(braces_formatted(call, pattern, values), _TEXT)
    return call.value(c_formatted(call, pattern, values), _TEXT)


PRINTF: Functions = {
    exp.Format: _printf,
    "PRINTF": _printf,
    "FORMAT": _printf,
    "FORMAT_STRING": _printf,
}
