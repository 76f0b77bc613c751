"""DataFusion's arrays searched: what they have, where it is, taken out or replaced. A NULL that is looked for is found."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import polars as pl

from dwkit.sql.functions.call import Builder, Call, Functions
from dwkit.sql.functions.elements import listed, over
from dwkit.sql.functions.nested.arrays import arguments, fails, length
from dwkit.sql.functions.nested.lists import same_type
from dwkit.sql.functions.nested.sets import beyond
from dwkit.sql.types import shown, unified
from dwkit.sql.value import Value

__all__ = ["SEARCHED"]

_INT, _BOOLEAN = pl.Int64(), pl.Boolean()


def _over(value: Value, beside: list[Value], make: Callable[..., pl.Expr]) -> pl.Expr:
    """Return what an expression makes of the elements of a list and of values beside them, literals among them."""
    varying = [v for v in beside if not v.is_constant]

    def made(element: pl.Expr, others: list[pl.Expr]) -> pl.Expr:
        rest: Iterator[pl.Expr] = iter(others)
        return make(element, *(v.expr if v.is_constant else next(rest) for v in beside))

    return over(value.expr, varying, made)


def _has(call: Call) -> Value:
    """ARRAY_HAS(array, element): NULL only where the array or what is looked for is NULL."""
    given, item = arguments(call, 2, 2)
    value, item = same_type(call, listed(call, given), item)
    found = _over(value, [item], lambda e, x: e == x).list.any()
    return call.value(pl.when(item.expr.is_not_null()).then(found), _BOOLEAN)


def _has_all(call: Call) -> Value:
    """ARRAY_HAS_ALL(array, others): NULL is an element like others."""
    return _compared(call, lambda a, b: beyond(b, a).list.len() == 0)


def _has_any(call: Call) -> Value:
    """ARRAY_HAS_ANY(a, b)."""
    return _compared(call, lambda a, b: beyond(a, b, there=True).list.len() > 0)


def _compared(call: Call, make: Callable[[Value, Value], pl.Expr]) -> Value:
    a, b = (listed(call, v) for v in arguments(call, 2, 2))
    dtype = unified((a.dtype, b.dtype))
    if dtype is None:
        raise call.error(f"{call.name} of {shown(a.dtype)} and {shown(b.dtype)}")
    made = make(call.cast(a, dtype), call.cast(b, dtype))
    return call.value(pl.when(a.expr.is_not_null() & b.expr.is_not_null()).then(made), _BOOLEAN)


def _position(call: Call) -> Value:
    """ARRAY_POSITION(array, element [, from]): the first place, NULL where there is none."""
    given, item, *rest = arguments(call, 2, 3)
    value, item = same_type(call, listed(call, given), item)
    if not rest:
        found = _over(value, [item], lambda e, x: e.eq_missing(x).arg_true())
    else:
        start = call.cast(rest[0], _INT)
        beyond_ = (start.expr < 1) | (start.expr > length(value) + 1)
        ok = fails(call, beyond_, "a place outside of the list")
        found = _over(
            value,
            [item, start],
            lambda e, x, s: pl.int_range(pl.len()).filter(
                e.eq_missing(x) & (pl.int_range(pl.len()) >= s - 1)
            ),
        )
        found = pl.when(ok & start.expr.is_not_null()).then(found)
    return call.value(found.list.first().cast(_INT) + 1, _INT)


def _positions(call: Call) -> Value:
    given, item = arguments(call, 2, 2)
    value, item = same_type(call, listed(call, given), item)
    found = _over(value, [item], lambda e, x: e.eq_missing(x).arg_true().cast(_INT) + 1)
    return call.value(found, pl.List(_INT))


def _counted(call: Call, how: str, values: list[Value]) -> Value | None:
    """Return how many elements are meant: one, the last argument's, or None for all."""
    if how == "all":
        return None
    if how == "first":
        return Value(pl.lit(1, dtype=_INT), _INT, constant=1)
    return call.cast(values[-1], _INT)


def _meant(match: pl.Expr, count: list[pl.Expr]) -> pl.Expr:
    """Return which of the elements that match are among the first so many."""
    return match & (match.cum_sum().cast(_INT) <= count[0]) if count else match


def _removed(how: str) -> Builder:
    """ARRAY_REMOVE(array, element), ARRAY_REMOVE_N(array, element, n), ARRAY_REMOVE_ALL: NULL cannot be removed."""

    def build(call: Call) -> Value:
        size = 3 if how == "n" else 2
        given, item, *rest = arguments(call, size, size)
        value, item = same_type(call, listed(call, given), item)
        count = _counted(call, how, rest)
        made = _over(
            value,
            [item] if count is None else [item, count],
            lambda e, x, *n: e.filter(_meant(e.eq_missing(x), list(n)).not_()),
        )
        known = item.expr.is_not_null()
        if count is not None:
            known &= count.expr.is_not_null()
        return call.value(pl.when(known).then(made), value.dtype)

    return build


def _replaced(how: str) -> Builder:
    """ARRAY_REPLACE(array, old, new), ARRAY_REPLACE_N(array, old, new, n), ARRAY_REPLACE_ALL."""

    def build(call: Call) -> Value:
        size = 4 if how == "n" else 3
        given, old, new, *rest = arguments(call, size, size)
        value, old = same_type(call, listed(call, given), old)
        value, new = same_type(call, value, new)
        old = call.cast(old, new.dtype)
        count = _counted(call, how, rest)
        made = _over(
            value,
            [old, new] if count is None else [old, new, count],
            lambda e, o, x, *n: pl.when(_meant(e.eq_missing(o), list(n))).then(x).otherwise(e),
        )
        if count is not None:
            made = pl.when(count.expr.is_not_null()).then(made)
        return call.value(made, value.dtype)

    return build


SEARCHED: Functions = {
    **dict.fromkeys(("ARRAY_HAS", "LIST_HAS", "ARRAY_CONTAINS", "LIST_CONTAINS"), _has),
    **dict.fromkeys(("ARRAY_HAS_ALL", "LIST_HAS_ALL"), _has_all),
    **dict.fromkeys(("ARRAY_HAS_ANY", "LIST_HAS_ANY", "ARRAYS_OVERLAP"), _has_any),
    **dict.fromkeys(("ARRAY_POSITION", "LIST_POSITION", "ARRAY_INDEXOF", "LIST_INDEXOF"), _position),
    **dict.fromkeys(("ARRAY_POSITIONS", "LIST_POSITIONS"), _positions),
    **{f"{kind}_REMOVE{end}": _removed(how) for kind in ("ARRAY", "LIST")
       for end, how in (("", "first"), ("_N", "n"), ("_ALL", "all"))},
    **{f"{kind}_REPLACE{end}": _replaced(how) for kind in ("ARRAY", "LIST")
       for end, how in (("", "first"), ("_N", "n"), ("_ALL", "all"))},
}  # fmt: skip
