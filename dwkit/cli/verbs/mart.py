"""``dwkit mart``."""

from __future__ import annotations

import click

from dwkit.cli import complete
from dwkit.cli.options import App, Names, dialect, force, from_table, key, kind, save, sql, standard, verb
from dwkit.cli.verbs._models import from_flags, keep, selected
from dwkit.cli.verbs._shared import bring, command_line, open_here


@verb(
    examples="""
    dwkit mart                        # every mart, in dependency order
    dwkit mart sales --export sales.xlsx
    dwkit mart by_city --sql "select city, count(*) n from warehouse.dim_customer group by city"
    dwkit mart recent --kind view --sql "select * from warehouse.fact_order where ordered_at > '2026-01-01'" --save
    """
)
@click.argument("marts", nargs=-1, metavar="[MART]...", shell_complete=complete.marts)
@from_table
@sql
@key
@kind
@click.option("--watermark", metavar="COL", help="Column by which an incremental mart tells new rows.")
@click.option("--lookback", metavar="AGE", help="How far before the watermark to look again: 3d, 12h, 100.")
@click.option("--tests", type=Names(), help="SQL conditions that every row must hold.")
@click.option(
    "--export",
    "export",
    multiple=True,
    metavar="PATH",
    help="Write the mart to a file too; the suffix says how.",
)
@dialect
@save
@force
@standard
def command(
    app: App, marts: tuple[str, ...], export: tuple[str, ...], save: bool, force: bool, **flags: object
) -> None:
    """Build marts, and export them.

    A MART is a model in models/marts, or is described by flags (--save writes the model file). Its SQL
    reads the warehouse (a dependent mart) or the lake and the staging area (an independent one).
    """
    from dwkit.errors import UsageError

    project = open_here(app)
    model = from_flags(project, "marts", marts, flags)
    if export and len(marts) != 1:
        raise UsageError("--export takes one mart at a time", hint="dwkit mart NAME --export PATH")
    with project.recording(command_line()) as run:
        chosen = selected(project, "marts", marts)
        bring(app, project, chosen, run, force=force)
        for target in export:
            from dwkit.marts import export as write

            written = write(project.catalog.scan(chosen[0]), target, name=chosen[0].partition(".")[2])
            app.talk.done(f"wrote {target}", rows=written.rows, bytes=written.bytes)
    if save and model is not None:
        app.talk.note(f"wrote {keep(project, model)}")
    elif model is not None and not model.path:
        app.talk.note("--save keeps these flags as a model file, which dwkit run then knows")
