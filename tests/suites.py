"""Run public suites of logic tests from a folder and tell, for each family of files, how many queries are right.

    python tests/suites.py sqlite FOLDER [PATTERN...]       SQLite's sqllogictest
    python tests/suites.py datafusion FOLDER [PATTERN...]   datafusion/sqllogictest/test_files
    python tests/suites.py duckdb FOLDER [PATTERN...]       test/sql

Only queries count. Each ends as one of

    right     the rows that the suite expects
    wrong     other rows
    declared  other rows or an error, as `suite_declared.txt` says and why
    refused   an error of ours: something that is not supported
    blocked   refused or wrong over a table of which a statement was refused
    foreign   not run: it asks for what only that engine has
    undefined other rows of a query with LIMIT and no ORDER BY, whose rows are anyone's guess
    crashed   any other error, or the process died
    timeout   no answer within --limit seconds

Queries that a suite expects to fail are counted apart: `errors` of them did, `answered` did not.
The suites are fetched by hand; none of their text belongs into this repository.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import re
import resource
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path

OUTCOMES = (
    "right",
    "wrong",
    "declared",
    "refused",
    "blocked",
    "undefined",
    "crashed",
    "timeout",
    "foreign",
    "errors",
    "answered",
)
MEMORY = 8 << 30


@dataclass
class Outcome:
    """How a query ended."""

    outcome: str
    place: str
    sql: str
    detail: str = ""


@dataclass
class Family:
    """Sums of a family of files."""

    counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0


# -- worker ---------------------------------------------------------------------------------------


def work(pipe: Connection, name: str, root: str, base: str, dialect: str, step: int) -> None:
    """Run files that come through a pipe, record by record; say before each what comes, after it how it ended."""
    from suite_formats import FORMATS
    from suite_values import Tables

    from dwkit.sql import Session

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    suite = FORMATS[name]
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # panics are counted, not read
    while True:
        path, banned = pipe.recv()
        tables = Tables(Path(base))
        for table, rows in suite.fixtures(Path(base), Path(path).name).items():
            tables.known[table] = rows.lazy
        session = Session(tables, dialect or suite.dialect(Path(path)), names=tables.known.keys)
        failed: set[str] = set()
        for number, record in enumerate(suite.records(Path(path))):
            if suite.skips(record) or number in banned:
                continue
            if record.kind == "halt":
                break
            if record.kind in ("query", "statement"):
                if record.kind == "query" and (number % step or number < max(banned, default=0)):
                    continue
                pipe.send(("begin", number, f"{Path(path).relative_to(root)}:{record.line}", record.sql))
                pipe.send(("end", _run(suite, session, tables, record, failed)))
        pipe.send(("file",))


def _run(suite, session, tables, record, failed: set[str]) -> tuple[str, str]:
    """Run a record; return its outcome (empty for statements) and what there is to say.

    Args:
        failed: tables of which a statement could not be run; kept up to date.
    """
    import polars as pl
    from suite_values import is_select

    from dwkit.errors import DwkitError
    from dwkit.sql.failure import collected

    fails = len(record.words) > 1 and record.words[1] == "error"
    if record.kind == "query" and suite.foreign is not None and suite.foreign.search(record.sql):
        return "foreign", ""
    counts = record.kind == "query" and is_select(record.sql)
    try:
        data = None
        if not suite.prepare(session, tables, record.sql):
            for result in session.run(record.sql):
                data = collected(result.frame) if result.frame is not None else None
    except (Exception, pl.exceptions.PanicException) as error:
        # What Polars says of a value is an answer; what it says of a plan is a defect of ours.
        ours = isinstance(error, DwkitError) and not isinstance(error.__cause__, _defects())
        said = error.message if ours else f"{type(error).__name__}: {error}"
        if not fails and (
            not counts or re.search(r"\b(insert|update|delete|merge)\b", record.sql, re.IGNORECASE)
        ):
            failed.update(map(str.lower, _CHANGED.findall(record.sql)))
        if not counts:
            return "", said
        if not ours:
            return "crashed", said
        return "errors" if fails else "blocked" if _over(record.sql, failed) else "refused", said
    if not counts:
        failed.difference_update(map(str.lower, _MADE.findall(record.sql)))
        return "", ""
    if fails:
        return "answered", ""
    if data is None:
        return "refused", "gives no rows"
    if suite.same(record, data):
        return "right", ""
    got = "\n".join("\t".join(map(str, row)) for row in data.head(12).rows())
    wanted = "\n".join((record.expected or [])[:12])
    outcome = "blocked" if _over(record.sql, failed) else "undefined" if _loose(record, data) else "wrong"
    return outcome, f"{got}\nexpected\n{wanted}"


def _defects() -> tuple[type[Exception], ...]:
    import polars.exceptions as pl

    return (pl.SchemaError, pl.ColumnNotFoundError, pl.ShapeError, pl.DuplicateError, pl.StructFieldNotFoundError,
            pl.SQLInterfaceError, pl.SQLSyntaxError)  # fmt: skip


_MADE = re.compile(
    r"\bcreate\b.*?\b(?:table|view)\s+(?:if\s+not\s+exists\s+)?[\"']?(?:\w+\.)*(\w+)", re.IGNORECASE
)
_CHANGED = re.compile(r"\b(?:table|view|into|update|from|exists|copy)\s+[\"']?(?:\w+\.)*(\w+)", re.IGNORECASE)


def _over(sql: str, failed: set[str]) -> bool:
    """Whether a query reads a table that is not as the suite thinks."""
    return bool(failed.intersection(w.lower() for w in re.findall(r"\w+", sql)))


def _loose(record, data) -> bool:
    """Whether any rows would do, as many as there are."""
    from suite_values import is_ordered

    limited = re.search(r"\b(limit|offset|fetch|top|distinct\s+on)\b", record.sql, re.IGNORECASE)
    return (
        bool(limited)
        and not is_ordered(record.sql)
        and data.height * max(1, data.width) >= len(record.expected or [])
    )


# -- parent ---------------------------------------------------------------------------------------


class Worker:
    """A process that runs files, replaced by a new one where it hangs or dies."""

    def __init__(self, *arguments: object) -> None:
        self._arguments = arguments
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=work, args=(theirs, *self._arguments), daemon=True)
        self._process.start()
        theirs.close()

    def run(self, path: Path, limit: float, patience: int) -> Iterator[Outcome]:
        """Run a file; give the outcomes of its queries and, with an empty outcome, of its statements.

        Args:
            limit: seconds for a record.
            patience: so many times the process may hang or die, then the rest of the file is left out.
        """
        banned: set[int] = set()
        self._pipe.send((str(path), banned))
        number, place, sql = -1, "", ""
        while True:
            try:
                if not self._pipe.poll(limit + (20 if number < 0 else 0)):
                    outcome = "timeout"
                    self._process.kill()
                else:
                    message = self._pipe.recv()
                    if message[0] == "file":
                        return
                    if message[0] == "begin":
                        number, place, sql = message[1:]
                    else:
                        yield Outcome(message[1][0], place, sql, message[1][1])
                    continue
            except (EOFError, ConnectionResetError):
                outcome = "crashed"
            self._process.join()
            if number < 0:
                raise SystemExit(f"the worker does not get as far as the first record of {path}")
            yield Outcome(outcome, place, sql, "the process died" if outcome == "crashed" else "")
            if number in banned or len(banned) >= patience:
                self._start()
                return
            banned.add(number)
            self._start()
            self._pipe.send((str(path), banned))

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("suite", choices=("sqlite", "datafusion", "duckdb"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("patterns", nargs="*", default=[], help="parts of the paths of the files to run")
    parser.add_argument("--base", type=Path, help="folder that paths of data files in the SQL start from")
    parser.add_argument("--dialect", default="", help="read the SQL as another dialect than the suite's")
    parser.add_argument("--sample", type=int, default=0, help="take so many files of each family")
    parser.add_argument("--step", type=int, default=1, help="take every nth record's query")
    parser.add_argument("--limit", type=float, default=10, help="seconds that a query may take")
    parser.add_argument(
        "--patience", type=int, default=20, help="leave a file after so many timeouts and deaths"
    )
    parser.add_argument(
        "--show",
        choices=(*OUTCOMES, "statement"),
        help="print the queries that ended so, or what statements failed",
    )
    parser.add_argument("--max", type=int, default=20, help="how many of them")
    parser.add_argument("--reasons", action="store_true", help="sum up why queries and statements failed")
    return parser.parse_args()


def _files(arguments: argparse.Namespace, suite) -> list[Path]:
    found = sorted(arguments.folder.rglob(f"*{suite.suffix}"))
    names = {p: p.relative_to(arguments.folder).as_posix() for p in found}
    found = [p for p in found if not arguments.patterns or any(w in names[p] for w in arguments.patterns)]
    if not arguments.sample:
        return found
    families: dict[str, list[Path]] = defaultdict(list)
    for path in found:
        families[suite.family(arguments.folder, path)].append(path)
    chooser = random.Random(7)
    return [p for fs in families.values() for p in sorted(chooser.sample(fs, min(arguments.sample, len(fs))))]


def _reason(detail: str) -> str:
    line = detail.split("\n", maxsplit=1)[0]
    line = re.sub(r"^line \d+, column \d+: ", "", line)
    return re.sub(r"'[^']*'|\"[^\"]*\"|\d+", "…", line)[:110]


def main() -> int:
    """Run what the command line asks for."""
    from suite_declared import declared
    from suite_formats import FORMATS

    arguments = _arguments()
    known = declared() if arguments.suite == "datafusion" and not arguments.dialect else {}
    agree: list[str] = []
    suite = FORMATS[arguments.suite]
    base = arguments.base or _base(arguments.folder, arguments.suite)
    worker = Worker(arguments.suite, str(arguments.folder), str(base), arguments.dialect, arguments.step)
    families: dict[str, Family] = defaultdict(Family)
    reasons: Counter[tuple[str, str]] = Counter()
    shown = 0
    for path in _files(arguments, suite):
        family = families[suite.family(arguments.folder, path)]
        begun = time.perf_counter()
        for one in worker.run(path, arguments.limit, arguments.patience):
            found = _explained(one, known)
            if one.place in known and one.outcome == "right":
                agree.append(one.place)
            if found.outcome:
                family.counts[found.outcome] += 1
            if found.detail and found.outcome not in ("wrong", "right", "declared"):
                reasons[found.outcome or "statement", _reason(found.detail)] += 1
            ended = found.outcome or ("statement" if found.detail else "")
            if ended == arguments.show and shown < arguments.max:
                shown += 1
                print(f"-- {found.place}\n{found.sql}\n   {found.detail.replace(chr(10), chr(10) + '   ')}\n")
        family.seconds += time.perf_counter() - begun
    worker.close()
    _report(families)
    if agree:
        print("\nsuite_declared.txt knows of differences where there are none: " + ", ".join(agree))
    if arguments.reasons:
        print()
        for (outcome, reason), count in reasons.most_common(arguments.max):
            print(f"{count:7} {outcome:9} {reason}")
    return 0


def _explained(found: Outcome, known: dict[str, str]) -> Outcome:
    """Return an outcome as one that was declared, where it is known."""
    if found.place not in known or found.outcome not in ("wrong", "refused"):
        return found
    return replace(found, outcome="declared", detail=f"{known[found.place]}\n{found.detail}")


def _base(folder: Path, suite: str) -> Path:
    """Return where the suite's own runner is started."""
    return folder.parent if suite == "datafusion" else folder.parent.parent if suite == "duckdb" else folder


def _report(families: dict[str, Family]) -> None:
    total = Family()
    for family in families.values():
        total.counts.update(family.counts)
        total.seconds += family.seconds
    width = max(map(len, [*families, "family"]))
    print(
        f"{'family':{width}} {'queries':>8}"
        + "".join(f"{o:>10}" for o in OUTCOMES)
        + "  right %  seconds  per s"
    )
    for name, family in [*sorted(families.items()), ("total", total)]:
        queries = sum(family.counts[o] for o in OUTCOMES[:8])
        share = f"{100 * family.counts['right'] / queries:8.2f}" if queries else "       -"
        pace = sum(family.counts.values()) / family.seconds if family.seconds else 0
        counts = "".join(f"{family.counts[o]:10}" for o in OUTCOMES)
        print(f"{name:{width}} {queries:8}{counts} {share} {family.seconds:8.1f} {pace:6.0f}")


if __name__ == "__main__":
    os.environ["RUST_BACKTRACE"] = "0"
    os.environ.setdefault("POLARS_MAX_THREADS", "1")  # small tables: threads would only wait for each other
    sys.path.insert(0, str(Path(__file__).parent))
    sys.exit(main())
