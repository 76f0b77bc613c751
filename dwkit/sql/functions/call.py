"""One use of a function in a query, as the tables of functions see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.cast import MisreadError, cast
from dwkit.sql.origin import Origin
from dwkit.sql.types import is_date, is_text, is_timestamp, shown
from dwkit.sql.value import Value

__all__ = [
    "Binds", "Builder", "Call", "Functions", "Parts", "as_float", "floats_together", "numbers", "of", "text",
]  # fmt: skip


class Binds(Protocol):
    """What a function needs of the binder of expressions."""

    condition: pl.Expr | None

    @property
    def dialect(self) -> str:
        """What the query was read as."""

    @property
    def sql(self) -> str:
        """The user's text, for what the tree does not tell."""

    @property
    def now(self) -> datetime:
        """The moment at which the query is asked, in UTC."""

    def chance(self) -> int:
        """Return a random number of 60 bits."""

    def is_exact(self, value: Value) -> bool:
        """Whether a Duration holds all of an interval, months among them."""

    def span(self, value: Value) -> tuple[int, int] | None:
        """Return the least and the greatest whole number that a value can be, None where that is not known."""

    def bind(self, node: exp.Expr) -> Value:
        """Bind an expression of the query."""

    def bind_lambda(self, node: exp.Expr, *elements: Value) -> Value:
        """Bind the body of ``x -> ...`` with values for its parameters."""

    def truth(self, node: exp.Expr) -> Value:
        """Bind a condition."""

    def only_where(self, condition: pl.Expr) -> AbstractContextManager[None]:
        """Bind what is only asked for where a condition is true."""

    def origin(self, ident: str) -> Origin | None:
        """Return where a column comes from, None where that is not known."""

    def type_of(self, expr: pl.Expr) -> pl.DataType:
        """Return what type Polars gives an expression."""

    def error(self, message: str, node: exp.Expr, hint: str = "") -> Exception:
        """Return an error that points at a node."""


class Parts(Protocol):
    """Computes simple reductions of an aggregate apart from the rest of it."""

    def add(self, kind: str, expr: pl.Expr | None, dtype: pl.DataType, *, distinct: bool = False) -> pl.Expr:
        """Return what stands for a reduction in the aggregate, see `dwkit.sql.window.Part`."""


class Call:
    """One use of a function: its arguments, bound when they are asked for.

    Attributes:
        node: the function in sqlglot's tree.
        wrapped: an aggregate with FILTER, WITHIN GROUP and the like around it; else the node.
        dialect: what the query was read as.
        binder: binds further expressions.
        parts: takes the simple reductions that an aggregate is made of, where they are computed apart.
    """

    def __init__(self, node: exp.Expr, binder: Binds) -> None:
        self.node = node
        self.wrapped = node
        self.binder = binder
        self.parts: Parts | None = None
        self.dialect = binder.dialect
        self._bound: list[Value] = []
        self._known: dict[int, tuple[exp.Expr, pl.Expr | None, Value]] = {}
        self._asked: set[str] = set()

    # -- arguments ----------------------------------------------------------------------------

    def has(self, key: str) -> bool:
        """Whether an argument (or flag) was given."""
        return bool(self.given(key))

    def given(self, key: str) -> Any:
        """Return an argument as it stands in the tree: a node, a flag, a list, or None."""
        self._asked.add(key)
        return self.node.args.get(key)

    def passed_over(self) -> list[str]:
        """Return the arguments and flags that were given and never asked for: what they say would be lost."""
        return [k for k, v in self.node.args.items() if v and k not in self._asked and k not in _PLAIN]

    def arg(self, key: str = "this") -> Value:
        """Return an argument."""
        node = self.given(key)
        if not isinstance(node, exp.Expr):
            raise self.error(f"{self.name} lacks an argument")
        return self.bind(node)

    def maybe(self, key: str) -> Value | None:
        """Return an argument, None where it was not given."""
        return self.arg(key) if isinstance(self.given(key), exp.Expr) else None

    def args(self, key: str = "expressions") -> list[Value]:
        """Return the arguments of a list."""
        return [self.bind(n) for n in self.given(key) or ()]

    def values(self) -> list[Value]:
        """Return all arguments in the order of the call."""
        found: list[Value] = []
        for key in self.node.arg_types:
            given = self.given(key)
            for one in given if isinstance(given, list) else [given]:
                if isinstance(one, exp.Expr):
                    found.append(self.bind(one))
        return found

    def bind(self, node: exp.Expr) -> Value:
        """Bind a part of the call."""
        if not isinstance(node, exp.Expr):
            raise self.error(f"{self.name} lacks an argument")
        condition = self.binder.condition
        known = self._known.get(id(node))
        if known is not None and known[1] is condition:  # a subquery would be joined once more
            return known[2]
        value = self.binder.bind(node)
        self._known[id(node)] = node, condition, value  # with the node, whose number is free once it is gone
        self._bound.append(value)
        return value

    def noted(self, value: Value) -> Value:
        """Return a value that was bound for the call by other means: the result depends on it."""
        self._bound.append(value)
        return value

    def lambda_(self, key: str, *elements: Value) -> Value:
        """Return the body of ``x -> ...`` with values for its parameters."""
        value = self.binder.bind_lambda(self.given(key), *elements)
        self._bound.append(value)
        return value

    # -- arguments of a kind ------------------------------------------------------------------

    def text(self, key: str = "this") -> pl.Expr:
        """Return an argument as text."""
        return self.as_text(self.arg(key))

    def number(self, key: str = "this") -> pl.Expr:
        """Return an argument as a double."""
        return self.cast(self.arg(key), pl.Float64()).expr

    def float_(self, key: str = "this") -> Value:
        """Return an argument as a double; in DataFusion a float of single precision stays one."""
        return as_float(self, self.arg(key))

    def integer(self, key: str = "this") -> pl.Expr:
        """Return an argument as a 64-bit integer."""
        return self.cast(self.arg(key), pl.Int64()).expr

    def date(self, key: str = "this") -> pl.Expr:
        """Return an argument as a date."""
        return self.cast(self.arg(key), pl.Date()).expr

    def moment(self, key: str = "this") -> Value:
        """Return an argument as a date or a timestamp: as it is where it is one, else text that holds one."""
        value = self.arg(key)
        if is_date(value.dtype) or is_timestamp(value.dtype):
            return value
        if is_text(value.dtype) or value.is_null:
            if isinstance(value.constant, str) and len(value.constant.strip()) <= 10:
                return self.cast(value, pl.Date())
            return self.cast(value, pl.Datetime("us"))
        raise self.error(f"{self.name} wants a date or a timestamp, not {shown(value.dtype)}")

    def constant(self, key: str = "this", default: Any = None) -> Any:
        """Return an argument that must be a literal, as a Python object; the default where it is not given."""
        value = self.maybe(key)
        if value is None:
            return default
        if not value.is_constant:
            raise self.error(f"{self.name} wants a literal here, no expression", self.node.args[key])
        return value.constant

    def word(self, key: str = "unit", default: str = "") -> str:
        """Return an argument that is a word, such as a unit of time, in upper case."""
        node = self.given(key)
        return node.name.upper() if isinstance(node, exp.Expr) and node.name else default

    def as_text(self, value: Value) -> pl.Expr:
        """Return a value as text."""
        as_it_is = isinstance(value.dtype, pl.String) and not value.json
        return value.expr if as_it_is else self.cast(value, pl.String()).expr

    def cast(self, value: Value, dtype: pl.DataType, *, safe: bool = False) -> Value:
        """Return a value as another type; where it cannot be, NULL if safe, else an error at run time."""
        try:
            made = cast(value, dtype, self.dialect, safe=safe, guard=self.binder.condition)
        except MisreadError:
            spot = (n for n in self.node.find_all(exp.Literal) if n.is_string and n.this == value.constant)
            raise self.error(f"{value.constant!r} is no {shown(dtype)} value", next(spot, None)) from None
        if made is None:
            raise self.error(f"{self.name}: {shown(value.dtype)} is no {shown(dtype)}")
        return made

    # -- results ------------------------------------------------------------------------------

    def value(self, expr: pl.Expr, dtype: pl.DataType | None = None, *, json: bool = False) -> Value:
        """Return the result; its type is found by Polars where none is given."""
        refs = frozenset().union(*(v.refs for v in self._bound))
        if dtype is None:
            dtype = self.type_of(expr)
        return Value(expr, dtype, refs, json=json, volatile=any(v.volatile for v in self._bound))

    def type_of(self, expr: pl.Expr) -> pl.DataType:
        """Return what type Polars gives an expression over the columns of the arguments."""
        return self.binder.type_of(expr)

    def guarded(self, expr: pl.Expr) -> pl.Expr:
        """Return an expression with NULL in the rows that a CASE around it does not ask for."""
        condition = self.binder.condition
        return expr if condition is None else pl.when(condition).then(expr)

    # -- errors -------------------------------------------------------------------------------

    def checked(self, expr: pl.Expr, bad: pl.Expr, message: str | pl.Expr) -> pl.Expr:
        """Return an expression that fails as it runs where a condition is true, in a row that is asked for."""
        wrong = bad if self.binder.condition is None else bad & self.binder.condition
        # A literal costs nothing in the rows that are right.
        told = (
            pl.lit(f"dwkit: {message}")
            if isinstance(message, str)
            else pl.concat_str(pl.lit("dwkit: "), message)
        )
        failed = pl.when(wrong).then(told).cast(pl.Int8, strict=True)
        return pl.when(failed.is_null()).then(expr)

    @property
    def name(self) -> str:
        """The function as SQL calls it."""
        if isinstance(self.node, exp.Anonymous):
            return str(self.node.this).upper()
        return self.node.sql_name() if isinstance(self.node, exp.Func) else self.node.key.upper()

    def error(self, message: str, node: exp.Expr | None = None, hint: str = "") -> Exception:
        """Return an error that points at the call or at a part of it."""
        return self.binder.error(message, node or self.node, hint)

    def refuse(self, what: str) -> Exception:
        """Return the error for what cannot be answered exactly."""
        return self.error(f"{what} is not supported")


def as_float(call: Call, value: Value) -> Value:
    """Return a number as a double; in DataFusion a float of single precision stays one."""
    single = call.dialect == "datafusion" and isinstance(value.dtype, pl.Float32)
    return value if single else call.cast(value, pl.Float64())


def floats_together(values: Sequence[Value]) -> pl.DataType:
    """Return the type of what is computed of floats."""
    return pl.Float32() if all(isinstance(v.dtype, pl.Float32) for v in values) else pl.Float64()


_PLAIN = frozenset({
    "this", "expression", "expressions", "big_int", "date_part_boundary", "input_type_preserved",
    "preserve_end_of_month", "target_type", "return_type", "with_tz",
})  # fmt: skip
"""Arguments that every builder reads, and flags that only tell how a dialect writes a function."""

Builder = Callable[[Call], Value]
Functions = Mapping["type[exp.Expr] | str", Builder]
"""A family: by sqlglot's class, or by upper-case name where sqlglot has no class for a function."""


def text(make: Callable[..., pl.Expr], *keys: str, dtype: pl.DataType | None = None) -> Builder:
    """Return a function of texts; its arguments are those of the keys, ``this`` where none are given."""

    def build(call: Call) -> Value:
        return call.value(make(*(call.text(k) for k in keys or ("this",))), dtype or pl.String())

    return build


def numbers(make: Callable[..., pl.Expr], *keys: str, dtype: pl.DataType | None = None) -> Builder:
    """Return a function of doubles; its arguments are those of the keys, ``this`` where none are given."""

    def build(call: Call) -> Value:
        values = [call.float_(k) for k in keys or ("this",)]
        return call.value(make(*(v.expr for v in values)), dtype or floats_together(values))

    return build


def of(make: Callable[..., pl.Expr], *keys: str, dtype: pl.DataType | None = None) -> Builder:
    """Return a function of arguments as they are; its type is found by Polars where none is given."""

    def build(call: Call) -> Value:
        return call.value(make(*(call.arg(k).expr for k in keys or ("this",))), dtype)

    return build
