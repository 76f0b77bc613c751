"""``dwkit rollback``."""

from __future__ import annotations

import click

from dwkit.cli import complete
from dwkit.cli.options import App, standard, verb
from dwkit.cli.verbs._shared import command_line, open_here


@verb(
    examples="""
    dwkit history dim_customer
    dwkit rollback dim_customer 2
    """
)
@click.argument("table", shell_complete=complete.nodes)
@click.argument("version", type=click.IntRange(min=0))
@standard
def command(app: App, table: str, version: int) -> None:
    """Bring a table back to an earlier version.

    The earlier rows become the newest version; nothing is removed. The next load applies again what
    came after that version.
    """
    from dwkit.project.upkeep import delta_tables
    from dwkit.warehouse import rollback

    project = open_here(app)
    ((layer, name),) = delta_tables(project, [table])
    with project.recording(command_line()) as run, run.step("rollback", f"{layer}.{name}") as step:
        made = rollback(layer, name, version, layout=project.layout, ledger=project.ledger, run=run.id)
        step.count(rows_out=made.rows)
    app.talk.done(f"{layer}.{name} is version {version} again, as version {made.version}", rows=made.rows)
