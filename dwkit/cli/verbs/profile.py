"""``dwkit profile``."""

from __future__ import annotations

import click

from dwkit.cli import complete
from dwkit.cli.options import App, formatted, standard, verb
from dwkit.cli.verbs._shared import open_here


@verb(
    examples="""
    dwkit profile staging.orders
    dwkit profile lake.orders --format json
    """
)
@click.argument("name", shell_complete=complete.nodes)
@formatted
@standard
def command(app: App, name: str) -> None:
    """Show the statistics of every column.

    Types, NULLs, distinct values (estimated), lowest, highest, mean, deviation and the most frequent
    value, over all rows.
    """
    from dwkit.project.inspect import at_version, profile

    project = open_here(app)
    app.emit(profile(at_version(project, name)), title=name)
