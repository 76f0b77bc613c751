"""What the verbs that change something share."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dwkit.cli.options import App
from dwkit.cli.progress import StepNode, steps_view
from dwkit.errors import DwkitError
from dwkit.project import Project

if TYPE_CHECKING:
    from dwkit.ledger import RunRecorder
    from dwkit.project.run import Outcome

__all__ = ["bring", "command_line", "open_here", "open_if_any"]

_VERBS = {"lake": "ingest", "staging": "stage", "warehouse": "load", "marts": "mart"}


def open_here(app: App) -> Project:
    """Open the project that ``-C`` or the working directory names."""
    return Project(app.root())


def open_if_any(app: App) -> Project | None:
    """Open the project that ``-C`` or the working directory names; None where there is none."""
    from dwkit.errors import UsageError

    try:
        return open_here(app)
    except UsageError:
        if app.directory is not None:
            raise
        return None


def command_line() -> str:
    """Return what was typed, as the ledger keeps it."""
    return shlex.join(["dwkit", *sys.argv[1:]])


def bring(
    app: App,
    project: Project,
    chosen: Sequence[str],
    run: RunRecorder,
    *,
    force: bool = False,
    rebuild: bool = False,
    jobs: int | None = None,
    quarantine_limit: str | None = None,
) -> list[Outcome]:
    """Bring the chosen nodes up to date and show it; then raise the first error there was.

    Raises:
        DwkitError: a node failed; the others that could be done are done.
    """
    from dwkit.project.retention import tidy
    from dwkit.project.run import run_graph

    layers = list(_VERBS)
    shown = sorted(chosen, key=lambda n: layers.index(n.split(".", 1)[0]))
    nodes = [StepNode(_VERBS[n.split(".", 1)[0]], n) for n in shown]
    with steps_view(app.talk, nodes) as view:
        outcomes = run_graph(
            project,
            chosen,
            run,
            view,
            force=force,
            rebuild=rebuild,
            jobs=jobs,
            quarantine_limit=quarantine_limit,
        )
    tidy(project)
    # Steps end in another order each time; what is said of them does not.
    outcomes.sort(key=lambda o: shown.index(o.node))
    for outcome in outcomes:
        for note in outcome.notes:
            app.talk.note(f"{outcome.node}: {note}")
    failed = [o for o in outcomes if o.error is not None]
    # The one that is raised ends the command: a fault of dwkit's own before all others.
    failed.sort(key=lambda o: isinstance(o.error, DwkitError))
    for outcome in failed[1:]:
        hint = outcome.error.hint if isinstance(outcome.error, DwkitError) else ""
        app.talk.error(_told(outcome.node, outcome.why), hint=hint)
    if failed:
        error = failed[0].error
        assert error is not None
        if isinstance(error, DwkitError):
            error.message = _told(failed[0].node, error.message)
        raise error
    return outcomes


def _told(node: str, message: str) -> str:
    """Return the message with the node before it, once."""
    if message.startswith(f"{node} "):
        return message
    table = node.partition(".")[2]
    return f"{node}: {message.removeprefix(f'{node}: ').removeprefix(f'{table}: ')}"
