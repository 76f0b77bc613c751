"""The remainder of doubles as IEEE 754 and the C library have it: exact, with the sign of the dividend."""

from __future__ import annotations

import math

import polars as pl

__all__ = ["float_remainder"]

_SPLIT = 2.0**27 + 1
_STEP = 2.0**52
_FAR = 2.0**104


def float_remainder(dividend: pl.Expr, divisor: pl.Expr) -> pl.Expr:
    """Return the remainder of doubles; Polars' own is off by what its quotient is rounded by.

    A quotient of more than 104 bits is an error as it runs.
    """
    pair = pl.struct(dividend.alias("a"), divisor.alias("b"))
    # Step by step: as one expression, in which each step is used by the next several times, it would be a huge tree.
    return pair.map_batches(_of_pairs, return_dtype=pl.Float64(), is_elementwise=True)


def _of_pairs(pairs: pl.Series) -> pl.Series:
    a, b = pairs.struct.field("a"), pairs.struct.field("b")
    size, unit = a.abs(), b.abs()
    usual = (size.is_finite() & unit.is_finite() & (unit > 0)).fill_null(value=False)
    known = pl.DataFrame(
        {"size": size.zip_with(usual, _like(size, 0.0)), "unit": unit.zip_with(usual, _like(unit, 1.0))}
    )
    if bool((known["size"] / known["unit"] >= _FAR).any()):
        raise pl.exceptions.ComputeError("a remainder of numbers that are so far apart is not supported")
    # A power of two less, so that no product is infinite.
    scale = _like(unit, 2.0**-100).zip_with(known["unit"] > 1e270, _like(unit, 1.0))
    size, unit = known["size"] * scale, known["unit"] * scale
    # In two steps, so that no quotient has more digits than a double.
    rest = _exact(_exact(size, unit * _STEP), unit) / scale
    signed = rest.zip_with((a >= 0).fill_null(value=True), -rest)
    whole = b.is_infinite() & a.is_finite()
    other = a.zip_with(whole.fill_null(value=False), _like(a, math.nan))
    made = signed.zip_with(usual, other)
    return made.zip_with(a.is_not_null() & b.is_not_null(), _like(a, None))


def _like(series: pl.Series, value: float | None) -> pl.Series:
    return pl.repeat(value, len(series), dtype=pl.Float64, eager=True)


def _exact(size: pl.Series, unit: pl.Series) -> pl.Series:
    """Return the remainder of numbers that are not negative, their quotient below 2^53.

    The product of quotient and divisor is taken with its rounding error (T. J. Dekker, 1971), so that the difference
    from the dividend is exact.
    """
    count = (size / unit).floor()
    product = count * unit
    high, low = _halves(count)
    unit_high, unit_low = _halves(unit)
    error = ((high * unit_high - product) + high * unit_low + low * unit_high) + low * unit_low
    rest = (size - product) - error
    # A quotient that was rounded up to the next whole number is one too many.
    rest = (rest + unit).zip_with(rest < 0, rest)
    return size.zip_with(size < unit, rest)


def _halves(number: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return a number as the sum of two with half its digits each."""
    large = number * _SPLIT
    high = large - (large - number)
    return high, number - high
