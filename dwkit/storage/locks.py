"""Locks between processes: one writer per dataset or table. The system frees them when a process dies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from dwkit.errors import ConflictError

__all__ = ["writing"]


@contextmanager
def writing(folder: Path, name: str, *, seconds: float = 10) -> Iterator[None]:
    """Hold the write lock of ``name`` for the block.

    Raises:
        ConflictError: another writer held it for more than ``seconds``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f"{name}.lock", timeout=seconds)
    try:
        lock.acquire()
    except Timeout:
        raise ConflictError(
            f"{name} is being written by another dwkit", hint="wait for it to end and type the command again"
        ) from None
    try:
        yield
    finally:
        lock.release()
