"""``dwkit ingest``."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dwkit.cli import complete, human
from dwkit.cli.options import App, Names, force, formatted, limit, save, standard, verb
from dwkit.cli.progress import progress
from dwkit.cli.verbs._shared import command_line, open_here

if TYPE_CHECKING:
    from dwkit.lake.ingest import Ingested
    from dwkit.model.run import Seen
    from dwkit.project import Project

_FIELDS = ("dataset", "source", "batch", "rows", "malformed", "bytes", "new")


class _Columns(click.ParamType[tuple[int, ...]]):
    name = "N[,N]"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        try:
            return tuple(int(piece) for piece in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not a list of whole numbers.", param, ctx)


@verb(
    examples="""
    dwkit ingest orders.csv --into orders
    dwkit ingest 'raw/*.csv.gz' logs/ workbook.xlsx
    cat orders.csv | dwkit ingest - --into orders
    dwkit ingest app.log --as log --pattern '(?P<time>\\S+) (?P<level>\\w+) (?P<text>.*)'
    dwkit ingest                          # every source in dwkit.toml
    """
)
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.option(
    "--into",
    metavar="DATASET",
    shell_complete=complete.datasets,
    help="Dataset; named after the file without it.",
)
@click.option("--as", "as_format", metavar="FORMAT", help="Format, when neither name nor content tells it.")
@click.option("--as-objects", is_flag=True, help="Keep the bytes as they are, with a catalogue row each.")
@click.option("--delimiter", metavar="C", help="Field delimiter of a CSV file; detected without it.")
@click.option("--quote", metavar="C", help="Quote character; an empty one for none.")
@click.option("--encoding", metavar="NAME", help="Character encoding; detected without it.")
@click.option("--header/--no-header", default=None, help="Whether the first record names the columns.")
@click.option("--columns", type=Names(), help="Names of the columns.")
@click.option(
    "--skip-rows", type=click.IntRange(min=0), metavar="N", help="Lines before the header or the data."
)
@click.option("--comment", metavar="TEXT", help="Lines that begin with it are no data.")
@click.option(
    "--pattern", metavar="REGEX", help="Log lines: named groups, or combined, common, syslog, logfmt, json."
)
@click.option("--widths", type=_Columns(), help="Column widths of a fixed-width file.")
@click.option(
    "--records", metavar="PATH", help="Where in a JSON document the records are, such as data.items."
)
@click.option("--row-tag", metavar="TAG", help="XML element that is a row.")
@click.option("--sheet", metavar="NAME", help="One sheet of a workbook.")
@click.option("--table", metavar="NAME", help="One table of a database file.")
@click.option("--member", metavar="GLOB", help="Members of an archive.")
@click.option(
    "--ragged", type=click.Choice(["quarantine", "pad"]), help="What to do with short and long CSV rows."
)
@click.option("--keep-original", is_flag=True, help="Store the file's own bytes too.")
@limit
@force
@save
@formatted
@standard
def command(
    app: App,
    sources: tuple[str, ...],
    into: str | None,
    keep_original: bool,
    limit: int | None,
    force: bool,
    save: bool,
    **read: Any,
) -> None:
    """Bring files, folders or stdin into the lake.

    A SOURCE is a path, a folder, a quoted glob, - for standard input, or the name of a dataset whose
    source dwkit.toml tells; without one, all of those. Each file is one immutable batch; bytes
    that are in the lake already are not brought again.
    """
    from dwkit.errors import UsageError
    from dwkit.model.source import ReadOptions
    from dwkit.project.steps import Steps
    from dwkit.storage.aside import scratch

    project = open_here(app)
    read |= {"format": read.pop("as_format"), "columns": tuple(read["columns"]) if read["columns"] else None}
    options = ReadOptions(**{k: v for k, v in read.items() if v is not None})
    declared = _declared(project, sources)
    if save and "-" in sources:
        raise UsageError("standard input cannot be read again", hint="--save takes files, folders and globs")
    found: list[Ingested] = []
    came: dict[str, list[str]] = {}
    try:
        with (
            project.recording(command_line()) as run,
            scratch(project.layout.scratch) as folder,
            progress(app.talk, "ingest") as task,
        ):
            steps = Steps(project, run)

            def watch(seen: Seen) -> None:
                task.update(rows=seen.rows, bytes=seen.bytes, total=seen.total, note=Path(seen.source).name)

            if declared:
                for name in declared:
                    told = project.config.datasets[name]
                    steps.ingest(
                        told.sources,
                        name,
                        told.read,
                        cwd=project.root,
                        watch=watch,
                        force=force,
                        tell=found.append,
                    )
            else:
                spooled = _spooled(sources, into, folder)
                # With --save one by one, to know which source each dataset came from.
                for some in [[s] for s in sources] if save else [list(sources)]:
                    one = steps.ingest(
                        some,
                        into,
                        options,
                        cwd=Path.cwd(),
                        watch=watch,
                        keep_original=keep_original,
                        limit=limit,
                        stdin_file=spooled,
                        force=force,
                        tell=found.append,
                    )
                    for dataset in dict.fromkeys(i.dataset for i in one):
                        came.setdefault(dataset, []).extend(_from(project, s) for s in some)
    finally:
        _tell(app, found)  # what came before a failing file is in the lake, and stays there
    if save and came:
        from dwkit.config.edit import write_source

        for name, specs in came.items():
            write_source(project.layout.config, name, specs, options)
        app.talk.note("wrote the source to dwkit.toml")
    if app.format:
        app.emit([_record(i) for i in found], columns=_FIELDS)


def _declared(project: Project, sources: tuple[str, ...]) -> list[str]:
    """Return the datasets meant, when the sources are names from dwkit.toml or there are none."""
    from dwkit.errors import UsageError

    datasets = {name for name, one in project.config.datasets.items() if one.sources}
    if not sources:
        if not datasets:
            raise UsageError(
                "nothing to ingest: dwkit.toml names no source", hint="dwkit ingest FILE --into DATASET"
            )
        return sorted(datasets)
    if all(s in datasets and not Path(s).exists() for s in sources):
        return list(sources)
    return []


def _spooled(sources: tuple[str, ...], into: str | None, folder: Path) -> Path | None:
    """Write standard input to a file, so that it can be read as any other."""
    from dwkit.errors import UsageError

    if "-" not in sources:
        return None
    if into is None:
        raise UsageError("standard input has no name", hint="add --into DATASET")
    if sys.stdin.isatty():
        raise UsageError("standard input is a terminal", hint="cat x.csv | dwkit ingest - --into x")
    path = folder / "stdin"
    with path.open("wb") as out:
        shutil.copyfileobj(sys.stdin.buffer, out, 1 << 20)
    return path


def _from(project: Project, source: str) -> str:
    path = Path(source).absolute()
    return path.relative_to(project.root).as_posix() if path.is_relative_to(project.root) else path.as_posix()


def _tell(app: App, found: list[Ingested]) -> None:
    for one in found:
        if not one.new:
            app.talk.info(
                f"{one.source}: already ingested into lake.{one.dataset} as batch {one.batch.id}; --force brings it again"
            )
            continue
        app.talk.done(f"lake.{one.dataset} ← {one.source}", rows=one.batch.rows, bytes=one.batch.bytes_out)
        for note in one.batch.notes:
            app.talk.note(f"  {note}")
        if one.batch.malformed:
            app.talk.warn(
                f"{one.source}: {human.plural(one.batch.malformed, 'malformed record')} kept aside; "
                f"dwkit stage {one.dataset} puts them in quarantine with the reason"
            )
    new = [one for one in found if one.new]
    tables = " ".join(dict.fromkeys(one.dataset for one in new if one.batch.format != "object"))
    if tables:
        app.talk.note(f"next: dwkit stage {tables}")
    elif new:
        app.talk.note(f"next: dwkit show lake.{new[0].dataset}")


def _record(one: Ingested) -> dict[str, object]:
    batch = one.batch
    values = (one.dataset, one.source, batch.id, batch.rows, batch.malformed, batch.bytes_out, one.new)
    return dict(zip(_FIELDS, values, strict=True))
