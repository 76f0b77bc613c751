"""Replay: held-back rows go through the checks again; those that pass become a new part."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from dwkit.errors import ConfigError, DataError
from dwkit.ledger import Ledger, StepRecorder
from dwkit.model.batch import Batch, Part
from dwkit.model.contract import Contract
from dwkit.model.header import Model
from dwkit.model.ids import new_id
from dwkit.staging.commit import part_digest, replayed_rows
from dwkit.staging.drift import compare
from dwkit.staging.pipeline import Outcome, check_batch
from dwkit.staging.quarantine import recount
from dwkit.staging.rows import HELD_SCHEMA
from dwkit.staging.source import Source, Tables, in_order, lake_of
from dwkit.staging.stage import restage, staged_by
from dwkit.storage.aside import commit_file, scratch, sweep
from dwkit.storage.layout import Layout
from dwkit.storage.locks import writing
from dwkit.storage.parquet import counted, sink
from dwkit.storage.tables import scan_parts
from dwkit.storage.types import schema_text

__all__ = ["ReplayResult", "replay"]


@dataclass(frozen=True)
class ReplayResult:
    """What a replay did: rows tried, rows that passed, rows still held back, and the new parts."""

    dataset: str
    rows_in: int = 0
    rows_out: int = 0
    quarantined: int = 0
    deduplicated: int = 0
    parts: Sequence[Part] = ()
    notes: Sequence[str] = ()


def replay(
    dataset: str,
    *,
    layout: Layout,
    ledger: Ledger,
    run: str,
    contract: Contract,
    tables: Tables,
    step: StepRecorder | None = None,
    sql_step: Model | None = None,
    dialect: str = "duckdb",
) -> ReplayResult:
    """Put the held-back rows that are not discarded, with their fixes, through the current contract.

    Rows that pass become a further part of their batch; the others stay, with their new reasons.
    Where rows cannot be judged by themselves (a SQL step, a deduplication against staged rows, a
    contract that has changed since) their whole batch is staged again instead.

    Raises:
        ConfigError: a rule cannot be applied, or the dataset has no contract yet.
        ConflictError: another process stages the dataset.
    """
    if not contract.columns:
        raise ConfigError(f"datasets.{dataset} has no contract yet", hint=f"dwkit stage {dataset}")
    lake = lake_of(dataset, sql_step, ledger, dialect)
    source = Source(dataset, lake, layout, ledger, sql_step, tables, dialect)
    with ExitStack() as stack:
        stack.enter_context(writing(layout.locks, f"staging.{dataset}"))
        sweep(layout.scratch)
        folder = stack.enter_context(scratch(layout.scratch))
        try:
            result = _replay(source, contract, folder, run)
        except pl.exceptions.PolarsError as error:
            raise DataError(f"{dataset} cannot be replayed: {error}", hint="dwkit doctor") from error
    if step is not None:
        step.count(rows_in=result.rows_in, rows_out=result.rows_out, quarantined=result.quarantined)
        step.count(bytes_out=sum(p.bytes for p in result.parts))
    return result


def _replay(source: Source, contract: Contract, folder: Path, run: str) -> ReplayResult:
    known = in_order(source.ledger.parts(source.dataset))
    made: list[Part] = []
    whole: list[str] = []
    tried = passed = left = dropped = 0
    notes: list[str] = []
    for batch in source.batches():
        rows = _waiting(source, batch, known.get(batch.id, []))
        if not len(rows):
            continue
        tried += len(rows)
        parts = known[batch.id]
        outcome = None
        if source.sql_step is None and staged_by(source, batch, parts, contract):
            own = folder / batch.id
            own.mkdir()
            outcome = _judge(source, batch, rows, parts, contract, own)
        if outcome is None:
            whole.append(batch.id)
            continue
        part = _keep(source, outcome, contract, run)
        made += [part] if part is not None else []
        passed += outcome.rows_out
        left += outcome.quarantined
        dropped += outcome.deduplicated
    if whole:
        before = sum(p.rows_out for b in whole for p in known[b])
        again = restage(source, contract, folder, run, whole)
        passed += max(0, again.rows_out - before)
        left += again.quarantined
        dropped += again.deduplicated
        made += again.parts
        notes = [
            *again.notes,
            f"{len(whole)} {'batch was' if len(whole) == 1 else 'batches were'} staged again as a whole",
        ]
    return ReplayResult(source.dataset, tried, passed, left, dropped, made, notes)


def _waiting(source: Source, batch: Batch, parts: Sequence[Part]) -> pl.Series:
    """``_row`` of the rows that are held back, not discarded, and not replayed before a kill."""
    path = source.layout.quarantine(source.dataset, batch.id)
    if not parts or not path.is_file():
        return pl.Series("_row", [], dtype=pl.Int64)
    rows = pl.read_parquet(path, columns=["_row"], glob=False).to_series().unique()
    done = [rows.clear(), *(r for p in parts[1:] if (r := replayed_rows(source.layout, p)) is not None)]
    gone = pl.concat([*done, pl.Series("_row", list(source.decided(batch).discarded), dtype=pl.Int64)])
    return rows.filter(~rows.is_in(gone.implode())).sort()


def _judge(
    source: Source, batch: Batch, rows: pl.Series, parts: Sequence[Part], contract: Contract, folder: Path
) -> Outcome | None:
    """Check the rows; None when only the whole batch can tell."""
    frame = source.rows(batch, rows.to_list())
    drift = compare(contract, frame, batch, evolve=False)
    book = replace(source.rulebook(contract), new_columns=drift.new_columns, absent="; ".join(drift.absent))
    across = bool(contract.key) or any(r.unique for r in contract.columns.values())
    staged = None
    if across:
        if any(p.purged_at for p in parts):
            return None
        staged = scan_parts(source.layout, parts)
    made = check_batch(
        frame, batch, book, source.decided(batch),
        layout=source.layout, folder=folder, staged=staged, part_of=rows.to_list(),
    )  # fmt: skip
    if contract.dedupe is not None and contract.key and staged is not None and made.rows_out:
        new = pl.scan_parquet(made.path, glob=False).select(contract.key)
        if staged.join(new, on=contract.key, how="semi").head(1).collect(engine="streaming").height:
            return None
    return made


def _keep(source: Source, made: Outcome, contract: Contract, run: str) -> Part | None:
    """Commit: the part's file, then the ledger, then the quarantine without the rows that passed.

    A kill before the ledger leaves a file that nothing lists; a kill after it, rows in the quarantine
    file that are known to be staged.
    """
    batch, recipe, decided = made.batch, source.recipe(contract), source.decided(made.batch)
    layout, dataset = source.layout, source.dataset
    part = None
    if made.rows_out:
        ident = new_id()
        rows = pl.read_parquet(made.path, columns=["_row"], glob=False).to_series().unique().sort()
        written = counted(made.path)
        schema = pl.read_parquet_schema(made.path)
        part = Part(
            id=ident,
            dataset=dataset,
            batch=batch.id,
            digest=part_digest(batch.id, recipe, "with", rows, decided, set(rows) & set(decided.fixes)),
            contract=recipe,
            rows_in=made.rows_in,
            rows_out=written.rows,
            deduplicated=made.deduplicated,
            bytes=written.bytes,
            columns=schema_text({n: d for n, d in schema.items() if n not in ("_batch", "_row")}),
            run=run,
        )
    path = layout.quarantine(dataset, batch.id)
    dropped = pl.Series("_row", list(decided.discarded), dtype=pl.Int64)
    old = (
        pl.scan_parquet(path, glob=False)
        .cast(pl.Schema(HELD_SCHEMA))
        .filter(pl.col("_row").is_in(dropped.implode()))
    )
    left = sink(pl.concat([made.held.frame(), old]).sort("_row"), made.path.with_name("quarantine.parquet"))
    if part is not None:
        commit_file(made.path, layout.part(dataset, part.id))
        source.ledger.add_part(part)
    if left.rows:
        commit_file(left.path, path)
    else:
        path.unlink()
    recount(layout, source.ledger, dataset, {batch.id})
    return part
