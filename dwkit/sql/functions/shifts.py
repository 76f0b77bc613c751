"""Bits moved to the left and to the right."""

from __future__ import annotations

from functools import partial

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.types import is_integer
from dwkit.sql.value import Value

__all__ = ["SHIFTS"]


def _shift(left: bool, call: Call) -> Value:
    if call.dialect in ("spark", "databricks"):
        return _as_java(left, call)
    powers = pl.lit(2, dtype=pl.Int64).pow(call.integer("expression"))
    value = call.integer()
    return call.value(value * powers if left else value // powers, pl.Int64())


def _as_java(left: bool, call: Call) -> Value:
    """Spark shifts by the places modulo the bits of the number, 32 or 64, and what leaves it is lost."""
    value = call.arg()
    long = isinstance(value.dtype, (pl.Int64, pl.UInt64, pl.Int128)) or not is_integer(value.dtype)
    dtype = pl.Int64() if long else pl.Int32()
    number = call.cast(value, dtype).expr.cast(pl.Int64)
    places = call.integer("expression") % (64 if long else 32)
    powers = pl.lit(2, dtype=pl.Int64).pow(places)
    if not left:
        # Two to the power of 63 is negative in 64 bits; what is left then is the sign.
        sign = pl.when(number < 0).then(-1).when(number.is_not_null()).then(0)
        made = pl.when(places == 63).then(sign).otherwise(number // powers)
        return call.value(made.cast(dtype), dtype)
    return call.value((number * powers).cast(dtype, wrap_numerical=True), dtype)


SHIFTS: Functions = {
    exp.BitwiseLeftShift: partial(_shift, True),
    exp.BitwiseRightShift: partial(_shift, False),
}
