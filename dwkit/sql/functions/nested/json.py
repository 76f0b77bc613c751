"""Parts of JSON, of Snowflake's VARIANT and Redshift's SUPER: text that holds JSON, marked as such."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import polars as pl
from sqlglot import exp, jsonpath
from sqlglot.errors import SqlglotError

from dwkit.sql.functions import jsontext
from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.functions.encode import encoded
from dwkit.sql.functions.jsontext import Step
from dwkit.sql.types import from_sql, is_list, is_text
from dwkit.sql.value import Value

__all__ = ["JSON", "element", "json_of", "member", "quoted_off", "steps_of"]

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

    def found(text: pl.Expr) -> pl.Expr:
        part = jsontext.value_at(text, steps, verbatim=call.dialect == "postgres")
        return jsontext.spaced(part) if call.dialect == "mysql" else part

    document = json_of(call, value)
    made = call.value(jsontext.once(document, found), _TEXT, json=True)
    if steps and call.dialect not in ("postgres", "mysql"):
        return replace(made, unquoted=jsontext.once(document, lambda text: jsontext.text_at(text, steps)))
    return made


def text_at(call: Call, value: Value, steps: Sequence[Step], *, scalar: bool = False) -> Value:
    """Return what is at a path as text, for a scalar NULL where an object or an array is."""
    made = jsontext.once(json_of(call, value), lambda text: _text_at(call, text, steps, scalar=scalar))
    return call.value(made, _TEXT)


def _text_at(call: Call, text: pl.Expr, steps: Sequence[Step], *, scalar: bool) -> pl.Expr:
    if call.dialect in ("postgres", "mysql"):
        verbatim = jsontext.value_at(text, steps, verbatim=call.dialect == "postgres")
        found = quoted_off(call, verbatim)
    else:
        found = jsontext.text_at(text, steps)
    if not scalar and call.dialect != "sqlite":
        return found
    # What tells a structure from a text that looks like one reads both, which are computed once.
    pair = pl.concat_list(pl.struct(text.alias("text"), found.alias("found")))
    part = pl.element().struct
    made = _scalar_of(call, part.field("text"), part.field("found"), steps, scalar=scalar)
    return pair.list.eval(made).list.first()


def _scalar_of(call: Call, text: pl.Expr, found: pl.Expr, steps: Sequence[Step], *, scalar: bool) -> pl.Expr:
    if scalar:
        nested = pl.when(found.str.contains(r"^[\[{]")).then(text)
        structure = jsontext.value_at(nested, steps).str.contains(r"^[\[{]")
        found = pl.when(structure.fill_null(False).not_()).then(found)
    if call.dialect != "sqlite":
        return found
    truth = jsontext.value_at(pl.when(found.is_in(["true", "false"])).then(text), steps)
    words = pl.when(truth == "true").then(pl.lit("1")).when(truth == "false").then(pl.lit("0"))
    return words.otherwise(found)


def quoted_off(call: Call, value: pl.Expr) -> pl.Expr:
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
    exp.LaxString: partial(_as_type, pl.String()),
    exp.JSONValueArray: _strings, exp.JSONExtractArray: _values,
}  # fmt: skip
