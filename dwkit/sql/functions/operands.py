"""The operands of arithmetic, and the type that they are calculated in."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Call
from dwkit.sql.types import is_decimal, is_integer, is_number, is_text, shown, whole_digits
from dwkit.sql.value import Value, constant

__all__ = [
    "constant_integers",
    "decimal_of",
    "doubles",
    "floats",
    "integers",
    "number_of",
    "operands",
    "wrong",
]


def operands(call: Call) -> tuple[Value, Value]:
    """Return the operands of an arithmetic operator, text among them read as numbers."""
    left, right = call.arg(), call.arg("expression")
    if is_text(left.dtype) and is_number(right.dtype):
        left = call.cast(left, _read_as(call, left, right))
    elif is_text(right.dtype) and is_number(left.dtype):
        right = call.cast(right, _read_as(call, right, left))
    elif (
        is_text(left.dtype)
        and is_text(right.dtype)
        and call.dialect in ("mysql", "sqlite", "snowflake", "oracle")
    ):
        left, right = call.cast(left, pl.Float64()), call.cast(right, pl.Float64())
    for_number = [pl.Int32() if isinstance(v.dtype, pl.Boolean) else v.dtype for v in (left, right)]
    left, right = call.cast(left, for_number[0]), call.cast(right, for_number[1])
    if left.is_null and not right.is_null:
        left = call.cast(left, right.dtype)
    elif right.is_null and not left.is_null:
        right = call.cast(right, left.dtype)
    elif left.is_null:
        left, right = call.cast(left, pl.Int32()), call.cast(right, pl.Int32())
    return left, right


def _read_as(call: Call, text: Value, number: Value) -> pl.DataType:
    if call.dialect == "mysql":
        return pl.Float64()
    if text.is_text_literal and re.fullmatch(r"\s*[+-]?\d+\s*", text.constant):
        return pl.Int64() if is_integer(number.dtype) else number.dtype
    return pl.Float64()


def wrong(call: Call, left: Value, right: Value) -> Exception:
    """Return the error for operands that are no numbers."""
    sign = _SIGNS.get(type(call.node), call.node.key)
    return call.error(
        f"{shown(left.dtype)} {sign} {shown(right.dtype)} has no meaning", hint="cast one of them"
    )


_SIGNS: dict[type[exp.Expr], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.Mod: "%"}


def number_of(call: Call, key: str = "this") -> Value:
    """Return an argument as a number: text and NULL as a double."""
    value = call.arg(key)
    if isinstance(value.dtype, pl.Boolean):
        return call.cast(value, pl.Int32())
    if is_text(value.dtype) or value.is_null:
        return call.cast(value, pl.Float64())
    if not is_number(value.dtype):
        raise call.error(f"{call.name} wants a number, not {shown(value.dtype)}")
    return value


def decimal_of(value: Value) -> pl.Expr:
    """Return an exact number as a decimal."""
    if isinstance(value.constant, int):
        return constant(value.constant, pl.Decimal(38, 0)).expr
    return value.expr.cast(pl.Decimal(38, 0)) if is_integer(value.dtype) else value.expr


_SINGLE: Mapping[str, Callable[[pl.DataType], bool]] = {
    "datafusion": is_integer,
    "duckdb": lambda t: is_integer(t) or is_decimal(t),
}
"""What makes with a float of single precision another one there; elsewhere that is a double."""


def floats(call: Call, left: Value, right: Value) -> tuple[pl.Expr, pl.Expr, pl.DataType]:
    """Return operands as floats, and of which precision."""
    pair = (left.dtype, right.dtype)
    plain = _SINGLE.get(call.dialect)
    single = (
        plain is not None
        and any(isinstance(t, pl.Float32) for t in pair)
        and all(isinstance(t, pl.Float32) or plain(t) for t in pair)
    )
    dtype: pl.DataType = pl.Float32() if single else pl.Float64()
    return call.cast(left, dtype).expr, call.cast(right, dtype).expr, dtype


def doubles(call: Call, left: Value, right: Value) -> tuple[pl.Expr, pl.Expr]:
    """Return operands as doubles."""
    return call.cast(left, pl.Float64()).expr, call.cast(right, pl.Float64()).expr


def integers(call: Call, of: Callable[[Any, Any], pl.Expr], left: Value, right: Value) -> Value:
    """Integers are calculated in 64 bits; where that may overflow, in 128, and an overflow is an error.

    Args:
        of: adds, subtracts or multiplies: what it makes of ends is at the ends of what it makes.
    """
    if isinstance(left.constant, int) and isinstance(right.constant, int):
        return constant_integers(call, of, left.constant, right.constant)
    if whole_digits(left.dtype) <= 10 and whole_digits(right.dtype) <= 10:
        return call.value(of(left.expr.cast(pl.Int64), right.expr.cast(pl.Int64)), pl.Int64())
    if whole_digits(left.dtype) > 19 or whole_digits(right.dtype) > 19:
        return call.value(of(left.expr.cast(pl.Int128), right.expr.cast(pl.Int128)), pl.Int128())
    span = _span(call, of, left, right)
    if span is not None and -(2**63) <= span[0] <= span[1] < 2**63:
        made = of(left.expr.cast(pl.Int64), right.expr.cast(pl.Int64))
        return replace(call.value(made, pl.Int64()), span=span)
    wide = of(left.expr.cast(pl.Int128), right.expr.cast(pl.Int128))
    return call.value(wide.cast(pl.Int64, strict=True), pl.Int64())


def _span(call: Call, of: Callable[[Any, Any], Any], left: Value, right: Value) -> tuple[int, int] | None:
    one, other = call.binder.span(left), call.binder.span(right)
    if one is None or other is None:
        return None
    ends = [of(a, b) for a in one for b in other]
    return min(ends), max(ends)


def constant_integers(call: Call, of: Callable[[Any, Any], Any], left: int, right: int) -> Value:
    """Return what is calculated of two literals.

    Raises:
        SqlError: it does not fit a BIGINT.
    """
    made = of(left, right)
    if not -(2**63) <= made < 2**63:
        raise call.error(f"{made} does not fit a BIGINT", hint="cast one of them to double or decimal")
    return constant(made, pl.Int32() if -(2**31) <= made < 2**31 else pl.Int64())
