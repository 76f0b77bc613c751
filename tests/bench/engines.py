"""The two engines of the benchmark, each in one process of its own that stays warm."""

from __future__ import annotations

import io
import multiprocessing as mp
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import polars as pl

__all__ = ["Command", "Dwkit", "EngineError", "Shell", "Took"]


class EngineError(Exception):
    """An engine could not answer; the message is the first line of what it said."""


class Took(NamedTuple):
    """Seconds of one run: from text to lazy frame, and the whole."""

    compile: float
    total: float


class Dwkit:
    """Our compiler and Polars, as ``dwkit query`` uses them, over Parquet files.

    Args:
        tables: paths by table name.
        threads: threads of Polars.
        patience: seconds after which a query is given up and the process started anew.
    """

    def __init__(self, tables: dict[str, Path], *, threads: int, patience: float) -> None:
        self._tables, self._patience = tables, patience
        os.environ["POLARS_MAX_THREADS"] = str(threads)
        self._start()

    def _start(self) -> None:
        context = mp.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_answer, args=(other, self._tables), daemon=True)
        self._process.start()
        other.close()

    def time(self, sql: str) -> Took:
        """Run a query and throw its rows away."""
        return Took(*self._ask(sql, rows=False))  # type: ignore[misc]

    def rows(self, sql: str) -> pl.DataFrame:
        """Run a query for its rows."""
        return self._ask(sql, rows=True)  # type: ignore[return-value]

    def _ask(self, sql: str, *, rows: bool) -> object:
        self._pipe.send((sql, rows))
        died = f"no answer after {self._patience:g} s"
        if self._pipe.poll(self._patience):
            try:
                kind, value = self._pipe.recv()
            except EOFError:
                died = "the process died"
            else:
                if kind == "error":
                    raise EngineError(value)
                return value
        self._process.kill()
        self._process.join()
        self._start()
        raise EngineError(died)

    def close(self) -> None:
        self._process.kill()


def _answer(pipe: Connection, tables: dict[str, Path]) -> None:
    """Answer queries until the other end goes."""
    from dwkit.sql import to_lazy
    from dwkit.storage.parquet import statistics

    frames = {name: pl.scan_parquet(path) for name, path in tables.items()}
    while True:
        try:
            sql, wants_rows = pipe.recv()
        except EOFError:
            return
        try:
            start = time.perf_counter()
            lazy = to_lazy(sql, frames, statistics=lambda name: statistics([tables[name]]))
            compiled = time.perf_counter()
            found = lazy.collect(engine="streaming")
            done = time.perf_counter()
        except BaseException as error:  # a panic of Polars is no Exception
            pipe.send(("error", f"{type(error).__name__}: {str(error).strip() or '?'}".splitlines()[0]))
        else:
            pipe.send(("ok", found if wants_rows else (compiled - start, done - start)))


class Command:
    """The command ``dwkit query`` itself, a process of its own for each query.

    Args:
        tables: paths by table name, which become views.
        threads: threads of Polars.
        patience: seconds after which a query is given up.
    """

    def __init__(self, tables: dict[str, Path], *, threads: int, patience: float) -> None:
        self._views = "".join(f"CREATE VIEW {n} AS SELECT * FROM '{p}';\n" for n, p in tables.items())
        self._environment = {**os.environ, "POLARS_MAX_THREADS": str(threads)}
        self._patience = patience

    def rows(self, sql: str) -> pl.DataFrame:
        """Run a query for its rows."""
        try:
            done = subprocess.run(
                [sys.executable, "-m", "dwkit", "query", "-", "--format", "parquet"],
                input=(self._views + sql).encode(), capture_output=True, timeout=self._patience, check=False,
                env=self._environment,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise EngineError(f"no answer after {self._patience:g} s") from None
        if done.returncode:
            raise EngineError(done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}")
        return pl.read_parquet(io.BytesIO(done.stdout))

    def time(self, sql: str) -> Took:
        """Run a query; compiling is not told apart from the rest of the command."""
        start = time.perf_counter()
        self.rows(sql)
        return Took(0.0, time.perf_counter() - start)

    def close(self) -> None:
        """Nothing stays open."""


class Shell:
    """A DuckDB command-line shell, fed by a pipe; it is timed by its own ``.timer``.

    Args:
        command: the shell's command line.
        tables: paths by table name, which become views.
        threads: its threads.

    Raises:
        EngineError: the command cannot be started.
    """

    def __init__(self, command: str, tables: dict[str, Path], *, threads: int) -> None:
        self._folder = tempfile.TemporaryDirectory()
        try:
            self._process = subprocess.Popen(
                [*shlex.split(command), "-unsigned"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        except OSError as error:
            raise EngineError(f"{command}: {error.strerror}") from None
        self.run(".mode trash", ".timer on", f"SET threads={threads};")
        for name, path in tables.items():
            self.run(f"CREATE VIEW {name} AS FROM read_parquet('{path}');")

    def time(self, sql: str) -> float:
        """Run a query, throw its rows away, and return its seconds."""
        said = self.run(_ended(sql))
        took = re.search(r"^Run Time \(s\): real ([0-9.]+)", said, re.MULTILINE)
        if took is None:
            raise EngineError(said.strip() or "no time")
        return float(took[1])

    def rows(self, sql: str) -> pl.DataFrame:
        """Run a query for its rows."""
        path = Path(self._folder.name) / "rows.parquet"
        self.run(f"COPY ({_ended(sql)[:-1]}) TO '{path}' (FORMAT parquet);")
        return pl.read_parquet(path)

    def version(self) -> str:
        return "DuckDB " + str(self.rows("SELECT version()").item())

    def run(self, *statements: str) -> str:
        """Run statements and dot commands; return what the shell said.

        Raises:
            EngineError: one of them failed.
        """
        pipe_in, pipe_out = self._process.stdin, self._process.stdout
        assert pipe_in
        assert pipe_out
        said: list[str] = []
        try:
            pipe_in.write("\n".join(statements) + "\n.print --done--\n")
            pipe_in.flush()
        except BrokenPipeError:
            raise EngineError("the rival's process died") from None
        for line in pipe_out:
            if line.strip() == "--done--":
                break
            said.append(line)
        failed = next((line.strip() for line in said if re.match(r"[\w -]+ Error: ", line)), "")
        if failed:
            raise EngineError(failed)
        return "".join(said)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()


def _ended(sql: str) -> str:
    return sql.strip().rstrip(";") + ";"
