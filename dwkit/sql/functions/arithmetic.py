"""Addition, subtraction, multiplication, division, remainder, bits, and || of texts and lists."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.blobs import joined_bytes
from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.functions.dates.operators import apart, moved_by
from dwkit.sql.functions.decimals import from_scaled, scaled_of, whole_of
from dwkit.sql.functions.interval import scaled
from dwkit.sql.functions.negation import NEGATION
from dwkit.sql.functions.nested.arrays import joined
from dwkit.sql.functions.nested.documents import merged
from dwkit.sql.functions.nested.lists import concatenated
from dwkit.sql.functions.remainder import float_remainder
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

__all__ = ["ARITHMETIC", "divided", "number_of"]


def _operands(call: Call) -> tuple[Value, Value]:
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


def _wrong(call: Call, left: Value, right: Value) -> Exception:
    sign = _SIGNS.get(type(call.node), call.node.key)
    return call.error(
        f"{shown(left.dtype)} {sign} {shown(right.dtype)} has no meaning", hint="cast one of them"
    )


_SIGNS: dict[type[exp.Expr], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.Mod: "%"}


def _add(call: Call) -> Value:
    left, right = call.arg(), call.arg("expression")
    if call.dialect == "tsql" and is_text(left.dtype) and is_text(right.dtype):
        return call.value(pl.concat_str(left.expr, right.expr), pl.String())
    moved = moved_by(call, left, right, 1) or moved_by(call, right, left, 1)
    if moved is not None:
        return moved
    return _sum(call, *_operands(call), 1)


def _sub(call: Call) -> Value:
    left, right = call.arg(), call.arg("expression")
    moved = moved_by(call, left, right, -1) or apart(call, left, right)
    return moved if moved is not None else _sum(call, *_operands(call), -1)


def _sum(call: Call, left: Value, right: Value, sign: int) -> Value:
    if not (is_number(left.dtype) and is_number(right.dtype)):
        raise _wrong(call, left, right)
    plus: Callable[[Any, Any], Any] = operator.add if sign > 0 else operator.sub
    if is_float(left.dtype) or is_float(right.dtype):
        a, b, dtype = _floats(call, left, right)
        return call.value(plus(a, b), dtype)
    if is_decimal(left.dtype) or is_decimal(right.dtype):
        scale = max(scale_of(left.dtype), scale_of(right.dtype))
        digits = max(whole_of(left), whole_of(right)) + 1 + scale
        if digits > 38:
            return call.value(plus(_decimal(left), _decimal(right)), pl.Decimal(38, scale))
        made = plus(*(_at_scale(v, scale) for v in (left, right)))
        if left.scaled is not None or right.scaled is not None:
            return from_scaled(call, made, digits, scale)
        plain = call.value(plus(_decimal(left), _decimal(right)), pl.Decimal(digits, scale))
        return replace(plain, scaled=made)
    return _integers(call, plus, left, right)


def _mul(call: Call) -> Value:
    first, second = call.arg(), call.arg("expression")
    for one, other in ((first, second), (second, first)):
        if one.interval is not None and is_number(other.dtype):
            return scaled(call, one.interval, other)
    left, right = _operands(call)
    if not (is_number(left.dtype) and is_number(right.dtype)):
        raise _wrong(call, left, right)
    if is_float(left.dtype) or is_float(right.dtype):
        a, b, dtype = _floats(call, left, right)
        return call.value(a * b, dtype)
    if is_integer(left.dtype) and is_integer(right.dtype):
        return _integers(call, lambda a, b: a * b, left, right)
    scale = scale_of(left.dtype) + scale_of(right.dtype)
    if scale > 38:
        raise call.error(f"a product of {scale} digits after the point", hint="cast one of them to double")
    digits = whole_of(left) + whole_of(right) + scale
    if call.dialect == "bigquery" and scale > 9:  # NUMERIC has nine digits, whatever it comes from
        product = left.expr.cast(pl.Decimal(38, scale)) * _decimal(right)
        return call.value(
            product.round(9, mode="half_away_from_zero").cast(pl.Decimal(38, 9)), pl.Decimal(38, 9)
        )
    if digits <= 38:
        return from_scaled(call, scaled_of(left) * scaled_of(right), digits, scale)
    # Polars keeps the greater scale of the two and rounds; a product has as many digits as both together.
    wide = left.expr.cast(pl.Decimal(38, scale)) if scale_of(left.dtype) != scale else _decimal(left)
    return call.value(wide * _decimal(right), pl.Decimal(38, scale))


def _at_scale(value: Value, scale: int) -> pl.Expr:
    """Return an exact number as a whole number of so many more digits than it has before the point."""
    more = scale - scale_of(value.dtype)
    return scaled_of(value) * 10**more if more else scaled_of(value)


def _decimal(value: Value) -> pl.Expr:
    if isinstance(value.constant, int):
        return constant(value.constant, pl.Decimal(38, 0)).expr
    return value.expr.cast(pl.Decimal(38, 0)) if is_integer(value.dtype) else value.expr


def _floats(call: Call, left: Value, right: Value) -> tuple[pl.Expr, pl.Expr, pl.DataType]:
    """Return operands as doubles; in DataFusion a float of single precision and whole numbers stay single."""
    pair = (left.dtype, right.dtype)
    single = call.dialect == "datafusion" and all(isinstance(t, pl.Float32) or is_integer(t) for t in pair)
    dtype: pl.DataType = pl.Float32() if single else pl.Float64()
    return call.cast(left, dtype).expr, call.cast(right, dtype).expr, dtype


def _doubles(call: Call, left: Value, right: Value) -> tuple[pl.Expr, pl.Expr]:
    return call.cast(left, pl.Float64()).expr, call.cast(right, pl.Float64()).expr


def _integers(call: Call, of: Callable[[Any, Any], pl.Expr], left: Value, right: Value) -> Value:
    """Integers are calculated in 64 bits; where that may overflow, in 128, and an overflow is an error."""
    if isinstance(left.constant, int) and isinstance(right.constant, int):
        return _constant_integers(call, of, left.constant, right.constant)
    if whole_digits(left.dtype) <= 10 and whole_digits(right.dtype) <= 10:
        return call.value(of(left.expr.cast(pl.Int64), right.expr.cast(pl.Int64)), pl.Int64())
    if whole_digits(left.dtype) > 19 or whole_digits(right.dtype) > 19:
        return call.value(of(left.expr.cast(pl.Int128), right.expr.cast(pl.Int128)), pl.Int128())
    wide = of(left.expr.cast(pl.Int128), right.expr.cast(pl.Int128))
    return call.value(wide.cast(pl.Int64, strict=True), pl.Int64())


def _constant_integers(call: Call, of: Callable[[Any, Any], Any], left: int, right: int) -> Value:
    made = of(left, right)
    if not -(2**63) <= made < 2**63:
        raise call.error(f"{made} does not fit a BIGINT", hint="cast one of them to double or decimal")
    return constant(made, pl.Int32() if -(2**31) <= made < 2**31 else pl.Int64())


@dataclass(frozen=True, slots=True)
class _Digits:
    """Precision and scale of both operands of a division."""

    p1: int
    s1: int
    p2: int
    s2: int


_DIVISION_SCALE: dict[str, Callable[[_Digits], int]] = {
    "datafusion": lambda d: d.s1 + 4,
    "mysql": lambda d: min(30, d.s1 + 4),
    "snowflake": lambda d: max(d.s1, min(d.s1 + 6, 12)),
    "bigquery": lambda _: 9,
    "trino": lambda d: max(d.s1, d.s2),
    "spark": lambda d: max(6, d.s1 + d.p2 + 1),
    "databricks": lambda d: max(6, d.s1 + d.p2 + 1),
    "tsql": lambda d: max(6, d.s1 + d.p2 + 1),
    "redshift": lambda d: max(4, d.s1 + d.p2 - d.s2 + 1),
    "postgres": lambda d: max(16, d.s1, d.s2),
    "oracle": lambda d: max(16, d.s1, d.s2),
}
"""Digits after the point of a quotient of decimals, from the manuals; elsewhere it is a double."""


def _div(call: Call) -> Value:
    interval = call.arg().interval
    if interval is not None:
        call.given("typed")
        call.given("safe")
        factor = call.cast(call.arg("expression"), pl.Float64())
        return scaled(call, interval, factor.as_(1 / _divisor(call, factor, factor.expr), pl.Float64()))
    left, right = _operands(call)
    if not (is_number(left.dtype) and is_number(right.dtype)):
        raise _wrong(call, left, right)
    both_integers = is_integer(left.dtype) and is_integer(right.dtype)
    typed = call.has("typed")
    if both_integers and typed:
        return _int_quotient(call, left, right)
    exact = not is_float(left.dtype) and not is_float(right.dtype)
    scale_rule = _DIVISION_SCALE.get(call.dialect)
    if (
        exact
        and scale_rule is not None
        and not (both_integers and call.dialect in ("spark", "databricks", "bigquery"))
    ):
        return _decimal_quotient(call, left, right, scale_rule)
    a, b, dtype = _floats(call, left, right)
    if call.dialect in _INFINITE:
        call.has("safe")
        return call.value(a / b, dtype)
    return call.value(a / _divisor(call, right, b), pl.Float64())


_INFINITE = frozenset({"datafusion", "duckdb"})
"""1.0 / 0 is infinite there, as floats have it."""


def _divisor(call: Call, value: Value, expr: pl.Expr) -> pl.Expr:
    """A division by zero gives NULL, or is an error where the dialect says so and the row is asked for."""
    safe = call.has("safe")
    if value.is_constant and value.constant:
        return expr
    never = ("sqlite", "mysql", "oracle") if isinstance(call.node, exp.Mod) else ("sqlite", "mysql")
    if not safe and call.dialect not in never:
        zero = expr == 0 if call.binder.condition is None else (expr == 0) & call.binder.condition
        if call.dialect == "datafusion":  # NULL by zero is NULL, and no rows have no error
            zero &= call.arg().expr.is_not_null()
        failed = pl.when(zero).then(pl.lit("division by zero")).cast(pl.Int8, strict=True)
        early = call.dialect != "datafusion" or not call.arg().refs
        if value.is_constant and not value.is_null and call.binder.condition is None and early:
            raise call.error("division by zero")
        return pl.when(failed.is_null()).then(pl.when(expr != 0).then(expr))
    return pl.when(expr != 0).then(expr)


def _decimal_quotient(call: Call, left: Value, right: Value, rule: Callable[[_Digits], int]) -> Value:
    s1, s2 = scale_of(left.dtype), scale_of(right.dtype)
    if call.dialect == "datafusion" and whole_of(left) + s1 + 4 + s2 <= 38:
        # The quotient of the whole numbers behind both, of which the rest is cut off.
        a = scaled_of(left) * 10 ** (4 + s2)
        b = _divisor(call, right, scaled_of(right))
        whole = a.abs() // b.abs()
        digits = min(38, whole_of(left) + s1 + s2 + 4)
        return from_scaled(call, pl.when((a < 0) == (b < 0)).then(whole).otherwise(0 - whole), digits, s1 + 4)
    scale = max(0, min(rule(_Digits(whole_of(left) + s1, s1, whole_of(right) + s2, s2)), 30))
    kept = 9 if call.dialect == "bigquery" else 6
    scale = max(min(scale, 38 - min(whole_digits(left.dtype) + s2, 32)), min(scale, kept))
    made = _decimal(left).cast(pl.Decimal(38, scale)) / _divisor(call, right, _decimal(right)).cast(
        pl.Decimal(38, min(s2, scale))
    )
    return call.value(made, pl.Decimal(38, scale))


def _int_quotient(call: Call, left: Value, right: Value) -> Value:
    """Division of integers cuts the fraction off; Polars' goes to the lower."""
    call.has("safe")
    x, y = left.constant, right.constant
    if isinstance(x, int) and isinstance(y, int) and y:
        return _constant_integers(
            call, lambda a, b: abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1), x, y
        )
    a, b = left.expr.cast(pl.Int64), _divisor(call, right, right.expr.cast(pl.Int64))
    return call.value(a.abs() // b.abs() * (a.sign() * b.sign()), pl.Int64())


def _floor_div(call: Call) -> Value:
    left, right = _operands(call)
    if is_integer(left.dtype) and is_integer(right.dtype):
        return _int_quotient(call, left, right)
    a, b = _doubles(call, left, right)
    quotient = a / _divisor(call, right, b)
    if call.dialect == "duckdb":
        return call.value(quotient.floor(), pl.Float64())
    return call.value(quotient.truncate().cast(pl.Int64, strict=True), pl.Int64())


def _mod(call: Call) -> Value:
    """The remainder has the sign of the dividend; Polars' has that of the divisor."""
    left, right = _operands(call)
    if not (is_number(left.dtype) and is_number(right.dtype)):
        raise _wrong(call, left, right)
    made = _remainder(call, left, right)
    if call.dialect != "oracle":
        return made
    # MOD(n, 0) is n there.
    return call.value(
        pl.when(right.expr == 0).then(left.expr.cast(made.dtype)).otherwise(made.expr), made.dtype
    )


def _remainder(call: Call, left: Value, right: Value) -> Value:
    if is_float(left.dtype) or is_float(right.dtype):
        a, b, dtype = _floats(call, left, right)
        if call.dialect == "datafusion":  # by zero it is NaN
            call.has("safe")
            divisor = b
        else:
            divisor = _divisor(call, right, b)
        rest = float_remainder(a.cast(pl.Float64), divisor.cast(pl.Float64))
        return call.value(rest.cast(dtype), dtype)
    if is_decimal(left.dtype) or is_decimal(right.dtype):
        scale = max(scale_of(left.dtype), scale_of(right.dtype))
        dtype = pl.Decimal(38, scale)
        a, b = _decimal(left).cast(dtype), _divisor(call, right, _decimal(right).cast(dtype))
        made = a.abs() % b.abs()
        return call.value(pl.when(a < 0).then(-made).otherwise(made), dtype)
    x, y = left.constant, right.constant
    if isinstance(x, int) and isinstance(y, int) and y:
        return _constant_integers(call, lambda a, b: abs(a) % abs(b) * (1 if a >= 0 else -1), x, y)
    a, b = left.expr.cast(pl.Int64), _divisor(call, right, right.expr.cast(pl.Int64))
    return call.value(a.abs() % b.abs() * a.sign(), pl.Int64())


def _concat(call: Call) -> Value:
    call.has("safe")  # only how a dialect writes it
    left, right = call.arg(), call.arg("expression")
    if is_list(left.dtype) or is_list(right.dtype):
        if call.dialect == "datafusion" and is_list(left.dtype) and is_list(right.dtype):
            return joined(call, [left, right])
        return concatenated(call, [left, right], null_is_empty=call.dialect in ("postgres", "datafusion"))
    if (left.json or right.json) and call.dialect == "postgres":
        for value in (left, right):
            if not value.json and not value.is_text_literal and not value.is_null:
                raise call.error("JSON || text has two meanings", hint="cast both to jsonb, or both to text")
        return merged(call, left, right)
    if isinstance(left.dtype, pl.Binary) and isinstance(right.dtype, pl.Binary):
        return call.value(
            joined_bytes([left.expr, right.expr], ignore_nulls=call.dialect == "oracle"), pl.Binary()
        )
    made = pl.concat_str(call.as_text(left), call.as_text(right), ignore_nulls=call.dialect == "oracle")
    if call.dialect == "oracle":  # NULL is an empty text there, and an empty text NULL
        made = pl.when(made != "").then(made)
    return call.value(made, pl.String())


def divided(call: Call, left: Value, right: Value) -> Value:
    """Return a quotient that is NULL where the divisor is 0, whatever the dialect says of that."""
    a, b = _doubles(call, left, right)
    return call.value(a / pl.when(b != 0).then(b), pl.Float64())


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


ARITHMETIC: Functions = {
    exp.Add: _add,
    exp.Sub: _sub,
    exp.Mul: _mul,
    exp.Div: _div,
    exp.IntDiv: _floor_div,
    exp.Mod: _mod,
    **NEGATION,
    exp.DPipe: _concat,
}
