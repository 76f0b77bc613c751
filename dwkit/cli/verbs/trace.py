"""``dwkit trace``."""

from __future__ import annotations

import click

from dwkit.cli import complete
from dwkit.cli.options import App, formatted, limit, standard, verb
from dwkit.cli.verbs._shared import open_here


@verb(
    examples="""
    dwkit trace fact_order_line --where "order_id = 'O000017'"
    dwkit trace dim_customer --where "customer_id = 'C00042'" --format json
    """
)
@click.argument("table", shell_complete=complete.nodes)
@click.option("--where", default="", metavar="SQL", help="Rows to follow; the first ones without it.")
@limit
@formatted
@standard
def command(app: App, table: str, where: str, limit: int | None) -> None:
    """Follow a row back to its source file and line.

    Shows the file, the number of the record in it, and the record as it came.
    """
    from dwkit.project.trace import trace

    project = open_here(app)
    found = trace(project, project.catalog.find(table), where, 10 if limit is None else limit)
    app.emit(found, columns=("dataset", "source", "record", "batch", "raw"))
