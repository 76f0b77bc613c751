"""Staging: the lake's new batches, typed and checked, all of them or none."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import polars as pl

from dwkit.errors import CheckError, DataError
from dwkit.ledger import Ledger, StepRecorder
from dwkit.model.batch import Batch, Part
from dwkit.model.contract import Contract, parse_limit
from dwkit.model.header import Model
from dwkit.model.types import parse_type
from dwkit.staging.commit import commit, prepare, sweep_parts
from dwkit.staging.decisions import adopt_decisions
from dwkit.staging.drift import common_type, compare, widened_by_values
from dwkit.staging.first import first_contract
from dwkit.staging.pipeline import Outcome, Watch, check_batch
from dwkit.staging.source import Source, Tables, first_part, in_order, lake_of
from dwkit.storage.aside import commit_file, scratch, sweep
from dwkit.storage.layout import Layout
from dwkit.storage.locks import writing
from dwkit.storage.parquet import sink

__all__ = ["StageResult", "pending", "restage", "stage_dataset", "staged_by"]


@dataclass(frozen=True)
class StageResult:
    """What staging a dataset did.

    ``contract`` is what holds now; when ``contract_changed``, the caller writes it to ``dwkit.toml``.
    """

    dataset: str
    contract: Contract
    contract_changed: bool = False
    parts: Sequence[Part] = ()
    rows_in: int = 0
    rows_out: int = 0
    quarantined: int = 0
    deduplicated: int = 0
    notes: Sequence[str] = ()
    nothing_to_do: bool = False


@dataclass
class _State:
    contract: Contract
    notes: list[str] = field(default_factory=list)

    def say(self, notes: Sequence[str]) -> None:
        self.notes += [n for n in notes if n not in self.notes]


def pending(
    dataset: str,
    *,
    ledger: Ledger,
    contract: Contract | None,
    sql_step: Model | None = None,
    layout: Layout | None = None,
    dialect: str = "duckdb",
) -> list[Batch]:
    """Return the lake's batches that are not staged by this contract, oldest first.

    Args:
        layout: where given, batches whose part files are gone without being purged count too.
    """
    lake = lake_of(dataset, sql_step, ledger, dialect)
    batches = ledger.batches(lake)
    if contract is None or not contract.columns:
        return batches
    source = Source(dataset, lake, layout or Layout(Path()), ledger, sql_step, _no_tables, dialect)
    return _pending(source, batches, contract, look=layout is not None)


def stage_dataset(
    dataset: str,
    *,
    layout: Layout,
    ledger: Ledger,
    run: str,
    contract: Contract | None,
    tables: Tables,
    step: StepRecorder | None = None,
    sql_step: Model | None = None,
    dialect: str = "duckdb",
    force: bool = False,
    limit: str | None = None,
    bring_back: bool = False,
    watch: Watch | None = None,
) -> StageResult:
    """Stage the batches of a dataset that are not staged by this contract yet, oldest first.

    All or nothing: on any error the staging area is as it was.

    Args:
        run: id of the run.
        contract: what the rows must meet; without one, or without columns in it, it is inferred.
        tables: resolves ``layer.table`` for references and for the SQL step.
        step: gets the counts.
        sql_step: model of ``models/staging`` that makes the rows from the raw ones.
        force: stage all batches again, from the lake.
        limit: overrides the contract's quarantine limit: ``"100"`` rows or ``"5%"`` of a batch.
        bring_back: stage the batches again that retention has purged.
        watch: told how many rows have passed.

    Raises:
        NotFoundError: the lake has no such dataset.
        CheckError: a batch has more rejected rows than the limit, or differs where drift must fail.
        ConfigError: a rule cannot be applied.
        UsageError: the limit is none.
        DataError: a file of the lake is missing or damaged.
        ConflictError: another process stages the dataset.
    """
    source = Source(
        dataset, lake_of(dataset, sql_step, ledger, dialect), layout, ledger, sql_step, tables, dialect
    )
    batches = source.batches()
    adopt_decisions(layout, ledger, source.lake)
    parse_limit(limit or "")
    if contract is not None and contract.columns:
        contract.check()
    with ExitStack() as stack:
        stack.enter_context(writing(layout.locks, f"staging.{dataset}"))
        sweep(layout.scratch)
        folder = stack.enter_context(scratch(layout.scratch))
        try:
            return _stage(source, batches, contract, folder, run, step, force, None, limit, bring_back, watch)
        except pl.exceptions.PolarsError as error:
            raise DataError(f"{dataset} cannot be staged: {error}", hint="dwkit doctor") from error


def _stage(
    source: Source,
    batches: Sequence[Batch],
    contract: Contract | None,
    folder: Path,
    run: str,
    step: StepRecorder | None,
    force: bool,
    only: Sequence[str] | None,
    limit: str | None,
    bring_back: bool,
    watch: Watch | None,
) -> StageResult:
    made: list[Outcome] | None = None
    notes: list[str] = []
    given = contract
    if contract is None or not contract.columns:
        contract, notes, made = first_contract(source, batches, contract, folder / "first", watch)
    state = _State(contract, notes)
    if made is None:
        made = _checked(source, batches, state, folder, force, only, bring_back, watch)
    elif not force:
        wanted = {b.id for b in _pending(source, batches, contract, bring_back=bring_back)}
        made = [m for m in made if m.batch.id in wanted]
    if only is not None:
        made = [m for m in made if m.batch.id in only]
    changed = state.contract != given
    if not made:
        if step is not None:
            step.skip("up to date")
        return StageResult(source.dataset, state.contract, changed, notes=state.notes, nothing_to_do=True)
    text = limit if limit is not None else state.contract.quarantine_limit
    _enforce(source, made, text)
    known = in_order(source.ledger.parts(source.dataset))
    recipe = source.recipe(state.contract)
    ready = []
    for one in made:
        own = one.path.parent
        ready.append(
            prepare(source, one, recipe, source.decided(one.batch), known.get(one.batch.id, []), run, own)
        )
    for one_ready in ready:
        commit(source, one_ready)
    sweep_parts(source)
    _rejected(source).unlink(missing_ok=True)
    parts = [p for r in ready for p in r.parts]
    result = StageResult(
        source.dataset,
        state.contract,
        changed,
        parts,
        rows_in=sum(m.rows_in for m in made),
        rows_out=sum(p.rows_out for p in parts),
        quarantined=sum(m.quarantined for m in made),
        deduplicated=sum(m.deduplicated for m in made),
        notes=state.notes,
    )
    if step is not None:
        step.count(rows_in=result.rows_in, rows_out=result.rows_out, quarantined=result.quarantined)
        step.count(bytes_out=sum(p.bytes for p in parts))
        step.step.digest = recipe
    return result


def _checked(
    source: Source,
    batches: Sequence[Batch],
    state: _State,
    folder: Path,
    force: bool,
    only: Sequence[str] | None,
    bring_back: bool,
    watch: Watch | None,
) -> list[Outcome]:
    """Check the pending batches; again with all of them whenever the contract has to grow."""
    for attempt in range(6):
        todo = batches if force else _pending(source, batches, state.contract, bring_back=bring_back)
        todo = [b for b in todo if only is None or b.id in only]
        grown = state.contract
        drifts = {}
        for batch in todo:
            state_of = compare(grown, source.rows(batch), batch, others=batches)
            grown, drifts[batch.id] = state_of.contract, state_of
            state.say(state_of.notes)
        if grown != state.contract:
            state.contract = grown
            continue
        if not todo:
            return []
        book = source.rulebook(state.contract)
        made = []
        for batch in todo:
            own = folder / f"{attempt}-{batch.id}"
            own.mkdir()
            drift = drifts[batch.id]
            mine = replace(book, new_columns=drift.new_columns, absent="; ".join(drift.absent))
            made.append(
                check_batch(
                    source.rows(batch),
                    batch,
                    mine,
                    source.decided(batch),
                    layout=source.layout,
                    folder=own,
                    watch=watch,
                )
            )
        if not _widen(source, made, state):
            return made
    raise CheckError(
        f"{source.dataset}: the contract does not settle", hint="set the types of its columns by hand"
    )


def _widen(source: Source, made: Sequence[Outcome], state: _State) -> bool:
    """Where values did not fit their type but fit a wider one, do what the policy says; tell if the contract grew."""
    policy = state.contract.drift.widened_type
    if policy not in ("evolve", "fail"):
        return False
    grown = dict(state.contract.columns)
    for one in made:
        failed = one.held.mistyped()
        wider = widened_by_values(state.contract, source.rows(one.batch), failed) if failed else {}
        for name, rules in wider.items():
            what = (
                f"batch {one.batch.id[:13]} ({one.batch.source}) has values of {name} that are {rules.type}"
            )
            if policy == "fail":
                raise CheckError(
                    f'{source.dataset}: {what}, not {state.contract.columns[name].type}, and drift.widened_type is "fail"',
                    hint=f'set drift = {{ widened_type = "evolve" }} in [datasets.{source.dataset}]',
                )
            have, need = parse_type(grown[name].type), parse_type(rules.type)
            both = common_type(have, need) or need
            if str(both) != grown[name].type:
                grown[name] = msgspec.structs.replace(grown[name], type=str(both))
                state.say([f"{what}: the contract says so now, instead of {have}"])
    if grown == state.contract.columns:
        return False
    state.contract = msgspec.structs.replace(state.contract, columns=grown)
    return True


def _pending(
    source: Source,
    batches: Sequence[Batch],
    contract: Contract,
    *,
    bring_back: bool = False,
    look: bool = True,
) -> list[Batch]:
    recipe = source.recipe(contract)
    known = in_order(source.ledger.parts(source.dataset))
    return [b for b in batches if not _is_staged(source, b, known.get(b.id, []), recipe, bring_back, look)]


def staged_by(source: Source, batch: Batch, parts: Sequence[Part], contract: Contract) -> bool:
    """Tell whether a batch is staged by this contract."""
    return _is_staged(source, batch, parts, source.recipe(contract), bring_back=False, look=True)


def restage(source: Source, contract: Contract, folder: Path, run: str, only: Sequence[str]) -> StageResult:
    """Stage whole batches again, for a caller that holds the lock."""
    work = folder / "again"
    work.mkdir()
    return _stage(source, source.batches(), contract, work, run, None, True, only, "", False, None)


def _is_staged(
    source: Source, batch: Batch, parts: Sequence[Part], recipe: str, bring_back: bool, look: bool
) -> bool:
    first = first_part(source.dataset, batch)
    if not any(p.id == first for p in parts) or any(p.contract != recipe for p in parts):
        return False
    if bring_back and any(p.purged_at for p in parts):
        return False
    return not look or all(p.purged_at or source.layout.part(source.dataset, p.id).is_file() for p in parts)


def _enforce(source: Source, made: Sequence[Outcome], text: str) -> None:
    """Raise when more rows of a batch were rejected than the limit allows; the rows can be looked at."""
    limit = parse_limit(text)
    over = [m for m in made if limit.passed(m.quarantined, m.rows_in)]
    if not over:
        return
    path = _rejected(source)
    with scratch(source.layout.scratch) as folder:
        rows = pl.concat([m.held.frame() for m in over])
        flat = rows.explode("failures", empty_as_null=True).unnest("failures")
        commit_file(sink(flat, folder / "rejected.parquet").path, path)
    worst = over[0]
    share = 100 * worst.quarantined / max(1, worst.rows_in)
    reasons = "; ".join(str(r) for r in worst.held.worst()[:3])
    shown = path.relative_to(source.layout.root).as_posix()
    raise CheckError(
        f"{source.dataset}: {worst.quarantined:,} of {worst.rows_in:,} rows ({share:.1f}%) of batch "
        f"{worst.batch.id[:13]} ({worst.batch.source}) were rejected, more than the limit of {text}; "
        f"nothing was staged. {reasons}",
        hint=f"dwkit query \"SELECT * FROM '{shown}'\" shows the rejected rows; "
        f"quarantine_limit in [datasets.{source.dataset}] or --quarantine-limit sets the limit",
    )


def _rejected(source: Source) -> Path:
    return source.layout.state / "rejected" / f"{source.dataset}.parquet"


def _no_tables(name: str) -> pl.LazyFrame:
    raise AssertionError(name)
