"""DataFusion's arrays: made, put together, their elements and parts. Places count from 1, negative ones from the end."""

from __future__ import annotations

import polars as pl

from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.functions.elements import listed
from dwkit.sql.functions.nested.access import list_of
from dwkit.sql.functions.nested.lists import concatenated, listed_times, same_type, single
from dwkit.sql.types import is_list
from dwkit.sql.value import Value

__all__ = ["ARRAYS", "depth", "joined", "part"]

_INT = pl.Int64()


def depth(dtype: pl.DataType) -> int:
    """Return how many lists are around the innermost elements."""
    return 1 + depth(dtype.inner) if is_list(dtype) else 0  # type: ignore[attr-defined]


def length(value: Value) -> pl.Expr:
    """Return how many elements a list has."""
    return value.expr.list.len().cast(_INT)


def fails(call: Call, condition: pl.Expr, text: str) -> pl.Expr:
    """Return True; where a condition holds it fails when it runs, with the text in the message."""
    return call.checked(pl.lit(True), condition, text)


def arguments(call: Call, least: int, most: int) -> list[Value]:
    """Return the arguments, of which there are as many as the function takes."""
    values = call.args()
    if not least <= len(values) <= most:
        raise call.error(f"{call.name} with {len(values)} arguments")
    return values


def _make(call: Call) -> Value:
    """MAKE_ARRAY(1, 2, 3)."""
    return list_of(call, call.args())


def joined(call: Call, values: list[Value]) -> Value:
    """Return lists one behind the other; one of fewer dimensions is an element of the others. NULL lists are left out."""
    lists = [listed(call, v) for v in values]
    deepest = max((depth(v.dtype) for v in lists), default=0)
    for place, given in enumerate(values):
        while not given.is_null and depth(lists[place].dtype) < deepest:
            lists[place] = single(call, lists[place])
    return concatenated(call, lists, null_is_empty=True)


def _concat(call: Call) -> Value:
    """ARRAY_CONCAT(array, ...)."""
    values = call.args()
    if not values:
        raise call.error(f"{call.name} lacks an argument")
    return joined(call, values)


def _resize(call: Call) -> Value:
    """ARRAY_RESIZE(array, size [, filler])."""
    given, count, *rest = arguments(call, 2, 3)
    value, filler = listed(call, given), rest[0] if rest else None
    size = call.cast(count, _INT).expr
    ok = fails(call, size < 0, "a negative size of a list")
    if filler is None:
        places = pl.int_ranges(0, pl.when(size > 0).then(size).otherwise(0), dtype=_INT)
        made = value.expr.list.gather(places, null_on_oob=True)
    else:
        value, filler = same_type(call, value, filler)
        lacking = Value((size - length(value)).clip(lower_bound=0), _INT)
        made = pl.concat_list(value.expr.list.head(size), listed_times(call, filler, lacking).expr)
    return call.value(pl.when(ok & size.is_not_null() & value.expr.is_not_null()).then(made), value.dtype)


# -- elements and parts ---------------------------------------------------------------------------


def _element(call: Call) -> Value:
    """ARRAY_ELEMENT(array, place): NULL where there is none."""
    given, place = arguments(call, 2, 2)
    value, index = listed(call, given), call.cast(place, _INT).expr
    at = pl.when(index > 0).then(index - 1).when(index < 0).then(index)
    return call.value(value.expr.list.get(at, null_on_oob=True), value.dtype.inner)  # type: ignore[attr-defined]


def _pop_back(call: Call) -> Value:
    value = listed(call, *arguments(call, 1, 1))
    return call.value(value.expr.list.head((length(value) - 1).clip(lower_bound=0)), value.dtype)


def _pop_front(call: Call) -> Value:
    value = listed(call, *arguments(call, 1, 1))
    return call.value(value.expr.list.slice(1), value.dtype)


def part(call: Call, value: Value, first: pl.Expr, last: pl.Expr, step: Value | None = None) -> pl.Expr:
    """Return a part of a list; both ends belong to it, and where one of them is behind the other it is empty.

    Args:
        first: before the list is its beginning, behind it nothing.
        last: behind the list is its end, before it nothing.
        step: how far apart the elements are, negative for those from last to first; never 0.
    """
    size = length(value)
    start = (
        pl.when(first < 0).then((size + first).clip(lower_bound=0)).otherwise((first - 1).clip(lower_bound=0))
    )
    stop = pl.when(last < 0).then(size + last).otherwise(pl.min_horizontal(last, size) - 1)
    inside = (start < size) & (stop >= 0) & (stop < size)
    known = value.expr.is_not_null() & first.is_not_null() & last.is_not_null()
    if step is None:
        span = pl.when(inside & (stop >= start)).then(stop - start + 1).otherwise(0)
        return pl.when(known).then(value.expr.list.slice(start, span))
    by = call.cast(step, _INT).expr
    ok = fails(call, by == 0, "a step of 0")
    ahead = inside & ((stop - start) * by >= 0)
    count = pl.when(ahead & (by != 0)).then((stop - start) // by + 1).otherwise(0)
    # A list and the numbers beside it in arithmetic: where a number is NULL so is the list.
    places = pl.int_ranges(0, count.fill_null(0), dtype=_INT) * by.fill_null(1) + start.fill_null(0)
    return pl.when(known & by.is_not_null() & ok).then(value.expr.list.gather(places))


def _slice(call: Call) -> Value:
    """ARRAY_SLICE(array, first, last [, step])."""
    given, first, last, *rest = arguments(call, 3, 4)
    value = listed(call, given)
    step = rest[0] if rest else None
    if step is not None and step.constant == 0:
        raise call.error("the step of a slice cannot be 0")
    made = part(call, value, call.cast(first, _INT).expr, call.cast(last, _INT).expr, step)
    return call.value(made, value.dtype)


def _sort(call: Call) -> Value:
    """ARRAY_SORT(array [, 'ASC' or 'DESC' [, 'NULLS FIRST' or 'NULLS LAST']]): NULLs first without a word on them."""
    given, *words = arguments(call, 1, 3)
    value = listed(call, given)
    if any(w.is_null for w in words):
        return call.value(pl.when(value.expr.is_null()).then(value.expr), value.dtype)
    said = [str(w.constant).upper() if isinstance(w.constant, str) else "" for w in words]
    for word, wanted in zip(said, (("ASC", "DESC"), ("NULLS FIRST", "NULLS LAST")), strict=False):
        if word not in wanted:
            raise call.error(f"{call.name} wants {wanted[0]!r} or {wanted[1]!r}")
    made = value.expr.list.sort(descending="DESC" in said, nulls_last="NULLS LAST" in said)
    return call.value(made, value.dtype)


ARRAYS: Functions = {
    **dict.fromkeys(("MAKE_ARRAY", "MAKE_LIST"), _make),
    **dict.fromkeys(("ARRAY_CONCAT", "ARRAY_CAT", "LIST_CONCAT", "LIST_CAT"), _concat),
    **dict.fromkeys(("ARRAY_RESIZE", "LIST_RESIZE"), _resize),
    **dict.fromkeys(("ARRAY_ELEMENT", "ARRAY_EXTRACT", "LIST_ELEMENT", "LIST_EXTRACT"), _element),
    **dict.fromkeys(("ARRAY_POP_BACK", "LIST_POP_BACK"), _pop_back),
    **dict.fromkeys(("ARRAY_POP_FRONT", "LIST_POP_FRONT"), _pop_front),
    **dict.fromkeys(("ARRAY_SLICE", "LIST_SLICE"), _slice),
    **dict.fromkeys(("ARRAY_SORT", "LIST_SORT"), _sort),
}
