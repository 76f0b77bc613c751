"""``dwkit compact``."""

from __future__ import annotations

import click

from dwkit.cli import complete
from dwkit.cli.options import App, standard, verb
from dwkit.cli.verbs._shared import command_line, open_here


@verb(
    examples="""
    dwkit compact
    dwkit compact fact_order_line
    """
)
@click.argument("tables", nargs=-1, metavar="[TABLE]...", shell_complete=complete.nodes)
@standard
def command(app: App, tables: tuple[str, ...]) -> None:
    """Rewrite small files of tables as large ones.

    The rows stay the same; vacuum removes the small files later.
    """
    from dwkit.project.upkeep import delta_tables
    from dwkit.warehouse import compact

    project = open_here(app)
    with project.recording(command_line()) as run:
        for layer, name in delta_tables(project, tables):
            with run.step("compact", f"{layer}.{name}"):
                before, after = compact(layer, name, layout=project.layout, run=run.id)
            app.talk.done(f"{layer}.{name}: {before} files, now {after}")
