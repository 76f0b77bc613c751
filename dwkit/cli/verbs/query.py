"""``dwkit query``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from dwkit.cli.options import App, dialect, formatted, limit, standard, verb
from dwkit.cli.verbs._shared import open_if_any
from dwkit.cli.verbs._text import sql_text

if TYPE_CHECKING:
    import polars as pl

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")


@verb(
    examples="""
    dwkit query "select * from marts.sales limit 5"
    dwkit query "select city, count(*) n from 'people.csv' group by city order by n desc"
    dwkit query report.sql --param month=2026-01 --format parquet > report.parquet
    echo "select 1 as one" | dwkit query -
    dwkit query "select top 3 * from warehouse.dim_customer" --dialect tsql
    dwkit query "select * from marts.sales" --as-of 2026-01-31
    """
)
@click.argument("text", metavar="SQL|-|FILE")
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="Value of :NAME in the SQL.")
@click.option("--as-of", metavar="TIME|VERSION", help="Read tables as they were then.")
@dialect
@limit
@formatted
@standard
def command(
    app: App, text: str, params: tuple[str, ...], as_of: str | None, dialect: str | None, limit: int | None
) -> None:
    """Ask any layer or any file in SQL.

    Tables are named by layer: lake.orders, staging.orders, warehouse.dim_customer, marts.sales; a file
    by its path in quotes. Outside a project, files can be asked too.
    """
    frame = _frame(app, sql_text(text), _params(params), as_of, dialect)
    app.emit(frame if limit is None else frame.limit(limit))


def _frame(
    app: App, sql: str, params: dict[str, object], as_of: str | None, dialect: str | None
) -> pl.LazyFrame:
    from dwkit.errors import UsageError
    from dwkit.project.inspect import parse_as_of

    when = parse_as_of(as_of) if as_of is not None else None
    project = open_if_any(app)
    if project is None:
        from dwkit.project.files import query_files

        if when is not None:
            raise UsageError(
                "files have no earlier versions and there is no project here",
                hint="-C DIR names a project; else leave out --as-of",
            )
        return query_files(sql, dialect=dialect or "duckdb", params=params)
    return project.query(sql, dialect=dialect, params=params, as_of=when)


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
