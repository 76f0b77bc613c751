"""Plans kept for when the same text is asked of the same tables again, as by a dashboard."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock

import polars as pl

from dwkit.model.statistics import TableStatistics
from dwkit.sql.bind import Context

__all__ = ["Kept"]

_MOST = 256


@dataclass(frozen=True)
class _Plan:
    """A frame and all that it was made from besides the text."""

    frame: pl.LazyFrame
    names: tuple[str, ...]
    tables: Mapping[str, weakref.ref[pl.LazyFrame]]
    statistics: Mapping[str, TableStatistics | None]


class Kept:
    """The plans that were made last.

    A plan holds for the very frames that it was made from, and as long as what is known of them is the same;
    it goes when one of its frames goes. One that depends on more, on the clock or on rows that were read to
    make it, is not kept.
    """

    def __init__(self) -> None:
        self._plans: OrderedDict[tuple[str, ...], _Plan] = OrderedDict()
        self._lock = Lock()

    def find(
        self,
        key: tuple[str, ...],
        tables: Mapping[str, pl.LazyFrame],
        statistics: Callable[[str], TableStatistics | None] | None,
    ) -> pl.LazyFrame | None:
        """Return the frame of a text, None where it is to be made.

        Args:
            key: the text, its dialect, and all else that it was read with.
        """
        plan = self._plans.get(key)
        if plan is None or plan.names != tuple(tables):
            return None
        if any(tables[name] is not frame() for name, frame in plan.tables.items()):
            return None
        if any((statistics(name) if statistics else None) != s for name, s in plan.statistics.items()):
            return None
        with self._lock:
            if key in self._plans:
                self._plans.move_to_end(key)
        return plan.frame

    def keep(self, key: tuple[str, ...], context: Context, frame: pl.LazyFrame) -> None:
        """Keep a frame that was bound in a context."""
        if context.volatile:
            return
        tables = {n: weakref.ref(context.frames[n], lambda _: self._drop(key)) for n in context.tables}
        plan = _Plan(frame, tuple(context.frames), tables, dict(context.asked))
        with self._lock:
            self._plans[key] = plan
            self._plans.move_to_end(key)
            if len(self._plans) > _MOST:
                self._plans.popitem(last=False)

    def _drop(self, key: tuple[str, ...]) -> None:
        self._plans.pop(key, None)
