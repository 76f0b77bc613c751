"""``dwkit stage``."""

from __future__ import annotations

import click

from dwkit.cli import complete
from dwkit.cli.options import App, force, standard, verb
from dwkit.cli.verbs._shared import bring, command_line, open_here


@verb(
    examples="""
    dwkit stage                       # every dataset of the lake
    dwkit stage orders customers
    dwkit stage orders --quarantine-limit 5%
    dwkit stage orders --force        # again, from the lake
    """
)
@click.argument("datasets", nargs=-1, metavar="[DATASET]...", shell_complete=complete.datasets)
@click.option(
    "--quarantine-limit", metavar="N|P%", help="Fail when more rows of a batch than this are held back."
)
@force
@standard
def command(app: App, datasets: tuple[str, ...], quarantine_limit: str | None, force: bool) -> None:
    """Type and check new batches.

    The first time, the contract of a dataset is inferred from all its rows and written to dwkit.toml;
    from then on it is enforced. Rows that break a rule go to quarantine with the reason.
    """
    from dwkit.project.dependencies import staging_nodes

    project = open_here(app)
    with project.recording(command_line()) as run:
        chosen = staging_nodes(project, datasets)
        bring(app, project, chosen, run, force=force, quarantine_limit=quarantine_limit)
