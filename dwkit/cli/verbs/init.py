"""``dwkit init``."""

from __future__ import annotations

from pathlib import Path

import click

from dwkit.cli.options import App, standard, verb


@verb(
    examples="""
    dwkit init                    # here
    dwkit init shop && cd shop
    """
)
@click.argument("directory", default=".", type=click.Path(path_type=Path))
@standard
def command(app: App, directory: Path) -> None:
    """Make a new project folder.

    Writes dwkit.toml, models/ and a .gitignore into DIRECTORY; what is there stays as it is.
    """
    from dwkit.project import create

    project, new = create(directory)
    if new:
        app.talk.done(f"made project {project.config.name} in {directory}")
        app.talk.note("next: dwkit ingest FILE --into DATASET")
    else:
        app.talk.info(f"{directory / 'dwkit.toml'} is there already; nothing changed")
