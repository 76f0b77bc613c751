"""WITH RECURSIVE: round after round, until one gives no rows."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from dwkit.errors import SqlError
from dwkit.sql.plan import Recursive

__all__ = ["recursive"]

_ROUNDS = 100_000
"""After so many rounds a query is taken to go on for ever."""


def recursive(
    base: pl.LazyFrame, plan: Recursive, step: Callable[[pl.LazyFrame], pl.LazyFrame]
) -> pl.LazyFrame:
    """Return the rows of all rounds; they are computed when the frame is."""
    start = base.select(pl.col(c).alias(i) for c, i in zip(plan.base.columns, plan.ids, strict=False))
    schema = start.collect_schema()

    def run() -> pl.LazyFrame:
        last = start.collect()
        if not plan.all:
            last = last.unique(maintain_order=True)
        rounds = [last]
        while last.height:
            if len(rounds) > _ROUNDS:
                raise SqlError(f"the recursive query {plan.name!r} has not ended after {_ROUNDS} rounds")
            made = step(last.lazy())
            names = plan.step.columns
            last = made.select(
                pl.col(c).cast(schema[i]).alias(i) for c, i in zip(names, plan.ids, strict=False)
            ).collect()
            if not plan.all:
                seen = pl.concat(rounds)
                last = last.unique(maintain_order=True).join(
                    seen, on=list(plan.ids), how="anti", nulls_equal=True
                )
            rounds.append(last)
        return pl.concat(rounds).lazy()

    return pl.defer(run, schema=schema)  # type: ignore[arg-type]
