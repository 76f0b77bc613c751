"""The first stage of a dataset: its contract is inferred while its rows are written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import polars as pl

from dwkit.model.batch import Batch
from dwkit.model.contract import Contract
from dwkit.staging.held import Held
from dwkit.staging.infer import Inference
from dwkit.staging.pipeline import Outcome, Watch, hold_malformed, write_typed
from dwkit.staging.source import Source
from dwkit.staging.suggest import suggest_key
from dwkit.storage.parquet import counted
from dwkit.storage.types import fitted, unified

__all__ = ["first_contract"]


def first_contract(
    source: Source, batches: Sequence[Batch], given: Contract | None, folder: Path, watch: Watch | None
) -> tuple[Contract, list[str], list[Outcome] | None]:
    """Infer the contract from all rows of all batches, writing them typed in the same pass.

    Args:
        given: what the contract says beside its columns, if anything.
        folder: scratch folder for the files.

    Returns:
        The contract, notes, and the staged batches; None for these when they must be checked first,
        because the contract has more than types or because people decided about rows.

    Raises:
        ConfigError: what was given names a column that there is not.
    """
    frames = {b.id: source.rows(b) for b in batches}
    schemas = {b: dict(f.collect_schema()) for b, f in frames.items()}
    schema = unified(schemas.values())
    own = {n: schema.pop(n) for n in ("_batch", "_row")}
    aligned = {b: fitted(f, schema | own) for b, f in frames.items()}
    whole = pl.concat(list(aligned.values())) if len(aligned) > 1 else next(iter(aligned.values()))
    rows = sum(b.rows for b in batches)
    inference = Inference(whole, dataset=source.dataset, rows=rows if source.sql_step is None else None)
    files = {b: folder / b / "typed.parquet" for b in aligned}
    for path in files.values():
        path.parent.mkdir(parents=True)
    proven = False
    while not proven:
        inference.start()
        typed = inference.schema(whole)
        written = {b: write_typed(f, inference.prove, typed, files[b], watch) for b, f in aligned.items()}
        proven = inference.settle(whole)
    contract = inference.contract()
    notes = list(inference.notes)
    if given is not None:
        contract = msgspec.structs.replace(given, columns=contract.columns)
        contract.check()
    key: list[str] = []
    if given is None or not given.key:
        staged = pl.scan_parquet(list(files.values()), glob=False)
        key, more = suggest_key(staged, contract, dataset=source.dataset, rows=sum(written.values()))
        contract = msgspec.structs.replace(contract, key=key)
        notes += more
    decided = {b.id: source.decided(b) for b in batches}
    plain = given is None or msgspec.structs.replace(given, quarantine_limit="") == Contract(columns={})
    if not plain or any(d.discarded or d.fixes for d in decided.values()):
        return contract, notes, None
    made = []
    for batch in batches:
        held = Held(folder / batch.id)
        hold_malformed(source.layout, batch, decided[batch.id], held)
        out = counted(files[batch.id])
        made.append(
            Outcome(batch, out.path, held, batch.rows + batch.malformed, out.rows, quarantined=held.rows)
        )
    return contract, notes, made
