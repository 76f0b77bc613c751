"""``dwkit shell`` at a terminal, and with a script on stdin."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from cli_frame_tools import bare
from conftest import dwkit

PROMPT, MORE = "dwkit> ", "   ... "


class Terminal:
    """A shell at a pseudo-terminal."""

    def __init__(self, cwd: Path, state: Path, *words: str) -> None:
        self._ours, theirs = pty.openpty()
        env = {**os.environ, "XDG_STATE_HOME": str(state), "TERM": "xterm", "NO_COLOR": "1", "COLUMNS": "100"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "dwkit", "shell", *words],
            stdin=theirs, stdout=theirs, stderr=theirs, cwd=cwd, env=env, start_new_session=True, close_fds=True,
            preexec_fn=lambda: __import__("fcntl").ioctl(0, __import__("termios").TIOCSCTTY, 0),  # noqa: PLW1509
        )  # fmt: skip
        os.close(theirs)
        self.seen = ""

    def wait(self, text: str) -> str:
        """Return what comes up to a text."""
        end = time.monotonic() + 60
        got = ""
        while text not in _plain(got):
            ready, _, _ = select.select([self._ours], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"{text!r} did not come: {got!r}"
            try:
                piece = os.read(self._ours, 65536)
            except OSError:
                piece = b""
            assert piece, f"it ended before {text!r}: {got!r}"
            got += piece.decode("utf-8", "replace")
        self.seen += got
        return _plain(got)

    def type(self, keys: str, until: str = PROMPT) -> str:
        """Type keys and return what is shown, up to a text."""
        os.write(self._ours, keys.encode())
        return self.wait(until)

    def end(self, keys: str) -> int:
        """Type the last keys and return the exit code."""
        os.write(self._ours, keys.encode())
        while True:
            try:
                if not os.read(self._ours, 65536):
                    break
            except OSError:
                break
        return self._process.wait(timeout=60)

    def close(self) -> None:
        """End it however it is."""
        self._process.kill()
        self._process.wait()
        os.close(self._ours)


def _plain(text: str) -> str:
    return bare(text).replace("\x07", "")  # the bell of a completion that is not the only one


@pytest.fixture
def terminal(demo_once: Path, tmp_path: Path) -> Iterator[Terminal]:
    """A shell in the demo."""
    made = Terminal(demo_once, tmp_path / "state")
    made.wait(PROMPT)
    yield made
    made.close()


def test_statements_end_with_a_semicolon_and_scratch_tables_live_on(terminal: Terminal) -> None:
    terminal.type("select 1 as one,\n", MORE)
    terminal.type("';' as semi -- not here;\n", MORE)
    assert re.search(r"one +semi\W.*1 +;", terminal.type(";\n"), re.DOTALL)
    assert "CREATE TABLE: 2 rows" in terminal.type("create table t as select 5 as a union all select 6;\n")
    shown = terminal.type("insert into t values (7); select sum(a) as s from t;\n")
    assert "INSERT: 1 row" in shown
    assert "18" in shown
    assert terminal.end("\\q\n") == 0


def test_errors_and_interrupts_end_nothing(terminal: Terminal) -> None:
    shown = terminal.type("select nothing from marts.sales;\n")
    assert "no column 'nothing'" in shown
    assert "Traceback" not in shown
    terminal.type("select 1,\n", MORE)
    time.sleep(
        0.2
    )  # a signal between the prompt and Python's wait for input is noticed with the next key only
    terminal.type("\x03")
    assert "42" in terminal.type("select 42 as answer;\n")
    assert "no command named" in terminal.type("\\nothing\n")
    assert terminal.end("\x04") == 0


def test_commands_that_begin_with_a_backslash(terminal: Terminal, tmp_path: Path) -> None:
    terminal.type("create table mine (a int);\n")
    listed = terminal.type("\\dt\n")
    assert re.search(r"mine +scratch +0", listed)
    assert "dim_customer" in listed
    assert re.search(r"revenue +DECIMAL", terminal.type("\\d marts.sales\n"))
    assert "tsql SQL" in terminal.type("\\dialect tsql\n")
    assert "did you mean 'tsql'" in terminal.type("\\dialect tsqll\n")
    assert "timing is on" in terminal.type("\\timing\n")
    assert "time: " in terminal.type("select top 1 month from marts.sales order by month;\n")
    terminal.type(f"\\o {tmp_path}/out.parquet\n")
    terminal.type("select len('abc') as n;\n")
    terminal.type("\\o\n")
    assert pl.read_parquet(tmp_path / "out.parquet").to_dicts() == [{"n": 3}]
    assert "\\timing" in terminal.type("\\?\n")


def test_tab_completes_keywords_tables_and_columns(terminal: Terminal) -> None:
    terminal.type("sele\t", "select")
    terminal.type(" reven\x15select * from marts.sal\t", "marts.sales")
    terminal.type(" where reven\t_per\t", "revenue_per_order")
    terminal.type(" > 0 limit 1;\n")


def test_lines_are_remembered(demo_once: Path, tmp_path: Path) -> None:
    first = Terminal(demo_once, tmp_path)
    first.wait(PROMPT)
    first.type("select 4711 as remembered;\n")
    assert first.end("\x04") == 0
    first.close()
    assert "select 4711 as remembered;" in (tmp_path / "dwkit" / "history").read_text()
    again = Terminal(demo_once, tmp_path)
    again.wait(PROMPT)
    assert "4711" in again.type("\x1b[A", "remembered;")
    again.close()


def test_a_script_on_stdin_runs_and_fails_as_one(tmp_path: Path) -> None:
    done = dwkit(
        "shell", cwd=tmp_path, stdin=b"create table t (a int); insert into t values (1);\nselect * from t"
    )
    assert done.stdout == "a\n1\n"
    wrong = dwkit("shell", cwd=tmp_path, stdin=b"select 1;\nselect b from nothing", ok=False)
    assert wrong.returncode == 2
    assert dwkit("shell", "--dialect", "tsqll", cwd=tmp_path, stdin=b"select 1", ok=False).returncode == 2
