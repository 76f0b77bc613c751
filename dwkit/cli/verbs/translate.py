"""``dwkit translate``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dwkit.cli import complete
from dwkit.cli.human import plural
from dwkit.cli.options import App, formatted, standard, verb
from dwkit.cli.verbs._shared import open_if_any
from dwkit.cli.verbs._text import sql_text

if TYPE_CHECKING:
    from dwkit.sql import Translation


@verb(
    examples="""
    dwkit translate "select top 3 * from t" --from tsql --to spark
    dwkit translate report.sql --from snowflake --to bigquery > report_bq.sql
    cat *.sql | dwkit translate - --from redshift --to duckdb --strict
    dwkit translate old.sql --from oracle --to postgres --format json
    """
)
@click.argument("text", metavar="SQL|-|FILE")
@click.option(
    "--from",
    "source",
    metavar="D",
    shell_complete=complete.dialects,
    help="Dialect that it is written in.  [default: the project's]",
)
@click.option(
    "--to",
    "target",
    metavar="D",
    shell_complete=complete.dialects,
    help="Dialect wanted.  [default: the project's]",
)
@click.option("--pretty/--no-pretty", default=True, help="A clause on each line, or a statement.")
@click.option("--strict", is_flag=True, help="End with exit code 1 where there are warnings.")
@formatted
@standard
def command(
    app: App, text: str, source: str | None, target: str | None, pretty: bool, strict: bool
) -> None:  # fmt: skip
    """Translate SQL from one dialect to another.

    The translation goes to stdout. What the other dialect cannot keep is told on stderr, a warning for each
    thing; so is what was not understood and is kept as it was written. Nothing is run. With --format a listing
    of the statements: line, statement, sql, warnings.
    """
    from dwkit.errors import CheckError, UsageError
    from dwkit.sql import translate

    if source is None and target is None:
        raise UsageError("from which dialect, and to which?", hint="--from snowflake --to spark")
    if source is None or target is None:
        project = open_if_any(app)
        own = project.config.dialect if project is not None else "duckdb"
        source, target = source or own, target or own
    found = translate(sql_text(text), source, target, pretty=pretty)
    for one in found:
        for warning in one.warnings:
            app.talk.warn(f"line {one.line}: {warning}", line=one.line)
    _emit(app, found)
    count = sum(len(one.warnings) for one in found)
    if count and strict:
        hint = "without --strict warnings are no failure"
        raise CheckError(f"{plural(count, 'warning')} in the translation to {target}", hint=hint)


def _emit(app: App, found: list[Translation]) -> None:
    if app.format is not None:
        names = ["line", "statement", "sql", "warnings"]
        app.emit(
            [
                {
                    "line": one.line,
                    "statement": one.statement,
                    "sql": one.sql,
                    "warnings": list(one.warnings)
                    if app.format in ("json", "ndjson")
                    else "; ".join(one.warnings),
                }
                for one in found
            ],
            columns=names,
        )
        return
    from dwkit.cli.output import Target

    target = Target()
    target.text(f"{found[0].sql}\n" if len(found) == 1 else "\n".join(f"{one.sql};\n" for one in found))
    target.flush()
