"""Any value as JSON text, and JSON text as a value of any type."""

from __future__ import annotations

import json as codec

import polars as pl
from sqlglot import exp

from dwkit.sql.functions import jsontext
from dwkit.sql.functions.call import Call
from dwkit.sql.types import is_list, is_map, is_number, is_text, is_timestamp
from dwkit.sql.value import Value

__all__ = ["encoded", "encoded_or_null"]

_WITHOUT_NULLS = frozenset({"spark", "databricks"})
"""A field that is NULL is left out there."""


def encoded_or_null(call: Call, value: Value) -> pl.Expr:
    """Return a value as JSON text, ``null`` for NULL."""
    return encoded(call, value).fill_null("null")


def encoded(call: Call, value: Value) -> pl.Expr:
    """Return a value as JSON text, NULL for NULL."""
    dtype, expr = value.dtype, value.expr
    if value.json:
        return expr
    if value.is_null or isinstance(dtype, pl.Null):
        return pl.lit(None, dtype=pl.String)
    if is_text(dtype):
        return jsontext.encoded_text(expr.cast(pl.String))
    if is_map(dtype):
        return _map(call, value)
    if isinstance(dtype, pl.Struct):
        return _struct(call, value, dtype)
    if is_list(dtype):
        one = encoded_or_null(call, Value(pl.element(), dtype.inner))  # type: ignore[attr-defined]
        return jsontext.joined(expr.list.eval(one), between=_comma(call))
    if is_number(dtype):
        return call.as_text(value)
    if isinstance(dtype, pl.Boolean):
        return pl.when(expr).then(pl.lit("true")).when(expr.not_()).then(pl.lit("false"))
    text = call.as_text(value)
    if is_timestamp(dtype) and call.dialect in ("postgres", "bigquery"):
        text = text.str.replace(" ", "T", literal=True)
    return jsontext.encoded_text(text)


def _comma(call: Call) -> str:
    return ", " if call.dialect == "mysql" else ","


def _struct(call: Call, value: Value, dtype: pl.Struct) -> pl.Expr:
    parts: list[pl.Expr] = []
    for field in dtype.fields:
        one = encoded(call, Value(value.expr.struct.field(field.name), field.dtype))  # type: ignore[arg-type]
        if call.dialect not in _WITHOUT_NULLS:
            one = one.fill_null("null")
        parts.append(pl.concat_str(pl.lit(_quoted(field.name) + ":"), one))
    inner = pl.concat_str(parts, separator=",", ignore_nulls=True) if parts else pl.lit("")
    return pl.when(value.expr.is_not_null()).then(pl.concat_str(pl.lit("{"), inner, pl.lit("}")))


def _map(call: Call, value: Value) -> pl.Expr:
    """A map as an object; its keys as texts."""
    fields = {f.name: f.dtype for f in value.dtype.inner.fields}  # type: ignore[attr-defined]
    entry = pl.element().struct
    key = call.as_text(Value(entry.field("key"), fields["key"]))
    one = encoded_or_null(call, Value(entry.field("value"), fields["value"]))
    pairs = value.expr.list.eval(pl.concat_str(jsontext.encoded_text(key), pl.lit(":"), one))
    return jsontext.joined(pairs, "{", "}")


def _quoted(name: str) -> str:
    return codec.dumps(name, ensure_ascii=False)


_PARSES = frozenset({"duckdb", "postgres", "mysql", "sqlite", "oracle", "tsql"})
"""A cast of text to JSON reads the text as JSON there, elsewhere it makes a JSON string of it."""


def as_json(call: Call, value: Value, kind: exp.DataType) -> Value:
    """Return a value as JSON or VARIANT, as a cast makes it."""
    if value.json or (kind.this == exp.DataType.Type.ARRAY and is_list(value.dtype)):
        return value
    text = value.expr
    if call.dialect not in _PARSES or not (is_text(value.dtype) or value.is_null):
        made = encoded(call, value)
    elif call.dialect == "mysql" or kind.this == exp.DataType.Type.JSONB:
        made = jsontext.spaced(text)
    else:
        made = text.cast(pl.String)
    return Value(made, pl.String(), value.refs, json=True, volatile=value.volatile)
