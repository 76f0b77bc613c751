"""Looking at tables: columns, statistics, what changed between two of them, what happened to one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from dwkit.errors import UsageError, did_you_mean
from dwkit.model.ids import time_of
from dwkit.storage.types import from_polars

if TYPE_CHECKING:
    from dwkit.project.project import Project

__all__ = ["Diff", "at_version", "columns", "diff", "file_columns", "history", "profile"]

_PROVENANCE = ("_batch", "_row")


def at_version(project: Project, text: str) -> pl.LazyFrame:
    """Return the rows that ``name``, ``name@version``, ``name@2026-01-31`` or a file's path stands for.

    Raises:
        NotFoundError: there is no such table or version.
    """
    name, mark, when = text.rpartition("@")
    if not mark:
        name, when = text, ""
    as_of = parse_as_of(when) if when else None
    if "/" in name or (project.root / name).is_file():
        return project.catalog.scan_file(name)
    return project.catalog.scan(project.catalog.find(name), as_of)


def parse_as_of(text: str) -> int | datetime:
    """Return a version number or an instant.

    Raises:
        UsageError: the text is neither.
    """
    if text.isdigit():
        return int(text)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{text!r} is neither a version nor a time", hint="for instance 3, 2026-01-31 or 2026-01-31T12:00"
        ) from None


def columns(project: Project, name: str) -> list[dict[str, Any]]:
    """Return one record for each column of a table: name, type, description."""
    schema = project.catalog.scan(name).collect_schema()
    layer, _, table = name.partition(".")
    described: dict[str, str] = {}
    if layer == "staging" and table in project.config.datasets:
        described = {c: r.description for c, r in project.config.datasets[table].columns.items()}
    elif name in project.models:
        described = {c: h.description for c, h in project.models[name].header.columns.items()}
    return [
        {"column": c, "type": str(from_polars(t)), "description": described.get(c, "")}
        for c, t in schema.items()
    ]


def file_columns(frame: pl.LazyFrame) -> list[dict[str, Any]]:
    """Return one record for each column of a frame that no model describes."""
    return [
        {"column": c, "type": str(from_polars(t)), "description": ""}
        for c, t in frame.collect_schema().items()
    ]


def profile(frame: pl.LazyFrame) -> pl.DataFrame:
    """Return the statistics of every column, computed in one streaming pass.

    Columns: column, type, rows, nulls, null_pct, distinct (estimated beyond a few thousand), min, max,
    mean, stddev, top (most frequent value of a text or boolean column) and top_count.
    """
    schema = frame.collect_schema()
    wanted: list[pl.Expr] = [pl.len().alias("rows")]
    for n, (name, dtype) in enumerate(schema.items()):
        column = pl.col(name)
        wanted.append(column.null_count().alias(f"{n}:nulls"))
        if dtype.is_nested() or dtype == pl.Binary:
            continue
        wanted.append(column.approx_n_unique().alias(f"{n}:distinct"))
        wanted += [
            column.min().cast(pl.String).alias(f"{n}:min"),
            column.max().cast(pl.String).alias(f"{n}:max"),
        ]
        if dtype.is_numeric():
            number = column.cast(pl.Float64)
            wanted += [number.mean().alias(f"{n}:mean"), number.std().alias(f"{n}:stddev")]
    found = frame.select(wanted).collect(engine="streaming").row(0, named=True)
    records = []
    for n, (name, dtype) in enumerate(schema.items()):
        rows, nulls = found["rows"], found[f"{n}:nulls"]
        top = _top(frame, name) if dtype in (pl.String, pl.Boolean, pl.Categorical) else (None, None)
        records.append(
            {
                "column": name,
                "type": str(from_polars(dtype)),
                "rows": rows,
                "nulls": nulls,
                "null_pct": round(100 * nulls / rows, 2) if rows else 0.0,
                **{k: found.get(f"{n}:{k}") for k in ("distinct", "min", "max", "mean", "stddev")},
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


def _top(frame: pl.LazyFrame, name: str) -> tuple[str | None, int | None]:
    counted = frame.select(pl.col(name).alias("v")).drop_nulls().group_by("v").len()
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

    Raises:
        UsageError: a key column that one of them lacks.
    """
    left, right = before.collect_schema(), after.collect_schema()
    shared = [c for c in left if c in right and c not in _PROVENANCE]
    for name in key:
        if name not in shared:
            raise UsageError(f"key column {name!r} is not in both tables", hint=did_you_mean(name, shared))
    texts = [
        pl.col(c).cast(pl.String) if not left[c].is_nested() else pl.col(c).hash().cast(pl.String)
        for c in shared
    ]
    old, new = before.select(texts), after.select(texts)
    added_columns = [c for c in right if c not in left]
    removed_columns = [c for c in left if c not in right]
    if not key:
        rows = pl.concat([_surplus(new, old, shared, "added"), _surplus(old, new, shared, "removed")])
        return Diff(rows, added_columns, removed_columns)
    keys, others = list(key), [c for c in shared if c not in key]
    both = old.with_columns(pl.lit(1).alias("_l")).join(
        new.with_columns(pl.lit(1).alias("_r")),
        on=keys,
        how="full",
        nulls_equal=True,
        coalesce=True,
        suffix="_after",
    )
    pairs = [
        pl.when(pl.col(c).ne_missing(pl.col(f"{c}_after"))).then(
            pl.struct(
                pl.lit(c).alias("column"), pl.col(c).alias("before"), pl.col(f"{c}_after").alias("after")
            )
        )
        for c in others
    ]
    changes = pl.concat_list(pairs).list.drop_nulls() if pairs else pl.lit([])
    state = (
        pl.when(pl.col("_l").is_null())
        .then(pl.lit("added"))
        .when(pl.col("_r").is_null())
        .then(pl.lit("removed"))
        .otherwise(pl.lit("changed"))
    )
    marked = both.with_columns(state.alias("_change"), changes.alias("changes"))
    rows = marked.filter((pl.col("_change") != "changed") | (pl.col("changes").list.len() > 0))
    rows = rows.with_columns(
        pl.when(pl.col("_change") == "changed").then(pl.col("changes")).otherwise(None).alias("changes")
    )
    return Diff(rows.select("_change", *keys, "changes").sort(keys), added_columns, removed_columns)


def _surplus(of: pl.LazyFrame, over: pl.LazyFrame, names: list[str], change: str) -> pl.LazyFrame:
    """Return the rows that stand in one bag more often than in the other."""
    counted = of.group_by(names).len("_n")
    other = over.group_by(names).len("_m")
    joined = counted.join(other, on=names, how="left", nulls_equal=True)
    more = joined.with_columns(
        (pl.col("_n").cast(pl.Int64) - pl.col("_m").fill_null(0).cast(pl.Int64)).alias("_n")
    )
    kept = more.filter(pl.col("_n") > 0)
    return kept.select(pl.lit(change).alias("_change"), *names, pl.col("_n").alias("_times"))


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
