"""Functions of numbers."""

from __future__ import annotations

import math

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Call, Functions, numbers
from dwkit.sql.types import is_decimal, is_float, is_integer, is_text, scale_of, whole_digits
from dwkit.sql.value import Value

__all__ = ["NUMERIC"]


def _as_number(call: Call, key: str = "this") -> Value:
    value = call.arg(key)
    return call.cast(value, pl.Float64()) if is_text(value.dtype) or value.is_null else value


def _abs(call: Call) -> Value:
    value = _as_number(call)
    return call.value(value.expr.abs(), value.dtype)


def _round(call: Call) -> Value:
    """ROUND goes half away from zero, of floats too."""
    value = _as_number(call)
    if call.has("decimals"):
        digits = call.constant("decimals")
    else:
        digits = 0
    if digits is None:
        return call.cast(value.as_(pl.lit(None), pl.Null()), value.dtype)
    if is_integer(value.dtype) and digits >= 0:
        return value
    if digits < 0:
        power = 10 ** -int(digits)
        scaled = (call.cast(value, pl.Float64()).expr / power).round(0, mode="half_away_from_zero") * power
        return call.cast(call.value(scaled, pl.Float64()), value.dtype)
    made = value.expr.round(int(digits), mode="half_away_from_zero")
    if is_decimal(value.dtype):
        scale = min(int(digits), scale_of(value.dtype))
        return call.value(
            made.cast(pl.Decimal(38, scale)),
            pl.Decimal(min(38, whole_digits(value.dtype) + 1 + scale), scale),
        )
    return call.value(made, value.dtype)


def _whole(name: str) -> object:
    def build(call: Call) -> Value:
        value = _as_number(call)
        if is_integer(value.dtype):
            return value
        made = getattr(value.expr, name)()
        if is_float(value.dtype):
            return call.value(made, value.dtype)
        return call.value(made.cast(pl.Decimal(38, 0)), pl.Decimal(min(38, whole_digits(value.dtype) + 1), 0))

    return build


NUMERIC: Functions = {
    exp.Abs: _abs,
    exp.Round: _round,
    exp.Ceil: _whole("ceil"),  # type: ignore[dict-item]
    exp.Floor: _whole("floor"),  # type: ignore[dict-item]
    exp.Sqrt: numbers(lambda x: x.sqrt()),
    exp.Exp: numbers(lambda x: x.exp()),
    exp.Ln: numbers(lambda x: x.log(math.e)),
    exp.Pow: numbers(lambda x, y: x.pow(y), "this", "expression"),
}
