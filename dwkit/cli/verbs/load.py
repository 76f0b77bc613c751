"""``dwkit load``."""

from __future__ import annotations

import click

from dwkit.cli import complete
from dwkit.cli.options import (
    App,
    Names,
    dialect,
    force,
    from_table,
    key,
    kind,
    save,
    scd,
    sql,
    standard,
    updated_at,
    verb,
)
from dwkit.cli.verbs._models import from_flags, keep, selected
from dwkit.cli.verbs._shared import bring, command_line, open_here


@verb(
    examples="""
    dwkit load                        # every warehouse model, in dependency order
    dwkit load dim_customer fact_order_line
    dwkit load dim_customer --from staging.customers --key customer_id --scd 2 --updated-at updated_at
    dwkit load fact_order --from staging.orders --key order_id --event-time ordered_at \\
        --dimension customer_key=dim_customer:customer_id --save
    dwkit load fact_order --rebuild
    """
)
@click.argument("tables", nargs=-1, metavar="[TABLE]...", shell_complete=complete.tables)
@from_table
@sql
@key
@kind
@scd
@updated_at
@click.option("--surrogate-key", metavar="COL", help="Name of a dimension's surrogate key.")
@click.option("--event-time", metavar="COL", help="Column of a fact that says when its event happened.")
@click.option(
    "--dimension",
    "dimensions",
    multiple=True,
    metavar="FK=DIM:COL[,COL]",
    help="Look up a surrogate key: column of the fact, dimension, and its natural key in the fact.",
)
@click.option("--tests", type=Names(), help="SQL conditions that every row must hold.")
@click.option("--rebuild", is_flag=True, help="Make the table anew from all batches.")
@dialect
@save
@force
@standard
def command(
    app: App, tables: tuple[str, ...], rebuild: bool, save: bool, force: bool, **flags: object
) -> None:
    """Apply staged rows to dimensions and facts.

    A TABLE is a model in models/warehouse, or is described by flags (--save writes the model file).
    Each batch is applied exactly once, whatever happens in between.
    """
    project = open_here(app)
    model = from_flags(project, "warehouse", tables, flags)
    with project.recording(command_line()) as run:
        chosen = selected(project, "warehouse", tables)
        bring(app, project, chosen, run, force=force, rebuild=rebuild)
    if save and model is not None:
        app.talk.note(f"wrote {keep(project, model)}")
    elif model is not None and not model.path:
        app.talk.note("--save keeps these flags as a model file, which dwkit run then knows")
