"""Writes docs/cli.md from the commands themselves: ``poe docs``."""

from __future__ import annotations

import inspect
from pathlib import Path

import click

from dwkit.cli.group import SECTIONS, VERBS, cli
from dwkit.cli.options import FORMATS

EXIT_CODES = (
    (0, "done"),
    (1, "data or a check failed: rows quarantined past the limit, a test failed, a file that cannot be read"),
    (2, "usage or configuration: the command line, dwkit.toml, a model, SQL that does not bind"),
    (3, "a source or a target is out of reach"),
    (4, "another writer was there; safe to type again"),
    (70, "a fault of dwkit's own; the message says where the details are"),
    (130, "interrupted"),
    (141, "the reader of stdout has gone, as with `head`"),
)


def main() -> None:
    """Write the page beside this file."""
    Path(__file__).with_name("cli.md").write_text(page(), encoding="utf-8")


def page() -> str:
    """Return the text of the command line reference."""
    ctx = click.Context(cli, info_name="dwkit")
    lines = [
        "# Command line reference",
        "",
        "<!-- Written by docs/reference.py from the commands themselves; do not edit. -->",
        "",
        "`dwkit VERB [NAME] [OPTIONS]`. The project is found from the working directory upwards, or with `-C DIR`.",
        "stdout is data, stderr is talk. Every listing has `--format " + "|".join(FORMATS) + "`.",
        "",
        "| exit code | meaning |",
        "|---|---|",
        *(f"| {code} | {meaning} |" for code, meaning in EXIT_CODES),
    ]
    for section in SECTIONS:
        lines += ["", f"## {section}"]
        for name, entry in VERBS.items():
            if entry.section == section:
                command = cli.get_command(ctx, name)
                assert command is not None
                lines += _command(command, click.Context(command, info_name=name, parent=ctx), 3)
    return "\n".join(lines) + "\n"


def _command(command: click.Command, ctx: click.Context, level: int) -> list[str]:
    usage = " ".join(command.collect_usage_pieces(ctx))
    lines = ["", f"{'#' * level} {ctx.command_path}", "", f"`{ctx.command_path} {usage}`", ""]
    lines.append(inspect.cleandoc(command.help or ""))
    # Arguments stand in the usage and are told of in the text above.
    shown = [p for p in command.params if isinstance(p, click.Option)]
    options = [record for param in shown if (record := param.get_help_record(ctx))]
    if options:
        lines += ["", "| option | what it does |", "|---|---|"]
        lines += [f"| `{_cell(name)}` | {_cell(text)} |" for name, text in options]
    examples = getattr(command, "examples", "")
    if examples:
        lines += ["", "```sh", examples, "```"]
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            inner = command.get_command(ctx, name)
            assert inner is not None
            lines += _command(inner, click.Context(inner, info_name=name, parent=ctx), level + 1)
    return lines


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    main()
