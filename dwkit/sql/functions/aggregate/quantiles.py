"""Medians, percentiles and modes."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.aggregate.rows import Rows
from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.functions.decimals import unscaled
from dwkit.sql.types import is_date, is_decimal, is_number, is_text, is_timestamp, scale_of, shown
from dwkit.sql.value import Value

__all__ = ["QUANTILES"]

_FLOAT = pl.Float64()


class _Quantile:
    """One percentile or several of the values of one expression.

    Args:
        call: the aggregate.
        given: its fraction or list of them where it is not an argument of the usual place.
    """

    def __init__(self, call: Call, given: exp.Expr | None = None) -> None:
        self.call = call
        self.rows = rows = Rows(call)
        self.descending = False
        self.double = call.dialect in _DISCRETE_IS_DOUBLE and isinstance(call.node, exp.PercentileDisc)
        of_function = call.given("expression") or call.given("quantile") or given
        if of_function is None and len(rows.nodes) > 1 and not rows.within:
            of_function = rows.nodes.pop(1)
        if of_function is not None:
            self.value = rows.argument()
            rows.nodes = rows.nodes[1:]
            self.descending = bool(rows.order) and rows.order[0][1]
        else:  # within group (order by value)
            if len(rows.order) != 1:
                raise call.error(f"{call.name} wants WITHIN GROUP (ORDER BY one expression)")
            self.value, self.descending, _ = rows.order[0]
            of_function = rows.nodes.pop(0) if rows.nodes else None
        if isinstance(self.value.dtype, pl.Null):
            self.value = call.cast(self.value, pl.Float64())
        rows.order = []
        if of_function is None:
            raise call.error(f"{call.name} lacks its fraction")
        self.several, self.fractions = _fractions(call, of_function)

    def made(self, *, continuous: bool) -> Value:
        """Return it, interpolated between two values or one of the values."""
        make = self._continuous if continuous else self._discrete
        results = [make(f) for f in self.fractions]
        dtype = results[0][1]
        if not self.several:
            return self.call.value(results[0][0], dtype)
        some = self.rows.taken(self.value.expr).count() > 0
        return self.call.value(pl.when(some).then(pl.concat_list([e for e, _ in results])), pl.List(dtype))

    def _discrete(self, fraction: Fraction) -> tuple[pl.Expr, pl.DataType]:
        """The first value up to which so many of all are (ISO 9075-2, 10.9)."""
        taken = self.rows.taken(self.value.expr)
        count = taken.len().cast(pl.Int64)
        place = (count * fraction.numerator + fraction.denominator - 1) // fraction.denominator - 1
        found = taken.sort(descending=self.descending).get(
            pl.max_horizontal(place, pl.lit(0, dtype=pl.Int64)), null_on_oob=True
        )
        if self.double and is_number(self.value.dtype):
            return found.cast(pl.Float64), pl.Float64()
        return found, self.value.dtype

    def _continuous(self, fraction: Fraction) -> tuple[pl.Expr, pl.DataType]:
        dtype, call = self.value.dtype, self.call
        if is_text(dtype) or isinstance(dtype, pl.Boolean):
            if call.dialect != "duckdb":
                raise call.error(f"{call.name} wants numbers, not {shown(dtype)}")
            taken = self.rows.taken(self.value.expr)
            return taken.sort().get((taken.len().cast(pl.Int64) - 1) // 2, null_on_oob=True), dtype
        share = float(1 - fraction if self.descending else fraction)
        if is_date(dtype) or is_timestamp(dtype):
            stamp = dtype if is_timestamp(dtype) else pl.Datetime("us")
            physical = self.rows.taken(self.value.expr.cast(stamp).to_physical())
            return physical.quantile(share, "linear").round().cast(pl.Int64).cast(stamp), stamp
        if not is_number(dtype):
            raise call.error(f"{call.name} wants numbers, not {shown(dtype)}")
        if is_decimal(dtype) and call.dialect in (
            "duckdb",
            "datafusion",
        ):  # which cut off what the type cannot hold
            scaled = self.rows.taken(self.value.expr.to_physical()).cast(pl.Float64)
            whole = scaled.quantile(share, "linear").truncate().cast(pl.Int128)
            return unscaled(whole, scale_of(dtype)), pl.Decimal(38, scale_of(dtype))
        made = self.rows.taken(self.value.expr).cast(pl.Float64).quantile(share, "linear")
        if isinstance(dtype, pl.Float32) and call.dialect in _OF_THE_SAME_TYPE:
            return made.cast(dtype), dtype
        return made, pl.Float64()

    def middle(self) -> Value:
        """Return the median of decimals as one of as many digits: the mean of two is cut off."""
        dtype = self.value.dtype
        taken = self.rows.taken(self.value.expr.to_physical()).sort()
        last = taken.len().cast(pl.Int64) - 1
        low, high = (taken.get(p, null_on_oob=True) for p in (last // 2, (last + 1) // 2))
        total = low + high
        return self.call.value(unscaled(total.sign() * (total.abs() // 2), scale_of(dtype)), dtype)

    def sketched(self, weight: Value | None = None) -> Value:
        """Return what DataFusion's sketch gives where it keeps each row; of more rows what is exact.

        A row stands for the middle of its weight; between it and its neighbours the value grows evenly.
        """
        call = self.call
        if not is_number(self.value.dtype):
            raise call.error(f"{call.name} wants numbers, not {shown(self.value.dtype)}")
        value = call.cast(self.value, _FLOAT).expr
        by = call.cast(weight, _FLOAT).expr if weight is not None else pl.when(value.is_not_null()).then(1.0)
        values, weights = (
            self.rows.taken(e, nulls=True, keep=value.is_not_null() & (by > 0)) for e in (value, by)
        )
        weights, values = weights.sort_by(values), values.sort()
        share = float(1 - self.fractions[0] if self.descending else self.fractions[0])
        start = weights.cum_sum().shift(1).fill_null(0.0)
        rank = weights.sum() * share
        place = (start <= rank).sum().cast(pl.Int64) - 1
        before, here, after, own, first = (
            e.get(place, null_on_oob=True)
            for e in (values.shift(1), values, values.shift(-1), weights, start)
        )
        slope = pl.coalesce((after - before) / 2, after - here, here - before, 0.0)
        made = here + ((rank - first) / own - 0.5) * slope
        low, high = before.fill_null(here), after.fill_null(here)
        made = pl.when(made < low).then(low).when(made > high).then(high).otherwise(made)
        if weight is None:
            made = pl.when(values.len() > _KEPT).then(values.quantile(share, "linear")).otherwise(made)
        if share in (0.0, 1.0):
            made = values.last() if share else values.first()
        dtype = self.value.dtype if isinstance(self.value.dtype, pl.Float32) else _FLOAT
        return call.value(made.cast(dtype), dtype)


def _fractions(call: Call, node: exp.Expr) -> tuple[bool, list[Fraction]]:
    """Return whether a list is given, and the fractions."""
    while isinstance(node, exp.Paren):
        node = node.this
    if isinstance(node, exp.Cast) and isinstance(node.this, exp.Array):
        node = node.this
    several = isinstance(node, exp.Array)
    found = []
    for one in node.expressions if several else [node]:
        known: Any = _known(call.bind(one))
        if known is None or isinstance(known, (bool, str)) or not _is_share(known):
            raise call.error(f"{call.name} wants a fraction from 0 to 1", one)
        # A literal such as 0.1 is meant as a tenth, not as the double next to it.
        found.append(Fraction(str(known)))
    if not found:
        raise call.error(f"{call.name} wants a fraction from 0 to 1", node)
    return several, found


def _known(value: Value) -> Any:
    """Return a value that no row has a part in, NOT_CONSTANT of another."""
    if value.is_constant or value.refs or value.volatile:
        return value.constant
    return pl.select(value.expr).item()


def _is_share(known: Any) -> bool:
    try:
        return bool(0 <= known <= 1)
    except TypeError:
        return False


_OF_THE_SAME_TYPE = frozenset({"datafusion"})
"""A median of decimals is one there, and what is interpolated between FLOATs is a FLOAT."""


def _median(call: Call) -> Value:
    quantile = _Quantile(call, exp.Literal.number("0.5"))
    if call.dialect in _OF_THE_SAME_TYPE and is_decimal(quantile.value.dtype):
        return quantile.middle()
    return quantile.made(continuous=True)


def _approx_continuous(call: Call) -> Value:
    """APPROX_PERCENTILE_CONT; DataFusion's may say how large its sketch is."""
    quantile = _Quantile(call)
    for one in quantile.rows.nodes:
        size = _known(call.bind(one))
        if isinstance(size, bool) or not isinstance(size, (int, float, Decimal)) or size < 1:
            raise call.error(f"{call.name} wants a number from 1 here", one)
    if call.dialect in _SKETCHED and not quantile.several:
        return quantile.sketched()
    return quantile.made(continuous=True)


_SKETCHED = frozenset({"datafusion"})
"""An approximate percentile is that of a t-digest there."""


_KEPT = 50
"""So many rows it keeps, of a hundred parts that are finer at both ends."""


def _approx_median(call: Call) -> Value:
    if call.dialect in _SKETCHED:
        return _Quantile(call, exp.Literal.number("0.5")).sketched()
    return _median(call)


def _weighted(call: Call) -> Value:
    """APPROX_PERCENTILE_CONT_WITH_WEIGHT(x, weight, fraction), x in WITHIN GROUP or first."""
    rows = Rows(call)
    place = 0 if rows.within else 1
    if len(rows.nodes) < place + 2:
        raise call.error(f"{call.name} lacks an argument")
    weight = rows.nodes[place]
    quantile = _Quantile(call, rows.nodes[place + 1])
    if rows.within:
        quantile.value, quantile.descending, _ = rows.order[0]
    return quantile.sketched(quantile.rows.bind(weight))


_DISCRETE_IS_DOUBLE = frozenset({"spark", "databricks"})
"""PERCENTILE_DISC of numbers is a double there, whatever their type."""
_QUANTILE_IS_DISCRETE = frozenset({"duckdb"})
"""QUANTILE is PERCENTILE_DISC there; Spark's PERCENTILE, which sqlglot calls so too, is PERCENTILE_CONT."""
_APPROXIMATE_IS_CONTINUOUS = frozenset({"snowflake", "duckdb"})
"""Their approximate percentiles interpolate; the others give a value that is there."""


def _approximate(call: Call) -> Value:
    """An approximate percentile is exact here."""
    if call.has("weight"):
        raise call.refuse("a weighted percentile")
    call.given("accuracy")
    call.given("error_tolerance")
    quantile = _Quantile(call)
    made = quantile.made(
        continuous=call.dialect in _APPROXIMATE_IS_CONTINUOUS and is_number(quantile.value.dtype)
    )
    if call.dialect == "duckdb" and quantile.value.dtype.is_integer():
        dtype: pl.DataType = pl.List(quantile.value.dtype) if quantile.several else quantile.value.dtype
        expr = made.expr.list.eval(pl.element().round()) if quantile.several else made.expr.round()
        return call.value(expr.cast(dtype), dtype)
    return made


def _approx_quantiles(call: Call) -> Value:
    """BigQuery's: the least value, the ends of so many parts of equal size, the greatest among them."""
    parts = call.bind(call.given("expression")).constant
    if not isinstance(parts, int) or parts < 1:
        raise call.error("APPROX_QUANTILES wants the number of parts as a whole number")
    rows = Rows(call)
    value = rows.argument()
    taken = rows.taken(value.expr, nulls=False)
    count = taken.len().cast(pl.Int64)
    zero = pl.lit(0, dtype=pl.Int64)
    places = [pl.max_horizontal((count * n + parts - 1) // parts - 1, zero) for n in range(parts + 1)]
    made = pl.concat_list([taken.sort().get(p, null_on_oob=True) for p in places])
    return call.value(pl.when(taken.len() > 0).then(made), pl.List(value.dtype))


def _mode(call: Call) -> Value:
    """The most frequent value: of equally frequent ones the first, or the least of WITHIN GROUP."""
    rows = Rows(call)
    value = rows.argument() if rows.nodes else rows.order[0][0] if rows.order else None
    if value is None:
        raise call.error("MODE lacks an argument")
    return call.value(rows.taken(value.expr).mode(maintain_order=True).first(), value.dtype)


QUANTILES: Functions = {
    exp.Median: _median,
    exp.PercentileCont: lambda call: _Quantile(call).made(continuous=True),
    exp.PercentileDisc: lambda call: _Quantile(call).made(continuous=False),
    exp.Quantile: lambda call: _Quantile(call).made(continuous=call.dialect not in _QUANTILE_IS_DISCRETE),
    exp.ApproxQuantile: _approximate, "APPROX_PERCENTILE_CONT": _approx_continuous,
    "APPROX_PERCENTILE_CONT_WITH_WEIGHT": _weighted, "QUANTILE_CONT": lambda call: _Quantile(call).made(continuous=True), "APPROX_MEDIAN": _approx_median,
    "APPROX_PERCENTILE_DISC": lambda call: _Quantile(call).made(continuous=False),
    "RESERVOIR_QUANTILE": lambda call: _Quantile(call).made(continuous=False),
    exp.ApproxQuantiles: _approx_quantiles,
    exp.Mode: _mode, "STATS_MODE": _mode,
}  # fmt: skip
