"""ASOF joins: each row meets the nearest row of the other side that a comparison allows."""

from __future__ import annotations

import polars as pl

from dwkit.sql.plan import Join

__all__ = ["asof"]

_ROW = "dwkit:row"


def asof(left: pl.LazyFrame, right: pl.LazyFrame, plan: Join) -> pl.LazyFrame:
    """Return each row of the left with the nearest of the right: one comparison, and any number of equalities."""
    near = [c for c in plan.on if c.op in ("<", "<=", ">", ">=")]
    one = near[0]
    assert one.left is not None
    assert one.right is not None
    mine, other, op = one.left, one.right, one.op
    if not mine.refs <= frozenset(plan.left.columns):
        mine, other = other, mine
        op = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}[op]
    equals = [
        (c.left, c.right) for c in plan.on if c.op == "=" and c.left is not None and c.right is not None
    ]
    names = [(f"dwkit:l{n}", f"dwkit:r{n}") for n in range(len(equals))]
    sided = [(a, b) if a.refs <= frozenset(plan.left.columns) else (b, a) for a, b in equals]
    lefts = left.with_row_index(_ROW).with_columns(
        mine.expr.alias("dwkit:l"), *(a.expr.alias(n[0]) for (a, _), n in zip(sided, names, strict=True))
    )
    rights = right.with_columns(
        other.expr.alias("dwkit:r"), *(b.expr.alias(n[1]) for (_, b), n in zip(sided, names, strict=True))
    ).filter(pl.col("dwkit:r").is_not_null())
    known = lefts.filter(pl.col("dwkit:l").is_not_null())
    joined = known.sort("dwkit:l").join_asof(
        rights.sort("dwkit:r"), left_on="dwkit:l", right_on="dwkit:r",
        by_left=[n for n, _ in names] or None, by_right=[n for _, n in names] or None,
        strategy="backward" if op in (">", ">=") else "forward", allow_exact_matches=op in (">=", "<="),
        coalesce=False, check_sortedness=False,
    )  # fmt: skip
    columns = (*plan.left.columns, *plan.right.columns)
    if plan.kind == "asof":
        return joined.filter(pl.col("dwkit:r").is_not_null()).select(columns)
    without = lefts.filter(pl.col("dwkit:l").is_null())
    return pl.concat([joined, without], how="diagonal").select(columns)
