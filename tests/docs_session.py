"""The commands of a documentation page, run as a person at a terminal would run them.

A fenced block marked ``console`` holds commands and what they show::

    $ dwkit ls lake            a line that begins with "$ " is a command,
    > --format csv             "> " goes on with it, as a backslash at the end of a line does;
    name,layer,kind            what follows is what the terminal shows, stdout and stderr.

The rules for those who write pages:

- All commands of a page run in one folder and one shell: the folder, the environment and ``$?`` persist.
- Shown and wanted text must be equal, line by line, but for what no two runs have in common: spaces and
  rules that fill a column, durations, sizes in bytes, ids, and instants of today. A line of ``…`` alone
  stands for any lines.
- A command may fail only where the page shows its ``error:`` line or asks ``echo $?`` next.
- ``<!-- test: ... -->`` holds shell lines that are run and not shown; ``$CHECKOUT`` is the clone.
- Blocks marked otherwise (``sh``, ``toml``, ``sql``) are not run.
"""

from __future__ import annotations

import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fcntl import ioctl
from pathlib import Path

import pyte
from sybil import Document
from sybil.parsers.markdown.lexers import DirectiveInHTMLCommentLexer, FencedCodeBlockLexer

_CHECKOUT = Path(__file__).parent.parent
WIDTH, HEIGHT = 100, 60
_WIDE, _LONG = 1000, 4000  # of the emulated screen, so that nothing wraps and nothing scrolls away

_ID = r"01[0-9a-f]{6}-[0-9a-f]{1,4}(?:-[0-9a-f]{0,4}){0,2}(?:-[0-9a-f]{0,12})?…?"
_CLOCK = r"[ T]\d\d:[\d:.]*(?:Z|\+00:00)?…?"
_INSTANT = r"\d{4}-\d\d-\d\d" + _CLOCK
_DURATION = r"\d+(?:\.\d+)? s\b|\d+ min \d+ s\b"
_SIZE = r"\b\d+(?:\.\d+)? (?:B|kB|MB)(?!\w)"
_FILL = r"[ ─━]+"
_VARIES = re.compile(
    f"(?P<id>{_ID})|(?P<instant>{_INSTANT})|(?P<duration>{_DURATION})|(?P<size>{_SIZE})|(?P<fill>{_FILL})"
)


@dataclass
class Command:
    """A command, the line it stands on, and the text wanted; None where nothing is compared."""

    line: int
    text: str
    wanted: list[str] | None = field(default_factory=list)
    end: int = 0
    """Line after the last one of the wanted text."""


@dataclass
class Result:
    """What a command showed, and its exit code."""

    shown: list[str]
    code: int


def commands(page: Path) -> list[Command]:
    """Return the commands of a page, in order."""
    document = Document(page.read_text(encoding="utf-8"), page.as_posix())
    found = []
    for lexer in (FencedCodeBlockLexer("console"), DirectiveInHTMLCommentLexer("test")):
        for region in lexer(document):
            source = region.lexemes["source"]
            line = document.text.count("\n", 0, region.start + source.offset) + 1
            shown = region.lexemes.get("language") == "console"
            if shown:
                found += _console(source.text, line)
            else:
                text = region.lexemes["arguments"] + "\n" + source.text
                found.append(Command(line, text.strip(), None))
    return sorted(found, key=lambda c: c.line)


def _console(text: str, first: int) -> Iterator[Command]:
    command: Command | None = None
    for number, line in enumerate(text.splitlines(), first):
        goes_on = command is not None and not command.wanted and (
            line.startswith("> ") or line == ">" or command.text.endswith("\\")
        )  # fmt: skip
        if goes_on:
            assert command is not None
            command.text += "\n" + line.removeprefix(">").removeprefix(" ")
            command.end = number + 1
        elif line.startswith("$ "):
            if command is not None:
                yield command
            command = Command(number, line[2:], end=number + 1)
        elif command is not None:
            assert command.wanted is not None
            command.wanted.append(line.rstrip())
            command.end = number + 1
        else:
            raise AssertionError(f"line {number}: a console block begins with a command, not {line!r}")
    if command is not None:
        yield command


class Session:
    """One shell in one folder, in which ``dwkit`` is this checkout; each command has a terminal.

    Args:
        folder: an empty folder; the commands start in ``folder/work``.
    """

    def __init__(self, folder: Path) -> None:
        tools, self._state, work = folder / "bin", folder / "state", folder / "work"
        tools.mkdir()
        work.mkdir()
        for name, words in (("dwkit", "-m dwkit"), ("python", "")):
            (tools / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
            (tools / name).chmod(0o755)
        self._state.write_text(f"cd '{work}'\n")
        keep = {k: v for k, v in os.environ.items() if not k.startswith(("_DWKIT", "DWKIT_", "PYTEST"))}
        self._env = keep | {
            "PATH": f"{tools}:{os.environ['PATH']}",
            "HOME": str(work),
            "TERM": "xterm",
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            "PYTHONPATH": str(_CHECKOUT),
            "CHECKOUT": str(_CHECKOUT),
            "COLUMNS": str(WIDTH),
            "LINES": str(HEIGHT),
        }
        for name in ("NO_COLOR", "FORCE_COLOR", "CI"):
            self._env.pop(name, None)
        self._code = 0

    def run(self, command: str) -> Result:
        """Run one command; return what the terminal shows at its end."""
        script = (
            f"source '{self._state}'\n(exit {self._code})\n{command}\n"
            f"_code=$?; {{ echo \"cd '$PWD'\"; export -p; }} > '{self._state}'; exit $_code\n"
        )
        ours, theirs = pty.openpty()
        ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
        process = subprocess.Popen(
            ["bash", "-c", script], stdin=theirs, stdout=theirs, stderr=theirs, env=self._env,
            start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        data = b""
        while True:
            try:
                piece = os.read(ours, 1 << 16)
            except OSError:  # the other side is closed
                break
            if not piece:
                break
            data += piece
        os.close(ours)
        self._code = process.wait()
        return Result(_screen(data), self._code)


def _screen(data: bytes) -> list[str]:
    """Return the lines that a terminal shows after these bytes."""
    if b"\x1b" not in data:
        return [line.rstrip() for line in data.decode().replace("\r\n", "\n").split("\n")[:-1]]
    screen = pyte.Screen(_WIDE, _LONG)
    pyte.ByteStream(screen).feed(data)
    lines = {
        row: "".join(cells[x].data for x in range(max(cells, default=-1) + 1)).rstrip()
        for row, cells in screen.buffer.items()
    }
    # Up to the cursor, or the last line with text: what was erased below is no line.
    written = max((row + 1 for row, text in lines.items() if text), default=0)
    return [lines.get(row, "") for row in range(max(screen.cursor.y, written))]


def matches(wanted: list[str], shown: list[str]) -> bool:
    """Tell whether shown text is what is wanted."""
    pattern = "".join("(?:.*\n)*?" if line.strip() == "…" else _pattern(line) + "\n" for line in wanted)
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in shown)) is not None


def _pattern(line: str) -> str:
    """Return a regular expression for a line, loose where two runs differ."""
    now = datetime.now(UTC)
    days = "|".join(str((now - timedelta(days=n)).date()) for n in (0, 1))
    pieces, at = [], 0
    for found in _VARIES.finditer(line.rstrip()):
        pieces.append(re.escape(line[at : found.start()]))
        match found.lastgroup:
            case "id":
                pieces.append(_ID)
            case "instant":
                pieces.append(f"(?:{re.escape(found[0])}|(?:{days}){_CLOCK})")
            case "duration":
                pieces.append(f"(?:{_DURATION})")
            case "size":
                pieces.append(f"(?:{_SIZE})")
            case _:
                pieces.append(_FILL)
        at = found.end()
    return "".join(pieces) + re.escape(line.rstrip()[at:])


def may_fail(command: Command, after: Command | None) -> bool:
    """Tell whether a page announces that a command fails."""
    shows = any(line.startswith("error: ") for line in command.wanted or ())
    return shows or (after is not None and after.text == "echo $?")


def rewrite(page: Path, folder: Path) -> list[str]:
    """Run a page and put what its commands show now where it differs; return what was rewritten."""
    session, lines, changes = Session(folder), page.read_text(encoding="utf-8").split("\n"), []
    told, moved = [], 0
    for command in commands(page):
        result = session.run(command.text)
        if command.wanted is None:
            if result.code:
                told.append(f"{page.name}:{command.line}: exit {result.code}: {result.shown}")
        elif not matches(command.wanted, result.shown):
            changes.append((command, result.shown))
    for command, shown in changes:
        assert command.wanted is not None
        start = command.end - len(command.wanted) - 1 + moved
        lines[start : start + len(command.wanted)] = shown
        moved += len(shown) - len(command.wanted)
        told.append(f"{page.name}:{command.line}: {command.text}")
    page.write_text("\n".join(lines), encoding="utf-8")
    return told


if __name__ == "__main__":
    import tempfile

    for name in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as scratch:
            print("\n".join(rewrite(Path(name), Path(scratch))))
