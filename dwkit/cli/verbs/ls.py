"""``dwkit ls``."""

from __future__ import annotations

import click

from dwkit.cli import complete, human
from dwkit.cli.options import App, formatted, standard, verb
from dwkit.cli.verbs._shared import open_here

COLUMNS = ("name", "layer", "rows", "kind", "pieces", "bytes", "updated_at")


@verb(
    examples="""
    dwkit ls
    dwkit ls warehouse
    dwkit ls --format json | jq -r '.[].name'
    """
)
@click.argument("layer", required=False, metavar="[LAYER]", shell_complete=complete.layers)
@formatted
@standard
def command(app: App, layer: str | None) -> None:
    """List datasets, tables and marts.

    LAYER is lake, staging, warehouse or marts. Pieces are batches, parts or versions.
    """
    project = open_here(app)
    found = project.catalog.listing(layer)
    app.emit(found, columns=COLUMNS, human={"bytes": human.size, "updated_at": _minute})
    if not found:
        app.talk.note("nothing here yet: dwkit ingest FILE --into DATASET")


def _minute(text: str) -> str:
    return text[:16].replace("T", " ")
