"""Lists and structs in order: which of two is the lesser."""

from __future__ import annotations

import polars as pl

from dwkit.sql.functions.call import Call
from dwkit.sql.functions.elements import beside
from dwkit.sql.types import is_list, shown
from dwkit.sql.value import Value

__all__ = ["lists_in_order"]

_BOOLEAN = pl.Boolean()


def lists_in_order(call: Call, op: str, left: Value, right: Value) -> Value:
    """Lists compare by their first different elements, of which NULL is the greatest, then by length; in DataFusion the least."""
    if call.dialect == "datafusion":
        return _as_sorted(op, left, right)
    inner = left.dtype.inner if is_list(left.dtype) else None  # type: ignore[attr-defined]
    if (
        inner is None
        or is_list(inner)
        or isinstance(inner, pl.Struct)
        or call.dialect not in ("duckdb", "postgres")
    ):
        raise call.refuse(f"{op} of {shown(left.dtype)}")
    a, b = (right, left) if op in (">", "<=") else (left, right)
    size = pl.min_horizontal(a.expr.list.len(), b.expr.list.len())
    pair = pl.element().struct
    other = pair.field("0").ne_missing(pair.field("1"))
    first = (
        beside([a.expr.list.head(size), b.expr.list.head(size)])
        .list.eval(pl.element().filter(other))
        .list.first()
    )
    x, y = first.struct.field("0"), first.struct.field("1")
    less = (x < y).fill_null(x.is_not_null() & y.is_null())
    made = pl.when(x.is_null() & y.is_null()).then(a.expr.list.len() < b.expr.list.len()).otherwise(less)
    made = made.not_() if op in ("<=", ">=") else made
    known = left.expr.is_not_null() & right.expr.is_not_null()
    return Value(pl.when(known).then(made), _BOOLEAN, left.refs | right.refs)


def _as_sorted(op: str, left: Value, right: Value) -> Value:
    """Compare two lists or structs as Polars sorts them: by their first different parts, of which NULL is the least."""
    pair = pl.concat_list(pl.struct(v.expr.alias("v")) for v in (left, right))
    least = pair.list.eval(pl.element().sort()).list.first().struct.field("v")
    first = (left if op in ("<", ">=") else right).expr
    less = (least == first) & (left.expr != right.expr)
    known = left.expr.is_not_null() & right.expr.is_not_null()
    made = less if op in ("<", ">") else less.not_()
    return Value(pl.when(known).then(made), _BOOLEAN, left.refs | right.refs)
