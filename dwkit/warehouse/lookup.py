"""Surrogate keys of facts: the version of each dimension row that was valid at the event's time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import polars as pl

from dwkit.errors import NotFoundError, UsageError, did_you_mean
from dwkit.ledger import Ledger
from dwkit.model.header import Lookup, Model
from dwkit.storage.delta import Table
from dwkit.storage.layout import Layout
from dwkit.tables.units import BEGIN
from dwkit.warehouse.dimension import INSTANT, instant
from dwkit.warehouse.keys import END, UNKNOWN

__all__ = ["Dimension", "dimensions_of", "unknown_notes", "with_keys"]

_EARLIEST, _LATEST = BEGIN.replace(year=1), END - timedelta(microseconds=1)


@dataclass(frozen=True)
class Dimension:
    """A dimension that a fact looks up.

    Attributes:
        column: surrogate key column of the fact.
        table: name of the dimension.
        version: Delta version that ``frame`` reads.
        surrogate: its surrogate key column.
        key: its natural key.
        versioned: whether its rows have a validity.
        at: column of the fact with the event's time; empty: the current version is meant.
    """

    column: str
    table: str
    lookup: Lookup
    version: int
    surrogate: str
    key: tuple[str, ...]
    versioned: bool
    at: str
    frame: pl.LazyFrame = field(repr=False)

    @property
    def node(self) -> str:
        """``warehouse.dim_x``."""
        return f"warehouse.{self.table}"


def dimensions_of(model: Model, *, layout: Layout, ledger: Ledger) -> list[Dimension]:
    """Return the dimensions that a fact's header looks up, as they are now.

    Raises:
        NotFoundError: there is no such table.
        UsageError: it is no dimension, or its key has another number of columns.
    """
    found = []
    place = f"{model.path}: " if model.path else ""
    for column, lookup in model.header.dimensions.items():
        name = lookup.table.removeprefix("warehouse.")
        table = Table(layout.table("warehouse", name))
        latest = table.latest()
        if latest is None:
            known = {v.name for v in ledger.versions() if v.layer == "warehouse"}
            hint = did_you_mean(name, known) if name not in known and known else f"dwkit load {name}"
            raise NotFoundError("dimension", name, hint=hint)
        meta = latest.facts.get("dimension")
        if not isinstance(meta, dict):
            raise UsageError(f"{place}dimensions.{column}: warehouse.{name} is no dimension")
        key = tuple(meta["key"])
        if len(lookup.on) != len(key):
            raise UsageError(
                f"{place}dimensions.{column}: on names {len(lookup.on)} columns, the key of {name} has {len(key)}",
                hint=f"on = the fact's columns for {', '.join(key)}",
            )
        at = lookup.at or model.header.event_time
        found.append(
            Dimension(
                column,
                name,
                lookup,
                latest.version,
                meta["surrogate_key"],
                key,
                bool(meta["versioned"]),
                at,
                table.scan(latest.version),
            )
        )
    return found


def with_keys(frame: pl.LazyFrame, dimensions: Sequence[Dimension], place: str) -> pl.LazyFrame:
    """Return a fact's rows with the surrogate keys of their dimensions, which come first.

    Each key is found by one equality join with the dimension as the build side, then the version whose
    ``[valid_from, valid_to)`` holds the event's time is kept: rows stream through, memory holds the
    dimensions' keys. The earliest known version stands for the time before it, the latest one for
    events without a time or beyond the end of all validity. A natural key that is NULL or unknown gives -1, the unknown member.

    Raises:
        UsageError: a column is missing, or its type is not that of the key.
    """
    schema = frame.collect_schema()
    for one in dimensions:
        if one.column in schema:
            raise UsageError(
                f"{place}: the SQL gives a column {one.column!r}, which the lookup of {one.table} makes",
                hint="select it AS another name, or name the lookup's column otherwise",
            )
        for needed in (*one.lookup.on, *([one.at] if one.at and one.versioned else ())):
            if needed not in schema:
                raise UsageError(f"{place}: no column {needed!r}", hint=did_you_mean(needed, schema))
    for one in dimensions:
        frame = _with_key(frame, one, schema, place)
    dropped = {c for d in dimensions if d.lookup.drop for c in d.lookup.on}
    return frame.select(*(d.column for d in dimensions), *(c for c in schema if c not in dropped))


def _with_key(
    frame: pl.LazyFrame, one: Dimension, schema: Mapping[str, pl.DataType], place: str
) -> pl.LazyFrame:
    theirs = one.frame.collect_schema()
    names = [f"_key_{n}" for n in range(len(one.key))]
    left, right = [], []
    for mine, key, name in zip(one.lookup.on, one.key, names, strict=True):
        ours, wanted = _comparable(mine, schema[mine], key, theirs[key], one, place)
        left.append(ours)
        right.append(wanted.alias(name))
    members = one.frame.filter(pl.col(one.surrogate) > UNKNOWN)
    if not one.versioned or not one.at:
        if one.versioned:
            members = members.filter(pl.col("is_current"))
        build = members.select(*right, pl.col(one.surrogate).alias(one.column))
        joined = frame.join(build, left_on=left, right_on=names, how="left", coalesce=False).drop(names)
        return joined.with_columns(pl.col(one.column).fill_null(UNKNOWN))
    since = pl.col("valid_from")
    build = members.select(
        *right,
        pl.col(one.surrogate).alias(one.column),
        pl.when(since == since.min().over(list(one.key)))
        .then(pl.lit(_EARLIEST, dtype=INSTANT))
        .otherwise(since)
        .alias("dwkit:from"),
        pl.col("valid_to").alias("dwkit:to"),
    )
    latest = pl.lit(_LATEST, dtype=INSTANT)
    # 9999-12-31 in a source stands for "open": no version begins later, and no row may find none.
    at = pl.min_horizontal(instant(one.at, _time(one, schema, place)).fill_null(latest), latest)
    valid = (pl.col("dwkit:from") <= at) & (at < pl.col("dwkit:to"))
    joined = frame.join(build, left_on=left, right_on=names, how="left", coalesce=False)
    joined = joined.filter(pl.col(one.column).is_null() | valid).drop(*names, "dwkit:from", "dwkit:to")
    return joined.with_columns(pl.col(one.column).fill_null(UNKNOWN))


def _time(one: Dimension, schema: Mapping[str, pl.DataType], place: str) -> pl.DataType:
    dtype = schema[one.at]
    if not isinstance(dtype, (pl.Date, pl.Datetime)):
        raise UsageError(
            f"{place}: {one.at!r}, as of which {one.table} is looked up, is {_name(dtype)}, neither a date nor a timestamp",
            hint="cast it in the SQL, or give it the type timestamp in the contract",
        )
    return dtype


def _comparable(
    mine: str, ours: pl.DataType, key: str, theirs: pl.DataType, one: Dimension, place: str
) -> tuple[pl.Expr, pl.Expr]:
    """Return both sides of the join in one type."""
    left, right = pl.col(mine), pl.col(key)
    if ours == theirs:
        return left, right
    if ours.is_integer() and theirs.is_integer():
        return left.cast(pl.Int64), right.cast(pl.Int64)
    if isinstance(ours, pl.Datetime) and isinstance(theirs, (pl.Date, pl.Datetime)):
        left, right = instant(mine, ours), instant(key, theirs)
        return (left.cast(pl.Date), pl.col(key)) if isinstance(theirs, pl.Date) else (left, right)
    if isinstance(ours, pl.Date) and isinstance(theirs, pl.Datetime):
        return instant(mine, ours), instant(key, theirs)
    raise UsageError(
        f"{place}: {mine!r} is {_name(ours)}, the key {key!r} of {one.table} is {_name(theirs)}",
        hint="cast it in the SQL, or give both the same type in their contracts",
    )


def _name(dtype: pl.DataType) -> str:
    return dtype.base_type().__name__


def unknown_notes(rows: pl.LazyFrame, dimensions: Sequence[Dimension]) -> list[str]:
    """Return a note for each dimension of which some rows found only the unknown member.

    Args:
        rows: the fact's new rows, with their surrogate keys.
    """
    if not dimensions:
        return []
    counts = rows.select((pl.col(d.column) == UNKNOWN).sum() for d in dimensions).collect(engine="streaming")
    schema, notes = rows.collect_schema(), []
    for one in dimensions:
        count = int(counts[one.column][0] or 0)
        if not count:
            continue
        shown = [c for c in one.lookup.on if c in schema]
        example = ""
        if shown:
            lost = rows.filter(pl.col(one.column) == UNKNOWN).group_by(shown).len("rows")
            top = (
                lost.sort("rows", *shown, descending=[True, *[False] * len(shown)])
                .head(3)
                .collect(engine="streaming")
            )
            texts = [
                ", ".join(f"{c} {_shown(r[c])}" for c in shown) + f" ({r['rows']})"
                for r in top.iter_rows(named=True)
            ]
            example = ": " + "; ".join(texts)
        notes.append(f"{count} rows point at the unknown member of {one.table}{example}")
    return notes


def _shown(value: object) -> str:
    return "NULL" if value is None else repr(value) if isinstance(value, str) else str(value)
