"""Keys of an order, and window functions with their frames, as the nodes of a plan have them."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from dwkit.sql.value import Value

__all__ = ["Frame", "Part", "SortKey", "WindowItem"]


@dataclass(frozen=True, slots=True, eq=False)
class SortKey:
    """One key of an order."""

    value: Value
    descending: bool = False
    nulls_last: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A window frame; a bound is ``None`` (unbounded), or an offset from the current row (negative: before).

    Attributes:
        unit: ``rows``, ``range`` or ``groups``.
        start, end: offsets: an int (for RANGE only 0), or for RANGE with an offset what the key of the order
            is there at least or at most.
        exclude: ``""``, ``current row``, ``group`` or ``ties``.
        key: for RANGE with an offset, the key of the order in the type of the bounds.
    """

    unit: str = "range"
    start: int | Value | None = None
    end: int | Value | None = 0
    exclude: str = ""
    key: Value | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A simple reduction that an aggregate over a frame is made of.

    Attributes:
        name: id of its result in the expression that combines the parts.
        kind: ``len``, ``squares`` (the sum of the squared deviations from the mean), or a method of Polars'
            expressions: ``count``, ``sum``, ``min``, ``max``, ...
        expr: of each row, NULL in rows that do not count; None for ``len``.
        dtype: type of the expression and of the result.
        distinct: of equal values one counts.
    """

    name: str
    kind: str
    expr: pl.Expr | None
    dtype: pl.DataType
    distinct: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class WindowItem:
    """A window function over its partition, order and frame.

    Attributes:
        function: its name in lower case, ``aggregate`` for an aggregate function.
        aggregate: for an aggregate, the aggregating expression.
        args: its arguments.
        frame: None where the frame is the whole partition or does not matter.
        ignore_nulls: IGNORE NULLS.
        dtype: type of the result.
        empty: what it is over an empty frame.
        parts, combined: for an aggregate that is made of simple reductions, those and what it makes of them.
    """

    function: str
    args: tuple[Value, ...]
    partition: tuple[Value, ...]
    order: tuple[SortKey, ...]
    frame: Frame | None
    dtype: pl.DataType
    aggregate: Value | None = None
    ignore_nulls: bool = False
    empty: object = None
    parts: tuple[Part, ...] = ()
    combined: pl.Expr | None = None

    @property
    def values(self) -> tuple[Value, ...]:
        """All expressions."""
        bounds = (self.frame.start, self.frame.end, self.frame.key) if self.frame else ()
        return (
            *self.args, *self.partition, *(k.value for k in self.order),
            *((self.aggregate,) if self.aggregate else ()), *(b for b in bounds if isinstance(b, Value)),
        )  # fmt: skip
