"""Parts of JSON, of Snowflake's VARIANT and Redshift's SUPER: text that holds JSON, marked as such."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import polars as pl
from sqlglot import exp, jsonpath
from sqlglot.errors import SqlglotError

from dwkit.sql.functions import jsontext
from dwkit.sql.functions.call import Builder, Call, Functions
from dwkit.sql.functions.jsontext import Step
from dwkit.sql.functions.nested.encode import encoded
from dwkit.sql.types import from_sql, is_integer, is_list, is_number, is_text, shown
from dwkit.sql.value import Value

__all__ = ["JSON", "element", "member", "steps_of"]

_TEXT, _NUMBER, _BOOLEAN = pl.String(), pl.Int64(), pl.Boolean()
_SCALARS_ONLY = frozenset({"bigquery", "trino", "tsql", "oracle"})
"""What takes a scalar out of JSON gives NULL there for an object or an array."""


# -- paths ----------------------------------------------------------------------------------------


def steps_of(call: Call, node: exp.Expr | None) -> list[Step]:
    """Return the steps of a path.

    Raises:
        SqlError: a path that is computed, or that has more than keys and indexes.
    """
    if node is None:
        return []
    if isinstance(node, exp.JSONPath):
        return _steps(call, node)
    known = call.bind(node).constant
    if isinstance(known, int) and not isinstance(known, bool):
        return [known]
    if not isinstance(known, str):
        raise call.refuse("a computed JSON path")
    return _written(call, known)


def _steps(call: Call, path: exp.JSONPath) -> list[Step]:
    made: list[Step] = []
    for part in path.expressions:
        if isinstance(part, exp.JSONPathRoot):
            continue
        if not isinstance(part, (exp.JSONPathKey, exp.JSONPathSubscript)) or not isinstance(part.this, Step):
            raise call.refuse(f"{part.sql()} in a JSON path")
        made.append(part.this)
    return made


def _written(call: Call, text: str) -> list[Step]:
    """Read a path: ``$.a[0]``, ``a.b[0]`` of Snowflake, ``{a,0}`` of PostgreSQL, ``/a/0`` of DuckDB, or one key."""
    for mode in ("lax ", "strict "):
        text = text.strip().removeprefix(mode)
    if text.startswith("{") and text.endswith("}") and call.dialect in ("postgres", "redshift"):
        return [_key(p.strip().strip('"')) for p in text[1:-1].split(",") if p.strip()]
    if text.startswith("/") and call.dialect == "duckdb":
        return [_key(p.replace("~1", "/").replace("~0", "~")) for p in text[1:].split("/")]
    if not text.startswith("$"):
        if call.dialect not in ("snowflake", "spark", "databricks"):
            return [text]
        text = f"$.{text}" if not text.startswith("[") else f"${text}"
    try:
        return _steps(call, jsonpath.parse(text))
    except SqlglotError as error:
        raise call.error(f"no JSON path: {text!r}") from error


def _key(text: str) -> Step:
    return int(text) if text.lstrip("-").isdigit() else text


def json_of(call: Call, value: Value) -> pl.Expr:
    """Return a value as JSON text: text is taken to hold it."""
    return value.expr.cast(pl.String) if is_text(value.dtype) or value.is_null else encoded(call, value)


def value_at(call: Call, value: Value, steps: Sequence[Step]) -> Value:
    """Return what is at a path, as JSON."""
    found = jsontext.value_at(json_of(call, value), steps, verbatim=call.dialect == "postgres")
    if call.dialect == "mysql":
        found = jsontext.spaced(found)
    return call.value(found, _TEXT, json=True)


def text_at(call: Call, value: Value, steps: Sequence[Step], *, scalar: bool = False) -> Value:
    """Return what is at a path as text, for a scalar NULL where an object or an array is."""
    text = json_of(call, value)
    if call.dialect in ("postgres", "mysql"):
        verbatim = jsontext.value_at(text, steps, verbatim=call.dialect == "postgres")
        found = _shown(call, verbatim)
    else:
        found = jsontext.text_at(text, steps)
    if scalar:
        structure = jsontext.value_at(pl.when(found.str.contains(r"^[\[{]")).then(text), steps).str.contains(
            r"^[\[{]"
        )
        found = pl.when(structure.fill_null(False).not_()).then(found)
    if call.dialect == "sqlite":
        truth = jsontext.value_at(pl.when(found.is_in(["true", "false"])).then(text), steps)
        found = (
            pl.when(truth == "true")
            .then(pl.lit("1"))
            .when(truth == "false")
            .then(pl.lit("0"))
            .otherwise(found)
        )
    return call.value(found, _TEXT)


def _shown(call: Call, value: pl.Expr) -> pl.Expr:
    """Return JSON as text; a JSON null is the text ``null`` in MySQL."""
    if call.dialect != "mysql":
        return jsontext.unquoted(value)
    return pl.when(value == "null").then(value).otherwise(jsontext.unquoted(jsontext.spaced(value)))


# -- extraction -----------------------------------------------------------------------------------


def _passes(call: Call) -> None:
    for flag in ("only_json_types", "variant_extract", "requires_json", "json_query", "quote", "scalar_only",
                 "json_type", "json_subtype", "option"):  # fmt: skip
        call.has(flag)


def _extract(call: Call) -> Value:
    _passes(call)
    value = call.arg()
    steps = steps_of(call, call.given("expression"))
    if call.node.expressions:
        found = [steps, *(steps_of(call, n) for n in call.node.expressions)]
        parts = [value_at(call, value, s).expr for s in found]
        return call.value(_array_of(call, parts), _TEXT, json=True)
    if call.has("variant_extract") and call.dialect in ("spark", "databricks") and not value.json:
        return text_at(call, value, steps)
    made = value_at(call, value, steps)
    if call.dialect == "bigquery" and not value.json:
        return call.value(pl.when(made.expr != "null").then(made.expr), _TEXT)
    if call.dialect in ("tsql", "oracle"):
        return call.value(pl.when(made.expr.str.contains(r"^[\[{]")).then(made.expr), _TEXT, json=True)
    return made


def _query(call: Call) -> Value:
    """JSON_QUERY(json, path): objects and arrays only."""
    value, *path = call.node.expressions
    made = value_at(call, call.bind(value), steps_of(call, path[0] if path else None)).expr
    return call.value(pl.when(made.str.contains(r"^[\[{]")).then(made), _TEXT, json=True)


def _array_of(call: Call, parts: list[pl.Expr]) -> pl.Expr:
    """Several paths at once: an array of what is found, in MySQL without what is not."""
    filled = parts if call.dialect == "mysql" else [p.fill_null("null") for p in parts]
    inner = pl.concat_str(filled, separator=", " if call.dialect == "mysql" else ",", ignore_nulls=True)
    made = pl.concat_str(pl.lit("["), inner, pl.lit("]"))
    return (
        pl.when(pl.any_horizontal(p.is_not_null() for p in parts)).then(made)
        if call.dialect == "mysql"
        else made
    )


def _extract_scalar(call: Call) -> Value:
    _passes(call)
    scalar = bool(call.given("scalar_only")) or call.dialect in _SCALARS_ONLY
    return text_at(call, call.arg(), steps_of(call, call.given("expression")), scalar=scalar)


def _json_value(call: Call) -> Value:
    """JSON_VALUE(json, path [RETURNING type]): NULL for what is no scalar."""
    if call.has("on_condition"):
        raise call.refuse("JSON_VALUE with ON EMPTY or ON ERROR")
    made = text_at(call, call.arg(), steps_of(call, call.given("path")), scalar=True)
    kind = call.given("returning")
    if not kind:
        return made
    dtype = from_sql(kind, call.dialect)
    if dtype is None:
        raise call.refuse(f"type {kind.sql()}")
    return call.cast(made, dtype, safe=True)


def _exists(call: Call) -> Value:
    call.has("passing"), call.has("on_condition")
    value, path = (call.args()[0], call.node.expressions[1]) if isinstance(call.node, exp.Anonymous) else (
        call.arg(), call.given("path"))  # fmt: skip
    text = json_of(call, value)
    found = jsontext.value_at(text, steps_of(call, path)).is_not_null()
    made = pl.when(text.is_not_null()).then(found)
    return call.value(made.cast(pl.Int32) if call.dialect in ("mysql", "tsql") else made)


def _by_keys(scalar: bool, call: Call) -> Value:
    """JSON_EXTRACT_PATH_TEXT(json, 'a', 'b')."""
    value, *given = call.args()
    steps = [_key(k.constant) if isinstance(k.constant, str) else k.constant for k in given]
    if not all(isinstance(s, Step) for s in steps):
        raise call.refuse("a computed JSON path")
    return text_at(call, value, steps) if scalar else value_at(call, value, steps)


def element(call: Call, value: Value, key: exp.Expr) -> Value:
    """Return ``v['name']`` or ``v[n]`` of a JSON value, the index as it is written."""
    known = call.bind(key).constant
    if isinstance(known, bool) or not isinstance(known, Step):
        raise call.refuse("an element of JSON by a computed key")
    return value_at(call, value, [known])


def member(call: Call, value: Value, name: str) -> Value:
    """Return ``v.name`` of a JSON value."""
    return value_at(call, value, [name])


def _get(call: Call) -> Value:
    """GET(list or JSON, index from 0 or key)."""
    value, key = call.args() if isinstance(call.node, exp.Anonymous) else (call.arg(), call.arg("expression"))
    if not is_list(value.dtype):
        return element(
            call,
            value,
            call.node.expressions[1] if isinstance(call.node, exp.Anonymous) else call.node.expression,
        )
    index = call.cast(key, _NUMBER).expr
    found = value.expr.list.get(pl.when(index >= 0).then(index), null_on_oob=True)
    return call.value(found, value.dtype.inner)  # type: ignore[attr-defined]


def _as_type(dtype: pl.DataType, call: Call) -> Value:
    """INT64(json), STRING(json), BOOL(json), LAX_...: a JSON scalar as a value."""
    value = call.arg()
    text = jsontext.unquoted(json_of(call, value))
    strict = not call.name.upper().startswith("LAX")
    return call.cast(call.value(text, _TEXT), dtype, safe=not strict)


def _variant_get(safe: bool, call: Call) -> Value:
    """VARIANT_GET(json, path, type)."""
    value, path, kind = call.node.expressions
    found = text_at(call, call.bind(value), steps_of(call, path))
    name = call.bind(kind).constant
    dtype = (
        from_sql(exp.DataType.build(name, dialect=call.dialect), call.dialect)
        if isinstance(name, str)
        else None
    )
    if dtype is None:
        raise call.refuse("VARIANT_GET with this type")
    return call.cast(found, dtype, safe=safe)


def _strings(call: Call) -> Value:
    """JSON_VALUE_ARRAY: the scalars of an array as a list of texts."""
    found = jsontext.value_at(json_of(call, call.arg()), steps_of(call, call.given("expression")))
    return call.value(jsontext.elements(found).list.eval(jsontext.unquoted(pl.element())), pl.List(_TEXT))


def _values(call: Call) -> Value:
    """JSON_QUERY_ARRAY: the elements of an array as a list of JSON texts."""
    found = jsontext.value_at(json_of(call, call.arg()), steps_of(call, call.given("expression")))
    return call.value(jsontext.elements(found), pl.List(_TEXT))


# -- telling --------------------------------------------------------------------------------------


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
    if call.dialect == "snowflake":
        raise call.error(f"TYPEOF wants a VARIANT, not {shown(value.dtype)}")
    name = shown(value.dtype)
    if call.dialect == "sqlite":
        kind = "integer" if is_integer(value.dtype) or isinstance(value.dtype, pl.Boolean) else "real"
        kind = kind if is_number(value.dtype) or isinstance(value.dtype, pl.Boolean) else "text"
        kind = "blob" if isinstance(value.dtype, pl.Binary) else kind
        made = pl.when(value.expr.is_null()).then(pl.lit("null")).otherwise(pl.lit(kind))
        return call.value(made, _TEXT)
    return call.value(pl.lit(name.lower() if call.dialect == "trino" else name), _TEXT)


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
    return call.value(_shown(call, json_of(call, call.args()[0])), _TEXT)


_INTEGER = ("integer",)
_NUMERIC = ("integer", "double")
_TRUTH = ("true", "false")

JSON: Functions = {
    exp.JSONExtract: _extract, exp.JSONBExtract: _extract, "JSON_QUERY": _query,
    exp.JSONExtractScalar: _extract_scalar, exp.JSONBExtractScalar: _extract_scalar, exp.JSONValue: _json_value,
    exp.JSONExists: _exists, "JSON_EXISTS": _exists, "JSON_PATH_EXISTS": _exists, "JSONB_PATH_EXISTS": _exists,
    "JSON_EXTRACT_PATH_TEXT": partial(_by_keys, True), "JSONB_EXTRACT_PATH_TEXT": partial(_by_keys, True),
    "JSON_EXTRACT_PATH": partial(_by_keys, False), "JSONB_EXTRACT_PATH": partial(_by_keys, False),
    "JSON_EXTRACT_ARRAY_ELEMENT_TEXT": partial(_by_keys, True), "JSON_ARRAY_GET": partial(_by_keys, False),
    exp.GetExtract: _get, "GET": _get, "VARIANT_GET": partial(_variant_get, False),
    "TRY_VARIANT_GET": partial(_variant_get, True),
    exp.Int64: partial(_as_type, pl.Int64()), exp.LaxInt64: partial(_as_type, pl.Int64()),
    exp.Float64: partial(_as_type, pl.Float64()), exp.LaxFloat64: partial(_as_type, pl.Float64()),
    exp.JSONBool: partial(_as_type, pl.Boolean()), exp.LaxBool: partial(_as_type, pl.Boolean()),
    exp.String: partial(_as_type, pl.String()), exp.LaxString: partial(_as_type, pl.String()),
    exp.JSONValueArray: _strings, exp.JSONExtractArray: _values,
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
