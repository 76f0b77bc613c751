"""``dwkit history``."""

from __future__ import annotations

import click

from dwkit.cli import complete, human
from dwkit.cli.options import App, formatted, standard, verb
from dwkit.cli.verbs._shared import open_here


@verb(
    examples="""
    dwkit history dim_customer
    dwkit history lake.orders --format json
    """
)
@click.argument("name", shell_complete=complete.nodes)
@formatted
@standard
def command(app: App, name: str) -> None:
    """List the versions of a table.

    For the lake these are batches, for the staging area parts; newest first.
    """
    from dwkit.project.inspect import history

    project = open_here(app)
    found = history(project, project.catalog.find(name))
    app.emit(found, columns=tuple(found[0]) if found else ("version",), human={"bytes": human.size})
