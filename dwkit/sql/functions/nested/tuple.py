"""JSON_TUPLE of Spark: the values of several keys of an object."""

from __future__ import annotations

import polars as pl
from sqlglot import exp

from dwkit.sql.functions import jsontext
from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.functions.elements import over
from dwkit.sql.value import Value

__all__ = ["TUPLE", "tuple_keys"]

_TEXT = pl.String()


def tuple_keys(node: exp.Expr) -> list[exp.Expr]:
    """Return a call for each key of a JSON_TUPLE, none for another function."""
    if not isinstance(node, exp.Anonymous) or str(node.this).upper() != "JSON_TUPLE":
        return []
    document, *keys = node.expressions
    return [exp.Anonymous(this="JSON_TUPLE", expressions=[document.copy(), key]) for key in keys]


def _tuple(call: Call) -> Value:
    """The value of one key as text: what gives several columns asks for one after the other."""
    values = call.args()
    if call.dialect not in ("spark", "databricks") or len(values) != 2:
        raise call.refuse("JSON_TUPLE of several keys within an expression")
    document, key = values
    text = call.as_text(document)
    if isinstance(key.constant, str):
        return call.value(jsontext.text_at(text, [key.constant]), _TEXT)
    found = over(
        jsontext.members(text), [key], lambda pair, others: pair.filter(pair.struct.field("key") == others[0])
    )
    made = jsontext.unquoted(found.list.last().struct.field("value"))
    return call.value(made, _TEXT)


TUPLE: Functions = {"JSON_TUPLE": _tuple}
