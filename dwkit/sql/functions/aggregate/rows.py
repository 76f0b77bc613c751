"""The rows that an aggregate looks at, and the simple reductions of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Builder, Call
from dwkit.sql.types import is_float, is_number, is_text, shown
from dwkit.sql.value import NOT_CONSTANT, Value

__all__ = ["Make", "Rows", "as_number", "is_keep", "of_one", "reduction", "unwrapped"]

_WRAPPERS = frozenset({
    exp.Filter, exp.WithinGroup, exp.IgnoreNulls, exp.RespectNulls, exp.Order, exp.Having,
})  # fmt: skip


def is_keep(node: exp.Expr) -> bool:
    """Whether it is Oracle's ``max(x) KEEP (DENSE_RANK FIRST ORDER BY y)``, which sqlglot has as a window."""
    return isinstance(node, exp.Window) and node.args.get("over") == "KEEP"


def unwrapped(node: exp.Expr) -> exp.Expr:
    """Return the aggregate itself, without its FILTER, WITHIN GROUP and the like."""
    while type(node) in _WRAPPERS or is_keep(node):
        node = node.this
    return node


class Rows:
    """The rows that one aggregate looks at: those of its FILTER, distinct, in its own order.

    Args:
        call: the aggregate, and what is wrapped around it.

    Attributes:
        nodes: its arguments.
        order: its ORDER BY, or that of WITHIN GROUP: value, descending, NULLs last.
        filter: what must be true for a row to count.
        limit: of how many rows at most (``LIMIT`` in an aggregate).
        apart: whether a row counts or not by itself, and not by the others that there are.
        within: its order is that of WITHIN GROUP, so that it is what the aggregate is of.
    """

    def __init__(self, call: Call) -> None:
        self.call = call
        self.order: list[tuple[Value, bool, bool]] = []
        self.filter: pl.Expr | None = None
        self.limit: int | None = None
        self.distinct = False
        self.ignore_nulls = False
        self.apart = True
        self.within = False
        self._nearest: tuple[exp.Expr, bool] | None = None
        self._unwrap(call.wrapped)
        anonymous = isinstance(call.node, (exp.Anonymous, exp.AnonymousAggFunc))
        arguments = list(call.given("expressions") or ()) if anonymous else []
        inner = arguments.pop(0) if arguments else None if anonymous else call.given("this")
        self.nodes = [*self._inside(inner), *(self.ordered(a) for a in arguments)]
        if self._nearest is not None:
            self._keep_nearest(*self._nearest)

    # -- what is written around the arguments -------------------------------------------------

    def _unwrap(self, wrapped: exp.Expr) -> None:
        while wrapped is not self.call.node:
            if isinstance(wrapped, exp.Filter):
                self._add_filter(self.truth(wrapped.expression.this).expr)
            elif isinstance(wrapped, exp.WithinGroup):
                self._add_order(wrapped.expression)
                self.within = True
            elif isinstance(wrapped, exp.Order):
                self._add_order(wrapped)
            elif isinstance(wrapped, exp.IgnoreNulls):
                self.ignore_nulls = True
            elif is_keep(wrapped):
                self._keep_ranked(wrapped)
            elif isinstance(wrapped, exp.Having):
                raise self.call.refuse("HAVING in an aggregate")
            wrapped = wrapped.this

    def _inside(self, inner: exp.Expr | None) -> list[exp.Expr]:
        if inner is None or isinstance(inner, exp.Star):
            return []
        if isinstance(inner, exp.Distinct):
            if inner.args.get("on") is not None:
                raise self.call.refuse("DISTINCT ON in an aggregate")
            self.distinct = True
            if len(inner.expressions) == 1:
                return self._inside(inner.expressions[0])
            return list(inner.expressions)
        if isinstance(inner, exp.Limit):
            count = self.call.bind(inner.expression).constant
            if not isinstance(count, int):
                raise self.call.error("LIMIT in an aggregate wants a whole number", inner)
            self.limit = count
        elif isinstance(inner, exp.Order):
            self._add_order(inner)
        elif isinstance(inner, exp.HavingMax):
            self._nearest = inner.expression, bool(inner.args.get("max"))
        elif isinstance(inner, (exp.IgnoreNulls, exp.RespectNulls)):
            self.ignore_nulls |= isinstance(inner, exp.IgnoreNulls)
        else:
            return [inner]
        return self._inside(inner.this)

    def ordered(self, node: exp.Expr) -> exp.Expr:
        """Return an argument without the ORDER BY that stands behind the last one."""
        if not isinstance(node, exp.Order):
            return node
        self._add_order(node)
        inner: exp.Expr = node.this
        return inner

    def _add_order(self, order: exp.Expr) -> None:
        for key in order.expressions:
            value = self.call.bind(key.this)
            if not value.is_constant:
                self.order.append((value, bool(key.args.get("desc")), not key.args.get("nulls_first")))

    def _add_filter(self, condition: pl.Expr) -> None:
        self.filter = condition if self.filter is None else self.filter & condition

    def _keep_nearest(self, node: exp.Expr, most: bool) -> None:
        """Keep the rows of the greatest or least value of an expression (``HAVING MAX x``)."""
        value = self.bind(node)
        taken = value.expr if self.filter is None else pl.when(self.filter).then(value.expr)
        self._add_filter(taken == reduction("max" if most else "min", taken, value.dtype))
        self.apart = False

    def _keep_ranked(self, window: exp.Expr) -> None:
        """Keep the rows that come first or last in an order (``KEEP (DENSE_RANK FIRST ORDER BY x)``)."""
        before, self.order = self.order, []
        self._add_order(window.args["order"])
        keys, self.order = self.order, before
        for value, _, _ in keys:
            ordered = value.expr.sort_by(
                [k.expr for k, _, _ in keys],
                descending=[d for _, d, _ in keys],
                nulls_last=[n for _, _, n in keys],
            )
            self._add_filter(
                value.expr.eq_missing(ordered.first() if window.args.get("first") else ordered.last())
            )
        self.apart = False

    # -- arguments ----------------------------------------------------------------------------

    def truth(self, node: exp.Expr) -> Value:
        """Bind a condition."""
        return self.call.noted(self.call.binder.truth(node))

    def bind(self, node: exp.Expr) -> Value:
        """Bind an argument."""
        return _of_each_row(self.call.bind(node))

    def condition(self) -> Value:
        """Bind the one argument, which is a condition."""
        if len(self.nodes) != 1:
            raise self.call.error(f"{self.call.name} wants one condition")
        return _of_each_row(self.truth(self.nodes[0].unnest()))

    def argument(self, place: int = 0) -> Value:
        """Bind an argument by its place.

        Raises:
            SqlError: there is none.
        """
        if place >= len(self.nodes):
            raise self.call.error(f"{self.call.name} lacks an argument")
        return self.bind(self.nodes[place])

    # -- rows ---------------------------------------------------------------------------------

    def taken(self, expr: pl.Expr, *, nulls: bool = False, keep: pl.Expr | None = None) -> pl.Expr:
        """Return an expression over those rows; rows where it is NULL are left out unless `nulls`.

        Args:
            keep: what must be true for a row besides.
        """
        conditions = [c for c in (self.filter, keep, None if nulls else expr.is_not_null()) if c is not None]
        made, keys = expr, [v.expr for v, _, _ in self.order]
        if conditions:
            condition = pl.all_horizontal(conditions) if len(conditions) > 1 else conditions[0]
            made, keys = made.filter(condition), [k.filter(condition) for k in keys]
        if keys:
            made = made.sort_by(
                keys, descending=[d for _, d, _ in self.order], nulls_last=[n for _, _, n in self.order],
                maintain_order=True,
            )  # fmt: skip
        if self.distinct:
            made = made.unique(maintain_order=True)
        return made if self.limit is None else made.head(self.limit)

    def masked(self, expr: pl.Expr) -> pl.Expr:
        """Return an expression that is NULL outside those rows, for aggregates that pass NULLs over."""
        if self.distinct or self.limit is not None:
            return self.taken(expr)
        return expr if self.filter is None else pl.when(self.filter).then(expr)

    def reduced(self, kind: str, expr: pl.Expr, dtype: pl.DataType) -> pl.Expr:
        """Return a simple reduction of an expression over those rows: a method of Polars' expressions.

        Windows compute such parts of an aggregate for all frames at once.
        """
        if not self.in_parts:
            return reduction(kind, self.masked(expr), dtype)
        assert self.call.parts is not None
        masked = expr if self.filter is None else pl.when(self.filter).then(expr)
        return self.call.parts.add(kind, masked, dtype, distinct=self.distinct and kind not in ("min", "max"))

    @property
    def in_parts(self) -> bool:
        """Whether its simple reductions are computed apart."""
        return self.call.parts is not None and self.apart and not self.order and self.limit is None

    def len(self) -> pl.Expr:
        """Return the number of those rows."""
        if self.filter is not None:
            return self.reduced("count", pl.when(self.filter).then(1), pl.Int32())
        return pl.len() if self.call.parts is None else self.call.parts.add("len", None, pl.Int64())


def _of_each_row(value: Value) -> Value:
    """Return a value of which there is one for each row: in Polars a literal is one value for all."""
    if value.refs or value.volatile:
        return value
    every = pl.when(pl.int_range(pl.len()) >= 0).then(value.expr)
    return replace(value, expr=every, scaled=None, constant=None if value.is_null else NOT_CONSTANT)


def reduction(kind: str, expr: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Return a reduction; of floats NaN is the greatest."""
    if kind == "squares":
        return ((expr - expr.mean()) ** 2).sum()
    name = "nan_max" if kind == "max" and is_float(dtype) else kind
    made: pl.Expr = getattr(expr, name)()
    return made


Make = Callable[[Rows, Value], Value]


def of_one(make: Callable[..., Value], *arguments: Any) -> Builder:
    """Return an aggregate of one argument."""

    def build(call: Call) -> Value:
        rows = Rows(call)
        if len(rows.nodes) != 1:
            raise call.error(f"{call.name} wants one argument")
        return make(rows, rows.argument(), *arguments)

    return build


def as_number(call: Call, value: Value) -> Value:
    """Return an argument as a number: a truth is 1 or 0, text is read as a double.

    Raises:
        SqlError: it is something else.
    """
    if isinstance(value.dtype, pl.Boolean):
        return call.cast(value, pl.Int32())
    if is_text(value.dtype) or value.is_null:
        return call.cast(value, pl.Float64())
    if not is_number(value.dtype):
        raise call.error(f"{call.name} wants numbers, not {shown(value.dtype)}")
    return value
