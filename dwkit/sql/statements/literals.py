"""Literals of VALUES as columns, without a plan for each cell."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import polars as pl
from sqlglot import exp

__all__ = ["literal", "series"]

Cell = tuple[str, str] | None
"""Kind (``int``, ``decimal``, ``float``, ``text``, ``bool``) and text of a literal; None for NULL."""


def literal(node: exp.Expr, kind: exp.DataType, dialect: str) -> tuple[bool, Cell]:
    """Return whether a node is a literal, and what it says.

    Args:
        kind: type of the column; ``DATE '2024-01-31'`` is a literal where that is a DATE.
    """
    sign = ""
    while isinstance(node, (exp.Neg, exp.Paren)):
        sign = {"": "-", "-": ""}[sign] if isinstance(node, exp.Neg) else sign
        node = node.this
    if isinstance(node, exp.Null) and not sign:
        return True, None
    if isinstance(node, exp.Boolean) and not sign:
        return True, ("bool", "true" if node.this else "false")
    if isinstance(node, exp.Cast) and node.args.get("to") == kind and _is_text(node.this) and not sign:
        return True, ("text", node.this.name)
    if not isinstance(node, exp.Literal):
        return False, None
    if node.is_string:
        if dialect == "oracle" and not node.name:  # an empty text is NULL there
            return not sign, None
        return not sign, ("text", node.name)
    text = node.name
    if text.isdigit():
        return True, ("int", sign + text)
    if text.replace(".", "", 1).isdigit():
        return True, ("decimal", sign + text)
    try:
        float(text)
    except ValueError:
        return False, None
    return True, ("float", sign + text)


def _is_text(node: exp.Expr) -> bool:
    return isinstance(node, exp.Literal) and bool(node.is_string)


def series(cells: Sequence[Cell], dtype: pl.DataType) -> pl.Series:
    """Return literals as a series, of the column's type where that is exact, else of their own type.

    Args:
        dtype: type of the column they are for.
    """
    kinds = {c[0] for c in cells if c is not None}
    if not kinds:
        return pl.Series([None] * len(cells), dtype=dtype)
    if kinds == {"text"}:
        return pl.Series([c and c[1] for c in cells], dtype=pl.String)
    if kinds == {"bool"}:
        return pl.Series([c and c[1] == "true" for c in cells], dtype=pl.Boolean)
    if kinds <= {"int", "decimal", "float"} and dtype.is_float():
        return pl.Series([c and float(c[1]) for c in cells], dtype=pl.Float64).cast(dtype)
    if kinds == {"int"}:
        whole = [c and int(c[1]) for c in cells]
        for wanted in (dtype, pl.Int64(), pl.Int128()):
            if wanted.is_integer():
                try:
                    return pl.Series(whole, dtype=wanted)
                except (OverflowError, TypeError, pl.exceptions.PolarsError):
                    continue
    if kinds <= {"int", "decimal"}:
        numbers = [c and Decimal(c[1]) for c in cells]
        scale = max(-int(n.as_tuple().exponent) for n in numbers if n is not None)
        whole_digits = max(
            len(n.as_tuple().digits) + int(n.as_tuple().exponent) for n in numbers if n is not None
        )
        if scale + max(whole_digits, 0) <= 38:
            return pl.Series(numbers, dtype=pl.Decimal(38, scale))
    if kinds <= {"int", "decimal", "float"}:
        return pl.Series([c and float(c[1]) for c in cells], dtype=pl.Float64)
    return pl.Series([c and c[1] for c in cells], dtype=pl.String)
