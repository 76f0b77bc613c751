"""``dwkit test``."""

from __future__ import annotations

import click

from dwkit.cli import complete
from dwkit.cli.options import App, formatted, standard, verb
from dwkit.cli.verbs._shared import open_here

COLUMNS = ("table", "test", "state", "failures", "example")


@verb(
    examples="""
    dwkit test
    dwkit test warehouse.dim_customer marts.sales
    dwkit test --format json | jq '.[] | select(.state == "failed")'
    """
)
@click.argument("selectors", nargs=-1, metavar="[SELECTOR]...", shell_complete=complete.nodes)
@formatted
@standard
def command(app: App, selectors: tuple[str, ...]) -> None:
    """Run the tests of tables and marts.

    The tests in the headers of models are run on the tables as they are now. Exit code 1 when one fails.
    Datasets are checked against their contracts whenever they are staged; dwkit quarantine shows what
    did not pass.
    """
    from dwkit.errors import CheckError
    from dwkit.project.tests import run_tests

    project = open_here(app)
    found = run_tests(project, project.graph.select(selectors))
    app.emit(found, columns=COLUMNS)
    failed = [r for r in found if r["state"] != "passed"]
    if failed:
        raise CheckError(
            f"{len(failed)} of {len(found)} tests failed", hint=f"dwkit show {failed[0]['table']}"
        )
    if not found and selectors:
        app.talk.note(f"no tests in the headers of {', '.join(selectors)}")
    app.talk.done(f"{len(found)} tests passed", seconds=app.seconds)
