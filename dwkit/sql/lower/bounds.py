"""Where the values of columns come from, and between which whole numbers the statistics of a table say that they are."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date

import polars as pl

from dwkit.sql.plan import (
    Aggregate,
    Distinct,
    Extend,
    Filter,
    Join,
    Limit,
    Plan,
    Project,
    Sample,
    Scan,
    SetOperation,
    Shared,
    Sort,
    Window,
)
from dwkit.sql.value import Value

__all__ = ["Bounds", "bounds_of", "most_values"]

Bounds = tuple[int, int]

_BITS: dict[object, int] = {pl.UInt8: 8, pl.UInt16: 16, pl.UInt32: 32}
_TYPES: dict[type[pl.DataType], Bounds] = {
    pl.Boolean: (0, 1), pl.Int8: (-128, 127), pl.UInt8: (0, 255), pl.Int16: (-32768, 32767), pl.UInt16: (0, 65535),
}  # fmt: skip
"""Types whose values are few."""
_EPOCH = date(1970, 1, 1)


def bounds_of(value: Value, plan: Plan) -> Bounds | None:
    """Return the bounds of a value over the rows of a plan, None where they are not known.

    Those of a date are days since 1970. NULL may always be among the values.
    """
    if value.is_constant:
        return _whole(value.constant, value.constant)
    if isinstance(value.dtype, pl.Categorical):  # of `dwkit.sql.optimise.codes`
        return 0, 2 ** _BITS[value.dtype.categories.physical()] - 1
    if value.among:
        return _all([bounds_of(v, plan) for v in value.among if not v.is_null])
    own = _TYPES.get(type(value.dtype))
    if own is not None:
        return own
    if not value.expr.meta.is_column() or not (value.dtype.is_integer() or isinstance(value.dtype, pl.Date)):
        return None
    return _bounds(plan, value.expr.meta.output_name())


def _bounds(plan: Plan, ident: str) -> Bounds | None:
    if isinstance(plan, Scan):
        known = plan.known()
        column = known.columns.get(plan.names[ident]) if known is not None else None
        return _whole(column.low, column.high) if column is not None else None
    if isinstance(plan, Project) and ident in plan.made:
        return bounds_of(plan.made[ident], plan.input)
    return _all([_bounds(node, name) for node, name in _sources(plan, ident)])


def _all(found: list[Bounds | None]) -> Bounds | None:
    known = [b for b in found if b is not None]
    if not known or len(known) < len(found):
        return None
    return min(low for low, _ in known), max(high for _, high in known)


def most_values(value: Value, plan: Plan) -> float:
    """Return how many different values there can be over the rows of a plan, infinity where that is not known."""
    found = bounds_of(value, plan)
    if found is not None:
        return found[1] - found[0] + 2.0
    if value.is_constant:
        return 1.0
    return _rows_of(plan, value.expr.meta.output_name()) if value.expr.meta.is_column() else math.inf


def _rows_of(plan: Plan, ident: str) -> float:
    """Return the rows of the tables that a column is from, and one for NULL."""
    if isinstance(plan, Scan):
        known = plan.known()
        return known.rows + 1.0 if known is not None else math.inf
    return sum(_rows_of(node, name) for node, name in _sources(plan, ident)) or math.inf


def _whole(low: object, high: object) -> Bounds | None:
    if type(low) is int and type(high) is int:
        return low, high
    if type(low) is date and type(high) is date:
        return (low - _EPOCH).days, (high - _EPOCH).days
    return None


def _sources(plan: Plan, ident: str) -> Iterator[tuple[Plan, str]]:
    """Return the inputs of which a column has the values, as they are or NULL, and what it is called there."""
    match plan:
        case Shared():
            yield plan.input, plan.input.columns[plan.ids.index(ident)]
        case Project() | Aggregate():
            made = plan.made if isinstance(plan, Project) else plan.keys
            if ident in made:
                if made[ident].expr.meta.is_column():
                    yield plan.input, made[ident].expr.meta.output_name()
            elif isinstance(plan, Extend):
                yield plan.input, ident
        case Join():
            yield plan.left if ident in plan.left.given else plan.right, ident
        case SetOperation():
            place = plan.ids.index(ident)
            yield from ((one, one.columns[place]) for one in plan.inputs)
        case Filter() | Sort() | Limit() | Distinct() | Sample() | Window():
            if ident in plan.input.given:
                yield plan.input, ident
