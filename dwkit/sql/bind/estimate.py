"""How many rows a plan gives, as far as the statistics of its tables tell."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
from sqlglot import exp

from dwkit.sql.bind.context import Context
from dwkit.sql.plan import (
    Aggregate,
    Condition,
    Distinct,
    Filter,
    Join,
    Limit,
    OneRow,
    Plan,
    Project,
    Scan,
    SetOperation,
    Shared,
    Unnest,
)
from dwkit.sql.value import Value

__all__ = ["Estimates"]

_UNKNOWN_ROWS = 100_000.0
"""Rows of a table of which nothing is known."""
_EQUAL, _RANGE, _OTHER = 0.1, 0.35, 0.2
"""Parts of the rows that meet a condition of which nothing is known."""

_HAVING = 0.05
"""HAVING looks for the few groups that stand out."""


class Estimates:
    """Estimates for the plans of one query, each made once.

    Args:
        context: has the statistics of the tables.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._rows: dict[int, float] = {}
        self._kept: list[Plan] = []
        self._distinct: dict[str, float] = {}
        self._bounds: dict[str, tuple[float, float]] = {}
        self._scans: dict[str, Scan] = {}
        self._reached: dict[str, float] = {}

    def rows(self, plan: Plan) -> float:
        """Return how many rows a plan gives, at least 1."""
        found = self._rows.get(id(plan))
        if found is None:
            found = self._rows[id(plan)] = max(1.0, self._estimate(plan))
            self._kept.append(plan)  # an id is only good while its plan lives
        return found

    def distinct(self, ident: str, rows: float) -> float:
        """Return how many different values a column has among so many rows."""
        known = self._values(ident)
        return rows if known is None else max(1.0, min(known, rows))

    def _values(self, ident: str) -> float | None:
        """Return how many different values a column has, None where that is not known."""
        self._look_up(ident)
        return self._distinct.get(ident)

    def _look_up(self, ident: str) -> None:
        """Note what the statistics tell of a column of a table, when it is first asked for."""
        scan = self._scans.pop(ident, None)
        if scan is None:
            return
        known = self._context.statistics(scan.key)
        column = known.columns.get(scan.names[ident]) if known is not None else None
        if column is None or known is None:
            return
        low, high = _number(column.low), _number(column.high)
        if low is not None and high is not None:
            self._bounds[ident] = low, high
            dtype = self._context.dtypes[ident]
            if dtype.is_integer() or isinstance(dtype, pl.Date):
                self._distinct[ident] = max(1.0, min(float(known.rows), high - low + 1))

    def _estimate(self, plan: Plan) -> float:
        if isinstance(plan, Scan):
            return self._scan(plan)
        if isinstance(plan, OneRow):
            return 1.0
        if isinstance(plan, Filter):
            rows = self.rows(plan.input)
            part = self._filtered(plan.conditions, rows)
            return rows * (min(part, _HAVING) if isinstance(plan.input, Aggregate) else part)
        if isinstance(plan, Project):
            rows = self.rows(plan.input)
            for ident, value in plan.made.items():
                if self._values(ident) is None and len(value.refs) == 1:
                    self._distinct[ident] = self.distinct(next(iter(value.refs)), rows)
            return rows
        if isinstance(plan, Join):
            return self._join(plan)
        if isinstance(plan, Aggregate):
            return self._aggregate(plan)
        if isinstance(plan, Shared):
            inside: Estimates = plan.origin.estimates
            rows = inside.rows(plan.input)
            for mine, theirs in zip(plan.ids, plan.input.columns, strict=True):
                self._distinct[mine] = inside.distinct(theirs, rows)
            return rows
        if isinstance(plan, SetOperation):
            left, right = self.rows(plan.left), self.rows(plan.right)
            for ident, a, b in zip(plan.ids, plan.left.columns, plan.right.columns, strict=True):
                one, other = self._values(a), self._values(b)
                if one is not None and other is not None:  # of keys, both sides have the same
                    self._distinct[ident] = max(min(one, left), min(other, right))
            return left + right if plan.kind == "union" else left
        if isinstance(plan, Limit):
            rows = self.rows(plan.input)
            return rows if plan.count is None or plan.percent else min(rows, float(plan.count))
        if isinstance(plan, Distinct):
            rows = self.rows(plan.input)
            ids = plan.columns if plan.on is None else plan.on
            return min(rows, self._combinations(ids, rows))
        if isinstance(plan, Unnest):
            return self.rows(plan.input) * 5
        return max((self.rows(i) for i in plan.inputs), default=_UNKNOWN_ROWS)

    def _scan(self, plan: Scan) -> float:
        known = self._context.statistics(plan.key)
        if known is None:
            return _UNKNOWN_ROWS
        self._scans.update(dict.fromkeys(plan.names, plan))
        return float(known.rows)

    def filtered(self, conditions: Iterable[Condition], table: Plan) -> float:
        """Return which part of the rows of a table meets all conditions."""
        return self._filtered(conditions, self.rows(table))

    def _filtered(self, conditions: Iterable[Condition], rows: float) -> float:
        """Return which part of the rows meets all conditions; the two ends of a range are taken together."""
        part = 1.0
        ranges: dict[str, list[float]] = {}
        for condition in conditions:
            one = self.selectivity(condition, rows)
            left = condition.left
            if (
                condition.op[:1] in ("<", ">")
                and condition.op != "<>"
                and left is not None
                and len(left.refs) == 1
            ):
                ranges.setdefault(next(iter(left.refs)), []).append(one)
            else:
                part *= one
        for ends in ranges.values():
            part *= ends[0] if len(ends) == 1 else max(0.001, sum(ends) - len(ends) + 1)
        return part

    def selectivity(self, condition: Condition, rows: float) -> float:
        """Return which part of so many rows meets a condition."""
        left, right = condition.left, condition.right
        if left is None or right is None or not condition.op:
            return _OTHER if condition.node is None else self._of_tree(condition.node)
        if not left.refs:
            left, right = right, left
        ident = next(iter(left.refs), "")
        if condition.op in ("=", "is"):
            if right.refs and left.refs:
                return 1 / max(self.distinct(i, rows) for i in left.refs | right.refs)
            values = self._values(ident)
            return 1 / values if values is not None and _is_column(left) else _EQUAL
        if condition.op == "<>":
            return 1 - _EQUAL
        self._look_up(ident)
        bounds, limit = self._bounds.get(ident), _number(right.constant)
        if bounds is None or limit is None or not _is_column(left) or bounds[1] <= bounds[0]:
            return _RANGE
        below = min(1.0, max(0.0, (limit - bounds[0]) / (bounds[1] - bounds[0])))
        less = condition.op.startswith("<") == (left is condition.left)
        return max(0.001, below if less else 1 - below)

    def _of_tree(self, node: exp.Expr) -> float:
        """Return which part of the rows meets a condition of comparisons with literals, put together by AND and OR."""
        node = node.unnest()
        if isinstance(node, exp.And):
            return self._of_tree(node.left) * self._of_tree(node.right)
        if isinstance(node, exp.Or):
            return 1 - (1 - self._of_tree(node.left)) * (1 - self._of_tree(node.right))
        if isinstance(node, exp.In) and node.expressions:
            return min(0.5, len(node.expressions) * self._of_value(node.this))
        if isinstance(node, exp.EQ):
            column = node.left if node.right.find(exp.Column) is None else node.right
            return self._of_value(column)
        return _OTHER

    def _of_value(self, node: exp.Expr) -> float:
        """Return which part of the rows has one of the values of a column."""
        ident = node.meta.get("id") if isinstance(node, exp.Column) else None
        values = self._values(ident) if ident is not None else None
        return _EQUAL if values is None else 1 / values

    def _join(self, plan: Join) -> float:
        left, right = self.rows(plan.left), self.rows(plan.right)
        if plan.kind == "inner":
            self._reach(plan)
        if plan.kind in ("semi", "anti"):
            part = min(
                1.0, max((right * self.joined(c, plan.left, plan.right) for c in plan.on), default=0.5)
            )
            return left * (part if plan.kind == "semi" else max(0.1, 1 - part))
        rows = left * right * self.met(plan.on, plan.left, plan.right)
        if plan.kind in ("left", "full", "asof_left"):
            rows = max(rows, left)
        if plan.kind in ("right", "full"):
            rows = max(rows, right)
        return rows

    def _reach(self, plan: Join) -> None:
        """Note which part of the values of a dimension the keys of a fact can reach: five years of a calendar of many."""
        for one in plan.on:
            if one.op != "=" or one.left is None or one.right is None:
                continue
            if not _is_column(one.left) or not _is_column(one.right):
                continue
            values = [(self._values(next(iter(v.refs))), v) for v in (one.left, one.right)]
            for (mine, _), (most, other) in (values, reversed(values)):
                if mine is None or most is None or mine >= most:
                    continue
                side = plan.left if other.refs <= plan.left.given else plan.right
                if isinstance(side, (Scan, Filter)):
                    self._reached.update(dict.fromkeys(side.columns, mine / most))

    def met(self, conditions: Iterable[Condition], left: Plan, right: Plan) -> float:
        """Return which part of all pairs of rows meets all of some conditions.

        Keys of several columns are not independent: together they have at most as many values as the smaller
        of the two sides has rows.
        """
        part, keys = 1.0, []
        for condition in conditions:
            one = self.joined(condition, left, right)
            if condition.op in ("=", "is") and one < _OTHER:
                keys.append(one)
            else:
                part *= one
        if keys:
            every = math.prod(keys)
            part *= every if len(keys) == 1 else max(every, 1 / min(self.rows(left), self.rows(right)))
        return part

    def joined(self, condition: Condition, left: Plan, right: Plan) -> float:
        """Return which part of all pairs of rows meets a condition."""
        a, b = condition.left, condition.right
        if condition.op not in ("=", "is") or a is None or b is None or not a.refs or not b.refs:
            return _OTHER
        counts = []
        for value in (a, b):
            side = left if value.refs <= left.given else right
            rows = self.rows(side)
            counts.append(max([self.distinct(i, rows) for i in value.refs]))
        return 1 / max(counts)

    def _aggregate(self, plan: Aggregate) -> float:
        rows = self.rows(plan.input)
        if not plan.keys:
            return 1.0
        for ident, value in plan.keys.items():
            if self._values(ident) is None and len(value.refs) == 1:
                self._distinct[ident] = self.distinct(next(iter(value.refs)), rows)
        return min(rows, self._combinations(plan.keys, rows)) * (len(plan.sets) if plan.sets else 1)

    def _combinations(self, ids: Any, rows: float) -> float:
        found = 1.0
        for ident in ids:
            values = self._values(ident)
            found *= (
                max(10.0, rows / 10) if values is None else max(1.0, values * self._reached.get(ident, 1))
            )
            if found > rows:
                return rows
        return found


def _is_column(value: Value) -> bool:
    return len(value.refs) == 1 and value.expr.meta.is_column()


def _number(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float, Decimal)):
        return float(value)
    if isinstance(value, datetime):
        return value.replace(tzinfo=value.tzinfo or UTC).timestamp() / 86_400
    if isinstance(value, date):
        return float(value.toordinal() - 719_163)
    return None
