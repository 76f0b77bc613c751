"""``dwkit lineage``."""

from __future__ import annotations

import click

from dwkit.cli import complete
from dwkit.cli.options import App, formatted, standard, verb
from dwkit.cli.verbs._shared import open_here


@verb(
    examples="""
    dwkit lineage marts.sales
    dwkit lineage marts.sales.revenue
    dwkit lineage lake.orders --downstream
    dwkit lineage lake.orders.coupon --downstream
    """
)
@click.argument("name", metavar="NAME[.COLUMN]", shell_complete=complete.nodes)
@click.option("--downstream", is_flag=True, help="What is made from it instead.")
@formatted
@standard
def command(app: App, name: str, downstream: bool) -> None:
    """Show where a table or column comes from.

    One line for each edge, down to the source files.
    """
    from dwkit.errors import NotFoundError
    from dwkit.model.names import LAYERS
    from dwkit.project.trace import column_edges, lineage

    project = open_here(app)
    nodes = project.graph.nodes
    table, _, column = name.rpartition(".")
    if name not in nodes and table:
        full = table if table in nodes else next((n for n in nodes if n.endswith(f".{table}")), "")
        if full:
            edges = column_edges(project, full, column, downstream=downstream)
            app.emit(edges, columns=("column", "input"))
            if not edges:
                app.talk.note(
                    f"{full}.{column} {'goes into' if downstream else 'is made from'} no other column"
                )
            return
        if table.partition(".")[0] not in LAYERS or "." in table:
            raise NotFoundError("table", table, nodes)
    if name not in nodes:
        name = project.graph.select([name])[-1]
    app.emit(lineage(project, name, downstream=downstream), columns=("table", "input"))
