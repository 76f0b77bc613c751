"""Literals of lists and structs, and their parts: ``l[1]``, ``l[1:2]``, ``s.a``, ``s['a']``."""

from __future__ import annotations

import polars as pl
from sqlglot import exp
from sqlglot.dialects.dialect import Dialect

from dwkit.errors import did_you_mean
from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.functions.operators import alike
from dwkit.sql.types import is_integer, is_list, is_text, shown
from dwkit.sql.value import Value

__all__ = ["ACCESS", "field_of", "list_of"]


def list_of(call: Call, values: list[Value]) -> Value:
    """Return a list of values of one type."""
    if not values:
        return call.value(pl.lit(pl.Series([[]], dtype=pl.List(pl.Null))).first(), pl.List(pl.Null()))
    made = alike(call, *values)
    inner = made[0].dtype
    if is_list(inner):  # concat_list would put inner lists together
        single = [pl.concat_list(pl.struct(v.expr.alias("v"))) for v in made]
        nested = pl.concat_list(single).list.eval(pl.element().struct.field("v"))
        return call.value(nested, pl.List(inner))
    return call.value(pl.concat_list(v.expr for v in made), pl.List(inner))


def _array(call: Call) -> Value:
    for flag in ("value_constructor", "struct_name_inheritance", "bracket_notation"):
        call.has(flag)
    nodes = call.node.expressions
    if len(nodes) == 1 and isinstance(nodes[0], exp.Comprehension):
        return call.bind(nodes[0])
    if len(nodes) == 1 and isinstance(nodes[0], exp.Query):
        return call.binder.list_subquery(nodes[0])  # type: ignore[attr-defined, no-any-return]
    return list_of(call, call.args())


def _struct(call: Call) -> Value:
    """STRUCT(1 AS a), {'a': 1}, NAMED_STRUCT, ROW: fields without a name are called by their place."""
    if call.dialect == "snowflake":
        from dwkit.sql.functions.nested.documents import object_of

        return object_of(
            call,
            call.node.expressions,
            keep_nulls=isinstance(call.node.expressions[0].this, exp.Identifier)
            if call.node.expressions
            else True,
        )
    made: list[tuple[str, Value]] = []
    for number, node in enumerate(call.node.expressions, 1):
        if isinstance(node, (exp.PropertyEQ, exp.Alias)):
            name = node.alias if isinstance(node, exp.Alias) else node.this.name
            value = call.bind(node.this if isinstance(node, exp.Alias) else node.expression)
        else:
            value = call.bind(node)
            name = (
                str(node.meta.get("name") or node.name)
                if isinstance(node, exp.Column)
                else _unnamed(call, number)
            )
        made.append((name, value))
    if len({n for n, _ in made}) < len(made):
        raise call.error("a struct with two fields of one name")
    dtype = pl.Struct({n: v.dtype for n, v in made})
    return call.value(pl.struct(v.expr.alias(n) for n, v in made), dtype)


def _unnamed(call: Call, number: int) -> str:
    return {"trino": f"field{number - 1}", "bigquery": f"_field_{number}", "duckdb": f"v{number}"}.get(
        call.dialect, f"col{number}"
    )


def _bracket(call: Call) -> Value:
    value = call.arg()
    keys = call.node.expressions
    call.has("safe")
    if len(keys) != 1:
        raise call.refuse("several indexes at once")
    key = keys[0]
    if isinstance(key, exp.Slice):
        return _slice(call, value, key)
    if value.json:
        from dwkit.sql.functions.nested.json import element

        return element(call, value, key)
    if isinstance(value.dtype, pl.Struct):
        name = call.bind(key).constant
        if isinstance(name, str):
            return field_of(call, value, name)
        raise call.refuse("a field of a struct by a computed name")
    if is_text(value.dtype) and call.dialect == "duckdb":
        return _character(call, value, key)
    if not is_list(value.dtype):
        raise call.error(f"{shown(value.dtype)} has no elements")
    found = value.expr.list.get(_index(call, key), null_on_oob=True)
    return call.value(found, value.dtype.inner)  # type: ignore[attr-defined]


def _index(call: Call, key: exp.Expr) -> pl.Expr:
    """Return an index from 0, or from the end where it is negative.

    sqlglot has taken the dialect's first index off a literal, also off one that counts from the end.
    """
    given = call.given("offset")
    base = Dialect.get_or_raise(call.dialect).INDEX_OFFSET
    value = call.bind(key)
    if not is_integer(value.dtype) and not value.is_null:
        raise call.error(f"an index is a whole number, not {shown(value.dtype)}")
    if isinstance(value.constant, int):
        original = value.constant + (0 if given is not None else base)
        first = int(given) if given is not None else base
        if original < first and original >= 0:
            return pl.lit(None, dtype=pl.Int64)
        return pl.lit(original - first if original >= first else original, dtype=pl.Int64)
    first = int(given) if given is not None else base
    index = call.cast(value, pl.Int64()).expr
    return pl.when(index >= first).then(index - first).when(index < 0).then(index)


def _slice(call: Call, value: Value, key: exp.Slice) -> Value:
    """``l[a:b]``: both ends count from 1 and belong to it; negative ones count from the end."""
    if key.args.get("step") is not None:
        raise call.refuse("a slice with steps")
    text = is_text(value.dtype)
    size = value.expr.str.len_chars() if text else value.expr.list.len()
    length = size.cast(pl.Int64)
    start = call.cast(call.bind(key.this), pl.Int64()).expr if key.this is not None else pl.lit(1)
    end_node = key.expression
    missing = end_node is None or (isinstance(end_node, exp.Neg) and end_node.this.name == "-")
    end = length if missing else call.cast(call.bind(end_node), pl.Int64()).expr
    first = pl.when(start < 0).then(length + start).when(start > 0).then(start - 1).otherwise(0)
    last = pl.when(end < 0).then(length + end + 1).otherwise(end)
    first = pl.max_horizontal(first, pl.lit(0))
    span = pl.max_horizontal(pl.min_horizontal(last, length) - first, pl.lit(0))
    made = value.expr.str.slice(first, span) if text else value.expr.list.slice(first, span)
    return call.value(pl.when(value.expr.is_not_null()).then(made), pl.String() if text else value.dtype)


def _character(call: Call, value: Value, key: exp.Expr) -> Value:
    index = _index(call, key)
    found = value.expr.str.slice(index, 1)
    return call.value(pl.when(index.is_not_null()).then(found).otherwise(pl.lit("")), pl.String())


def field_of(call: Call, value: Value, name: str) -> Value:
    """Return a field of a struct, whatever its letter case.

    Raises:
        SqlError: it has no such field.
    """
    struct = value.dtype
    assert isinstance(struct, pl.Struct)
    fields = {f.name: f.dtype for f in struct.fields}
    found = name if name in fields else next((f for f in fields if f.lower() == name.lower()), None)
    if found is None:
        raise call.error(f"no field {name!r} in {shown(struct)}", hint=did_you_mean(name, fields))
    return call.value(value.expr.struct.field(found), fields[found])  # type: ignore[arg-type]


def _dot(call: Call) -> Value:
    value = call.arg()
    name = call.node.expression.name
    if value.json:
        from dwkit.sql.functions.nested.json import member

        return member(call, value, name)
    if isinstance(value.dtype, pl.Struct):
        return field_of(call, value, name)
    if is_list(value.dtype) and isinstance(value.dtype.inner, pl.Struct):  # type: ignore[attr-defined]
        inner = Value(pl.element(), value.dtype.inner)  # type: ignore[attr-defined]
        one = field_of(call, inner, name)
        return call.value(value.expr.list.eval(one.expr), pl.List(one.dtype))
    raise call.error(f"{shown(value.dtype)} has no fields")


def _struct_extract(call: Call) -> Value:
    value, key = call.args()
    if not isinstance(key.constant, str) or not isinstance(value.dtype, pl.Struct):
        raise call.refuse("STRUCT_EXTRACT of this")
    return field_of(call, value, key.constant)


def _row(call: Call) -> Value:
    made = [(_unnamed(call, n), v) for n, v in enumerate(call.args(), 1)]
    dtype = pl.Struct({n: v.dtype for n, v in made})
    return call.value(pl.struct(v.expr.alias(n) for n, v in made), dtype)


ACCESS: Functions = {
    exp.Array: _array,
    exp.List: _array,
    "LIST_VALUE": _array,
    exp.Struct: _struct,
    "ROW": _row,
    exp.Bracket: _bracket,
    exp.Dot: _dot,
    exp.StructExtract: lambda call: field_of(call, call.arg(), call.constant("expression")),
    "STRUCT_EXTRACT": _struct_extract,
}
