"""``dwkit quarantine``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dwkit.cli import complete, human
from dwkit.cli.options import App, formatted, limit, standard, verb_group
from dwkit.cli.verbs._shared import command_line, open_here

if TYPE_CHECKING:
    from dwkit.staging import Choice

where = click.option(
    "--where", default="", metavar="SQL", help="Condition over the raw columns, _row, _rule, _column, _value."
)
row = click.option(
    "--row", "rows", multiple=True, metavar="[BATCH:]ROW", help="One row, as `quarantine show` names it."
)


@verb_group(
    examples="""
    dwkit quarantine list
    dwkit quarantine show orders
    dwkit quarantine fix orders --row 431 --set ordered_at='2026-02-28 10:11:12'
    dwkit quarantine replay orders
    """
)
@standard
def command(_app: App) -> None:
    """See, mend and replay rows that were held back."""


@command.command(
    "list",
    examples="""
    dwkit quarantine list
    dwkit quarantine list --format json
    """,
)
@formatted
@standard
def list_(app: App) -> None:
    """Count the held-back rows by dataset, column and rule."""
    import polars as pl

    from dwkit.staging import quarantined

    project = open_here(app)
    held = quarantined(project.layout, project.ledger)
    app.emit(
        held.group_by("dataset", "column", "rule", "state")
        .agg(pl.len().alias("rows"), pl.col("message").sort().first().alias("example"))
        .sort("dataset", "column", "rule", "state")
    )


@command.command(
    "show",
    examples="""
    dwkit quarantine show orders
    dwkit quarantine show orders --format json | jq .[0].raw
    """,
)
@click.argument("dataset", shell_complete=complete.datasets)
@limit
@formatted
@standard
def show(app: App, dataset: str, limit: int | None) -> None:
    """Show the held-back rows of a dataset, with what is wrong with each."""
    from dwkit.staging import quarantined

    project = open_here(app)
    held = quarantined(project.layout, project.ledger, dataset).drop("dataset")
    app.emit(held if limit is None else held.limit(limit), title=dataset)


@command.command(
    "export",
    examples="""
    dwkit quarantine export orders orders_to_mend.csv
    """,
)
@click.argument("dataset", shell_complete=complete.datasets)
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
@standard
def export(app: App, dataset: str, path: Path) -> None:
    """Write the held-back rows as CSV, to be mended by hand and given to `quarantine fix --file`."""
    from dwkit.staging import export as write

    project = open_here(app)
    rows = write(dataset, path, layout=project.layout, ledger=project.ledger)
    app.talk.done(f"wrote {path}", rows=rows)
    app.talk.note(f"next: mend it, then dwkit quarantine fix {dataset} --file {path}")


@command.command(
    "fix",
    examples="""
    dwkit quarantine fix orders --row 431 --set ordered_at='2026-02-28 10:11:12'
    dwkit quarantine fix orders --where "channel = 'tel'" --set channel=phone
    dwkit quarantine fix orders --file orders_to_mend.csv
    """,
)
@click.argument("dataset", shell_complete=complete.datasets)
@click.option("--set", "values", multiple=True, metavar="COLUMN=TEXT", help="New text of a raw column.")
@click.option("--null", "nulls", multiple=True, metavar="COLUMN", help="Column to make NULL.")
@click.option(
    "--file", type=click.Path(dir_okay=False, path_type=Path), help="Edited CSV of `quarantine export`."
)
@where
@row
@standard
def fix(
    app: App,
    dataset: str,
    values: tuple[str, ...],
    nulls: tuple[str, ...],
    file: Path | None,
    where: str,
    rows: tuple[str, ...],
) -> None:
    """Record new values for held-back rows; a replay then tries them."""
    from dwkit.errors import UsageError
    from dwkit.staging import fix as record
    from dwkit.staging import fix_file

    project = open_here(app)
    changes: dict[str, str | None] = dict.fromkeys(nulls)
    for value in values:
        name, mark, text = value.partition("=")
        if not mark:
            raise UsageError(f"{value!r} sets nothing", hint="--set column=text")
        changes[name] = text
    if bool(changes) == (file is not None):
        raise UsageError("say what to change", hint="--set column=text, --null column or --file edited.csv")
    with project.recording(command_line()) as run:
        if file is not None:
            count = fix_file(dataset, file, layout=project.layout, ledger=project.ledger, run=run.id)
        else:
            declared = project.config.datasets.get(dataset)
            count = record(
                dataset,
                changes,
                layout=project.layout,
                ledger=project.ledger,
                run=run.id,
                choice=_choice(where, rows),
                contract=declared.contract if declared else None,
                dialect=project.config.dialect,
            )
    app.talk.done(f"fixes for {human.plural(count, 'row')} of {dataset} recorded")
    app.talk.note(f"next: dwkit quarantine replay {dataset}")


@command.command(
    "replay",
    examples="""
    dwkit quarantine replay orders
    """,
)
@click.argument("dataset", shell_complete=complete.datasets)
@standard
def replay(app: App, dataset: str) -> None:
    """Put held-back rows with their fixes through the same checks again."""
    from dwkit.project.steps import Steps

    project = open_here(app)
    with project.recording(command_line()) as run:
        done = Steps(project, run).replay(dataset)
    app.talk.done(f"{dataset}: {done.rows_out} of {done.rows_in} rows passed and are staged now")
    for note in done.notes:
        app.talk.note(note)
    if done.quarantined:
        app.talk.info(
            f"{human.plural(done.quarantined, 'row')} still held back: dwkit quarantine show {dataset}"
        )


@command.command(
    "discard",
    examples="""
    dwkit quarantine discard orders --row 17
    dwkit quarantine discard access --where "_rule = 'malformed'"
    dwkit quarantine discard orders --all
    """,
)
@click.argument("dataset", shell_complete=complete.datasets)
@click.option("--all", "everything", is_flag=True, help="All rows of the dataset that are held back.")
@where
@row
@standard
def discard(app: App, dataset: str, everything: bool, where: str, rows: tuple[str, ...]) -> None:
    """Say that held-back rows are not wanted; the lake keeps them all the same."""
    from dwkit.errors import UsageError
    from dwkit.staging import discard as record

    if not (everything or where or rows):
        raise UsageError("say which rows", hint="--row, --where or --all")
    project = open_here(app)
    with project.recording(command_line()) as run:
        count = record(
            dataset,
            layout=project.layout,
            ledger=project.ledger,
            run=run.id,
            choice=_choice(where, rows),
            dialect=project.config.dialect,
        )
    app.talk.done(f"{human.plural(count, 'row')} of {dataset} discarded")


def _choice(where: str, rows: tuple[str, ...]) -> Choice:
    from dwkit.errors import UsageError
    from dwkit.staging import Choice

    picked = []
    for text in rows:
        batch, _, number = text.rpartition(":")
        if not number.isdigit():
            raise UsageError(f"{text!r} is no row", hint="--row 431, or --row BATCH:431")
        picked.append((batch, int(number)))
    return Choice(rows=picked or None, where=where)
