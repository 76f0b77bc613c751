"""Recording of runs and their steps."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import msgspec

from dwkit.errors import DwkitError
from dwkit.ledger.database import Database
from dwkit.model.ids import new_id
from dwkit.model.run import Run, Step

__all__ = ["RunRecorder", "StepRecorder", "now"]


def now() -> str:
    """Return the UTC time, ISO 8601 with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class StepRecorder:
    """The step under way: its counters are set as work goes on and written when it ends."""

    def __init__(self, step: Step) -> None:
        self.step = step

    def count(self, *, rows_in: int = 0, rows_out: int = 0, quarantined: int = 0, bytes_out: int = 0) -> None:
        """Add to the step's counters."""
        self.step.rows_in += rows_in
        self.step.rows_out += rows_out
        self.step.quarantined += quarantined
        self.step.bytes_out += bytes_out

    def skip(self, why: str) -> None:
        """Say that there was nothing to do, and why."""
        self.step.state, self.step.why = "skipped", why


class RunRecorder:
    """One run: a command that changes something, from start to exit code.

    Steps may be recorded from several threads.
    """

    def __init__(self, database: Database, command: str) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._seq = 0
        self.id = new_id()
        self._run = Run(id=self.id, command=command, started_at=now(), state="running", pid=os.getpid())
        self._write_run()

    @contextmanager
    def step(self, verb: str, node: str, why: str = "") -> Iterator[StepRecorder]:
        """Record the block as one step; an error marks it failed (or interrupted) and goes on up."""
        with self._lock:
            self._seq += 1
            seq = self._seq
        step = Step(run=self.id, seq=seq, verb=verb, node=node, state="running", started_at=now(), why=why)
        self._database.put("step", step)
        recorder, start = StepRecorder(step), time.perf_counter()
        try:
            yield recorder
            if step.state == "running":
                step.state = "done"
        except BaseException as error:
            step.state = "failed" if isinstance(error, Exception) else "interrupted"
            step.error = (
                error.message if isinstance(error, DwkitError) else f"{type(error).__name__}: {error}"
            )
            raise
        finally:
            step.seconds = round(time.perf_counter() - start, 4)
            self._database.put("step", step)

    def block(self, verb: str, node: str, why: str) -> None:
        """Record a step that did not run because one before it failed."""
        with self._lock:
            self._seq += 1
            seq = self._seq
        self._database.put(
            "step",
            Step(run=self.id, seq=seq, verb=verb, node=node, state="blocked", started_at=now(), why=why),
        )

    def finish(self, exit_code: int) -> None:
        """Write how the run ended."""
        self._run.state = "done" if exit_code == 0 else "interrupted" if exit_code == 130 else "failed"
        self._run.exit_code, self._run.finished_at = exit_code, now()
        self._write_run()

    def _write_run(self) -> None:
        row = msgspec.structs.asdict(self._run)
        columns = [c for c in row if c not in ("steps", "rows_out", "quarantined")]
        updates = ", ".join(f"{c} = excluded.{c}" for c in columns if c != "id")
        marks = ", ".join(f":{c}" for c in columns)
        with self._database.transaction() as con:
            con.execute(
                f"INSERT INTO run ({', '.join(columns)}) VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET {updates}",
                {c: row[c] for c in columns},
            )
