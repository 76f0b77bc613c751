"""Content digests, computed beside the reading of a file so that they cost no time of their own."""

from __future__ import annotations

import hashlib
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from dwkit.ledger import Ledger

__all__ = ["Digest", "combined"]

_BLOCK = 1 << 20
_SETTLED_NS = 2_000_000_000
"""A file younger than this may change without its times telling; its digest is not kept."""


class Digest:
    """SHA-256 of a file, computed in a thread of its own from the start.

    A file that the ledger knows by path, size and times is not read again.

    Args:
        path: the file.
    """

    def __init__(self, path: Path, ledger: Ledger) -> None:
        self._path, self._ledger = path.absolute(), ledger
        self._stat = path.stat()
        self._known = ledger.file_digest(self._path, self._stat)
        if not self._known:
            pool = ThreadPoolExecutor(1, thread_name_prefix="digest")
            self._future: Future[str] = pool.submit(_sha256, path)
            pool.shutdown(wait=False)

    def result(self) -> str:
        """Return the digest as hex text, waiting for it."""
        if not self._known:
            self._known = self._future.result()
            now, was = self._path.stat(), self._stat
            same = (now.st_size, now.st_mtime_ns, now.st_ctime_ns) == (
                was.st_size,
                was.st_mtime_ns,
                was.st_ctime_ns,
            )
            if same and time.time_ns() - max(was.st_mtime_ns, was.st_ctime_ns) > _SETTLED_NS:
                self._ledger.add_file_digest(self._path, was, self._known)
        return self._known


def combined(parts: list[str]) -> str:
    """Return one digest for several texts, in their order."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as handle:
        while block := handle.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
