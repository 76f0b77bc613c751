"""Random numbers."""

from __future__ import annotations

import math

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.types import is_integer
from dwkit.sql.value import Value

__all__ = ["CHANCE", "chances"]

_DOUBLE, _INTEGER = pl.Float64(), pl.Int64()


def _random(call: Call) -> Value:
    """RANDOM(): each row a number from 0 up to 1; in SQLite and Snowflake any whole number.

    A seed gives the same numbers each time. In Trino what is given are bounds.
    """
    if call.dialect == "trino":
        return _between(call)
    bits = _bits(_seed(call))
    if call.dialect in ("sqlite", "snowflake"):
        call.has("lower"), call.has("upper")  # sqlglot's, of Snowflake
        return Value(bits.reinterpret(signed=True), _INTEGER, volatile=True)
    made = _fraction(bits)
    low, high = call.maybe("lower"), call.maybe("upper")
    if low is not None and high is not None:
        a, b = call.cast(low, _DOUBLE).expr, call.cast(high, _DOUBLE).expr
        made = a + made * (b - a)
    return Value(made, _DOUBLE, volatile=True)


def _between(call: Call) -> Value:
    """RANDOM(), RANDOM(below), RANDOM(from, below) of Trino."""
    fraction = _fraction(_bits(call.binder.chance()))
    first, second = call.maybe("this"), call.maybe("lower")
    if first is None:
        return Value(fraction, _DOUBLE, volatile=True)
    for bound in (first, second):
        if bound is not None and not is_integer(bound.dtype):
            raise call.refuse(f"{call.name} of bounds that are not whole")
    low = pl.lit(0, dtype=_INTEGER) if second is None else call.cast(first, _INTEGER).expr
    high = call.cast(first if second is None else second, _INTEGER).expr
    whole = (fraction * (high - low).cast(_DOUBLE)).floor().cast(_INTEGER)
    return Value(low + whole, _INTEGER, first.refs | (second.refs if second else frozenset()), volatile=True)


def _normal(call: Call) -> Value:
    """RANDN(): numbers of the standard normal distribution (G. E. P. Box and M. E. Muller, 1958)."""
    seed = _seed(call)
    one, other = 1.0 - _fraction(_bits(seed)), _fraction(_bits(seed + 1))
    made = (one.log(math.e) * -2).sqrt() * (other * (2 * math.pi)).cos()
    return Value(made, _DOUBLE, volatile=True)


def chances(seed: int) -> pl.Expr:
    """Return for each row a number from 0 up to 1, the same ones for the same seed."""
    return _fraction(_bits(seed))


def _seed(call: Call) -> int:
    seed = call.constant("this") if not isinstance(call.node, exp.Anonymous) else None
    if isinstance(call.node, exp.Anonymous) and call.node.expressions:
        seed = call.args()[0].constant
    if seed is None:
        return call.binder.chance()
    if not isinstance(seed, int):
        raise call.refuse(f"{call.name} with a seed that is no whole literal")
    return hash(seed) % 2**60


def _bits(seed: int) -> pl.Expr:
    return pl.int_range(pl.len(), dtype=pl.UInt64).hash(seed=seed)


def _fraction(bits: pl.Expr) -> pl.Expr:
    return (bits // 2048).cast(_DOUBLE) / 2.0**53


CHANCE: Functions = {exp.Rand: _random, "RANDOM": _random, exp.Randn: _normal}
