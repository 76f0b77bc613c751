"""Ingest: files into batches of the lake, each written aside and committed with one rename."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import polars as pl

from dwkit.errors import DataError, UsageError
from dwkit.lake.digest import Digest
from dwkit.lake.manifest import adopt, write_manifest
from dwkit.lake.objects import ingest_objects, keep_original
from dwkit.lake.sources import Extract, detect, expand, extracts
from dwkit.ledger import Ledger, RunRecorder
from dwkit.model.batch import Batch
from dwkit.model.ids import new_id
from dwkit.model.names import check_name, suggest_name
from dwkit.model.source import ReadOptions
from dwkit.storage.aside import commit_folder, scratch, sweep
from dwkit.storage.layout import Layout
from dwkit.storage.locks import writing
from dwkit.storage.parquet import sink
from dwkit.storage.types import schema_text

__all__ = ["Ingested", "Request", "ingest"]

Watch = Callable[[str, int], None]
"""Called with a source's name and the rows read so far."""


@dataclass(frozen=True)
class Request:
    """What to ingest.

    Args:
        sources: paths, folders or globs; ``-`` is `stdin_file`.
        into: dataset; None: named after each file.
        force: bring bytes again that are in the lake already.
        keep_original: store the file's own bytes too.
        limit: rows of each table at the most, None for all.
        stdin_file: where the caller spooled standard input.
    """

    sources: Sequence[str]
    into: str | None = None
    options: ReadOptions = field(default_factory=ReadOptions)
    force: bool = False
    keep_original: bool = False
    limit: int | None = None
    stdin_file: Path | None = None


@dataclass(frozen=True)
class Ingested:
    """One table of one source: the batch that holds it now, and whether this ingest brought it."""

    dataset: str
    source: str
    batch: Batch
    new: bool


def ingest(
    request: Request,
    *,
    layout: Layout,
    ledger: Ledger,
    run: RunRecorder,
    cwd: Path,
    watch: Watch | None = None,
) -> list[Ingested]:
    """Bring sources into the lake, one batch for each table in each file.

    Files are taken in the order of their names; the ones before a failing one stay ingested.

    Raises:
        ReachError: a source is not there.
        DataError: a source cannot be read; nothing of it is in the lake.
        UsageError: a name or an option is wrong.
        ConflictError: another process writes the dataset.
    """
    if request.into is not None:
        check_name(request.into)
    sweep(layout.scratch)
    found: list[Ingested] = []
    objects: list[Path] = []
    for path in _files(request, cwd):
        if detect(path, request.options) == "object":
            objects.append(path)
            continue
        found += _ingest_file(path, request, layout, ledger, run, watch)
    if objects:
        dataset = request.into or _objects_name(request, objects)
        source = ", ".join(request.sources)
        with run.step("ingest", f"lake.{dataset}") as step, writing(layout.locks, f"lake.{dataset}"):
            adopt(layout, ledger, dataset)
            batch, new = ingest_objects(
                objects, dataset, source, layout=layout, ledger=ledger, run=run.id, force=request.force
            )
            if new:
                step.count(rows_in=batch.rows, rows_out=batch.rows, bytes_out=batch.bytes_out)
            else:
                step.skip("already ingested")
        found.append(Ingested(dataset, source, batch, new))
    return found


def _files(request: Request, cwd: Path) -> Iterator[Path]:
    seen: set[Path] = set()
    for spec in request.sources:
        if spec == "-":
            if request.stdin_file is None:
                raise UsageError("nothing on standard input", hint="cat x.csv | dwkit ingest - --into x")
            yield request.stdin_file
            continue
        for path in expand(spec, cwd):
            if path not in seen:
                seen.add(path)
                yield path


def _objects_name(request: Request, objects: Sequence[Path]) -> str:
    folders = {path.parent.name for path in objects}
    return suggest_name(folders.pop() if len(folders) == 1 else Path(request.sources[0]).name)


def _ingest_file(
    path: Path, request: Request, layout: Layout, ledger: Ledger, run: RunRecorder, watch: Watch | None
) -> list[Ingested]:
    stdin = path == request.stdin_file
    source = "-" if stdin else _shown(path, layout.root)
    target = request.into or suggest_name(path.name)
    size, digest = path.stat().st_size, Digest(path)
    check_name(target)
    adopt(layout, ledger, target)
    if not request.force and any(b.bytes_in == size for b in ledger.batches(target)):
        # Only then can the bytes be there already, and only then is it worth waiting for the digest.
        known = ledger.batch_with(target, digest.result())
        if known is not None:
            with run.step("ingest", f"lake.{target}") as step:
                step.skip(f"already ingested as batch {known.id}")
            return [Ingested(target, source, known, new=False)]
    with scratch(layout.scratch) as folder:
        tables = list(extracts(path, request.options, folder, name="" if stdin else path.name))
        names = _names(tables, target, request)
        done = []
        for extract, dataset in zip(tables, names, strict=True):
            with run.step("ingest", f"lake.{dataset}") as step, writing(layout.locks, f"lake.{dataset}"):
                adopt(layout, ledger, dataset)
                made = folder / f"batch-{len(done)}"
                made.mkdir()
                job = _Job(extract, dataset, source, size, digest, request, run.id)
                batch = _write(job, made, layout, ledger, watch)
                new = batch.run == run.id and made.exists()
                if new:
                    write_manifest(made, batch)
                    commit_folder(made, layout.batch(dataset, batch.id))
                    ledger.add_batch(batch)
                    step.count(rows_in=batch.rows + batch.malformed, rows_out=batch.rows)
                    step.count(quarantined=batch.malformed, bytes_out=batch.bytes_out)
                    step.step.digest = batch.digest
                else:
                    step.skip(f"already ingested as batch {batch.id}")
                done.append(Ingested(dataset, source, batch, new))
    return done


@dataclass(frozen=True)
class _Job:
    extract: Extract
    dataset: str
    source: str
    size: int
    digest: Digest
    request: Request
    run: str

    def key(self) -> str:
        """Digest of the bytes, and which of the tables in them."""
        member = self.extract.member
        return self.digest.result() + (f"#{member}" if member else "")


def _write(job: _Job, made: Path, layout: Layout, ledger: Ledger, watch: Watch | None) -> Batch:
    """Write a table's rows into ``made``; return its batch, or the older one that holds the same bytes."""
    extract, ident = job.extract, new_id()
    mark = pl.lit(ident).alias("_batch")
    rows = extract.rows
    if job.request.limit is not None:
        rows = rows.limit(job.request.limit)
    if watch is not None:
        rows = rows.with_columns(_counting(job.source, watch))
    try:
        if not job.request.force and extract.member:
            known = ledger.batch_with(job.dataset, job.key())
            if known is not None:
                made.rmdir()
                return known
        columns = rows.collect_schema()
        data = [c for c in columns if c != "_row"]
        written = sink(rows.select(*data, mark, "_row"), made / "part-00000.parquet")
        malformed = extract.malformed()
        bad = (
            sink(malformed.with_columns(mark), made / "malformed.parquet") if malformed is not None else None
        )
    except pl.exceptions.PolarsError as error:
        raise DataError(
            f"{job.source}: {error}", hint="dwkit ingest --help lists the options that say how a file is read"
        ) from error
    if bad is not None and bad.rows == 0:
        bad.path.unlink()
        bad = None
    key = job.key()
    known = None if job.request.force else ledger.batch_with(job.dataset, key)
    if known is not None:
        return msgspec.structs.replace(known)
    if job.request.keep_original:
        keep_original(job.source, layout, job.dataset)
    return Batch(
        id=ident,
        dataset=job.dataset,
        source=job.source + (f"#{extract.member}" if extract.member else ""),
        digest=key,
        format=extract.format,
        rows=written.rows,
        malformed=bad.rows if bad else 0,
        bytes_in=job.size,
        bytes_out=written.bytes + (bad.bytes if bad else 0),
        files=[written.path.name],
        malformed_file=bad.path.name if bad else "",
        columns=schema_text({c: columns[c] for c in data}),
        options=msgspec.to_builtins(extract.options),
        notes=list(extract.notes),
        run=job.run,
    )


def _counting(source: str, watch: Watch) -> pl.Expr:
    """Return ``_row`` unchanged, telling ``watch`` how many have passed."""
    passed = 0

    def count(values: pl.Series) -> pl.Series:
        nonlocal passed
        passed += len(values)
        watch(source, passed)
        return values

    return pl.col("_row").map_batches(count, return_dtype=pl.Int64, is_elementwise=True)


def _names(tables: Sequence[Extract], target: str, request: Request) -> list[str]:
    suggested = [suggest_name(t.suggested_name or t.member or target) for t in tables]
    if len(set(suggested)) <= 1:
        return [target] * len(tables) if request.into or not tables or not tables[0].member else suggested
    return [check_name(f"{request.into}_{name}" if request.into else name) for name in suggested]


def _shown(path: Path, root: Path) -> str:
    """Path of a source as the ledger keeps it: relative to the project where it lies in it."""
    path = path.absolute()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
