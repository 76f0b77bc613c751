"""TPC-H and TPC-DS: dwkit's compiler beside DuckDB, on the same Parquet files.

    python tests/bench/tpc.py --suite h --data /somewhere/h1 --runs 3
    python tests/bench/tpc.py --suite ds --data /somewhere/ds1 --only q22,q95
    python tests/bench/tpc.py --suite ds --data /somewhere/ds001 --scale 0.01 --verify
    python tests/bench/tpc.py --suite h --data /somewhere/h1 --verify --command

The data folder holds ``TABLE.parquet``, ``queries/qNN.sql`` and ``answers/qNN.csv`` (the published
answers; ``.parquet`` where the rival gave them). What is missing is made by the rival, a DuckDB shell
with its own extensions for the two suites; nothing of it is kept in the repository:

    pip install duckdb-cli==1.5.5 duckdb-extension-tpch==1.5.5 duckdb-extension-tpcds==1.5.5

Without a rival the script still times and checks dwkit. Each engine has one process that stays warm;
their runs alternate, and the best run counts. dwkit keeps the plan of a text that is asked again: it is
timed with a text that it has not seen (``new``: ``compile`` is part of it) and with the same text again.
"""

from __future__ import annotations

import math
import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import click
import polars as pl
from engines import Command, Dwkit, EngineError, Shell, Took
from rows import difference, read_answer

_COUNT = {"h": 22, "ds": 99}
_GENERATOR = {"h": "dbgen", "ds": "dsdgen"}


@click.command(help=__doc__)
@click.option("--suite", type=click.Choice(["h", "ds"]), required=True, help="TPC-H or TPC-DS.")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder of the data.")
@click.option("--scale", default=1.0, show_default=True, help="Scale factor of data that is to be made.")
@click.option("--runs", default=3, show_default=True, help="Runs of each query; the best counts.")
@click.option("--only", default="", metavar="q1,q5", help="Only these queries.")
@click.option("--threads", default=os.cpu_count() or 1, show_default=True, help="Threads of each engine.")
@click.option("--rival", default="duckdb", show_default=True, help="Command of a DuckDB shell; '' for none.")
@click.option("--verify", is_flag=True, help="Check rows, time nothing, print what fails.")
@click.option("--command", is_flag=True, help="Ask `dwkit query`, a process for each query, not the library.")
@click.option("--patience", default=60.0, show_default=True, help="Seconds before a query is given up.")
def main(
    suite: str,
    data: Path,
    scale: float,
    runs: int,
    only: str,
    threads: int,
    rival: str,
    verify: bool,
    command: bool,
    patience: float,
) -> None:
    """Run the benchmark."""
    data = data.resolve()
    if not list(data.glob("*.parquet")):
        _make(suite, scale, data, rival)
    tables = {p.stem: p for p in sorted(data.glob("*.parquet"))}
    queries = dict(_queries(data, only))
    shell: Shell | None = None
    if rival:
        try:
            shell = Shell(rival, tables, threads=threads)
        except EngineError as error:
            click.echo(f"no rival: {error}", err=True)
    ours = (Command if command else Dwkit)(tables, threads=threads, patience=patience)
    try:
        if verify:
            failures = sum(1 for name, sql in queries.items() if not _verified(name, sql, data, ours, shell))
            click.echo(f"{len(queries) - failures} of {len(queries)} right")
        else:
            failures = _timed(queries, data, ours, shell, runs)
    finally:
        ours.close()
        if shell:
            shell.close()
    sys.exit(1 if failures else 0)


def _queries(data: Path, only: str) -> Iterator[tuple[str, str]]:
    wanted = {int(q.strip().lstrip("qQ")) for q in only.split(",") if q.strip()}
    for path in sorted((data / "queries").glob("q*.sql")):
        if not wanted or int(path.stem[1:]) in wanted:
            yield path.stem, path.read_text(encoding="utf-8")


# -- data -------------------------------------------------------------------------------------


def _make(suite: str, scale: float, data: Path, rival: str) -> None:
    """Make tables, queries and published answers with the rival's generators."""
    program = shutil.which(shlex.split(rival)[0]) if rival else None
    if program is None:
        raise click.ClickException(f"{data} has no Parquet files, and there is no rival that could make them")
    click.echo(f"making {data}", err=True)
    (data / "queries").mkdir(parents=True)
    (data / "answers").mkdir()
    beside = Path(program).resolve().parent.parent
    found = next(beside.glob(f"**/duckdb_extension_tpc{suite}/**/*.duckdb_extension"), None)
    shell = Shell(rival, {}, threads=os.cpu_count() or 1)
    try:
        shell.run(f"LOAD '{found}';" if found else f"INSTALL tpc{suite}; LOAD tpc{suite};")
        shell.run(f"CALL {_GENERATOR[suite]}(sf={scale:g});")
        for name in shell.rows("SELECT table_name FROM duckdb_tables()")["table_name"]:
            shell.run(f"COPY {name} TO '{data / name}.parquet' (FORMAT parquet);")
        for number, text in shell.rows(f"SELECT query_nr, query FROM tpc{suite}_queries()").rows():
            (data / "queries" / f"q{number:02}.sql").write_text(text, encoding="utf-8")
        if suite == "h":  # the other suite's table function fails at what it lacks
            answers = shell.rows(f"SELECT query_nr, answer FROM tpch_answers() WHERE scale_factor = {scale}")
            for number, text in answers.rows():
                (data / "answers" / f"q{number:02}.csv").write_text(text, encoding="utf-8")
    finally:
        shell.close()


def _answer(name: str, sql: str, data: Path, shell: Shell | None) -> Path | None:
    """Return the file of a query's expected rows, asking the rival for it when there is none."""
    folder = data / "answers"
    for suffix in (".csv", ".parquet"):
        if (folder / f"{name}{suffix}").exists():
            return folder / f"{name}{suffix}"
    if shell is None:
        return None
    folder.mkdir(exist_ok=True)
    shell.rows(sql).write_parquet(folder / f"{name}.parquet")
    return folder / f"{name}.parquet"


# -- runs -------------------------------------------------------------------------------------


def _check(name: str, sql: str, data: Path, ours: Dwkit | Command, shell: Shell | None, *, ask: bool) -> str:
    """Return the first error or difference of a query's rows from its answer (and from the rival's)."""
    try:
        frame = ours.rows(sql)
    except EngineError as error:
        return str(error)
    answer = _answer(name, sql, data, shell)
    if answer is None:
        return "no answer to check with"
    found = difference(sql, frame.columns, frame.rows(), read_answer(answer))
    if found or not ask or shell is None:
        return found
    found = difference(sql, frame.columns, frame.rows(), shell.rows(sql).rows())
    return f"against the rival: {found}" if found else ""


def _verified(name: str, sql: str, data: Path, ours: Dwkit | Command, shell: Shell | None) -> bool:
    wrong = _check(name, sql, data, ours, shell, ask=False)
    if wrong:
        click.echo(f"{name}  {wrong[:400]}")
    return not wrong


def _timed(queries: dict[str, str], data: Path, ours: Dwkit | Command, shell: Shell | None, runs: int) -> int:
    """Print a table of times; return how many queries are not right."""
    click.echo(f"polars {pl.__version__}" + (f", {shell.version()}" if shell else ""))
    click.echo(
        f"{'query':6}{'new ms':>9}{'compile':>9}{'again ms':>10}{'rival ms':>10}{'new':>7}{'again':>7}  rows"
    )
    rows: list[_Row] = []
    failures = 0
    for name, sql in queries.items():
        wrong = _check(name, sql, data, ours, shell, ask=True)
        failures += bool(wrong)
        row = _Row(name)
        for number in range(runs):
            with suppress(EngineError):
                row.new.append(ours.time(f"-- {number}\n{sql}"))
                row.again.append(ours.time(sql).total)
            if shell:
                row.rival.append(shell.time(sql))
        rows.append(row)
        click.echo(f"{row}  {wrong[:300] or 'right'}")
    click.echo(f"\n{len(queries) - failures} of {len(queries)} right")
    timed = [r for r in rows if r.again]
    if timed:
        compiles = [min(t.compile for t in r.new) for r in timed]
        click.echo(
            f"compile: geometric mean {_mean(compiles) * 1e3:.1f} ms, worst {max(compiles) * 1e3:.1f} ms"
        )
    for label in ("new", "again"):
        ratios = {r.name: found for r in timed if (found := r.ratio(label)) is not None}
        if ratios:
            worst = ", ".join(f"{n} {ratios[n]:.2f}" for n in sorted(ratios, key=lambda n: -ratios[n])[:8])
            mean = _mean(list(ratios.values()))
            click.echo(f"{label}: geometric mean of ratios {mean:.3f}; worst: {worst}")
    return failures


@dataclass
class _Row:
    """The runs of one query, in seconds."""

    name: str
    new: list[Took] = field(default_factory=list)
    again: list[float] = field(default_factory=list)
    rival: list[float] = field(default_factory=list)

    def ratio(self, label: str) -> float | None:
        """Return our best to the rival's best, of a new text or of the same again."""
        mine = [t.total for t in self.new] if label == "new" else self.again
        return min(mine) / min(self.rival) if mine and self.rival else None

    def __str__(self) -> str:
        seconds = [
            min((t.total for t in self.new), default=None),
            min((t.compile for t in self.new), default=None),
            min(self.again, default=None),
            min(self.rival, default=None),
        ]
        ms = "".join(
            f"{'-' if s is None else f'{s * 1e3:.1f}':>{w}}"
            for s, w in zip(seconds, (9, 9, 10, 10), strict=True)
        )
        ratios = "".join(f"{'-' if r is None else f'{r:.2f}':>7}" for r in map(self.ratio, ("new", "again")))
        return f"{self.name:6}{ms}{ratios}"


def _mean(values: list[float]) -> float:
    return math.exp(sum(math.log(v) for v in values) / len(values))


if __name__ == "__main__":
    main()
