"""Structs by their names as texts: NAMED_STRUCT and GET_FIELD."""

from __future__ import annotations

import polars as pl

from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.functions.nested.access import field_of
from dwkit.sql.functions.nested.maps import entry_of
from dwkit.sql.types import is_map, shown
from dwkit.sql.value import Value

__all__ = ["RECORDS"]


def _named_struct(call: Call) -> Value:
    """NAMED_STRUCT('a', 1, 'b', 2)."""
    values = call.args()
    if not values or len(values) % 2:
        raise call.error(f"{call.name} wants pairs of a name and a value")
    fields: dict[str, Value] = {}
    for name, value in zip(values[::2], values[1::2], strict=True):
        if not isinstance(name.constant, str) or not name.constant:
            raise call.error(f"{call.name} wants a text for a name")
        if name.constant in fields:
            raise call.error(f"a struct with two fields of the name {name.constant!r}")
        fields[name.constant] = value
    made = pl.struct(v.expr.alias(n) for n, v in fields.items())
    return call.value(made, pl.Struct({n: v.dtype for n, v in fields.items()}))


def _get_field(call: Call) -> Value:
    """GET_FIELD(struct, name, ...): the field of a field; of a map, the value of a key."""
    if len(call.given("expressions")) < 2:
        raise call.error(f"{call.name} wants a struct and a name")
    value, *keys = call.args()
    for key in keys:
        if is_map(value.dtype):
            value = entry_of(call, value, key)
        elif isinstance(value.dtype, pl.Struct) and isinstance(key.constant, str):
            value = field_of(call, value, key.constant)
        elif value.is_null or isinstance(value.dtype, pl.Null):
            return value
        else:
            raise call.error(f"{shown(value.dtype)} has no such field")
    return value


RECORDS: Functions = {"NAMED_STRUCT": _named_struct, "GET_FIELD": _get_field}
