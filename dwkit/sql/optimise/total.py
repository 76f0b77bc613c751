"""Expressions that no row can make fail, so that they may be computed for rows that are not asked for.

What Polars computes is looked through with what it tells of an expression: its inputs, and whether it is the same as
another one. What is not known here may fail.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from dwkit.sql.bind.context import Context
from dwkit.sql.functions.comparison import COMPARE
from dwkit.sql.plan import Condition
from dwkit.sql.types import is_decimal, is_integer, scale_of, whole_digits

__all__ = ["cannot_fail"]


def cannot_fail(context: Context, condition: Condition) -> bool:
    """Whether a condition can be computed for every row that its columns may have."""
    if condition.op and condition.left is not None and condition.right is not None:
        return all(_is_total(context, v.expr) for v in (condition.left, condition.right))
    return _is_total(context, condition.value.expr)


def _is_total(context: Context, expr: pl.Expr) -> bool:
    if expr.meta.is_column() or expr.meta.is_literal():
        return True
    inputs = expr.meta.pop()[::-1]
    if not inputs or not all(_is_total(context, i) for i in inputs):
        return False
    if len(inputs) == 1 and _is_widened(context, expr, inputs[0]):
        return True
    return any(expr.meta.eq(made) for made in _known(inputs))


def _is_widened(context: Context, expr: pl.Expr, inside: pl.Expr) -> bool:
    """Whether an expression is another one as a type that holds all values of its own."""
    before, after = context.type_of(inside), context.type_of(expr)
    if not (is_integer(before) or is_decimal(before)) or not expr.meta.eq(inside.cast(after)):
        return False
    if is_integer(after):
        return is_integer(before) and whole_digits(before) < whole_digits(after)
    return isinstance(after, pl.Float64) or (
        is_decimal(after)
        and scale_of(before) <= scale_of(after)
        and whole_digits(before) <= whole_digits(after)
    )


def _known(inputs: list[pl.Expr]) -> Iterator[pl.Expr]:
    """Return what can be made of some expressions without a row that fails."""
    match inputs:
        case [a]:
            yield a.is_null()
            yield a.is_not_null()
            yield a.not_()
            if a.meta.is_literal():
                yield a.implode()
        case [a, b]:
            yield from (a & b, a | b)
            yield from (make(a, b) for make in COMPARE.values())
            yield from (a.is_in(b), a.str.starts_with(b), a.str.ends_with(b), a.fill_null(b))
            yield from (a.str.contains(b, literal=True), a.str.contains(b))
        case [a, b, c]:
            yield from (pl.when(c).then(a).otherwise(b), a.str.slice(b, c))
        case _:
            pass
