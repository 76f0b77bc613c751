"""PRINTF, FORMAT and FORMAT_STRING: values in the places of a text."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.functions.each import for_each
from dwkit.sql.functions.strings.cformat import braces_formatted, c_formatted
from dwkit.sql.functions.strings.javaformat import java_formatted
from dwkit.sql.value import Value

__all__ = ["PRINTF"]

_TEXT = pl.String()
_JAVA = frozenset({"spark", "databricks", "trino"})
"""The format is one of Java's Formatter there."""
_C = frozenset({"sqlite", "duckdb", "bigquery", "postgres"})


def _printf(call: Call) -> Value:
    """Values in the places of a format."""
    first, *values = call.args() if isinstance(call.node, exp.Anonymous) else [call.arg(), *call.args()]
    if first.is_null or isinstance(first.dtype, pl.Null):
        return call.value(pl.lit(None, dtype=_TEXT), _TEXT)
    written = _written(call)
    if isinstance(first.constant, str):
        return call.value(written(call, first.constant, values), _TEXT)
    return _computed(call, call.cast(first, _TEXT), values, written)


def _written(call: Call) -> Callable[[Call, str, list[Value]], pl.Expr]:
    """Return what writes values by a format of the dialect."""
    if call.dialect in _JAVA:
        return java_formatted
    if call.dialect not in _C:
        raise call.refuse(call.name)
    if call.dialect == "duckdb" and isinstance(call.node, exp.Format):
        return braces_formatted
    return c_formatted


def _computed(
    call: Call, pattern: Value, values: list[Value], written: Callable[[Call, str, list[Value]], pl.Expr]
) -> Value:
    """Return values written by the format of each row."""
    if call.binder.condition is not None or any(v.interval is not None or v.json for v in values):
        raise call.refuse("a computed format of these values or inside of CASE and the like")
    whole = pl.struct(v.expr.alias(str(n)) for n, v in enumerate(values)) if values else pl.struct(pl.lit(0))
    parts = [Value(pl.col("0").struct.field(str(n)), v.dtype) for n, v in enumerate(values)]

    def make(_: pl.Expr, key: tuple[str, ...]) -> pl.Expr:
        # A format without a place has no column to be as long as.
        made = written(call, key[0], parts)
        return pl.when(pl.col("row").is_not_null()).then(made)

    return call.value(for_each([whole, pattern.expr], make, _TEXT), _TEXT)


PRINTF: Functions = {
    exp.Format: _printf,
    "PRINTF": _printf,
    "FORMAT": _printf,
    "FORMAT_STRING": _printf,
}
