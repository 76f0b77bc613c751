"""Ranges of single columns that hold all rows that one of several filters keeps, which a scan can leave rows out by."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

from dwkit.sql.bind.conditions import comparison
from dwkit.sql.plan import Condition
from dwkit.sql.value import Value

__all__ = ["spans"]

_TURNED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def spans(filters: list[list[Condition]]) -> list[Condition]:
    """Return what comparisons of columns with literals mean for the rows that meet all conditions of one filter."""
    ends = [_ends(one) for one in filters]
    made: list[Condition] = []
    for ident, low in sorted(frozenset.intersection(*(frozenset(e) for e in ends))):
        found = [e[ident, low] for e in ends]
        if len({_kind(limit) for _, limit in found}) == 1:
            least = (min if low else max)(found, key=lambda end: end[1].constant)
            made.append(comparison(">=" if low else "<=", *least))
    return made


def _ends(conditions: list[Condition]) -> dict[tuple[str, bool], tuple[Value, Value]]:
    """Return a column and a literal by the column's id and whether it is no less or no greater than that."""
    made: dict[tuple[str, bool], tuple[Value, Value]] = {}
    for column, op, limit in _compared(conditions):
        ident = column.expr.meta.output_name()
        if op in ("=", ">", ">="):
            made.setdefault((ident, True), (column, limit))
        if op in ("=", "<", "<="):
            made.setdefault((ident, False), (column, limit))
    return made


def _compared(conditions: list[Condition]) -> Iterator[tuple[Value, str, Value]]:
    for one in conditions:
        left, right = one.left, one.right
        if left is None or right is None or one.op not in _TURNED:
            continue
        for column, op, limit in ((left, one.op, right), (right, _TURNED[one.op], left)):
            if column.expr.meta.is_column() and _kind(limit):
                yield column, op, limit


def _kind(value: Value) -> str:
    """Return what literals a literal can be compared with here, nothing where with none."""
    limit: Any = value.constant
    if isinstance(limit, (int, Decimal)) and not isinstance(limit, bool):
        return "number"
    return "date" if type(limit) is date else ""
