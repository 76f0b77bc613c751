"""Running the command line for real: in a subprocess, through pipes or on a terminal of a given size."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import NamedTuple

PRELUDE = """
import sys, types
import click
from dwkit.cli.group import VERBS, Entry
from dwkit.cli.options import *
from dwkit.cli import main

def register(command):
    module = types.ModuleType(f"verb_{command.name}")
    module.command = command
    sys.modules[module.__name__] = module
    VERBS[command.name] = Entry(module.__name__, "For a test.", "Ask")

def named(name, **more):
    def make(f):
        f.__module__ = name
        made = verb(examples=f"dwkit {name}", **more)(f)
        register(made)
        return made
    return make

"""

_MOVES = re.compile(r"\x1b\[[0-9;?]*[A-HJKSThl]|\x1b\[[0-9;?]*m|\r")


class Ran(NamedTuple):
    code: int
    out: str
    err: str


def environment(**more: str) -> dict[str, str]:
    """Return an environment in which nothing of the tester's own terminal shows."""
    ours = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "PYTHONIOENCODING", "DWKIT_TRACEBACK", "TERM")
    kept = {k: v for k, v in os.environ.items() if k not in ours}
    return {**kept, "PYTHONUTF8": "1", "TERM": "xterm-256color", **more}


def run(code: str, *words: str, cwd: Path | None = None, **env: str) -> Ran:
    """Run ``dwkit WORDS`` with the verbs that ``code`` registers; stdout and stderr are pipes."""
    done = subprocess.run(
        [sys.executable, "-c", f"{PRELUDE}{code}\nsys.exit(main())", *words],
        capture_output=True,
        cwd=cwd,
        env=environment(**env),
        timeout=60,
        check=False,
    )
    return Ran(
        done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
    )


def on_terminal(code: str, *words: str, columns: int = 80, lines: int = 40, **env: str) -> Ran:
    """Run it on a terminal; ``out`` is all that the terminal was sent, ``err`` is empty."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", f"{PRELUDE}{code}\nsys.exit(main())", *words],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment(**env),
        close_fds=True,
    )
    os.close(theirs)
    sent = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # EIO: the other end is closed
            break
        if not piece:
            break
        sent += piece
    os.close(ours)
    return Ran(process.wait(timeout=60), sent.decode("utf-8", "replace"), "")


def bare(text: str) -> str:
    """Return text without colours and movements of the cursor."""
    return _MOVES.sub("", text)
