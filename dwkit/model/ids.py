"""Sortable ids: UUID version 7 (RFC 9562), strictly increasing within a process."""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime
from uuid import UUID

__all__ = ["new_id", "time_of"]

_lock = threading.Lock()
_last = 0


def new_id() -> str:
    """Return a new id; later calls give ids that sort later, as text too.

    The 12 bits after the millisecond count up (RFC 9562, 6.2, method 1), so ids made in one
    millisecond keep their order.
    """
    global _last
    with _lock:
        stamp = (time.time_ns() // 1_000_000) << 12
        _last = stamp if stamp > _last else _last + 1
        stamp = _last
    high = ((stamp >> 12) << 16) | 0x7000 | (stamp & 0xFFF)
    low = (int.from_bytes(os.urandom(8), "big") & 0x3FFF_FFFF_FFFF_FFFF) | 0x8000_0000_0000_0000
    return str(UUID(int=(high << 64) | low))


def time_of(ident: str) -> datetime:
    """Return the UTC instant (to the millisecond) at which ``ident`` was made."""
    return datetime.fromtimestamp((UUID(ident).int >> 80) / 1000, tz=UTC)
