"""Functions of lists."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
from sqlglot import exp

from dwkit.sql.functions import jsontext
from dwkit.sql.functions.call import Builder, Call, Functions
from dwkit.sql.functions.nested.documents import array_of
from dwkit.sql.functions.nested.elements import beside, given_back, inner_of, listed, over
from dwkit.sql.functions.nested.encode import encoded_or_null, is_map
from dwkit.sql.functions.operators import alike
from dwkit.sql.types import is_float, is_list, is_text, shown, unified
from dwkit.sql.value import Value

__all__ = ["LISTS", "concatenated", "first_list", "same_type", "two_lists"]

_NUMBER, _BOOLEAN, _TEXT = pl.Int64(), pl.Boolean(), pl.String()
_SPARK = ("spark", "databricks")
_NULL_IS_EMPTY = frozenset({"duckdb", "postgres"})
"""A NULL list that is put together with another one is an empty one there."""


def _nth(call: Call, number: int, *keys: str) -> Value:
    """Return an argument by place, or by the first of some keys that is given."""
    if isinstance(call.node, exp.Anonymous):
        if number >= len(call.node.expressions):
            raise call.error(f"{call.name} lacks an argument")
        return call.bind(call.node.expressions[number])
    return call.arg(next((k for k in keys if call.given(k) is not None), keys[0]))


def first_list(call: Call) -> Value:
    """Return the list that a function is of."""
    return listed(call, _nth(call, 0, "this"))


def same_type(call: Call, value: Value, item: Value) -> tuple[Value, Value]:
    """Return a list and a value of its elements' type."""
    if value.json:
        return value, Value(encoded_or_null(call, item), _TEXT, item.refs, json=True)
    dtype = unified((inner_of(value).dtype, item.dtype))
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
    value = _nth(call, 0, "this")
    dimension = call.constant("expression", 1) if not isinstance(call.node, exp.Anonymous) else 1
    if isinstance(call.node, exp.Anonymous) and call.name == "ARRAY_UPPER":
        dimension = _nth(call, 1).constant
    if dimension != 1:
        raise call.refuse(f"{call.name} of dimension {dimension}")
    made = listed(call, value).expr.list.len().cast(pl.Int64)
    if call.dialect == "postgres" and call.name != "CARDINALITY":
        made = pl.when(made > 0).then(made)  # an empty array has no dimensions
    return call.value(made, _NUMBER)


def _contains(call: Call) -> Value:
    for flag in ("ensure_variant", "check_null"):
        call.has(flag)
    first, second = _nth(call, 0, "this"), _nth(call, 1, "expression")
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
    others = [] if item.is_constant else [item.expr]
    equal = over(value.expr, others, lambda e, o: e == (o[0] if o else item.expr))
    return equal.list.any()


def _position(call: Call) -> Value:
    """The place of the first equal element, from 1 or 0."""
    start = 0 if call.has("zero_based") else 1
    first, second = _nth(call, 0, "this"), _nth(call, 1, "expression")
    value, item = same_type(call, listed(call, first), second)
    others = [] if item.is_constant else [item.expr]
    found = over(
        value.expr, others, lambda e, o: e.eq_missing(o[0] if o else item.expr).arg_true()
    ).list.first()
    made = found.cast(pl.Int64) + start
    if call.dialect in (*_SPARK, "trino"):
        known = value.expr.is_not_null() & item.expr.is_not_null()
        return call.value(pl.when(known).then(made.fill_null(0)), _NUMBER)
    return call.value(made, _NUMBER)


def _positions(call: Call) -> Value:
    value, item = same_type(call, first_list(call), _nth(call, 1, "expression"))
    others = [] if item.is_constant else [item.expr]
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
    one_of = [v if is_list(v.dtype) else _single(call, v) for v in lists]
    one_of = alike(call, *one_of)
    exprs = [v.expr for v in one_of]
    dtype = one_of[0].dtype
    if null_is_empty:
        empty = pl.concat_list(pl.lit(None, dtype=dtype.inner)).list.head(0)  # type: ignore[attr-defined]
        made = pl.concat_list(e.fill_null(empty) for e in exprs)
        if call.dialect == "postgres":
            made = pl.when(pl.any_horizontal(e.is_not_null() for e in exprs)).then(made)
        return call.value(made, dtype)
    return call.value(pl.concat_list(exprs), dtype)


def _single(call: Call, item: Value) -> Value:
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
    single = _single(call, one)
    own = value.expr
    if call.dialect in _NULL_IS_EMPTY:
        own = own.fill_null(single.expr.list.head(0))
    made = pl.concat_list([single.expr, own] if front else [own, single.expr])
    return given_back(call, value, made)


def _append(call: Call) -> Value:
    call.has("null_propagation")
    return _joined_with(call, first_list(call), _nth(call, 1, "expression"), front=False)


def _prepend(call: Call) -> Value:
    call.has("null_propagation")
    first, second = _nth(call, 0, "this"), _nth(call, 1, "expression")
    if isinstance(call.node, exp.Anonymous) and call.dialect == "duckdb":
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
    single = _single(call, Value(item.expr, item.dtype, item.refs)).expr
    # Outside of the list NULLs fill the gap; that is rare, and refused when it runs by an index that is none.
    failed = pl.when(inside.not_()).then(pl.lit("a place outside of the list")).cast(pl.Int64)
    made = pl.concat_list([value.expr.list.head(at), single, value.expr.list.slice(at)])
    return given_back(call, value, pl.when(failed.is_null() & place.is_not_null()).then(made))


def _zip(call: Call) -> Value:
    """LIST_ZIP, ARRAYS_ZIP, ZIP: structs of the elements at each place, a shorter list is filled up with NULL."""
    nodes = call.given("expressions")
    values = [listed(call, call.bind(n)) for n in nodes]
    lengths = [v.expr.list.len() for v in values]
    size = pl.max_horizontal(lengths)
    lists = [v.expr for v in values]
    if call.dialect == "duckdb":
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
    return f"field{number}" if call.dialect == "trino" else str(number)


def _repeat(call: Call) -> Value:
    item, count = (call.arg(), call.arg("times")) if isinstance(call.node, exp.Repeat) else call.args()
    times = call.cast(count, _NUMBER).expr
    places = pl.lit(0).repeat_by(
        pl.when(times > 0).then(times).otherwise(pl.when(times.is_not_null()).then(0))
    )
    return call.value(_single(call, item).expr.list.gather(places), pl.List(item.dtype))


# -- order and parts ------------------------------------------------------------------------------


def _plain(make: Callable[[pl.Expr], pl.Expr], json: Callable[[pl.Expr], pl.Expr] | None = None) -> Builder:
    """A function of one list that gives a list of the same type."""

    def build(call: Call) -> Value:
        for flag in ("check_null", "null_propagation"):
            call.has(flag)
        value = first_list(call)
        return given_back(call, value, (json if json is not None and value.json else make)(value.expr))

    return build


def _sort(call: Call) -> Value:
    value = first_list(call)
    if isinstance(call.node, exp.Anonymous):
        words = [str(v.constant).upper() for v in call.args()[1:]]
        descending = "DESC" in words or call.name in ("LIST_REVERSE_SORT", "ARRAY_REVERSE_SORT")
        nulls_last = not any("FIRST" in w for w in words)
    else:
        if call.has("expression"):
            raise call.refuse("ARRAY_SORT with a comparator")
        descending = (asc := call.maybe("asc")) is not None and asc.constant is False
        nulls_last = not ((first := call.maybe("nulls_first")) is not None and first.constant is True)
    if value.json:
        keys = jsontext.sort_keys(pl.element())
        made = value.expr.list.eval(pl.element().sort_by(keys, descending=descending))
        return given_back(call, value, made)
    return call.value(value.expr.list.sort(descending=descending, nulls_last=nulls_last), value.dtype)


def _distinct(call: Call) -> Value:
    call.has("check_null")
    value = first_list(call)
    made = value.expr.list.eval(pl.element().unique(maintain_order=True))
    return given_back(call, value, made.list.drop_nulls() if call.dialect == "duckdb" else made)


def _slice(call: Call) -> Value:
    """A part of a list, by start and end or start and length; what is negative counts from the end."""
    value = first_list(call)
    zero = call.has("zero_based") or call.dialect == "bigquery" or call.name == "SUBARRAY"
    first = call.cast(_nth(call, 1, "start"), _NUMBER).expr
    second = call.cast(_nth(call, 2, "end"), _NUMBER).expr
    step = 1
    if isinstance(call.node, exp.Anonymous) and len(call.node.expressions) > 3:
        step = _nth(call, 3).constant
        if not isinstance(step, int) or step < 1:
            raise call.refuse(f"{call.name} with this step")
    size = value.expr.list.len().cast(pl.Int64)
    begin = pl.when(first < 0).then(size + first).otherwise(first if zero else first - 1)
    if call.has("is_length") or call.dialect == "trino" or call.name == "SUBARRAY":
        stop = begin + second
        # A start before the list gives nothing.
        begin = pl.when(begin < 0).then(size).otherwise(begin)
    else:
        open_end = zero and call.dialect != "bigquery"
        stop = (
            pl.when(second < 0)
            .then(size + second + (0 if open_end else 1))
            .otherwise(second + (1 if call.dialect == "bigquery" else 0))
        )
    begin = pl.max_horizontal(begin, pl.lit(0, dtype=_NUMBER))
    span = pl.max_horizontal(pl.min_horizontal(stop, size) - begin, pl.lit(0, dtype=_NUMBER))
    made = value.expr.list.slice(begin, span)
    if step > 1:
        made = made.list.gather_every(step)
    known = first.is_not_null() & second.is_not_null() & value.expr.is_not_null()
    return given_back(call, value, pl.when(known).then(made))


def _trim_array(call: Call) -> Value:
    value, count = first_list(call), call.cast(_nth(call, 1), _NUMBER).expr
    return call.value(value.expr.list.head(value.expr.list.len().cast(pl.Int64) - count), value.dtype)


def _flatten(call: Call) -> Value:
    value = first_list(call)
    if value.json:
        inner = value.expr.list.eval(jsontext.elements(pl.element()))
        flat = inner.list.eval(pl.element().list.explode(empty_as_null=False, keep_nulls=False))
        return call.value(jsontext.joined(flat), _TEXT, json=True)
    inner_type = inner_of(value).dtype
    if not is_list(inner_type):
        raise call.error(f"{call.name} wants a list of lists, not {shown(value.dtype)}")
    made = value.expr.list.eval(pl.element().list.explode(empty_as_null=False, keep_nulls=False))
    if call.dialect in _SPARK:
        made = pl.when(value.expr.list.drop_nulls().list.len() == value.expr.list.len()).then(made)
    return call.value(made, pl.List(inner_type.inner))  # type: ignore[attr-defined]


def _remove(call: Call) -> Value:
    call.has("null_propagation")
    value, item = same_type(call, first_list(call), _nth(call, 1, "expression"))
    others = [] if item.is_constant else [item.expr]
    made = over(value.expr, others, lambda e, o: e.filter(e.ne_missing(o[0] if o else item.expr)))
    if call.dialect != "postgres" and not value.json:
        made = pl.when(item.expr.is_not_null()).then(made)
    return given_back(call, value, made)


def _remove_at(call: Call) -> Value:
    value, place = listed(call, call.arg()), call.cast(call.arg("position"), _NUMBER).expr
    size = value.expr.list.len().cast(pl.Int64)
    at = pl.when(place < 0).then(size + place).otherwise(place)
    cut = pl.concat_list([value.expr.list.head(at), value.expr.list.slice(at + 1)])
    inside = (at >= 0) & (at < size)
    return given_back(call, value, pl.when(inside).then(cut).when(at.is_not_null()).then(value.expr))


def _replace(call: Call) -> Value:
    """ARRAY_REPLACE(list, old, new)."""
    value, old = same_type(call, first_list(call), _nth(call, 1))
    new = call.cast(_nth(call, 2), old.dtype)
    made = over(
        value.expr, [old.expr, new.expr], lambda e, o: pl.when(e.eq_missing(o[0])).then(o[1]).otherwise(e)
    )
    return call.value(made, value.dtype)


def _construct_compact(call: Call) -> Value:
    return array_of(call, call.args(), keep_nulls=False)


def _to_array(call: Call) -> Value:
    """TO_ARRAY: an array is itself, other values are the only element of one."""
    value = call.arg()
    if is_list(value.dtype):
        return value
    single = jsontext.joined(pl.concat_list(encoded_or_null(call, value)))
    own = jsontext.elements(value.expr).is_not_null() if value.json else pl.lit(False)
    made = pl.when(own).then(value.expr).when(value.expr.is_not_null()).then(single)
    return call.value(made, _TEXT, json=True)


# -- text -----------------------------------------------------------------------------------------


def _to_string(call: Call) -> Value:
    """ARRAY_TO_STRING passes NULLs over, puts a text in their place, or an empty one in Snowflake."""
    as_empty, null_is_null = call.has("null_is_empty"), call.has("null_delim_is_null")
    value = first_list(call)
    nodes = call.node.expressions[1:] if isinstance(call.node, exp.Anonymous) else []
    separator = call.bind(nodes[0]) if nodes else call.maybe("expression")
    null = (
        (call.bind(nodes[1]) if len(nodes) > 1 else None)
        if isinstance(call.node, exp.Anonymous)
        else call.maybe("null")
    )
    element = inner_of(value)
    one = jsontext.unquoted(pl.element()) if value.json else call.as_text(element)
    if isinstance(element.dtype, pl.Null):
        one = pl.element().cast(pl.String)
    if null is not None and not null.is_null:
        if not isinstance(null.constant, str):
            raise call.refuse(f"{call.name} with a computed text for NULL")
        one = one.fill_null(pl.lit(null.constant))
    elif as_empty:
        one = one.fill_null(pl.lit(""))
    between = call.as_text(separator) if separator is not None else pl.lit(",")
    made = value.expr.list.eval(one).list.join(between, ignore_nulls=True)
    del null_is_null
    return call.value(pl.when(between.is_not_null()).then(made), _TEXT)


# -- one of the elements, or one value of all -----------------------------------------------------


def _reduced(how: str) -> Builder:
    """A function of one list that gives one value."""

    def build(call: Call) -> Value:
        return _aggregated(call, first_list(call), how)

    return build


def _aggregated(call: Call, value: Value, how: str) -> Value:
    element, inner = pl.element(), inner_of(value).dtype
    if value.json:
        return _of_json(call, value, how)
    if how in ("first", "last"):
        return call.value(getattr(value.expr.list, how)(), inner)
    if how == "count":
        return call.value(value.expr.list.drop_nulls().list.len().cast(pl.Int64), _NUMBER)
    if how == "n_unique":
        return call.value(value.expr.list.drop_nulls().list.n_unique().cast(pl.Int64), _NUMBER)
    if how in ("min", "max"):
        if is_list(inner) or isinstance(inner, pl.Struct):
            raise call.refuse(f"{call.name} of {shown(value.dtype)}")
        return call.value(value.expr.list.agg(getattr(element, how)()), inner)
    if how == "any_value":
        return call.value(value.expr.list.drop_nulls().list.first(), inner)
    if how in ("bool_and", "bool_or"):
        made = value.expr.list.drop_nulls()
        held = made.list.all() if how == "bool_and" else made.list.any()
        return call.value(pl.when(made.list.len() > 0).then(held), _BOOLEAN)
    if how == "string_agg":
        texts = value.expr.list.drop_nulls().list.eval(call.as_text(inner_of(value)))
        return call.value(pl.when(texts.list.len() > 0).then(texts.list.join(",")), _TEXT)
    if not inner.is_numeric() and not isinstance(inner, pl.Null):
        raise call.error(f"{call.name} wants numbers, not {shown(inner)}")
    some = value.expr.list.drop_nulls().list.len() > 0
    if how == "sum":
        if inner.is_integer():
            return call.value(pl.when(some).then(value.expr.list.agg(element.cast(pl.Int64).sum())), _NUMBER)
        dtype = pl.Float64() if is_float(inner) else inner
        return call.value(pl.when(some).then(value.expr.list.agg(element.cast(dtype).sum())), dtype)
    number = element.cast(pl.Float64)
    names = {"avg": number.mean(), "mean": number.mean(), "median": number.median(), "product": number.product(),
             "stddev": number.std(), "stddev_samp": number.std(), "variance": number.var(), "var_samp": number.var(),
             "stddev_pop": number.std(ddof=0), "var_pop": number.var(ddof=0)}  # fmt: skip
    if how not in names:
        raise call.refuse(f"{call.name} with {how!r}")
    return call.value(pl.when(some).then(value.expr.list.agg(names[how])), pl.Float64())


def _of_json(call: Call, value: Value, how: str) -> Value:
    own = pl.element().filter(pl.element() != "null")
    if how in ("min", "max"):
        made = value.expr.list.eval(own).list.eval(
            pl.element().sort_by(jsontext.sort_keys(pl.element()), descending=how == "max")
        )
        return call.value(made.list.first(), _TEXT, json=True)
    if how in ("first", "last"):
        return call.value(getattr(value.expr.list, how)(), _TEXT, json=True)
    if how == "count":
        return call.value(value.expr.list.eval(own).list.len().cast(pl.Int64), _NUMBER)
    raise call.refuse(f"{call.name} of a JSON array")


def _aggregate(call: Call) -> Value:
    """LIST_AGGREGATE(list, 'sum')."""
    value, how, *rest = call.args()
    if rest or not isinstance(how.constant, str):
        raise call.refuse(f"{call.name} with further arguments")
    return _aggregated(call, listed(call, value), how.constant.lower())


def _by_list(call: Call) -> Value:
    """LIST_SELECT(list, places), LIST_WHERE(list, conditions)."""
    value, other = (listed(call, v) for v in call.args())
    if call.name.endswith("WHERE"):
        places = other.expr.list.eval(pl.element().arg_true())
    else:
        places = other.expr.list.eval(
            pl.when(pl.element() > 0).then(pl.element() - 1).otherwise(pl.element())
        )
    return call.value(value.expr.list.gather(places, null_on_oob=True), value.dtype)


def _resize(call: Call) -> Value:
    value, size, *filler = call.args()
    if filler:
        raise call.refuse(f"{call.name} with a value to fill up with")
    places = pl.int_ranges(0, call.cast(size, _NUMBER).expr, dtype=_NUMBER)
    return call.value(value.expr.list.gather(places, null_on_oob=True), value.dtype)


def _map_size(call: Call) -> Value:
    value = _nth(call, 0, "this")
    return call.value(value.expr.list.len().cast(pl.Int64), _NUMBER) if is_map(value.dtype) else _size(call)


_REVERSE = _plain(lambda e: e.list.reverse())

LISTS: Functions = {
    exp.ArraySize: _size, "CARDINALITY": _map_size, "ARRAY_LENGTH": _size, "LIST_LENGTH": _size, "ARRAY_UPPER": _size,
    "GET_ARRAY_LENGTH": _size, exp.ArrayContains: _contains, "LIST_HAS": _contains, "LIST_CONTAINS": _contains,
    "ARRAY_INCLUDES": _contains, "ARRAY_HAS": _contains, exp.ArrayPosition: _position, "LIST_POSITION": _position,
    "LIST_INDEXOF": _position, "ARRAY_INDEXOF": _position, "ARRAY_POSITIONS": _positions,
    exp.ArrayConcat: _concat, "LIST_CONCAT": _concat, "LIST_CAT": _concat, "ARRAY_CAT": _concat,
    exp.ArrayAppend: _append, "LIST_APPEND": _append, "ARRAY_PUSH_BACK": _append,
    exp.ArrayPrepend: _prepend, "LIST_PREPEND": _prepend, "ARRAY_PUSH_FRONT": _prepend,
    exp.ArrayInsert: _insert, exp.ArraysZip: _zip, "LIST_ZIP": _zip, "ARRAY_ZIP": _zip, "ZIP": _zip,
    "ARRAY_REPEAT": _repeat, exp.ArrayReverse: _REVERSE, "LIST_REVERSE": _REVERSE,
    exp.ArrayCompact: _plain(
        lambda e: e.list.drop_nulls(), lambda e: e.list.eval(pl.element().filter(pl.element() != "null"))
    ),
    exp.ArrayDistinct: _distinct, "LIST_DISTINCT": _distinct, exp.ArraySort: _sort, "LIST_SORT": _sort,
    "LIST_REVERSE_SORT": _sort, "ARRAY_REVERSE_SORT": _sort,
    exp.ArraySlice: _slice, "LIST_SLICE": _slice, "SUBARRAY": _slice, "TRIM_ARRAY": _trim_array,
    exp.Flatten: _flatten, "ARRAY_FLATTEN": _flatten, exp.ArrayRemove: _remove, exp.ArrayRemoveAt: _remove_at,
    "ARRAY_REPLACE": _replace, exp.ArrayConstructCompact: _construct_compact, exp.ToArray: _to_array,
    exp.ArrayToString: _to_string, "LIST_TO_STRING": _to_string, "LIST_STRING_AGG": _reduced("string_agg"),
    exp.ArraySum: _reduced("sum"), "LIST_AGGREGATE": _aggregate, "ARRAY_AGGREGATE": _aggregate, "LIST_AGGR": _aggregate,
    "ARRAY_AGGR": _aggregate, exp.ArrayMax: _reduced("max"), exp.ArrayMin: _reduced("min"),
    exp.ArrayFirst: _reduced("first"), exp.ArrayLast: _reduced("last"), "LIST_UNIQUE": _reduced("n_unique"),
    "ARRAY_UNIQUE": _reduced("n_unique"), "ARRAY_AVG": _reduced("avg"), "ARRAY_AVERAGE": _reduced("avg"),
    **{f"LIST_{n.upper()}": _reduced(n) for n in (
        "sum", "avg", "median", "product", "min", "max", "first", "last", "count", "any_value", "bool_and", "bool_or",
        "stddev_samp", "stddev_pop", "var_samp", "var_pop",
    )},
    "LIST_SELECT": _by_list, "ARRAY_SELECT": _by_list, "LIST_WHERE": _by_list, "ARRAY_WHERE": _by_list,
    "LIST_RESIZE": _resize, "ARRAY_RESIZE": _resize,
}  # fmt: skip
