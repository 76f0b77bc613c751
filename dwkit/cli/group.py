"""The lazy group: ``dwkit --help`` and completion read a table; a verb's module is imported when it is typed."""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

import click
from click.shell_completion import CompletionItem

from dwkit.cli.options import App, global_options, require_known

__all__ = ["SECTIONS", "VERBS", "Entry", "LazyGroup", "cli"]


class Entry(NamedTuple):
    """A verb: its module with a ``command``, the first line of its docstring, its section in the help."""

    module: str
    help: str
    section: str


SECTIONS = ("Pipeline", "Ask", "Look after")


def _table() -> dict[str, Entry]:
    sections: dict[str, dict[str, str]] = {
        "Pipeline": {
            "init": "Make a new project folder.",
            "demo": "Make a project with sample data and run all of it.",
            "ingest": "Bring files, folders or stdin into the lake.",
            "stage": "Type and check new batches.",
            "quarantine": "See, mend and replay rows that were held back.",
            "load": "Apply staged rows to dimensions and facts.",
            "mart": "Build marts, and export them.",
            "run": "Bring everything up to date, in dependency order.",
        },
        "Ask": {
            "query": "Ask any layer or any file in SQL.",
            "shell": "Ask in SQL, statement by statement.",
            "translate": "Translate SQL from one dialect to another.",
            "ls": "List datasets, tables and marts.",
            "show": "Show a table's columns and first rows.",
            "profile": "Show the statistics of every column.",
            "diff": "Show what differs between two tables or versions.",
            "history": "List the versions of a table.",
            "log": "List what ran, or the steps of one run.",
            "lineage": "Show where a table or column comes from.",
            "trace": "Follow a row back to its source file and line.",
        },
        "Look after": {
            "test": "Run the tests of tables and marts.",
            "rollback": "Bring a table back to an earlier version.",
            "compact": "Rewrite small files of tables as large ones.",
            "vacuum": "Remove files that no version needs.",
            "repair": "Rebuild what the ledger lacks; clear away what a kill left.",
            "doctor": "Check the project, the machine and the installation.",
            "completion": "Print the completion script of a shell.",
        },
    }
    return {
        name: Entry(f"dwkit.cli.verbs.{name}", text, section)
        for section, verbs in sections.items()
        for name, text in verbs.items()
    }


VERBS: dict[str, Entry] = _table()


class LazyGroup(click.Group):
    """A group that knows its verbs from :data:`VERBS`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the verbs in the order of the table."""
        return [*VERBS, *(n for n in self.commands if n not in VERBS)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the verb's module."""
        entry = VERBS.get(cmd_name)
        if entry is None:
            return super().get_command(ctx, cmd_name)
        command = importlib.import_module(entry.module).command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb, else suggest the nearest."""
        require_known(ctx, args, self.list_commands(ctx))
        return super().resolve_command(ctx, args)

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        formatter: click.HelpFormatter,
    ) -> None:
        """Write the verbs by section, from the table alone."""
        for section in SECTIONS:
            rows = [(name, entry.help) for name, entry in VERBS.items() if entry.section == section]
            if rows:
                with formatter.section(section):
                    formatter.write_dl(rows)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[Any]]:
        """Complete verbs from the table alone."""
        verbs = [CompletionItem(n, help=e.help) for n, e in VERBS.items() if n.startswith(incomplete)]
        return [*verbs, *click.Command.shell_complete(self, ctx, incomplete)]


def _show_version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"dwkit {version('dwkit')}")
        ctx.exit()


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_show_version,
    help="Show the version.",
)
@global_options
@click.pass_context
def cli(ctx: click.Context) -> None:
    """A data warehouse in a folder: from raw files to marts, and back from a row to its source."""
    ctx.ensure_object(App)
