"""Comparison of two values, and the one type that values take which are compared or mixed."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import polars as pl

from dwkit.sql.functions.call import Call
from dwkit.sql.functions.listorder import lists_in_order
from dwkit.sql.types import (
    is_decimal,
    is_integer,
    is_list,
    is_number,
    is_text,
    scale_of,
    shown,
    unified,
)
from dwkit.sql.value import Value, constant

__all__ = ["COMPARE", "alike", "all_comparable", "apart", "comparable", "compared", "together"]

_BOOLEAN = pl.Boolean()


def _turned(
    make: Callable[[Any, Any], pl.Expr], turned: Callable[[Any, Any], pl.Expr]
) -> Callable[[Any, Any], pl.Expr]:
    """Return a comparison that has what reads no column on the right.

    Polars 2.1 gives one row for all where a literal on the left meets a column that has one value for all rows.
    """

    def compare(a: pl.Expr, b: pl.Expr) -> pl.Expr:
        return make(a, b) if a.meta.root_names() else turned(b, a)

    return compare


COMPARE: dict[str, Callable[[Any, Any], pl.Expr]] = {
    "=": _turned(pl.Expr.__eq__, pl.Expr.__eq__), "<>": _turned(pl.Expr.__ne__, pl.Expr.__ne__),
    "<": _turned(pl.Expr.__lt__, pl.Expr.__gt__), "<=": _turned(pl.Expr.__le__, pl.Expr.__ge__),
    ">": _turned(pl.Expr.__gt__, pl.Expr.__lt__), ">=": _turned(pl.Expr.__ge__, pl.Expr.__le__),
    "is": _turned(pl.Expr.eq_missing, pl.Expr.eq_missing),
    "is not": _turned(pl.Expr.ne_missing, pl.Expr.ne_missing),
}  # fmt: skip
"""The comparisons of two values of one type."""


def together(call: Call, *values: Value, mixed: str = "text") -> list[Value]:
    """Return values with one type, as CASE and COALESCE need them.

    Args:
        mixed: what text and numbers are together in DataFusion, ``text`` or ``number``.
    """
    if call.dialect == "datafusion":
        dtype = unified((v.dtype for v in values if not v.is_null), call.dialect, mixed=mixed)
        if dtype is not None and not isinstance(dtype, pl.Null):
            return [call.cast(v, dtype) for v in values]
    return alike(call, *values)


def alike(call: Call, *values: Value) -> list[Value]:
    """Return values with one type, as a comparison or IN needs them.

    A quoted literal takes the type of the others; text that meets a number is read as one.

    Raises:
        SqlError: they have no common type.
    """
    others = [v for v in values if not v.is_text_literal and not v.is_null]
    if not others and not any(v.is_text_literal for v in values):
        others = list(values)  # CAST(NULL AS INT) has a type
    dtype = unified((v.dtype for v in others), call.dialect)
    if dtype is not None and isinstance(dtype, pl.Null):
        dtype = pl.String()
    if dtype is None:
        dtype = _mixed([v.dtype for v in others])
    if dtype is None and call.dialect == "datafusion":
        dtype = unified((v.dtype for v in others), call.dialect, mixed="number")
    if dtype is None:
        kinds = " and ".join(dict.fromkeys(shown(v.dtype) for v in others))
        raise call.error(f"{kinds} cannot be compared or mixed", hint="cast one of them")
    if is_number(dtype) and any(v.is_text_literal for v in values):
        dtype = _for_texts(dtype, [v.constant for v in values if v.is_text_literal])
    return [call.cast(v, dtype) for v in values]


def _mixed(dtypes: list[pl.DataType]) -> pl.DataType | None:
    """Return what text and another type become together: the other type, as the standard's databases do."""
    others = [t for t in dtypes if not is_text(t)]
    plain = [pl.Int8() if isinstance(t, pl.Boolean) else t for t in others]
    found = unified(plain)
    if found is not None and is_number(found) and len(others) < len(dtypes):
        return pl.Float64()
    return found


def _for_texts(dtype: pl.DataType, texts: list[str]) -> pl.DataType:
    """An integer compared with ``'2.5'`` is compared as a double."""
    if is_integer(dtype) and not all(re.fullmatch(r"\s*[+-]?\d+\s*", t) for t in texts):
        return pl.Float64()
    return pl.Int64() if is_integer(dtype) else dtype


def compared(call: Call, op: str, left: Value, right: Value) -> Value:
    """Return a comparison of two values: ``=``, ``<>``, ``<``, ``<=``, ``>``, ``>=``, ``is``, ``is not``."""
    if call.dialect == "sqlite" and apart(left, right):
        classes = [pl.when(v.expr.is_not_null()).then(pl.lit(_storage_class(v))) for v in (left, right)]
        return Value(COMPARE[op](*classes), _BOOLEAN, left.refs | right.refs)
    left, right = comparable(call, left, right)
    if op in _ORDERS and (is_list(left.dtype) or isinstance(left.dtype, pl.Struct)):
        return lists_in_order(call, op, left, right)
    made: pl.Expr = COMPARE[op](left.expr, right.expr)
    return Value(made, _BOOLEAN, left.refs | right.refs)


def comparable(call: Call, left: Value, right: Value) -> list[Value]:
    """Return two values with one type, as `alike` does.

    A decimal that is compared with a number that its scale holds stays as it is: a cast to more digits would
    hide the column from Polars' optimiser.
    """
    left, right = _with_digits(call, left, right)
    for value, other in ((left, right), (right, left)):
        number, scale = other.constant, scale_of(value.dtype)
        if (
            not value.is_constant and not value.json and is_decimal(value.dtype)
            and isinstance(number, (int, Decimal)) and not isinstance(number, bool)
            and scale_of(other.dtype) <= scale and abs(number) < 10 ** (38 - scale)
        ):  # fmt: skip
            literal = constant(Decimal(number), pl.Decimal(38, scale))
            return [value, literal] if value is left else [literal, value]
    return alike(call, _fitting(call, left, right), _fitting(call, right, left))


def _fitting(call: Call, value: Value, other: Value) -> Value:
    """Return a whole number as one of the smaller type that it is compared with, so that no column is cast."""
    if not isinstance(value.constant, int) or not (is_integer(value.dtype) and is_integer(other.dtype)):
        return value
    made = call.cast(value, other.dtype, safe=True)
    return made if made.is_constant else value


def all_comparable(call: Call, *values: Value) -> list[Value]:
    """Return values with one type, as BETWEEN and a list of IN need them.

    Raises:
        SqlError: they have no common type.
    """
    return alike(call, *_with_digits(call, *values))


def _with_digits(call: Call, *values: Value) -> list[Value]:
    """A double that is compared with a decimal has fifteen digits after the point in DataFusion: 0.06 + 0.01 is 0.07."""
    if call.dialect != "datafusion" or not any(is_decimal(v.dtype) for v in values):
        return list(values)
    return [_to_digits(v) for v in values]


def _to_digits(value: Value) -> Value:
    if not isinstance(value.dtype, pl.Float64) or value.refs or value.volatile:
        return value
    number = pl.select(value.expr).item()
    if number is None or not math.isfinite(number) or abs(number) >= 1e15:
        return value
    text = f"{number:.15f}".rstrip("0")
    return constant(Decimal(text), pl.Decimal(38, len(text.split(".")[1])))


_ORDERS = frozenset({"<", "<=", ">", ">="})


def apart(left: Value, right: Value) -> bool:
    """Whether SQLite compares values of two classes as they are: numbers are less than texts, texts than bytes.

    A column makes a number of a text that is one, and a text of a number.
    """
    classes = {_storage_class(left), _storage_class(right)}
    if left.is_null or right.is_null or len(classes) == 1 or None in classes:
        return False
    literal = next((v.constant for v in (left, right) if v.is_text_literal), None)
    if isinstance(literal, str) and not re.fullmatch(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", literal):
        return True
    return 2 in classes or not (left.refs or right.refs)


def _storage_class(value: Value) -> int | None:
    if is_number(value.dtype):
        return 0
    return 1 if is_text(value.dtype) else 2 if isinstance(value.dtype, pl.Binary) else None
