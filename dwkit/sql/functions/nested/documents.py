"""JSON made of values, and JSON changed."""

from __future__ import annotations

import json as codec
from functools import partial

import polars as pl
from sqlglot import exp

from dwkit.sql.functions import jsontext
from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.functions.encode import encoded, encoded_or_null
from dwkit.sql.functions.nested.json import json_of, steps_of
from dwkit.sql.types import from_sql, is_text, shown
from dwkit.sql.value import Value

__all__ = ["DOCUMENTS", "array_of", "merged", "object_of"]

_TEXT = pl.String()
_MEMBERS = pl.List(pl.Struct({"key": pl.String(), "value": pl.String()}))


def _wide(call: Call) -> bool:
    """Whether a document is shown with blanks after its commas and colons."""
    return call.dialect == "mysql" or (call.dialect == "postgres" and call.name.startswith("JSONB"))


# -- reading --------------------------------------------------------------------------------------


def _parse(call: Call) -> Value:
    """PARSE_JSON: what is no JSON is an error, with TRY_ or safe NULL."""
    call.has("expression"), call.has("is_literal"), call.has("wide_number_mode")
    node = call.node.this if not isinstance(call.node, exp.Anonymous) else call.node.expressions[0]
    path: list[str] = []
    while call.has("is_literal") and isinstance(node, exp.Dot):  # sqlglot reads JSON '{}'.a as JSON ('{}'.a)
        path.insert(0, node.expression.name)
        node = node.this
    value = call.bind(node)
    if value.json:
        return value
    if not is_text(value.dtype) and not value.is_null:
        raise call.error(f"{call.name} wants text, not {shown(value.dtype)}")
    safe = call.has("safe")
    text = value.expr.cast(pl.String)
    if isinstance(value.constant, str):
        try:
            codec.loads(value.constant)
        except ValueError as error:
            if safe:
                return call.value(pl.lit(None, dtype=_TEXT), _TEXT, json=True)
            raise call.error(f"no JSON: {error}") from None
    elif safe:
        text = pl.when(jsontext.valid(text)).then(text)
    else:
        text = _checked(call, text)
    made = (
        jsontext.compact(text)
        if call.dialect in ("snowflake", "bigquery", "databricks", "spark", "duckdb")
        else text
    )
    return call.value(jsontext.value_at(made, path) if path else made, _TEXT, json=True)


def _checked(call: Call, text: pl.Expr) -> pl.Expr:
    """Return a text, with an error when it runs for one that is no JSON."""
    text = call.guarded(text)
    wrong = jsontext.valid(text).not_()
    # Decoding fails with the place in the text; it is asked of the wrong texts only.
    failed = pl.when(wrong).then(text).str.json_decode(pl.Struct({"dwkit": pl.Null})).is_not_null()
    return pl.when(wrong & failed).then(None).otherwise(text)


def _from_json(call: Call) -> Value:
    """FROM_JSON(text, 'a int, b array<string>'): NULL for what is no JSON."""
    schema = call.constant("expression")
    if not isinstance(schema, str) or call.has("options"):
        raise call.refuse("FROM_JSON with a computed schema or options")
    try:
        kind = exp.DataType.build(
            schema if "<" in schema.split(" ")[0] else f"struct<{schema}>", dialect="spark"
        )
    except Exception as error:
        raise call.error(f"no schema: {schema!r}") from error
    dtype = from_sql(kind, call.dialect)
    if dtype is None:
        raise call.refuse(f"FROM_JSON as {schema}")
    text = call.text()
    return call.value(pl.when(jsontext.valid(text)).then(text).str.json_decode(dtype), dtype)


# -- making ---------------------------------------------------------------------------------------


def object_of(
    call: Call, nodes: list[exp.Expr], *, keep_nulls: bool = True, between: tuple[str, str] = (",", ":")
) -> Value:
    """Return a JSON object of pairs of key and value; without those whose value is NULL, if they are not kept."""
    comma, colon = between
    parts: list[pl.Expr] = []
    for node in nodes:
        if not isinstance(node, (exp.PropertyEQ, exp.JSONKeyValue)):
            raise call.refuse(f"{call.name} of this")
        if isinstance(node.this, exp.Identifier):
            key: pl.Expr = pl.lit(codec.dumps(node.this.name, ensure_ascii=False))
        else:
            name = call.bind(node.this)
            key = jsontext.encoded_text(call.as_text(name))
        value = encoded(call, call.bind(node.expression))
        parts.append(pl.concat_str(key, pl.lit(colon), value.fill_null("null") if keep_nulls else value))
    inner = pl.concat_str(parts, separator=comma, ignore_nulls=True) if parts else pl.lit("")
    return call.value(pl.concat_str(pl.lit("{"), inner, pl.lit("}")), _TEXT, json=True)


def array_of(call: Call, values: list[Value], *, keep_nulls: bool = True, comma: str = ",") -> Value:
    """Return a JSON array of values."""
    parts = [encoded_or_null(call, v) if keep_nulls else encoded(call, v) for v in values]
    inner = pl.concat_str(parts, separator=comma, ignore_nulls=True) if parts else pl.lit("")
    return call.value(pl.concat_str(pl.lit("["), inner, pl.lit("]")), _TEXT, json=True)


def _object(call: Call) -> Value:
    call.given("return_type"), call.given("encoding"), call.has("unique_keys")
    handling = str(call.given("null_handling") or "").upper()
    nodes = [call.node.this] if isinstance(call.node.this, exp.JSONKeyValue) else call.node.expressions
    if len(nodes) == 1 and isinstance(nodes[0], exp.Star):
        raise call.refuse(f"{call.name} of all columns")
    between = (", ", ": ") if call.dialect == "mysql" else (",", ":")
    return object_of(call, nodes, keep_nulls="ABSENT" not in handling, between=between)


def _pairs(call: Call) -> Value:
    """JSON_BUILD_OBJECT('k', v, ...)."""
    nodes = call.node.expressions
    if len(nodes) % 2:
        raise call.error(f"{call.name} wants a value for each key")
    pairs: list[exp.Expr] = [
        exp.JSONKeyValue(this=k, expression=v) for k, v in zip(nodes[::2], nodes[1::2], strict=True)
    ]
    between = (", ", ": ") if _wide(call) else (", ", " : ") if call.dialect == "postgres" else (",", ":")
    return object_of(call, pairs, between=between)


def _array(call: Call) -> Value:
    handling = str(call.given("null_handling") or "").upper()
    call.given("return_type"), call.given("strict")
    drops = "ABSENT" in handling or (call.dialect in ("oracle", "tsql") and "NULL" not in handling)
    wide = call.dialect == "mysql" or call.name in ("JSON_BUILD_ARRAY", "JSONB_BUILD_ARRAY")
    return array_of(call, call.args(), keep_nulls=not drops, comma=", " if wide else ",")


def _to_json(call: Call) -> Value:
    call.has("options"), call.has("is_json")
    value = call.args()[0] if isinstance(call.node, exp.Anonymous) else call.arg()
    if call.has("options"):
        raise call.refuse(f"{call.name} with options")
    made = encoded(call, value)
    if call.dialect == "bigquery":
        made = made.fill_null("null")
    text_only = isinstance(call.node, exp.JSONFormat) and not call.has("to_json")
    if _wide(call) or call.name == "TO_JSONB":
        made = jsontext.spaced(made)
    return call.value(jsontext.compact(made) if value.json and text_only else made, _TEXT, json=not text_only)


def _json(call: Call) -> Value:
    """JSON(text) of SQLite: without blanks."""
    return call.value(jsontext.compact(json_of(call, call.args()[0])), _TEXT, json=True)


# -- changing -------------------------------------------------------------------------------------


def _put_together(members: pl.Expr) -> pl.Expr:
    pair = pl.element().struct
    texts = members.list.eval(
        pl.concat_str(jsontext.encoded_text(pair.field("key")), pl.lit(":"), pair.field("value"))
    )
    return jsontext.joined(texts, "{", "}")


def merged(call: Call, left: Value, right: Value) -> Value:
    """Return ``a || b`` of two objects, of equal keys the last one's value, or of two arrays."""
    last = pl.element().struct.field("key").is_last_distinct()
    members = pl.concat_list(jsontext.members(left.expr), jsontext.members(right.expr))
    key = pl.element().struct.field("key")
    ordered = pl.element().sort_by(key.str.len_bytes(), key)  # as jsonb keeps them
    objects = _put_together(members.list.eval(pl.element().filter(last)).list.eval(ordered))
    arrays = jsontext.joined(pl.concat_list(jsontext.elements(left.expr), jsontext.elements(right.expr)))
    return call.value(jsontext.spaced(pl.coalesce(objects, arrays)), _TEXT, json=True)


def _insert(call: Call) -> Value:
    """OBJECT_INSERT(object, key, value [, update])."""
    text, key, value = json_of(call, call.arg()), call.text("key"), call.arg("value")
    update = call.has("update_flag") and bool(call.constant("update_flag"))
    new = encoded(call, value)
    one = pl.concat_list(pl.struct(key.alias("key"), new.alias("value")))
    there = jsontext.keys(text).list.contains(key)
    if not update:
        known = call.maybe("key")
        if known is None or not known.is_constant:
            raise call.refuse("OBJECT_INSERT of a computed key")
    kept = jsontext.members(text)
    if update:
        if not isinstance(call.arg("key").constant, str):
            raise call.refuse("OBJECT_INSERT of a computed key")
        kept = kept.list.eval(
            pl.element().filter(pl.element().struct.field("key") != call.arg("key").constant)
        )
        there = pl.lit(False)
    added = pl.when(new.is_not_null()).then(pl.concat_list(kept, one)).otherwise(kept)
    # A key that is there already is an error: reading it as a number fails.
    failed = pl.when(there).then(pl.concat_str(pl.lit("key is there: "), key)).cast(pl.Int64)
    made = pl.when(failed.is_null()).then(_put_together(added))
    return call.value(made, _TEXT, json=True)


def _only_keys(keep: bool, call: Call) -> Value:
    """OBJECT_PICK and OBJECT_DELETE(object, key, ...)."""
    value, *given = call.args()
    names = [k.constant for k in given]
    if not all(isinstance(n, str) for n in names):
        raise call.refuse(f"{call.name} of computed keys")
    own = pl.element().struct.field("key").is_in(names)
    kept = jsontext.members(json_of(call, value)).list.eval(pl.element().filter(own if keep else own.not_()))
    return call.value(_put_together(kept), _TEXT, json=True)


def _contains(call: Call) -> Value:
    """JSON_CONTAINS(json, candidate [, path]): an array holds what equals one of its elements."""
    value, candidate, *path = call.node.expressions
    text = jsontext.value_at(json_of(call, call.bind(value)), steps_of(call, path[0] if path else None))
    wanted = call.bind(candidate)
    known = wanted.constant
    if not isinstance(known, str) or known.strip()[:1] in ("[", "{"):
        raise call.refuse("JSON_CONTAINS of an object, an array or a computed value")
    token = "".join(known.split()) if not known.strip().startswith('"') else known.strip()
    inside = jsontext.elements(text).list.contains(pl.lit(token))
    made = pl.when(text.is_not_null()).then(inside.fill_null(False) | (text == token))
    return call.value(made.cast(pl.Int32) if call.dialect == "mysql" else made)


def _member_of(call: Call) -> Value:
    """``value MEMBER OF (json)``."""
    item, value = call.arg(), call.arg("expression")
    made = jsontext.elements(json_of(call, value)).list.contains(encoded(call, item))
    return call.value(made.cast(pl.Int32) if call.dialect == "mysql" else made)


def _strip_null(call: Call) -> Value:
    text = json_of(call, call.arg())
    return call.value(pl.when(text != "null").then(text), _TEXT, json=True)


def _check(call: Call) -> Value:
    """CHECK_JSON: NULL where the text is JSON."""
    if not isinstance(call.arg().constant, str):
        raise call.refuse("CHECK_JSON of a computed text")
    try:
        codec.loads(call.constant())
    except ValueError as error:
        return call.value(pl.lit(str(error)), _TEXT)
    return call.value(pl.lit(None, dtype=_TEXT), _TEXT)


DOCUMENTS: Functions = {
    exp.ParseJSON: _parse, "JSON_PARSE": _parse, exp.FromJson: _from_json, exp.JSONFormat: _to_json, "TO_JSON": _to_json,
    "TO_JSONB": _to_json, "ROW_TO_JSON": _to_json, "JSON_SERIALIZE": _to_json, exp.ToVariant: _to_json,
    "JSON_QUOTE": _to_json, "ARRAY_TO_JSON": _to_json, "JSON": _json, exp.JSONObject: _object, exp.JSONArray: _array,
    "JSON_ARRAY": _array, "JSON_BUILD_ARRAY": _array, "JSONB_BUILD_ARRAY": _array, "JSON_BUILD_OBJECT": _pairs,
    "JSONB_BUILD_OBJECT": _pairs, "OBJECT": _pairs, exp.ObjectInsert: _insert, "OBJECT_DELETE": partial(_only_keys, False),
    "OBJECT_PICK": partial(_only_keys, True), "JSON_CONTAINS": _contains, exp.JSONArrayContains: _member_of,
    exp.StripNullValue: _strip_null, exp.CheckJson: _check,
}  # fmt: skip
