"""Lists beside lists, and values beside each element of a list, with Polars' expressions alone.

`list.eval` sees the elements of its own list only. So what stands beside them is put into the list first: the
lists are tagged, put one behind the other, and read in parallel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

from dwkit.sql.functions import jsontext
from dwkit.sql.functions.call import Call
from dwkit.sql.types import is_list, shown
from dwkit.sql.value import Value

_JSON_ARRAYS = frozenset({"snowflake", "redshift"})
"""Arrays are JSON there; a table keeps them as text."""

__all__ = ["NULLS_LEAST", "beside", "given_back", "inner_of", "listed", "nulls_greatest", "over"]

NULLS_LEAST = frozenset({"spark", "databricks"})
"""A NULL in a struct or a list is less than any value there, elsewhere greater."""


def nulls_greatest(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Return a value with a truth before each part of it that says whether it is NULL."""
    if isinstance(dtype, (pl.List, pl.Array)):
        listed = value.arr.to_list() if isinstance(dtype, pl.Array) else value
        inner: pl.DataType = dtype.inner  # type: ignore[assignment]
        return listed.list.eval(_marked(pl.element(), inner))
    if isinstance(dtype, pl.Struct):
        parts = [_marked(value.struct.field(f.name), f.dtype).alias(f.name) for f in dtype.fields]  # type: ignore[arg-type]
        return pl.when(value.is_not_null()).then(pl.struct(parts))
    return value


def _marked(part: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    return pl.struct(part.is_null().alias("null"), nulls_greatest(part, dtype).alias("value"))


def listed(call: Call, value: Value) -> Value:
    """Return a list: an array is one too, and a JSON array is one of JSON texts (the value is marked as JSON then).

    Raises:
        SqlError: it is no list.
    """
    text_of_table = (
        isinstance(value.dtype, pl.String) and call.dialect in _JSON_ARRAYS and not value.is_constant
    )
    if value.json or text_of_table:
        return Value(
            jsontext.elements(value.expr),
            pl.List(pl.String()),
            value.refs,
            json=True,
            volatile=value.volatile,
        )
    if isinstance(value.dtype, pl.Array):
        return value.as_(value.expr.arr.to_list(), pl.List(value.dtype.inner))
    if value.is_null or isinstance(value.dtype, pl.Null):
        return value.as_(value.expr.cast(pl.List(pl.Null)), pl.List(pl.Null()))
    if not is_list(value.dtype):
        raise call.error(f"{call.name} wants a list, not {shown(value.dtype)}")
    return value


def given_back(call: Call, value: Value, expr: pl.Expr) -> Value:
    """Return a list made of a list's own elements: a JSON array where it was one."""
    if value.json:
        return call.value(jsontext.joined(expr), pl.String(), json=True)
    return call.value(expr, value.dtype)


def inner_of(value: Value) -> Value:
    """Return an element of a list, inside `list.eval`."""
    inner: pl.DataType = value.dtype.inner  # type: ignore[attr-defined]
    return Value(pl.element(), inner, json=value.json)


def beside(lists: Sequence[pl.Expr], *, size: pl.Expr | None = None) -> pl.Expr:
    """Return lists as one list of structs with the fields ``"0"``, ``"1"``, ...; NULL where one is NULL.

    Args:
        size: how long it is, a shorter list is filled up with NULL; without it the lists are equally long.
    """
    if size is not None:
        place = pl.int_ranges(0, size, dtype=pl.Int64)
        lists = [one.list.gather(place, null_on_oob=True) for one in lists]
    count = len(lists)
    tagged = [one.list.eval(_padded(n, count)) for n, one in enumerate(lists)]
    if count == 1:
        return tagged[0]
    whole = pl.concat_list(tagged)
    element, each = pl.element(), pl.len() // count
    return whole.list.eval(
        pl.struct(element.struct.field(str(n)).slice(each * n, each).alias(str(n)) for n in range(count))
    )


def _padded(number: int, count: int) -> pl.Expr:
    fields = [pl.element() if n == number else pl.lit(None) for n in range(count)]
    return pl.struct(f.alias(str(n)) for n, f in enumerate(fields))


def over(
    value: pl.Expr, others: Sequence[Value], make: Callable[[pl.Expr, list[pl.Expr]], pl.Expr]
) -> pl.Expr:
    """Return what an expression makes of the elements of a list and of values of its row.

    Args:
        others: values of the row; where there are none, `make` sees the element alone.
        make: gives the expression, of an element and of the others.
    """
    if not others:
        return value.list.eval(make(pl.element(), []))
    size = value.list.len()
    whole = beside([value, *(_repeated(o, size) for o in others)])
    struct = pl.element().struct
    return whole.list.eval(make(struct.field("0"), [struct.field(str(n)) for n in range(1, len(others) + 1)]))


def _repeated(one: Value, size: pl.Expr) -> pl.Expr:
    value = one.expr
    if not one.dtype.is_nested():
        return value.repeat_by(size)
    # repeat_by knows no lists and no structs, but places of a list.
    return (
        pl.concat_list(pl.struct(value.alias("v")))
        .list.gather(pl.lit(0).repeat_by(size))
        .list.eval(pl.element().struct.field("v"))
    )
