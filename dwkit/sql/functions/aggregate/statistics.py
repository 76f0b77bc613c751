"""Deviations, correlations, regressions and higher moments: deviations from the mean first, so that nothing cancels."""

from __future__ import annotations

import math
from collections.abc import Callable

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.aggregate.rows import Rows, as_number, of_one
from dwkit.sql.functions.call import Builder, Call, Functions
from dwkit.sql.value import Value

__all__ = ["STATISTICS"]

_FLOAT = pl.Float64()
_ZERO_OF_ONE = frozenset({"oracle"})
"""STDDEV and VARIANCE of one row are 0 there, elsewhere NULL."""


def _doubles(rows: Rows, value: Value) -> pl.Expr:
    return rows.taken(rows.call.cast(as_number(rows.call, value), _FLOAT).expr)


def _spread(*, root: bool, ddof: int, plain: bool = False) -> Builder:
    """Return STDDEV (the root) or VARIANCE.

    Args:
        plain: it is called so, without SAMP or POP.
    """

    def make(rows: Rows, value: Value) -> Value:
        call = rows.call
        if rows.in_parts:
            number = call.cast(as_number(call, value), _FLOAT).expr
            count = rows.reduced("count", number, _FLOAT)
            squares = rows.reduced("squares", number, _FLOAT)
            made: pl.Expr = pl.when(count > ddof).then(squares / (count - ddof).cast(_FLOAT))
            made = made.sqrt() if root else made
        else:
            taken = rows.masked(call.cast(as_number(call, value), _FLOAT).expr)
            count, made = taken.count(), taken.std(ddof=ddof) if root else taken.var(ddof=ddof)
        if ddof and plain and call.dialect in _ZERO_OF_ONE:
            made = pl.when(count == 1).then(0.0).otherwise(made)
        return call.value(made, _FLOAT)

    return of_one(make)


def _moment(make: Callable[[pl.Expr, pl.Expr, Call], pl.Expr]) -> Builder:
    """Return a function of the values and their number."""

    def build(rows: Rows, value: Value) -> Value:
        taken = _doubles(rows, value)
        return rows.call.value(make(taken, taken.len().cast(_FLOAT), rows.call), _FLOAT)

    return of_one(build)


_POPULATION = frozenset({"spark", "databricks", "trino"})
"""SKEWNESS is that of the rows there, elsewhere the estimate of that of the population they are drawn from."""


def _skewness(x: pl.Expr, n: pl.Expr, call: Call) -> pl.Expr:
    d = x - x.mean()
    m2 = (d**2).sum()
    plain = n.sqrt() * (d**3).sum() / m2**1.5
    if call.dialect in _POPULATION:
        return pl.when((n > (2 if call.dialect == "trino" else 0)) & (m2 > 0)).then(plain)
    return pl.when((n > 2) & (m2 > 0)).then((n * (n - 1)).sqrt() / (n - 2) * plain)


def _kurtosis(x: pl.Expr, n: pl.Expr, call: Call) -> pl.Expr:
    if call.dialect in ("spark", "databricks"):
        return _kurtosis_of_rows(x, n, call)
    d = x - x.mean()
    m2 = (d**2).sum()
    made = n * (n + 1) * (n - 1) * (d**4).sum() / (m2**2) - 3 * (n - 1) ** 2
    return pl.when((n > 3) & (m2 > 0)).then(made / ((n - 2) * (n - 3)))


def _kurtosis_of_rows(x: pl.Expr, n: pl.Expr, call: Call) -> pl.Expr:
    d = x - x.mean()
    m2 = (d**2).sum()
    return pl.when((n > (1 if call.dialect == "duckdb" else 0)) & (m2 > 0)).then(n * (d**4).sum() / m2**2 - 3)


def _entropy(rows: Rows, value: Value) -> Value:
    """In bits; Trino's is that of counts, DuckDB's that of how often each value is there."""
    counts = (
        rows.taken(value.expr).sort().rle().struct.field("len")
    )  # in one order each time that it is asked for
    if rows.call.dialect == "trino":
        counts = _doubles(rows, value)
    share = counts / counts.sum()
    bits = pl.when(share > 0).then(share * (1 / share).log(2)).otherwise(0.0).sum()
    return rows.call.value(pl.when(counts.len() > 0).then(bits).otherwise(0.0), _FLOAT)


# -- of two arguments -----------------------------------------------------------------------------


class _Pairs:
    """The rows where both of two numbers are there, as doubles.

    Attributes:
        x, y: their deviations from their means; `mx`, `my` are those.
        n: how many.
    """

    def __init__(self, call: Call) -> None:
        call.given("null_on_zero_variance")
        rows = Rows(call)
        if len(rows.nodes) == 1 and call.given("expression") is not None:
            rows.nodes.append(call.given("expression"))
        y, x = (call.cast(as_number(call, rows.argument(n)), _FLOAT).expr for n in (0, 1))
        both = y.is_not_null() & x.is_not_null()
        ys, xs = (rows.taken(e, nulls=True, keep=both) for e in (y, x))
        self.n = xs.len().cast(_FLOAT)
        self.mx, self.my = xs.mean(), ys.mean()
        self.x, self.y = xs - xs.mean(), ys - ys.mean()
        self.sxx, self.syy, self.sxy = (self.x**2).sum(), (self.y**2).sum(), (self.x * self.y).sum()


def _of_pairs(
    make: Callable[[_Pairs, Call], pl.Expr], dtype: pl.DataType = _FLOAT, *, least: int = 1
) -> Builder:
    def build(call: Call) -> Value:
        pairs = _Pairs(call)
        made = make(pairs, call)
        return call.value(made if least == 0 else pl.when(pairs.n >= least).then(made), dtype)

    return build


def _ratio(above: pl.Expr, below: pl.Expr, call: Call) -> pl.Expr:
    """A quotient by zero is NaN in DuckDB, NULL elsewhere."""
    return above / below if call.dialect == "duckdb" else pl.when(below > 0).then(above / below)


def _corr(pairs: _Pairs, call: Call) -> pl.Expr:
    made = _ratio(pairs.sxy, pairs.sxx.sqrt() * pairs.syy.sqrt(), call)
    if call.dialect != "datafusion":
        return made
    x, y = pairs.mx.is_nan(), pairs.my.is_nan()  # NaN of both is NaN there, of one of them NULL
    return pl.when(x & y).then(math.nan).when(~x & ~y & (pairs.n > 1)).then(made)


def _r2(pairs: _Pairs, _: Call) -> pl.Expr:
    whole = pl.when(pairs.syy > 0).then(pairs.sxy**2 / (pairs.sxx * pairs.syy)).otherwise(1.0)
    return pl.when(pairs.sxx > 0).then(whole)


def _weighted(call: Call) -> Value:
    rows = Rows(call)
    value, weight = (call.cast(as_number(call, rows.argument(n)), _FLOAT).expr for n in (0, 1))
    both = value.is_not_null() & weight.is_not_null()
    total = rows.taken(weight, nulls=True, keep=both)
    mean = rows.taken(value * weight, nulls=True, keep=both).sum() / total.sum()
    return call.value(pl.when(total.len() > 0).then(mean), _FLOAT)


STATISTICS: Functions = {
    exp.Stddev: _spread(root=True, ddof=1, plain=True), exp.StddevSamp: _spread(root=True, ddof=1), "STD": _spread(root=True, ddof=1),
    exp.StddevPop: _spread(root=True, ddof=0), "STDEVP": _spread(root=True, ddof=0), "STDDEV_POP": _spread(root=True, ddof=0),
    exp.Variance: _spread(root=False, ddof=1, plain=True), "VAR": _spread(root=False, ddof=1), "VAR_SAMP": _spread(root=False, ddof=1),
    "VAR_SAMPLE": _spread(root=False, ddof=1), "VAR_POPULATION": _spread(root=False, ddof=0),
    exp.VariancePop: _spread(root=False, ddof=0), "VARP": _spread(root=False, ddof=0), "VAR_POP": _spread(root=False, ddof=0),
    exp.Skewness: _moment(_skewness), exp.Kurtosis: _moment(_kurtosis), "KURTOSIS_POP": _moment(_kurtosis_of_rows),
    "ENTROPY": of_one(_entropy),
    "SEM": _moment(lambda x, n, _: x.std(ddof=0) / n.sqrt()),
    "MAD": _moment(lambda x, *_: (x - x.median()).abs().median()),
    "GEOMEAN": _moment(lambda x, *_: x.log().mean().exp()),
    "GEOMETRIC_MEAN": _moment(lambda x, *_: x.log().mean().exp()),
    "WEIGHTED_AVG": _weighted, "WAVG": _weighted,
    exp.CovarPop: _of_pairs(lambda p, _: p.sxy / p.n),
    exp.CovarSamp: _of_pairs(lambda p, _: p.sxy / (p.n - 1), least=2),
    "COVAR": _of_pairs(lambda p, _: p.sxy / (p.n - 1), least=2), exp.Corr: _of_pairs(_corr),
    exp.RegrSlope: _of_pairs(lambda p, call: _ratio(p.sxy, p.sxx, call)),
    exp.RegrIntercept: _of_pairs(lambda p, _: pl.when(p.sxx > 0).then(p.my - p.mx * p.sxy / p.sxx)),
    exp.RegrR2: _of_pairs(_r2),
    exp.RegrCount: _of_pairs(lambda p, _: p.n.cast(pl.Int64), pl.Int64(), least=0),
    exp.RegrAvgx: _of_pairs(lambda p, _: p.mx), exp.RegrAvgy: _of_pairs(lambda p, _: p.my),
    exp.RegrSxx: _of_pairs(lambda p, _: p.sxx), exp.RegrSyy: _of_pairs(lambda p, _: p.syy),
    exp.RegrSxy: _of_pairs(lambda p, _: p.sxy),
}  # fmt: skip
