"""``dwkit diff``."""

from __future__ import annotations

import click

from dwkit.cli import complete, human
from dwkit.cli.options import App, formatted, key, limit, standard, verb
from dwkit.cli.verbs._shared import open_if_any


@verb(
    examples="""
    dwkit diff marts.sales@0 marts.sales
    dwkit diff dim_customer@2 dim_customer@3 --key customer_key
    dwkit diff staging.orders orders_fixed.csv --key order_id --format csv
    """
)
@click.argument("before", shell_complete=complete.nodes_or_files)
@click.argument("after", shell_complete=complete.nodes_or_files)
@key
@limit
@formatted
@standard
def command(app: App, before: str, after: str, key: list[str] | None, limit: int | None) -> None:
    """Show what differs between two tables or versions.

    With --key, rows are compared by it and changed columns are shown with both values; without, whole
    rows are. The exit code is 0 whether there are differences or not.
    """
    from dwkit.project.inspect import diff, find

    project = open_if_any(app)
    found = diff(find(project, before).rows, find(project, after).rows, key or [])
    if found.added_columns:
        app.talk.info(f"columns added: {', '.join(found.added_columns)}")
    if found.removed_columns:
        app.talk.info(f"columns removed: {', '.join(found.removed_columns)}")
    emitted = app.emit(found.rows if limit is None else found.rows.limit(limit))
    if emitted.rows == 0:
        app.talk.done("no row differs")
    else:
        app.talk.info(f"{human.plural(emitted.rows, 'row')} differ")
