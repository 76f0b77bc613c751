"""Objects: bytes that are no table, kept by their content, with a catalogue row for each file."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import polars as pl

from dwkit.errors import ConflictError, ReachError
from dwkit.lake.digest import combined
from dwkit.lake.manifest import write_manifest
from dwkit.lake.sources import objects, sha256_of
from dwkit.ledger import Ledger
from dwkit.model.batch import Batch
from dwkit.model.ids import new_id
from dwkit.storage.aside import commit_file, commit_folder, scratch
from dwkit.storage.layout import Layout
from dwkit.storage.parquet import sink
from dwkit.storage.tables import scan_batches
from dwkit.storage.types import schema_text

__all__ = ["ingest_objects", "keep_object", "known_objects", "shown_path", "with_objects"]


def known_objects(dataset: str, *, layout: Layout, ledger: Ledger) -> set[tuple[str, str]]:
    """Return ``(path, sha256)`` of every object that a dataset has."""
    batches = [b for b in ledger.batches(dataset) if b.format == "object"]
    if not batches:
        return set()
    rows = scan_batches(layout, batches).select("path", "sha256").collect(engine="streaming")
    return set(rows.iter_rows())


def ingest_objects(
    files: Sequence[tuple[Path, str]],
    dataset: str,
    source: str,
    *,
    layout: Layout,
    ledger: Ledger,
    run: str,
    force: bool = False,
) -> tuple[Batch, bool]:
    """Bring files into the lake as objects, in one batch; those that are there already are left out.

    Args:
        files: where each is, and what the catalogue calls it.

    The bytes go to ``objects/`` of the dataset under their SHA-256, so the same bytes are stored once;
    the batch holds the catalogue. The caller holds the dataset's lock.

    Returns:
        The batch, and whether it is new; when no file is, the newest batch of the dataset.

    Raises:
        ReachError: a file cannot be read or copied.
    """
    known = set() if force else known_objects(dataset, layout=layout, ledger=ledger)
    with scratch(layout.scratch) as folder:
        paths = [path for path, _ in files]
        extract = objects(paths, workdir=folder, names=[shown for _, shown in files])
        rows = extract.write(lambda frame: frame.collect())
        fresh = rows.filter(
            ~pl.struct("path", "sha256").is_in([{"path": p, "sha256": s} for p, s in known])
            if known
            else pl.lit(value=True)
        )
        if fresh.is_empty():
            newest = ledger.newest_batch(dataset)
            assert newest is not None
            return newest, False
        stored = []
        for path, name, digest in zip(paths, rows["path"], rows["sha256"], strict=True):
            if (name, digest) not in known:
                stored.append(keep_object(path, digest, layout.dataset(dataset) / "objects", name))
        ident = new_id()
        frame = fresh.with_columns(pl.Series("object", stored), pl.lit(ident).alias("_batch"))
        made = folder / "batch"
        made.mkdir()
        columns = [c for c in frame.columns if c not in ("_batch", "_row")]
        written = sink(frame.lazy().select(*columns, "_batch", "_row"), made / "part-00000.parquet")
        pairs = fresh.select("path", "sha256").sort("path").rows()
        batch = Batch(
            id=ident,
            dataset=dataset,
            source=source,
            digest=combined([f"{name} {digest}" for name, digest in pairs]),
            format="object",
            rows=written.rows,
            bytes_in=int(fresh["size"].sum()),
            bytes_out=written.bytes + int(fresh["size"].sum()),
            files=[written.path.name],
            columns=schema_text({c: frame.schema[c] for c in columns}),
            run=run,
        )
        write_manifest(made, batch)
        commit_folder(made, layout.batch(dataset, ident))
    ledger.add_batch(batch)
    return batch, True


def with_objects(rows: pl.LazyFrame, files: Sequence[Path], folder: Path) -> pl.LazyFrame:
    """Store the files of a catalogue; return its rows with where each is stored, in ``object``."""
    frame = rows.collect()
    stored = [
        keep_object(path, digest, folder, name)
        for path, digest, name in zip(files, frame["sha256"], frame["name"], strict=True)
    ]
    return frame.with_columns(pl.Series("object", stored, dtype=pl.String)).lazy()


def keep_object(path: Path, digest: str, folder: Path, name: str = "") -> str:
    """Store a file's bytes under their SHA-256; return the path below the dataset's folder.

    Args:
        name: of the file, whose ending is kept; empty: its path tells.

    Raises:
        ReachError: the file cannot be read, or the disk is full.
        ConflictError: its bytes are no longer those of the digest.
    """
    final = folder / digest[:2] / f"{digest}{_ending(name or path.name)}"
    if not final.exists():
        final.parent.mkdir(parents=True, exist_ok=True)
        made = final.with_name(f".{final.name}.{new_id()}")
        try:
            shutil.copyfile(path, made)
        except OSError as error:
            made.unlink(missing_ok=True)
            raise ReachError(f"{path} cannot be copied: {error.strerror}") from error
        if sha256_of(made) != digest:
            made.unlink()
            raise ConflictError(
                f"{path} was written to while it was read", hint="type the command again when it is complete"
            )
        commit_file(made, final)
    return final.relative_to(folder.parent).as_posix()


def _ending(name: str) -> str:
    return re.sub(r"[^.a-z0-9]", "", PurePosixPath(name).suffix.lower())[:16]


def shown_path(path: Path, root: Path) -> str:
    """Return a source's path as the ledger keeps it: relative to the project where it lies in it."""
    path = path.absolute()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
