"""The sign before a number or an interval."""

from __future__ import annotations

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.functions.cast import fits
from dwkit.sql.functions.decimals import from_scaled
from dwkit.sql.functions.integers import wider
from dwkit.sql.functions.interval import scaled
from dwkit.sql.types import is_integer, is_number, is_text, is_timestamp, scale_of, shown, whole_digits
from dwkit.sql.value import Value, constant

__all__ = ["NEGATION"]


def _neg(call: Call) -> Value:
    value = call.arg()
    if value.interval is not None:
        return scaled(call, value.interval, constant(-1, pl.Int32()))
    if value.is_text_literal or is_text(value.dtype):
        value = call.cast(value, pl.Float64())
    if value.is_null:
        return call.cast(value, pl.Int32()) if isinstance(value.dtype, pl.Null) else value
    if value.is_constant and not isinstance(value.constant, bool):
        number = -value.constant
        if number == -(2**31) and call.dialect in _INT_LITERALS and isinstance(call.node.this, exp.Literal):
            return constant(number, pl.Int32())
        if is_integer(value.dtype):
            return _whole_constant(call, number, value.dtype)
        return constant(number, value.dtype)
    cast = call.node.this.unnest()
    if call.dialect == "datafusion" and is_timestamp(value.dtype) and _is_cast_number(cast):
        return call.bind(exp.Cast(this=exp.Neg(this=cast.this.copy()), to=cast.to.copy()))
    if not is_number(value.dtype) and not isinstance(value.dtype, (pl.Duration, pl.Null)):
        raise call.error(f"-{shown(value.dtype)} has no meaning")
    if value.scaled is not None:
        return from_scaled(
            call, 0 - value.scaled, whole_digits(value.dtype) + scale_of(value.dtype), scale_of(value.dtype)
        )
    if str(value.dtype).startswith("UInt"):
        return value.as_(-value.expr.cast(pl.Int64), pl.Int64())
    if is_integer(value.dtype):
        return value.as_((0 - wider(value)).cast(value.dtype, strict=True), value.dtype)
    return value.as_(-value.expr, value.dtype)


def _is_cast_number(node: exp.Expr) -> bool:
    """Whether it is ``1::type``: a sign before it is the number's in DataFusion."""
    return isinstance(node, exp.Cast) and isinstance(node.this, exp.Literal) and not node.this.is_string


_INT_LITERALS = frozenset({"spark", "databricks"})
"""-2147483648 is one literal there, and an INTEGER."""


def _whole_constant(call: Call, number: int, dtype: pl.DataType) -> Value:
    """Return an integer of a type, as a BIGINT where it is none of that type's."""
    known = [pl.Int64()] if isinstance(dtype, pl.Int128) else [dtype, pl.Int64()]
    for one in known:
        if fits(number, one):
            return constant(number, one)
    if not isinstance(dtype, pl.Int128):
        raise call.error(f"{number} does not fit a BIGINT", hint="cast it to double or decimal")
    return constant(number, dtype)


NEGATION: Functions = {exp.Neg: _neg, exp.Negative: _neg}
