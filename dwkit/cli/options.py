"""What every verb shares: the flags that mean the same everywhere, and the :class:`App` they set up.

A verb is written like this, in ``dwkit/cli/verbs/<verb>.py``::

    @verb(examples='''
        dwkit show marts.sales
        dwkit show staging.orders --limit 20
    ''')
    @click.argument("name", shell_complete=complete.nodes)
    @limit
    @formatted
    @standard
    def command(app: App, name: str, limit: int | None) -> None:
        '''Columns and first rows of a table.

        More words.
        '''
        project = dwkit.project.open(app.root())
        app.emit(project.read(name), title=name)

The first line of the docstring is the help text in the table of :mod:`dwkit.cli.group`.
"""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dwkit.cli import complete
from dwkit.cli.talk import Talk

if TYPE_CHECKING:
    from dwkit.cli.output import Data, Emitted

__all__ = [
    "FORMATS",
    "App",
    "Names",
    "Verb",
    "VerbGroup",
    "dialect",
    "dry_run",
    "force",
    "formatted",
    "from_table",
    "global_options",
    "key",
    "kind",
    "limit",
    "save",
    "scd",
    "sql",
    "standard",
    "updated_at",
    "verb",
    "verb_group",
]

R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])

FORMATS = ("table", "csv", "json", "ndjson", "md", "parquet", "arrow")


class App:
    """What a verb is given: where the project is, how to talk, how to show a result.

    Attributes:
        directory: the folder given with ``-C``, else None (the working directory).
        talk: messages on stderr.
        format: what ``--format`` said, else None (a table on a terminal, csv elsewhere).
        rows: what ``--rows`` said: rows of a table to show, 0 for all, else None.
        started: :func:`time.perf_counter` at the start of the command.
    """

    def __init__(self) -> None:
        self.directory: Path | None = None
        self.talk = Talk()
        self.format: str | None = None
        self.rows: int | None = None
        self.started = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Seconds since the command began."""
        return time.perf_counter() - self.started

    def root(self) -> Path:
        """Return the project folder: upwards from ``-C DIR`` or the working directory.

        Raises:
            UsageError: there is no project.
        """
        from dwkit.config.find import find_project

        return find_project(self.directory)

    def emit(
        self,
        data: Data,
        *,
        columns: Sequence[str] | None = None,
        title: str | None = None,
        human: Mapping[str, Callable[[Any], str]] | None = None,
    ) -> Emitted:
        """Write a result to stdout in the format asked for; see :func:`dwkit.cli.output.emit`."""
        from dwkit.cli.output import emit

        return emit(
            data,
            self.format,
            columns=columns,
            title=title,
            shown=self.rows,
            human=human,
            started=self.started,
            talk=self.talk,
        )


def _set_directory(ctx: click.Context, _param: click.Parameter, value: Path | None) -> None:
    if value is not None:
        ctx.ensure_object(App).directory = value


def _set_quiet(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        ctx.ensure_object(App).talk.quiet = True


def _set_verbose(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        ctx.ensure_object(App).talk.verbose = True


def _set_json_log(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        ctx.ensure_object(App).talk.json_log = True


def _set_format(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.ensure_object(App).format = value


def _set_rows(ctx: click.Context, _param: click.Parameter, value: int | None) -> None:
    if value is not None:
        ctx.ensure_object(App).rows = value


def global_options(f: F) -> F:
    """Add ``-C``, ``-q``, ``-v`` and ``--json-log``; they are kept in the :class:`App`."""
    for option in (
        click.option(
            "--json-log",
            is_flag=True,
            expose_value=False,
            callback=_set_json_log,
            help="Messages on stderr as JSON, one object per line.",
        ),
        click.option(
            "-v",
            "--verbose",
            is_flag=True,
            expose_value=False,
            callback=_set_verbose,
            help="Say more; show tracebacks of errors.",
        ),
        click.option(
            "-q",
            "--quiet",
            is_flag=True,
            expose_value=False,
            callback=_set_quiet,
            help="Say nothing but warnings and errors.",
        ),
        click.option(
            "-C",
            "--project",
            type=click.Path(file_okay=False, path_type=Path),
            metavar="DIR",
            expose_value=False,
            callback=_set_directory,
            help="Project folder, or one inside it.  [default: the working directory]",
        ),
    ):
        f = option(f)
    return f


def standard(f: Callable[..., R]) -> Callable[..., R]:
    """Make a function a verb: it is given the :class:`App` first, and the global options are added."""

    def inner(*args: object, **kwargs: object) -> R:
        return f(click.get_current_context().ensure_object(App), *args, **kwargs)

    return global_options(functools.update_wrapper(inner, f))


def formatted(f: F) -> F:
    """Add ``--format`` and ``--rows``, which :meth:`App.emit` obeys."""
    f = click.option(
        "--rows",
        type=click.IntRange(min=0),
        metavar="N",
        expose_value=False,
        callback=_set_rows,
        help="Rows of a table to show, from both ends; 0 for all.",
    )(f)
    return click.option(
        "-f",
        "--format",
        type=Format(),
        metavar="F",
        expose_value=False,
        callback=_set_format,
        help=f"{', '.join(FORMATS)}.  [default: table on a terminal, else csv]",
    )(f)


class Format(click.Choice[str]):
    """One of :data:`FORMATS`, whatever the case; else the nearest is suggested."""

    def __init__(self) -> None:
        super().__init__(FORMATS, case_sensitive=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Find the format."""
        from dwkit.errors import NotFoundError

        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            raise NotFoundError("format", str(value), FORMATS) from None


class Names(click.ParamType[list[str]]):
    """``COL[,COL]``: a list of names, none of them empty."""

    name = "COL[,COL]"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> list[str]:
        """Split at commas."""
        if isinstance(value, (list, tuple)):
            return [str(v) for v in value]
        names = [n.strip() for n in str(value).split(",")]
        if not all(names):
            self.fail(f"{value!r} has an empty name.", param, ctx)
        return names


# The flags that mean the same everywhere. Each is passed under the name in its comment.
from_table = click.option(  # source: str | None
    "--from",
    "source",
    metavar="TABLE",
    shell_complete=complete.nodes,
    help="Table to read, such as staging.orders.",
)
key = click.option(  # key: list[str] | None
    "--key", type=Names(), help="Columns of the natural key or the grain."
)
kind = click.option(  # kind: str | None
    "--kind", metavar="KIND", help="Kind of model, such as dimension, fact, table, view, incremental."
)
scd = click.option(  # scd: int | None
    "--scd", type=click.IntRange(0, 2), metavar="N", help="Type of slowly changing dimension: 0, 1 or 2."
)
updated_at = click.option(  # updated_at: str | None
    "--updated-at", metavar="COL", help="Column that says since when a row is valid."
)
sql = click.option("--sql", metavar="TEXT", help="SELECT instead of a model file.")  # sql: str | None
save = click.option(  # save: bool
    "--save", is_flag=True, help="Write these flags to a model file or dwkit.toml."
)
force = click.option("--force", is_flag=True, help="Do it again although nothing changed.")  # force: bool
dry_run = click.option(  # dry_run: bool
    "--dry-run", is_flag=True, help="Say what would be done and why; change nothing."
)
limit = click.option(  # limit: int | None
    "--limit", type=click.IntRange(min=0), metavar="N", help="At most N rows."
)
dialect = click.option(  # dialect: str | None
    "--dialect",
    metavar="D",
    shell_complete=complete.dialects,
    help="SQL dialect, such as duckdb, snowflake, bigquery, tsql, postgres.",
)
write = click.option(  # write: bool
    "--write", is_flag=True, help="Let statements change tables of the warehouse and the marts."
)


class Verb(click.Command):
    """A command whose help ends with examples.

    Args:
        examples: command lines, one a line; a line that starts with ``#`` is a comment.
    """

    def __init__(self, *args: Any, examples: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = inspect.cleandoc(examples)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples as they stand, not wrapped."""
        _write_examples(self.examples, formatter)
        super().format_epilog(ctx, formatter)


class VerbGroup(click.Group):
    """A verb with verbs of its own, such as ``quarantine list``."""

    command_class = Verb

    def __init__(self, *args: Any, examples: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = inspect.cleandoc(examples)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order in which they were written."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the sub-verb, else suggest the nearest."""
        require_known(ctx, args, self.commands)
        return super().resolve_command(ctx, args)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples as they stand, not wrapped."""
        _write_examples(self.examples, formatter)
        super().format_epilog(ctx, formatter)


def verb(*, examples: str, **settings: Any) -> Callable[[Callable[..., Any]], Verb]:
    """Make the decorated function the ``command`` of its module, named after the module."""

    def make(f: Callable[..., Any]) -> Verb:
        return click.command(_name(f), cls=Verb, examples=examples, **settings)(f)

    return make


def verb_group(*, examples: str, **settings: Any) -> Callable[[Callable[..., Any]], VerbGroup]:
    """As :func:`verb`, for a verb with sub-verbs, made with ``@command.command("list", examples=...)``."""

    def make(f: Callable[..., Any]) -> VerbGroup:
        return click.group(_name(f), cls=VerbGroup, examples=examples, **settings)(f)

    return make


def require_known(ctx: click.Context, args: Sequence[str], known: Iterable[str]) -> None:
    """Check that the first argument is a known verb.

    Raises:
        UsageError: it is not; the hint is the nearest one.
    """
    from dwkit.errors import NotFoundError

    known = list(known)
    if args and not args[0].startswith("-") and args[0] not in known and not ctx.resilient_parsing:
        raise NotFoundError("verb" if ctx.parent is None else f"{ctx.info_name} verb", args[0], known)


def _name(f: Callable[..., Any]) -> str:
    return f.__module__.rpartition(".")[2].rstrip("_").replace("_", "-")


def _write_examples(examples: str, formatter: click.HelpFormatter) -> None:
    if examples:
        with formatter.section("Examples"):
            for line in examples.splitlines():
                formatter.write(f"{'':>{formatter.current_indent}}{line}".rstrip() + "\n")
