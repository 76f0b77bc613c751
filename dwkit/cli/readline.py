"""Lines that a person types: editing, history and completion, where Python has readline."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["editing", "read_line", "state_folder"]

_KEPT = 2_000
"""Lines of history."""


def read_line(prompt: str) -> str:
    """Return the next line.

    Raises:
        EOFError: there is none.
        KeyboardInterrupt: it was dropped.
    """
    if sys.stdout is not None and sys.stdout.isatty():
        return input(prompt)
    # With stdout in a file the prompt must not go there.
    sys.stderr.write(prompt)
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.rstrip("\n")


@contextmanager
def editing(history: Path, complete: Callable[[str, str], list[str]]) -> Iterator[None]:
    """Edit lines with a history that lasts and with completion, within the block.

    Args:
        complete: gives the words that can stand in place of a word, from it and the line up to its end.
    """
    try:
        import readline
    except ImportError:  # Windows has line editing of its own
        yield
        return
    found: list[str] = []

    def completer(word: str, state: int) -> str | None:
        if state == 0:
            found.clear()
            # readline would swallow it; no completion is no harm.
            with contextlib.suppress(Exception):
                found.extend(complete(word, readline.get_line_buffer()[: readline.get_endidx()]))
        return found[state] if state < len(found) else None

    with contextlib.suppress(OSError):
        readline.read_history_file(history)
    readline.set_history_length(_KEPT)
    readline.set_completer_delims(" \t\n,()=<>+-*/;'\"")
    readline.set_completer(completer)
    libedit = "libedit" in (readline.__doc__ or "")
    readline.parse_and_bind("bind ^I rl_complete" if libedit else "tab: complete")
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            history.parent.mkdir(parents=True, exist_ok=True)
            readline.write_history_file(history)
            history.chmod(0o600)


def state_folder() -> Path:
    """Return the folder: ``XDG_STATE_HOME``, on Windows ``LOCALAPPDATA``, else ``~/.local/state``; it need not exist."""
    told = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_STATE_HOME", "")
    base = Path(told) if told and Path(told).is_absolute() else Path.home() / ".local" / "state"
    return base / "dwkit"
