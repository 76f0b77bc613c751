"""Comparison of two values, and the one type that values take which are compared or mixed."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import polars as pl

from dwkit.sql.functions.call import Call
from dwkit.sql.functions.elements import beside
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

__all__ = ["COMPARE", "alike", "all_comparable", "comparable", "compared", "together"]

_BOOLEAN = pl.Boolean()


COMPARE: dict[str, Callable[[Any, Any], pl.Expr]] = {
    "=": lambda a, b: a == b, "<>": lambda a, b: a != b, "<": lambda a, b: a < b, "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
    "is": lambda a, b: a.eq_missing(b), "is not": lambda a, b: a.ne_missing(b),
}  # fmt: skip
"""The comparisons of two values of one type."""


def together(call: Call, *values: Value) -> list[Value]:
    """Return values with one type, as CASE and COALESCE need them: in DataFusion text and numbers are text then."""
    if call.dialect == "datafusion":
        dtype = unified((v.dtype for v in values if not v.is_null), call.dialect, mixed="text")
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
    if call.dialect == "sqlite" and _apart(left, right):
        known = left.expr.is_not_null() & right.expr.is_not_null()
        holds = op in ("<>", "is not") or op[0] == ("<" if is_number(left.dtype) else ">")
        return Value(pl.when(known).then(pl.lit(holds)), _BOOLEAN, left.refs | right.refs)
    left, right = comparable(call, left, right)
    if op in _ORDERS and (is_list(left.dtype) or isinstance(left.dtype, pl.Struct)):
        return _lists_in_order(call, op, left, right)
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


def _lists_in_order(call: Call, op: str, left: Value, right: Value) -> Value:
    """Lists compare by their first different elements, of which NULL is the greatest, then by length; in DataFusion the least."""
    if call.dialect == "datafusion":
        return _as_sorted(op, left, right)
    inner = left.dtype.inner if is_list(left.dtype) else None  # type: ignore[attr-defined]
    if (
        inner is None
        or is_list(inner)
        or isinstance(inner, pl.Struct)
        or call.dialect not in ("duckdb", "postgres")
    ):
        raise call.refuse(f"{op} of {shown(left.dtype)}")
    a, b = (right, left) if op in (">", "<=") else (left, right)
    size = pl.min_horizontal(a.expr.list.len(), b.expr.list.len())
    pair = pl.element().struct
    other = pair.field("0").ne_missing(pair.field("1"))
    first = (
        beside([a.expr.list.head(size), b.expr.list.head(size)])
        .list.eval(pl.element().filter(other))
        .list.first()
    )
    x, y = first.struct.field("0"), first.struct.field("1")
    less = (x < y).fill_null(x.is_not_null() & y.is_null())
    made = pl.when(x.is_null() & y.is_null()).then(a.expr.list.len() < b.expr.list.len()).otherwise(less)
    made = made.not_() if op in ("<=", ">=") else made
    known = left.expr.is_not_null() & right.expr.is_not_null()
    return Value(pl.when(known).then(made), _BOOLEAN, left.refs | right.refs)


def _as_sorted(op: str, left: Value, right: Value) -> Value:
    """Compare two lists or structs as Polars sorts them: by their first different parts, of which NULL is the least."""
    pair = pl.concat_list(pl.struct(v.expr.alias("v")) for v in (left, right))
    least = pair.list.eval(pl.element().sort()).list.first().struct.field("v")
    first = (left if op in ("<", ">=") else right).expr
    less = (least == first) & (left.expr != right.expr)
    known = left.expr.is_not_null() & right.expr.is_not_null()
    made = less if op in ("<", ">") else less.not_()
    return Value(pl.when(known).then(made), _BOOLEAN, left.refs | right.refs)


def _apart(left: Value, right: Value) -> bool:
    """Whether SQLite compares a number with a text, neither of them a column: the number is the lesser one."""
    if left.refs or right.refs or left.is_null or right.is_null:
        return False
    return is_number(left.dtype) != is_number(right.dtype) and is_text(left.dtype) != is_text(right.dtype)
