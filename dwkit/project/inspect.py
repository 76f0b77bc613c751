"""Looking at tables: columns, statistics, what changed between two of them, what happened to one."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from dwkit.errors import DataError, NotFoundError, UsageError, did_you_mean
from dwkit.model.ids import time_of
from dwkit.model.names import LAYERS
from dwkit.model.source import FORMATS
from dwkit.storage.cells import as_text
from dwkit.storage.types import from_polars

if TYPE_CHECKING:
    from dwkit.project.project import Project

__all__ = ["Diff", "Found", "columns", "diff", "find", "history", "parse_as_of", "profile"]

_PROVENANCE = ("_batch", "_row")
_EXACT = 1_000_000
"""Rows up to which distinct values are counted and not estimated."""


class Found(NamedTuple):
    """The rows a name stands for, and its ``layer.table``, empty for a file."""

    rows: pl.LazyFrame
    table: str


def find(project: Project | None, text: str) -> Found:
    """Return what ``name``, ``name@version``, ``name@2026-01-31`` or a file's path or glob stands for.

    A table goes before a file of the same name; without a project there are files only.

    Raises:
        NotFoundError: there is no such table or version.
        ReachError: there is no such file.
    """
    from dwkit.project.files import scan_file

    if "/" in text or glob.has_magic(text):
        return Found(scan_file(text), "")
    is_file = Path(text).exists() or _is_file_name(text)
    if project is None:
        if is_file:
            return Found(scan_file(text), "")
        raise NotFoundError("file", text, hint="-C DIR names a project, for its tables")
    name, mark, when = text.rpartition("@") if "@" in text else (text, "", "")
    try:
        table = project.catalog.find(name)
    except NotFoundError:
        if is_file:
            return Found(scan_file(text), "")
        raise
    return Found(project.catalog.scan(table, parse_as_of(when) if mark else None), table)


def _is_file_name(text: str) -> bool:
    """Say whether a name that nothing answers to was meant for a file: to tell the nearest one."""
    first, ending = text.partition(".")[0], PurePath(text).suffix.lower().lstrip(".")
    return first not in LAYERS and any(ending in form.extensions for form in FORMATS.values() if ending)


def parse_as_of(text: str) -> int | datetime:
    """Return a version number or an instant, in UTC where the text names no zone.

    Raises:
        UsageError: the text is neither.
    """
    if text.isdecimal() and len(text) < 8:
        return int(text)
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{text!r} is neither a version nor a time", hint="for instance 3, 2026-01-31 or 2026-01-31T12:00"
        ) from None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def columns(project: Project | None, found: Found) -> list[dict[str, Any]]:
    """Return one record for each column: name, type, description (empty where no model describes it)."""
    layer, _, table = found.table.partition(".")
    described: dict[str, str] = {}
    if project is None or not table:
        pass
    elif layer == "staging" and table in project.config.datasets:
        described = {c: r.description for c, r in project.config.datasets[table].columns.items()}
    elif found.table in project.models:
        described = {c: h.description for c, h in project.models[found.table].header.columns.items()}
    return [
        {"column": c, "type": str(from_polars(t)), "description": described.get(c, "")}
        for c, t in found.rows.collect_schema().items()
    ]


def profile(frame: pl.LazyFrame) -> pl.DataFrame:
    """Return the statistics of every column, computed in streaming passes.

    Columns: column, type, rows, nulls, null_pct, distinct (not counting NULL; estimated beyond a million
    rows), min, max, mean, stddev, top (most frequent value of a text or boolean column) and top_count.
    """
    schema = frame.collect_schema()
    rows = frame.select(pl.len()).collect(engine="streaming").item()
    wanted: list[pl.Expr] = []
    for n, (name, dtype) in enumerate(schema.items()):
        column = pl.col(name)
        wanted.append(column.null_count().alias(f"{n}:nulls"))
        if dtype.is_nested() or dtype in (pl.Binary, pl.Null):
            continue
        values = column.drop_nulls()
        unique = values.n_unique() if rows <= _EXACT else values.approx_n_unique()
        wanted.append(unique.alias(f"{n}:distinct"))
        wanted += [as_text(end, dtype).alias(f"{n}:{end_name}") for end_name, end in _ends(column, dtype)]
        if dtype.is_numeric():
            number = column.cast(pl.Float64)
            wanted += [number.mean().alias(f"{n}:mean"), number.std().alias(f"{n}:stddev")]
    found = frame.select(wanted).collect(engine="streaming").row(0, named=True) if wanted else {}
    records = []
    for n, (name, dtype) in enumerate(schema.items()):
        nulls = found[f"{n}:nulls"]
        top = _top(frame, name) if dtype in (pl.String, pl.Boolean, pl.Categorical, pl.Enum) else (None, None)
        distinct = found.get(f"{n}:distinct")
        records.append(
            {
                "column": name,
                "type": str(from_polars(dtype)),
                "rows": rows,
                "nulls": nulls,
                "null_pct": round(100 * nulls / rows, 2) if rows else 0.0,
                "distinct": None if distinct is None else min(distinct, rows - nulls),
                **{k: found.get(f"{n}:{k}") for k in ("min", "max", "mean", "stddev")},
                "top": top[0],
                "top_count": top[1],
            }
        )
    return pl.DataFrame(
        records,
        schema={
            "column": pl.String,
            "type": pl.String,
            "rows": pl.Int64,
            "nulls": pl.Int64,
            "null_pct": pl.Float64,
            "distinct": pl.Int64,
            "min": pl.String,
            "max": pl.String,
            "mean": pl.Float64,
            "stddev": pl.Float64,
            "top": pl.String,
            "top_count": pl.Int64,
        },
    )


def _ends(column: pl.Expr, dtype: pl.DataType) -> list[tuple[str, pl.Expr]]:
    text = column.cast(pl.String) if dtype in (pl.Categorical, pl.Enum) else column
    return [("min", text.min()), ("max", text.max())]


def _top(frame: pl.LazyFrame, name: str) -> tuple[str | None, int | None]:
    counted = frame.select(pl.col(name).cast(pl.String).alias("v")).drop_nulls().group_by("v").len()
    found = counted.top_k(1, by=["len", "v"]).collect(engine="streaming")
    return (str(found["v"][0]), int(found["len"][0])) if found.height else (None, None)


class Diff:
    """What differs between two tables.

    ``rows`` is lazy: ``_change`` (``added``, ``removed``, ``changed``), the key, and for changed rows a
    list of ``{column, before, after}``.
    """

    def __init__(self, rows: pl.LazyFrame, added_columns: list[str], removed_columns: list[str]) -> None:
        self.rows = rows
        self.added_columns = added_columns
        self.removed_columns = removed_columns


def diff(before: pl.LazyFrame, after: pl.LazyFrame, key: Sequence[str]) -> Diff:
    """Compare two tables, row by row of a key, or as bags of whole rows without one.

    Numbers of different types are compared as numbers, instants of different units as instants, all
    else that differs in type as text.

    Raises:
        UsageError: a key column that one of them lacks; no column in common.
        DataError: the key does not tell the rows of one of them apart.
    """
    left, right = before.collect_schema(), after.collect_schema()
    shared = [c for c in left if c in right and c not in _PROVENANCE]
    if not shared:
        raise UsageError("they have no column in common", hint="dwkit show NAME --columns")
    for name in key:
        if name not in shared:
            raise UsageError(f"key column {name!r} is not in both tables", hint=did_you_mean(name, shared))
    types = {c: _common(left[c], right[c]) for c in shared}
    old = before.select(_as_common(c, left[c], types[c]) for c in shared)
    new = after.select(_as_common(c, right[c], types[c]) for c in shared)
    added_columns = [c for c in right if c not in left]
    removed_columns = [c for c in left if c not in right]
    if not key:
        rows = pl.concat([_surplus(new, old, shared, "added"), _surplus(old, new, shared, "removed")])
        return Diff(rows, added_columns, removed_columns)
    keys, others = list(key), [c for c in shared if c not in key]
    _require_unique(old, keys, "the first table")
    _require_unique(new, keys, "the second table")
    both = old.with_columns(pl.lit(1).alias("dwkit:l")).join(
        new.with_columns(pl.lit(1).alias("dwkit:r")),
        on=keys,
        how="full",
        nulls_equal=True,
        coalesce=True,
        suffix="_after",
    )
    pairs = [
        pl.when(pl.col(c).ne_missing(pl.col(f"{c}_after"))).then(
            pl.struct(
                pl.lit(c).alias("column"),
                as_text(pl.col(c), types[c]).alias("before"),
                as_text(pl.col(f"{c}_after"), types[c]).alias("after"),
            )
        )
        for c in others
    ]
    changes = pl.concat_list(pairs).list.drop_nulls() if pairs else pl.lit([])
    state = (
        pl.when(pl.col("dwkit:l").is_null())
        .then(pl.lit("added"))
        .when(pl.col("dwkit:r").is_null())
        .then(pl.lit("removed"))
        .otherwise(pl.lit("changed"))
    )
    marked = both.with_columns(state.alias("_change"), changes.alias("changes"))
    rows = marked.filter((pl.col("_change") != "changed") | (pl.col("changes").list.len() > 0))
    rows = rows.with_columns(
        pl.when(pl.col("_change") == "changed").then(pl.col("changes")).otherwise(None).alias("changes")
    )
    return Diff(rows.select("_change", *keys, "changes").sort(keys), added_columns, removed_columns)


def _common(one: pl.DataType, other: pl.DataType) -> pl.DataType:
    """Return the type in which values of two types are compared."""
    numbers = one.is_numeric() and other.is_numeric()
    instants = (
        isinstance(one, pl.Datetime) and isinstance(other, pl.Datetime) and one.time_zone == other.time_zone
    )
    if numbers or instants:
        pair = [pl.DataFrame(schema={"v": dtype}) for dtype in (one, other)]
        try:
            return pl.concat(pair, how="vertical_relaxed").schema["v"]
        except pl.exceptions.PolarsError:
            return pl.String()
    kept = (pl.String, pl.Boolean, pl.Date, pl.Time, pl.Duration)
    return one if one == other and isinstance(one, kept) else pl.String()


def _as_common(name: str, dtype: pl.DataType, wanted: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if dtype == wanted:
        return column
    return (as_text(column, dtype) if wanted == pl.String else column.cast(wanted)).alias(name)


def _require_unique(frame: pl.LazyFrame, keys: list[str], which: str) -> None:
    twice = frame.group_by(keys).len("dwkit:n").filter(pl.col("dwkit:n") > 1).collect(engine="streaming")
    if twice.height:
        first = twice.sort(keys).row(0, named=True)
        shown = ", ".join(f"{k} = {first[k]!r}" for k in keys)
        raise DataError(
            f"the key does not tell rows apart: {first['dwkit:n']} rows of {which} have {shown}",
            hint="add columns to --key, or leave it out to compare whole rows",
        )


def _surplus(of: pl.LazyFrame, over: pl.LazyFrame, names: list[str], change: str) -> pl.LazyFrame:
    """Return the rows that stand in one bag more often than in the other."""
    counted = of.group_by(names).len("dwkit:n")
    other = over.group_by(names).len("dwkit:m")
    joined = counted.join(other, on=names, how="left", nulls_equal=True)
    more = joined.with_columns(
        (pl.col("dwkit:n").cast(pl.Int64) - pl.col("dwkit:m").fill_null(0).cast(pl.Int64)).alias("dwkit:n")
    )
    kept = more.filter(pl.col("dwkit:n") > 0)
    return kept.select(pl.lit(change).alias("_change"), *names, pl.col("dwkit:n").alias("_times"))


def history(project: Project, name: str) -> list[dict[str, Any]]:
    """Return what happened to a table, newest first: batches, parts or versions."""
    layer, _, table = name.partition(".")
    ledger = project.ledger
    if layer == "lake":
        return [
            {
                "batch": b.id,
                "at": _stamp(b.id),
                "source": b.source,
                "format": b.format,
                "rows": b.rows,
                "malformed": b.malformed,
                "bytes": b.bytes_out,
                "run": b.run,
            }
            for b in reversed(ledger.batches(table))
        ]
    if layer == "staging":
        return [
            {
                "part": p.id,
                "at": _stamp(p.id),
                "batch": p.batch,
                "rows_in": p.rows_in,
                "rows_out": p.rows_out,
                "quarantined": p.quarantined,
                "deduplicated": p.deduplicated,
                "purged_at": p.purged_at,
                "run": p.run,
            }
            for p in reversed(ledger.parts(table))
        ]
    versions = {v.version: v for v in ledger.versions(layer, table)}
    newest = ledger.version(layer, table)
    if newest is not None and newest.kind == "view":
        return [
            _version_record(v.version, v.created_at, v.mode, v.rows, v.bytes, v.run)
            for v in versions.values()
        ]
    from dwkit.storage.delta import Table

    records = []
    for commit in Table(project.layout.table(layer, table)).history():  # type: ignore[arg-type]
        entry = versions.get(commit.version)
        at = commit.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        mode = str(commit.facts.get("mode", commit.operation.lower()))
        run = str(commit.facts.get("run", ""))
        rows, size = (entry.rows, entry.bytes) if entry else (None, None)
        records.append(_version_record(commit.version, at, mode, rows, size, run))
    return records


def _version_record(
    version: int, at: str, mode: str, rows: int | None, size: int | None, run: str
) -> dict[str, Any]:
    return {"version": version, "at": at, "mode": mode, "rows": rows, "bytes": size, "run": run}


def _stamp(ident: str) -> str:
    return time_of(ident).isoformat(timespec="milliseconds").replace("+00:00", "Z")
