"""What the tests share: running the command as a person would."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from forked import Server

# Hundreds of commands are run: each would compile dwkit anew where the machine says to keep no byte code.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

Run = Callable[..., subprocess.CompletedProcess[str]]


def ran(*words: str, cwd: Path, stdin: bytes | None = None) -> tuple[int, bytes, bytes]:
    """Run one command line; return exit code, stdout and stderr."""
    return _server().run(words, cwd, {**os.environ, "COLUMNS": "200"}, stdin or b"")


def dwkit(
    *words: str, cwd: Path, stdin: bytes | None = None, ok: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run one command line of text; with ``ok`` it must succeed."""
    code, out, err = ran(*words, cwd=cwd, stdin=stdin)
    text = subprocess.CompletedProcess(words, code, out.decode(), err.decode())
    assert "Traceback" not in text.stderr, text.stderr
    if ok:
        assert text.returncode == 0, f"{words}: {text.returncode}\n{text.stdout}\n{text.stderr}"
    return text


@functools.cache
def _server() -> Server:
    return Server()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty project."""
    folder = tmp_path / "w"
    dwkit("init", str(folder), cwd=tmp_path)
    return folder


@pytest.fixture(scope="session")
def demo_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo, run once; do not change it."""
    folder = tmp_path_factory.mktemp("demo")
    dwkit("demo", "shop", cwd=folder)
    return folder / "shop"


@pytest.fixture
def shop(demo_once: Path, tmp_path: Path) -> Path:
    """A copy of the demo, to be changed."""
    copy = tmp_path / "shop"
    shutil.copytree(demo_once, copy)
    return copy
