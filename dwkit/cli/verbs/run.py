"""``dwkit run``."""

from __future__ import annotations

import click

from dwkit.cli import complete
from dwkit.cli.options import App, dry_run, force, formatted, standard, verb
from dwkit.cli.verbs._shared import bring, command_line, open_here


@verb(
    examples="""
    dwkit run                         # everything that is out of date
    dwkit run --dry-run               # what would run, and why
    dwkit run +marts.sales            # a mart and all that it is made from
    dwkit run staging.orders+         # a dataset and all that is made from it
    dwkit run tag:daily state:modified
    dwkit run result:error            # what failed the last time
    """
)
@click.argument("selectors", nargs=-1, metavar="[SELECTOR]...", shell_complete=complete.nodes)
@click.option("--exclude", multiple=True, metavar="SELECTOR", help="Leave these out.")
@click.option("--jobs", "-j", type=click.IntRange(min=1), metavar="N", help="Steps at the same time.")
@force
@dry_run
@formatted
@standard
def command(
    app: App,
    selectors: tuple[str, ...],
    exclude: tuple[str, ...],
    jobs: int | None,
    force: bool,
    dry_run: bool,
) -> None:
    """Bring everything up to date, in dependency order.

    Only what is out of date is done again: new files, new batches, changed SQL, contracts or inputs.
    A step that fails stops what depends on it and nothing else; the next run goes on from there.
    """
    from dwkit.project.plan import plan
    from dwkit.project.run import states

    project = open_here(app)
    known = states(project)
    meant = project.graph.select(selectors, known)
    left_out = set(project.graph.select(exclude, known)) if exclude else set()
    chosen = [n for n in meant if n not in left_out]
    if dry_run:
        steps = plan(project, chosen, force=force)
        app.emit(steps, columns=("node", "action", "why"), title="what would run")
        return
    with project.recording(command_line()) as run:
        outcomes = bring(app, project, chosen, run, force=force, jobs=jobs)
    done = [o for o in outcomes if o.state == "done"]
    if not chosen:
        none = f"no table is {' or '.join(selectors)}" if selectors else "there is no table yet"
        app.talk.done(f"nothing to do: {'all is excluded' if meant else none}")
    elif done:
        app.talk.done(f"{len(done)} of {len(outcomes)} tables brought up to date", seconds=app.seconds)
    else:
        app.talk.done("everything is up to date", seconds=app.seconds)
    if app.format:
        records = [
            {"node": o.node, "state": o.state, "why": o.why, "rows_in": o.rows_in, "rows_out": o.rows_out,
             "quarantined": o.quarantined, "seconds": round(o.seconds, 3)}
            for o in outcomes
        ]  # fmt: skip
        app.emit(records, columns=("node", "state", "why", "rows_in", "rows_out", "quarantined", "seconds"))
