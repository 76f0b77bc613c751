"""``dwkit demo``."""

from __future__ import annotations

from pathlib import Path

import click

from dwkit.cli.options import App, formatted, standard, verb
from dwkit.cli.verbs._shared import bring, command_line


@verb(
    examples="""
    dwkit demo shop && cd shop
    """
)
@click.argument("directory", default="shop", type=click.Path(path_type=Path))
@formatted
@standard
def command(app: App, directory: Path) -> None:
    """Make a project with sample data and run all of it.

    Raw files of a small shop go through lake, staging area and warehouse to marts for sales, marketing
    and personnel; the sales mart is printed. Killed half-way and typed again, it goes on.
    """
    from dwkit.project.demo import TRY_NEXT, make_demo, quarantine_summary

    project = make_demo(directory)
    with project.recording(command_line()) as run:
        bring(app, project, project.graph.order, run)
    held = quarantine_summary(project)
    app.emit(project.query("select * from marts.sales limit 12"), title="marts.sales")
    if held:
        app.talk.info("")
        app.talk.info("held back in quarantine, with the reason:")
        for line in held:
            app.talk.info(f"  {line}")
    app.talk.info("")
    app.talk.info("try next:")
    for line in (f"cd {directory}", *TRY_NEXT):
        app.talk.info(f"  {line}")
