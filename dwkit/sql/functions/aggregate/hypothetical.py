"""RANK(x) WITHIN GROUP (ORDER BY y) and its kin: the place that a value would have among the rows."""

from __future__ import annotations

from functools import partial

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.aggregate.rows import Rows
from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.functions.comparison import alike
from dwkit.sql.value import Value

__all__ = ["HYPOTHETICAL"]


def _placed(kind: str, call: Call) -> Value:
    nodes = call.node.expressions
    if len(nodes) != 1:
        raise call.refuse(f"{call.name} WITHIN GROUP of {len(nodes)} values")
    rows = Rows(call)
    if len(rows.order) != 1:
        raise call.error(f"{call.name} wants WITHIN GROUP (ORDER BY one column)")
    value, descending, nulls_last = rows.order[0]
    rows.order = []
    given, key = alike(call, call.bind(nodes[0]), value)
    if given.refs or given.is_null:
        raise call.refuse(f"{call.name} WITHIN GROUP of a computed value")
    smaller = key.expr > given.expr if descending else key.expr < given.expr
    before = smaller.fill_null(not nulls_last)
    taken = key.expr if rows.filter is None else key.expr.filter(rows.filter)
    ahead = before if rows.filter is None else before.filter(rows.filter)
    if kind == "dense":
        ranked = taken.filter(ahead).n_unique().cast(pl.Int64)
        return call.value(ranked + 1, pl.Int64())
    count, total = ahead.sum().cast(pl.Int64), taken.len().cast(pl.Int64)
    if kind == "rank":
        return call.value(count + 1, pl.Int64())
    if kind == "percent":
        share = pl.when(total > 0).then(count / total).otherwise(0.0)
        return call.value(share, pl.Float64())
    same = (taken == given.expr).sum().cast(pl.Int64)
    return call.value((count + same + 1) / (total + 1), pl.Float64())


HYPOTHETICAL: Functions = {
    exp.Rank: partial(_placed, "rank"), exp.DenseRank: partial(_placed, "dense"),
    exp.PercentRank: partial(_placed, "percent"), exp.CumeDist: partial(_placed, "cume"),
}  # fmt: skip
