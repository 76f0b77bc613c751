"""Counts, sizes and durations as people read them; for messages only, never for data."""

from __future__ import annotations

__all__ = ["count", "duration", "plural", "size"]


def count(number: int) -> str:
    """``1234567`` -> ``1,234,567``."""
    return f"{number:,}"


def plural(number: int, one: str, many: str = "") -> str:
    """``(1, "row")`` -> ``1 row``; ``(2, "row")`` -> ``2 rows``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def size(number: float) -> str:
    """Bytes, in powers of 1000: ``1234567`` -> ``1.2 MB``."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if abs(number) < 999.5:
            return f"{number:.0f} {unit}" if unit == "B" or number >= 99.5 else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:,.1f} PB"


def duration(seconds: float) -> str:
    """``0.123`` -> ``0.12 s``; ``75`` -> ``1 min 15 s``; ``7260`` -> ``2 h 1 min``."""
    if seconds < 9.995:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
