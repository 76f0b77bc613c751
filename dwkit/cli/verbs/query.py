"""``dwkit query``."""

from __future__ import annotations

import re

import click

from dwkit.cli.options import App, dialect, formatted, limit, standard, verb, write
from dwkit.cli.verbs._shared import command_line, open_if_any
from dwkit.cli.verbs._text import run_script, sql_text

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")


@verb(
    examples="""
    dwkit query "select * from marts.sales limit 5"
    dwkit query "select city, count(*) n from 'people.csv' group by city order by n desc"
    dwkit query report.sql --param month=2026-01 --format parquet > report.parquet
    echo "select 1 as one" | dwkit query -
    dwkit query "select top 3 * from warehouse.dim_customer" --dialect tsql
    dwkit query "select * from marts.sales" --as-of 2026-01-31
    dwkit query --write "update warehouse.dim_customer set city = 'Berlin' where customer_id = 'C00001'"
    dwkit query "create table t as select * from 'a.csv'; delete from t where x is null; select * from t"
    """
)
@click.argument("text", metavar="SQL|-|FILE")
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="Value of :NAME in the SQL.")
@click.option("--as-of", metavar="TIME|VERSION", help="Read tables as they were then.")
@write
@dialect
@limit
@formatted
@standard
def command(
    app: App,
    text: str,
    params: tuple[str, ...],
    as_of: str | None,
    write: bool,
    dialect: str | None,
    limit: int | None,
) -> None:
    """Ask any layer or any file in SQL.

    Tables are named by layer: lake.orders, staging.orders, warehouse.dim_customer, marts.sales; a file
    by its path in quotes. Outside a project, files can be asked too.

    Several statements are a script: it can make tables of its own, which live until its end, and change them;
    those of the layers it only reads. With --write it can change tables of the warehouse and the marts: each such
    statement is a version of its own, which history shows and rollback takes back. As tables (--format table, md,
    or on a terminal) the rows of each SELECT are shown, in the other formats those of the last one.
    """
    from dwkit.project.inspect import parse_as_of
    from dwkit.project.scratch import scratch

    when = parse_as_of(as_of) if as_of is not None else None
    sql = sql_text(text)
    project = open_if_any(app)
    typed = command_line() if write else ""
    session = scratch(project, dialect=dialect, as_of=when, write=typed, tell=app.talk.warn)
    run_script(app, session, sql, params=_params(params), limit=limit)


def _params(pairs: tuple[str, ...]) -> dict[str, object]:
    from dwkit.errors import UsageError

    found: dict[str, object] = {}
    for pair in pairs:
        name, mark, value = pair.partition("=")
        if not mark or not name.isidentifier():
            raise UsageError(f"{pair!r} is no parameter", hint="--param month=2026-01")
        found[name] = _value(value)
    return found


def _value(text: str) -> object:
    # Only what reads as the number it is written as: 00123 is a code, +49 30 1 and 1_000 are no numbers.
    if _NUMBER.fullmatch(text):
        return float(text) if any(c in text for c in ".eE") else int(text)
    return {"true": True, "false": False, "null": None}.get(text.lower(), text)
