"""Talk: what dwkit says to a person or, with ``--json-log``, to a machine. Always on stderr."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import IO, Any

import click

from dwkit.cli import human
from dwkit.cli.terminal import clean, colourful, is_unicode

__all__ = ["Talk"]

_STYLE: dict[str, dict[str, Any]] = {
    "error": {"fg": "red", "bold": True},
    "warning": {"fg": "yellow"},
    "done": {"fg": "green"},
    "note": {"dim": True},
    "debug": {"dim": True},
}


class Talk:
    """Messages on stderr; safe to call from several threads.

    Attributes:
        quiet: only warnings and errors are shown.
        verbose: also debug messages, and tracebacks of errors.
        json_log: one JSON object per line: ``time`` (UTC), ``level``, ``message`` and the facts given.
        through: set by a live display, which then prints finished lines above itself.
    """

    def __init__(self) -> None:
        self.quiet = False
        self.verbose = False
        self.json_log = False
        self.through: Callable[[str], None] | None = None
        self._lock = threading.Lock()

    @property
    def stream(self) -> IO[str]:
        """Where messages go: stderr."""
        return sys.stderr

    def info(self, message: str, **facts: object) -> None:
        """Say something. Facts are for ``--json-log`` only."""
        self._say("info", message, facts)

    def note(self, message: str, **facts: object) -> None:
        """Say something of less weight, dimmed."""
        self._say("note", message, facts)

    def debug(self, message: str, **facts: object) -> None:
        """Say something that only ``-v`` shows."""
        if self.verbose:
            self._say("debug", message, facts)

    def warn(self, message: str, **facts: object) -> None:
        """Warn; shown with ``-q`` too."""
        self._say("warning", message, facts)

    def done(
        self,
        message: str,
        *,
        rows: int | None = None,
        bytes: int | None = None,  # noqa: A002 - reads best where it is called
        quarantined: int = 0,
        seconds: float | None = None,
        **facts: object,
    ) -> None:
        """Say what was done: ``message: 1,234 rows, 3 quarantined, 1.2 MB, 0.12 s``."""
        said = [
            human.plural(rows, "row") if rows is not None else "",
            f"{quarantined:,} quarantined" if quarantined else "",
            human.size(bytes) if bytes is not None else "",
            human.duration(seconds) if seconds is not None else "",
        ]
        text = ", ".join(s for s in said if s)
        counts = {"rows": rows, "bytes": bytes, "quarantined": quarantined or None, "seconds": seconds}
        facts = {**{k: v for k, v in counts.items() if v is not None}, **facts}
        self._say("done", message, facts, tail=f": {text}" if text else "")

    def error(self, message: str, *, hint: str = "", exit_code: int = 1) -> None:
        """Show an error and the next thing to type; shown with ``-q`` too."""
        self._say(
            "error", message, {"hint": hint, "exit_code": exit_code} if hint else {"exit_code": exit_code}
        )
        if hint and not self.json_log:
            self._say("hint", hint, {})

    def _say(self, level: str, message: str, facts: dict[str, object], tail: str = "") -> None:
        if self.quiet and level not in ("error", "hint", "warning"):
            return
        if self.json_log:
            now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            line = json.dumps({"time": now, "level": level, "message": message, **facts}, default=str)
        else:
            line = self._line(level, message, tail)
        with self._lock:
            if self.through is not None and not self.json_log:
                self.through(line)
                return
            with contextlib.suppress(OSError, ValueError, AttributeError):  # nobody listens; the work goes on
                self.stream.write(line + "\n")
                self.stream.flush()

    def _line(self, level: str, message: str, tail: str) -> str:
        label = {"error": "error: ", "warning": "warning: ", "hint": "hint: "}.get(level, "")
        text = "\n".join(clean(part) for part in message.split("\n"))
        if not is_unicode(self.stream):
            text = text.translate({0xD7: "x", 0x2026: "...", 0x2190: "<-", 0x2192: "->", 0x2014: "-"})
        if not colourful(self.stream):
            return label + text + tail
        if level == "hint":
            return click.style(label, fg="cyan", bold=True) + text
        if label:
            return click.style(label, **_STYLE[level]) + text
        if level == "done":
            return click.style(text, **_STYLE[level]) + click.style(tail, dim=True)
        return click.style(text, **_STYLE[level]) if level in _STYLE else text
