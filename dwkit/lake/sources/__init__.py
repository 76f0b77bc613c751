"""Readers, one module for each kind of source: files in, tables of raw rows out.

`extracts` is the way in: it yields an `Extract` for each table of a file. Its rows have the raw
columns and ``_row``, the number of the record in the source from 1; what is no row is kept beside
them with its line, its text and the reason. Readers know nothing of projects, batches or layers.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from dwkit.errors import DataError, ReachError
from dwkit.lake.sources.detect import detect
from dwkit.lake.sources.extract import MALFORMED_SCHEMA, Extract, Source
from dwkit.lake.sources.objects import OBJECT_SCHEMA, objects, sha256_of
from dwkit.model.source import ReadOptions
from dwkit.storage.paths import expand

__all__ = [
    "MALFORMED_SCHEMA",
    "OBJECT_SCHEMA",
    "Extract",
    "detect",
    "expand",
    "extracts",
    "objects",
    "sha256_of",
]

_NESTED = 2  # archives in archives


def extracts(
    source: Path | BinaryIO, options: ReadOptions, workdir: Path, *, name: str | None = None
) -> Iterator[Extract]:
    """Yield the tables of a file, one for most formats.

    What must be unpacked or copied goes to ``workdir`` and must stay there until the rows have been
    written. Errors in the structure of a file are raised here; those deep in its data when
    `Extract.write` reaches them.

    Args:
        source: a file, or a stream that is first copied to ``workdir``.
        options: what overrides detection.
        workdir: an existing scratch folder, which the caller removes.
        name: the file's name, if ``source`` is a copy or a stream; empty for standard input.

    Raises:
        ReachError: the file cannot be opened.
        DataError: it is empty, damaged or not what it is said to be.
        UsageError: an option's value is impossible.
    """
    if isinstance(source, Path):
        path = source
        name = path.name if name is None else name
    else:
        path, name = workdir / "stream", name or ""
        with path.open("wb") as out:
            shutil.copyfileobj(source, out, 1 << 20)
    shown = name or "standard input"
    try:
        if path.is_dir():
            raise ReachError(f"{shown} is a folder", hint="its files are ingested one by one")
        yield from _read(Source(path, shown, name, options, workdir), name, 0)
    except FileNotFoundError:
        raise ReachError(f"there is no file {path}") from None
    except OSError as error:
        raise ReachError(
            f"{shown}: {error.strerror or error}", hint=f"ls -l {path} shows who may read it"
        ) from None


def _read(source: Source, name: str, depth: int) -> Iterator[Extract]:
    if not source.path.stat().st_size and not source.options.as_objects:
        raise DataError(f"{source.name} is empty", hint="there is nothing to ingest")
    kind = detect(source.path, source.options, name)
    if kind == "object":
        from dwkit.lake.sources.objects import read_objects

        yield read_objects(source, [source.path], [source.member or name or str(source.path)])
        return
    if kind == "archive":
        yield from _archive(source, depth)
        return
    from dwkit.lake.sources.text import unpacked

    made = _reader(kind)(source, unpacked(source))
    yield from [made] if isinstance(made, Extract) else made


def _archive(source: Source, depth: int) -> Iterator[Extract]:
    from dwkit.lake.sources.archive import as_source, members
    from dwkit.lake.sources.objects import read_objects

    if depth >= _NESTED:
        raise DataError(f"{source.name} holds archives in archives in archives", hint="unpack it yourself")
    files: list[tuple[Path, str]] = []
    for member in members(source, source.path):
        part = as_source(source, member)
        if not member.path.stat().st_size:
            source.note(f"{member.name} is empty: left out")
            continue
        if detect(member.path, part.options, part.stem) == "object":
            files.append((member.path, member.name))
        else:
            yield from _read(part, part.stem, depth + 1)
    if files:
        yield read_objects(source, [path for path, _ in files], [name for _, name in files])


def _reader(kind: str) -> Callable[[Source, Path], Extract | Iterable[Extract]]:
    """Return the reader of a format; only its own libraries are imported."""
    match kind:
        case "csv":
            from dwkit.lake.sources.csv import read_csv

            return read_csv
        case "json" | "ndjson":
            from dwkit.lake.sources.json import read_json

            return read_json
        case "parquet" | "arrow" | "avro":
            from dwkit.lake.sources import columnar

            return {
                "parquet": columnar.read_parquet,
                "arrow": columnar.read_arrow,
                "avro": columnar.read_avro,
            }[kind]
        case "excel":
            from dwkit.lake.sources.sheets import read_sheets

            return read_sheets
        case "xml":
            from dwkit.lake.sources.xml import read_xml

            return read_xml
        case "log":
            from dwkit.lake.sources.logs import read_log

            return read_log
        case "fixed":
            from dwkit.lake.sources.fixed import read_fixed

            return read_fixed
        case _:
            from dwkit.lake.sources.sqlite import read_sqlite

            return read_sqlite
