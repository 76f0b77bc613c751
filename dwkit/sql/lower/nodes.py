"""Each node of a plan as a lazy frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from dwkit.sql.bind.estimate import Estimates
from dwkit.sql.functions.chance import chances
from dwkit.sql.lower.aggregate import aggregate
from dwkit.sql.lower.join import join
from dwkit.sql.lower.packed import Digit, grouped
from dwkit.sql.lower.recursive import recursive
from dwkit.sql.lower.setops import set_operation
from dwkit.sql.lower.window import window
from dwkit.sql.lower.window.first import first_asked
from dwkit.sql.plan import (
    Aggregate,
    Distinct,
    Extend,
    Filter,
    Join,
    Limit,
    OneRow,
    Plan,
    Project,
    Recursive,
    RecursiveRef,
    Sample,
    Scan,
    SetOperation,
    Shared,
    Sort,
    Unnest,
    Window,
)
from dwkit.sql.value import Value
from dwkit.sql.window import SortKey

__all__ = ["Lowering", "lowered"]

ONE = "dwkit:one"
"""Column of a frame that has rows but no columns of its own: Polars has no such frames."""

Digits = Mapping[int, Mapping[str, Digit]]


def lowered(plan: Plan, digits: Digits | None = None, estimates: Estimates | None = None) -> pl.LazyFrame:
    """Return the rows of a plan; a plan without columns gives one helper column."""
    return Lowering(plan, digits=digits, estimates=estimates).frame(plan)


class Lowering:
    """Lowers one plan; what is shared in it is lowered once.

    Args:
        plan: the whole of it.
        rounds: for the step of a recursive query, the rows of the last round by its name.
        digits: the keys that are to be packed into one, by the ``id`` of their node.
        estimates: tells how many rows nodes give.
    """

    def __init__(
        self,
        plan: Plan,
        rounds: dict[str, pl.LazyFrame] | None = None,
        digits: Digits | None = None,
        estimates: Estimates | None = None,
    ) -> None:
        self._rounds = rounds or {}
        self._digits = digits or {}
        self._again = _used_again(plan)
        self._first = first_asked(plan, self._again, estimates) if estimates is not None else {}
        self._shared: dict[int, pl.LazyFrame] = {}
        self._enough: dict[int, int] = {}

    def frame(self, plan: Plan) -> pl.LazyFrame:
        """Return the rows of a node; those of one that is used more than once are computed once."""
        if id(plan) not in self._again:
            return _NODES[type(plan)](self, plan)
        found = self._shared.get(id(plan))
        if found is None:
            found = self._shared[id(plan)] = _NODES[type(plan)](self, plan).cache()
        return found

    def scan(self, plan: Scan) -> pl.LazyFrame:
        """Return a table under the ids of its columns."""
        if all(i == n for i, n in plan.names.items()):
            return plan.frame
        return plan.frame.select(pl.col(n).alias(i) for i, n in plan.names.items())

    def one_row(self, _plan: OneRow) -> pl.LazyFrame:
        """Return one row."""
        return pl.LazyFrame({ONE: [0]})

    def round(self, plan: RecursiveRef) -> pl.LazyFrame:
        """Return the rows of the last round."""
        frame = self._rounds[plan.name]
        names = frame.collect_schema().names()
        return frame.select(pl.col(n).alias(i) for n, i in zip(names, plan.ids, strict=True))

    def project(self, plan: Project) -> pl.LazyFrame:
        """Return computed columns."""
        frame = self.frame(plan.input)
        made = list(named(plan.made))
        if not made:
            return (
                frame.select(pl.lit(0).alias(ONE))
                if not plan.input.columns
                else frame.select(pl.first().alias(ONE))
            )
        if not any(v.volatile or (v.refs and v.expr.meta.root_names()) for v in plan.made.values()):
            # Literals alone would give one row, not one for each row; a function may make one of columns.
            return frame.with_columns(made).select(list(plan.made))
        return frame.select(made)

    def extend(self, plan: Extend) -> pl.LazyFrame:
        """Return the columns of the input and computed ones."""
        return self.frame(plan.input).with_columns(named(plan.made))

    def filter(self, plan: Filter) -> pl.LazyFrame:
        """Return the rows for which all conditions are true."""
        return self.frame(plan.input).filter(*(c.value.expr for c in plan.conditions))

    def join(self, plan: Join) -> pl.LazyFrame:
        """Return joined rows."""
        return join(self.frame(plan.left), self.frame(plan.right), plan)

    def aggregate(self, plan: Aggregate) -> pl.LazyFrame:
        """Return a row for each group."""
        return aggregate(self.frame(plan.input), plan, self._digits.get(id(plan)))

    def window(self, plan: Window) -> pl.LazyFrame:
        """Return the rows with their window functions."""
        return window(self.frame(plan.input), plan, self._first.get(id(plan)))

    def sort(self, plan: Sort) -> pl.LazyFrame:
        """Return the rows in order."""
        return sorted_by(self.frame(plan.input), plan.keys)

    def limit(self, plan: Limit) -> pl.LazyFrame:
        """Return some of the first rows."""
        rounds = _of_rounds(plan.input, self._again)
        if rounds is not None and plan.count is not None and not plan.ties and not plan.percent:
            self._enough[id(rounds)] = int(plan.count) + plan.offset
        frame = self.frame(plan.input)
        if plan.ties or plan.percent:
            return _ranked_limit(frame, plan)
        return frame.slice(plan.offset, None if plan.count is None else int(plan.count))

    def distinct(self, plan: Distinct) -> pl.LazyFrame:
        """Return one of the rows that are alike."""
        frame = self.frame(plan.input)
        digits = self._digits.get(id(plan))
        if digits is not None:
            return grouped(frame, {c: pl.col(c) for c in plan.columns}, [], digits)
        if plan.on is None:
            return frame.unique() if plan.columns else frame.head(1)
        return frame.unique(subset=list(plan.on), keep="first", maintain_order=True)

    def set_operation(self, plan: SetOperation) -> pl.LazyFrame:
        """Return a union, an intersection or a difference."""
        return set_operation(self.frame(plan.left), self.frame(plan.right), plan)

    def unnest(self, plan: Unnest) -> pl.LazyFrame:
        """Return a row for each element of lists."""
        frame = self.frame(plan.input)
        lists = list(named(plan.lists))
        if all(not v.refs for v in plan.lists.values()):
            frame = frame.select(pl.all(), *lists) if plan.input.columns else frame.with_columns(lists)
        else:
            frame = frame.with_columns(lists)
        names = list(plan.lists)
        if len(names) > 1:
            longest = pl.max_horizontal(pl.col(n).list.len() for n in names).cast(pl.Int64)
            places = pl.int_ranges(0, longest.fill_null(0))
            # A NULL list beside others is as an empty one.
            frame = frame.with_columns(
                pl.col(n).fill_null([]).list.gather(places, null_on_oob=True) for n in names
            )
        if plan.ordinality is not None:
            frame = frame.with_columns(
                pl.int_ranges(0, pl.col(names[0]).list.len().cast(pl.Int64)).alias(plan.ordinality)
            )
            names.append(plan.ordinality)
        if plan.keep_empty:
            return frame.explode(names, empty_as_null=True)
        return frame.filter(pl.col(names[0]).list.len() > 0).explode(names)

    def sample(self, plan: Sample) -> pl.LazyFrame:
        """Return a random part of the rows, the same for the same seed."""
        frame = self.frame(plan.input)
        if plan.fraction is not None and not plan.exact:
            assert plan.seed is not None
            return frame.filter(chances(plan.seed) < plan.fraction)
        order = pl.int_range(pl.len()).shuffle(seed=plan.seed)
        if plan.rows is not None:
            return frame.filter(order < plan.rows)
        assert plan.fraction is not None
        return frame.filter(order < (pl.len() * plan.fraction).round())

    def shared(self, plan: Shared) -> pl.LazyFrame:
        """Return the rows of a query that was bound by itself, under the ids of this use."""
        frame = self.frame(plan.input)
        if plan.ids == plan.input.columns:
            return frame
        return frame.select(pl.col(c).alias(i) for c, i in zip(plan.input.columns, plan.ids, strict=True))

    def recursive(self, plan: Recursive) -> pl.LazyFrame:
        """Return the rows of all rounds of a recursive query."""
        return recursive(
            self.frame(plan.base),
            plan,
            lambda rows: Lowering(plan.step, {**self._rounds, plan.name: rows}).frame(plan.step),
            self._enough.get(id(plan)),
        )


def _of_rounds(plan: Plan, again: frozenset[int]) -> Recursive | None:
    """Return the recursive query of which a node gives the rows one by one, for this node alone."""
    while isinstance(plan, (Project, Shared)) and id(plan) not in again:
        plan = plan.input
    return plan if isinstance(plan, Recursive) and id(plan) not in again else None


_NODES: dict[type[Plan], Callable[[Lowering, Any], pl.LazyFrame]] = {
    Scan: Lowering.scan, OneRow: Lowering.one_row, RecursiveRef: Lowering.round, Project: Lowering.project,
    Extend: Lowering.extend, Filter: Lowering.filter, Join: Lowering.join, Aggregate: Lowering.aggregate,
    Window: Lowering.window, Sort: Lowering.sort, Limit: Lowering.limit, Distinct: Lowering.distinct,
    SetOperation: Lowering.set_operation, Unnest: Lowering.unnest, Sample: Lowering.sample,
    Shared: Lowering.shared, Recursive: Lowering.recursive,
}  # fmt: skip


def _used_again(plan: Plan) -> frozenset[int]:
    """Return the nodes that several others read; tables and single rows are as cheap to read again."""
    seen: set[int] = set()
    again: set[int] = set()
    waiting = [plan]
    while waiting:
        node = waiting.pop()
        for one in node.inputs:
            if id(one) in seen:
                if not isinstance(one, (Scan, OneRow, RecursiveRef)):
                    again.add(id(one))
            else:
                seen.add(id(one))
                waiting.append(one)
    return frozenset(again)


def named(made: object) -> list[pl.Expr]:
    """Return values as expressions that are called by their ids."""
    assert hasattr(made, "items")
    return [v.expr.alias(i) if isinstance(v, Value) else v for i, v in made.items()]


def sorted_by(frame: pl.LazyFrame, keys: tuple[SortKey, ...]) -> pl.LazyFrame:
    """Return rows in an order; equal ones keep theirs."""
    return frame.sort(
        [k.value.expr for k in keys], descending=[k.descending for k in keys],
        nulls_last=[k.nulls_last for k in keys], maintain_order=True,
    )  # fmt: skip


def _ranked_limit(frame: pl.LazyFrame, plan: Limit) -> pl.LazyFrame:
    assert plan.count is not None
    count = pl.lit(int(plan.count))
    if plan.percent:
        part = pl.len() * plan.count / 100
        count = (part.floor() if plan.floors else part.ceil()).cast(pl.Int64)
    position = pl.int_range(pl.len())
    if not plan.ties or not plan.keys:
        return frame.filter((position >= plan.offset) & (position < count + plan.offset))
    changed = pl.struct(k.value.expr.alias(f"k{n}") for n, k in enumerate(plan.keys)).rle_id()
    last = changed.filter(position < count + plan.offset).max()
    return frame.filter((position >= plan.offset) & (changed <= last))
