"""Commit of checked batches: one rename per file, then the ledger."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import polars as pl

from dwkit.model.batch import Part
from dwkit.staging.pipeline import Outcome
from dwkit.staging.rows import Decisions
from dwkit.staging.source import Source, first_part
from dwkit.storage.aside import commit_file
from dwkit.storage.layout import Layout
from dwkit.storage.parquet import Written, counted, sink
from dwkit.storage.types import schema_text

__all__ = ["Ready", "commit", "part_digest", "prepare", "replayed_rows", "rows_file"]


@dataclass(frozen=True)
class Ready:
    """A batch whose files are written aside: what is left are renames and one ledger entry.

    ``files`` maps part ids to the files that are new; parts without one stay as they are.
    """

    batch: str
    parts: Sequence[Part]
    files: Mapping[str, Path]
    held: Path | None


def part_digest(
    batch: str, recipe: str, kind: str, rows: pl.Series, decided: Decisions, own: set[int]
) -> str:
    """Return the digest of a part: equal digests mean equal rows.

    Args:
        kind: ``without`` when ``rows`` are the raw rows of the batch that the part leaves out, ``with``
            when they are those it has.
        rows: ``_row`` numbers, sorted.
        own: those of the fixed rows that are in the part.
    """
    made = hashlib.sha256(f"{batch} {recipe} {kind} ".encode())
    made.update(array("q", rows).tobytes())
    fixes = [(r, sorted(decided.fixes[r].items(), key=str)) for r in sorted(own & decided.fixes.keys())]
    made.update(msgspec.json.encode(fixes))
    return made.hexdigest()


def rows_file(layout: Layout, dataset: str, part: str) -> Path:
    """File that keeps which rows a replayed part had when the part itself was purged."""
    return layout.staged(dataset) / "replayed" / f"{part}.parquet"


def replayed_rows(layout: Layout, part: Part) -> pl.Series | None:
    """Return ``_row`` of a replayed part, sorted; None when its files are gone."""
    for path in (layout.part(part.dataset, part.id), rows_file(layout, part.dataset, part.id)):
        if path.is_file():
            return pl.read_parquet(path, columns=["_row"], glob=False).to_series().unique().sort()
    return None


def prepare(source: Source, made: Outcome, recipe: str, decided: Decisions, known: Sequence[Part], run: str,
            folder: Path) -> Ready:  # fmt: skip
    """Write aside what is still to be written of a checked batch, and return its parts.

    Parts that hold the rows they held before keep their id and digest, so that no table that has
    loaded them is made anew: the first part of the batch, and those that came by replays.
    """
    batch = made.batch
    first = first_part(source.dataset, batch)
    held = made.held.write(folder / "quarantine.parquet").path if made.held.rows else None
    left_out = _left_out(source, made)
    replays = [p for p in known if p.id != first and p.contract == recipe]
    rows = {p.id: found for p in replays if (found := replayed_rows(source.layout, p)) is not None}
    fixed = set(decided.fixes)
    again = [
        p
        for p in replays
        if p.id in rows
        and not rows[p.id].is_in(left_out.implode()).any()
        and p.digest == part_digest(batch.id, recipe, "with", rows[p.id], decided, fixed & set(rows[p.id]))
    ]
    old = next((p for p in known if p.id == first), None)
    if again and len(again) == len([p for p in known if p.id != first]) and old is not None:
        apart = pl.concat([rows[p.id] for p in again])
        without = pl.concat([left_out, apart]).unique().sort()
        digest = part_digest(batch.id, recipe, "without", without, decided, _outside(fixed, without))
        if digest == old.digest:
            return _split(made, old, again, rows, held, folder)
    written = counted(made.path)
    digest = part_digest(batch.id, recipe, "without", left_out, decided, _outside(fixed, left_out))
    part = Part(
        id=first,
        dataset=source.dataset,
        batch=batch.id,
        digest=digest,
        contract=recipe,
        rows_in=made.rows_in,
        rows_out=written.rows,
        quarantined=made.quarantined,
        deduplicated=made.deduplicated,
        bytes=written.bytes,
        columns=_columns(made.path),
        run=run,
    )
    return Ready(batch.id, [part], {first: made.path}, held)


def _outside(fixed: set[int], rows: pl.Series) -> set[int]:
    """Return the fixed rows that are not among ``rows``."""
    if not fixed:
        return set()
    return fixed.difference(rows.filter(rows.is_in(list(fixed))).to_list())


def _split(
    made: Outcome,
    old: Part,
    again: Sequence[Part],
    rows: Mapping[str, pl.Series],
    held: Path | None,
    folder: Path,
) -> Ready:
    """The same parts as before: the batch's own, without the rows that came by replays, and those."""
    typed = pl.scan_parquet(made.path, glob=False)
    apart = pl.concat([rows[p.id] for p in again]).implode()
    wholes: list[tuple[Part, Written]] = [
        (p, sink(typed.filter(pl.col("_row").is_in(rows[p.id].implode())), folder / f"{p.id}.parquet"))
        for p in again
    ]
    wholes.append((old, sink(typed.filter(~pl.col("_row").is_in(apart)), folder / f"{old.id}.parquet")))
    parts = [msgspec.structs.replace(p, rows_out=w.rows, bytes=w.bytes, purged_at="") for p, w in wholes]
    parts[-1] = msgspec.structs.replace(parts[-1], quarantined=made.quarantined)
    return Ready(made.batch.id, parts, {p.id: w.path for p, w in wholes}, held)


def _left_out(source: Source, made: Outcome) -> pl.Series:
    """Return ``_row`` of the batch's rows that are not staged, sorted."""
    if source.sql_step is not None:
        # The step may leave rows out without a word.
        staged = pl.scan_parquet(made.path, glob=False).select("_row")
        lost = source.rows_before_step(made.batch).select("_row").join(staged, on="_row", how="anti")
        return lost.collect(engine="streaming").to_series().unique().sort()
    return pl.concat([made.held.numbers(), made.superseded]).unique().sort()


def _columns(path: Path) -> dict[str, str]:
    schema = pl.read_parquet_schema(path)
    return schema_text({n: d for n, d in schema.items() if n not in ("_batch", "_row")})


def commit(source: Source, ready: Ready) -> None:
    """Put a batch's files in their place and enter its parts in the ledger.

    A kill in between leaves the batch's old ledger entry, so that the next stage does it again.
    """
    layout, dataset = source.layout, source.dataset
    quarantine = layout.quarantine(dataset, ready.batch)
    if ready.held is not None:
        commit_file(ready.held, quarantine)
    elif quarantine.exists():
        quarantine.unlink()
    for part, path in ready.files.items():
        commit_file(path, layout.part(dataset, part))
    source.ledger.replace_parts(dataset, ready.batch, ready.parts)
    for part in ready.files:
        rows_file(layout, dataset, part).unlink(missing_ok=True)


def sweep_parts(source: Source) -> None:
    """Remove part files that the ledger does not list: what killed or replaced parts left."""
    known = {p.id for p in source.ledger.parts(source.dataset)}
    folder = source.layout.staged(source.dataset)
    for path in (*folder.glob("*.parquet"), *(folder / "replayed").glob("*.parquet")):
        if path.stem not in known:
            path.unlink(missing_ok=True)
