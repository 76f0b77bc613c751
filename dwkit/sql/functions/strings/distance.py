"""How far two texts are from each other."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.value import Value

__all__ = ["DISTANCES"]

_NUMBER = pl.Int64()


def _levenshtein(call: Call) -> Value:
    """LEVENSHTEIN(a, b): the fewest characters to put in, take out or change."""
    for key in ("ins_cost", "del_cost", "sub_cost", "max_dist"):
        if call.has(key):
            raise call.refuse("LEVENSHTEIN with costs or a limit")
    a, b = call.text(), call.text("expression")
    return call.value(pl.map_batches([a, b], _edits, return_dtype=_NUMBER, is_elementwise=True), _NUMBER)


def _edits(columns: Sequence[pl.Series]) -> pl.Series:
    """Return the distances of pairs of texts: a row of the usual table at a time, for all pairs at once."""
    size = max(len(c) for c in columns) if all(len(c) for c in columns) else 0
    a, b = (c.new_from_index(0, size) if len(c) != size else c for c in columns)
    pairs = pl.DataFrame({"a": a, "b": b})
    known = pairs.drop_nulls().unique().with_row_index("pair")
    longest = known["a"].str.len_chars().max()
    # Each pair has a place for each character of b, and one before them.
    cells = known.select(
        "pair",
        pl.col("a").str.split("").alias("left"),
        pl.concat_list(pl.lit(""), pl.col("b").str.split("")).alias("sign"),
    ).explode("sign", empty_as_null=True)
    cells = cells.with_columns(pl.int_range(pl.len()).over("pair").alias("place"))
    cells = cells.with_columns(pl.col("place").alias("cost"))
    for step in range(longest if isinstance(longest, int) else 0):
        own = pl.col("left").list.get(step, null_on_oob=True)
        cost, before = pl.col("cost"), pl.col("cost").shift(1).over("pair")
        changed = before + (pl.col("sign") != own).cast(pl.Int64)
        best = pl.when(pl.col("place") == 0).then(step + 1).otherwise(pl.min_horizontal(cost + 1, changed))
        # What is put in before this place costs one each.
        row = (best - pl.col("place")).cum_min().over("pair") + pl.col("place")
        cells = cells.with_columns(pl.when(own.is_not_null()).then(row).otherwise(cost).alias("cost"))
    last = cells.group_by("pair").agg(pl.col("cost").last())
    found = known.join(last, on="pair").select("a", "b", pl.col("cost").cast(pl.Int64))
    return pairs.join(found, on=["a", "b"], how="left", maintain_order="left")["cost"]


DISTANCES: Functions = {exp.Levenshtein: _levenshtein}
