"""What the user sees when something fails: a message, a next step and an exit code, never a traceback."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli_frame_tools import PRELUDE, environment, on_terminal, run

FAIL = """
import errno, os
from dwkit import errors
@named("boom")
@click.argument("what")
@standard
def command(app, what):
    '''For a test.'''
    exec(what)
"""


@pytest.mark.parametrize(
    ("what", "code", "message", "hint"),
    [
        (
            "raise errors.DataError('row 7: no date', hint='dwkit quarantine list')",
            1,
            "row 7: no date",
            "dwkit q",
        ),
        ("raise errors.CheckError('3 tests failed')", 1, "3 tests failed", ""),
        ("raise errors.ConfigError('unknown key', place='dwkit.toml:3')", 2, "dwkit.toml:3: unknown key", ""),
        (
            "raise errors.NotFoundError('table', 'ordrs', ['orders'])",
            2,
            "no table named 'ordrs'",
            "did you mean 'ord",
        ),
        ("raise errors.ReachError('s3://x is out of reach')", 3, "s3://x is out of reach", ""),
        ("raise errors.ConflictError('locked')", 4, "locked", ""),
        (
            "raise FileNotFoundError(errno.ENOENT, 'No such file or directory', 'a b.csv')",
            3,
            "directory: a b.csv",
            "",
        ),
        (
            "raise PermissionError(errno.EACCES, 'Permission denied', '/data/x')",
            3,
            "denied: /data/x",
            "ls -ld /data/x",
        ),
        (
            "raise OSError(errno.ENOSPC, 'No space left on device', '/data/x')",
            3,
            "the disk is full: /data/x",
            "free",
        ),
        ("raise OSError('odd')", 3, "odd", "-v"),
        ("raise MemoryError", 1, "out of memory", "fewer rows"),
        ("raise EOFError('ends too early')", 1, "ends too early", ""),
        ("raise KeyboardInterrupt", 130, "interrupted", "type it again"),
        ("raise click.Abort", 130, "interrupted", ""),
        ("raise BrokenPipeError(errno.EPIPE, 'Broken pipe')", 3, "Broken pipe", ""),
        ("import polars as pl; pl.DataFrame({'a': [1]}).select('b')", 1, 'find column "b"', "-v"),
        (
            "raise click.BadParameter('not so', param_hint='--key')",
            2,
            "invalid value for --key: not so",
            "--help",
        ),
    ],
)
def test_errors_end_in_a_message_and_a_code(what: str, code: int, message: str, hint: str) -> None:
    ran = run(FAIL, "boom", what)
    assert ran.code == code
    assert ran.out == ""
    first, _, rest = ran.err.partition("\n")
    assert first.startswith("error: ")
    assert message in first
    assert hint in rest
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    ("what", "code"),
    [("sys.exit(5)", 5), ("sys.exit()", 0), ("click.get_current_context().exit(1)", 1), ("0", 0)],
)
def test_an_exit_code_that_a_verb_asks_for(what: str, code: int) -> None:
    assert run(FAIL, "boom", what) == (code, "", "")


def test_verbose_shows_where() -> None:
    what = "raise errors.DataError('row 7')"
    assert re.search(
        r"Traceback.*DataError: row 7.*\nerror: row 7\n", run(FAIL, "boom", what, "-v").err, re.DOTALL
    )
    assert "Traceback" in run(FAIL, "boom", what, DWKIT_TRACEBACK="1").err


def test_an_internal_error_says_where_its_traceback_is(tmp_path: Path) -> None:
    (tmp_path / ".dwkit").mkdir()
    (tmp_path / "dwkit.toml").write_text("")
    ran = run(FAIL, "boom", "{}['x\\x1b[2J']", cwd=tmp_path)
    assert ran.code == 70
    assert ran.err.startswith("error: internal error: KeyError: ")
    assert "Traceback" not in ran.err
    assert "\x1b" not in ran.err
    (written,) = (tmp_path / ".dwkit").iterdir()
    assert str(written) in ran.err
    text = written.read_text()
    assert "Traceback" in text
    assert "KeyError" in text
    assert text.startswith("dwkit ")


def test_an_internal_error_outside_a_project(tmp_path: Path) -> None:
    ran = run(FAIL, "boom", "1 / 0", cwd=tmp_path, TMPDIR=str(tmp_path))
    assert ran.code == 70
    (written,) = tmp_path.iterdir()
    assert str(written) in ran.err
    assert "ZeroDivisionError" in written.read_text()
    assert "Traceback" in run(FAIL, "boom", "1 / 0", "-v", TMPDIR=str(tmp_path)).err
    assert list(tmp_path.iterdir()) == [written]


def test_errors_as_json() -> None:
    ran = run(FAIL, "boom", "raise errors.ReachError('gone', hint='ping')", "--json-log")
    (line,) = ran.err.splitlines()
    got = json.loads(line)
    assert (got["level"], got["message"], got["hint"], got["exit_code"]) == ("error", "gone", "ping", 3)


def test_errors_are_coloured_on_a_terminal_only() -> None:
    what = "raise errors.DataError('bad', hint='do')"
    assert re.search(r"\x1b\[31m.*error: \x1b\[0m", on_terminal(FAIL, "boom", what).out)
    assert "\x1b[" not in on_terminal(FAIL, "boom", what, NO_COLOR="1").out
    assert run(FAIL, "boom", what).err == "error: bad\nhint: do\n"


def test_interrupting_a_query() -> None:
    code = """
import polars as pl
@named("slow")
@formatted
@standard
def command(app):
    '''For a test.'''
    print("started", file=sys.stderr, flush=True)
    frame = pl.LazyFrame({"a": range(300_000)})
    app.emit(frame.join(frame, how="cross").select((pl.col("a") * pl.col("a_right") % 7).sum()))
"""
    process = subprocess.Popen(
        [sys.executable, "-c", f"{PRELUDE}{code}\nsys.exit(main())", "slow"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env=environment(),
        text=True,
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "started\n"
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.startswith("error: interrupted\n")


MANY = """
import polars as pl
@named("many")
@formatted
@standard
def command(app):
    '''For a test.'''
    app.emit(pl.LazyFrame({"a": range(2_000_000)}).with_columns(b=pl.format("row {}", "a")))

@named("listing")
@formatted
@standard
def listing(app):
    '''For a test.'''
    app.emit([{"a": i, "b": "x" * 80} for i in range(50_000)])
"""


def shell(script: str) -> subprocess.CompletedProcess[str]:
    """Run a script of the shell in which ``dwkit`` has the verbs of MANY."""
    program = shlex.join([sys.executable, "-c", f"{PRELUDE}{MANY}\nsys.exit(main())"])
    return subprocess.run(
        ["bash", "-c", f'dwkit() {{ {program} "$@"; }}\n{script}'],
        capture_output=True,
        text=True,
        errors="replace",
        env=environment(),
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_slow_reader_gets_everything(unbuffered: str) -> None:
    for name, rows in (("many", 2_000_001), ("listing", 50_001)):
        ran = shell(f"PYTHONUNBUFFERED={unbuffered} dwkit {name} -f csv | {{ sleep 0.3; wc -l; }}")
        assert ran.stdout.split() == [str(rows)]


@pytest.mark.parametrize("fmt", ["csv", "json", "ndjson", "md", "parquet", "arrow"])
def test_a_reader_that_leaves_early_is_no_error(fmt: str) -> None:
    for name in ("many", "listing"):
        ran = shell(f"dwkit {name} -f {fmt} | head -c 100 | wc -c; echo ${{PIPESTATUS[0]}}")
        assert ran.stderr == "", (name, ran.stderr)
        assert ran.stdout.split() == ["100", "141"]


def test_the_help_into_a_closed_pipe() -> None:
    ran = shell("{ sleep 0.5; dwkit --help; echo $? >&2; } | true")
    assert ran.stderr == "141\n"


def test_a_full_disk_behind_stdout() -> None:
    for words in ("many -f csv", "many -f parquet", "listing -f json", "--help"):
        ran = shell(f"dwkit {words} > /dev/full; echo $?")
        assert ran.stdout == "3\n", words
        assert "the disk is full" in ran.stderr, words
        assert "Exception ignored" not in ran.stderr


def test_a_closed_stdout() -> None:
    ran = shell("dwkit listing >&-; echo $? >&2")
    assert ran.stderr == "error: stdout is closed\nhint: dwkit ... > FILE\n3\n"
    assert shell("dwkit listing -f csv 2>&- | wc -l").stdout.split() == ["50001"]
