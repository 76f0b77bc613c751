"""Tables for people: fitted to the terminal, numbers whole and right-aligned, NULL told from text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import click
from rich.cells import cell_len, set_cell_size

from dwkit.cli.terminal import clean

__all__ = ["Column", "Drawn", "draw"]

_GAP = 2
_NARROW = 12  # text is not cut shorter than this to make room for other columns

Row = Sequence[str | None]


class Column(NamedTuple):
    """A column: its name, whether its cells are numbers, whether they are never cut (dates, times)."""

    name: str
    number: bool = False
    whole: bool = False


class Drawn(NamedTuple):
    """A table as text, and the names of the columns that found no room."""

    text: str
    left_out: list[str]


class _Slot(NamedTuple):
    column: int  # -1: dots in place of the columns left out
    width: int


def draw(
    columns: Sequence[Column],
    head: Sequence[Row],
    tail: Sequence[Row] = (),
    *,
    width: int,
    title: str = "",
    colour: bool = False,
    unicode: bool = True,
) -> Drawn:
    """Draw a table.

    Args:
        head: first rows.
        tail: last rows, when rows between were left out: a row of dots stands for them.
        width: of the terminal, in cells.
    """
    dots, rule = ("…", "─") if unicode else ("...", "-")
    names = [clean(c.name) for c in columns]
    rows = [["NULL" if c is None else clean(c) for c in row] for row in (*head, *tail)]
    widths = [max((cell_len(row[i]) for row in rows), default=0) for i in range(len(columns))]
    wanted = [max(cell_len(name), w) for name, w in zip(names, widths, strict=True)]
    least = [
        max(min(want, _NARROW), w if c.number or c.whole else 0)
        for c, want, w in zip(columns, wanted, widths, strict=True)
    ]
    slots = _fit(wanted, least, width, len(dots))

    def line(cells: Sequence[str], values: Row = (), *, bold: bool = False) -> str:
        pieces = []
        for index, room in slots:
            text = dots if index < 0 else _cut(cells[index], room, dots)
            space = " " * (room - cell_len(text))
            if colour and bold:
                text = click.style(text, bold=True)
            elif colour and (index < 0 or not values or values[index] is None):
                text = click.style(text, dim=True)
            pieces.append(space + text if index >= 0 and columns[index].number else text + space)
        return (" " * _GAP).join(pieces).rstrip()

    def dim(text: str) -> str:
        return click.style(text, dim=True) if colour else text

    lines = []
    if title:
        heading = _cut(clean(title), width, dots)
        lines.append(click.style(heading, bold=True) if colour else heading)
    lines.append(line(names, bold=True))
    lines.append(dim(rule * (sum(s.width for s in slots) + _GAP * (len(slots) - 1))))
    texts = [line(row, values) for row, values in zip(rows, (*head, *tail), strict=True)]
    if tail:
        texts.insert(len(head), line([dots] * len(columns)))
    shown = {slot.column for slot in slots}
    return Drawn(
        "\n".join([*lines, *texts]) + "\n", [c.name for i, c in enumerate(columns) if i not in shown]
    )


def _fit(wanted: list[int], least: list[int], width: int, dots: int) -> list[_Slot]:
    """Choose the columns to keep and their widths: first cut long text, then leave out columns of the middle."""
    kept = list(range(len(wanted)))
    room = width - _GAP * (len(kept) - 1)
    first = len(kept)  # of those kept, how many stand before the dots
    if sum(least) > room and len(kept) > 1:
        left, right = [0], list[int]()
        room = width - dots - _GAP
        sides = [right, left]
        while sides and len(left) + len(right) < len(wanted) - 1:
            side = sides[0]
            index = len(left) if side is left else len(wanted) - 1 - len(right)
            if sum(least[i] + _GAP for i in (*left, *right, index)) - _GAP > room:
                sides.remove(side)  # the other side may have a smaller one
                continue
            side.append(index)
            sides.reverse()
        kept, first = [*left, *reversed(right)], len(left)
        room -= _GAP * (len(kept) - 1)
    shares = _share([wanted[i] for i in kept], [least[i] for i in kept], room)
    slots = [_Slot(i, share) for i, share in zip(kept, shares, strict=True)]
    if len(kept) < len(wanted):
        slots.insert(first, _Slot(-1, dots))
    return slots


def _share(wanted: list[int], least: list[int], room: int) -> list[int]:
    """Give every column what it wants up to a common cap, the highest for which all fit in ``room``."""
    if len(wanted) == 1:
        return [max(1, min(wanted[0], room))]

    def under(cap: int) -> list[int]:
        return [max(m, min(w, cap)) for w, m in zip(wanted, least, strict=True)]

    low, high = 0, max(wanted, default=0)
    while low < high:
        cap = (low + high + 1) // 2
        low, high = (cap, high) if sum(under(cap)) <= room else (low, cap - 1)
    given = under(low)
    for i, want in enumerate(wanted):  # one cell more for the first ones, while there is room
        if want > given[i] and sum(given) < room:
            given[i] += 1
    return given


def _cut(text: str, room: int, dots: str) -> str:
    if cell_len(text) <= room:
        return text
    if room <= len(dots):
        return dots[:room]
    return set_cell_size(text, room - len(dots)).rstrip() + dots
