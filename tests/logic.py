"""Logic tests: queries and the rows they must give, as text (the format of SQLite's sqllogictest and its heirs).

A file is records with an empty line between them; `read` makes them, `run_file` runs those of `tests/sql`:

    dialect NAME              holds until the next one; duckdb without it
    statement ok              one or more statements follow that must run
    statement count N         ... and change N rows
    statement error           ... and must fail; after ---- may stand a part of the message
    query TYPES [SORT]        one query; after ---- its rows, one a line, values between spaces, or between
                              TABs where a line has one. A letter for each column: I integer, R number,
                              T text, B Boolean, D date or time. SORT: nosort, rowsort, valuesort.
    query error               a query that must fail; after ---- a part of the message
    skipif dwkit              above a record whose rows are right but which is still refused; it must be

Lines that begin with # are comments. Each file starts from a session without tables.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

from dwkit.errors import DwkitError
from dwkit.sql import Session
from dwkit.sql.failure import collected

__all__ = ["Failure", "Record", "alike", "read", "run_file", "run_query", "shown", "sorted_rows"]

_TOLERANCE = 1e-9
_SORTS = ("nosort", "rowsort", "valuesort")
_TYPES = set("IRTBD")


@dataclass
class Record:
    """One record: a directive, a statement or a query.

    Attributes:
        words: its first line, split.
        sql: its text.
        expected: the lines after ``----``, None where there is no such line.
        conditions: ``skipif X`` and ``onlyif X`` lines above it.
    """

    line: int
    words: list[str]
    sql: str = ""
    expected: list[str] | None = None
    conditions: list[tuple[str, str]] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """Its first word."""
        return self.words[0]


@dataclass(frozen=True)
class Failure:
    """A record that did not give what it must."""

    place: str
    record: Record
    what: str

    def __str__(self) -> str:
        """Place, what is wrong, the text."""
        return f"{self.place}:{self.record.line}: {self.what}\n\n{self.record.sql.strip()}\n"


def read(text: str) -> Iterator[Record]:
    """Read the records of a file."""
    conditions: list[tuple[str, str]] = []
    for start, block in _blocks(text):
        lines = list(block)
        while lines and lines[0].split()[0] in ("skipif", "onlyif"):
            word, *names = lines.pop(0).split("#")[0].split()
            conditions.append((word, names[0] if names else ""))
        if not lines:
            continue
        number = start + len(block) - len(lines)
        words = lines[0].split()
        body, expected = lines[1:], None
        for place, line in enumerate(body):
            if line.startswith("----"):
                body, expected = body[:place], body[place + 1 :]
                break
        yield Record(number, words, "\n".join(body), expected, conditions)
        conditions = []


def _blocks(text: str) -> Iterator[tuple[int, list[str]]]:
    """Divide a text at its empty lines, without comments above the first line of a block."""
    block: list[str] = []
    start = 0
    for number, line in enumerate([*text.split("\n"), ""], 1):
        if not line.strip():
            if block:
                yield start, block
            block = []
        elif block or not line.startswith("#"):
            start = start if block else number
            block.append(line)


def run_file(path: Path, place: str) -> list[Failure]:
    """Run the records of a file of ours; return what was wrong."""
    session = Session(dialect="duckdb")
    failures: list[Failure] = []
    for record in read(path.read_text(encoding="utf-8")):
        try:
            if ("skipif", "dwkit") in record.conditions:
                _refused(session, record)
            else:
                _run(session, record)
        except AssertionError as error:
            failures.append(Failure(place, record, str(error)))
        except DwkitError as error:
            failures.append(Failure(place, record, f"{error.message}  [{error.hint}]"))
    return failures


def _refused(session: Session, record: Record) -> None:
    """Check that a record that is not answered yet is refused, and that it is still not answered."""
    try:
        _run(session, record)
    except DwkitError:
        return
    raise AssertionError("this is answered now: take its line skipif dwkit out")


def _run(session: Session, record: Record) -> None:
    match record.words:
        case ["dialect", name]:
            session.dialect = name
        case ["statement", "ok"]:
            _all(session, record.sql)
        case ["statement", "count", count]:
            changed = _all(session, record.sql)
            assert changed == int(count), f"{changed} rows changed, not {count}"
        case ["statement" | "query", "error"]:
            part = "\n".join(record.expected or []).strip()
            try:
                _all(session, record.sql)
            except DwkitError as error:
                said = f"{error.message}\n{error.hint}"
                assert part in said, f"expected an error with\n  {part}\ngot\n  {said}"
            else:
                raise AssertionError(f"expected an error ({part}), got none")
        case ["query", types, *sort] if set(types) <= _TYPES and (not sort or sort[0] in _SORTS):
            _check_rows(session, record, types, sort[0] if sort else "nosort")
        case _:
            raise AssertionError(f"this is no directive: {' '.join(record.words)}")


def _all(session: Session, script: str) -> int | None:
    rows = None
    for result in session.run(script):
        rows = result.rows
        if result.frame is not None:
            collected(result.frame)
    return rows


def run_query(session: Session, sql: str) -> tuple[list[str], list[tuple[object, ...]]]:
    """Return names and rows of the only statement of a text."""
    [result] = session.run(sql)
    assert result.frame is not None, f"{result.kind} gives no rows"
    data = collected(result.frame)
    return data.columns, data.rows()


def _check_rows(session: Session, record: Record, types: str, sort: str) -> None:
    assert record.expected is not None, "a query needs a line ---- and its rows"
    _, rows = run_query(session, record.sql)
    got = [[shown(v) for v in row] for row in rows]
    wanted = [_split(line, len(types)) for line in record.expected]
    for row in got:
        assert len(row) == len(types), f"{len(row)} columns, {len(types)} types"
    got, wanted = sorted_rows(got, sort), sorted_rows(wanted, sort)
    by_value = session.dialect in ("oracle", "bigquery")  # a NUMBER there has no digits of its own
    same = len(got) == len(wanted) and all(
        len(g) == len(w)
        and all(alike(a, b) or (by_value and _equal(a, b)) for a, b in zip(g, w, strict=True))
        for g, w in zip(got, wanted, strict=True)
    )
    assert same, f"wrong rows\nexpected:\n{_table(wanted)}\ngot:\n{_table(got)}"


def _split(line: str, width: int) -> list[str]:
    if width == 1:
        return [line]
    return line.split("\t") if "\t" in line else line.split(" ")


def _table(rows: Sequence[Sequence[str]]) -> str:
    lines = ["  " + "\t".join(row) for row in rows[:40]]
    return "\n".join([*lines, f"  ... {len(rows)} rows"] if len(rows) > 40 else lines) or "  (no rows)"


def sorted_rows(rows: Iterable[Sequence[str]], sort: str) -> list[list[str]]:
    """Return rows in the order in which they are compared."""
    if sort == "valuesort":
        return [[v] for v in sorted(v for row in rows for v in row)]
    return sorted(map(list, rows)) if sort == "rowsort" else [list(r) for r in rows]


def alike(got: str, wanted: str) -> bool:
    """Whether two values are the same text, or floats that differ by a rounding."""
    if got == wanted:
        return True
    if not re.search(r"[.eEn]", got) or not re.search(r"\d", wanted):
        return False
    try:
        return math.isclose(float(got), float(wanted), rel_tol=_TOLERANCE, abs_tol=1e-12) and _is_float(got)
    except ValueError:
        return False


def _equal(got: str, wanted: str) -> bool:
    """Whether two decimals are the same number."""
    try:
        return Decimal(got) == Decimal(wanted)
    except ArithmeticError:
        return False


def _is_float(text: str) -> bool:
    """Whether it was shown from a float: its shortest form is itself. A decimal keeps its zeros."""
    return repr(float(text)) == text


def shown(value: object) -> str:
    """Return a value as the files have it."""
    return "(empty)" if value == "" and isinstance(value, str) else _shown(value)


def _shown(value: object) -> str:
    match value:
        case None:
            return "NULL"
        case bool():
            return "true" if value else "false"
        case float():
            return repr(value)
        case Decimal():
            return format(value, "f")
        case datetime():
            return value.isoformat(" ")
        case date() | time():
            return value.isoformat()
        case timedelta():
            clock = str(timedelta(seconds=value.seconds, microseconds=value.microseconds))
            return f"{value.days} days {clock.rjust(8, '0')}" if value.days else clock.rjust(8, "0")
        case bytes():
            return "".join(chr(b) if 32 <= b < 127 and b != 92 else f"\\x{b:02X}" for b in value)
        case list() | tuple():
            return f"[{', '.join(map(_inner, value))}]"
        case dict():
            return f"{{{', '.join(f'{k!r}: {_inner(v)}' for k, v in value.items())}}}"
        case _:
            return str(value)


def _inner(value: object) -> str:
    return repr(value) if isinstance(value, str) else _shown(value)
