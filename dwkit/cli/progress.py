"""Progress on stderr: one task's rows, bytes and rate; the steps of a run; plain lines where no terminal is."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, Protocol

from dwkit.cli import human
from dwkit.cli.talk import Talk
from dwkit.cli.terminal import is_terminal

if TYPE_CHECKING:
    from dwkit.cli.live import LiveTask

__all__ = ["StepNode", "Steps", "Task", "progress", "steps_view"]

_PATIENCE = 0.3  # seconds before a task is worth a display


class StepNode(NamedTuple):
    """A step of a run, for display: ``("load", "warehouse.dim_customer")``.

    ``group`` is the heading it stands under; the layer of ``node`` when empty.
    """

    verb: str
    node: str
    group: str = ""


class Task(Protocol):
    """One thing under way in :func:`progress`; safe to call from several threads."""

    def update(self, *, rows: int, bytes: int = 0, total: int = 0, note: str = "") -> None:  # noqa: A002
        """Set how far it is: rows, and bytes of ``total``, so far; ``note`` says what is being worked on."""


class Steps(Protocol):
    """The steps of a run; safe to call from several threads. Steps are known by their ``node``.

    Their states are waiting, running, done, skipped, failed, blocked and interrupted.
    """

    def start(self, node: str, why: str = "") -> None:
        """The step runs."""

    def update(self, node: str, *, rows: int | None = None, bytes: int | None = None) -> None:  # noqa: A002
        """How far it is: totals so far."""

    def finish(
        self,
        node: str,
        state: str,
        *,
        rows_in: int = 0,
        rows_out: int = 0,
        quarantined: int = 0,
        seconds: float = 0.0,
        why: str = "",
    ) -> None:
        """The step has ended; ``why`` says why it was skipped, failed or blocked.

        The caller reports the error of a failed step.
        """


@contextmanager
def progress(talk: Talk, title: str) -> Iterator[Task]:
    """Show one task: rows, bytes, rate, elapsed; where the total is known also a bar and the time left.

    The display comes after a moment and is gone at the end: say what was done with ``talk.done``.
    Nothing is shown where stderr is no terminal, with ``-q`` or with ``--json-log``.
    """
    task, started = _Counted(), time.monotonic()
    if not is_live(talk):
        yield task
        return

    def show() -> None:
        from dwkit.cli.live import LiveTask

        with task.lock:
            if not task.over:
                task.shown = LiveTask(talk, title, started)
                task.shown.set(task.rows, task.bytes, task.total, task.note)

    timer = threading.Timer(_PATIENCE, show)
    timer.daemon = True
    timer.start()
    try:
        yield task
    finally:
        timer.cancel()
        with task.lock:
            task.over = True
            if task.shown is not None:
                task.shown.stop()


@contextmanager
def steps_view(talk: Talk, nodes: Iterable[StepNode]) -> Iterator[Steps]:
    """Show the steps of a run as a live tree; one line per finished step where stderr is no terminal.

    With ``-q`` only failures are told; with ``--json-log`` starts and ends are.
    """
    nodes = list(nodes)
    if not is_live(talk) or not nodes:
        yield _Lines(talk, nodes)
        return
    from dwkit.cli.live import LiveSteps

    view = LiveSteps(talk, nodes)
    try:
        yield view
    finally:
        view.stop()


def is_live(talk: Talk) -> bool:
    """Say whether a moving display can be shown."""
    return (
        is_terminal(talk.stream)
        and os.environ.get("TERM") not in ("dumb", "unknown")
        and not talk.quiet
        and not talk.json_log
    )


class _Counted:
    """A task's counts, and its display once it has one."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.rows = self.bytes = self.total = 0
        self.note = ""
        self.over = False
        self.shown: LiveTask | None = None

    def update(self, *, rows: int, bytes: int = 0, total: int = 0, note: str = "") -> None:  # noqa: A002
        with self.lock:
            self.rows, self.bytes, self.total, self.note = rows, bytes, total, note
            if self.shown is not None and not self.over:
                self.shown.set(rows, bytes, total, note)


class _Lines:
    """One message per finished step."""

    def __init__(self, talk: Talk, nodes: Iterable[StepNode]) -> None:
        self._talk = talk
        self._verbs = {n.node: n.verb for n in nodes}

    def start(self, node: str, why: str = "") -> None:
        if self._talk.json_log:
            self._talk.info(self._name(node), event="step", node=node, state="running", why=why)
        else:
            self._talk.debug(f"running {self._name(node)}{f': {why}' if why else ''}")

    def update(self, node: str, *, rows: int | None = None, bytes: int | None = None) -> None:  # noqa: A002
        pass

    def finish(
        self,
        node: str,
        state: str,
        *,
        rows_in: int = 0,
        rows_out: int = 0,
        quarantined: int = 0,
        seconds: float = 0.0,
        why: str = "",
    ) -> None:
        say = self._talk.note if state == "skipped" else self._talk.info  # the caller reports the error
        facts = {"rows_in": rows_in, "rows_out": rows_out, "quarantined": quarantined, "seconds": seconds}
        if self._talk.json_log:
            say(self._name(node), event="step", node=node, state=state, why=why, **facts)
            return
        counts = [human.plural(rows_out, "row"), human.duration(seconds)]
        if quarantined:
            counts.insert(1, f"{human.count(quarantined)} quarantined")
        told = {"done": ", ".join(counts), "failed": f"after {human.duration(seconds)}"}.get(state, why)
        say(f"{state} {self._name(node)}{f': {told}' if told else ''}")

    def _name(self, node: str) -> str:
        return f"{self._verbs.get(node, '')} {node}".strip()
