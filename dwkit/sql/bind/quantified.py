"""``x = ANY (list)``, ``x < ALL (list)``: a value compared with the elements of a list."""

from __future__ import annotations

from functools import reduce

import polars as pl
from sqlglot import exp

from dwkit.sql.bind.expressions import Stage
from dwkit.sql.functions.call import Call
from dwkit.sql.functions.comparison import compared
from dwkit.sql.functions.elements import over
from dwkit.sql.types import is_list, shown, unified
from dwkit.sql.value import Value

__all__ = ["over_list"]

_BOOLEAN = pl.Boolean()
_PASSES_OVER_NULLS = frozenset({"datafusion"})
"""NULLs in the list of ANY are passed over there: no element that holds is false, not unknown."""
_NULL_IS_EMPTY = frozenset({"duckdb"})
"""A NULL list has no elements there."""


def over_list(stage: Stage, node: exp.Binary, op: str, query: exp.Expr, *, every: bool) -> Value:
    """Return whether a comparison holds for any or all elements of a list, or of ``(1, 2)``."""
    if isinstance(query, exp.Tuple):
        joined = exp.And if every else exp.Or
        parts = [type(node)(this=node.this.copy(), expression=one) for one in query.expressions]
        return stage.bind(reduce(lambda a, b: joined(this=a, expression=b), parts))
    listed, tested = stage.bind(query), stage.bind(node.this)
    if listed.is_null:
        known = every if stage.dialect in _NULL_IS_EMPTY else None
        return listed.as_(pl.lit(known, dtype=_BOOLEAN), _BOOLEAN)
    if not op or not is_list(listed.dtype):
        raise stage.context.refuse("this comparison with ANY or ALL", node, "UNNEST in a subquery")
    inner: pl.DataType = listed.dtype.inner  # type: ignore[attr-defined]
    refs = listed.refs | tested.refs
    if stage.dialect in _NULL_IS_EMPTY:
        listed = listed.as_(listed.expr.fill_null([]), listed.dtype)
    if (op, every) in (("=", False), ("<>", True)) and not inner.is_nested():
        return Value(_contained(stage, node, listed, tested, every=every), _BOOLEAN, refs)
    call = Call(node, stage)

    def held(element: pl.Expr, others: list[pl.Expr]) -> pl.Expr:
        one = tested if tested.is_constant else Value(others[0], tested.dtype)
        return compared(call, op, one, Value(element, inner)).expr.cast(_BOOLEAN)

    met = over(listed.expr, [] if tested.is_constant else [tested], held)
    passes = not every and stage.dialect in _PASSES_OVER_NULLS
    element = pl.element()
    made = met.list.agg(element.all(ignore_nulls=False) if every else element.any(ignore_nulls=passes))
    if passes:
        made = pl.when(tested.expr.is_not_null() | (listed.expr.list.len() == 0)).then(made)
    return Value(made, _BOOLEAN, refs)


def _contained(stage: Stage, node: exp.Binary, listed: Value, tested: Value, *, every: bool) -> pl.Expr:
    """``= ANY`` and ``<> ALL``: the list has an element that is equal, or has none."""
    call = Call(node, stage)
    dtype = unified((listed.dtype.inner, tested.dtype))  # type: ignore[attr-defined]
    if dtype is None:
        raise stage.context.error(f"{shown(tested.dtype)} is no element of {shown(listed.dtype)}", node)
    listed, tested = call.cast(listed, pl.List(dtype)), call.cast(tested, dtype)
    found = listed.expr.list.contains(tested.expr)
    unknown = tested.expr.is_null()
    if every or stage.dialect not in _PASSES_OVER_NULLS:
        unknown |= listed.expr.list.contains(pl.lit(None, dtype=dtype))
    empty = listed.expr.list.len() == 0
    return (
        pl.when(empty).then(pl.lit(every))
        .when(found & tested.expr.is_not_null()).then(pl.lit(not every))
        .when(unknown).then(pl.lit(None, dtype=_BOOLEAN))
        .when(listed.expr.is_not_null()).then(pl.lit(every))
    )  # fmt: skip
