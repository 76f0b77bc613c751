"""A bound SQL expression: what Polars computes, of which type, from which columns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

import polars as pl

__all__ = ["NOT_CONSTANT", "Condition", "Interval", "Value", "column", "constant", "null"]


class _NotConstant:
    """Mark of a value that is only known when it runs; None is the constant NULL."""

    def __repr__(self) -> str:
        return "NOT_CONSTANT"

    def __bool__(self) -> bool:
        return False


NOT_CONSTANT: Final = _NotConstant()


@dataclass(frozen=True, slots=True, eq=False)
class Interval:
    """A SQL interval: months, days and microseconds do not convert into each other.

    Each part is an integer expression, or an int where it is known.
    """

    months: pl.Expr | int = 0
    days: pl.Expr | int = 0
    micros: pl.Expr | int = 0


@dataclass(slots=True, eq=False)
class Value:
    """A bound expression. It is never changed; that nothing could would take longer than all else about it.

    Attributes:
        expr: the Polars expression over columns that are called by their ids.
        dtype: its type; a Decimal's precision is what the values need, the frame's own may be wider.
        refs: ids of the columns that it reads.
        constant: its value as a Python object where it is a literal, None for NULL, else `NOT_CONSTANT`.
        interval: its parts where it is an INTERVAL; `expr` is then its time as a Duration.
        json: it is text that holds JSON (a VARIANT, a JSON column).
        unquoted: for JSON, the text of its scalar where that is cheaper to have than the JSON.
        volatile: each row may get another value each time, as of ``random()``.
        exact: it is a Duration without parts, none of which are months.
        scaled: for a computed decimal, the same times ten to the power of its scale, as a whole number of 128
            bits: several times faster to calculate with than Polars' decimals.
        among: values of which it is one in each row, where that is known.
        span: least and greatest whole number that it can be, where that is known of what is computed.
    """

    expr: pl.Expr
    dtype: pl.DataType
    refs: frozenset[str] = frozenset()
    constant: Any = NOT_CONSTANT
    interval: Interval | None = None
    json: bool = False
    unquoted: pl.Expr | None = None
    volatile: bool = False
    scaled: pl.Expr | None = None
    exact: bool = False
    among: tuple[Value, ...] = ()
    span: tuple[int, int] | None = None

    @property
    def is_constant(self) -> bool:
        """Whether it is a literal."""
        return self.constant is not NOT_CONSTANT

    @property
    def is_null(self) -> bool:
        """Whether it is the literal NULL."""
        return self.constant is None

    @property
    def is_text_literal(self) -> bool:
        """Whether it is a quoted literal, which takes the type of what it is compared with."""
        return isinstance(self.constant, str)

    def as_(self, expr: pl.Expr, dtype: pl.DataType) -> Value:
        """Return what an expression over this value alone makes of it."""
        return Value(expr, dtype, self.refs, volatile=self.volatile)

    def marked_json(self) -> Value:
        """Return it as text that holds JSON."""
        return replace(self, json=True)


@dataclass(slots=True, eq=False)
class Condition:
    """One conjunct of a WHERE, an ON or the like. It is never changed.

    Attributes:
        value: the whole of it.
        op: ``=``, ``<>``, ``is`` (NULL equals NULL), ``<``, ``<=``, ``>``, ``>=``, or "" where it is no comparison.
        left, right: what is compared, of the same type.
        node: its tree, where it is no comparison.
    """

    value: Value
    op: str = ""
    left: Value | None = None
    right: Value | None = None
    node: Any = None


def column(ident: str, dtype: pl.DataType) -> Value:
    """Return the value of a column."""
    return Value(pl.col(ident), dtype, frozenset((ident,)))


def constant(value: Any, dtype: pl.DataType) -> Value:
    """Return a literal of a type."""
    if (type(value) is str and isinstance(dtype, pl.String)) or (
        type(value) is date and isinstance(dtype, pl.Date)
    ):  # Polars is slow at a type it need not be told
        return Value(pl.lit(value), dtype, constant=value)
    make = _number if type(value) in (int, Decimal) else pl.lit
    return Value(make(value, dtype), dtype, constant=value)


@lru_cache(maxsize=1024, typed=True)
def _number(value: int | Decimal, dtype: pl.DataType) -> pl.Expr:
    """Return a literal: the same few numbers come again and again, and Polars makes a column of each."""
    return pl.lit(value, dtype)


def null() -> Value:
    """Return the literal NULL."""
    return Value(pl.lit(None), pl.Null(), constant=None)
