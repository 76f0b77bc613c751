"""Binds expressions: a resolved node of sqlglot's tree becomes a `Value`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl
from sqlglot import exp

from dwkit.sql import functions
from dwkit.sql.bind.context import Context
from dwkit.sql.bind.names import Scope
from dwkit.sql.functions.aggregate import is_keep, unwrapped
from dwkit.sql.functions.call import Builder, Call
from dwkit.sql.functions.cast import MisreadError, cast
from dwkit.sql.origin import Origin
from dwkit.sql.plan import Plan
from dwkit.sql.types import is_number, is_text, shown
from dwkit.sql.value import Value, constant, null

if TYPE_CHECKING:
    from dwkit.sql.bind.query import QueryBinder

__all__ = ["Stage", "aggregates_of", "is_aggregate", "literal"]

_FLOAT_LITERALS = frozenset({"datafusion", "bigquery", "sqlite"})
"""A number with a point is a double there, elsewhere a decimal."""
_NUMBERS_ARE_TRUE = frozenset({"sqlite", "mysql", "duckdb", "snowflake", "datafusion"})
"""A number other than 0 is true there."""
_BARE_EXPONENTS = frozenset({"duckdb", "datafusion"})
"""A letter right behind a number is a name for it there: 1e is 1."""
_LONG_LITERALS = frozenset({"datafusion"})
"""A whole number is of 64 bits there, elsewhere of 32 where it has room."""
_QUERIES = frozenset({
    exp.Subquery, exp.Select, exp.SetOperation, exp.Union, exp.Except, exp.Intersect, exp.Exists, exp.Any, exp.All,
})  # fmt: skip


def is_aggregate(node: exp.Expr) -> bool:
    """Whether a node is the use of an aggregate function, with its FILTER, WITHIN GROUP and the like."""
    return functions.find_aggregate(unwrapped(node)) is not None


class Stage:
    """Where the expressions of one clause are bound.

    Attributes:
        plan: gives the columns; binding a subquery joins its result to it.
        scope: what names mean.
        known: what stands for a node that was computed before: a group's key, an aggregate, a window.
        condition: what must hold for the value being bound to be asked for, inside CASE and the like.
        rows: which rows columns are read of, where not of all.
        clause: how errors call it.
    """

    def __init__(
        self, context: Context, query: QueryBinder, scope: Scope, plan: Plan, clause: str = ""
    ) -> None:
        self.context = context
        self.query = query
        self.scope = scope
        self.plan = plan
        self.known: dict[exp.Expr, Value] = {}
        self.grouped = False
        self.condition: pl.Expr | None = None
        self.rows: pl.Expr | None = None
        self.clause = clause
        self._parameters: list[dict[str, Value]] = []

    @property
    def dialect(self) -> str:
        """What the query was read as."""
        return self.context.dialect

    @property
    def sql(self) -> str:
        """The user's text."""
        return self.context.sql

    @property
    def now(self) -> datetime:
        """The moment at which the query is asked, in UTC."""
        self.context.volatile.append("the clock")
        return self.context.now

    def chance(self) -> int:
        """Return a random number of 60 bits."""
        return self.context.chance()

    def is_exact(self, value: Value) -> bool:
        """Whether a Duration holds all of an interval, months among them."""
        return self.context.is_exact(value)

    def span(self, value: Value) -> tuple[int, int] | None:
        """Return the least and the greatest whole number that a value can be, None where that is not known."""
        return self.context.span(value)

    # -- what functions ask for ---------------------------------------------------------------

    def bind(self, node: exp.Expr) -> Value:
        """Bind an expression whose column names are resolved.

        Raises:
            SqlError: a construct that is not known, an aggregate where none may be, a type that does not fit.
        """
        if self.known:
            found = self.known.get(node)
            if found is not None:
                return found
        kind = type(node)
        binder = _NODES.get(kind)
        if binder is not None:
            return binder(self, node)
        right = node.args.get("expression")
        if (kind in _QUERIES and type(right) is not exp.Lambda) or (
            kind is exp.In and node.args.get("query") is not None
        ):
            return self.query.subquery_value(self, node)
        quantified = type(right) in (exp.Any, exp.All) and isinstance(node, exp.Binary)
        if quantified and kind not in (exp.Like, exp.ILike):
            return self.query.subquery_value(self, node)
        if kind is exp.Window:
            raise self.context.error(f"a window function cannot stand in {self.clause or 'here'}", node)
        builder = functions.find(node)
        if builder is not None:
            return self.built(builder, Call(node, self))
        if is_aggregate(node):
            hint = "HAVING is for conditions on groups" if self.clause == "WHERE" else ""
            raise self.context.error(f"an aggregate cannot stand in {self.clause or 'here'}", node, hint)
        raise self.context.refuse(_called(node), node)

    def built(self, builder: Builder, call: Call) -> Value:
        """Return what a function makes of a call.

        Raises:
            SqlError: the call has an argument that the function does not know.
        """
        try:
            value = builder(call)
        except (ValueError, IndexError, OverflowError, pl.exceptions.PolarsError) as error:
            raise self.context.error(f"{call.name} cannot take these arguments", call.node) from error
        rest = call.passed_over()
        if rest:
            raise self.context.refuse(f"{call.name} with {rest[0].replace('_', ' ').upper()}", call.node)
        return value

    def bind_lambda(self, node: exp.Expr, *elements: Value) -> Value:
        """Bind the body of ``x -> ...`` with values for its parameters."""
        if not isinstance(node, exp.Lambda):
            raise self.context.error("a lambda such as x -> x + 1 is wanted here", node)
        names = [p.name.lower() for p in node.expressions]
        self._parameters.append(dict(zip(names, elements, strict=False)))
        try:
            return self.bind(node.this)
        finally:
            self._parameters.pop()

    def list_subquery(self, node: exp.Expr) -> Value:
        """Bind ``ARRAY(SELECT ...)``: the rows of a query of one column as a list."""
        return self.query.subquery_list(self, node)

    def origin(self, ident: str) -> Origin | None:
        """Return where a column comes from, None where that is not known."""
        return self.context.origins.get(ident)

    def _word(self, value: Value, node: exp.Expr) -> Value:
        """Return a quoted word as the truth that it says."""
        try:
            made = cast(value, pl.Boolean(), self.dialect)
        except MisreadError:
            made = None
        if made is None:
            raise self.context.error(f"{value.constant!r} is no BOOLEAN value", node)
        return made

    def type_of(self, expr: pl.Expr) -> pl.DataType:
        """Return what type Polars gives an expression."""
        return self.context.type_of(expr)

    def error(self, message: str, node: exp.Expr, hint: str = "") -> Exception:
        """Return an error that points at a node."""
        return self.context.error(message, node, hint)

    @contextmanager
    def only_where(self, condition: pl.Expr) -> Iterator[None]:
        """Bind what is only asked for where a condition is true."""
        before = self.condition
        self.condition = condition if before is None else before & condition
        try:
            yield
        finally:
            self.condition = before

    def truth(self, node: exp.Expr) -> Value:
        """Bind a condition."""
        value = self.bind(node)
        if isinstance(value.dtype, pl.Boolean):
            return value
        if value.is_null:
            return Value(pl.lit(None, dtype=pl.Boolean), pl.Boolean(), constant=None)
        if is_text(value.dtype) and not value.json and self.dialect in ("sqlite", "mysql"):
            number = cast(value, pl.Float64(), self.dialect)  # as far as it looks like one
            value = number if number is not None else value
        if value.is_text_literal and self.dialect == "datafusion":
            return self._word(value, node)
        if is_number(value.dtype) and self.dialect in _NUMBERS_ARE_TRUE:
            return value.as_(value.expr != 0, pl.Boolean())
        raise self.context.error(f"a condition is wanted here, not {shown(value.dtype)}", node)

    # -- nodes that are no functions ----------------------------------------------------------

    def _column(self, node: exp.Expr) -> Value:
        ident = node.meta.get("id")
        if ident is None:
            raise self.context.refuse("* here", node)
        if self.grouped and ident not in self.plan.given and ident not in self.scope.outer:
            name = node.meta.get("name", ident)
            if self.dialect in ("sqlite", "mysql"):
                raise self.context.error(f"column {name!r} is not grouped by", node)
            raise self.context.error(
                f"column {name!r} must be in GROUP BY or in an aggregate",
                node,
                f"any_value({name}) takes any of them",
            )
        value = self.context.column(ident)
        return value if self.rows is None else replace(value, expr=value.expr.filter(self.rows))

    def _identifier(self, node: exp.Expr) -> Value:
        for parameters in reversed(self._parameters):
            if node.name.lower() in parameters:
                return parameters[node.name.lower()]
        raise self.context.error(f"no column {node.name!r} here", node)

    def _paren(self, node: exp.Expr) -> Value:
        return self.bind(node.this)

    def _literal(self, node: exp.Expr) -> Value:
        assert isinstance(node, exp.Literal)
        try:
            return literal(node, self.dialect)
        except ValueError:
            raise self.context.error(f"{node.this!r} is no number", node) from None

    def _boolean(self, node: exp.Expr) -> Value:
        return constant(bool(node.this), pl.Boolean())

    def _alias(self, node: exp.Expr) -> Value:
        return self.bind(node.this)


_NODES: dict[type[exp.Expr], Callable[[Stage, exp.Expr], Value]] = {
    exp.Column: Stage._column,  # noqa: SLF001
    exp.Identifier: Stage._identifier,  # noqa: SLF001
    exp.Paren: Stage._paren,  # noqa: SLF001
    exp.Literal: Stage._literal,  # noqa: SLF001
    exp.Boolean: Stage._boolean,  # noqa: SLF001
    exp.Null: lambda _stage, _node: null(),
    exp.Alias: Stage._alias,  # noqa: SLF001
}


def literal(node: exp.Literal, dialect: str) -> Value:
    """Return the value of a literal: text, an integer, a decimal or a double."""
    if node.is_string:
        if dialect == "oracle" and not node.this:  # an empty text is NULL there
            return Value(pl.lit(None, dtype=pl.String), pl.String(), constant=None)
        return constant(node.this, pl.String())
    text = node.this.replace("_", "")
    if text[-1] in "eE" and dialect in _BARE_EXPONENTS:
        text = text[:-1]
    if "e" in text.lower():
        return constant(float(text), pl.Float64())
    if "." in text:
        digits = text.replace(".", "").lstrip("0")
        if dialect in _FLOAT_LITERALS or len(digits) > 38:
            return constant(float(text), pl.Float64())
        exact = Decimal(text)
        scale = len(text.partition(".")[2])
        return constant(exact, pl.Decimal(max(len(digits), scale, 1), scale))
    number = int(text)
    for bits, dtype in ((31, pl.Int32()), (63, pl.Int64()), (127, pl.Int128())):
        if number < 2**bits and not (bits == 31 and dialect in _LONG_LITERALS):
            return constant(number, dtype)
    return constant(float(text), pl.Float64())


def _called(node: exp.Expr) -> str:
    if isinstance(node, exp.Anonymous):
        return f"function {str(node.this).upper()}"
    if isinstance(node, exp.Func):
        return f"function {node.sql_name()}"
    return node.key.upper()


def aggregates_of(nodes: Iterable[exp.Expr]) -> Iterator[exp.Expr]:
    """Return the aggregates in some expressions, outermost first, not those of subqueries nor window functions."""
    for node in nodes:
        yield from _aggregates(node)


_LEAVES = frozenset({exp.Column, exp.Identifier, exp.Literal})


def _aggregates(node: exp.Expr) -> Iterator[exp.Expr]:
    if type(node) in _LEAVES or isinstance(node, exp.Query):
        return
    if isinstance(node, exp.Window) and not is_keep(node):
        function = unwrapped(node.this)
        around: exp.Expr = node
        while around is not function:
            for part in around.iter_expressions():
                if part is not around.this:
                    yield from _aggregates(part)
            around = around.this
        for part in function.iter_expressions():
            yield from _aggregates(part)
    elif is_aggregate(node) or isinstance(node, (exp.Grouping, exp.GroupingId)):
        yield node
    else:
        for part in node.iter_expressions():
            yield from _aggregates(part)
