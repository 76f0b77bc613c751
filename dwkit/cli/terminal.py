"""What the terminal can do: colours, characters, width; and text that is safe to show on it."""

from __future__ import annotations

import os
import shutil
import sys
from typing import IO, Any

__all__ = ["WIDE", "clean", "colourful", "is_terminal", "is_unicode", "width"]

WIDE = 100_000
"""Width of what is no terminal: nothing is cropped."""

# C0 and C1 control characters, the marks that turn the direction of writing, and line separators:
# data must not be able to move the cursor, change colours or reorder what is read.
_UNSAFE: dict[int, str] = {
    **{c: f"\\x{c:02x}" for c in (*range(0x20), *range(0x7F, 0xA0))},
    **{
        c: f"\\u{c:04x}"
        for c in (0x061C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A), 0xFEFF)
    },
    **{c: f"\\u{c:04x}" for c in range(0xD800, 0xE000)},
    ord("\n"): "\\n",
    ord("\r"): "\\r",
    ord("\t"): "\\t",
}


def clean(text: str) -> str:
    """Return text with every control character written as an escape, on one line."""
    return text if text.isascii() and text.isprintable() else text.translate(_UNSAFE)


def is_terminal(stream: IO[Any] | None) -> bool:
    """Say whether a person reads the stream."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def colourful(stream: IO[Any] | None) -> bool:
    """Say whether colours are wanted: https://no-color.org, ``FORCE_COLOR``, else a terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return is_terminal(stream) and os.environ.get("TERM") != "dumb"


def is_unicode(stream: IO[Any] | None) -> bool:
    """Say whether the stream's encoding holds every character."""
    encoding = (getattr(stream, "encoding", None) or "ascii").lower().replace("_", "-")
    return encoding.startswith(("utf", "u8")) or encoding == "cp65001"


def width(stream: IO[Any] | None = None) -> int:
    """Return the columns there are: ``COLUMNS``, the terminal's width, or :data:`WIDE` for a file or pipe."""
    told = os.environ.get("COLUMNS", "")
    if told.isdigit() and int(told):
        return int(told)
    stream = sys.stdout if stream is None else stream
    if not is_terminal(stream):
        return WIDE
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return shutil.get_terminal_size().columns
