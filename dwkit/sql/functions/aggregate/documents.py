"""Aggregates that make a JSON document of many rows."""

from __future__ import annotations

from functools import partial

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.aggregate.rows import Rows
from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.types import is_decimal
from dwkit.sql.value import Value

__all__ = ["DOCUMENTS"]


def _json(call: Call, value: Value) -> pl.Expr:
    """Return a value as JSON text."""
    if value.json:
        return value.expr.fill_null("null")
    expr = value.expr
    if is_decimal(value.dtype):
        return call.as_text(value).fill_null("null")
    whole = pl.struct(expr.alias("v")).struct.json_encode()
    return whole.str.slice(5, whole.str.len_chars() - 6)


def _array(call: Call) -> Value:
    rows = Rows(call)
    value = rows.argument()
    taken = rows.taken(_json(call, value), nulls=True)
    joined = pl.concat_str(pl.lit("["), taken.str.join(","), pl.lit("]"))
    none = pl.lit("[]") if call.dialect == "sqlite" else pl.lit(None, dtype=pl.String)
    return call.value(pl.when(taken.len() > 0).then(joined).otherwise(none), pl.String(), json=True)


def _object(skip_nulls: bool, call: Call) -> Value:
    """An object of keys and values; Snowflake leaves out pairs with a NULL."""
    call.given("return_type"), call.given("encoding")
    nodes = list(call.given("expressions") or ())
    if len(nodes) == 1 and isinstance(nodes[0], exp.JSONKeyValue):
        nodes = [nodes[0].this, nodes[0].expression]
    if not nodes or (not isinstance(call.node, exp.Anonymous) and call.given("this") is not None):
        nodes = [call.given("this"), call.given("expression")]
    rows = Rows(call)
    rows.nodes = nodes
    key, value = rows.argument(0), rows.argument(1)
    name = Value(call.as_text(key), pl.String(), key.refs)
    keep = key.expr.is_not_null() & value.expr.is_not_null() if skip_nulls else key.expr.is_not_null()
    pair = pl.concat_str(_json(call, name), pl.lit(":"), _json(call, value))
    taken = rows.taken(pair, nulls=True, keep=keep)
    joined = pl.concat_str(pl.lit("{"), taken.str.join(","), pl.lit("}"))
    none = pl.lit("{}") if skip_nulls or call.dialect == "sqlite" else pl.lit(None, dtype=pl.String)
    return call.value(pl.when(taken.len() > 0).then(joined).otherwise(none), pl.String(), json=True)


DOCUMENTS: Functions = {
    exp.JSONArrayAgg: _array, "JSON_ARRAYAGG": _array, "JSONB_AGG": _array, "JSON_GROUP_ARRAY": _array,
    exp.JSONObjectAgg: partial(_object, False), exp.JSONBObjectAgg: partial(_object, False),
    "JSON_GROUP_OBJECT": partial(_object, False), exp.ObjectAgg: partial(_object, True),
}  # fmt: skip
