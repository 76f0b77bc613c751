"""Aggregate functions: each builds an expression that makes one value of many rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Builder, Call
from dwkit.sql.functions.decimals import unscaled
from dwkit.sql.types import (
    is_decimal,
    is_integer,
    is_number,
    is_text,
    scale_of,
    shown,
    whole_digits,
)
from dwkit.sql.value import Value

__all__ = ["AGGREGATES", "Rows", "empty_of"]


class Rows:
    """The rows that one aggregate looks at: those of its FILTER, distinct, in its own order.

    Args:
        call: the aggregate, and what is wrapped around it.
    """

    def __init__(self, call: Call) -> None:
        self.call = call
        self.order: list[tuple[pl.Expr, bool, bool]] = []
        self.within: list[tuple[Value, bool, bool]] = []
        self.filter: pl.Expr | None = None
        self.ignore_nulls = False
        self._unwrap(call.wrapped)
        node = call.node
        inner = node.this
        if isinstance(inner, exp.Order):
            self._add_order(inner)
            inner = inner.this
        while isinstance(inner, (exp.IgnoreNulls, exp.RespectNulls)):
            self.ignore_nulls |= isinstance(inner, exp.IgnoreNulls)
            inner = inner.this
        self.distinct = isinstance(inner, exp.Distinct)
        if isinstance(inner, exp.Distinct):
            self.nodes = list(inner.expressions)
        elif inner is None or isinstance(inner, exp.Star):
            self.nodes = []
        else:
            self.nodes = [inner]

    def _unwrap(self, wrapped: exp.Expr) -> None:
        while wrapped is not self.call.node:
            if isinstance(wrapped, exp.Filter):
                condition = self.call.binder.truth(wrapped.expression.this)  # type: ignore[attr-defined]
                self.call._bound.append(condition)  # noqa: SLF001
                self.filter = condition.expr if self.filter is None else self.filter & condition.expr
            elif isinstance(wrapped, exp.WithinGroup):
                self._add_order(wrapped.expression)
            elif isinstance(wrapped, exp.Order):
                self._add_order(wrapped)
            elif isinstance(wrapped, exp.IgnoreNulls):
                self.ignore_nulls = True
            elif isinstance(wrapped, exp.Having):
                raise self.call.refuse("HAVING MAX or MIN in an aggregate")
            wrapped = wrapped.this

    def _add_order(self, order: exp.Expr) -> None:
        for key in order.expressions:
            value = self.call.bind(key.this)
            descending = bool(key.args.get("desc"))
            last = not key.args.get("nulls_first")
            self.within.append((value, descending, last))
            self.order.append((value.expr, descending, last))

    def taken(self, expr: pl.Expr, *, nulls: bool = False) -> pl.Expr:
        """Return an expression over those rows; rows where it is NULL are left out unless `nulls`."""
        keep = self.filter
        if not nulls:
            keep = expr.is_not_null() if keep is None else keep & expr.is_not_null()
        made, keys = expr, [k for k, _, _ in self.order]
        if keep is not None:
            made, keys = made.filter(keep), [k.filter(keep) for k in keys]
        if keys:
            made = made.sort_by(
                keys, descending=[d for _, d, _ in self.order], nulls_last=[n for _, _, n in self.order],
                maintain_order=True,
            )  # fmt: skip
        return made.unique(maintain_order=bool(keys)) if self.distinct else made

    def masked(self, expr: pl.Expr) -> pl.Expr:
        """Return an expression that is NULL outside those rows, for aggregates that pass NULLs over."""
        if self.distinct or self.order:
            return self.taken(expr)
        return expr if self.filter is None else pl.when(self.filter).then(expr)

    def reduced(self, kind: str, expr: pl.Expr, dtype: pl.DataType) -> pl.Expr:
        """Return a simple reduction of an expression over those rows: ``count``, ``sum``, ``min``, ``max``.

        Windows compute such parts of an aggregate for all frames at once.
        """
        parts = self.call.parts
        if parts is None or (self.distinct and kind not in _IDEMPOTENT) or self.order:
            reduced: pl.Expr = getattr(self.masked(expr), kind)()
            return reduced
        return parts.add(kind, expr if self.filter is None else pl.when(self.filter).then(expr), dtype)

    def len(self) -> pl.Expr:
        """Return the number of those rows."""
        parts = self.call.parts
        if self.filter is not None:
            return self.reduced("count", pl.when(self.filter).then(1), pl.Int32())
        return pl.len() if parts is None else parts.add("len", None, pl.Int64())


_IDEMPOTENT = frozenset({"min", "max"})

Make = Callable[[Rows, Value], Value]


def _of_one(make: Make) -> Builder:
    """Return an aggregate of one argument."""

    def build(call: Call) -> Value:
        rows = Rows(call)
        if len(rows.nodes) != 1:
            raise call.error(f"{call.name} wants one argument")
        return make(rows, call.bind(rows.nodes[0]))

    return build


def _number(call: Call, value: Value) -> Value:
    if isinstance(value.dtype, pl.Boolean):
        return call.cast(value, pl.Int32())
    if is_text(value.dtype) or value.is_null:
        return call.cast(value, pl.Float64())
    if not is_number(value.dtype):
        raise call.error(f"{call.name} wants numbers, not {shown(value.dtype)}")
    return value


def _sum(rows: Rows, value: Value) -> Value:
    """SUM over no rows is NULL; of integers it is exact, and an error where it leaves 64 bits."""
    call = rows.call
    if isinstance(value.dtype, pl.Duration):
        return call.value(_unless_empty(rows, value.expr, value.dtype), value.dtype)
    value = _number(call, value)
    if is_integer(value.dtype):
        if whole_digits(value.dtype) <= 10:
            return call.value(_unless_empty(rows, value.expr.cast(pl.Int64), pl.Int64()), pl.Int64())
        whole = _unless_empty(rows, value.expr.cast(pl.Int128), pl.Int128())
        return call.value(whole.cast(pl.Int64, strict=True), pl.Int64())
    if is_decimal(value.dtype):
        scale = scale_of(value.dtype)
        if value.scaled is not None and whole_digits(value.dtype) + scale <= _SUMMABLE:
            return call.value(
                unscaled(_unless_empty(rows, value.scaled, pl.Int128()), scale), pl.Decimal(38, scale)
            )
        return call.value(_unless_empty(rows, value.expr, value.dtype), pl.Decimal(38, scale))
    return call.value(_unless_empty(rows, value.expr.cast(pl.Float64), pl.Float64()), pl.Float64())


_SUMMABLE = 30
"""Digits of numbers of which 128 bits hold the sum of a hundred million."""


def _unless_empty(rows: Rows, expr: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    return pl.when(rows.reduced("count", expr, dtype) > 0).then(rows.reduced("sum", expr, dtype))


def _total(rows: Rows, value: Value) -> Value:
    number = rows.call.cast(_number(rows.call, value), pl.Float64())
    return rows.call.value(rows.masked(number.expr).sum(), pl.Float64())


def _avg(rows: Rows, value: Value) -> Value:
    call = rows.call
    value = _number(call, value)
    if is_integer(value.dtype):
        value = value.as_(
            value.expr.cast(pl.Int64 if whole_digits(value.dtype) <= 10 else pl.Int128), value.dtype
        )
    exact = is_decimal(value.dtype) or is_integer(value.dtype)
    dtype = value.dtype if exact else pl.Float64()
    expr = value.expr if exact else value.expr.cast(pl.Float64)
    count = rows.reduced("count", expr, dtype)
    total = pl.when(count > 0).then(rows.reduced("sum", expr, dtype))
    if is_decimal(value.dtype) and call.dialect != "duckdb":
        # An exact mean has some digits more than its values.
        scale = min(38, max(scale_of(value.dtype) + 4, 6) if call.dialect != "postgres" else 16)
        return call.value(
            total.cast(pl.Decimal(38, scale)) / count.cast(pl.Decimal(38, 0)), pl.Decimal(38, scale)
        )
    mean = total.cast(pl.Float64) / count
    if is_integer(value.dtype) and call.dialect in ("tsql", "redshift"):
        return call.value(mean.truncate().cast(pl.Int64), pl.Int64())
    return call.value(mean, pl.Float64())


def _extreme(name: str) -> Make:
    def make(rows: Rows, value: Value) -> Value:
        return rows.call.value(rows.reduced(name, value.expr, value.dtype), value.dtype)

    return make


def _count(call: Call) -> Value:
    rows = Rows(call)
    nodes = [*rows.nodes, *(call.node.expressions or ())]
    if not nodes:
        return call.value(rows.len().cast(pl.Int64), pl.Int64())
    values = [call.bind(n) for n in nodes]
    if len(values) == 1:
        value = values[0]
        if rows.distinct:
            taken = value.expr.filter(rows.filter) if rows.filter is not None else value.expr
            return call.value(taken.drop_nulls().n_unique().cast(pl.Int64), pl.Int64())
        if value.is_constant:
            return call.value(rows.len().cast(pl.Int64) * (0 if value.is_null else 1), pl.Int64())
        return call.value(rows.reduced("count", value.expr, value.dtype).cast(pl.Int64), pl.Int64())
    whole = pl.all_horizontal(v.expr.is_not_null() for v in values)
    keep = whole if rows.filter is None else whole & rows.filter
    struct = pl.struct(v.expr.alias(f"f{n}") for n, v in enumerate(values)).filter(keep)
    return call.value((struct.n_unique() if rows.distinct else struct.len()).cast(pl.Int64), pl.Int64())


def _count_if(call: Call) -> Value:
    rows = Rows(call)
    condition = call.binder.truth(rows.nodes[0])  # type: ignore[attr-defined]
    call._bound.append(condition)  # noqa: SLF001
    counted = rows.reduced("count", pl.when(condition.expr).then(1), pl.Int32())
    return call.value(counted.cast(pl.Int64), pl.Int64())


def _any_value(rows: Rows, value: Value) -> Value:
    return rows.call.value(rows.taken(value.expr).first(), value.dtype)


def _float(make: Callable[[pl.Expr], pl.Expr]) -> Make:
    def build(rows: Rows, value: Value) -> Value:
        number = rows.call.cast(_number(rows.call, value), pl.Float64())
        return rows.call.value(make(rows.masked(number.expr)), pl.Float64())

    return build


def _single(call: Call) -> Value:
    """The value of a subquery that must have at most one row."""
    value = call.arg()
    return call.value(value.expr.item(allow_empty=True), value.dtype)


AGGREGATES: dict[type[exp.Expr] | str, Builder] = {
    exp.Sum: _of_one(_sum), exp.Avg: _of_one(_avg), exp.Count: _count, exp.CountIf: _count_if,
    exp.Min: _of_one(_extreme("min")), exp.Max: _of_one(_extreme("max")), exp.AnyValue: _of_one(_any_value),
    exp.Stddev: _of_one(_float(lambda e: e.std())), exp.StddevSamp: _of_one(_float(lambda e: e.std())),
    exp.StddevPop: _of_one(_float(lambda e: e.std(ddof=0))), exp.Variance: _of_one(_float(lambda e: e.var())),
    exp.VariancePop: _of_one(_float(lambda e: e.var(ddof=0))), "TOTAL": _of_one(_total),
    "DWKIT:SINGLE": _single,
}  # fmt: skip

_ZERO = (exp.Count, exp.CountIf, exp.ApproxDistinct)


def empty_of(node: exp.Expr) -> Any:
    """Return what an aggregate is over no rows: 0 for counts, else None (NULL)."""
    while isinstance(node, (exp.Filter, exp.WithinGroup, exp.IgnoreNulls, exp.RespectNulls, exp.Order)):
        node = node.this
    return 0 if isinstance(node, _ZERO) else None
