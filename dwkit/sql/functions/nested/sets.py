"""Lists as sets: union, intersection, difference, overlap."""

from __future__ import annotations

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Builder, Call, Functions
from dwkit.sql.functions.elements import given_back, inner_of
from dwkit.sql.functions.nested.lists import two_lists
from dwkit.sql.types import shown
from dwkit.sql.value import Value

__all__ = ["SETS", "beyond"]

_BOOLEAN = pl.Boolean()


def _sets(name: str) -> Builder:
    """UNION, INTERSECT and EXCEPT of lists: each element once, in the order of the first list; as bags in Snowflake."""

    def build(call: Call) -> Value:
        bags = call.has("is_multiset")
        a, b = two_lists(call)
        if call.dialect == "duckdb" and name == "intersection":  # with NULL there is nothing in both
            b = b.as_(
                pl.when(b.expr.is_not_null()).then(b.expr).otherwise(pl.lit([], dtype=b.dtype)), b.dtype
            )
        first, second = a.expr, b.expr
        if bags:
            first, second = _numbered(first), _numbered(second)
        if name == "union":
            made = pl.concat_list([first, second]).list.eval(pl.element().unique(maintain_order=True))
        else:
            made = _kept_in_order(first, second, there=name == "intersection")
        if bags:
            made = made.list.eval(pl.element().struct.field("v"))
        elif call.dialect == "duckdb":
            made = made.list.drop_nulls()
        return given_back(call, a, made)

    return build


def _numbered(value: pl.Expr) -> pl.Expr:
    """Return each element with the number of its equals before it."""
    element = pl.element()
    number = pl.int_range(pl.len()).over(element)
    return value.list.eval(pl.struct(element.alias("v"), number.alias("n")))


def _is_plain(dtype: pl.DataType) -> bool:
    """Whether Polars' own functions of sets know elements of a type."""
    return not dtype.is_nested() and not isinstance(dtype, (pl.Boolean, pl.Null))


def beyond(first: Value, second: Value, *, there: bool = False) -> pl.Expr:
    """Return the elements of a list that another one of its type has not, or has, in any order; NULL equals NULL."""
    a, b = first.expr, second.expr
    if not _is_plain(inner_of(first).dtype):
        return _kept_in_order(a, b, there=there)
    return a.list.set_intersection(b) if there else a.list.set_difference(b)


def _kept_in_order(first: pl.Expr, second: pl.Expr, *, there: bool) -> pl.Expr:
    """Return the different elements of a list that another one has, or has not, in its order; NULL equals NULL."""

    def sided(value: pl.Expr, side: int) -> pl.Expr:
        return value.list.eval(pl.struct(pl.element().alias("v"), pl.lit(side).alias("side")))

    both = pl.element().struct
    last = both.field("side").max().over(both.field("v"))
    keep = (both.field("side") == 0) & ((last == 1) if there else (last == 0))
    kept = pl.concat_list([sided(first, 0), sided(second, 1)]).list.eval(both.field("v").filter(keep))
    return kept.list.eval(pl.element().unique(maintain_order=True))


def _overlap(call: Call) -> Value:
    """Whether two lists have an element together; NULL for none if one has a NULL, in Spark and Trino."""
    call.has("null_safe")
    a, b = _plain_lists(call)
    if _null_given(call):
        return call.value(pl.lit(None, dtype=_BOOLEAN), _BOOLEAN)
    first, second = a.expr.list.drop_nulls(), b.expr.list.drop_nulls()
    made = first.list.set_intersection(second).list.len() > 0
    if call.dialect in ("spark", "databricks", "trino"):
        some = (a.expr.list.len() > 0) & (b.expr.list.len() > 0)
        unknown = (first.list.len() < a.expr.list.len()) | (second.list.len() < b.expr.list.len())
        made = pl.when(made | (some & unknown).not_()).then(made)
    return call.value(made, _BOOLEAN)


def _null_given(call: Call) -> bool:
    nodes = (call.node.this, call.node.args.get("expression"), *call.node.expressions)
    return any(isinstance(n, exp.Null) for n in nodes)


def _plain_lists(call: Call) -> tuple[Value, Value]:
    a, b = two_lists(call)
    if isinstance(inner_of(a).dtype, pl.Null) and isinstance(inner_of(b).dtype, pl.Null):
        some = pl.List(pl.Int32())  # Polars has no sets of nothing
        a, b = a.as_(a.expr.cast(some), some), b.as_(b.expr.cast(some), some)
    if not _is_plain(inner_of(a).dtype):
        raise call.refuse(f"{call.name} of {shown(a.dtype)}")
    return a, b


def _contains_all(swapped: bool) -> Builder:
    def build(call: Call) -> Value:
        a, b = two_lists(call) if call.dialect == "datafusion" else _plain_lists(call)
        if _null_given(call):
            return call.value(pl.lit(None, dtype=_BOOLEAN), _BOOLEAN)
        if swapped:
            a, b = b, a
        if call.dialect == "datafusion":
            return call.value(beyond(b, a).list.len() == 0, _BOOLEAN)
        wanted = b.expr.list.drop_nulls() if call.dialect == "duckdb" else b.expr
        rest = wanted.list.set_difference(a.expr.list.drop_nulls())
        return call.value(rest.list.len() == 0, _BOOLEAN)

    return build


SETS: Functions = {
    exp.ArrayIntersect: _sets("intersection"), "LIST_INTERSECT": _sets("intersection"),
    "ARRAY_INTERSECT": _sets("intersection"), "ARRAY_EXCEPT": _sets("difference"),
    "ARRAY_INTERSECTION": _sets("intersection"), exp.ArrayExcept: _sets("difference"), "LIST_EXCEPT": _sets("difference"),
    "ARRAY_UNION": _sets("union"), "LIST_UNION": _sets("union"), exp.ArrayOverlaps: _overlap, "LIST_HAS_ANY": _overlap,
    "ARRAYS_OVERLAP": _overlap, "ARRAY_HAS_ANY": _overlap, exp.ArrayContainsAll: _contains_all(False),
    "LIST_HAS_ALL": _contains_all(False), "ARRAY_HAS_ALL": _contains_all(False),
    exp.ArrayContainedBy: _contains_all(True),
}  # fmt: skip
