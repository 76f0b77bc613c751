"""Expressions that no value of a column makes fail: only those may be computed for rows that a join then leaves out."""

from __future__ import annotations

import polars as pl
from sqlglot import exp

from dwkit.sql.bind.context import Context
from dwkit.sql.types import from_sql, is_number, is_text

__all__ = ["never_fails"]

_TEXT = pl.String()
_SAFE = (
    exp.Column, exp.Literal, exp.Null, exp.Boolean, exp.Star, exp.Identifier, exp.Paren, exp.Neg, exp.Add, exp.Sub,
    exp.Mul, exp.Case, exp.If, exp.Coalesce, exp.And, exp.Or, exp.Not, exp.Is, exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT,
    exp.GTE, exp.Between, exp.Distinct, exp.Filter, exp.Where, exp.Sum, exp.Avg, exp.Count, exp.Min, exp.Max,
)  # fmt: skip


def never_fails(context: Context, node: exp.Expr) -> bool:
    """Whether an aggregate of bound columns can be computed of all rows; sums and products that leave their type aside."""
    match node:
        case exp.Column():
            return not is_text(context.dtypes.get(node.meta.get("id", ""), _TEXT)) or _stays_text(node)
        case exp.Div():
            divisor = node.expression.unnest()
            safe = isinstance(divisor, exp.Literal) and divisor.is_number and float(divisor.name) != 0
        case exp.Cast():
            safe = type(node) is exp.Cast and _widens(context, node)
            return safe and never_fails(context, node.this)
        case _:
            safe = isinstance(node, _SAFE)
    return safe and all(never_fails(context, part) for part in node.iter_expressions())


def _stays_text(node: exp.Column) -> bool:
    """Whether a column of text is only counted or compared with text, not read as a number or a date."""
    around: exp.Expr | None = node.parent
    match around:
        case exp.EQ() | exp.NEQ() | exp.LT() | exp.LTE() | exp.GT() | exp.GTE() | exp.Between():
            others = [p for p in around.iter_expressions() if id(p) != id(node)]
        case exp.Case() if around.this is node:
            others = [one.this for one in around.args["ifs"]]
        case _:
            return isinstance(around, (exp.Count, exp.Min, exp.Max, exp.Is, exp.Distinct))
    return all(isinstance(o, exp.Literal) and o.is_string for o in others)


def _widens(context: Context, node: exp.Cast) -> bool:
    """Whether a column of numbers is cast to doubles or decimals."""
    column = node.this.unnest()
    before = context.dtypes.get(column.meta.get("id", "")) if isinstance(column, exp.Column) else None
    after = from_sql(node.to, context.dialect)
    return before is not None and is_number(before) and isinstance(after, (pl.Float64, pl.Decimal))
