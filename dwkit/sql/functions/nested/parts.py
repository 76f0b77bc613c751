"""Parts of lists, and lists in another order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import polars as pl
from sqlglot import exp

from dwkit.sql.functions import jsontext
from dwkit.sql.functions.call import Builder, Call, Functions
from dwkit.sql.functions.elements import given_back, inner_of, listed, over
from dwkit.sql.functions.encode import encoded_or_null
from dwkit.sql.functions.nested.documents import array_of
from dwkit.sql.functions.nested.lists import first_list, listed_times, nth, same_type
from dwkit.sql.types import is_list, shown
from dwkit.sql.value import Value

__all__ = ["PARTS"]

_NUMBER, _TEXT = pl.Int64(), pl.String()
_SPARK = ("spark", "databricks")


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
    first = call.cast(nth(call, 1, "start"), _NUMBER).expr
    second = call.cast(nth(call, 2, "end"), _NUMBER).expr
    step = 1
    if isinstance(call.node, exp.Anonymous) and len(call.node.expressions) > 3:
        step = nth(call, 3).constant
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
    if call.dialect in (*_SPARK, "trino"):
        made = call.checked(made, first == 0, "a slice begins at 1, or at -1 from the end")
        made = call.checked(made, second < 0, "a slice has no negative length")
    if step > 1:
        made = made.list.gather_every(step)
    known = first.is_not_null() & second.is_not_null() & value.expr.is_not_null()
    return given_back(call, value, pl.when(known).then(made))


def _trim_array(call: Call) -> Value:
    value, count = first_list(call), call.cast(nth(call, 1), _NUMBER).expr
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
    value, item = same_type(call, first_list(call), nth(call, 1, "expression"))
    others = [] if item.is_constant else [item]
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
    value, old = same_type(call, first_list(call), nth(call, 1))
    new = call.cast(nth(call, 2), old.dtype)
    made = over(value.expr, [old, new], lambda e, o: pl.when(e.eq_missing(o[0])).then(o[1]).otherwise(e))
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


def _string_to_array(call: Call) -> Value:
    """STRING_TO_ARRAY(text, separator [, text that stands for NULL]): an empty text gives an empty list."""
    if isinstance(call.node, exp.Anonymous):
        given = [*call.args(), None, None]
        subject, separator, null = call.as_text(nth(call, 0)), given[1], given[2]
    else:
        subject, separator, null = call.text(), call.maybe("expression"), call.maybe("null")
    if separator is None:
        parts = subject.str.split(",")
    elif separator.is_null:
        parts = subject.str.split("")
    else:
        by = call.as_text(separator)
        parts = pl.when(by == "").then(pl.concat_list(subject)).otherwise(subject.str.split(by))
    parts = pl.when(subject == "").then(parts.list.head(0)).otherwise(parts)
    if null is not None and not null.is_null:
        parts = over(parts, [call.cast(null, _TEXT)], lambda e, o: pl.when(e.ne_missing(o[0])).then(e))
    return call.value(pl.when(subject.is_not_null()).then(parts), pl.List(_TEXT))


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
    if value.is_null:
        return value
    if filler and (call.dialect != "duckdb" or len(filler) > 1):
        raise call.refuse(f"{call.name} with a value to fill up with")
    length = call.cast(size, _NUMBER).expr
    places = pl.int_ranges(0, length.fill_null(0) if call.dialect == "duckdb" else length, dtype=_NUMBER)
    made = value.expr.list.gather(places, null_on_oob=True)
    if filler and not filler[0].is_null:
        more = pl.max_horizontal(length - value.expr.list.len().cast(_NUMBER), 0)
        fill = listed_times(call, call.cast(filler[0], inner_of(value).dtype), Value(more, _NUMBER))
        made = pl.concat_list(value.expr.list.head(length), fill.expr)
    return call.value(pl.when(value.expr.is_not_null()).then(made), value.dtype)


def _shuffle(call: Call) -> Value:
    """SHUFFLE(list): another order each time."""
    value = first_list(call)
    if len(call.node.expressions) > 1 and not call.args()[1].is_null:
        raise call.refuse(f"{call.name} with a seed")
    made = call.value(value.expr.list.eval(pl.element().shuffle()), value.dtype)
    return replace(made, volatile=True)


_REVERSE = _plain(lambda e: e.list.reverse())
_COMPACT = _plain(
    lambda e: e.list.drop_nulls(), lambda e: e.list.eval(pl.element().filter(pl.element() != "null"))
)

PARTS: Functions = {
    exp.ArrayReverse: _REVERSE, "ARRAY_REVERSE": _REVERSE, "LIST_REVERSE": _REVERSE,
    exp.ArrayCompact: _COMPACT, "ARRAY_COMPACT": _COMPACT, "LIST_COMPACT": _COMPACT,
    exp.ArrayDistinct: _distinct, "ARRAY_DISTINCT": _distinct, "LIST_DISTINCT": _distinct, exp.ArraySort: _sort, "LIST_SORT": _sort,
    "LIST_REVERSE_SORT": _sort, "ARRAY_REVERSE_SORT": _sort,
    exp.ArraySlice: _slice, "LIST_SLICE": _slice, "SUBARRAY": _slice, "TRIM_ARRAY": _trim_array,
    exp.Flatten: _flatten, "ARRAY_FLATTEN": _flatten, exp.ArrayRemove: _remove, exp.ArrayRemoveAt: _remove_at,
    "ARRAY_REPLACE": _replace, exp.ArrayConstructCompact: _construct_compact, exp.ToArray: _to_array,
    "LIST_SELECT": _by_list, "ARRAY_SELECT": _by_list, "LIST_WHERE": _by_list, "ARRAY_WHERE": _by_list,
    "SHUFFLE": _shuffle, exp.Shuffle: _shuffle,
    exp.StringToArray: _string_to_array, "STRING_TO_ARRAY": _string_to_array, "STRING_TO_LIST": _string_to_array, "LIST_RESIZE": _resize, "ARRAY_RESIZE": _resize,
}  # fmt: skip
