"""``dwkit repair``."""

from __future__ import annotations

from dwkit.cli.options import App, formatted, standard, verb
from dwkit.cli.verbs._shared import open_here


@verb(
    examples="""
    dwkit repair
    """
)
@formatted
@standard
def command(app: App) -> None:
    """Rebuild what the ledger lacks; clear away what a kill left.

    The files of lake, warehouse and marts are the truth and stay as they are.
    """
    from dwkit.project.upkeep import repair

    found = repair(open_here(app))
    app.emit(found, columns=("what", "mended"))
    if not found:
        app.talk.done("nothing to repair")
