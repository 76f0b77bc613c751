"""TRUNC and ROUND, which take dates in Oracle (TRUNC also in Redshift) and numbers everywhere."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Builder, Call, Functions
from dwkit.sql.functions.dates.truncation import truncated
from dwkit.sql.functions.dates.units import Unit, stamp, unit_of_node
from dwkit.sql.functions.numeric import NUMERIC
from dwkit.sql.types import is_date, is_timestamp
from dwkit.sql.value import Value

__all__ = ["ORACLE"]

_PLAIN = pl.Datetime("us")


def _of_date(key: type[exp.Expr] | str, make: Callable[[Call, Value, exp.Expr | None], Value]) -> Builder:
    """Return a function that is another one of numbers."""

    def build(call: Call) -> Value:
        nodes = call.node.expressions if isinstance(call.node, exp.Anonymous) else [call.node.this]
        value = call.bind(nodes[0])
        if is_date(value.dtype) or is_timestamp(value.dtype):
            unit = nodes[1] if len(nodes) > 1 else call.given("decimals")
            return make(call, Value(stamp(value), _PLAIN, value.refs), unit)
        numeric = NUMERIC.get(key)
        if numeric is None:
            raise call.refuse(f"function {call.name}")
        return numeric(call)

    return build


def _trunc(call: Call, value: Value, node: exp.Expr | None) -> Value:
    if call.dialect == "redshift":
        return call.value(value.expr.dt.date(), pl.Date())
    unit = unit_of_node(call, node, "DAY", format_model=node is not None)
    return call.value(truncated(call, value, unit), _PLAIN)


_HALF = {"YEAR": "6mo", "DAY": "12h", "HOUR": "30m", "MINUTE": "30s"}


def _round(call: Call, value: Value, node: exp.Expr | None) -> Value:
    """ROUND(d, 'format'): a month from its 16th day, a quarter from the 16th of its second month, a day from noon."""
    if call.dialect not in ("oracle", "snowflake"):
        raise call.error(f"{call.name} wants a number, not a date or a timestamp")
    unit = unit_of_node(call, node, "DAY", format_model=node is not None)
    if unit in _HALF:
        moved = value.expr.dt.offset_by(_HALF[unit])
    elif unit in ("MONTH", "QUARTER"):
        # The half comes first, so that a day 29 to 31 never meets a shorter month.
        first = truncated(call, value, Unit("MONTH"))
        late = value.expr.dt.day() >= 16
        up = first.dt.offset_by("1mo")
        moved = pl.when(late).then(up).otherwise(first)
        if unit == "QUARTER":
            moved = moved.dt.offset_by("1mo")
    else:
        raise call.refuse(f"ROUND of a date to {unit}")
    return call.value(truncated(call, Value(moved, _PLAIN), unit), _PLAIN)


ORACLE: Functions = {
    "TRUNC": _of_date("TRUNC", _trunc),
    exp.Trunc: _of_date(exp.Trunc, _trunc),
    exp.Round: _of_date(exp.Round, _round),
}
