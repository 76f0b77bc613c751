"""Rows with one key, found in bounded memory: one hash bucket of the keys at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import polars as pl

__all__ = ["later_ones", "repeated", "superseded"]

_BUCKET_ROWS = 2_000_000


def repeated(frame: pl.LazyFrame, columns: Sequence[str], rows: int) -> int:
    """Return how many rows repeat the key of a row before them; rows with a NULL in the key do not."""
    return sum(int(keys["dwkit:n"].sum()) - keys.height for keys, _ in _repeated_keys(frame, columns, rows))


def later_ones(
    frame: pl.LazyFrame, columns: Sequence[str], rows: int, rank: Mapping[int, int]
) -> pl.DataFrame:
    """Return all but the first of the rows with one key.

    Args:
        frame: rows with ``dwkit:pos`` (their place), ``_row`` and the columns.
        rank: for rows that come after all others, such as repaired ones: row -> rank from 1.

    Returns:
        ``dwkit:pos``, ``_row`` and ``dwkit:first``, the row that has the key already.
    """
    found = []
    for keys, bucket in _repeated_keys(frame, columns, rows):
        same = bucket.join(keys.lazy(), on=list(columns), how="semi").collect(engine="streaming")
        same = same.with_columns(_rank(rank)).sort("dwkit:rank", "_row", "dwkit:pos")
        first = pl.col("_row").first().over(list(columns))
        later = same.with_columns(first.alias("dwkit:first")).filter(~pl.struct(columns).is_first_distinct())
        found.append(later.select("dwkit:pos", "_row", "dwkit:first"))
    return _all(found, {"dwkit:pos": pl.UInt32(), "_row": pl.Int64(), "dwkit:first": pl.Int64()})


def superseded(frame: pl.LazyFrame, columns: Sequence[str], rows: int, latest_by: str) -> pl.DataFrame:
    """Return ``dwkit:pos`` and ``_row`` of all but the latest of the rows with one key.

    Args:
        frame: rows with ``dwkit:pos``, ``_row``, the key's columns and ``latest_by``.
        latest_by: column by which the latest is known, NULL first; empty: the last row is.
    """
    order = [latest_by, "_row", "dwkit:pos"] if latest_by else ["_row", "dwkit:pos"]
    found = []
    for keys, bucket in _repeated_keys(frame, columns, rows):
        same = bucket.join(keys.lazy(), on=list(columns), how="semi").collect(engine="streaming")
        same = same.sort(order, nulls_last=False)
        found.append(same.filter(~pl.struct(columns).is_last_distinct()).select("dwkit:pos", "_row"))
    return _all(found, {"dwkit:pos": pl.UInt32(), "_row": pl.Int64()})


def _rank(rank: Mapping[int, int]) -> pl.Expr:
    if not rank:
        return pl.lit(0).alias("dwkit:rank")
    return pl.col("_row").replace_strict(dict(rank), default=0, return_dtype=pl.Int64).alias("dwkit:rank")


def _repeated_keys(
    frame: pl.LazyFrame, columns: Sequence[str], rows: int
) -> Iterator[tuple[pl.DataFrame, pl.LazyFrame]]:
    whole = frame.drop_nulls(list(columns))
    buckets = -(-max(rows, 1) // _BUCKET_ROWS)
    for i in range(buckets):
        bucket = whole
        if buckets > 1:
            bucket = whole.filter(pl.struct(columns).hash(seed=7) % buckets == i)
        keys = bucket.group_by(list(columns)).agg(pl.len().alias("dwkit:n")).filter(pl.col("dwkit:n") > 1)
        found = keys.collect(engine="streaming")
        if found.height:
            yield found, bucket


def _all(found: Sequence[pl.DataFrame], schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    return pl.concat(found) if found else pl.DataFrame(schema=schema)
