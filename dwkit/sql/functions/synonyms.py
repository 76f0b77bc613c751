"""Functions of numbers that some dialects have by names of their own, and truths of numbers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Builder, Call, Functions
from dwkit.sql.functions.remainder import float_remainder
from dwkit.sql.types import is_decimal, is_float, is_integer, is_list, is_number, is_text, scale_of, shown
from dwkit.sql.value import Value

__all__ = ["SYNONYMS", "interval_place", "truths"]

_DOUBLE, _NUMBER, _TEXT, _BOOLEAN = pl.Float64(), pl.Int64(), pl.String(), pl.Boolean()


def _rewritten(make: Callable[..., exp.Expr], count: int) -> Builder:
    """A function that stands for another expression of its arguments."""

    def build(call: Call) -> Value:
        nodes = call.node.expressions
        if len(nodes) != count:
            raise call.error(f"{call.name} wants {count} argument{'s' * (count > 1)}, not {len(nodes)}")
        return call.bind(make(*nodes))

    return build


def _ieee_divide(call: Call) -> Value:
    """IEEE_DIVIDE(a, b): infinite or NaN where b is 0."""
    a, b = (call.cast(v, _DOUBLE).expr for v in call.args())
    return call.value(a / b, _DOUBLE)


def _fmod(call: Call) -> Value:
    """FMOD(a, b): the remainder of doubles, with the sign of a; with that of b in DuckDB."""
    a, b = (call.cast(v, _DOUBLE).expr for v in call.args())
    rest = float_remainder(a, b)
    if call.dialect == "duckdb":
        rest = pl.when((rest != 0) & ((rest < 0) != (b < 0))).then(rest + b).otherwise(rest)
    return call.value(rest, _DOUBLE)


def _remainder(call: Call) -> Value:
    """REMAINDER(a, b) of Oracle: a minus b times the whole number nearest to a / b, of two the even one."""
    a, b = call.args()
    if is_float(a.dtype) or is_float(b.dtype):
        x, y = (call.cast(v, _DOUBLE).expr for v in (a, b))
        return call.value(x - y * (x / y).round(0, mode="half_to_even"), _DOUBLE)
    if not (is_number(a.dtype) and is_number(b.dtype)):
        raise call.error(f"{call.name} wants numbers, not {shown(a.dtype)} and {shown(b.dtype)}")
    scale = max(scale_of(a.dtype), scale_of(b.dtype))
    x, y = (
        v.expr.cast(pl.Int128) * 10**scale
        if not is_decimal(v.dtype)
        else v.expr.cast(pl.Decimal(38, scale)).to_physical()
        for v in (a, b)
    )
    divisor = pl.when(y != 0).then(y.abs())
    rest = x % divisor
    odd = (x // divisor) % 2 != 0
    up = (rest * 2 > divisor) | ((rest * 2 == divisor) & odd)
    units = pl.when(up).then(rest - divisor).otherwise(rest)
    if not scale:
        return call.value(units.cast(pl.Int64), _NUMBER)
    made = units.cast(pl.Decimal(38, 0)) * pl.lit(1, dtype=pl.Decimal(38, scale)) / 10**scale
    return call.value(made.cast(pl.Decimal(38, scale)), pl.Decimal(38, scale))


def _of_double(make: Callable[[pl.Expr], pl.Expr]) -> Builder:
    def build(call: Call) -> Value:
        [value] = call.args()
        return call.value(make(call.cast(value, _DOUBLE).expr), _DOUBLE)

    return build


# -- truths of numbers ----------------------------------------------------------------------------


def truths(call: Call) -> list[pl.Expr]:
    """Return what Snowflake's Boolean functions of numbers take for true."""
    call.has("round_input")
    found = []
    for value in call.values():
        if isinstance(value.dtype, pl.Boolean):
            found.append(value.expr)
        else:  # numbers are rounded to whole ones first
            number = call.cast(value, _DOUBLE).expr if not is_integer(value.dtype) else value.expr
            found.append((number.round(0, mode="half_away_from_zero") if is_float(value.dtype) or is_decimal(
                value.dtype) else number) != 0)  # fmt: skip
    return found


def _logic(make: Callable[[pl.Expr, pl.Expr], pl.Expr], call: Call) -> Value:
    return call.value(reduce(make, truths(call)), _BOOLEAN)


def _to_boolean(call: Call) -> Value:
    """TO_BOOLEAN(x), TRY_TO_BOOLEAN(x): texts such as yes and off, numbers."""
    safe = call.has("safe")
    value = call.arg()
    if is_number(value.dtype):
        return call.value(value.expr != 0, _BOOLEAN)
    return call.cast(value, _BOOLEAN, safe=safe)


def _to_double(call: Call) -> Value:
    """TO_DOUBLE(x), TRY_TO_DOUBLE(x)."""
    safe = call.has("safe")
    if call.has("format"):
        raise call.refuse(f"{call.name} with a format")
    return call.cast(call.arg(), _DOUBLE, safe=safe)


# -- the rest -------------------------------------------------------------------------------------


def _parse_numeric(call: Call) -> Value:
    """PARSE_NUMERIC(text) of BigQuery: blanks around it and commas in it do not count."""
    digits = 20 if isinstance(call.node, exp.ParseBignumeric) else 9
    safe = call.has("safe")
    plain = call.text().str.strip_chars().str.replace_all(",", "", literal=True)
    plain = plain.str.replace(r"^([+-])\s+", "${1}")
    return call.cast(call.value(plain, _TEXT), pl.Decimal(38, digits), safe=safe)


def _range_bucket(call: Call) -> Value:
    """RANGE_BUCKET(x, bounds): how many bounds of a sorted list are not greater."""
    value, bounds = call.arg(), call.arg("expression")
    if value.is_null:
        return call.cast(value, _NUMBER)
    if not is_list(bounds.dtype) or not is_number(value.dtype):
        raise call.refuse(f"{call.name} of {shown(value.dtype)} and {shown(bounds.dtype)}")
    if value.refs or not (value.is_constant or bounds.refs):
        from dwkit.sql.functions.elements import over

        below = over(bounds.expr, [value], lambda element, others: element <= others[0])
    else:
        below = bounds.expr.list.eval(pl.element() <= pl.lit(value.constant))
    found = below.list.sum().cast(pl.Int64)
    return call.value(pl.when(value.expr.is_not_null()).then(found), _NUMBER)


def _sequence(call: Call) -> Value:
    """SEQ1 to SEQ8 of Snowflake: the rows numbered from 0."""
    if call.node.this is not None:
        raise call.refuse(f"{call.name} with an argument")
    return Value(pl.int_range(pl.len(), dtype=pl.Int64), _NUMBER, volatile=True)


def _mask(call: Call) -> Value:
    """MASK(text): capitals become X, small letters x, digits n."""
    subject, *others = call.args()
    words = [v.constant for v in others]
    if len(words) > 4 or not all(w is None or isinstance(w, str) for w in words):
        raise call.refuse("MASK by computed signs")
    signs = [*words, *("X", "x", "n", None)[len(words) :]]
    kinds = (r"\p{Lu}", r"\p{Ll}", r"\p{Nd}", r"[^\p{Lu}\p{Ll}\p{Nd}\x{E000}-\x{E003}]")
    text = subject.expr if is_text(subject.dtype) else call.as_text(subject)
    marks = [chr(0xE000 + n) for n in range(len(kinds))]
    for mark, kind, sign in zip(marks, kinds, signs, strict=True):
        if sign is not None:
            text = text.str.replace_all(kind, mark)
    for mark, sign in zip(marks, signs, strict=True):
        if sign is not None:
            text = text.str.replace_all(mark, sign, literal=True)
    return call.value(text, _TEXT)


def interval_place(call: Call) -> Value:
    """INTERVAL(n, a, b, ...) of MySQL: how many of the rising numbers are not greater; -1 for NULL."""
    number, *bounds = (call.cast(call.bind(n), _DOUBLE).expr for n in call.node.this.expressions)
    count = pl.sum_horizontal([(number >= b).cast(pl.Int64) for b in bounds])
    return call.value(pl.when(number.is_null()).then(-1).otherwise(count).cast(pl.Int64), _NUMBER)


SYNONYMS: Functions = {
    "NEGATIVE": _rewritten(lambda x: exp.Neg(this=x), 1), "IEEE_DIVIDE": _ieee_divide, "FMOD": _fmod,
    "REMAINDER": _remainder,
    "DLOG1": _rewritten(lambda x: exp.Ln(this=x), 1), "DEXP": _rewritten(lambda x: exp.Exp(this=x), 1),
    "DLOG10": _rewritten(lambda x: exp.Log(this=exp.Literal.number(10), expression=x), 1),
    "BITAND": _rewritten(lambda a, b: exp.BitwiseAnd(this=a, expression=b), 2),
    "BITOR": _rewritten(lambda a, b: exp.BitwiseOr(this=a, expression=b), 2),
    "BITXOR": _rewritten(lambda a, b: exp.BitwiseXor(this=a, expression=b), 2),
    "BITNOT": _rewritten(lambda a: exp.BitwiseNot(this=a), 1),
    exp.Booland: partial(_logic, lambda a, b: a & b), exp.Boolor: partial(_logic, lambda a, b: a | b),
    exp.ToBoolean: _to_boolean, exp.ToDouble: _to_double,
    exp.Boolnot: lambda call: call.value(truths(call)[0].not_(), _BOOLEAN),
    exp.ParseNumeric: _parse_numeric, exp.ParseBignumeric: _parse_numeric, exp.RangeBucket: _range_bucket,
    exp.Seq1: _sequence, exp.Seq2: _sequence, exp.Seq4: _sequence, exp.Seq8: _sequence, "MASK": _mask,
}  # fmt: skip
