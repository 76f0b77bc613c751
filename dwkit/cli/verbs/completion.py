"""``dwkit completion``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from dwkit.cli.options import App, standard, verb

_SHELLS = ("bash", "zsh", "fish")


@verb(
    examples="""
    dwkit completion bash >> ~/.bashrc
    dwkit completion zsh >> ~/.zshrc
    dwkit completion fish > ~/.config/fish/completions/dwkit.fish
    """
)
@click.argument("shell", type=click.Choice(_SHELLS))
@standard
def command(_app: App, shell: str) -> None:
    """Print the completion script of a shell.

    Verbs, options and the names of datasets, tables and marts complete once the shell has read it.
    """
    made = get_completion_class(shell)
    assert made is not None
    from dwkit.cli.group import cli

    click.echo(made(cli, {}, "dwkit", "_DWKIT_COMPLETE").source())
