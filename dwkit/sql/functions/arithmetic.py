"""Addition, subtraction, multiplication, division, remainder, bits, and || of texts and lists."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.blobs import joined_bytes
from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.functions.dates.operators import apart, moved_by
from dwkit.sql.functions.decimals import from_scaled, scaled_of, whole_of
from dwkit.sql.functions.division import floored, quotient, remainder
from dwkit.sql.functions.integers import BITS
from dwkit.sql.functions.interval import scaled
from dwkit.sql.functions.nested.arrays import joined
from dwkit.sql.functions.nested.documents import merged
from dwkit.sql.functions.nested.lists import concatenated
from dwkit.sql.functions.operands import decimal_of, floats, integers, operands, wrong
from dwkit.sql.types import (
    is_decimal,
    is_float,
    is_integer,
    is_list,
    is_number,
    is_text,
    scale_of,
    shown,
    whole_digits,
)
from dwkit.sql.value import Value, constant

__all__ = ["ARITHMETIC"]


def _add(call: Call) -> Value:
    left, right = call.arg(), call.arg("expression")
    if call.dialect == "tsql" and is_text(left.dtype) and is_text(right.dtype):
        return call.value(pl.concat_str(left.expr, right.expr), pl.String())
    moved = moved_by(call, left, right, 1) or moved_by(call, right, left, 1)
    if moved is not None:
        return moved
    return _sum(call, *operands(call), 1)


def _sub(call: Call) -> Value:
    left, right = call.arg(), call.arg("expression")
    moved = moved_by(call, left, right, -1) or apart(call, left, right)
    return moved if moved is not None else _sum(call, *operands(call), -1)


def _sum(call: Call, left: Value, right: Value, sign: int) -> Value:
    if not (is_number(left.dtype) and is_number(right.dtype)):
        raise wrong(call, left, right)
    plus: Callable[[Any, Any], Any] = operator.add if sign > 0 else operator.sub
    if is_float(left.dtype) or is_float(right.dtype):
        a, b, dtype = floats(call, left, right)
        return call.value(plus(a, b), dtype)
    if is_decimal(left.dtype) or is_decimal(right.dtype):
        scale = max(scale_of(left.dtype), scale_of(right.dtype))
        digits = max(whole_of(left), whole_of(right)) + 1 + scale
        if digits > 38:
            return call.value(plus(decimal_of(left), decimal_of(right)), pl.Decimal(38, scale))
        made = plus(*(_at_scale(v, scale) for v in (left, right)))
        if left.scaled is not None or right.scaled is not None:
            return from_scaled(call, made, digits, scale)
        plain = call.value(plus(decimal_of(left), decimal_of(right)), pl.Decimal(digits, scale))
        return replace(plain, scaled=made)
    return integers(call, plus, left, right)


def _mul(call: Call) -> Value:
    first, second = call.arg(), call.arg("expression")
    for one, other in ((first, second), (second, first)):
        if one.interval is not None and is_number(other.dtype):
            return scaled(call, one.interval, other)
    left, right = operands(call)
    if not (is_number(left.dtype) and is_number(right.dtype)):
        raise wrong(call, left, right)
    if is_float(left.dtype) or is_float(right.dtype):
        a, b, dtype = floats(call, left, right)
        return call.value(a * b, dtype)
    if is_integer(left.dtype) and is_integer(right.dtype):
        return integers(call, lambda a, b: a * b, left, right)
    scale = scale_of(left.dtype) + scale_of(right.dtype)
    if scale > 38:
        raise call.error(f"a product of {scale} digits after the point", hint="cast one of them to double")
    digits = whole_of(left) + whole_of(right) + scale
    if call.dialect == "bigquery" and scale > 9:  # NUMERIC has nine digits, whatever it comes from
        product = left.expr.cast(pl.Decimal(38, scale)) * decimal_of(right)
        return call.value(
            product.round(9, mode="half_away_from_zero").cast(pl.Decimal(38, 9)), pl.Decimal(38, 9)
        )
    if digits <= 38:
        return from_scaled(call, scaled_of(left) * scaled_of(right), digits, scale)
    # Polars keeps the greater scale of the two and rounds; a product has as many digits as both together.
    wide = left.expr.cast(pl.Decimal(38, scale)) if scale_of(left.dtype) != scale else decimal_of(left)
    return call.value(wide * decimal_of(right), pl.Decimal(38, scale))


def _at_scale(value: Value, scale: int) -> pl.Expr:
    """Return an exact number as a whole number of so many more digits than it has before the point."""
    more = scale - scale_of(value.dtype)
    return scaled_of(value) * 10**more if more else scaled_of(value)


def _neg(call: Call) -> Value:
    value = call.arg()
    if value.is_null:
        return value
    if value.interval is not None:
        return scaled(call, value.interval, constant(-1, pl.Int32()))
    if value.is_text_literal or is_text(value.dtype):
        value = call.cast(value, pl.Float64())
    if value.is_constant and not value.is_null and not isinstance(value.constant, bool):
        number = -value.constant
        dtype = pl.Int64() if isinstance(value.dtype, pl.Int128) and number >= -(2**63) else value.dtype
        return constant(number, dtype)
    if not is_number(value.dtype) and not isinstance(value.dtype, (pl.Duration, pl.Null)):
        raise call.error(f"-{shown(value.dtype)} has no meaning")
    if value.scaled is not None:
        return from_scaled(
            call, 0 - value.scaled, whole_digits(value.dtype) + scale_of(value.dtype), scale_of(value.dtype)
        )
    unsigned = str(value.dtype).startswith("UInt")
    return value.as_(
        -(value.expr.cast(pl.Int64) if unsigned else value.expr), pl.Int64() if unsigned else value.dtype
    )


def _concat(call: Call) -> Value:
    call.has("safe")  # only how a dialect writes it
    left, right = call.arg(), call.arg("expression")
    if is_list(left.dtype) or is_list(right.dtype):
        if call.dialect == "datafusion" and is_list(left.dtype) and is_list(right.dtype):
            return joined(call, [left, right])
        return concatenated(call, [left, right], null_is_empty=call.dialect in ("postgres", "datafusion"))
    if left.json and right.json and call.dialect == "postgres":
        return merged(call, left, right)
    if isinstance(left.dtype, pl.Binary) and isinstance(right.dtype, pl.Binary):
        return call.value(joined_bytes([left.expr, right.expr]), pl.Binary())
    made = pl.concat_str(call.as_text(left), call.as_text(right), ignore_nulls=call.dialect == "oracle")
    if call.dialect == "oracle":  # NULL is an empty text there, and an empty text NULL
        made = pl.when(made != "").then(made)
    return call.value(made, pl.String())


ARITHMETIC: Functions = {
    exp.Add: _add,
    exp.Sub: _sub,
    exp.Mul: _mul,
    exp.Div: quotient,
    exp.IntDiv: floored,
    exp.Mod: remainder,
    exp.Neg: _neg,
    exp.DPipe: _concat,
    **BITS,
}
