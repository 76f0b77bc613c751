"""Writing aside, then committing with one rename, so that a kill leaves either nothing or all."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dwkit.errors import ReachError

__all__ = ["commit_file", "commit_folder", "commit_text", "flushing", "scratch", "sweep"]

_STALE_SECONDS = 24 * 3600
_FLUSH_SECONDS = 0.5


@contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """Yield a new folder below ``folder`` that is gone at the end of the block.

    Raises:
        ReachError: the disk is full or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=folder))
    except OSError as error:
        raise ReachError(f"cannot write to {folder}: {error.strerror}") from error
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Remove what killed processes left in a scratch folder."""
    if not folder.is_dir():
        return
    for left in folder.iterdir():
        pid = left.name.split("-", 1)[0]
        gone = pid.isdigit() and not Path(f"/proc/{pid}").exists() and Path("/proc/self").exists()
        with suppress(FileNotFoundError):  # another step ended meanwhile
            if gone or time.time() - left.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(left, ignore_errors=True)


@contextmanager
def flushing(path: Path) -> Iterator[None]:
    """While the block writes a file, send what it has written to the disk.

    The commit, which waits until all of it is there, then has little left to wait for.
    """
    done = threading.Event()

    def flush() -> None:
        while not done.wait(_FLUSH_SECONDS):
            with suppress(OSError):  # not made yet; a full disk is told to the writer
                _sync(path)

    thread = threading.Thread(target=flush, name="flush", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()


def commit_folder(made: Path, final: Path) -> None:
    """Rename ``made`` to ``final`` after its files are on the disk. ``final`` must not exist.

    Raises:
        ReachError: the disk is full or the target cannot be written.
    """
    try:
        for file in made.rglob("*"):
            if file.is_file():
                _sync(file)
        _sync(made)
        final.parent.mkdir(parents=True, exist_ok=True)
        made.rename(final)
        _sync(final.parent)
    except OSError as error:
        raise ReachError(f"cannot write {final}: {error.strerror}") from error


def commit_file(made: Path, final: Path) -> None:
    """Rename a finished file to ``final``, replacing what is there.

    Raises:
        ReachError: the disk is full or the target cannot be written.
    """
    try:
        _sync(made)
        final.parent.mkdir(parents=True, exist_ok=True)
        made.replace(final)
        _sync(final.parent)
    except OSError as error:
        raise ReachError(f"cannot write {final}: {error.strerror}") from error


def commit_text(text: str, final: Path) -> None:
    """Write a small text file atomically."""
    final.parent.mkdir(parents=True, exist_ok=True)
    made = final.with_name(f".{final.name}.{os.getpid()}")
    made.write_text(text, encoding="utf-8")
    commit_file(made, final)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
