"""Orders and equalities of several whole numbers as those of one, where bounds leave it room."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce

import polars as pl

from dwkit.sql.lower.bounds import bounds_of
from dwkit.sql.lower.packed import Digit, within
from dwkit.sql.plan import Plan
from dwkit.sql.value import Value
from dwkit.sql.window import SortKey

__all__ = ["packed_order", "packed_pair"]

_MOST = 2**62
"""What a number must stay below."""


def packed_order(keys: Sequence[SortKey], plan: Plan) -> pl.Expr | None:
    """Return a number by which the rows of a plan are in an order, None where the keys have no room in one."""
    digits = _digits([k.value for k in keys], plan)
    if digits is None or not _fits(digits):
        return None
    places: list[pl.Expr] = []
    for key, digit in zip(keys, digits, strict=True):
        whole = digit.whole(key.value.expr)
        place = digit.high - whole if key.descending else whole - digit.low
        null = pl.lit(digit.size - 1 if key.nulls_last else 0, dtype=pl.Int64)
        known = pl.when(whole.is_between(digit.low, digit.high)).then(place + (not key.nulls_last))
        places.append(known.when(whole.is_null()).then(null))
    number = _together(places, digits)
    return within(number, number.is_null())


def packed_pair(
    pairs: Sequence[tuple[Value, Value]], left: Plan, right: Plan
) -> tuple[pl.Expr, pl.Expr] | None:
    """Return keys of two plans that are to be equal as a number of each, which is NULL where one of the keys is.

    None where they have no room in one.
    """
    ours, theirs = (_digits([p[n] for p in pairs], plan) for n, plan in enumerate((left, right)))
    if ours is None or theirs is None:
        return None
    both = [Digit(a.dtype, min(a.low, b.low), max(a.high, b.high)) for a, b in zip(ours, theirs, strict=True)]
    if not _fits(both):
        return None
    one, other = (_key([p[n] for p in pairs], both) for n in (0, 1))
    return one, other


def _key(values: Sequence[Value], digits: Sequence[Digit]) -> pl.Expr:
    wholes = [d.whole(v.expr) for v, d in zip(values, digits, strict=True)]
    number = _together([w - d.low for w, d in zip(wholes, digits, strict=True)], digits)
    beyond = [w.is_between(d.low, d.high).not_() for w, d in zip(wholes, digits, strict=True)]
    return within(number, reduce(lambda a, b: a | b, beyond))


def _digits(values: Sequence[Value], plan: Plan) -> list[Digit] | None:
    found: list[Digit] = []
    for value in values:
        bounds = bounds_of(value, plan)
        if bounds is None:
            return None
        found.append(Digit(value.dtype, *bounds))
    return found


def _fits(digits: Sequence[Digit]) -> bool:
    small = all(-_MOST < d.low <= d.high < _MOST for d in digits)
    return small and math.prod(d.size for d in digits) < _MOST


def _together(places: Sequence[pl.Expr], digits: Sequence[Digit]) -> pl.Expr:
    number = places[0]
    for place, digit in zip(places[1:], digits[1:], strict=True):
        number = number * digit.size + place
    return number
