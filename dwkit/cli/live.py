"""The moving displays of :mod:`dwkit.cli.progress`, drawn by rich on a terminal's stderr."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.progress import Task as Progressed
from rich.spinner import Spinner
from rich.text import Text
from rich.tree import Tree

from dwkit.cli import human
from dwkit.cli.progress import StepNode
from dwkit.cli.talk import Talk
from dwkit.cli.terminal import clean, is_unicode

__all__ = ["LiveSteps", "LiveTask"]

_MARKS: dict[str, tuple[str, str, str]] = {  # unicode, ascii, style
    "waiting": ("·", ".", "dim"),
    "running": ("▸", ">", "cyan"),
    "done": ("✓", "+", "green"),
    "skipped": ("=", "=", "dim"),
    "failed": ("✗", "x", "bold red"),
    "blocked": ("–", "-", "yellow"),
    "interrupted": ("✗", "x", "yellow"),
}
_MANY = 12  # steps of one group that need nothing said of them, before they become a count


class _Said(ProgressColumn):
    """Rows, bytes, rate and elapsed time, as of the moment of drawing."""

    def __init__(self, started: float) -> None:
        super().__init__()
        self._started = started

    def render(self, task: Progressed) -> Text:
        """Return the counts so far."""
        rows, size, note = task.fields["rows"], task.fields["size"], task.fields["note"]
        seconds = max(time.monotonic() - self._started, 1e-3)
        said = [
            human.plural(rows, "row") if rows else "",
            human.size(size) if size else "",
            f"{human.size(size / seconds)}/s" if size else f"{rows / seconds:,.0f} rows/s" if rows else "",
            human.duration(seconds),
            clean(note),
        ]
        return Text(", ".join(s for s in said if s), style="dim", no_wrap=True)


class _Bar(BarColumn):
    """A bar once the total is known."""

    def render(self, task: Progressed) -> RenderableType:  # type: ignore[override]
        """Return the bar, or nothing."""
        return "" if task.total is None else super().render(task)


class _Left(TimeRemainingColumn):
    """The time left once the total is known."""

    def render(self, task: Progressed) -> Text:
        """Return the time, or nothing."""
        return Text() if task.total is None else super().render(task)


class LiveTask:
    """A spinner, or a bar when the total is known, with rows, bytes, rate and elapsed time.

    Args:
        started: :func:`time.monotonic` at the start of the task.
    """

    def __init__(self, talk: Talk, title: str, started: float) -> None:
        self._talk = talk
        self._progress = Progress(
            SpinnerColumn("dots" if is_unicode(talk.stream) else "line"),
            TextColumn("{task.description}", markup=False),
            _Bar(bar_width=24),
            _Left(compact=True),
            _Said(started),
            console=_console(talk),
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._progress.add_task(clean(title), total=None, rows=0, size=0, note="")
        self._progress.start()
        talk.through = _above(self._progress.console)

    def set(self, rows: int, size: int, total: int, note: str) -> None:
        """Show how far it is."""
        self._progress.update(
            self._task, completed=size, total=total or None, rows=rows, size=size, note=note
        )

    def stop(self) -> None:
        """Take the display away."""
        self._talk.through = None
        self._progress.stop()


@dataclass
class _Step:
    verb: str
    node: str
    state: str = "waiting"
    rows: int = 0
    size: int = 0
    quarantined: int = 0
    started: float = 0.0
    seconds: float = 0.0
    why: str = ""


class LiveSteps:
    """The steps of a run as a tree that moves while they run and stays when they have ended."""

    def __init__(self, talk: Talk, nodes: Sequence[StepNode]) -> None:
        self._talk = talk
        self._lock = threading.Lock()
        self._unicode = is_unicode(talk.stream)
        self._steps = {n.node: _Step(n.verb, n.node) for n in nodes}
        self._groups: dict[str, list[_Step]] = {}
        for n in nodes:
            self._groups.setdefault(n.group or n.node.partition(".")[0], []).append(self._steps[n.node])
        self._wide = max(len(self._name(s)) for s in self._steps.values())
        self._spinner = Spinner("dots" if self._unicode else "line")
        self._started = time.monotonic()
        self._console = _console(talk)
        self._live = Live(
            console=self._console,
            get_renderable=self._moving,
            refresh_per_second=8,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()
        talk.through = _above(self._console)

    def start(self, node: str, why: str = "") -> None:
        """The step runs."""
        with self._lock:
            step = self._steps[node]
            step.state, step.started, step.why = "running", time.monotonic(), why

    def update(self, node: str, *, rows: int | None = None, bytes: int | None = None) -> None:  # noqa: A002
        """How far it is."""
        with self._lock:
            step = self._steps[node]
            step.rows = step.rows if rows is None else rows
            step.size = step.size if bytes is None else bytes

    def finish(
        self,
        node: str,
        state: str,
        *,
        rows_in: int = 0,  # noqa: ARG002 - for the log, not for the eye
        rows_out: int = 0,
        quarantined: int = 0,
        seconds: float = 0.0,
        why: str = "",
    ) -> None:
        """The step has ended."""
        with self._lock:
            step = self._steps[node]
            step.state, step.rows, step.quarantined = state, rows_out, quarantined
            step.seconds, step.why = seconds, why

    def stop(self) -> None:
        """Leave the tree as it ended."""
        self._live.stop()
        self._talk.through = None
        with self._lock:
            self._console.print(self._tree(whole=True))

    def _moving(self) -> RenderableType:
        with self._lock:
            ended = sum(s.state not in ("waiting", "running") for s in self._steps.values())
            said = f" {ended} of {human.plural(len(self._steps), 'step')}, "
            said += human.duration(time.monotonic() - self._started)
            spin = self._spinner.render(time.monotonic())
            below = Text.assemble(spin if isinstance(spin, Text) else "", (said, "dim"))
            whole = len(self._steps) + len(self._groups) + 2 <= self._console.height
            return Group(self._tree(whole=whole), below)

    def _tree(self, *, whole: bool) -> Tree:
        """Return the tree; when not ``whole``, only what runs, failed or is blocked, the rest as counts."""
        tree = Tree("", hide_root=True, guide_style="dim")
        for group, steps in self._groups.items():
            branch = tree.add(Text(clean(group), style="bold"))
            plain: tuple[str, ...] = ("skipped", "waiting") if whole else ("skipped", "waiting", "done")
            many = {s: [x for x in steps if x.state == s] for s in plain}
            many = {s: x for s, x in many.items() if len(x) > (_MANY if whole else 0)}
            for step in steps:
                if step.state not in many:
                    branch.add(self._line(step))
            for state, found in many.items():
                branch.add(Text(f"{self._mark(state)} {human.count(len(found))} {state}", style="dim"))
        return tree

    def _line(self, step: _Step) -> Text:
        style = _MARKS[step.state][2]
        text = Text(no_wrap=True, overflow="ellipsis" if self._unicode else "crop")
        text.append(f"{self._mark(step.state)} ", style)
        text.append(self._name(step).ljust(self._wide), style if step.state in ("waiting", "skipped") else "")
        if step.state in ("done", "running"):
            seconds = step.seconds if step.state == "done" else time.monotonic() - step.started
            rows = human.plural(step.rows, "row") if step.rows or step.state == "done" else ""
            rows = rows or (human.size(step.size) if step.size else "")
            text.append(
                f"  {rows:>16}  {human.duration(seconds):>8}", "dim" if step.state == "done" else "cyan"
            )
            if step.quarantined:
                text.append(f"  {human.count(step.quarantined)} quarantined", "yellow")
        elif step.why:
            text.append(f"  {clean(step.why.splitlines()[0])}", style)
        return text

    def _name(self, step: _Step) -> str:
        return clean(f"{step.verb} {step.node}")

    def _mark(self, state: str) -> str:
        return _MARKS[state][0 if self._unicode else 1]


def _console(talk: Talk) -> Console:
    return Console(file=talk.stream, stderr=True, highlight=False, markup=False, emoji=False)


def _above(console: Console) -> Callable[[str], None]:
    """Return what prints a finished line above the moving display."""
    return lambda line: console.print(Text.from_ansi(line), soft_wrap=True)
