"""UNION ALL, INTERSECT ALL and EXCEPT ALL."""

from __future__ import annotations

from typing import Literal

import polars as pl

from dwkit.sql.plan import SetOperation

__all__ = ["set_operation"]

_NUMBER = "dwkit:number"


def set_operation(left: pl.LazyFrame, right: pl.LazyFrame, plan: SetOperation) -> pl.LazyFrame:
    """Return a set operation of frames whose columns correspond by place; NULL equals NULL."""
    a = left.select(pl.col(c).alias(i) for c, i in zip(plan.left.columns, plan.ids, strict=False))
    b = right.select(pl.col(c).alias(i) for c, i in zip(plan.right.columns, plan.ids, strict=False))
    names = list(plan.ids)
    if plan.kind == "union":
        return pl.concat([a, b], how="vertical_relaxed")
    how: Literal["semi", "anti"] = "semi" if plan.kind == "intersect" else "anti"
    # The nth equal row of one side meets the nth of the other.
    number = pl.int_range(pl.len()).over(names).alias(_NUMBER)
    numbered, others = a.with_columns(number), b.with_columns(number)
    on = [_key(n, t) for n, t in numbered.collect_schema().items()]
    return numbered.join(others, on=on, how=how, nulls_equal=True).drop(_NUMBER)


def _key(name: str, dtype: pl.DataType) -> pl.Expr:
    """Return a column to join by: decimals may differ in their digits here."""
    key = pl.col(name)
    return key.cast(pl.Decimal(38, dtype.scale)) if isinstance(dtype, pl.Decimal) else key
