"""Frames as runs of rows: from which row to which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import polars as pl

from dwkit.sql.lower.window.positions import FIRST, LAST, ROW, at, group, peers
from dwkit.sql.value import Value
from dwkit.sql.window import Frame, SortKey, WindowItem

__all__ = ["Frames", "Run"]

Run = tuple[pl.Expr, pl.Expr]
"""Positions of the first and the last row; the last is before the first where there are none."""


class Frames:
    """Computes the frames that items look at, each one once.

    Attributes:
        frame: the sorted rows, with the bounds of the frames.
    """

    def __init__(self, frame: pl.LazyFrame, items: Mapping[str, WindowItem]) -> None:
        self.frame = frame
        self._runs: dict[str, list[Run]] = {}
        self._known: dict[tuple[object, ...], list[Run]] = {}
        for ident, item in items.items():
            if item.frame is not None or item.function in (
                "aggregate",
                "first_value",
                "last_value",
                "nth_value",
            ):
                self._runs[ident] = self._of(item)

    def runs(self, ident: str) -> list[Run]:
        """Return the runs of rows that an item looks at: one, or more where EXCLUDE leaves a gap."""
        return self._runs[ident]

    def _of(self, item: WindowItem) -> list[Run]:
        frame = item.frame or Frame("range", None, None)
        depth = len(item.order)
        key = (depth, frame.unit, _key(frame.start), _key(frame.end), frame.exclude)
        if key not in self._known:
            number = len(self._known)
            if frame.key is not None:
                self.frame = self.frame.with_columns(frame.key.expr.alias("dwkit:key"))
            bounds = _bounds(frame, item.order)
            made: list[Run] = []
            columns = []
            for place, (start, end) in enumerate(_excluded(bounds, frame.exclude, depth)):
                names = f"dwkit:start{number}_{place}", f"dwkit:end{number}_{place}"
                columns += [start.alias(names[0]), end.alias(names[1])]
                made.append((pl.col(names[0]), pl.col(names[1])))
            self.frame = self.frame.with_columns(columns)
            self._known[key] = made
        return self._known[key]


def _key(bound: object) -> object:
    return bound if bound is None or isinstance(bound, int) else id(bound)


def _bounds(frame: Frame, order: tuple[SortKey, ...]) -> Run:
    make = {"rows": _rows, "groups": _groups, "range": _range}[frame.unit]
    start = FIRST if frame.start is None else make(frame.start, order, 0)
    end = LAST if frame.end is None else make(frame.end, order, 1)
    # A frame that begins after its partition or ends before it is empty.
    return pl.max_horizontal(start, FIRST), pl.min_horizontal(end, LAST)


def _rows(bound: object, order: tuple[SortKey, ...], side: int) -> pl.Expr:
    assert isinstance(bound, int)
    return ROW + bound


def _groups(bound: object, order: tuple[SortKey, ...], side: int) -> pl.Expr:
    assert isinstance(bound, int)
    depth = len(order)
    if bound == 0:
        return peers(depth)[side]
    number = group(depth)
    wanted = number + bound
    ends = peers(depth)[side].filter(pl.col(f"dwkit:new{depth}"))
    found = at(ends, pl.when(wanted.is_between(at(number, FIRST), at(number, LAST))).then(wanted))
    outside = pl.when(wanted < at(number, FIRST)).then(FIRST - side).otherwise(LAST + 1 - side)
    return found.fill_null(outside)


def _range(bound: object, order: tuple[SortKey, ...], side: int) -> pl.Expr:
    """Return where the key of the order reaches a bound; a NULL key is only near other NULLs."""
    first, last = peers(len(order))
    if not isinstance(bound, Value):
        return (first, last)[side]
    key = pl.col("dwkit:key")
    lowest = pl.when(at(key, FIRST).is_null()).then(at(last, FIRST) + 1).otherwise(FIRST)
    highest = pl.when(at(key, LAST).is_null()).then(at(first, LAST) - 1).otherwise(LAST)
    found = pl.map_batches(
        [key, bound.expr, lowest, highest],
        partial(_searched, side, order[0].descending),
        return_dtype=pl.Int64(),
    )
    return pl.when(key.is_null()).then((first, last)[side]).otherwise(found)


def _searched(side: int, descending: bool, columns: Sequence[pl.Series]) -> pl.Series:
    """Return where keys reach bounds: of sorted keys the first at the bound or after it, or the last up to it.

    Args:
        side: 0 for where a frame starts, 1 for where it ends.
        columns: keys; bounds; for each the first and the last position where it can be.
    """
    key, bound, first, last = columns
    if (bound.is_null() & key.is_not_null()).any():
        raise pl.exceptions.ComputeError("the offset of a window frame cannot be negative or NULL")
    state = pl.DataFrame({"key": key, "bound": bound, "low": first, "high": last + 1})
    value, goal = pl.col("value"), pl.col("bound")
    before = [value < goal, value <= goal, value > goal, value >= goal][2 * descending + side]
    middle = (pl.col("low") + pl.col("high")) // 2
    active = pl.col("low") < pl.col("high")
    while (state["low"] < state["high"]).any():
        state = state.with_columns(pl.when(active).then(middle).alias("middle"))
        state = state.with_columns(pl.col("key").gather("middle").alias("value"))
        state = state.with_columns(
            pl.when(active & before).then(pl.col("middle") + 1).otherwise("low").alias("low"),
            pl.when(active & before.fill_null(value=False).not_())
            .then("middle")
            .otherwise("high")
            .alias("high"),
        )
    return state["low"] - side


def _excluded(whole: Run, exclude: str, depth: int) -> list[Run]:
    start, end = whole
    first, last = (ROW, ROW) if exclude == "current row" else peers(depth)
    if not exclude:
        return [whole]
    before = (start, pl.min_horizontal(end, first - 1))
    after = (pl.max_horizontal(start, last + 1), end)
    if exclude == "ties":
        inside = ROW.is_between(start, end)
        return [before, (ROW, pl.when(inside).then(ROW).otherwise(ROW - 1)), after]
    return [before, after]
