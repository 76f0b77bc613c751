"""``dwkit log``."""

from __future__ import annotations

import click
import msgspec

from dwkit.cli import human
from dwkit.cli.options import App, formatted, limit, standard, verb
from dwkit.cli.verbs._shared import open_here

RUN = ("id", "started_at", "state", "exit_code", "steps", "rows_out", "quarantined", "command")
STEP = (
    "seq",
    "verb",
    "node",
    "state",
    "rows_in",
    "rows_out",
    "quarantined",
    "bytes_out",
    "seconds",
    "why",
    "error",
)


@verb(
    examples="""
    dwkit log                     # the latest runs
    dwkit log last                # the steps of the newest one
    dwkit log 0192f3              # of the run whose id begins so
    """
)
@click.argument("run", required=False)
@limit
@formatted
@standard
def command(app: App, run: str | None, limit: int | None) -> None:
    """List what ran, or the steps of one run."""
    ledger = open_here(app).ledger
    if run is None:
        runs = [msgspec.to_builtins(r) for r in ledger.runs(20 if limit is None else limit)]
        app.emit([{c: r[c] for c in RUN} for r in runs], columns=RUN)
        return
    steps = [msgspec.to_builtins(s) for s in ledger.steps(ledger.run(run).id)]
    app.emit([{c: s[c] for c in STEP} for s in steps], columns=STEP, human={"bytes_out": human.size})
