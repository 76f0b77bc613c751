"""``dwkit query``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dwkit.cli.options import App, dialect, formatted, limit, standard, verb
from dwkit.cli.verbs._shared import open_here

if TYPE_CHECKING:
    import polars as pl


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
    frame = _frame(app, _sql(text), _params(params), as_of, dialect)
    app.emit(frame if limit is None else frame.limit(limit))


def _frame(
    app: App, sql: str, params: dict[str, object], as_of: str | None, dialect: str | None
) -> pl.LazyFrame:
    from dwkit.errors import UsageError

    try:
        project = open_here(app)
    except UsageError:
        if app.directory is not None:
            raise
        from dwkit.project.files import query_files

        return query_files(sql, dialect=dialect or "duckdb", params=params)
    from dwkit.project.inspect import parse_as_of

    when = parse_as_of(as_of) if as_of else None
    return project.query(sql, dialect=dialect, params=params, as_of=when)


def _sql(text: str) -> str:
    from dwkit.errors import ReachError

    if text == "-":
        return sys.stdin.read()
    if text.lower().endswith(".sql") and not any(c.isspace() for c in text.strip()):
        try:
            return Path(text).read_text(encoding="utf-8-sig")
        except OSError as error:
            raise ReachError(f"{text}: {error.strerror}", hint="dwkit query takes SQL, - or a file") from None
    return text


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
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "false": False, "null": None}.get(text.lower(), text)
