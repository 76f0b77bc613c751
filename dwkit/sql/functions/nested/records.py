"""Structs by their names as texts, NAMED_STRUCT and GET_FIELD, and structs of other structs."""

from __future__ import annotations

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.functions.comparison import alike
from dwkit.sql.functions.nested.access import field_of, unnamed
from dwkit.sql.functions.nested.maps import entry_of
from dwkit.sql.types import is_map, is_text, shown
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


# -- DuckDB's -------------------------------------------------------------------------------------


def _fields(call: Call, value: Value) -> dict[str, Value]:
    """Return the fields of a struct by name."""
    if not isinstance(value.dtype, pl.Struct):
        raise call.error(f"{call.name} wants a struct, not {shown(value.dtype)}")
    return {f.name: field_of(call, value, f.name) for f in value.dtype.fields}


def _struct(call: Call, fields: dict[str, Value]) -> Value:
    made = pl.struct(v.expr.alias(n) for n, v in fields.items())
    return call.value(made, pl.Struct({n: v.dtype for n, v in fields.items()}))


def _update(call: Call) -> Value:
    """STRUCT_UPDATE(struct, name := value, ...): fields with other values, and more of them."""
    first, *rest = call.node.expressions
    fields = _fields(call, call.bind(first))
    for node in rest:
        if not isinstance(node, exp.PropertyEQ):
            raise call.error(f"{call.name} wants name := value", node)
        name = next((n for n in fields if n.lower() == node.this.name.lower()), node.this.name)
        fields[name] = call.bind(node.expression)
    return _struct(call, fields)


def _concat(call: Call) -> Value:
    """STRUCT_CONCAT(struct, ...): their fields in one struct."""
    fields: dict[str, Value] = {}
    for value in call.args():
        for name, field in _fields(call, value).items():
            if name.lower() in (n.lower() for n in fields):
                raise call.error(f"two structs have a field {name!r}")
            fields[name] = field
    return _struct(call, fields)


def _values(call: Call) -> Value:
    """STRUCT_VALUES(struct): its fields without their names."""
    [value] = call.args()
    made = _struct(
        call, {unnamed(call.dialect, n): v for n, v in enumerate(_fields(call, value).values(), 1)}
    )
    return call.value(pl.when(value.expr.is_not_null()).then(made.expr), made.dtype)


def _place(call: Call) -> tuple[Value, Value, pl.Expr]:
    """Return a struct without names, a value, and the place of the first of its fields that is this value."""
    value, wanted = call.args()
    fields = _fields(call, value)
    if list(fields) != [unnamed(call.dialect, n) for n in range(1, len(fields) + 1)]:
        raise call.error(f"{call.name} wants a struct without names, as of ROW(1, 2)")
    same = [pl.lit(None, dtype=pl.Int32)]
    for number, field in enumerate(fields.values(), 1):
        if wanted.is_null or field.is_null or is_text(field.dtype) == is_text(wanted.dtype):
            one, other = alike(call, field, wanted)
            same.append(pl.when(one.expr.eq_missing(other.expr)).then(number))
    return value, wanted, pl.when(value.expr.is_not_null()).then(pl.coalesce(same))


def _contains(call: Call) -> Value:
    value, wanted, place = _place(call)
    known = value.expr.is_not_null() & wanted.expr.is_not_null()
    return call.value(pl.when(known).then(place.is_not_null()), pl.Boolean())


def _position(call: Call) -> Value:
    return call.value(_place(call)[2].cast(pl.Int32), pl.Int32())


RECORDS: Functions = {
    "NAMED_STRUCT": _named_struct, "GET_FIELD": _get_field, "STRUCT_UPDATE": _update, "STRUCT_CONCAT": _concat,
    "STRUCT_VALUES": _values, "STRUCT_CONTAINS": _contains, "STRUCT_HAS": _contains, "STRUCT_POSITION": _position,
    "STRUCT_INDEXOF": _position,
}  # fmt: skip
