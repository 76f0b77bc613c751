"""Several keys as one whole number: Polars groups and sorts by one key in half the time.

Each key between bounds is a digit of the number, 0 is NULL.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from dwkit.sql.lower.bounds import Bounds, bounds_of
from dwkit.sql.plan import Plan
from dwkit.sql.value import Value
from dwkit.sql.window import SortKey

__all__ = ["Packed", "packed", "packed_order", "packed_pair"]

_ROOM = 2**63


@dataclass(frozen=True)
class Packed:
    """Keys as one number.

    Attributes:
        expr: the number, of each row.
    """

    expr: pl.Expr
    _digits: Mapping[str, tuple[pl.DataType, Bounds]]

    def unpacked(self, number: pl.Expr) -> list[pl.Expr]:
        """Return the keys from the number."""
        found: list[pl.Expr] = []
        for name, (dtype, (low, high)) in reversed(list(self._digits.items())):
            size = _size((low, high))
            digit = number % size if len(found) + 1 < len(self._digits) else number
            whole = pl.when(digit > 0).then(digit + (low - 1))
            found.append(_read(whole, dtype).alias(name))
            number = number // size
        return found[::-1]


def _read(whole: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Return a whole number as the date or code that it stands for."""
    if isinstance(dtype, pl.Categorical):
        return whole.cast(dtype.categories.physical()).cat.to(dtype)
    return whole.cast(dtype)


def packed(keys: Mapping[str, Value], plan: Plan) -> Packed | None:
    """Return the keys of the rows of a plan as one number, None where they have no room in 64 bits."""
    found = _bounded(list(keys.values()), plan)
    if found is None:
        return None
    digits = [(number - (low - 1)).fill_null(0) for number, (low, _) in found]
    known = {n: (v.dtype, b) for (n, v), (_, b) in zip(keys.items(), found, strict=True)}
    return Packed(_together(digits, [b for _, b in found]), known)


def packed_pair(
    pairs: Sequence[tuple[Value, Value]], left: Plan, right: Plan
) -> tuple[pl.Expr, pl.Expr] | None:
    """Return keys of two plans that are to be equal as a number of each, which is NULL where one of the keys is.

    None where they have no room in 64 bits.
    """
    ours, theirs = (_bounded([p[n] for p in pairs], plan) for n, plan in enumerate((left, right)))
    if ours is None or theirs is None:
        return None
    bounds = [(min(a[0], b[0]), max(a[1], b[1])) for (_, a), (_, b) in zip(ours, theirs, strict=True)]
    if math.prod(_size(b) for b in bounds) >= _ROOM:
        return None
    one, other = (
        _together([number - low for (number, _), (low, _) in zip(side, bounds, strict=True)], bounds)
        for side in (ours, theirs)
    )
    return one, other


def packed_order(keys: Sequence[SortKey], plan: Plan) -> pl.Expr | None:
    """Return a number by which the rows of a plan are in an order, None where the keys have no room in 64 bits."""
    found = _bounded([k.value for k in keys], plan)
    if found is None:
        return None
    digits: list[pl.Expr] = []
    for key, (number, (low, high)) in zip(keys, found, strict=True):
        from_first = high - number if key.descending else number - low
        digits.append(
            from_first.fill_null(high - low + 1) if key.nulls_last else (from_first + 1).fill_null(0)
        )
    return _together(digits, [b for _, b in found])


def _bounded(values: Sequence[Value], plan: Plan) -> list[tuple[pl.Expr, Bounds]] | None:
    """Return values as whole numbers with their bounds; None where their digits have no room in 64 bits together."""
    found: list[tuple[pl.Expr, Bounds]] = []
    room = _ROOM
    for value in values:
        bounds = bounds_of(value, plan)
        if bounds is None or not -_ROOM < 2 * bounds[0] <= 2 * bounds[1] < _ROOM:
            return None
        room //= _size(bounds)
        if room < 1:
            return None
        number = value.expr.to_physical() if not value.dtype.is_integer() else value.expr
        found.append((number.cast(pl.Int64), bounds))
    return found


def _size(bounds: Bounds) -> int:
    """Return how many values are between bounds, NULL with them."""
    return bounds[1] - bounds[0] + 2


def _together(digits: Sequence[pl.Expr], bounds: Sequence[Bounds]) -> pl.Expr:
    number = digits[0]
    for digit, bound in zip(digits[1:], bounds[1:], strict=True):
        number = number * _size(bound) + digit
    return number
