"""Texts by patterns of a column: an expression for each pattern that there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

__all__ = ["for_each"]


def for_each(
    given: list[pl.Expr], make: Callable[[pl.Expr, tuple[str, ...]], pl.Expr], dtype: pl.DataType
) -> pl.Expr:
    """Return what an expression makes of texts, built for each pattern that there is.

    Polars compiles a pattern once where it is a literal, and for some functions it must be one.

    Args:
        given: the texts, the patterns, and what else belongs to a pattern. NULL where one of them is.
        make: gives the expression over the texts for a pattern and what belongs to it.
        dtype: of what it makes.
    """

    def compute(columns: Sequence[pl.Series]) -> pl.Series:
        names = [str(n) for n in range(len(columns))]
        size = 0 if any(len(c) == 0 for c in columns) else max(len(c) for c in columns)
        rows = pl.DataFrame({
            n: c.new_from_index(0, size) if len(c) != size else c
            for n, c in zip(names, columns, strict=True)
        }).with_row_index("row")  # fmt: skip
        known = rows.drop_nulls()
        parts = [
            part.select("row", make(pl.col("0"), key).alias("made"))
            for key, part in known.partition_by(names[1:], as_dict=True).items()
        ]
        empty = pl.DataFrame(schema={"row": pl.UInt32, "made": dtype})
        return rows.select("row").join(pl.concat([empty, *parts]), on="row", how="left").sort("row")["made"]

    return pl.map_batches(given, compute, return_dtype=dtype, is_elementwise=True)
