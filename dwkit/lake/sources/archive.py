"""Zip and tar archives: every member is read as what it is."""

from __future__ import annotations

import fnmatch
import os
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from dwkit.errors import DataError, NotFoundError
from dwkit.lake.sources.extract import Source
from dwkit.lake.sources.text import compression_of, copy_bounded, open_packed, refuse_bomb, unpack_limit

__all__ = ["Member", "members"]

_BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    OSError,
    EOFError,
    zlib.error,
    LZMAError,
    NotImplementedError,
)


class Member(NamedTuple):
    """A file of an archive.

    Args:
        name: its path there; numbered where an archive holds several files of one path.
        stem: its own name.
        path: where it was unpacked.
    """

    name: str
    stem: str
    path: Path


def members(source: Source, path: Path) -> Iterator[Member]:
    """Unpack the files of an archive one after the other, each under a name of ours in the scratch folder.

    Hidden files and what macOS adds are left out; so are links and devices.

    Args:
        path: the archive, for tar compressed or not.

    Raises:
        DataError: it is damaged, encrypted, empty, or unpacks to far more than it is.
        NotFoundError: no member matches the one that was asked for.
    """
    wanted = source.options.member
    names: Counter[str] = Counter()
    found = 0
    left = unpack_limit(path)
    try:
        for given, modified, stream in _zip(source, path, left) if _is_zip(path) else _tar(source, path):
            name = _safe(given)
            if not name or _hidden(name):
                continue
            names[name] += 1
            # A zip or tar that was appended to may hold a path twice, with other bytes each time.
            times = names[name]
            if wanted is not None and not _matches(name, wanted):
                continue
            target = source.scratch("member")
            with target.open("wb") as out:
                left -= copy_bounded(stream, out, left, source.name)
            os.utime(target, (modified, modified))
            found += 1
            unique = name if times == 1 else f"{name} ({times})"
            yield Member(unique, PurePosixPath(name).name, target)
    except _BROKEN as error:
        raise DataError(
            f"{source.name} is a damaged archive, or none: {error}",
            hint="get the file again; nothing of it was ingested",
        ) from None
    if not names:
        raise DataError(f"{source.name} is empty: it has no files", hint="there is nothing to ingest")
    if not found:
        raise NotFoundError(f"member in {source.name}", str(wanted), names)


def _is_zip(path: Path) -> bool:
    """By its first bytes; a tar that holds a zip would deceive `zipfile.is_zipfile`."""
    with path.open("rb") as handle:
        return handle.read(4) in (b"PK\x03\x04", b"PK\x05\x06") or path.suffix.lower() == ".zip"


def _safe(name: str) -> str:
    """Return a member's name as a relative path that leads nowhere else."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return "/".join(part for part in parts if part not in ("/", "..", "."))


def _matches(name: str, wanted: str) -> bool:
    return fnmatch.fnmatchcase(name, wanted) or fnmatch.fnmatchcase(PurePosixPath(name).name, wanted)


def _hidden(name: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))


def _zip(source: Source, path: Path, limit: int) -> Iterator[tuple[str, float, IO[bytes]]]:
    with zipfile.ZipFile(path) as archive:
        refuse_bomb(sum(info.file_size for info in archive.infolist()), limit, source.name)
        for info in archive.infolist():
            if info.is_dir():
                continue
            if info.flag_bits & 1:
                raise DataError(
                    f"{source.name}: {info.filename} is encrypted",
                    hint="unpack it yourself and ingest the files",
                )
            with archive.open(info) as stream:
                yield info.filename, _modified(info), stream


def _modified(info: zipfile.ZipInfo) -> float:
    """Zip keeps local time, without saying whose."""
    try:
        return datetime(*info.date_time).timestamp()  # noqa: DTZ001
    except (ValueError, OverflowError, OSError):
        return 0.0


def _tar(source: Source, path: Path) -> Iterator[tuple[str, float, IO[bytes]]]:
    with path.open("rb") as handle:
        compression = compression_of(handle.read(16))
    with (
        open_packed(path, compression) if compression else path.open("rb") as outer,
        tarfile.open(fileobj=outer, mode="r|") as archive,
    ):
        for info in archive:
            if info.isdir():
                continue
            stream = archive.extractfile(info) if info.isreg() else None
            if stream is None:
                source.note(f"{info.name} is a link or a device: left out")
                continue
            yield info.name, max(float(info.mtime), 0.0), stream


def as_source(source: Source, member: Member) -> Source:
    """Return a member as a source of its own, which reads with the same options."""
    part = source.part(member.name)
    options = source.with_options(member=None).options
    return replace(
        part,
        path=member.path,
        name=f"{source.name}#{member.name}",
        stem=member.stem,
        options=options,
    )
