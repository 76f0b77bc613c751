"""Window functions."""

from __future__ import annotations

import polars as pl

from dwkit.errors import SqlError
from dwkit.sql.plan import Window, WindowItem

__all__ = ["window"]


def window(frame: pl.LazyFrame, plan: Window) -> pl.LazyFrame:
    """Return the rows with their window functions."""
    return frame.with_columns(_item(i).alias(n) for n, i in plan.items.items())


def _item(item: WindowItem) -> pl.Expr:
    partition = [v.expr for v in item.partition] or None
    if item.function == "aggregate" and item.aggregate is not None and (item.frame is None or not item.order):
        return item.aggregate.expr.over(partition) if partition else item.aggregate.expr
    raise SqlError(f"window function {item.function} is not supported")
