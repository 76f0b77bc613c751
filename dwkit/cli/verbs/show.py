"""``dwkit show``."""

from __future__ import annotations

import click

from dwkit.cli import complete
from dwkit.cli.options import App, formatted, limit, standard, verb
from dwkit.cli.verbs._shared import open_if_any


@verb(
    examples="""
    dwkit show marts.sales
    dwkit show dim_customer --columns
    dwkit show dim_customer@3 --limit 20
    dwkit show orders.parquet
    """
)
@click.argument("name", shell_complete=complete.nodes_or_files)
@click.option(
    "--columns", "only_columns", is_flag=True, help="Names and types of the columns instead of rows."
)
@limit
@formatted
@standard
def command(app: App, name: str, only_columns: bool, limit: int | None) -> None:
    """Show a table's columns and first rows.

    NAME is a table with or without its layer, NAME@VERSION or NAME@TIME for how it was, or a file, which
    needs no project.
    """
    from dwkit.project.inspect import columns, find

    project = open_if_any(app)
    found = find(project, name)
    if only_columns:
        app.emit(columns(project, found), columns=("column", "type", "description"))
        return
    app.emit(found.rows.limit(10 if limit is None else limit), title=name)
