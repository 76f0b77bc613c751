"""Literals of lists and structs, and their parts: ``l[1]``, ``l[1:2]``, ``s.a``, ``s['a']``."""

from __future__ import annotations

import polars as pl
from sqlglot import exp

from dwkit.errors import did_you_mean
from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.functions.comparison import alike
from dwkit.sql.functions.elements import listed
from dwkit.sql.functions.nested.documents import array_of, object_of
from dwkit.sql.functions.nested.json import element, member
from dwkit.sql.types import is_integer, is_list, is_map, is_text, shown, unified
from dwkit.sql.value import Value

__all__ = ["ACCESS", "field_of", "list_of", "struct_of"]

_STRICT = frozenset({"trino", "databricks", "spark", "bigquery"})
"""An index that no element has is an error there; elsewhere it gives NULL."""


# -- literals -------------------------------------------------------------------------------------


def list_of(call: Call, values: list[Value]) -> Value:
    """Return a list of values of one type."""
    if not values:
        return call.value(pl.lit(pl.Series([[]], dtype=pl.List(pl.Null))).first(), pl.List(pl.Null()))
    known = any(not v.is_null and not isinstance(v.dtype, pl.Null) for v in values)
    made = alike(call, *values) if known else values
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
    if call.dialect == "bigquery":
        _name_alike(nodes)
    values = call.args()
    if call.dialect == "snowflake" and _differ(values):
        return array_of(call, values)
    return list_of(call, values)


def _name_alike(nodes: list[exp.Expr]) -> None:
    """Give the structs of an array that name no fields the names of the first one's, in place."""
    names = (
        [_field_name(part) for part in nodes[0].expressions]
        if nodes and isinstance(nodes[0], exp.Struct)
        else []
    )
    for node in nodes[1:] if names and all(names) else ():
        parts = node.expressions
        unnamed_parts = len(parts) == len(names) and not any(map(_field_name, parts))
        if isinstance(node, (exp.Struct, exp.Tuple)) and unnamed_parts:
            pairs = [
                exp.PropertyEQ(this=exp.to_identifier(n, quoted=True), expression=part.copy())
                for n, part in zip(names, parts, strict=True)
            ]
            node.replace(exp.Struct(expressions=pairs))


def _field_name(part: exp.Expr) -> str:
    if isinstance(part, exp.Column):
        return str(part.meta.get("name") or part.name)
    if isinstance(part, exp.PropertyEQ):
        return str(part.this.name)
    return part.alias if isinstance(part, exp.Alias) else ""


def _differ(values: list[Value]) -> bool:
    """Whether values have no type together, or are JSON, as the elements of an array of VARIANTs may."""
    dtypes = [v.dtype for v in values]
    texts = [is_text(t) for t in dtypes if not isinstance(t, pl.Null)]
    mixed = any(texts) and not all(texts)
    return not values or mixed or unified(dtypes) is None or any(v.json for v in values)


def struct_of(call: Call, nodes: list[exp.Expr]) -> Value:
    """Return a struct of expressions: those without a name are called by their place."""
    made: list[tuple[str, Value]] = []
    for number, node in enumerate(nodes, 1):
        if isinstance(node, (exp.PropertyEQ, exp.Alias)):
            name = node.alias if isinstance(node, exp.Alias) else node.this.name
            value = call.bind(node.this if isinstance(node, exp.Alias) else node.expression)
        else:
            value = call.bind(node)
            column = isinstance(node, exp.Column) and call.dialect not in ("trino", "postgres", "datafusion")
            name = str(node.meta.get("name") or node.name) if column else unnamed(call.dialect, number)
        made.append((name, value))
    if len({n for n, _ in made}) < len(made):
        raise call.error("a struct with two fields of one name")
    dtype = pl.Struct({n: v.dtype for n, v in made})
    return call.value(pl.struct(v.expr.alias(n) for n, v in made), dtype)


def unnamed(dialect: str, number: int) -> str:
    """Return what a field without a name is called."""
    names = {"trino": f"field{number - 1}", "bigquery": f"_field_{number}", "duckdb": f"v{number}",
             "postgres": f"f{number}", "datafusion": f"c{number - 1}"}  # fmt: skip
    return names.get(dialect, f"col{number}")


def _struct(call: Call) -> Value:
    """STRUCT(1 AS a), {'a': 1}, NAMED_STRUCT, ROW; in Snowflake OBJECT_CONSTRUCT, which leaves out NULLs."""
    if call.dialect != "snowflake":
        return struct_of(call, call.node.expressions)
    nodes = call.node.expressions
    literal = (
        bool(nodes) and isinstance(nodes[0], exp.PropertyEQ) and isinstance(nodes[0].this, exp.Identifier)
    )
    return object_of(call, nodes, keep_nulls=literal)


def _row(call: Call) -> Value:
    return struct_of(call, call.node.expressions)


def _tuple(call: Call) -> Value:
    """``(1, 'a')`` as a struct."""
    if call.dialect not in ("bigquery", "duckdb", "spark", "databricks", "trino", "postgres", "datafusion"):
        raise call.refuse("a row as a value")
    return struct_of(call, call.node.expressions)


# -- elements -------------------------------------------------------------------------------------


def _bracket(call: Call) -> Value:
    value = call.arg()
    keys = call.node.expressions
    safe = call.has("safe")
    base = int(call.given("offset") or 0)
    if len(keys) != 1:
        raise call.refuse("several indexes at once")
    key = keys[0]
    if isinstance(key, exp.Slice):
        return _slice(call, value, key)
    if _is_json(call, value):
        if call.dialect == "duckdb" and call.node.this.unnest().is_type("variant"):
            raise call.refuse("an element of a VARIANT")  # it counts from 1, JSON from 0
        return element(call, value, key)
    if isinstance(value.dtype, pl.Struct):
        return _by_key(call, value, key)
    if is_map(value.dtype):
        from dwkit.sql.functions.nested.maps import entry_of

        return entry_of(call, value, call.bind(key))
    if is_text(value.dtype) and call.dialect == "duckdb":
        index, known = _index(call, key, base)
        found = pl.when(index.is_not_null()).then(value.expr.str.slice(index, 1)).otherwise(pl.lit(""))
        return call.value(pl.when(known).then(found), pl.String())
    if not is_list(value.dtype):
        raise call.error(f"{shown(value.dtype)} has no elements")
    value = listed(call, value)
    index, known = _index(call, key, base)
    found = value.expr.list.get(index, null_on_oob=True)
    if _fails(call, safe=safe):
        found = _checked(call, value, index, known, found)
    return call.value(found, value.dtype.inner)  # type: ignore[attr-defined]


def _is_json(call: Call, value: Value) -> bool:
    """Whether a value is JSON: a table keeps it as text, and other text has no parts."""
    return value.json or (is_text(value.dtype) and call.dialect != "duckdb" and not value.is_constant)


def _fails(call: Call, *, safe: bool) -> bool:
    """Whether an index that no element has is an error."""
    return not safe and call.dialect in _STRICT


def _checked(call: Call, value: Value, index: pl.Expr, known: pl.Expr, found: pl.Expr) -> pl.Expr:
    size = value.expr.list.len().cast(pl.Int64)
    inside = (index < size) & (index >= -size)
    outside = (inside.fill_null(False).not_() & value.expr.is_not_null() & known).fill_null(False)
    text = pl.concat_str(pl.lit("no element at this place of a list of "), size.cast(pl.String))
    failed = call.guarded(pl.when(outside).then(text)).cast(pl.Int64)
    return pl.when(failed.is_null()).then(found)


def _by_key(call: Call, value: Value, key: exp.Expr) -> Value:
    known = call.bind(key).constant
    if isinstance(known, str):
        return field_of(call, value, known)
    fields = value.dtype.fields  # type: ignore[attr-defined]
    if isinstance(known, int) and 1 <= known <= len(fields):
        return field_of(call, value, fields[known - 1].name)
    raise call.refuse("a field of a struct by this key")


def _index(call: Call, key: exp.Expr, base: int) -> tuple[pl.Expr, pl.Expr]:
    """Return an index from 0 or, negative, from the end, and whether one was given."""
    value = call.bind(key)
    if not is_integer(value.dtype) and not value.is_null:
        raise call.error(f"an index is a whole number, not {shown(value.dtype)}")
    index = call.cast(value, pl.Int64()).expr
    called = base == 1 and not call.node.meta.get("brackets")  # ELEMENT_AT
    from_end = called or call.dialect in ("duckdb", "datafusion")
    at = pl.when(index >= base).then(index - base)
    return at.when(index < 0).then(
        pl.max_horizontal(index, -(2**62))
    ) if from_end else at, index.is_not_null()


def _slice(call: Call, value: Value, key: exp.Slice) -> Value:
    """``l[a:b:step]``: both ends count from 1 and belong to it; negative ones count from the end in DuckDB."""
    if value.json:
        raise call.refuse("a slice of JSON")
    if call.dialect == "datafusion":
        return _own_slice(call, listed(call, value), key)
    step = 1
    if key.args.get("step") is not None:
        step = call.bind(key.args["step"]).constant
        if not isinstance(step, int) or step < 1:
            raise call.refuse("a slice with this step")
    text = is_text(value.dtype)
    if not text:
        value = listed(call, value)
    size = (value.expr.str.len_chars() if text else value.expr.list.len()).cast(pl.Int64)
    start = (
        call.cast(call.bind(key.this), pl.Int64()).expr if key.this is not None else pl.lit(1, dtype=pl.Int64)
    )
    end_node = key.expression
    missing = end_node is None or (isinstance(end_node, exp.Neg) and end_node.this.name == "-")
    end = size if missing else call.cast(call.bind(end_node), pl.Int64()).expr
    if call.dialect == "duckdb":
        start = pl.when(start < 0).then(size + start + 1).otherwise(start)
        end = pl.when(end < 0).then(size + end + 1).otherwise(end)
    zero = pl.lit(0, dtype=pl.Int64)
    first = pl.max_horizontal(start - 1, zero)
    span = pl.max_horizontal(pl.min_horizontal(end, size) - first, zero)
    known = value.expr.is_not_null() & start.is_not_null() & end.is_not_null()
    made = value.expr.str.slice(first, span) if text else value.expr.list.slice(first, span)
    if step > 1:
        if text:
            raise call.refuse("a slice of text with steps")
        made = made.list.gather_every(step)
    return call.value(pl.when(known).then(made), pl.String() if text else value.dtype)


def _own_slice(call: Call, value: Value, key: exp.Slice) -> Value:
    """The same in DataFusion, where a step may be negative: it has both ends, as ARRAY_SLICE."""
    from dwkit.sql.functions.nested.arrays import part

    nodes = (key.this, key.expression, key.args.get("step"))
    first, last, step = (call.cast(call.bind(n), pl.Int64()) if n is not None else None for n in nodes)
    if step is not None and step.constant == 0:
        raise call.error("the step of a slice cannot be 0", key)
    start = first.expr if first is not None else pl.lit(1, dtype=pl.Int64)
    end = last.expr if last is not None else value.expr.list.len().cast(pl.Int64)
    return call.value(part(call, value, start, end, step), value.dtype)


def _element(call: Call) -> Value:
    """LIST_EXTRACT(list, n), LIST_ELEMENT."""
    value, key = call.args()
    if value.json:
        return element(call, value, call.node.expressions[1])
    index = call.cast(key, pl.Int64()).expr
    at = pl.when(index > 0).then(index - 1).when(index < 0).then(pl.max_horizontal(index, -(2**62)))
    if is_text(value.dtype):
        found = pl.when(at.is_not_null()).then(value.expr.str.slice(at, 1)).otherwise(pl.lit(""))
        return call.value(pl.when(index.is_not_null()).then(found), pl.String())
    value = listed(call, value)
    return call.value(value.expr.list.get(at, null_on_oob=True), value.dtype.inner)  # type: ignore[attr-defined]


# -- fields ---------------------------------------------------------------------------------------


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
    part = call.node.expression
    if isinstance(part, exp.Func):
        raise call.refuse(f"the function {part.sql_name()} after a point")
    name = part.name
    if _is_json(call, value):
        return member(call, value, name)
    if isinstance(value.dtype, pl.Struct):
        return field_of(call, value, name)
    if is_list(value.dtype) and isinstance(value.dtype.inner, pl.Struct):  # type: ignore[attr-defined]
        if call.dialect not in ("spark", "databricks"):
            raise call.error(f"{shown(value.dtype)} has no fields, its elements have")
        one = field_of(call, Value(pl.element(), value.dtype.inner), name)  # type: ignore[attr-defined]
        return call.value(value.expr.list.eval(one.expr), pl.List(one.dtype))
    raise call.error(f"{shown(value.dtype)} has no fields")


def _struct_extract(call: Call) -> Value:
    value, key = call.args() if isinstance(call.node, exp.Anonymous) else (call.arg(), call.arg("expression"))
    if isinstance(key.constant, str) and isinstance(value.dtype, pl.Struct):
        return field_of(call, value, key.constant)
    raise call.refuse(f"{call.name} of this")


def _struct_insert(call: Call) -> Value:
    """STRUCT_INSERT(struct, name := value, ...)."""
    first, *rest = call.node.expressions
    value = call.bind(first)
    if not isinstance(value.dtype, pl.Struct) or not all(isinstance(n, exp.PropertyEQ) for n in rest):
        raise call.refuse(f"{call.name} of this")
    fields = {f.name: f.dtype for f in value.dtype.fields}
    own = [value.expr.struct.field(f).alias(f) for f in fields]
    for node in rest:
        added = call.bind(node.expression)
        if node.this.name.lower() in (f.lower() for f in fields):
            raise call.error(f"the struct has a field {node.this.name!r} already", node)
        fields[node.this.name] = added.dtype
        own.append(added.expr.alias(node.this.name))
    return call.value(pl.struct(own), pl.Struct(fields))


def _struct_keys(call: Call) -> Value:
    value = call.args()[0]
    if not isinstance(value.dtype, pl.Struct):
        raise call.error(f"{call.name} wants a struct, not {shown(value.dtype)}")
    names = pl.lit(pl.Series([[f.name for f in value.dtype.fields]])).first()
    return call.value(pl.when(value.expr.is_not_null()).then(names), pl.List(pl.String()))


ACCESS: Functions = {
    exp.Array: _array, exp.List: _array, "LIST_VALUE": _array, "LIST_PACK": _array, "ARRAY_VALUE": _array, exp.Struct: _struct, "ROW": _row,
    exp.Tuple: _tuple, exp.Bracket: _bracket, exp.Dot: _dot, exp.StructExtract: _struct_extract,
    "STRUCT_EXTRACT": _struct_extract, "STRUCT_INSERT": _struct_insert, "STRUCT_KEYS": _struct_keys,
    "LIST_EXTRACT": _element, "LIST_ELEMENT": _element, "ARRAY_EXTRACT": _element,
}  # fmt: skip
