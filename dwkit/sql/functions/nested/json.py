"""JSON, and Snowflake's VARIANT and Redshift's SUPER: text that holds JSON, marked as such."""

from __future__ import annotations

import json as codec
from typing import Any

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.types import is_list, is_number, is_text
from dwkit.sql.value import Value

__all__ = ["JSON", "array_length", "element", "member", "object_of"]

_TEXT, _NUMBER, _BOOLEAN = pl.String(), pl.Int64(), pl.Boolean()


# -- paths ----------------------------------------------------------------------------------------


def _path(call: Call, node: exp.Expr | None) -> str:
    """Return a path as Polars' JSONPath, which has ``$``, ``.name``, ``['name']`` and ``[n]``."""
    if node is None:
        return "$"
    if isinstance(node, exp.JSONPath):
        return "$" + "".join(
            _step(call, part) for part in node.expressions if not isinstance(part, exp.JSONPathRoot)
        )
    value = call.bind(node)
    if isinstance(value.constant, str):
        return _written(call, value.constant)
    if isinstance(value.constant, int):
        return f"$[{value.constant}]"
    raise call.refuse("a computed JSON path")


def _step(call: Call, part: exp.Expr) -> str:
    if isinstance(part, exp.JSONPathKey) and isinstance(part.this, str):
        return f"['{part.this}']"
    if isinstance(part, exp.JSONPathSubscript) and isinstance(part.this, int) and part.this >= 0:
        return f"[{part.this}]"
    raise call.refuse(f"{part.sql()} in a JSON path")


def _written(call: Call, text: str) -> str:
    """Return a path from a text: ``$.a.b``, ``{a,b}`` of PostgreSQL, ``/a/b`` of DuckDB, or the name of a field."""
    if text.startswith("$"):
        return text
    if text.startswith("{") and text.endswith("}"):
        parts = [p.strip() for p in text[1:-1].split(",") if p.strip()]
    elif text.startswith("/"):
        parts = text.strip("/").split("/")
    elif call.dialect == "snowflake":
        return "$." + text
    else:
        parts = [text]
    return "$" + "".join(f"[{p}]" if p.isdigit() else f"['{p}']" for p in parts)


def _json_text(call: Call, value: Value) -> pl.Expr:
    if isinstance(value.dtype, (pl.Struct, pl.List)):
        return _encoded(call, value)
    return value.expr.cast(pl.String) if is_text(value.dtype) or value.is_null else call.as_text(value)


def _at(call: Call, value: Value, path: str, *, scalar: bool) -> pl.Expr:
    """Return what is at a path: as JSON text, or as plain text without its quotes.

    Polars gives a JSON string without quotes, other values as JSON; so a string is quoted again for JSON.
    """
    text = _json_text(call, value)
    found = text.str.json_path_match(path)
    if scalar:
        return found
    is_plain = found.str.contains(r"^(?:[\[{].*|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)$")
    quoted = pl.concat_str(
        pl.lit('"'),
        found.str.replace_all("\\", "\\\\", literal=True).str.replace_all('"', '\\"', literal=True),
        pl.lit('"'),
    )
    # A string that looks like a number or an object: only the text of the document tells it apart.
    return pl.when(is_plain).then(found).otherwise(quoted)


def _extract(call: Call) -> Value:
    for flag in ("only_json_types", "variant_extract", "requires_json", "json_query", "option", "quote"):
        call.has(flag)
    if call.node.expressions:
        raise call.refuse("several JSON paths")
    value = call.arg()
    path = _path(call, call.given("expression"))
    return call.value(_at(call, value, path, scalar=False), _TEXT, json=True)


def _extract_scalar(call: Call) -> Value:
    for flag in ("only_json_types", "scalar_only", "json_type"):
        call.has(flag)
    value = call.arg()
    node = call.given("expression")
    found = _at(call, value, _path(call, node), scalar=True)
    only_scalars = call.dialect in ("bigquery", "trino", "tsql", "oracle", "mysql", "presto")
    if only_scalars:
        found = pl.when(found.str.contains(r"^\s*[\[{]").not_()).then(found)
    return call.value(found, _TEXT)


def _path_function(call: Call, *, scalar: bool) -> Value:
    """JSON_EXTRACT_PATH_TEXT(json, 'a', 'b')."""
    value, *keys = call.args()
    parts = [k.constant for k in keys]
    if not all(isinstance(p, str) for p in parts):
        raise call.refuse("a computed JSON path")
    path = "$" + "".join(f"[{p}]" if p.isdigit() else f"['{p}']" for p in parts)
    return call.value(_at(call, value, path, scalar=scalar), _TEXT, json=not scalar)


def element(call: Call, value: Value, key: exp.Expr) -> Value:
    """Return ``v['name']`` or ``v[n]`` of a JSON value."""
    index = call.bind(key)
    if not isinstance(index.constant, (str, int)):
        raise call.refuse("an element of JSON by a computed key")
    path = f"$['{index.constant}']" if isinstance(index.constant, str) else f"$[{index.constant}]"
    return call.value(_at(call, value, path, scalar=False), _TEXT, json=True)


def member(call: Call, value: Value, name: str) -> Value:
    """Return ``v.name`` of a JSON value."""
    return call.value(_at(call, value, f"$['{name}']", scalar=False), _TEXT, json=True)


def _get(call: Call) -> Value:
    value = call.arg()
    if is_list(value.dtype):
        index = call.cast(call.arg("expression"), _NUMBER)
        return call.value(value.expr.list.get(index.expr, null_on_oob=True), value.dtype.inner)  # type: ignore[attr-defined]
    return element(call, value, call.node.expression)


# -- making ---------------------------------------------------------------------------------------


def _parse(call: Call) -> Value:
    """PARSE_JSON: a literal is checked now, a column when it is read."""
    for flag in ("expression", "safe"):
        call.has(flag)
    value = call.arg()
    if isinstance(value.constant, str):
        try:
            codec.loads(value.constant)
        except ValueError as error:
            raise call.error(f"no JSON: {error}") from None
    return call.value(call.as_text(value), _TEXT, json=True)


def _encoded(call: Call, value: Value) -> pl.Expr:
    """Return a value as JSON text."""
    if value.json:
        return value.expr
    if is_text(value.dtype):
        text = call.as_text(value)
        escaped = text.str.replace_all("\\", "\\\\", literal=True).str.replace_all('"', '\\"', literal=True)
        return pl.concat_str(pl.lit('"'), escaped.str.replace_all("\n", "\\n", literal=True), pl.lit('"'))
    if isinstance(value.dtype, pl.Struct):
        return value.expr.struct.json_encode()
    if is_list(value.dtype):
        wrapped = pl.struct(value.expr.alias("l")).struct.json_encode()
        return pl.when(value.expr.is_not_null()).then(wrapped.str.slice(5).str.head(-1))
    if is_number(value.dtype) or isinstance(value.dtype, pl.Boolean):
        return call.as_text(value)
    return pl.concat_str(pl.lit('"'), call.as_text(value), pl.lit('"'))


def _to_json(call: Call) -> Value:
    for flag in ("options", "is_json"):
        call.has(flag)
    value = call.args()[0] if isinstance(call.node, exp.Anonymous) else call.arg()
    return call.value(_encoded(call, value), _TEXT, json=True)


def object_of(call: Call, nodes: list[exp.Expr]) -> Value:
    """Return a JSON object of pairs; Snowflake leaves out those whose value is NULL."""
    parts: list[pl.Expr] = []
    for node in nodes:
        if not isinstance(node, (exp.PropertyEQ, exp.JSONKeyValue)):
            raise call.refuse(f"{call.name} of this")
        key, value = (
            call.bind(node.this) if not isinstance(node.this, exp.Identifier) else None,
            call.bind(node.expression),
        )
        name = key.constant if key is not None else node.this.name
        if not isinstance(name, str):
            raise call.refuse("a computed key of a JSON object")
        text = _encoded(call, value)
        pair = pl.concat_str(pl.lit(codec.dumps(name, ensure_ascii=False) + ":"), text)
        parts.append(pair if call.dialect == "snowflake" else pair.fill_null(codec.dumps(name) + ":null"))
    inner = pl.concat_str(parts, separator=",", ignore_nulls=True) if parts else pl.lit("")
    return call.value(pl.concat_str(pl.lit("{"), inner, pl.lit("}")), _TEXT, json=True)


def _object(call: Call) -> Value:
    for flag in ("null_handling", "unique_keys", "return_type", "encoding"):
        call.has(flag)
    return object_of(call, call.node.expressions)


def _array(call: Call) -> Value:
    for flag in ("null_handling", "return_type", "strict"):
        call.has(flag)
    parts = [_encoded(call, v).fill_null("null") for v in call.args()]
    inner = pl.concat_str(parts, separator=",") if parts else pl.lit("")
    return call.value(pl.concat_str(pl.lit("["), inner, pl.lit("]")), _TEXT, json=True)


# -- telling --------------------------------------------------------------------------------------


def array_length(call: Call, value: Value) -> Value:
    """Return how many elements a JSON array has; NULL of what is none."""
    elements = _elements(value.expr)
    return call.value(elements.list.len().cast(pl.Int64), _NUMBER)


def _elements(text: pl.Expr) -> pl.Expr:
    """Return the elements of a JSON array as JSON texts, NULL of what is no array."""
    array = pl.when(text.str.contains(r"^\s*\[")).then(text)
    return array.str.json_decode(pl.List(pl.String))


def _array_length(call: Call) -> Value:
    values = call.values()
    path = "$"
    if len(values) > 1:
        if not isinstance(values[1].constant, str):
            raise call.refuse("a computed JSON path")
        path = _written(call, values[1].constant)
    found = _at(call, values[0], path, scalar=False) if path != "$" else _json_text(call, values[0])
    return call.value(_elements(found).list.len().cast(pl.Int64), _NUMBER)


def _kind(call: Call) -> Value:
    """The type of a JSON value, in lower case."""
    call.has("expression")
    value = call.arg() if not isinstance(call.node, exp.Anonymous) else call.args()[0]
    text = _json_text(call, value).str.strip_chars()
    names: dict[str, Any] = {
        r"^\{": "object", r"^\[": "array", '^"': "string", "^(?:true|false)$": "boolean", "^null$": "null",
        r"^-?\d": "number",
    }  # fmt: skip
    chain = pl.when(text.str.contains(r"^\{")).then(pl.lit("object"))
    for pattern, name in list(names.items())[1:]:
        chain = chain.when(text.str.contains(pattern)).then(pl.lit(name))
    made = chain.otherwise(None)
    return call.value(
        made.str.to_uppercase() if call.dialect in ("duckdb", "mysql", "snowflake") else made, _TEXT
    )


def _unquoted(call: Call) -> Value:
    """The text of a JSON string, other values as they are."""
    value = call.args()[0]
    return call.value(value.expr.cast(pl.String).str.json_path_match("$"), _TEXT)


JSON: Functions = {
    exp.JSONExtract: _extract,
    exp.JSONBExtract: _extract,
    exp.JSONExtractScalar: _extract_scalar,
    exp.JSONBExtractScalar: _extract_scalar,
    "JSON_EXTRACT_PATH_TEXT": lambda call: _path_function(call, scalar=True),
    "JSON_EXTRACT_PATH": lambda call: _path_function(call, scalar=False),
    "JSONB_EXTRACT_PATH_TEXT": lambda call: _path_function(call, scalar=True),
    exp.GetExtract: _get,
    exp.ParseJSON: _parse,
    "JSON_PARSE": _parse,
    exp.JSONFormat: _to_json,
    "TO_JSON": _to_json,
    "TO_JSONB": _to_json,
    "TO_JSON_STRING": _to_json,
    "TO_VARIANT": _to_json,
    exp.JSONObject: _object,
    exp.JSONArray: _array,
    "JSON_ARRAY_LENGTH": _array_length,
    "JSONB_ARRAY_LENGTH": _array_length,
    "JSON_LENGTH": _array_length,
    exp.JSONType: _kind,
    "JSON_TYPEOF": _kind,
    "JSONB_TYPEOF": _kind,
    "JSON_UNQUOTE": _unquoted,
}
