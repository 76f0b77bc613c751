"""``dwkit shell``."""

from __future__ import annotations

import sys

import click

from dwkit.cli import terminal
from dwkit.cli.options import App, dialect, formatted, standard, verb, write
from dwkit.cli.verbs._shared import command_line, open_if_any
from dwkit.cli.verbs._text import run_script, sql_text


@verb(
    examples="""
    dwkit shell
    dwkit shell --dialect snowflake
    dwkit shell < script.sql
    """
)
@click.option("--as-of", metavar="TIME|VERSION", help="Read tables as they were then.")
@write
@dialect
@formatted
@standard
def command(app: App, as_of: str | None, write: bool, dialect: str | None) -> None:
    r"""Ask in SQL, statement by statement.

    As dwkit query, interactive: a statement ends with a semicolon and may take several lines; tables that it makes
    live until you leave. Tab completes keywords, tables and columns; lines are remembered. \? shows the commands:
    \d, \dt, \dialect, \o, \timing, \q. An error ends nothing; Ctrl-C drops the line, Ctrl-D leaves. What comes from
    a pipe or a file is run as a script.
    """
    from dwkit.project.inspect import parse_as_of
    from dwkit.project.scratch import scratch

    project = open_if_any(app)
    when = parse_as_of(as_of) if as_of is not None else None
    typed = command_line() if write else ""
    session = scratch(project, dialect=dialect, as_of=when, write=typed, tell=app.talk.warn)
    if not terminal.is_terminal(sys.stdin):
        run_script(app, session, sql_text("-"))
        return
    from dwkit.cli.readline import state_folder
    from dwkit.cli.shell import Shell

    Shell(app, session, project).run(state_folder() / "history")
