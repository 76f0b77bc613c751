"""Division and its remainder: digits of quotients, and what a division by zero is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Call
from dwkit.sql.functions.decimals import from_scaled, scaled_of, whole_of
from dwkit.sql.functions.interval import scaled
from dwkit.sql.functions.operands import constant_integers, decimal_of, doubles, floats, operands, wrong
from dwkit.sql.functions.remainder import float_remainder
from dwkit.sql.types import is_decimal, is_float, is_integer, is_number, scale_of, whole_digits
from dwkit.sql.value import Value

__all__ = ["divided", "floored", "quotient", "remainder"]


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


def quotient(call: Call) -> Value:
    """``a / b``, of an interval as well: a decimal, a double or whole, as the dialect says.

    Raises:
        SqlError: they are no numbers, or a literal is divided by zero.
    """
    interval = call.arg().interval
    if interval is not None:
        call.given("typed")
        call.given("safe")
        factor = call.cast(call.arg("expression"), pl.Float64())
        return scaled(call, interval, factor.as_(1 / _divisor(call, factor, factor.expr), pl.Float64()))
    left, right = operands(call)
    if not (is_number(left.dtype) and is_number(right.dtype)):
        raise wrong(call, left, right)
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
    a, b, dtype = floats(call, left, right)
    if call.dialect in _INFINITE:
        call.has("safe")
        return call.value(a / _spread(left, right, a, b), dtype)
    return call.value(a / _spread(left, right, a, _divisor(call, right, b)), pl.Float64())


def _spread(left: Value, right: Value, a: pl.Expr, b: pl.Expr) -> pl.Expr:
    """Return a divisor as one for each row: by a single one Polars multiplies with its reciprocal, and 3 / 10 is inexact."""
    number = right.constant
    halves = isinstance(number, (int, float, Decimal)) and (not number or abs(math.frexp(number)[0]) == 0.5)
    if left.is_constant or halves or b.meta.is_column():
        return b
    return b * a.is_not_null()


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


_ROOM = {
    "postgres": 22,
    "oracle": 22,
    "snowflake": 22,
    "mysql": 22,
    "spark": 38,
    "databricks": 38,
    "tsql": 38,
    "redshift": 38,
}
"""Digits before the point that a quotient keeps room for: those of SUMs are seldom needed, but these dialects count them."""
_KEPT = {"bigquery": 9, "redshift": 4}
"""Digits after the point that are kept whatever there is before it; elsewhere six."""


def _decimal_quotient(call: Call, left: Value, right: Value, rule: Callable[[_Digits], int]) -> Value:
    s1, s2 = scale_of(left.dtype), scale_of(right.dtype)
    if call.dialect == "datafusion" and whole_of(left) + s1 + 4 + s2 <= 38:
        return _cut_quotient(call, left, right, s1 + 4)
    scale = max(0, min(rule(_Digits(whole_of(left) + s1, s1, whole_of(right) + s2, s2)), 30))
    room = 38 - min(whole_digits(left.dtype) + s2, _ROOM.get(call.dialect, 32))
    scale = max(min(scale, room), min(scale, _KEPT.get(call.dialect, 6)))
    if call.dialect == "tsql":
        return _cut_quotient(call, left, right, scale)
    made = decimal_of(left).cast(pl.Decimal(38, scale)) / _divisor(call, right, decimal_of(right)).cast(
        pl.Decimal(38, min(s2, scale))
    )
    return call.value(made, pl.Decimal(38, scale))


def _cut_quotient(call: Call, left: Value, right: Value, scale: int) -> Value:
    """Return the quotient of the whole numbers behind two decimals, of which further digits are cut off."""
    shift = scale + scale_of(right.dtype) - scale_of(left.dtype)
    a, digits = scaled_of(left), whole_of(left) + scale_of(left.dtype)
    if digits + shift > 38:
        a = call.checked(a, a.abs() >= 10 ** (38 - shift), "a quotient needs more than 38 digits")
    a = a * 10**shift
    b = _divisor(call, right, scaled_of(right))
    whole = a.abs() // b.abs()
    made = pl.when((a < 0) == (b < 0)).then(whole).otherwise(0 - whole)
    return from_scaled(call, made, min(38, digits + shift), scale)


def _int_quotient(call: Call, left: Value, right: Value) -> Value:
    """Division of integers cuts the fraction off; Polars' goes to the lower."""
    call.has("safe")
    x, y = left.constant, right.constant
    if isinstance(x, int) and isinstance(y, int) and y:
        return constant_integers(
            call, lambda a, b: abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1), x, y
        )
    a, b = left.expr.cast(pl.Int64), _divisor(call, right, right.expr.cast(pl.Int64))
    return call.value(a.abs() // b.abs() * (a.sign() * b.sign()), pl.Int64())


def floored(call: Call) -> Value:
    """``a // b``: whole numbers without the rest, floats without what is behind the point.

    Raises:
        SqlError: a literal is divided by zero.
    """
    left, right = operands(call)
    if is_integer(left.dtype) and is_integer(right.dtype):
        return _int_quotient(call, left, right)
    a, b = doubles(call, left, right)
    made = a / _divisor(call, right, b)
    if call.dialect == "duckdb":
        return call.value(made.floor(), pl.Float64())
    return call.value(made.truncate().cast(pl.Int64, strict=True), pl.Int64())


def remainder(call: Call) -> Value:
    """The remainder has the sign of the dividend; Polars' has that of the divisor."""
    left, right = operands(call)
    if not (is_number(left.dtype) and is_number(right.dtype)):
        raise wrong(call, left, right)
    made = _remainder(call, left, right)
    if call.dialect != "oracle":
        return made
    # MOD(n, 0) is n there.
    return call.value(
        pl.when(right.expr == 0).then(left.expr.cast(made.dtype)).otherwise(made.expr), made.dtype
    )


def _remainder(call: Call, left: Value, right: Value) -> Value:
    if is_float(left.dtype) or is_float(right.dtype):
        a, b, dtype = floats(call, left, right)
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
        a, b = decimal_of(left).cast(dtype), _divisor(call, right, decimal_of(right).cast(dtype))
        made = a.abs() % b.abs()
        return call.value(pl.when(a < 0).then(-made).otherwise(made), dtype)
    x, y = left.constant, right.constant
    if isinstance(x, int) and isinstance(y, int) and y:
        return constant_integers(call, lambda a, b: abs(a) % abs(b) * (1 if a >= 0 else -1), x, y)
    a, b = left.expr.cast(pl.Int64), _divisor(call, right, right.expr.cast(pl.Int64))
    return call.value(a.abs() % b.abs() * a.sign(), pl.Int64())


def divided(call: Call, left: Value, right: Value) -> Value:
    """Return a quotient that is NULL where the divisor is 0, whatever the dialect says of that."""
    a, b = doubles(call, left, right)
    return call.value(a / pl.when(b != 0).then(b), pl.Float64())
