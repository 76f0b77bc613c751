"""WITH RECURSIVE: round after round, until one gives no rows."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import polars as pl

from dwkit.errors import DataError
from dwkit.sql.plan import Recursive

if TYPE_CHECKING:
    from polars._typing import EngineType

__all__ = ["recursive"]

_ROUNDS = 100_000
_ROWS = 20_000_000
_MANY = 10_000
_SECONDS, _FEW_ROUNDS = 60, 1000
"""After so many rounds or rows a query is taken to go on for ever; after so long too, once it had more than a few."""


def recursive(
    base: pl.LazyFrame,
    plan: Recursive,
    step: Callable[[pl.LazyFrame], pl.LazyFrame],
    enough: int | None = None,
) -> pl.LazyFrame:
    """Return the rows of all rounds; they are computed when the frame is.

    Args:
        enough: how many rows are asked for; no further round begins when there are so many.

    Raises:
        DataError: when it is computed, it goes on for ever.
    """
    start = base.select(pl.col(c).alias(i) for c, i in zip(plan.base.columns, plan.ids, strict=False))
    schema = start.collect_schema()

    def run() -> pl.LazyFrame:
        begun = time.monotonic()
        last = start.collect()
        if not plan.all:
            last = last.unique(maintain_order=True)
        rounds, total = [last], last.height
        while last.height and (enough is None or total < enough):
            _refuse_endless(plan.name, len(rounds), total, time.monotonic() - begun)
            made = step(last.lazy())
            names = plan.step.columns
            # No more rows than are refused; the streaming engine stops there, and is slow to begin.
            engine: EngineType = "streaming" if last.height > _MANY else "in-memory"
            last = (
                made.select(pl.col(c).cast(schema[i]).alias(i) for c, i in zip(names, plan.ids, strict=False))
                .head(_ROWS + 1)
                .collect(engine=engine)
            )
            if not plan.all:
                seen = pl.concat(rounds)
                last = last.unique(maintain_order=True).join(
                    seen, on=list(plan.ids), how="anti", nulls_equal=True
                )
            rounds.append(last)
            total += last.height
        return pl.concat(rounds).lazy()

    return pl.defer(run, schema=schema)  # type: ignore[arg-type]


def _refuse_endless(name: str, rounds: int, rows: int, seconds: float) -> None:
    what = (
        f"{rounds:,} rounds" if rounds > _ROUNDS
        else f"{rows:,} rows" if rows > _ROWS
        else f"{seconds:.0f} seconds" if seconds > _SECONDS and rounds > _FEW_ROUNDS
        else ""
    )  # fmt: skip
    if what:
        raise DataError(
            f"the recursive query {name!r} has not ended after {what}",
            hint="a WHERE in its second part ends it, or UNION instead of UNION ALL",
        )
