"""Bytes that are no table: each file gets a row in a catalogue."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from dwkit.errors import ReachError
from dwkit.lake.sources.extract import Extract, Source, Stream
from dwkit.model.source import ReadOptions

__all__ = ["OBJECT_SCHEMA", "describe", "objects", "read_objects", "sha256_of"]

OBJECT_SCHEMA = pl.Schema(
    {
        "path": pl.String(),
        "name": pl.String(),
        "size": pl.Int64(),
        "mime": pl.String(),
        "sha256": pl.String(),
        "modified": pl.Datetime("us", "UTC"),
        "width": pl.Int64(),
        "height": pl.Int64(),
    }
)
"""Columns of the catalogue: size in bytes, width and height in pixels (images only)."""

_BLOCK = 1 << 20
_ROWS = 200

Row = tuple[str, str, int, str, str, datetime, int | None, int | None]


def objects(paths: Sequence[Path], *, workdir: Path, names: Sequence[str] | None = None) -> Extract:
    """Return files as one table of the format ``object``, a row for each in the order given.

    Args:
        workdir: scratch folder; nothing is written to it.
        names: what to call the files in ``path``, where they are copies.

    The bytes stay where they are: `Extract.files` names the file of each row, and `sha256_of` is
    what the row holds, for a caller that copies them.
    """
    folders = {path.parent for path in paths}
    stem = paths[0].name if len(paths) == 1 else folders.pop().name if len(folders) == 1 else "objects"
    source = Source(paths[0], stem, stem, ReadOptions(as_objects=True), workdir)
    return read_objects(source, paths, names)


def read_objects(source: Source, paths: Sequence[Path], names: Sequence[str] | None = None) -> Extract:
    """Return files of a source as one table; see `objects`."""
    shown = names or [str(path) for path in paths]

    def batches() -> Iterator[pl.DataFrame]:
        for start in range(0, len(paths), _ROWS):
            rows = describe(paths[start : start + _ROWS], shown[start : start + _ROWS])
            frame = pl.DataFrame(list(rows), schema=OBJECT_SCHEMA, orient="row")
            yield frame.with_columns(
                pl.int_range(start + 1, start + frame.height + 1, dtype=pl.Int64).alias("_row")
            )

    schema = pl.Schema({**OBJECT_SCHEMA, "_row": pl.Int64()})
    table = Stream(schema, batches, name="objects")
    return Extract(source, "object", table, approx_rows=len(paths), files=paths)


def describe(paths: Iterable[Path], names: Iterable[str]) -> Iterator[Row]:
    """Yield the catalogue row of each file, without ``_row``.

    Raises:
        ReachError: a file cannot be read.
    """
    import imagesize

    for path, name in zip(paths, names, strict=True):
        try:
            stat, digest, mime = path.stat(), sha256_of(path), _mime(path, name)
        except OSError as error:
            raise ReachError(f"{name}: {error.strerror or error}") from None
        width, height = -1, -1
        if mime.startswith("image/"):
            try:
                width, height = imagesize.get(str(path))
            except Exception:  # a damaged image has no size, and it is not ours to judge
                width = height = -1
        modified = datetime.fromtimestamp(stat.st_mtime, UTC)
        yield (
            name,
            name.replace("\\", "/").rsplit("/", 1)[-1],
            stat.st_size,
            mime,
            digest,
            modified,
            int(width) if width > 0 else None,
            int(height) if height > 0 else None,
        )


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as hex text; it is read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as handle:
        while block := handle.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _mime(path: Path, name: str) -> str:
    """Return the MIME type: of the bytes where they tell, else of the name, else by being text."""
    import puremagic

    with path.open("rb") as handle:
        start = handle.read(8192)
    guess = mimetypes.guess_type(name)[0] or ""
    if not start:
        return guess or "application/x-empty"
    try:
        found = [
            m.mime_type for m in puremagic.magic_string(start, name) if m.mime_type and m.confidence >= 0.4
        ]
    except (puremagic.PureError, ValueError, IndexError):
        found = []
    if found and (not guess or guess not in found):
        return str(found[0]) if _family(found[0]) or not guess else guess
    if guess:
        return guess
    try:
        start.decode("utf-8")
    except UnicodeDecodeError as error:
        return "application/octet-stream" if error.start < len(start) - 4 else "text/plain"
    return "application/octet-stream" if b"\0" in start else "text/plain"


def _family(mime: str) -> bool:
    """Whether a type found in the bytes is worth more than what the name says."""
    return mime.startswith(("image/", "audio/", "video/")) or mime == "application/pdf"
