"""ROUND, TRUNC, CEIL and FLOOR, to digits before and after the point."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.functions.decimals import scaled_of, unscaled, whole_of
from dwkit.sql.functions.operands import number_of
from dwkit.sql.types import is_decimal, is_float, is_integer, scale_of
from dwkit.sql.value import Value, constant

__all__ = ["ROUNDING"]

_Units = Callable[[pl.Expr], pl.Expr]
"""Makes a number of units whole."""


def _half_away(units: pl.Expr, unit: pl.Expr | int) -> pl.Expr:
    part = (units.abs() + unit // 2) // unit * unit
    return pl.when(units < 0).then(0 - part).otherwise(part)


def _cut(units: pl.Expr, unit: pl.Expr | int) -> pl.Expr:
    part = units.abs() // unit * unit
    return pl.when(units < 0).then(0 - part).otherwise(part)


def _up(units: pl.Expr, unit: pl.Expr | int) -> pl.Expr:
    return (0 - (0 - units) // unit) * unit


def _down(units: pl.Expr, unit: pl.Expr | int) -> pl.Expr:
    return units // unit * unit


def _half_even(units: pl.Expr, unit: pl.Expr | int) -> pl.Expr:
    low = units // unit
    rest = units - low * unit
    up = (rest * 2 > unit) | ((rest * 2 == unit) & (low % 2 != 0))
    return (low + up.cast(pl.Int128)) * unit


_EXACT: dict[str, Callable[[pl.Expr, pl.Expr | int], pl.Expr]] = {
    "round": _half_away, "trunc": _cut, "ceil": _up, "floor": _down, "even": _half_even,
}  # fmt: skip
_DOUBLE: dict[str, _Units] = {
    "round": lambda x: x.round(0, mode="half_away_from_zero"), "trunc": lambda x: x.truncate(),
    "ceil": lambda x: x.ceil(), "floor": lambda x: x.floor(), "even": lambda x: x.round(0, mode="half_to_even"),
}  # fmt: skip


def _rounded(call: Call, how: str, key: str = "decimals") -> Value:
    """Return a number rounded to digits after the point (before it, where they are negative)."""
    for flag in ("casts_non_integer_decimals", "fractions_supported"):
        call.has(flag)
    value = number_of(call)
    if call.dialect == "sqlite" and how == "round":
        value = call.cast(value, pl.Float64())
    digits_value = call.maybe(key)
    if digits_value is not None and digits_value.is_null:
        return call.cast(digits_value, value.dtype)
    if digits_value is not None and not isinstance(digits_value.constant, int):
        return _computed(call, value, digits_value, how)
    digits = digits_value.constant if digits_value is not None else 0
    if digits < -37:  # a unit that is greater than all numbers but doubles
        if how in ("ceil", "floor") or (is_float(value.dtype) and digits > -309):
            raise call.refuse(f"{call.name} to {digits} digits")
        return call.value((value.expr * 0).cast(value.dtype), value.dtype)
    if is_integer(value.dtype) and digits >= 0:
        return value
    if is_integer(value.dtype):
        if -digits > _DIGITS:
            return call.cast(constant(0, pl.Int32()), pl.Int64())
        made = _EXACT[how](value.expr.cast(pl.Int128), 10**-digits)
        return call.value(made.cast(pl.Int64, strict=True), pl.Int64())
    if is_decimal(value.dtype):
        return _decimal(call, value, digits, how)
    if isinstance(value.dtype, pl.Float32) and call.dialect == "datafusion" and digits > 0:
        units = _DOUBLE[how](value.expr * 10.0**digits)  # in single precision
        return call.value((units.cast(pl.Float64) / 10.0**digits).cast(pl.Float32), value.dtype)
    return call.value(_double(value.expr, digits, how), value.dtype)


def _double(expr: pl.Expr, digits: int, how: str) -> pl.Expr:
    if how in ("round", "even") and digits >= 0:
        return expr.round(digits, mode="half_away_from_zero" if how == "round" else "half_to_even")
    if digits == 0:
        return _DOUBLE[how](expr)
    if abs(digits) > _LARGEST:  # no double has a digit there
        return expr if digits > 0 else expr * 0.0
    power = 10.0 ** abs(digits)
    return _DOUBLE[how](expr * power) / power if digits > 0 else _DOUBLE[how](expr / power) * power


_LARGEST, _DIGITS = 308, 37


def _decimal(call: Call, value: Value, digits: int, how: str) -> Value:
    scale = scale_of(value.dtype)
    if digits >= scale:
        return value
    if scale - digits > _DIGITS:  # beyond all that it can have
        return call.cast(constant(0, pl.Int32()), value.dtype)
    whole = _EXACT[how](scaled_of(value), 10 ** (scale - digits))
    kept = max(digits, 0)
    kept_scale = call.dialect == "tsql" or (call.dialect == "datafusion" and how in ("ceil", "floor"))
    if kept_scale:  # the result has the digits of the argument there
        return call.value(unscaled(whole, scale), pl.Decimal(min(38, whole_of(value) + 1 + scale), scale))
    made = unscaled(whole // 10 ** (scale - kept), kept)
    return call.value(made, pl.Decimal(min(38, whole_of(value) + 1 + kept), kept))


def _computed(call: Call, value: Value, digits: Value, how: str) -> Value:
    """Digits that are only known at run time: a decimal keeps its scale."""
    if is_integer(value.dtype) or is_decimal(value.dtype):
        return _computed_exact(call, value, call.cast(digits, pl.Int64()).expr, how)
    number = call.cast(value, pl.Float64()).expr
    power = pl.lit(10.0).pow(call.cast(digits, pl.Int64()).expr)
    return call.value(_DOUBLE[how](number * power) / power, pl.Float64())


def _computed_exact(call: Call, value: Value, digits: pl.Expr, how: str) -> Value:
    scale = scale_of(value.dtype)
    units = scaled_of(value) if is_decimal(value.dtype) else value.expr.cast(pl.Int128)
    places = pl.lit(scale, dtype=pl.Int64) - digits
    unit = pl.lit(10, dtype=pl.Int128).pow(places.clip(0, _DIGITS))
    beyond = places > _DIGITS  # a unit that is greater than all that it can have
    made = pl.when(beyond).then(0).otherwise(_EXACT[how](units, unit))
    if how in ("ceil", "floor"):
        made = call.checked(made, beyond, f"{call.name} to so few digits")
    if is_integer(value.dtype):
        return call.value(made.cast(pl.Int64, strict=True), pl.Int64())
    return call.value(unscaled(made, scale), pl.Decimal(min(38, whole_of(value) + 1 + scale), scale))


def _round(call: Call) -> Value:
    cut = call.constant("truncate")
    if isinstance(cut, str):
        return _rounded(call, "even" if "EVEN" in cut.upper() else "round")
    if cut:
        return _rounded(call, "trunc")
    even = call.dialect in _FLOATS_TO_EVEN and is_float(number_of(call).dtype)
    return _rounded(call, "even" if even else "round")


def _bigint(whole: pl.Expr) -> pl.Expr:
    """CEIL and FLOOR of a double are a BIGINT in Spark: the nearest one, and 0 of NaN."""
    least, most = -(2**63), 2**63 - 1
    inside = pl.when(whole.is_nan()).then(0.0).otherwise(whole).cast(pl.Int64, strict=False)
    return (
        pl.when(whole < 2.0**63)
        .then(pl.when(whole >= -(2.0**63)).then(inside).otherwise(least))
        .otherwise(pl.when(whole.is_nan()).then(0).when(whole.is_not_null()).then(most))
    )


_FLOATS_TO_EVEN = frozenset({"postgres", "mysql"})
"""A double half is rounded to the even neighbour there, as the C library does; a decimal half never is."""


def _to(how: str) -> Callable[[Call], Value]:
    def build(call: Call) -> Value:
        if call.has("to"):
            raise call.refuse(f"{call.name} TO a unit")
        made = _rounded(call, how)
        if call.dialect in ("spark", "databricks") and is_float(made.dtype) and not call.has("decimals"):
            return call.value(_bigint(made.expr), pl.Int64())
        return made

    return build


def _named(how: str) -> Callable[[Call], Value]:
    """A function that sqlglot has no class for: its arguments are a list."""

    def build(call: Call) -> Value:
        first, *rest = call.node.expressions
        made = exp.Round(this=first, decimals=rest[0] if rest else None)
        return _rounded(Call(made, call.binder), how)

    return build


ROUNDING: Functions = {
    exp.Round: _round,
    exp.Trunc: lambda call: _rounded(call, "trunc"),
    exp.Ceil: _to("ceil"),
    exp.Floor: _to("floor"),
    "TRUNCATE": _named("trunc"),
    "ROUND_EVEN": _named("even"),
    "BROUND": _named("even"),
}
