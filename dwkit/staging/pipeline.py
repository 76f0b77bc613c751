"""One batch through a contract: typed rows into one file, held-back rows into another."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from dwkit.model.batch import Batch
from dwkit.model.contract import Contract
from dwkit.staging.check import Failing, Plan, plan_columns
from dwkit.staging.held import Held
from dwkit.staging.rows import Decisions, data_columns, raw_json, raw_rows
from dwkit.staging.unique import later_ones, superseded
from dwkit.storage.layout import Layout
from dwkit.storage.parquet import counted, sink
from dwkit.storage.tables import scan_malformed

__all__ = ["Outcome", "Rulebook", "Watch", "check_batch", "hold_malformed", "write_typed"]

Watch = Callable[[int], None]
"""Called with a number of rows when they have passed."""


@dataclass(frozen=True)
class Rulebook:
    """What rows are checked against: the contract, and what its rules refer to.

    Args:
        references: for each ``references`` of the contract, the values found there, sorted.
        expressions: name and condition of each expression of the contract.
        new_columns: raw columns that hold a row back when they have a value (drift).
        absent: message by which every row is held back (drift), empty for none.
        many: the rows come from a SQL step, which may make several of one raw row.
    """

    contract: Contract
    references: Mapping[str, pl.Series] = field(default_factory=dict)
    expressions: Sequence[tuple[str, pl.Expr]] = ()
    new_columns: Sequence[str] = ()
    absent: str = ""
    many: bool = False


@dataclass
class Outcome:
    """A batch after its checks; the files lie in the scratch folder."""

    batch: Batch
    path: Path
    held: Held
    rows_in: int
    rows_out: int
    quarantined: int
    discarded: int = 0
    deduplicated: int = 0
    superseded: pl.Series = field(default_factory=lambda: pl.Series("_row", [], dtype=pl.Int64))
    """``_row`` of the rows that deduplication left out."""
    raw_missing: bool = False
    """Rows were held back where the raw row was not at hand."""


def write_typed(rows: pl.LazyFrame, work: Callable[[pl.DataFrame], pl.DataFrame], schema: Mapping[str, pl.DataType],
                path: Path, watch: Watch | None = None) -> int:  # fmt: skip
    """Stream rows through ``work`` into a file, in their order; return the number of rows written."""

    def watched(frame: pl.DataFrame) -> pl.DataFrame:
        made = work(frame)
        if watch is not None:
            watch(frame.height)
        return made

    typed = rows.map_batches(watched, schema=dict(schema), streamable=True)
    return sink(typed, path, statistics=False).rows


def check_batch(
    rows: pl.LazyFrame,
    batch: Batch,
    book: Rulebook,
    decided: Decisions,
    *,
    layout: Layout,
    folder: Path,
    staged: pl.LazyFrame | None = None,
    part_of: Sequence[int] | None = None,
    watch: Watch | None = None,
) -> Outcome:
    """Cleanse, type, check and deduplicate the raw rows of a batch.

    Args:
        rows: raw rows, or what the SQL step made of them, with ``_batch`` and ``_row``.
        folder: an empty scratch folder.
        staged: rows of the batch that are staged already, when these are replayed ones.
        part_of: the replayed rows; None for the whole batch.

    Raises:
        ConfigError: a rule cannot be applied to its column.
    """
    schema = rows.collect_schema()
    plans = plan_columns(book.contract, schema, book.references)
    held = Held(folder)
    work = _Work(plans, book, decided, held, [] if book.many else data_columns(schema))
    typed = {p.name: p.dtype for p in plans} | {"_batch": pl.String(), "_row": pl.Int64()}
    path = folder / "typed.parquet"
    rows_out = write_typed(rows, work, typed, path, watch)
    rows_in = batch.rows + batch.malformed if part_of is None else len(part_of)
    hold_malformed(layout, batch, decided, held, part_of)
    if book.many and held.rows:
        gone = (
            _positions(path)
            .filter(pl.col("_row").is_in(held.numbers().implode()))
            .select("dwkit:pos")
            .collect(engine="streaming")
        )
        rows_out = _rewrite(path, gone)
    made = Outcome(batch, path, held, rows_in, rows_out, 0, raw_missing=book.many)
    _one_row_per_key(made, book, decided, staged)
    if made.raw_missing:
        held = _looked_up(held, raw_rows(layout, batch, decided), folder)
        made.held = held
    numbers = held.numbers()
    made.discarded = int(numbers.is_in(list(decided.discarded)).sum()) if decided.discarded else 0
    made.quarantined = len(numbers) - made.discarded
    return made


class _Work:
    """What is done to each batch of rows on its way; several run at a time."""

    def __init__(
        self, plans: Sequence[Plan], book: Rulebook, decided: Decisions, held: Held, columns: Sequence[str]
    ) -> None:
        self.plans, self.book, self.held, self.columns = plans, book, held, columns
        self.discarded = list(decided.discarded)

    def __call__(self, rows: pl.DataFrame) -> pl.DataFrame:
        checked = [plan.apply(rows) for plan in self.plans]
        failing = [one for column in checked for one in column.failing]
        made = pl.DataFrame([*(c.values for c in checked), rows["_batch"], rows["_row"]])
        for name, condition in self.book.expressions:
            mask = made.select(~condition).to_series().fill_null(False)
            if mask.any():
                failing.append(Failing("", "expression", f"breaks the rule {name}", mask, None))
        for name in self.book.new_columns:
            mask = rows[name].is_not_null()
            if rows[name].dtype == pl.String():
                mask &= rows[name] != ""
            failing.append(Failing(name, "drift", "is a new column", mask.fill_null(False), rows[name]))
        if self.book.absent:
            every = pl.Series([True]).new_from_index(0, rows.height)
            failing.append(Failing("", "drift", self.book.absent, every, None))
        masks = [one.mask for one in failing]
        if self.discarded:
            masks.append(rows["_row"].is_in(self.discarded))
        if not masks:
            return made
        gone = functools.reduce(operator.or_, masks)
        if not gone.any():
            return made
        self.held.add(rows, gone.arg_true(), failing, self.columns)
        return made.filter(~gone)


def hold_malformed(
    layout: Layout, batch: Batch, decided: Decisions, held: Held, part_of: Sequence[int] | None = None
) -> None:
    """Hold back the records of a batch that have no columns, save those that are fixed."""
    if not batch.malformed:
        return
    mended = [r for r, changes in decided.fixes.items() if changes]
    bad = scan_malformed(layout, [batch]).filter(~pl.col("_row").is_in(mended))
    if part_of is not None:
        bad = bad.filter(pl.col("_row").is_in(list(part_of)))
    none = pl.lit(None, dtype=pl.String)
    failure = pl.struct(
        none.alias("column"),
        pl.lit("malformed").alias("rule"),
        none.alias("value"),
        pl.col("reason").alias("message"),
    )
    raw = pl.struct(pl.col("raw").alias("_raw")).struct.json_encode().alias("raw")
    found = bad.select("_batch", "_row", pl.concat_list(failure).alias("failures"), raw)
    for made in found.collect_batches(chunk_size=50_000):
        held.append(made)


def _one_row_per_key(made: Outcome, book: Rulebook, decided: Decisions, staged: pl.LazyFrame | None) -> None:
    """Deduplicate, then hold back the rows whose key or unique value another row has already."""
    contract = book.contract
    if contract.dedupe is not None and contract.key:
        gone = superseded(_positions(made.path), contract.key, made.rows_out, contract.dedupe.latest_by)
        made.deduplicated, made.superseded = gone.height, gone["_row"]
        made.rows_out = _rewrite(made.path, gone.select("dwkit:pos"))
    wanted = [[n] for n, r in contract.columns.items() if r.unique]
    if contract.key and contract.key not in wanted and contract.dedupe is None:
        wanted.append(contract.key)
    for columns in wanted:
        later = later_ones(_positions(made.path), columns, made.rows_out, decided.rank)
        if staged is not None:
            later = pl.concat([later, _taken(made.path, columns, staged)]).unique(
                "dwkit:pos", maintain_order=True
            )
        if later.height:
            _hold_later(made, columns, later, book)


def _taken(path: Path, columns: Sequence[str], staged: pl.LazyFrame) -> pl.DataFrame:
    first = staged.select(*columns, pl.col("_row").alias("dwkit:first"))
    found = _positions(path).drop_nulls(list(columns)).join(first, on=list(columns), how="inner")
    return found.select("dwkit:pos", "_row", "dwkit:first").collect(engine="streaming")


def _hold_later(made: Outcome, columns: Sequence[str], later: pl.DataFrame, book: Rulebook) -> None:
    name, text = (
        ", ".join(columns),
        pl.concat_str([pl.col(c).cast(pl.String) for c in columns], separator=", "),
    )
    rows = _positions(made.path).join(
        later.lazy().select("dwkit:pos", "dwkit:first"), on="dwkit:pos", how="inner"
    )
    found = rows.select("_batch", "_row", "dwkit:first", text.alias("value")).collect(engine="streaming")
    failure = pl.struct(
        pl.lit(name).alias("column"),
        pl.lit("unique").alias("rule"),
        "value",
        pl.format("row {} has it already", "dwkit:first").alias("message"),
    )
    raw = pl.lit(None, dtype=pl.String).alias("raw")
    made.held.append(found.select("_batch", "_row", pl.concat_list(failure).alias("failures"), raw))
    made.raw_missing = True
    gone = later.select("dwkit:pos")
    if book.many:
        gone = (
            _positions(made.path)
            .filter(pl.col("_row").is_in(later["_row"].implode()))
            .select("dwkit:pos")
            .collect()
        )
    made.rows_out = _rewrite(made.path, gone)


def _positions(path: Path) -> pl.LazyFrame:
    return pl.scan_parquet(path, glob=False).with_row_index("dwkit:pos")


def _rewrite(path: Path, gone: pl.DataFrame) -> int:
    """Leave out the rows at the positions ``gone``; return how many are left."""
    if not gone.height:
        return counted(path).rows
    made = path.with_name("rewritten.parquet")
    left = _positions(path).join(gone.lazy().unique(), on="dwkit:pos", how="anti", maintain_order="left")
    rows = sink(left.drop("dwkit:pos"), made).rows
    made.replace(path)
    return rows


def _looked_up(held: Held, raw: pl.LazyFrame, folder: Path) -> Held:
    """Give each held-back row its raw row, and make one of the several that a SQL step made."""
    schema = raw.collect_schema()
    json = raw.select("_row", raw_json(data_columns(schema), schema))
    known = held.frame().select("_batch", "_row", "failures", pl.col("raw").alias("own"))
    joined = (
        known.join(json, on="_row", how="left")
        .with_columns(pl.coalesce("own", "raw").alias("raw"))
        .drop("own")
    )
    every = pl.col("failures").explode(empty_as_null=False, keep_nulls=False)
    single = joined.group_by("_batch", "_row").agg(every.unique(maintain_order=True), pl.col("raw").first())
    folder = folder / "whole"
    folder.mkdir()
    whole = Held(folder)
    for made in single.collect_batches(chunk_size=50_000):
        whole.append(made.select("_batch", "_row", "failures", "raw"))
    return whole
