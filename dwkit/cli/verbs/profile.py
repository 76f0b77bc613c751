"""``dwkit profile``."""

from __future__ import annotations

import click

from dwkit.cli import complete
from dwkit.cli.options import App, formatted, standard, verb
from dwkit.cli.verbs._shared import open_if_any


@verb(
    examples="""
    dwkit profile staging.orders
    dwkit profile lake.orders --format json
    dwkit profile orders.csv
    """
)
@click.argument("name", shell_complete=complete.nodes_or_files)
@formatted
@standard
def command(app: App, name: str) -> None:
    """Show the statistics of every column.

    Types, NULLs, distinct values (estimated beyond a million rows), lowest, highest, mean, deviation and
    the most frequent value, over all rows of a table or file.
    """
    from dwkit.project.inspect import find, profile

    app.emit(profile(find(open_if_any(app), name).rows), title=name)
