"""Transaction facts (Kimball, chapter 3): rows at their grain, with the surrogate keys of their time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from dwkit.errors import CheckError, UsageError, did_you_mean
from dwkit.model.header import Model
from dwkit.storage.delta import Table, rows_of
from dwkit.storage.types import fitted, unified
from dwkit.tables.plan import Plan
from dwkit.tables.publish import Change
from dwkit.tables.query import ModelQuery, Scan
from dwkit.warehouse.lookup import Dimension, unknown_notes, with_keys

__all__ = ["FactLoad", "fact_change", "stale_lookups"]

_ORDER = "dwkit:order"


@dataclass(frozen=True)
class FactLoad:
    """A fact's change, and what there is to say about it."""

    change: Change
    notes: list[str] = field(default_factory=list)


def stale_lookups(plan: Plan, dimensions: Sequence[Dimension]) -> list[Dimension]:
    """Return the dimensions that have another version than the one the fact's keys were looked up in."""
    known = plan.version.inputs if plan.version else {}
    return [d for d in dimensions if known.get(d.node) != str(d.version)]


def fact_change(
    model: Model,
    query: ModelQuery,
    plan: Plan,
    *,
    table: Table,
    scan: Scan,
    dimensions: Sequence[Dimension],
    stale: Sequence[Dimension] = (),
) -> FactLoad | None:
    """Write the rows of the plan's units, and rewrite the rows there are whose keys changed.

    With a grain (the header's ``key``) a row replaces the one of the same grain from an earlier batch.
    Only files that hold a row to be replaced are written again.

    Args:
        stale: dimensions that changed since the rows there are were looked up. All rows are looked up
            again (key columns and times only), because a version may have been closed, split or found
            after the fact had come; the ones whose key comes out different are replaced.

    Returns:
        None when there is nothing to write.

    Raises:
        CheckError: two rows of one unit have the same grain.
        UsageError: a column that the header names is missing.
    """
    place = model.path or f"{model.layer}.{model.name}"
    rebuild = plan.mode == "rebuild" or plan.base is None
    base = None if rebuild else plan.base
    held = {} if base is None else dict(table.scan(base).collect_schema())
    new = _rows(query, plan, scan)
    replaced, wanted = pl.DataFrame(), held
    if new is not None:
        wanted = unified([held, with_keys(new.drop(_ORDER), dimensions, place).collect_schema()])
        new = fitted(new, {n: wanted.get(n, t) for n, t in new.collect_schema().items()})
        if model.header.key:
            there = None if base is None else fitted(table.scan(base), wanted)
            new, replaced = _at_grain(model, new, plan, there, place)
    keyed = None if new is None else with_keys(new.drop(_ORDER), dimensions, place)
    widened = any(wanted[c] != t for c, t in held.items())
    moved: list[str] = []
    count = 0
    if stale and base is not None:
        moved, count = _moved(table, base, held, stale, place)
    rewrite = sorted({*moved, *(table.holding(replaced, model.header.key, base) if replaced.height else ())})
    if widened and base is not None:
        rewrite = table.files(base)
    if keyed is None and not rewrite:
        return None
    adds = []
    if rewrite:
        kept = fitted(table.scan_files(rewrite, held), wanted)
        if replaced.height:
            kept = kept.join(replaced.lazy(), on=list(model.header.key), how="anti", nulls_equal=True)
        if stale:
            kept = with_keys(kept.drop([d.column for d in stale]), stale, place)
        adds += table.write(fitted(kept, wanted))
    written = table.write(fitted(keyed, wanted)) if keyed is not None else []
    notes = unknown_notes(table.scan_files([a.path for a in written], wanted), dimensions) if written else []
    if count:
        names = ", ".join(d.table for d in stale)
        notes.append(f"{count} rows there were point at other versions now, because {names} changed")
    overwrite = plan.mode == "rebuild" or (widened and base is not None)
    change = Change(
        mode="rebuild" if plan.mode == "rebuild" else "merge" if rewrite else "append",
        adds=[*adds, *written],
        schema=wanted,
        removes=() if overwrite else rewrite,
        overwrite=overwrite,
        rows=rows_of(written) + count,
    )
    return FactLoad(change, notes)


def _rows(query: ModelQuery, plan: Plan, scan: Scan) -> pl.LazyFrame | None:
    """Return the SQL's rows over all units to apply, and the rank of each row's unit, later batches higher."""
    ranked = sorted(plan.units, key=lambda u: (u.batch, u.id))
    frames = [
        query.over(unit, scan).with_columns(pl.lit(n, dtype=pl.Int32).alias(_ORDER))
        for n, unit in enumerate(ranked)
    ]
    if not frames:
        return None
    schema = unified(f.collect_schema() for f in frames)
    return pl.concat([fitted(f, schema) for f in frames]) if len(frames) > 1 else frames[0]


def _at_grain(
    model: Model, new: pl.LazyFrame, plan: Plan, there: pl.LazyFrame | None, place: str
) -> tuple[pl.LazyFrame, pl.DataFrame]:
    """Return the new rows that stand, and the grains of rows in the table that they replace.

    Of two rows of one grain the one of the later batch stands, of the later unit within a batch.

    Raises:
        CheckError: two rows of one unit have the same grain.
    """
    key = list(model.header.key)
    schema = new.collect_schema()
    for column in key:
        if any(d.drop and column in d.on for d in model.header.dimensions.values()):
            raise UsageError(
                f"{place}: {column!r} is in the grain, and a lookup drops it", hint="drop = false"
            )
        if column not in schema:
            hint = did_you_mean(column, schema)
            if column in model.header.dimensions:
                hint = "the grain is named by columns of the SQL; it cannot have a surrogate key in it"
            raise UsageError(f"{place}: key: no column {column!r}", hint=hint)
    grains = new.select(*key, _ORDER)
    if there is not None or len(plan.units) > 1:
        grains = grains.collect(engine="streaming").lazy()
    _check_unique(model, grains)
    beaten = pl.DataFrame(schema={**{k: schema[k] for k in key}, _ORDER: pl.Int32()})
    if len(plan.units) > 1:
        last = grains.group_by(key).agg(pl.col(_ORDER).max())
        beaten = grains.join(last, on=[*key, _ORDER], how="anti", nulls_equal=True).collect(
            engine="streaming"
        )
    replaced = beaten.select(key).clear()
    if there is not None:
        ranked = sorted(plan.units, key=lambda u: (u.batch, u.id))
        batches = pl.LazyFrame(
            {_ORDER: range(len(ranked)), "_batch": [u.batch for u in ranked]},
            schema={_ORDER: pl.Int32(), "_batch": pl.String()},
        )
        standing = (
            grains.join(beaten.lazy(), on=[*key, _ORDER], how="anti", nulls_equal=True)
            if beaten.height
            else grains
        )
        met = (
            there.select(*key, pl.col("_batch").alias("dwkit:held"))
            .join(standing, on=key, how="inner", nulls_equal=True)
            .join(batches, on=_ORDER, how="left")
            .select(
                *key,
                _ORDER,
                (pl.col("dwkit:held") > pl.col("_batch")).fill_null(value=False).alias("dwkit:newer"),
            )
            .collect(engine="streaming")
        )
        beaten = pl.concat([beaten, met.filter("dwkit:newer").select(beaten.columns)])
        replaced = met.filter(~pl.col("dwkit:newer")).select(key).unique()
    if beaten.height:
        new = new.join(beaten.lazy(), on=[*key, _ORDER], how="anti", nulls_equal=True)
    return new, replaced


def _check_unique(model: Model, grains: pl.LazyFrame) -> None:
    key = list(model.header.key)
    twice = grains.group_by(*key, _ORDER).len("rows").filter(pl.col("rows") > 1).collect(engine="streaming")
    if twice.is_empty():
        return
    first = twice.sort(key).row(0, named=True)
    shown = ", ".join(f"{k} = {first[k]!r}" for k in key)
    raise CheckError(
        f"{model.layer}.{model.name}: the grain {', '.join(key)} is not unique: {twice.height} keys come more"
        f" than once in one batch, for instance {shown}",
        hint="add the columns that tell the rows apart to key, or dedupe them in the contract",
    )


def _moved(
    table: Table,
    base: int,
    held: dict[str, pl.DataType],
    stale: Sequence[Dimension],
    place: str,
) -> tuple[list[str], int]:
    """Return the files with rows whose surrogate keys come out different now, and how many rows."""
    needed = dict.fromkeys(c for d in stale for c in (*d.lookup.on, *([d.at] if d.at else ())))
    rows = table.scan_files(table.files(base), held, paths_as="dwkit:file").select(
        "dwkit:file", *needed, *(pl.col(d.column).alias(f"dwkit:was:{d.column}") for d in stale)
    )
    other = pl.any_horizontal(pl.col(d.column) != pl.col(f"dwkit:was:{d.column}") for d in stale)
    found = (
        with_keys(rows, stale, place)
        .filter(other)
        .group_by("dwkit:file")
        .len("rows")
        .collect(engine="streaming")
    )
    return found["dwkit:file"].to_list(), int(found["rows"].sum())
