"""Mutated queries: each ends in rows or in an error of ours, within a time limit.

    python tests/fuzz.py --count 10000 --seed 1

takes the queries of tests/sql, mutates their text, runs them and prints each that ended otherwise.
"""

from __future__ import annotations

import argparse
import random
import re
import signal
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from logic import read

from dwkit.errors import DwkitError
from dwkit.sql import Session
from dwkit.sql.failure import collected

HERE = Path(__file__).parent
_TOKEN = re.compile(r"\w+|'[^']*'|\s+|[^\w\s]")
_ODD = ["null", "''", "0", "-1", "1e999", "9223372036854775807", "(", ")", ",", "*", "distinct", "over ()", "'x'",
        "interval '1 day'", "date '2024-02-30'", "[1]", "{'a': 1}", "case", "end", "select", "from", "\x00", "é", ";",
        "not", "in", "::int", "group by all", "limit", "unnest", "1.5", "true", "exists", "any", "with", "union"]  # fmt: skip


class TooLongError(Exception):
    """A query was still running at the limit."""


def corpus(root: Path = HERE / "sql") -> list[tuple[str, str, str]]:
    """Return dialect, set-up and text of the queries of the logic tests."""
    found: list[tuple[str, str, str]] = []
    for path in sorted(root.rglob("*.test")):
        dialect, setup = "duckdb", ""
        for record in read(path.read_text(encoding="utf-8")):
            if record.kind == "dialect":
                dialect, setup = record.words[1], ""
            elif record.kind == "statement" and record.words[1] == "ok":
                setup += record.sql + ";\n"
            elif record.kind == "query":
                found.append((dialect, setup, record.sql))
    return found


def mutated(sql: str, others: list[str], chance: random.Random) -> str:
    """Return a query with one to four small changes."""
    tokens = _TOKEN.findall(sql)
    for _ in range(chance.randint(1, 4)):
        if not tokens:
            break
        place = chance.randrange(len(tokens))
        match chance.randrange(7):
            case 0:
                del tokens[place]
            case 1:
                tokens.insert(place, tokens[place])
            case 2:
                other = chance.randrange(len(tokens))
                tokens[place], tokens[other] = tokens[other], tokens[place]
            case 3:
                tokens[place] = chance.choice(_ODD)
            case 4:
                tokens.insert(place, f" {chance.choice(_ODD)} ")
            case 5:
                given = _TOKEN.findall(chance.choice(others))
                start = chance.randrange(len(given))
                tokens[place:place] = given[start : start + chance.randint(1, 8)]
            case _:
                del tokens[place : place + chance.randint(1, 6)]
    return "".join(tokens)


def queries(count: int, seed: int) -> Iterator[tuple[str, str, str]]:
    """Return dialect, set-up and mutated text of so many queries; the same for the same seed."""
    chance = random.Random(seed)
    known = corpus()
    texts = [sql for _, _, sql in known]
    for _ in range(count):
        dialect, setup, sql = chance.choice(known)
        yield dialect, setup, mutated(sql, texts, chance)


def failure(dialect: str, setup: str, sql: str, limit: int) -> str | None:
    """Return what was wrong with the end of a query, None where nothing was."""

    running = True

    def stop(_signal: int, _frame: FrameType | None) -> None:
        if running:
            raise TooLongError

    session = Session({}, dialect)
    try:
        for result in session.run(setup):
            if result.frame is not None:
                collected(result.frame)
    except DwkitError:
        session = Session({}, dialect)
    signal.signal(signal.SIGALRM, stop)
    signal.alarm(limit)
    try:
        for result in session.run(sql):
            if result.frame is not None:
                collected(result.frame)
    except DwkitError:
        return None
    except TooLongError:
        return f"more than {limit} s"
    except BaseException as error:
        places = traceback.extract_tb(error.__traceback__)
        last = next((p for p in reversed(places) if "dwkit" in p.filename), places[-1])
        return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''} ({last.name}, {Path(last.filename).name}:{last.lineno})"
    finally:
        running = False
        signal.alarm(0)
    return None


def main() -> int:
    """Run mutated queries; the exit code is 1 where one ended in a traceback or in no time."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=int, default=10, help="seconds for each query")
    given = parser.parse_args()
    bad: dict[str, int] = {}
    for dialect, setup, sql in queries(given.count, given.seed):
        what = failure(dialect, setup, sql, given.limit)
        if what is not None:
            if what not in bad:
                print(f"{what}\n  [{dialect}] {' '.join(sql.split())[:300]!r}", flush=True)
            bad[what] = bad.get(what, 0) + 1
    print(f"{given.count} queries, {sum(bad.values())} ended in a traceback or too late ({len(bad)} kinds)")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
