"""Any aggregate over any frame: the rows of each frame are put together, and grouped by frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import polars as pl

from dwkit.sql.lower.window.frames import Run
from dwkit.sql.window import WindowItem

__all__ = ["gathered"]

_AT_ONCE = 4_000_000
"""Rows of frames that are put together at once: bounds the memory."""


def gathered(item: WindowItem, runs: list[Run]) -> pl.Expr:
    """Return an aggregate over frames."""
    assert item.aggregate is not None
    expr = item.aggregate.expr
    names = list(dict.fromkeys(expr.meta.root_names())) or ["dwkit:row"]
    bounds = [b for run in runs for b in run]
    dtype = pl.Decimal(38, item.dtype.scale) if isinstance(item.dtype, pl.Decimal) else item.dtype
    compute = partial(_aggregated, expr, names, dtype, item.empty)
    return pl.map_batches([*(pl.col(n) for n in names), *bounds], compute, return_dtype=dtype)


def _aggregated(
    expr: pl.Expr, names: list[str], dtype: pl.DataType, empty: object, columns: Sequence[pl.Series]
) -> pl.Series:
    rows = pl.DataFrame([c.alias(n) for c, n in zip(columns, names, strict=False)])
    bounds = pl.DataFrame([c.alias(f"b{n}") for n, c in enumerate(columns[len(names) :])])
    # Peers have the same frame, which is computed once.
    bounds = bounds.with_columns(pl.struct(bounds.columns).rle_id().alias("frame"))
    frames = bounds.unique("frame", keep="first", maintain_order=True)
    made = [
        _frame_rows(chunk, rows)
        .group_by("dwkit:frame", maintain_order=True)
        .agg(expr.cast(dtype).alias("dwkit:made"))
        for chunk in _chunks(frames)
    ]
    found = pl.concat(made) if made else pl.DataFrame(schema={"dwkit:frame": pl.UInt32, "dwkit:made": dtype})
    joined = bounds.join(found, left_on="frame", right_on="dwkit:frame", how="left", maintain_order="left")
    result = joined["dwkit:made"]
    if empty is None:
        return result
    lengths = joined.select(_length(len(bounds.columns) // 2))["length"]
    return pl.select(pl.when(lengths > 0).then(result).otherwise(pl.lit(empty, dtype=dtype))).to_series()


def _length(runs: int) -> pl.Expr:
    zero = pl.lit(0, dtype=pl.Int64)
    lengths = [
        pl.max_horizontal(pl.col(f"b{2 * n + 1}") - pl.col(f"b{2 * n}") + 1, zero) for n in range(runs)
    ]
    return pl.sum_horizontal(lengths).alias("length")


def _chunks(frames: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Return the frames that have rows, some at a time."""
    counted = frames.with_columns(_length(len(frames.columns) // 2)).filter(pl.col("length") > 0)
    number = (pl.col("length").cum_sum() - pl.col("length")) // _AT_ONCE
    yield from counted.with_columns(number.alias("chunk")).partition_by("chunk", maintain_order=True)


def _frame_rows(frames: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of some frames, in order, with the numbers of the frames."""
    runs = [(f"b{n}", f"b{n + 1}") for n in range(0, len(frames.columns) - 3, 2)]
    ranges = [pl.int_ranges(pl.col(s), pl.max_horizontal(pl.col(e) + 1, pl.col(s))) for s, e in runs]
    places = frames.select(pl.col("frame"), pl.concat_list(ranges).alias("place")).explode("place")
    return rows[places["place"]].with_columns(places["frame"].alias("dwkit:frame"))
