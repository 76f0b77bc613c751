"""Functions of lists."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Builder, Call, Functions
from dwkit.sql.functions.operators import alike
from dwkit.sql.types import is_integer, is_list, is_number, is_text, shown, unified
from dwkit.sql.value import Value

__all__ = ["LISTS"]

_NUMBER, _BOOLEAN, _TEXT = pl.Int64(), pl.Boolean(), pl.String()


def _first(call: Call) -> Value:
    """Return the list that a function is of."""
    value = call.args()[0] if isinstance(call.node, exp.Anonymous) else call.arg()
    if isinstance(value.dtype, pl.Array):
        value = value.as_(value.expr.arr.to_list(), pl.List(value.dtype.inner))
    if not is_list(value.dtype):
        raise call.error(f"{call.name} wants a list, not {shown(value.dtype)}")
    return value


def _inner(value: Value) -> pl.DataType:
    inner: pl.DataType = value.dtype.inner  # type: ignore[attr-defined]
    return inner


def _second(call: Call, key: str = "expression") -> Value:
    return call.args()[1] if isinstance(call.node, exp.Anonymous) else call.arg(key)


def _size(call: Call) -> Value:
    value = call.arg() if not isinstance(call.node, exp.Anonymous) else call.args()[0]
    if value.json:
        from dwkit.sql.functions.nested.json import array_length

        return array_length(call, value)
    dimension = call.constant("expression", 1)
    if dimension != 1 or not is_list(value.dtype):
        raise call.refuse(f"{call.name} of {shown(value.dtype)}")
    return call.value(value.expr.list.len().cast(pl.Int64), _NUMBER)


def _same_type(call: Call, value: Value, item: Value) -> tuple[Value, Value]:
    """Return a list and a value of one type."""
    dtype = unified((_inner(value), item.dtype))
    if dtype is None:
        raise call.error(f"{shown(item.dtype)} is no element of {shown(value.dtype)}")
    return call.cast(value, pl.List(dtype)), call.cast(item, dtype)


def _contains(call: Call) -> Value:
    for flag in ("ensure_variant", "check_null"):
        call.has(flag)
    first = call.args()[0] if isinstance(call.node, exp.Anonymous) else call.arg()
    if not is_list(first.dtype) and is_list(_second(call).dtype):
        value, item = _second(call), first
    else:
        value, item = _first(call), _second(call)
    value, item = _same_type(call, value, item)
    made = value.expr.list.contains(item.expr)
    return call.value(pl.when(item.expr.is_not_null()).then(made), _BOOLEAN)


def _position(call: Call) -> Value:
    """The place of the first equal element, from 1."""
    value, item = _same_type(call, _first(call), _second(call))
    if not item.is_constant:
        raise call.refuse(f"{call.name} of a computed element")
    equal = value.expr.list.eval((pl.element() == item.expr).arg_max() + 1).list.first().cast(pl.Int64)
    there = value.expr.list.contains(item.expr)
    none = 0 if call.dialect in ("spark", "databricks", "trino") else None
    return call.value(
        pl.when(there).then(equal).when(value.expr.is_not_null()).then(pl.lit(none, dtype=_NUMBER)), _NUMBER
    )


def _concat(call: Call) -> Value:
    call.has("null_propagation")
    values = call.args() if isinstance(call.node, exp.Anonymous) else [call.arg(), *call.args()]
    lists = alike(call, *values)
    if call.dialect == "duckdb":  # NULL is an empty list there
        exprs = [v.expr.fill_null(pl.lit([], dtype=v.dtype)) for v in lists]
        return call.value(pl.concat_list(exprs), lists[0].dtype)
    return call.value(pl.concat_list(v.expr for v in lists), lists[0].dtype)


def _append(call: Call) -> Value:
    value, item = _first(call), _second(call)
    value, item = _same_type(call, value, item)
    one = pl.concat_list(item.expr)
    return call.value(pl.concat_list(value.expr, one), value.dtype)


def _prepend(call: Call) -> Value:
    if isinstance(call.node, exp.Anonymous):
        item, value = call.args()
    else:
        value, item = call.arg(), call.arg("expression")
    if not is_list(value.dtype):
        value, item = item, value
    value, item = _same_type(call, value, item)
    return call.value(pl.concat_list(pl.concat_list(item.expr), value.expr), value.dtype)


def _plain(make: Callable[[pl.Expr], pl.Expr]) -> Builder:
    """A function of one list that gives a list of the same type."""

    def build(call: Call) -> Value:
        value = _first(call)
        return call.value(make(value.expr), value.dtype)

    return build


def _element(make: Callable[[pl.Expr], pl.Expr]) -> Builder:
    """A function of one list that gives one of its elements."""

    def build(call: Call) -> Value:
        value = _first(call)
        return call.value(make(value.expr), _inner(value))

    return build


def _total(how: str) -> Builder:
    def build(call: Call) -> Value:
        value = _first(call)
        if not is_number(_inner(value)):
            raise call.error(f"{call.name} wants numbers, not {shown(_inner(value))}")
        some = value.expr.list.drop_nulls().list.len() > 0
        if how == "sum":
            dtype = pl.Int64() if is_integer(_inner(value)) else _inner(value)
            return call.value(pl.when(some).then(value.expr.list.sum()).cast(dtype), dtype)
        made = value.expr.list.eval(pl.element().cast(pl.Float64))
        return call.value(getattr(made.list, how)(), pl.Float64())

    return build


def _sort(call: Call) -> Value:
    value = _first(call)
    descending, nulls_last = call.dialect == "", True
    if isinstance(call.node, exp.Anonymous):
        words = [str(v.constant).upper() for v in call.args()[1:]]
        descending = "DESC" in words or call.name in ("LIST_REVERSE_SORT", "ARRAY_REVERSE_SORT")
        nulls_last = not any("FIRST" in w for w in words) if len(words) > 1 else True
    else:
        if call.has("expression"):
            raise call.refuse("ARRAY_SORT with a comparator")
        ascending = call.maybe("asc")
        descending = ascending is not None and ascending.constant is False
        first = call.maybe("nulls_first")
        nulls_last = not (first is not None and first.constant is True)
    return call.value(value.expr.list.sort(descending=descending, nulls_last=nulls_last), value.dtype)


def _distinct(call: Call) -> Value:
    call.has("check_null")
    value = _first(call)
    made = value.expr.list.unique(maintain_order=True)
    return call.value(made.list.drop_nulls() if call.dialect == "duckdb" else made, value.dtype)


def _to_string(call: Call) -> Value:
    """ARRAY_TO_STRING passes NULLs over, or puts a text in their place."""
    call.has("null_is_empty")
    call.has("null_delim_is_null")
    value = _first(call)
    others = call.args()[1:] if isinstance(call.node, exp.Anonymous) else []
    separator = others[0] if others else call.arg("expression")
    null = (others[1] if len(others) > 1 else None) if others else call.maybe("null")
    texts = value.expr if is_text(_inner(value)) else call.cast(value, pl.List(_TEXT)).expr
    if null is not None and not null.is_null:
        filler = null.constant
        texts = texts.list.eval(pl.element().fill_null(pl.lit(filler)))
    return call.value(texts.list.join(call.as_text(separator), ignore_nulls=True), _TEXT)


def _slice(call: Call) -> Value:
    """A part of a list by start and end, or start and length; negative ones count from the end."""
    value = _first(call)
    if isinstance(call.node, exp.Anonymous):
        _, start, end = call.args()
    else:
        start, end = call.arg("start"), call.arg("end")
    size = value.expr.list.len().cast(pl.Int64)
    first, second = call.cast(start, _NUMBER).expr, call.cast(end, _NUMBER).expr
    by_length = call.has("is_length") or call.dialect in ("spark", "databricks", "trino")
    zero = call.dialect == "snowflake"
    begin = pl.when(first < 0).then(size + first).otherwise(first if zero else first - 1)
    begin = pl.max_horizontal(begin, pl.lit(0))
    stop = (
        begin + second
        if by_length
        else pl.when(second < 0).then(size + second + (0 if zero else 1)).otherwise(second)
    )
    span = pl.max_horizontal(pl.min_horizontal(stop, size) - begin, pl.lit(0))
    return call.value(value.expr.list.slice(begin, span), value.dtype)


def _flatten(call: Call) -> Value:
    value = _first(call)
    inner = _inner(value)
    if not is_list(inner):
        return value
    return call.value(value.expr.list.eval(pl.element().explode().drop_nulls()), pl.List(inner.inner))  # type: ignore[attr-defined]


def _sets(name: str) -> Builder:
    def build(call: Call) -> Value:
        if isinstance(call.node, exp.Anonymous) or call.node.expressions:
            a, b = alike(call, *call.args())
        else:
            a, b = alike(call, call.arg(), call.arg("expression"))
        made = getattr(a.expr.list, f"set_{name}")(b.expr)
        return call.value(made, a.dtype)

    return build


def _overlap(call: Call) -> Value:
    a, b = alike(
        call, *(call.args() if isinstance(call.node, exp.Anonymous) else [call.arg(), call.arg("expression")])
    )
    both = a.expr.list.drop_nulls().list.set_intersection(b.expr.list.drop_nulls())
    return call.value(both.list.len() > 0, _BOOLEAN)


def _contains_all(call: Call) -> Value:
    a, b = alike(
        call, *(call.args() if isinstance(call.node, exp.Anonymous) else [call.arg(), call.arg("expression")])
    )
    rest = b.expr.list.drop_nulls().list.set_difference(a.expr)
    return call.value(rest.list.len() == 0, _BOOLEAN)


def _remove(call: Call) -> Value:
    value, item = _same_type(call, _first(call), _second(call))
    if not item.is_constant:
        raise call.refuse(f"{call.name} of a computed element")
    kept = value.expr.list.eval(pl.element().filter(pl.element().ne_missing(item.expr)))
    return call.value(kept, value.dtype)


def _repeat(call: Call) -> Value:
    item, count = call.args()
    made = item.expr.repeat_by(call.cast(count, _NUMBER).expr)
    return call.value(made, pl.List(item.dtype))


def _aggregate(call: Call) -> Value:
    """LIST_AGGREGATE(list, 'sum')."""
    value, how = call.args()[:2]
    name = str(how.constant).lower()
    builders = {
        "sum": _total("sum"), "avg": _total("mean"), "mean": _total("mean"), "median": _total("median"),
        "min": _element(lambda e: e.list.min()), "max": _element(lambda e: e.list.max()),
        "first": _element(lambda e: e.list.first()), "last": _element(lambda e: e.list.last()),
    }  # fmt: skip
    if name == "count":
        return call.value(value.expr.list.drop_nulls().list.len().cast(pl.Int64), _NUMBER)
    if name not in builders:
        raise call.refuse(f"LIST_AGGREGATE with {name!r}")
    return builders[name](call)


def _unique_count(call: Call) -> Value:
    value = _first(call)
    return call.value(value.expr.list.drop_nulls().list.n_unique().cast(pl.Int64), _NUMBER)


_MAX, _MIN = _element(lambda e: e.list.max()), _element(lambda e: e.list.min())

LISTS: Functions = {
    exp.ArraySize: _size, "CARDINALITY": _size, "ARRAY_LENGTH": _size, "LIST_LENGTH": _size,
    exp.ArrayContains: _contains, "LIST_HAS": _contains, "LIST_CONTAINS": _contains,
    exp.ArrayPosition: _position, "LIST_POSITION": _position, "LIST_INDEXOF": _position, "ARRAY_INDEXOF": _position,
    exp.ArrayConcat: _concat, "LIST_CONCAT": _concat, "LIST_CAT": _concat,
    exp.ArrayAppend: _append, "LIST_APPEND": _append, "ARRAY_PUSH_BACK": _append,
    exp.ArrayPrepend: _prepend, "LIST_PREPEND": _prepend, "ARRAY_PUSH_FRONT": _prepend,
    exp.ArrayReverse: _plain(lambda e: e.list.reverse()), "LIST_REVERSE": _plain(lambda e: e.list.reverse()),
    exp.ArrayCompact: _plain(lambda e: e.list.drop_nulls()),
    exp.ArrayDistinct: _distinct, "LIST_DISTINCT": _distinct,
    exp.ArraySort: _sort, "LIST_SORT": _sort, "LIST_REVERSE_SORT": _sort,
    exp.ArrayToString: _to_string, "LIST_TO_STRING": _to_string,
    exp.ArraySlice: _slice, "LIST_SLICE": _slice,
    exp.Flatten: _flatten,
    exp.ArraySum: _total("sum"), "LIST_SUM": _total("sum"), "LIST_AVG": _total("mean"), "LIST_MEDIAN": _total("median"),
    exp.ArrayMax: _MAX, exp.ArrayMin: _MIN, "LIST_MAX": _MAX, "LIST_MIN": _MIN,
    exp.ArrayFirst: _element(lambda e: e.list.first()), "LIST_FIRST": _element(lambda e: e.list.first()),
    exp.ArrayLast: _element(lambda e: e.list.last()), "LIST_LAST": _element(lambda e: e.list.last()),
    exp.ArrayIntersect: _sets("intersection"), "LIST_INTERSECT": _sets("intersection"),
    exp.ArrayExcept: _sets("difference"), "ARRAY_UNION": _sets("union"),
    exp.ArrayOverlaps: _overlap, "LIST_HAS_ANY": _overlap, "ARRAYS_OVERLAP": _overlap,
    exp.ArrayContainsAll: _contains_all, "LIST_HAS_ALL": _contains_all,
    exp.ArrayRemove: _remove, "ARRAY_REPEAT": _repeat, "REPEAT": _repeat,
    "LIST_AGGREGATE": _aggregate, "ARRAY_AGGREGATE": _aggregate, "LIST_AGGR": _aggregate,
    "LIST_UNIQUE": _unique_count, "ARRAY_UNIQUE": _unique_count,
}  # fmt: skip
