"""``dwkit doctor``."""

from __future__ import annotations

from dwkit.cli.options import App, formatted, standard, verb
from dwkit.cli.verbs._shared import open_here


@verb(
    examples="""
    dwkit doctor
    dwkit doctor --format json | jq '.[] | select(.state != "ok")'
    """
)
@formatted
@standard
def command(app: App) -> None:
    """Check the project, the machine and the installation.

    Configuration, models, ledger, and whether every file that they speak of is there. Exit code 1
    when a check fails.
    """
    from dwkit.errors import CheckError
    from dwkit.project.upkeep import doctor

    found = doctor(open_here(app))
    app.emit(found, columns=("check", "state", "detail", "do"))
    failed = [r for r in found if r["state"] == "fail"]
    if failed:
        raise CheckError(f"{len(failed)} of {len(found)} checks failed", hint=str(failed[0]["do"]))
