"""Functions of lists."""

from __future__ import annotations

import polars as pl
from sqlglot import exp

from dwkit.sql.functions import jsontext
from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.functions.comparison import alike
from dwkit.sql.functions.elements import beside, given_back, inner_of, listed, over
from dwkit.sql.functions.encode import encoded_or_null
from dwkit.sql.functions.strings import STRING
from dwkit.sql.types import is_list, is_map, is_text, shown, unified
from dwkit.sql.value import Value

__all__ = ["LISTS", "concatenated", "first_list", "listed_times", "nth", "same_type", "single", "two_lists"]

_NUMBER, _BOOLEAN, _TEXT = pl.Int64(), pl.Boolean(), pl.String()
_SPARK = ("spark", "databricks")
_NULL_IS_EMPTY = frozenset({"duckdb", "postgres", "datafusion"})
"""A NULL list that is put together with another one is an empty one there."""


def nth(call: Call, number: int, *keys: str) -> Value:
    """Return an argument by place, or by the first of some keys that is given."""
    if isinstance(call.node, exp.Anonymous):
        if number >= len(call.node.expressions):
            raise call.error(f"{call.name} lacks an argument")
        return call.bind(call.node.expressions[number])
    return call.arg(next((k for k in keys if call.given(k) is not None), keys[0]))


def first_list(call: Call) -> Value:
    """Return the list that a function is of."""
    return listed(call, nth(call, 0, "this"))


def same_type(call: Call, value: Value, item: Value) -> tuple[Value, Value]:
    """Return a list and a value of its elements' type."""
    if value.json:
        return value, Value(encoded_or_null(call, item), _TEXT, item.refs, json=True)
    dtype = unified((inner_of(value).dtype, item.dtype), call.dialect)
    if dtype is None:
        raise call.error(f"{shown(item.dtype)} is no element of {shown(value.dtype)}")
    return call.cast(value, pl.List(dtype)), call.cast(item, dtype)


def two_lists(call: Call) -> tuple[Value, Value]:
    """Return two lists of one type."""
    if isinstance(call.node, exp.Anonymous) or call.node.expressions:
        given = call.args()
        if len(given) != 2:
            raise call.refuse(f"{call.name} of {len(given)} lists")
    else:
        given = [call.arg(), call.arg("expression")]
    a, b = (listed(call, v) for v in given)
    if a.json or b.json:
        return _as_json(call, a), _as_json(call, b)
    a, b = alike(call, a, b)
    return a, b


def _as_json(call: Call, value: Value) -> Value:
    if value.json:
        return value
    texts = value.expr.list.eval(encoded_or_null(call, inner_of(value)))
    return Value(texts, pl.List(_TEXT), value.refs, json=True)


# -- size and search ------------------------------------------------------------------------------


def _size(call: Call) -> Value:
    value = nth(call, 0, "this")
    dimension = call.constant("expression", 1) if not isinstance(call.node, exp.Anonymous) else 1
    if isinstance(call.node, exp.Anonymous) and call.name == "ARRAY_UPPER":
        dimension = nth(call, 1).constant
    if dimension != 1:
        raise call.refuse(f"{call.name} of dimension {dimension}")
    made = listed(call, value).expr.list.len().cast(pl.Int64)
    if call.dialect == "postgres" and call.name != "CARDINALITY":
        made = pl.when(made > 0).then(made)  # an empty array has no dimensions
    return call.value(made, _NUMBER)


def _contains(call: Call) -> Value:
    for flag in ("ensure_variant", "check_null"):
        call.has(flag)
    first, second = nth(call, 0, "this"), nth(call, 1, "expression")
    if is_text(first.dtype) and not first.json and call.name == "CONTAINS":
        return call.value(first.expr.str.contains(call.as_text(second), literal=True), _BOOLEAN)
    if not first.json and not is_list(first.dtype) and (second.json or is_list(second.dtype)):
        first, second = second, first
    value, item = same_type(call, listed(call, first), second)
    made = _has(value, item)
    if call.dialect in (*_SPARK, "trino"):
        made = pl.when(made | (value.expr.list.drop_nulls().list.len() == value.expr.list.len())).then(made)
    return call.value(pl.when(item.expr.is_not_null()).then(made), _BOOLEAN)


def _has(value: Value, item: Value) -> pl.Expr:
    others = [] if item.is_constant else [item]
    equal = over(value.expr, others, lambda e, o: e == (o[0] if o else item.expr))
    return equal.list.any()


def _position(call: Call) -> Value:
    """The place of the first equal element, from 1 or 0."""
    start = 0 if call.has("zero_based") else 1
    first, second = nth(call, 0, "this"), nth(call, 1, "expression")
    value, item = same_type(call, listed(call, first), second)
    others = [] if item.is_constant else [item]
    found = over(
        value.expr, others, lambda e, o: e.eq_missing(o[0] if o else item.expr).arg_true()
    ).list.first()
    made = found.cast(pl.Int64) + start
    if call.dialect in (*_SPARK, "trino"):
        known = value.expr.is_not_null() & item.expr.is_not_null()
        return call.value(pl.when(known).then(made.fill_null(0)), _NUMBER)
    return call.value(made, _NUMBER)


def _positions(call: Call) -> Value:
    value, item = same_type(call, first_list(call), nth(call, 1, "expression"))
    others = [] if item.is_constant else [item]
    found = over(
        value.expr, others, lambda e, o: e.eq_missing(o[0] if o else item.expr).arg_true().cast(pl.Int64) + 1
    )
    return call.value(found, pl.List(_NUMBER))


# -- putting together -----------------------------------------------------------------------------


def concatenated(call: Call, values: list[Value], *, null_is_empty: bool) -> Value:
    """Return lists, or a list and elements before or behind it, as one list."""
    if any(v.json for v in values):
        parts = [_as_json(call, listed(call, v)) for v in values]
        made = pl.concat_list(v.expr for v in parts)
        return call.value(jsontext.joined(made), _TEXT, json=True)
    lists = [listed(call, v) if is_list(v.dtype) or v.is_null else v for v in values]
    one_of = [v if is_list(v.dtype) else single(call, v) for v in lists]
    one_of = alike(call, *one_of)
    exprs = [v.expr for v in one_of]
    dtype = one_of[0].dtype
    if null_is_empty:
        empty = pl.lit(pl.Series([[]], dtype=dtype)).first()
        made = pl.concat_list(e.fill_null(empty) for e in exprs)
        if call.dialect in ("postgres", "datafusion", "duckdb"):
            made = pl.when(pl.any_horizontal(e.is_not_null() for e in exprs)).then(made)
        return call.value(made, dtype)
    return call.value(pl.concat_list(exprs), dtype)


def single(call: Call, item: Value) -> Value:
    """Return a list of one value, which may be a list."""
    if is_list(item.dtype):
        made = pl.concat_list(pl.struct(item.expr.alias("v"))).list.eval(pl.element().struct.field("v"))
    else:
        made = pl.concat_list(item.expr)
    return Value(made, pl.List(item.dtype), item.refs)


def _concat(call: Call) -> Value:
    call.has("null_propagation")
    values = call.args() if isinstance(call.node, exp.Anonymous) else [call.arg(), *call.args()]
    return concatenated(call, values, null_is_empty=call.dialect in _NULL_IS_EMPTY)


def _joined_with(call: Call, value: Value, item: Value, *, front: bool) -> Value:
    value, item = same_type(call, value, item)
    one = Value(item.expr, item.dtype, item.refs)
    alone = single(call, one)
    own = value.expr
    if call.dialect in _NULL_IS_EMPTY:
        own = own.fill_null(alone.expr.list.head(0))
    made = pl.concat_list([alone.expr, own] if front else [own, alone.expr])
    return given_back(call, value, made)


def _append(call: Call) -> Value:
    call.has("null_propagation")
    return _joined_with(call, first_list(call), nth(call, 1, "expression"), front=False)


def _prepend(call: Call) -> Value:
    call.has("null_propagation")
    first, second = nth(call, 0, "this"), nth(call, 1, "expression")
    if isinstance(call.node, exp.Anonymous) and call.dialect in ("duckdb", "datafusion"):
        first, second = second, first
    return _joined_with(call, listed(call, first), second, front=True)


def _insert(call: Call) -> Value:
    """ARRAY_INSERT(list, place, element): a negative place counts from the end."""
    start = int(call.given("offset") or 0)
    value, item = same_type(call, listed(call, call.arg()), call.arg("expression"))
    place = call.cast(call.arg("position"), _NUMBER).expr
    size = value.expr.list.len().cast(pl.Int64)
    at = pl.when(place >= 0).then(place - start).otherwise(size + place + start)
    inside = (at >= 0) & (at <= size)
    alone = single(call, Value(item.expr, item.dtype, item.refs)).expr
    # Outside of the list NULLs fill the gap; that is rare, and refused when it runs by an index that is none.
    failed = pl.when(inside.not_()).then(pl.lit("a place outside of the list")).cast(pl.Int64)
    made = pl.concat_list([value.expr.list.head(at), alone, value.expr.list.slice(at)])
    return given_back(call, value, pl.when(failed.is_null() & place.is_not_null()).then(made))


def _zip(call: Call) -> Value:
    """LIST_ZIP, ARRAYS_ZIP, ZIP: structs of the elements at each place, a shorter list is filled up with NULL."""
    nodes = call.given("expressions")
    if not nodes:
        raise call.error(f"{call.name} lacks an argument")
    values = [listed(call, call.bind(n)) for n in nodes]
    lengths = [v.expr.list.len() for v in values]
    size = pl.max_horizontal(lengths)
    lists = [v.expr for v in values]
    if call.dialect in ("duckdb", "datafusion"):
        if call.dialect == "datafusion":
            size = pl.when(pl.any_horizontal(e.is_not_null() for e in lists)).then(size)
        lists = [pl.when(e.is_not_null()).then(e).otherwise(e.fill_null([])) for e in lists]
    else:
        size = pl.when(pl.all_horizontal(e.is_not_null() for e in lists)).then(size)
    names = [_zip_name(call, n, number) for number, n in enumerate(nodes)]
    whole = beside(lists, size=size)
    named = whole.list.eval(
        pl.struct(pl.element().struct.field(str(n)).alias(name) for n, name in enumerate(names))
    )
    inner = pl.Struct({n: inner_of(v).dtype for n, v in zip(names, values, strict=True)})
    return call.value(named.cast(pl.List(inner)), pl.List(inner))


def _zip_name(call: Call, node: exp.Expr, number: int) -> str:
    if call.dialect in _SPARK:
        return str(node.meta.get("name") or node.name) if isinstance(node, exp.Column) else str(number)
    if call.dialect == "datafusion":
        return str(number + 1)
    return f"field{number}" if call.dialect == "trino" else str(number)


def _repeat(call: Call) -> Value:
    return listed_times(call, *call.args())


def _repeat_text(call: Call) -> Value:
    """REPEAT(value, times): a list in Trino, a text elsewhere."""
    if call.dialect == "trino":
        return listed_times(call, call.arg(), call.arg("times"))
    value = call.arg()
    if is_list(value.dtype):
        if call.dialect != "duckdb":
            raise call.refuse("REPEAT of a list")
        one = call.value(value.expr, value.dtype)
        many = listed_times(call, one, call.arg("times"))
        flat = many.expr.list.eval(pl.element().filter(pl.element().list.len() > 0).explode())
        return call.value(pl.when(value.expr.is_not_null()).then(flat), value.dtype)
    return STRING[exp.Repeat](call)


def _concat_any(call: Call) -> Value:
    """CONCAT of lists or of texts."""
    values = call.args()
    if not any(is_list(v.dtype) for v in values):
        return STRING[exp.Concat](call)
    call.has("safe"), call.has("coalesce")
    return concatenated(call, values, null_is_empty=call.dialect == "duckdb")


def listed_times(call: Call, item: Value, count: Value) -> Value:
    """Return a list of a value some times over."""
    times = call.cast(count, _NUMBER).expr
    places = pl.lit(0).repeat_by(
        pl.when(times > 0).then(times).otherwise(pl.when(times.is_not_null()).then(0))
    )
    return call.value(single(call, item).expr.list.gather(places), pl.List(item.dtype))


def _map_size(call: Call) -> Value:
    """CARDINALITY(list or map); of PostgreSQL's arrays of arrays it counts the elements of all."""
    value = nth(call, 0, "this")
    dtype, inner = value.dtype, value.expr
    while call.dialect == "postgres" and is_list(dtype) and is_list(dtype.inner):  # type: ignore[attr-defined]
        inner, dtype = inner.list.eval(pl.element().explode()), dtype.inner  # type: ignore[attr-defined]
        value = value.as_(inner, dtype)
    known = is_map(value.dtype) or (call.dialect == "postgres" and is_list(value.dtype) and not value.json)
    return call.value(value.expr.list.len().cast(pl.Int64), _NUMBER) if known else _size(call)


LISTS: Functions = {
    exp.ArraySize: _size, "CARDINALITY": _map_size, "ARRAY_LENGTH": _size, "LIST_LENGTH": _size, "ARRAY_UPPER": _size,
    "GET_ARRAY_LENGTH": _size, exp.ArrayContains: _contains, "LIST_HAS": _contains, "LIST_CONTAINS": _contains,
    "ARRAY_INCLUDES": _contains, "ARRAY_HAS": _contains, exp.ArrayPosition: _position, "LIST_POSITION": _position,
    "LIST_INDEXOF": _position, "ARRAY_INDEXOF": _position, "ARRAY_POSITIONS": _positions,
    exp.ArrayConcat: _concat, "LIST_CONCAT": _concat, "LIST_CAT": _concat, "ARRAY_CAT": _concat,
    exp.ArrayAppend: _append, "ARRAY_APPEND": _append, "LIST_APPEND": _append, "ARRAY_PUSH_BACK": _append, "LIST_PUSH_BACK": _append,
    exp.ArrayPrepend: _prepend, "ARRAY_PREPEND": _prepend, "LIST_PREPEND": _prepend, "ARRAY_PUSH_FRONT": _prepend,
    "LIST_PUSH_FRONT": _prepend,
    exp.ArrayInsert: _insert, exp.ArraysZip: _zip, "ARRAYS_ZIP": _zip, "LIST_ZIP": _zip, "ARRAY_ZIP": _zip, "ZIP": _zip,
    "ARRAY_REPEAT": _repeat, "LIST_REPEAT": _repeat, exp.Repeat: _repeat_text, exp.Concat: _concat_any,
}  # fmt: skip
