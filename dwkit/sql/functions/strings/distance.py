"""How far two texts are from each other: LEVENSHTEIN, HAMMING, JACCARD."""

from __future__ import annotations

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.functions.elements import beside
from dwkit.sql.value import Value, constant

__all__ = ["DISTANCES"]

_NUMBER, _U64 = pl.Int64(), pl.UInt64()
_LIMITED = frozenset({"spark", "databricks"})
"""A third argument is the greatest distance there, and a greater one is -1."""
_MOST = 64
"""The signs of the shorter text are the bits of one number, of which there are so many."""


def _levenshtein(call: Call) -> Value:
    """How many signs of a text are to be changed, put in or left out to make another of it."""
    if call.dialect == "sqlite":
        raise call.refuse(call.name)
    third = "ins_cost" if call.dialect in _LIMITED else "max_dist"  # sqlglot takes it for a cost
    if any(call.has(c) for c in ("ins_cost", "del_cost", "sub_cost") if c != third):
        raise call.refuse(f"{call.name} with costs")
    both = pl.struct(call.text().alias("a"), call.text("expression").alias("b"))
    made = both.map_batches(_distances, return_dtype=_NUMBER, is_elementwise=True)
    limit = call.maybe(third)
    if limit is not None:
        most = call.cast(limit, _NUMBER).expr
        beyond = pl.lit(-1, dtype=_NUMBER) if call.dialect in _LIMITED else most
        made = pl.when(made > most).then(beyond).when(made <= most).then(made)
    return call.value(made, _NUMBER)


def _distances(both: pl.Series) -> pl.Series:
    """Each different pair once, the longer ones in another way."""
    given = both.struct.unnest()
    size_a, size_b = pl.col("a").str.len_chars(), pl.col("b").str.len_chars()
    first = size_a <= size_b
    pairs = given.unique().drop_nulls().with_row_index("row").with_columns(
        pl.when(first).then("a").otherwise("b").alias("short"), pl.when(first).then("b").otherwise("a").alias("long"),
        pl.min_horizontal(size_a, size_b).cast(_NUMBER).alias("size"),
    )  # fmt: skip
    fits = pl.col("size") <= _MOST
    made = pl.concat([_by_bits(pairs.filter(fits)), _by_table(pairs.filter(~fits))])
    found = pairs.join(made, on="row").select("a", "b", "made")
    return given.join(found, on=["a", "b"], how="left", maintain_order="left")["made"]


def _by_bits(frame: pl.DataFrame) -> pl.DataFrame:
    """Sign by sign of the longer text, over all pairs at once, by the bits of Myers and Hyyrö."""
    bits = _signs(frame, "short").with_columns(pl.lit(2, dtype=_U64).pow("place").alias("bit"))
    bits = bits.group_by("row", "sign").agg(pl.col("bit").sum())
    found = _signs(frame, "long").join(bits, on=["row", "sign"], how="left", maintain_order="left")
    lists = found.group_by("row", maintain_order=True).agg(pl.col("bit").fill_null(0))
    frame = frame.join(lists, on="row", how="left", maintain_order="left")
    return frame.select("row", _counted(frame).cast(_NUMBER).alias("made"))


def _by_table(pairs: pl.DataFrame) -> pl.DataFrame:
    """A row of the usual table at a time, for all pairs at once."""
    longest = pairs["short"].str.len_chars().max()
    # Each pair has a place for each sign of the longer text, and one before them.
    cells = pairs.select(
        "row",
        pl.col("short").str.split("").alias("other"),
        pl.concat_list(pl.lit(""), pl.col("long").str.split("")).alias("sign"),
    ).explode("sign", empty_as_null=True)
    cells = cells.with_columns(pl.int_range(pl.len(), dtype=_NUMBER).over("row").alias("place"))
    cells = cells.with_columns(pl.col("place").alias("cost"))
    for step in range(longest if isinstance(longest, int) else 0):
        own = pl.col("other").list.get(step, null_on_oob=True)
        cost, before = pl.col("cost"), pl.col("cost").shift(1).over("row")
        changed = before + (pl.col("sign") != own).cast(_NUMBER)
        best = pl.when(pl.col("place") == 0).then(step + 1).otherwise(pl.min_horizontal(cost + 1, changed))
        # What is put in before this place costs one each.
        line = (best - pl.col("place")).cum_min().over("row") + pl.col("place")
        cells = cells.with_columns(pl.when(own.is_not_null()).then(line).otherwise(cost).alias("cost"))
    return cells.group_by("row").agg(pl.col("cost").last().cast(_NUMBER).alias("made"))


def _signs(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    """Return the signs of texts with their places."""
    signs = frame.select("row", pl.col(name).str.extract_all("(?s).").alias("sign"))
    signs = signs.filter(pl.col("sign").list.len() > 0).explode("sign")
    return signs.with_columns(pl.int_range(pl.len(), dtype=_NUMBER).over("row").alias("place"))


def _counted(frame: pl.DataFrame) -> pl.Series:
    plus, minus, score = pl.col("plus"), pl.col("minus"), pl.col("score")
    equal, across, down, up = pl.col("equal"), pl.col("across"), pl.col("down"), pl.col("up")
    last = pl.lit(2, dtype=_U64).pow((pl.col("size") - 1).clip(0, _MOST - 1))
    frame = frame.select(
        "bit", "size", last.alias("last"), pl.lit(2**64 - 1, dtype=_U64).alias("plus"),
        pl.lit(0, dtype=_U64).alias("minus"), pl.col("size").alias("score"),
    )  # fmt: skip
    length = frame["bit"].list.len().max()
    for place in range(length if isinstance(length, int) else 0):
        frame = frame.with_columns(pl.col("bit").list.get(place, null_on_oob=True).alias("equal"))
        frame = frame.with_columns(((((equal & plus) + plus) ^ plus) | equal).alias("across"))
        frame = frame.with_columns(
            (minus | (across | plus).not_()).alias("up"), (plus & across).alias("down")
        )
        step = ((up & pl.col("last")) > 0).cast(_NUMBER) - ((down & pl.col("last")) > 0).cast(_NUMBER)
        frame = frame.with_columns(score + step.fill_null(0), (up * 2 | 1).alias("up"), down * 2)
        frame = frame.with_columns(
            (down | (equal | minus | up).not_()).alias("plus"), (up & (equal | minus)).alias("minus")
        )
    empty = pl.col("size") == 0
    return frame.select(
        pl.when(empty).then(pl.col("bit").list.len()).otherwise(score).fill_null(0)
    ).to_series()


# -- sign by sign -------------------------------------------------------------------------------------


def _letters(call: Call, value: Value) -> pl.Expr:
    return call.as_text(value).str.extract_all("(?s).")


def _hamming(call: Call) -> Value:
    """HAMMING(a, b): at how many places texts of one length differ."""
    values = call.args()
    if any(v.is_null for v in values):
        return constant(None, _NUMBER)
    a, b = (_letters(call, v) for v in values)
    uneven = a.list.len() != b.list.len()
    even = pl.when(uneven.not_()).then(a)
    pairs = beside([even, pl.when(even.is_not_null()).then(b)])
    fields = pl.element().struct
    made = pairs.list.eval(fields.field("0") != fields.field("1")).list.sum().cast(_NUMBER)
    bad = uneven | (a.list.len() == 0)
    return call.value(
        call.checked(made, bad, f"{call.name} wants texts of one length, and no empty ones"), _NUMBER
    )


def _jaccard(call: Call) -> Value:
    """JACCARD(a, b): how many signs texts have in common, of all that they have."""
    values = call.args()
    if any(v.is_null for v in values):
        return constant(None, pl.Float64())
    a, b = (_letters(call, v) for v in values)
    share = a.list.set_intersection(b).list.len() / a.list.set_union(b).list.len()
    empty = (a.list.len() == 0) | (b.list.len() == 0)
    return call.value(call.checked(share, empty, f"{call.name} wants no empty text"), pl.Float64())


DISTANCES: Functions = {
    exp.Levenshtein: _levenshtein, "HAMMING": _hamming, "MISMATCHES": _hamming, "JACCARD": _jaccard,
}  # fmt: skip
