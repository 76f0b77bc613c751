"""Counts, sums, minima and maxima over frames.

What can be taken back (counts, sums of whole numbers) is a difference of running totals. Floats cannot: a
running total of a frame that begins with its partition is used as it is, every other frame is put together
from blocks of 1, 2, 4, ... rows, each made of two of the size before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import polars as pl

from dwkit.sql.functions.decimals import unscaled
from dwkit.sql.lower.window.frames import Run
from dwkit.sql.lower.window.positions import FIRST, at
from dwkit.sql.window import Part, WindowItem

__all__ = ["OF", "RANK", "in_parts", "is_ranked", "reduced", "values"]

OF = "dwkit:of:"
"""Prefix of the column of what a part is a reduction of."""
RANK = "dwkit:rank:"
"""Prefix of the column of ranks from 0 of what a part is a reduction of."""

_ZERO = pl.lit(0, dtype=pl.Int64)


def reduced(part: Part, item: WindowItem, runs: list[Run]) -> pl.Expr:
    """Return one part of an aggregate over the frames of an item: NULL over no values, but 0 for counts."""
    if part.kind == "len":
        return pl.sum_horizontal(pl.max_horizontal(e - s + 1, _ZERO) for s, e in runs)
    value = pl.col(OF + part.name)
    if part.kind == "count":
        return _differences(value.is_not_null().cast(pl.Int64), item, runs)
    if part.kind == "sum" and not part.dtype.is_float():
        whole = _integer(value, part.dtype).cast(pl.Int128).fill_null(0)
        return _whole(_differences(whole, item, runs), part.dtype)
    if is_ranked(part, item):
        return at(value.drop_nulls().unique().sort(), _any_frame(part, pl.col(RANK + part.name), item, runs))
    return _any_frame(part, value, item, runs)


def in_parts(item: WindowItem) -> bool:
    """Whether an aggregate over its frame is put together from its parts.

    Equal values count once in a frame that begins or ends with its partition: the first or the last of them.
    """
    if item.combined is None or item.function != "aggregate":
        return False
    if not any(p.distinct for p in item.parts):
        return True
    return _is_running(item)


def values(part: Part, item: WindowItem) -> pl.Expr:
    """Return what a part with DISTINCT is a reduction of: one of equal values."""
    assert item.frame is not None
    value = pl.col(OF + part.name)
    same = pl.struct(FIRST.alias("first"), value.alias("value"))
    return pl.when(same.is_first_distinct() if item.frame.start is None else same.is_last_distinct()).then(
        value
    )


def is_ranked(part: Part, item: WindowItem) -> bool:
    """Whether the ranks of its values are compared: of NaN minima are not native, of text those of blocks."""
    native = part.dtype.is_integer() or (
        _is_running(item) and (part.dtype.is_decimal() or part.dtype.is_temporal())
    )
    return part.kind in ("min", "max") and not native


def _is_running(item: WindowItem) -> bool:
    """Whether a frame begins or ends with its partition."""
    frame = item.frame
    return frame is not None and not frame.exclude and (frame.start is None or frame.end is None)


def _to_the_row(item: WindowItem) -> bool:
    """Whether a frame is that of all rows of the partition up to the current one."""
    frame = item.frame
    return _is_running(item) and frame is not None and frame.unit == "rows" and frame.end == 0


def _integer(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    return value if dtype.is_integer() else value.to_physical()


def _whole(total: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    if isinstance(dtype, pl.Decimal):
        return unscaled(total, dtype.scale)
    return total.cast(pl.Int64).cast(dtype) if dtype.is_temporal() else total.cast(dtype)


def _differences(values: pl.Expr, item: WindowItem, runs: list[Run]) -> pl.Expr:
    """Return sums of whole numbers over frames, as differences of running sums; those are exact."""
    running = values.cum_sum()
    if _to_the_row(item):
        return running - at(running - values, FIRST) if item.partition else running
    total: pl.Expr | None = None
    for start, end in runs:
        some = start <= end
        before = at(running, pl.when(some & (start > 0)).then(start - 1)).fill_null(0)
        one = (at(running, pl.when(some).then(end)) - before).fill_null(0)
        total = one if total is None else total + one
    assert total is not None
    return total


_RUNNING: dict[str, Callable[[pl.Expr, bool], pl.Expr]] = {
    "sum": lambda e, back: e.fill_null(0).cum_sum(reverse=back),
    "min": lambda e, back: e.cum_min(reverse=back),
    "max": lambda e, back: e.cum_max(reverse=back),
}


def _any_frame(part: Part, value: pl.Expr, item: WindowItem, runs: list[Run]) -> pl.Expr:
    frame = item.frame
    if len(runs) == 1 and frame is not None and part.kind in _RUNNING:
        back = frame.start is not None
        if not back or frame.end is None:
            start, end = runs[0]
            running = _RUNNING[part.kind](value, back)
            running = running.backward_fill() if back else running.forward_fill()
            running = running.over(FIRST) if item.partition else running
            if _to_the_row(item):
                return running
            return at(running, pl.when(start <= end).then(start if back else end))
    bounds = [b for run in runs for b in run]
    if part.kind == "squares":
        return pl.map_batches([value, *bounds], _squares, return_dtype=pl.Float64())
    dtype = pl.Int64() if is_ranked(part, item) else part.dtype
    return pl.map_batches([value, *bounds], partial(_blocks, part.kind), return_dtype=dtype)


_MERGE: dict[str, Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    "sum": lambda a, b: a + b,
    "product": lambda a, b: a * b,
    "min": pl.min_horizontal,
    "max": pl.max_horizontal,
    "bitwise_and": lambda a, b: a & b,
    "bitwise_or": lambda a, b: a | b,
    "bitwise_xor": lambda a, b: a ^ b,
}


def _blocks(kind: str, columns: Sequence[pl.Series]) -> pl.Series:
    """Return a reduction over frames, put together from blocks of 1, 2, 4, ... rows.

    Args:
        columns: values, then start and end of each run.
    """
    merge = _MERGE[kind]

    def merged(a: pl.Expr, b: pl.Expr) -> pl.Expr:
        return pl.coalesce(merge(a, b), a, b)

    return _from_blocks(columns[0], columns[1:], merged)


def _squares(columns: Sequence[pl.Series]) -> pl.Series:
    """Return sums of squared deviations over frames.

    Two blocks are merged by their numbers, means and squares (Chan, Golub and LeVeque 1979), which does not cancel.
    """
    some = pl.col("v").is_not_null()
    one = pl.struct(
        pl.when(some).then(1.0).alias("n"),
        pl.col("v").alias("mean"),
        pl.when(some).then(pl.col("v") * 0).alias("m2"),
    )
    values = columns[0].alias("v").to_frame().select(pl.when(some).then(one)).to_series()
    return _from_blocks(values, columns[1:], _merged_squares).struct.field("m2")


def _merged_squares(a: pl.Expr, b: pl.Expr) -> pl.Expr:
    (na, ma, sa), (nb, mb, sb) = ([e.struct.field(f) for f in ("n", "mean", "m2")] for e in (a, b))
    n, apart = na + nb, mb - ma
    both = pl.struct(
        n.alias("n"), (ma + apart * nb / n).alias("mean"), (sa + sb + apart**2 * na * nb / n).alias("m2")
    )
    return pl.when(na.is_null()).then(b).when(nb.is_null()).then(a).otherwise(both)


def _from_blocks(
    values: pl.Series, bounds: Sequence[pl.Series], merged: Callable[[pl.Expr, pl.Expr], pl.Expr]
) -> pl.Series:
    total = pl.Series([None], dtype=values.dtype).new_from_index(0, len(values))
    for start, end in zip(bounds[::2], bounds[1::2], strict=True):
        state = pl.DataFrame({"block": values, "total": total, "at": start, "rest": end - start + 1})
        longest, size = state["rest"].max(), 1
        while isinstance(longest, int) and size <= longest:
            # Each bit of a frame's length is one block in it.
            asked = (pl.col("rest") > 0) & ((pl.col("rest") // size) % 2 == 1)
            one = pl.col("block").gather(pl.when(asked).then("at"))
            state = state.with_columns(
                merged(pl.col("total"), one).alias("total"),
                pl.when(asked).then(pl.col("at") + size).otherwise("at").alias("at"),
                merged(pl.col("block"), pl.col("block").shift(-size)).alias("block"),
            )
            size *= 2
        total = state["total"]
    return total
