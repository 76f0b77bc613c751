"""Window functions: rows are sorted once for each partition and order, the rest is arithmetic on positions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from dwkit.sql.lower.order import packed_order
from dwkit.sql.lower.window.first import first_rows
from dwkit.sql.lower.window.frames import Frames
from dwkit.sql.lower.window.items import Items
from dwkit.sql.lower.window.positions import numbered
from dwkit.sql.plan import Window
from dwkit.sql.value import Value
from dwkit.sql.window import SortKey, WindowItem

__all__ = ["window"]


@dataclass
class _Group:
    """Window functions over the same partitions, in an order of which theirs are the beginning."""

    partition: tuple[Value, ...]
    order: tuple[SortKey, ...]
    items: dict[str, WindowItem]


def window(frame: pl.LazyFrame, plan: Window, most: int | None = None) -> pl.LazyFrame:
    """Return the rows with their window functions.

    Args:
        most: of each partition only the rows of these first ranks are wanted, though others may be there.
    """
    if most is not None:
        item = next(iter(plan.items.values()))
        frame = first_rows(frame, item.partition, item.order[0], most)
    whole = {i: w for i, w in plan.items.items() if _is_whole(w)}
    if whole:
        frame = frame.with_columns(_over(w).alias(i) for i, w in whole.items())
    for group in _groups({i: w for i, w in plan.items.items() if i not in whole}):
        frame = _sorted(frame, group, plan)
    return frame.select(plan.columns)


def _is_whole(item: WindowItem) -> bool:
    """Whether an aggregate looks at all rows of its partition, in no order."""
    if item.function != "aggregate":
        return False
    if item.frame is None:
        return True
    if item.frame.exclude or (item.order and not item.parts):
        return False
    peers = item.frame.unit != "rows" and not item.order
    start, end = item.frame.start, item.frame.end
    return (start is None or (peers and start == 0)) and (end is None or (peers and end == 0))


def _over(item: WindowItem) -> pl.Expr:
    assert item.aggregate is not None
    partition = [v.expr for v in item.partition]
    return item.aggregate.expr.over(partition) if partition else item.aggregate.expr


def _groups(items: Mapping[str, WindowItem]) -> list[_Group]:
    """Return the items by what they are sorted by; one whose order is the beginning of another's joins that."""
    found: list[_Group] = []
    for ident, item in sorted(items.items(), key=lambda i: -len(i[1].order)):
        for group in found:
            if _same(item.partition, group.partition) and _begins(item.order, group.order):
                group.items[ident] = item
                break
        else:
            found.append(_Group(item.partition, item.order, {ident: item}))
    return found


def _same(one: Iterable[Value], other: Iterable[Value]) -> bool:
    a, b = list(one), list(other)
    return len(a) == len(b) and all(x.expr.meta.eq(y.expr) for x, y in zip(a, b, strict=True))


def _begins(one: tuple[SortKey, ...], other: tuple[SortKey, ...]) -> bool:
    return all(
        a.descending == b.descending and a.nulls_last == b.nulls_last and a.value.expr.meta.eq(b.value.expr)
        for a, b in zip(one, other, strict=False)
    )


def _sorted(frame: pl.LazyFrame, group: _Group, plan: Window) -> pl.LazyFrame:
    """Return the rows sorted by partition and order, with the items of a group."""
    given = {
        f"dwkit:by{n}": v.expr.to_physical() if isinstance(v.dtype, pl.Categorical) else v.expr
        for n, v in enumerate(group.partition)
    }
    keys = {f"dwkit:order{n}": k.value.expr for n, k in enumerate(group.order)}
    # Literals in an order say nothing.
    if given or keys:
        frame = frame.with_columns(e.alias(n) for n, e in {**given, **keys}.items())
        number = packed_order([*(SortKey(v) for v in group.partition), *group.order], plan.input)
        if number is not None:
            frame = frame.sort(number, maintain_order=True)
        else:
            frame = frame.sort(
                [*given, *keys], descending=[False] * len(given) + [k.descending for k in group.order],
                nulls_last=[True] * len(given) + [k.nulls_last for k in group.order], maintain_order=True,
            )  # fmt: skip
    depths = sorted({len(i.order) for i in group.items.values()})
    frame = numbered(frame, list(given), list(keys), depths)
    frames = Frames(frame, group.items)
    return Items(frames.frame, frames, group.items).frame
