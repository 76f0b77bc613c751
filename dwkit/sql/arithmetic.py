"""Rules for numbers: division, rounding, casts, overflow, logarithms.

Polars' integers wrap round at their ends without a word. Sums and products are therefore made in a wider
type, and the cast back fails where the result does not fit.
"""

from __future__ import annotations

from sqlglot import exp

from dwkit.sql import dialects
from dwkit.sql.build import call, case, cast, integer, number, paren
from dwkit.sql.types import INTEGERS, is_decimal, is_float, is_integer

__all__ = ["ARITHMETIC"]

_T = exp.DataType.Type
_WIDE = "INT128"
_SMALL = INTEGERS - {_T.BIGINT, _T.UBIGINT, _T.INT128}
_COUNTS = (exp.Count, exp.CountIf, exp.RowNumber, exp.Rank, exp.DenseRank, exp.Ntile)


def literals(node: exp.Expr, dialect: str) -> exp.Expr:
    """``0.1`` is a decimal to Polars; some dialects mean a float."""
    if dialect in dialects.FLOAT_LITERALS and _has_point(node):
        return exp.Literal.number(f"{node.this}e0")
    return node


def _has_point(node: exp.Expr) -> bool:
    return (
        isinstance(node, exp.Literal)
        and not node.is_string
        and "." in node.this
        and "e" not in node.this.lower()
    )


def division(node: exp.Expr, dialect: str) -> exp.Expr:
    """``/`` of integers is an integer in some dialects; elsewhere it is a float, of decimals too."""
    if isinstance(node, exp.SafeDivide):
        node = exp.Div(this=paren(node.this), expression=paren(node.expression), safe=True)
    if isinstance(node, exp.IntDiv):
        return _whole(node, dialect)
    if not isinstance(node, exp.Div):
        return node
    left, right = node.left, node.right
    if node.args.get("safe"):
        right = exp.Nullif(this=right.copy(), expression=number(0))
    if node.args.get("typed"):
        if is_integer(left) and is_integer(node.right):
            return _quotient(left, right)
        if is_decimal(left) or is_decimal(node.right):
            return exp.Div(this=left.copy(), expression=right.copy())
    return exp.Div(this=cast(left, "DOUBLE"), expression=cast(right, "DOUBLE"))


def _whole(node: exp.IntDiv, dialect: str) -> exp.Expr:
    """``//`` and DIV of integers truncate; DuckDB's ``//`` of other numbers is their quotient."""
    left, right = node.left, node.right
    if is_integer(left) and is_integer(right):
        return _quotient(left, right)
    quotient = exp.Div(this=cast(left, "DOUBLE"), expression=cast(right, "DOUBLE"))
    return quotient if dialect == "duckdb" else integer(exp.Trunc(this=quotient))


def _quotient(left: exp.Expr, right: exp.Expr) -> exp.Expr:
    """Return the integer quotient, rounded towards zero; Polars rounds down."""
    by = paren(right)
    remainder = exp.Mod(this=paren(left), expression=by.copy())
    return exp.Paren(
        this=exp.IntDiv(this=exp.Paren(this=exp.Sub(this=paren(left), expression=remainder)), expression=by)
    )


def overflow(node: exp.Expr, dialect: str) -> exp.Expr:
    """Integers are added, multiplied and negated in a wider type, and must fit at the end."""
    if isinstance(node, (exp.Add, exp.Sub, exp.Mul)) and is_integer(node.left) and is_integer(node.right):
        if _constant(node):
            return node
        small = _type(node.left) in _SMALL and _type(node.right) in _SMALL
        kind = "BIGINT" if small else _WIDE
        made = type(node)(this=cast(node.left, kind), expression=cast(node.right, kind))
        return integer(made)
    if (
        isinstance(node, (exp.Neg, exp.Abs))
        and is_integer(node.this)
        and not isinstance(node.this, exp.Literal)
    ):
        kind = "BIGINT" if _type(node.this) in _SMALL else _WIDE
        return integer(type(node)(this=cast(node.this, kind)))
    return node


def _constant(node: exp.Expr) -> bool:
    """Whether it is made of short literals only, which cannot overflow."""
    return all(
        isinstance(n, (exp.Add, exp.Sub, exp.Paren)) or (isinstance(n, exp.Literal) and len(n.this) < 10)
        for n in node.walk()
    )


def sums(node: exp.Expr, dialect: str) -> exp.Expr:
    """SUM of integers is made wide; counts and ranks are signed."""
    if isinstance(node, exp.Sum):
        value = node.this.expressions[0] if isinstance(node.this, exp.Distinct) else node.this
        if value.type is not None and value.type.this == _T.BOOLEAN:
            value.replace(integer(value))
        elif is_integer(value):
            value.replace(cast(value, "BIGINT" if _type(value) in _SMALL else _WIDE))
    return node


def signed(node: exp.Expr, dialect: str) -> exp.Expr:
    """Counts and ranks are signed integers, and a wide sum must fit into one."""
    inner = node
    while isinstance(inner, (exp.Window, exp.Filter)):
        inner = inner.this
    wide = isinstance(inner, exp.Sum) and any(
        isinstance(n, exp.Cast) and n.to.this == _T.INT128 for n in (inner.this, *inner.this.expressions)
    )
    if not (wide or isinstance(inner, _COUNTS)) or (
        isinstance(node.parent, (exp.Window, exp.Filter)) and node.arg_key == "this"
    ):
        return node
    return integer(node)


def rounding(node: exp.Expr, dialect: str) -> exp.Expr:
    """ROUND takes halves away from zero; that of Polars takes those of floats to the even neighbour."""
    if not isinstance(node, exp.Round) or is_integer(node.this) or is_decimal(node.this):
        return node
    digits = node.args.get("decimals")
    if digits is not None and not (isinstance(digits, exp.Literal) and digits.is_int):
        return node
    scale = number(f"{10 ** int(digits.this)}e0") if digits is not None else number("1e0")
    scaled = exp.Paren(this=exp.Mul(this=cast(node.this, "DOUBLE"), expression=scale))
    return exp.Div(this=exp.Paren(this=_half_away(scaled, node, scale)), expression=scale.copy())


def _half_away(value: exp.Expr, plain: exp.Round, scale: exp.Expr) -> exp.Expr:
    whole = exp.Trunc(this=value.copy())
    up = exp.Add(this=whole, expression=exp.Sign(this=value.copy()))
    return case((_is_half(value), up), default=exp.Mul(this=plain, expression=scale.copy()))


def _is_half(value: exp.Expr) -> exp.Expr:
    rest = exp.Abs(this=exp.Sub(this=value.copy(), expression=exp.Trunc(this=value.copy())))
    return exp.EQ(this=rest, expression=number("0.5e0"))


def casts(node: exp.Expr, dialect: str) -> exp.Expr:
    """CAST to fewer digits rounds, or cuts off, as the dialect has it; Polars cuts off, or rounds to even."""
    if not isinstance(node, (exp.Cast, exp.TryCast)) or node.args.get("_rounded"):
        return node
    target, value = node.to.this, node.this
    rounded: exp.Expr | None = None
    if target in INTEGERS and (is_decimal(value) or is_float(value)):
        rounded = _to_integer(value, dialect)
    elif target == _T.DECIMAL and is_decimal(value) and node.to.expressions:
        scale = node.to.expressions[1].this.copy() if len(node.to.expressions) > 1 else number(0)
        rounded = exp.Round(this=value.copy(), decimals=scale)
    if rounded is None:
        return node
    made = node.copy()
    made.set("this", rounded)
    made.set("_rounded", True)
    return made


def _to_integer(value: exp.Expr, dialect: str) -> exp.Expr:
    if dialect in dialects.CAST_TRUNCATES:
        return exp.Trunc(this=value.copy())
    if is_decimal(value):
        return exp.Round(this=value.copy())
    if dialect in dialects.FLOAT_ROUNDS_HALF_EVEN:
        return exp.Round(this=value.copy())
    up = exp.Add(this=exp.Trunc(this=value.copy()), expression=exp.Sign(this=value.copy()))
    return case((_is_half(paren(value)), up), default=exp.Round(this=value.copy()))


def logarithms(node: exp.Expr, dialect: str) -> exp.Expr:
    """LOG(base, x) is LOG(x, base) to Polars, and LOG(x) is that of base 10."""
    if isinstance(node, exp.Ln):
        value, made = node.this, call("LN", cast(node.this, "DOUBLE"))
    elif isinstance(node, exp.Log):
        value = node.expression or node.this
        by_ten = node.expression is None
        of = cast(value, "DOUBLE")
        base = node.this
        if by_ten or (isinstance(base, exp.Literal) and base.this == "10"):
            made = call("LOG10", of)
        elif isinstance(base, exp.Literal) and base.this == "2":
            made = call("LOG2", of)
        else:
            made = call("LOG", of, cast(base, "DOUBLE"))
    else:
        return node
    if dialect in dialects.LN_OUT_OF_RANGE_IS_NULL:
        return case((exp.GT(this=paren(value), expression=number(0)), made))
    return made


def _type(node: exp.Expr) -> object:
    return node.type.this if node.type is not None else None


ARITHMETIC = (logarithms, division, casts, rounding, overflow, sums, signed, literals)
"""In the order in which they are applied."""
