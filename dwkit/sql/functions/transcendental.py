"""Inverse hyperbolic functions, secants, and exponents and logarithms near zero."""

from __future__ import annotations

import math
from collections.abc import Callable

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Builder, Call, Functions, numbers
from dwkit.sql.value import Value, constant

__all__ = ["TRANSCENDENTAL"]

_DOUBLE = pl.Float64()
_NAN_OUTSIDE = frozenset({"spark", "databricks", "duckdb", "datafusion", "trino"})
"""Outside of its domain a function is NaN there; elsewhere that is an error."""


def _inside(make: Callable[[pl.Expr], pl.Expr], low: float, high: float) -> Builder:
    """A function that is defined between two numbers."""

    def build(call: Call) -> Value:
        value = call.float_()
        number = value.expr
        made = make(number)
        if call.dialect not in _NAN_OUTSIDE:
            outside = (number < low) | (number > high)
            made = call.checked(
                made, outside & number.is_not_nan(), f"{call.name} of what it is not defined for"
            )
        return call.value(made, value.dtype)

    return build


def _listed(make: Callable[[pl.Expr], pl.Expr]) -> Builder:
    """A function that sqlglot has no class for."""

    def build(call: Call) -> Value:
        [value] = call.args()
        return call.value(make(call.cast(value, _DOUBLE).expr), _DOUBLE)

    return build


def _log1p(number: pl.Expr) -> pl.Expr:
    return pl.when(number > -1).then(number.log1p())


TRANSCENDENTAL: Functions = {
    exp.Acosh: _inside(lambda x: x.arccosh(), 1.0, math.inf),
    exp.Asinh: numbers(lambda x: x.arcsinh()),
    exp.Atanh: _inside(lambda x: x.arctanh(), -1.0, 1.0),
    exp.Sec: numbers(lambda x: 1.0 / x.cos()),
    exp.Csc: numbers(lambda x: 1.0 / x.sin()),
    # A difference of exp(x) and 1 would lose the digits of a small x.
    "EXPM1": _listed(lambda x: (x / 2).exp() * (x / 2).sinh() * 2),
    "LOG1P": _listed(_log1p),
    "E": lambda _: constant(math.e, _DOUBLE),
}
