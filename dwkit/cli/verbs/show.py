"""``dwkit show``."""

from __future__ import annotations

import click

from dwkit.cli import complete
from dwkit.cli.options import App, formatted, limit, standard, verb
from dwkit.cli.verbs._shared import open_here


@verb(
    examples="""
    dwkit show marts.sales
    dwkit show dim_customer --columns
    dwkit show dim_customer@3 --limit 20
    dwkit show orders.parquet
    """
)
@click.argument("name", shell_complete=complete.nodes)
@click.option(
    "--columns", "only_columns", is_flag=True, help="Names and types of the columns instead of rows."
)
@limit
@formatted
@standard
def command(app: App, name: str, only_columns: bool, limit: int | None) -> None:
    """Show a table's columns and first rows.

    NAME is a table with or without its layer, a file, or NAME@VERSION and NAME@TIME for how it was.
    """
    from dwkit.project.inspect import at_version, columns, file_columns

    project = open_here(app)
    frame = at_version(project, name)
    if only_columns:
        is_file = "/" in name or (project.root / name).is_file()
        found = (
            file_columns(frame) if is_file else columns(project, project.catalog.find(name.partition("@")[0]))
        )
        app.emit(found, columns=("column", "type", "description"))
        return
    app.emit(frame.limit(10 if limit is None else limit), title=name)
