"""Content digests, computed beside the reading of a file so that they cost no time of their own."""

from __future__ import annotations

import hashlib
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

__all__ = ["Digest", "combined"]

_BLOCK = 1 << 20


class Digest:
    """SHA-256 of a file, computed in a thread of its own from the start.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="digest")
        self._future: Future[str] = self._pool.submit(_sha256, path)
        self._pool.shutdown(wait=False)

    def result(self) -> str:
        """Return the digest as hex text, waiting for it."""
        return self._future.result()


def combined(parts: list[str]) -> str:
    """Return one digest for several texts, in their order."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as handle:
        while block := handle.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
