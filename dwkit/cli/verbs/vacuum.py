"""``dwkit vacuum``."""

from __future__ import annotations

from datetime import timedelta

import click

from dwkit.cli import complete
from dwkit.cli.options import App, dry_run, standard, verb
from dwkit.cli.verbs._shared import command_line, open_here


@verb(
    examples="""
    dwkit vacuum --dry-run
    dwkit vacuum --keep-days 30
    dwkit vacuum marts.sales
    """
)
@click.argument("tables", nargs=-1, metavar="[TABLE]...", shell_complete=complete.nodes)
@click.option(
    "--keep-days",
    type=click.FloatRange(min=0),
    default=7.0,
    show_default=True,
    help="Keep what versions this young read.",
)
@dry_run
@standard
def command(app: App, tables: tuple[str, ...], keep_days: float, dry_run: bool) -> None:
    """Remove files that no version needs.

    Files of versions older than --keep-days go, and what killed commands left; those versions cannot
    be read any more afterwards. The staging area is emptied by its retention policy.
    """
    from dwkit.project.retention import tidy
    from dwkit.project.upkeep import delta_tables
    from dwkit.warehouse import vacuum

    project = open_here(app)
    with project.recording(command_line()):
        for layer, name in delta_tables(project, tables):
            gone = vacuum(layer, name, timedelta(days=keep_days), layout=project.layout, dry_run=dry_run)
            app.talk.done(f"{layer}.{name}: {len(gone)} files {'would go' if dry_run else 'removed'}")
        if not tables and not dry_run:
            app.talk.done(f"staging: {len(tidy(project))} parts removed")
