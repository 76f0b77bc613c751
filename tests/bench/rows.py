"""Whether two engines gave the same rows, as TPC's rules for checking answers have it.

The order of rows counts only as far as the query's ORDER BY says it; where LIMIT cuts through rows
that are equal in all keys, any of them will do. Floating-point numbers agree to 1e-6, decimals after
rounding to the digits of the answer.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path

import polars as pl
import sqlglot
from sqlglot import exp

__all__ = ["difference", "read_answer"]

Row = tuple[object, ...]

_TOLERANCE = 1e-6


def read_answer(path: Path) -> list[Row]:
    """Read saved rows: Parquet, or text with ``|`` between values, a header, NULL and (empty)."""
    if path.suffix == ".parquet":
        return pl.read_parquet(path).rows()
    with path.open(encoding="utf-8", newline="") as file:
        lines = csv.reader(file, delimiter="|")
        width = len(next(lines))
        texts = {"NULL": None, "(empty)": ""} | ({"": None} if width == 1 else {})
        return [tuple(texts.get(v, v) for v in line or [""]) for line in lines]


def difference(sql: str, names: Sequence[str], ours: Iterable[Row], theirs: Iterable[Row]) -> str:
    """Return what differs first between our rows and the expected ones; "" when nothing does.

    Args:
        sql: the query, whose last ORDER BY and LIMIT say what may differ.
        names: names of our columns.
    """
    got, want = [_plain(r) for r in ours], [_plain(r) for r in theirs]
    if len(got) != len(want):
        return f"{len(got)} rows, expected {len(want)}"
    if got and len(got[0]) != len(want[0]):
        return f"{len(got[0])} columns, expected {len(want[0])}"
    if all(_same_row(g, w) for g, w in zip(got, want, strict=True)):
        return ""
    keys, cut = _order(sql, names)
    for n, (g, w) in enumerate(zip(got, want, strict=True), 1):
        if not all(_same(g[k], w[k]) for k in keys):
            return f"row {n} in ORDER BY: {_shown(g)}, expected {_shown(w)}"
    if cut and keys:  # any of the rows that tie with the last one
        last = got[-1]
        got = [r for r in got if not all(_same(r[k], last[k]) for k in keys)]
        want = [r for r in want if not all(_same(r[k], last[k]) for k in keys)]
    for g, w in zip(sorted(got, key=_sortable), sorted(want, key=_sortable), strict=True):
        if not _same_row(g, w):
            return f"row {_shown(g)}, expected {_shown(w)}"
    return ""


def _order(sql: str, names: Sequence[str]) -> tuple[list[int], bool]:
    """Return the output columns that lead the query's ORDER BY, and whether it has a LIMIT."""
    tree = sqlglot.parse_one(sql, read="duckdb")
    order = tree.args.get("order")
    low = [n.lower() for n in names]
    found: list[int] = []
    for key in order.expressions if order else []:
        value = key.this
        if isinstance(value, exp.Literal) and value.is_int:
            found.append(int(value.this) - 1)
        elif isinstance(value, exp.Column) and low.count(value.name.lower()) == 1:
            found.append(low.index(value.name.lower()))
        else:
            break
    return found, tree.args.get("limit") is not None


def _plain(row: Row) -> Row:
    return tuple(str(v) if isinstance(v, dt.date | dt.time) else v for v in row)


def _same_row(left: Row, right: Row) -> bool:
    return all(_same(a, b) for a, b in zip(left, right, strict=True))


def _same(ours: object, answer: object) -> bool:
    if ours is None or answer is None:
        return ours is answer
    if isinstance(ours, bool) or (isinstance(ours, str) and isinstance(answer, str)):
        return str(ours).lower().strip() == str(answer).lower().strip()
    try:
        mine, theirs = Decimal(str(ours)), Decimal(str(answer))
    except InvalidOperation:
        return str(ours) == str(answer)
    if isinstance(ours, Decimal) and isinstance(answer, Decimal):
        return mine == theirs
    if mine.is_nan() or theirs.is_nan():
        return mine.is_nan() and theirs.is_nan()
    return mine == theirs or abs(mine - theirs) <= Decimal(_TOLERANCE) * max(abs(mine), abs(theirs))


def _sortable(row: Row) -> tuple[object, ...]:
    """Return a key in which inexact numbers come last, rounded."""
    exact: list[str] = []
    inexact: list[float] = []
    for value in row:
        try:
            number = float(str(value))
        except ValueError:
            exact.append(str(value).strip())
        else:
            inexact.append(float(f"{number:.5g}"))
    return (exact, inexact)


def _shown(row: Row) -> str:
    return "(" + ", ".join("NULL" if v is None else str(v) for v in row) + ")"
