"""What JSON is: its type, its size, its keys, whether it is any."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import polars as pl
from sqlglot import exp

from dwkit.sql.functions import jsontext
from dwkit.sql.functions.call import Builder, Call, Functions
from dwkit.sql.functions.nested.json import json_of, quoted_off, steps_of
from dwkit.sql.types import is_decimal, is_float, is_integer, is_number, shown
from dwkit.sql.value import Value, constant

__all__ = ["KINDS"]

_TEXT, _NUMBER, _BOOLEAN = pl.String(), pl.Int64(), pl.Boolean()


def _at_second(call: Call) -> tuple[pl.Expr, pl.Expr]:
    """Return the document, and what is in it at the path that the second argument may give."""
    if isinstance(call.node, exp.Anonymous):
        first, *rest = call.node.expressions
        value, path = call.bind(first), rest[0] if rest else None
    else:
        value, path = call.arg(), call.given("expression")
    text = json_of(call, value)
    return text, jsontext.value_at(text, steps_of(call, path)) if path is not None else text


def _length(call: Call) -> Value:
    """JSON_ARRAY_LENGTH: NULL of what is no array; DuckDB and SQLite say 0, MySQL counts members too."""
    _, found = _at_second(call)
    made = jsontext.elements(found).list.len().cast(pl.Int64)
    if call.name == "JSON_LENGTH":
        made = pl.coalesce(made, jsontext.keys(found).list.len().cast(pl.Int64), 1)
    elif call.dialect in ("duckdb", "sqlite"):
        made = made.fill_null(0)
    return call.value(pl.when(found.is_not_null()).then(made), _NUMBER)


def _keys(call: Call) -> Value:
    _, found = _at_second(call)
    names = jsontext.keys(found)
    if call.dialect == "mysql":
        shown_ = jsontext.joined(names.list.eval(jsontext.encoded_text(pl.element())), between=", ")
        return call.value(shown_, _TEXT, json=True)
    if call.dialect == "duckdb":  # of what is no object there are none
        names = pl.when(found.is_not_null()).then(names.fill_null(pl.lit([], dtype=pl.List(_TEXT))))
    return call.value(names, pl.List(_TEXT))


def _kind_name(call: Call, word: str) -> str:
    names = _KINDS.get(call.dialect, {})
    plain = {"true": "boolean", "false": "boolean", "integer": "number", "double": "number"}
    return names.get(word, plain.get(word, word))


_MYSQL = {"object": "OBJECT", "array": "ARRAY", "string": "STRING", "true": "BOOLEAN", "false": "BOOLEAN",
          "null": "NULL", "integer": "INTEGER", "double": "DOUBLE"}  # fmt: skip
_KINDS: dict[str, dict[str, str]] = {
    "duckdb": {**_MYSQL, "string": "VARCHAR", "integer": "UBIGINT"},
    "mysql": _MYSQL,
    "snowflake": {**_MYSQL, "string": "VARCHAR", "null": "NULL_VALUE", "double": "DECIMAL"},
    "sqlite": {"string": "text", "true": "true", "false": "false", "integer": "integer", "double": "real"},
}


def _kind(call: Call) -> Value:
    """JSON_TYPE, JSON_TYPEOF, TYPEOF of a VARIANT."""
    _, found = _at_second(call)
    made = jsontext.kind(found, partial(_kind_name, call))
    if call.dialect == "duckdb":
        made = pl.when((made == "UBIGINT") & found.str.contains("^-")).then(pl.lit("BIGINT")).otherwise(made)
    return call.value(made, _TEXT)


def _typeof(call: Call) -> Value:
    value = call.arg()
    if value.json:
        return _kind(call)
    if call.dialect == "sqlite":
        number = is_number(value.dtype) or isinstance(value.dtype, pl.Boolean)
        whole = "real" if is_float(value.dtype) or is_decimal(value.dtype) else "integer"
        kind = whole if number else "blob" if isinstance(value.dtype, pl.Binary) else "text"
        return call.value(pl.when(value.expr.is_null()).then(pl.lit("null")).otherwise(pl.lit(kind)), _TEXT)
    if call.dialect == "trino":
        return constant(shown(value.dtype).lower(), _TEXT)
    if call.dialect != "duckdb":
        raise call.refuse(f"TYPEOF of {shown(value.dtype)}")
    if is_number(value.dtype) and not is_float(value.dtype) and _is_wider(call, value):
        raise call.refuse(
            "TYPEOF of a calculation with whole numbers or decimals, which may have a wider type here,"
        )
    return constant('"NULL"' if isinstance(value.dtype, pl.Null) else shown(value.dtype), _TEXT)


def _is_wider(call: Call, value: Value) -> bool:
    """Whether a number is calculated in another type than DuckDB would."""
    node = call.node.this.unnest()
    if isinstance(node, exp.Sum):
        return is_integer(value.dtype)
    if not isinstance(node, (exp.Add, exp.Sub, exp.Mul)):
        return isinstance(node, (exp.Round, exp.Trunc, exp.Mod, exp.IntDiv))
    sides = [call.bind(n) for n in (node.this, node.expression)]
    if any(is_decimal(v.dtype) for v in sides):
        return any(not v.refs for v in sides)
    kinds = [type(v.dtype) for v in sides]
    return pl.Int64 not in kinds or pl.UInt64 in kinds or pl.Int128 in kinds


def _is_kind(*kinds: str) -> Builder:
    """IS_INTEGER and its kin: whether a VARIANT holds such a value."""

    def build(call: Call) -> Value:
        value = call.args()[0] if isinstance(call.node, exp.Anonymous) else call.arg()
        made = jsontext.kind(json_of(call, value))
        return call.value(made.is_in(list(kinds)), _BOOLEAN)

    return build


def _as_kind(dtype: pl.DataType, *kinds: str) -> Builder:
    """AS_INTEGER and its kin: the value where it is one of the type, else NULL."""

    def build(call: Call) -> Value:
        value = call.args()[0]
        text = json_of(call, value)
        own = jsontext.unquoted(pl.when(jsontext.kind(text).is_in(list(kinds))).then(text))
        return call.cast(call.value(own, _TEXT), dtype, safe=True)

    return build


def _is_null_value(call: Call) -> Value:
    value = call.args()[0] if isinstance(call.node, exp.Anonymous) else call.arg()
    return call.value(json_of(call, value).str.strip_chars() == "null", _BOOLEAN)


def _valid(call: Call) -> Value:
    first = call.args()[0]
    made = jsontext.valid(first.expr.cast(pl.String))
    return call.value(made.cast(pl.Int32) if call.dialect in ("mysql", "sqlite", "tsql") else made)


def _valid_array(call: Call) -> Value:
    text = call.args()[0].expr.cast(pl.String)
    return call.value(jsontext.valid(text) & text.str.contains(r"^\s*\["), _BOOLEAN)


def _has_keys(how: Callable[..., pl.Expr] | None, call: Call) -> Value:
    """``j ? 'k'``, ``j ?| array[...]``, ``j ?& array[...]``."""
    found = jsontext.keys(json_of(call, call.arg()))
    strings = jsontext.elements(json_of(call, call.arg())).list.eval(jsontext.unquoted(pl.element()))
    own = pl.coalesce(found, strings)
    nodes = [call.given("expression")]
    if how is not None and isinstance(nodes[0], exp.Array):
        nodes = nodes[0].expressions
    tests = [own.list.contains(call.as_text(call.bind(n))) for n in nodes]
    return call.value(how(tests) if how is not None else tests[0], _BOOLEAN)


def _unquote(call: Call) -> Value:
    return call.value(quoted_off(call, json_of(call, call.args()[0])), _TEXT)


_INTEGER = ("integer",)
_NUMERIC = ("integer", "double")
_TRUTH = ("true", "false")

KINDS: Functions = {
    "JSON_ARRAY_LENGTH": _length, "JSONB_ARRAY_LENGTH": _length, "JSON_LENGTH": _length, "JSON_SIZE": _length,
    exp.JSONKeys: _keys, exp.JSONType: _kind, "JSON_TYPEOF": _kind, "JSONB_TYPEOF": _kind, exp.Typeof: _typeof,
    exp.IsArray: _is_kind("array"), "IS_OBJECT": _is_kind("object"), "IS_INTEGER": _is_kind(*_INTEGER),
    "IS_DECIMAL": _is_kind(*_NUMERIC), "IS_DOUBLE": _is_kind(*_NUMERIC), "IS_REAL": _is_kind(*_NUMERIC),
    "IS_VARCHAR": _is_kind("string"), "IS_CHAR": _is_kind("string"), "IS_BOOLEAN": _is_kind(*_TRUTH),
    "IS_JSON_SCALAR": _is_kind("string", *_TRUTH, *_NUMERIC, "null"), "IS_SCALAR": _is_kind("string", *_TRUTH, *_NUMERIC),
    "AS_INTEGER": _as_kind(pl.Int64(), *_INTEGER), "AS_DOUBLE": _as_kind(pl.Float64(), *_NUMERIC),
    "AS_REAL": _as_kind(pl.Float64(), *_NUMERIC), "AS_VARCHAR": _as_kind(pl.String(), "string"),
    "AS_CHAR": _as_kind(pl.String(), "string"), "AS_BOOLEAN": _as_kind(pl.Boolean(), *_TRUTH),
    exp.IsNullValue: _is_null_value, "IS_VARIANT_NULL": _is_null_value,
    "JSON_VALID": _valid, "ISJSON": _valid, "IS_VALID_JSON": _valid, "CAN_JSON_PARSE": _valid,
    "IS_VALID_JSON_ARRAY": _valid_array, exp.JSONBContainsTopKey: partial(_has_keys, None),
    exp.JSONBContainsAnyTopKeys: partial(_has_keys, pl.any_horizontal),
    exp.JSONBContainsAllTopKeys: partial(_has_keys, pl.all_horizontal), "JSON_UNQUOTE": _unquote,
}  # fmt: skip
