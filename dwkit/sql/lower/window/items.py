"""What window functions give, from the positions and frames of a sorted frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

from dwkit.sql.lower.window.frames import Frames, Run
from dwkit.sql.lower.window.gather import gathered
from dwkit.sql.lower.window.positions import FIRST, LAST, ROW, at
from dwkit.sql.lower.window.ranks import RANKS, ntile
from dwkit.sql.lower.window.reduce import OF, RANK, in_parts, is_ranked, reduced, values
from dwkit.sql.window import WindowItem

__all__ = ["Items"]


class Items:
    """Adds the columns of window functions to a sorted frame.

    Attributes:
        frame: the rows with the items.
    """

    def __init__(self, frame: pl.LazyFrame, frames: Frames, items: Mapping[str, WindowItem]) -> None:
        self._frames = frames
        arguments = {f"{i}:{n}": v.expr for i, w in items.items() for n, v in enumerate(w.args)}
        in_part = [(p, w) for w in items.values() if in_parts(w) for p in w.parts]
        arguments |= {OF + p.name: p.expr for p, _ in in_part if p.expr is not None}
        frame = frame.with_columns(e.alias(n) for n, e in arguments.items())
        frame = frame.with_columns(values(p, w).alias(OF + p.name) for p, w in in_part if p.distinct)
        frame = frame.with_columns(
            (pl.col(OF + p.name).rank("dense").cast(pl.Int64) - 1).alias(RANK + p.name)
            for p, w in in_part if is_ranked(p, w)
        )  # fmt: skip
        parts: dict[str, pl.Expr] = {}
        made: dict[str, pl.Expr] = {}
        for ident, item in items.items():
            if item.function == "aggregate":
                if not in_parts(item):
                    made[ident] = gathered(item, frames.runs(ident))
                    continue
                assert item.combined is not None
                parts |= {p.name: reduced(p, item, frames.runs(ident)) for p in item.parts}
                made[ident] = item.combined
            elif item.function in RANKS:
                made[ident] = RANKS[item.function](len(item.order))
            elif item.function == "ntile":
                made[ident] = ntile(pl.col(f"{ident}:0"))
            else:
                made[ident] = _FUNCTIONS[item.function](self, ident, item)
        frame = frame.with_columns(e.alias(n) for n, e in parts.items())
        self.frame = frame.with_columns(e.alias(n) for n, e in made.items())

    # -- values of other rows -----------------------------------------------------------------

    def lag(self, ident: str, item: WindowItem) -> pl.Expr:
        """LAG."""
        return self._shifted(ident, item, -1)

    def lead(self, ident: str, item: WindowItem) -> pl.Expr:
        """LEAD."""
        return self._shifted(ident, item, 1)

    def _shifted(self, ident: str, item: WindowItem, direction: int) -> pl.Expr:
        value, offset, default = pl.col(f"{ident}:0"), pl.col(f"{ident}:1") * direction, pl.col(f"{ident}:2")
        if not item.ignore_nulls:
            position = ROW + offset
            there = position.is_between(FIRST, LAST).fill_null(value=False)
            return pl.when(there).then(at(value, pl.when(there).then(position))).otherwise(default)
        known = value.is_not_null()
        counted = known.cast(pl.Int64).cum_sum()
        first = at(counted, FIRST) - at(known.cast(pl.Int64), FIRST)
        # The place among the values that are there; none of them is the row itself.
        forward = counted + offset - 1
        backward = counted - known.cast(pl.Int64) + offset
        place = pl.when(offset > 0).then(forward).when(offset < 0).then(backward)
        there = place.is_between(first, at(counted, LAST) - 1).fill_null(value=False)
        found = at(value.drop_nulls(), pl.when(there).then(place))
        return pl.when(offset == 0).then(value).when(there).then(found).otherwise(default)

    def first_value(self, ident: str, item: WindowItem) -> pl.Expr:
        """FIRST_VALUE."""
        value, runs = self._picked(ident, item)
        return at(value, pl.coalesce(pl.when(s <= e).then(s) for s, e in runs))

    def last_value(self, ident: str, item: WindowItem) -> pl.Expr:
        """LAST_VALUE."""
        value, runs = self._picked(ident, item)
        return at(value, pl.coalesce(pl.when(s <= e).then(e) for s, e in reversed(runs)))

    def nth_value(self, ident: str, item: WindowItem) -> pl.Expr:
        """NTH_VALUE."""
        value, runs = self._picked(ident, item)
        rest = pl.col(f"{ident}:1") - 1
        found = []
        for start, end in runs:
            length = pl.max_horizontal(end - start + 1, pl.lit(0, dtype=pl.Int64))
            found.append(pl.when(rest.is_between(0, length - 1)).then(start + rest))
            rest = rest - length
        return at(value, pl.coalesce(found))

    def nth_value_from_last(self, ident: str, item: WindowItem) -> pl.Expr:
        """NTH_VALUE with FROM LAST."""
        value, runs = self._picked(ident, item)
        rest = pl.col(f"{ident}:1") - 1
        found = []
        for start, end in reversed(runs):
            length = pl.max_horizontal(end - start + 1, pl.lit(0, dtype=pl.Int64))
            found.append(pl.when(rest.is_between(0, length - 1)).then(end - rest))
            rest = rest - length
        return at(value, pl.coalesce(found))

    def _picked(self, ident: str, item: WindowItem) -> tuple[pl.Expr, list[Run]]:
        """Return the values that one is picked of, and where those of the frame begin and end."""
        value, runs = pl.col(f"{ident}:0"), self._frames.runs(ident)
        if not item.ignore_nulls:
            return value, runs
        known = value.is_not_null().cast(pl.Int64)
        counted = known.cum_sum()
        within = []
        for start, end in runs:
            some = start <= end
            begin = at(counted, pl.when(some).then(start)) - at(known, pl.when(some).then(start))
            within.append((begin, at(counted, pl.when(some).then(end)) - 1))
        return value.drop_nulls(), within


_FUNCTIONS: dict[str, Callable[[Items, str, WindowItem], pl.Expr]] = {
    "lag": Items.lag, "lead": Items.lead, "first_value": Items.first_value, "last_value": Items.last_value,
    "nth_value": Items.nth_value, "nth_value_from_last": Items.nth_value_from_last,
}  # fmt: skip
