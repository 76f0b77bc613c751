"""Ingest: files into batches of the lake, each written aside and committed with one rename."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import msgspec
import polars as pl

from dwkit.errors import ConflictError, ReachError, UsageError
from dwkit.lake.digest import Digest
from dwkit.lake.manifest import adopt, write_manifest
from dwkit.lake.objects import ingest_objects, keep_object, known_objects, shown_path, with_objects
from dwkit.lake.passed import Passed, Watch
from dwkit.lake.sources import Extract, detect, expand, extracts
from dwkit.ledger import Ledger, RunRecorder
from dwkit.model.batch import Batch
from dwkit.model.canonical import canonical
from dwkit.model.ids import new_id
from dwkit.model.names import check_name, suggest_name
from dwkit.model.source import ReadOptions
from dwkit.storage.aside import commit_folder, scratch, sweep
from dwkit.storage.layout import Layout
from dwkit.storage.locks import writing
from dwkit.storage.parquet import Written, sink
from dwkit.storage.types import schema_text

__all__ = ["Ingested", "Request", "ingest", "waiting"]


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


Tell = Callable[[Ingested], None]
"""Called with each table as soon as it is in the lake."""


def ingest(
    request: Request,
    *,
    layout: Layout,
    ledger: Ledger,
    run: RunRecorder,
    cwd: Path,
    watch: Watch | None = None,
    tell: Tell | None = None,
) -> list[Ingested]:
    """Bring sources into the lake, one batch for each table in each file.

    Files are taken in the order of their names; the ones before a failing one stay ingested, and
    ``tell`` has heard of them.

    Raises:
        ReachError: a source is not there.
        DataError: a source cannot be read; nothing of it is in the lake.
        UsageError: a name or an option is wrong.
        ConflictError: another process writes the dataset, or a source while it is read.
    """
    if request.into is not None:
        check_name(request.into)
    sweep(layout.scratch)
    found = _Found(tell)
    objects: list[_File] = []
    files = list(_files(request, layout.root, cwd))
    passed = Passed(sum(f.path.stat().st_size for f in files), watch) if watch is not None else None
    for file in files:
        try:
            if detect(file.path, request.options, file.name) == "object":
                objects.append(file)
                continue
            _ingest_file(file, request, layout, ledger, run, passed, found)
            if passed is not None:
                passed.done(file.shown, file.path.stat().st_size)
        except OSError as error:
            raise ReachError(
                f"{file.shown} cannot be read: {error.strerror or error}",
                hint=f"ls -l {file.shown} shows who may read it",
            ) from None
    if objects:
        dataset = request.into or _objects_name(request, objects)
        source = ", ".join(request.sources)
        with run.step("ingest", f"lake.{dataset}") as step, writing(layout.locks, f"lake.{dataset}"):
            adopt(layout, ledger, dataset)
            batch, new = ingest_objects(
                [(file.path, file.shown) for file in objects], dataset, source,
                layout=layout, ledger=ledger, run=run.id, force=request.force,
            )  # fmt: skip
            if new:
                step.count(rows_in=batch.rows, rows_out=batch.rows, bytes_out=batch.bytes_out)
            else:
                step.skip("already ingested")
        found.add(Ingested(dataset, source, batch, new))
    return found.all


def waiting(
    sources: Sequence[str], dataset: str, options: ReadOptions, *, layout: Layout, ledger: Ledger, cwd: Path
) -> list[Path]:
    """Return the files that an ingest of these sources would bring.

    Raises:
        ReachError: a source is not there.
    """
    adopt(layout, ledger, dataset)
    batches = ledger.batches()
    sizes = {b.bytes_in for b in batches}
    objects = known_objects(dataset, layout=layout, ledger=ledger)
    digests = {
        b.digest.split("#")[0]
        for b in batches
        if (b.dataset == dataset or b.dataset.startswith(f"{dataset}_")) and _LIMITED not in b.digest
    }
    found = []
    for path, shown, name in _files(Request(sources, into=dataset, options=options), layout.root, cwd):
        if detect(path, options, name) == "object":
            if (shown, Digest(path, ledger).result()) not in objects:
                found.append(path)
        elif path.stat().st_size not in sizes or Digest(path, ledger).result() not in digests:
            found.append(path)
    return found


class _File(NamedTuple):
    """A file to ingest: where it is, what the ledger calls it, its own name (none for standard input)."""

    path: Path
    shown: str
    name: str


def _files(request: Request, root: Path, cwd: Path) -> Iterator[_File]:
    seen: set[Path] = set()
    for spec in request.sources:
        if spec == "-":
            if request.stdin_file is None:
                raise UsageError("nothing on standard input", hint="cat x.csv | dwkit ingest - --into x")
            yield _File(request.stdin_file, "-", "")
            continue
        for path in expand(spec, cwd):
            if path not in seen:
                seen.add(path)
                yield _File(path, shown_path(path, root), path.name)


def _objects_name(request: Request, objects: Sequence[_File]) -> str:
    folders = {file.path.parent.name for file in objects}
    return suggest_name(folders.pop() if len(folders) == 1 else Path(request.sources[0]).name)


class _Found:
    """What was brought so far; each table is told as soon as it is in the lake."""

    def __init__(self, tell: Tell | None) -> None:
        self.all: list[Ingested] = []
        self._tell = tell

    def add(self, one: Ingested) -> None:
        self.all.append(one)
        if self._tell is not None:
            self._tell(one)


def _ingest_file(
    file: _File,
    request: Request,
    layout: Layout,
    ledger: Ledger,
    run: RunRecorder,
    passed: Passed | None,
    found: _Found,
) -> None:
    path, source, name = file
    target = request.into or suggest_name(name)
    check_name(target)
    state, digest = _state(path), Digest(path, ledger)
    adopt(layout, ledger, target)
    if not request.force and ledger.has_size(target, state.size):
        # Only then can the bytes be there already, and only then is it worth waiting for the digest.
        known = ledger.batch_with(target, digest.result())
        if known is not None:
            with run.step("ingest", f"lake.{target}") as step:
                step.skip(f"already ingested as batch {known.id}")
            found.add(Ingested(target, source, known, new=False))
            return
    with scratch(layout.scratch) as folder:
        tables = list(extracts(path, request.options, folder, name=name))
        names = _names(tables, target, request)
        for number, (extract, dataset) in enumerate(zip(tables, names, strict=True)):
            with run.step("ingest", f"lake.{dataset}") as step, writing(layout.locks, f"lake.{dataset}"):
                adopt(layout, ledger, dataset)
                job = _Job(extract, dataset, source, path, state, digest, request, run.id)
                known = job.known(ledger, job.key()) if extract.member else None
                batch = known or _write(job, folder / f"batch-{number}", layout, passed)
                known = known or job.known(ledger, batch.digest)
                if known is None:
                    batch = _compared(batch, request, ledger)
                    _commit(job, batch, folder / f"batch-{number}", layout, ledger)
                    step.count(rows_in=batch.rows + batch.malformed, rows_out=batch.rows)
                    step.count(quarantined=batch.malformed, bytes_out=batch.bytes_out)
                    step.step.digest = batch.digest
                else:
                    step.skip(f"already ingested as batch {known.id}")
                found.add(Ingested(dataset, batch.source, known or batch, new=known is None))


class _State(NamedTuple):
    """What tells whether a file was written to."""

    size: int
    modified: int


def _state(path: Path) -> _State:
    stat = path.stat()
    return _State(stat.st_size, stat.st_mtime_ns)


_LIMITED = "#limit="


@dataclass(frozen=True)
class _Job:
    extract: Extract
    dataset: str
    source: str
    path: Path
    state: _State
    digest: Digest
    request: Request
    run: str

    def key(self) -> str:
        """Digest of the bytes, and which of the tables in them."""
        member = self.extract.member
        return self.digest.result() + (f"#{member}" if member else "")

    def known(self, ledger: Ledger, key: str) -> Batch | None:
        """Return the batch that holds this already, unless it is to be brought again."""
        return None if self.request.force else ledger.batch_with(self.dataset, key)


def _write(job: _Job, made: Path, layout: Layout, passed: Passed | None) -> Batch:
    """Write a table's rows, and the records that are none, into the folder of a batch to be."""
    extract, ident, limit = job.extract, new_id(), job.request.limit
    mark = pl.lit(ident).alias("_batch")
    part = made / "part-00000.parquet"
    columns: dict[str, pl.DataType] = {}
    made.mkdir()

    def write(rows: pl.LazyFrame) -> Written:
        if extract.format == "object":
            rows = with_objects(rows, extract.files, layout.dataset(job.dataset) / "objects")
        columns.clear()
        columns.update(rows.collect_schema())
        if limit is not None:
            rows = rows.limit(limit)
        if passed is not None:
            rows = rows.with_columns(passed.counting(extract, job.source, job.state.size))
        data = [c for c in columns if c != "_row"]
        return sink(rows.select(*data, mark, "_row"), part, statistics=False)

    written = extract.write(write)
    malformed, digest = extract.malformed(), job.key()
    if limit is not None and written.rows >= limit:
        # Not the whole source, so the whole of it is still to come.
        digest += f"{_LIMITED}{limit}"
        last = pl.scan_parquet(part, glob=False).select(pl.col("_row").max()).collect().item() or 0
        malformed = malformed.filter(pl.col("_row") < last) if malformed is not None else None
    bad = sink(malformed.with_columns(mark), made / "malformed.parquet") if malformed is not None else None
    if bad is not None and not bad.rows:
        bad.path.unlink()
        bad = None
    return Batch(
        id=ident,
        dataset=job.dataset,
        source=job.source + (f"#{extract.member}" if extract.member else ""),
        digest=digest,
        format=extract.format,
        rows=written.rows,
        malformed=bad.rows if bad else 0,
        bytes_in=job.state.size,
        bytes_out=written.bytes + (bad.bytes if bad else 0),
        files=[written.path.name],
        malformed_file=bad.path.name if bad else "",
        columns=schema_text({c: t for c, t in columns.items() if c != "_row"}),
        options=canonical(extract.options),
        notes=[*extract.notes, *([f"the first {limit} rows: --limit"] if _LIMITED in digest else [])],
        run=job.run,
    )


def _compared(batch: Batch, request: Request, ledger: Ledger) -> Batch:
    """Note that a batch hardly resembles the one before it, if the dataset was named after its file."""
    before = ledger.newest_batch(batch.dataset) if request.into is None else None
    if before is None:
        return batch
    had, has = set(before.columns), set(batch.columns)
    if 2 * len(had & has) >= len(had | has):
        return batch
    note = f"most columns differ from those of {before.source}, which is in lake.{batch.dataset} too; "
    return msgspec.structs.replace(batch, notes=[*batch.notes, f"{note}--into DATASET keeps them apart"])


def _commit(job: _Job, batch: Batch, made: Path, layout: Layout, ledger: Ledger) -> None:
    if _state(job.path) != job.state:
        raise ConflictError(
            f"{job.source} was written to while it was read; nothing of it was ingested",
            hint="type the command again when it is complete, or ingest a copy",
        )
    if job.request.keep_original:
        keep_object(job.path, job.digest.result(), layout.dataset(job.dataset) / "objects")
    write_manifest(made, batch)
    commit_folder(made, layout.batch(job.dataset, batch.id))
    ledger.add_batch(batch)


def _names(tables: Sequence[Extract], target: str, request: Request) -> list[str]:
    suggested = [suggest_name(t.suggested_name or t.member or target) for t in tables]
    if len(set(suggested)) <= 1:
        return [target] * len(tables) if request.into or not tables or not tables[0].member else suggested
    return [check_name(f"{request.into}_{name}" if request.into else name) for name in suggested]
