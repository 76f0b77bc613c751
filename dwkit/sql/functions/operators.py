"""Comparison, logic, arithmetic, CAST, IN, BETWEEN, LIKE."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial, reduce
from typing import Any

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Builder, Call, Functions
from dwkit.sql.functions.dates.formatting import written_in
from dwkit.sql.functions.dates.operators import apart, moved_by
from dwkit.sql.functions.dates.precision import with_precision
from dwkit.sql.functions.decimals import from_scaled, scaled_of, whole_of
from dwkit.sql.functions.interval import interval_of, scaled
from dwkit.sql.types import (
    from_sql,
    is_decimal,
    is_float,
    is_integer,
    is_number,
    is_text,
    scale_of,
    shown,
    unified,
    whole_digits,
)
from dwkit.sql.value import Value, constant

__all__ = ["OPERATORS", "alike", "compared", "like_regex"]

_BOOLEAN = pl.Boolean()


# -- comparison -----------------------------------------------------------------------------------


def alike(call: Call, *values: Value) -> list[Value]:
    """Return values with one type, as a comparison, CASE, COALESCE or IN needs them.

    A quoted literal takes the type of the others; text that meets a number is read as one.

    Raises:
        SqlError: they have no common type.
    """
    others = [v for v in values if not v.is_text_literal and not v.is_null]
    dtype = unified(v.dtype for v in others)
    if dtype is not None and isinstance(dtype, pl.Null):
        dtype = pl.String()
    if dtype is None:
        dtype = _mixed([v.dtype for v in others])
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
    left, right = alike(call, left, right)
    made: pl.Expr = _COMPARE[op](left.expr, right.expr)
    return Value(made, _BOOLEAN, left.refs | right.refs)


_COMPARE: dict[str, Callable[[Any, Any], pl.Expr]] = {
    "=": lambda a, b: a == b, "<>": lambda a, b: a != b, "<": lambda a, b: a < b, "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
    "is": lambda a, b: a.eq_missing(b), "is not": lambda a, b: a.ne_missing(b),
}  # fmt: skip


def _comparison(op: str, call: Call) -> Value:
    left, right = call.node.this, call.node.expression
    if isinstance(left, exp.Tuple) and isinstance(right, exp.Tuple):
        return _rows(op, call, left, right)
    return compared(call, op, call.bind(left), call.bind(right))


def _rows(op: str, call: Call, left: exp.Tuple, right: exp.Tuple) -> Value:
    """Row values compare from left to right (ISO 9075-2, 8.2); to DuckDB they are structs, in which NULL is a value."""
    if len(left.expressions) != len(right.expressions):
        raise call.error(f"rows of {len(left.expressions)} and {len(right.expressions)} values")
    pairs = [
        alike(call, call.bind(a), call.bind(b))
        for a, b in zip(left.expressions, right.expressions, strict=True)
    ]
    structs = call.dialect == "duckdb"
    equal = [_COMPARE["is" if structs or op.startswith("is") else "="](a.expr, b.expr) for a, b in pairs]
    if op in ("=", "<>", "is", "is not"):
        every = reduce(lambda a, b: a & b, equal)
        return call.value(every if op in ("=", "is") else every.not_(), _BOOLEAN)
    strict = op.rstrip("=")
    made = equal[-1] if op.endswith("=") else None
    for (a, b), same in list(zip(pairs, equal, strict=True))[::-1]:
        differs = _COMPARE[strict](a.expr, b.expr)
        if structs:  # NULL is the greatest
            first, second = (a.expr, b.expr) if strict == "<" else (b.expr, a.expr)
            differs = differs.fill_null(first.is_not_null() & second.is_null())
        made = differs if made is None else differs | (same & made)
    assert made is not None
    return call.value(made, _BOOLEAN)


def _between(call: Call) -> Value:
    value, low, high = alike(call, call.arg(), call.arg("low"), call.arg("high"))
    made = (value.expr >= low.expr) & (value.expr <= high.expr)
    if call.has("symmetric"):
        made |= (value.expr >= high.expr) & (value.expr <= low.expr)
    return call.value(made, _BOOLEAN)


def _in(call: Call) -> Value:
    node = call.node
    items = node.expressions
    if isinstance(node.this, exp.Tuple):
        rows = [_rows("=", call, node.this, i.this if isinstance(i, exp.Paren) else i) for i in items]
        return call.value(reduce(lambda a, b: a | b, (r.expr for r in rows)), _BOOLEAN)
    if call.has("unnest") or call.has("field"):
        nested = call.given("field") or call.given("unnest").expressions[0]
        return call.value(call.bind(nested).expr.list.contains(call.arg().expr), _BOOLEAN)
    value = call.arg()
    values = alike(call, value, *(call.bind(i) for i in items))
    tested, rest = values[0], values[1:]
    known = [v.constant for v in rest if v.is_constant and not v.is_null]
    made: list[pl.Expr] = []
    if len(known) > 1:
        made.append(tested.expr.is_in(pl.Series(known, dtype=tested.dtype).implode()))
    elif known:
        made.append(tested.expr == pl.lit(known[0], dtype=tested.dtype))
    made += [tested.expr == v.expr for v in rest if not v.is_constant]
    if any(v.is_null for v in rest):
        made.append(pl.lit(None, dtype=_BOOLEAN))
    if not made:
        return constant(False, _BOOLEAN)
    return call.value(reduce(lambda a, b: a | b, made), _BOOLEAN)


# -- logic ----------------------------------------------------------------------------------------


def _truth(call: Call, key: str = "this") -> Value:
    value = call.binder.truth(call.given(key))  # type: ignore[attr-defined]
    call._bound.append(value)  # noqa: SLF001
    found: Value = value
    return found


def _and(call: Call) -> Value:
    return call.value(_truth(call).expr & _truth(call, "expression").expr, _BOOLEAN)


def _or(call: Call) -> Value:
    return call.value(_truth(call).expr | _truth(call, "expression").expr, _BOOLEAN)


def _xor(call: Call) -> Value:
    return call.value(_truth(call).expr ^ _truth(call, "expression").expr, _BOOLEAN)


def _not(call: Call) -> Value:
    return call.value(_truth(call).expr.not_(), _BOOLEAN)


def _is(call: Call) -> Value:
    made = _is_plain(call)
    # PostgreSQL's IS NOT, which for row values is not the opposite of IS.
    return made.as_(made.expr.not_(), _BOOLEAN) if call.has("negate") else made


def _is_plain(call: Call) -> Value:
    right = call.node.expression
    if isinstance(right, exp.Null):
        return call.value(call.arg().expr.is_null(), _BOOLEAN)
    if isinstance(right, exp.Boolean):
        return call.value(_truth(call).expr.eq_missing(pl.lit(bool(right.this))), _BOOLEAN)
    return compared(call, "is", call.arg(), call.arg("expression"))


# -- arithmetic -----------------------------------------------------------------------------------


def _operands(call: Call) -> tuple[Value, Value]:
    """Return the operands of an arithmetic operator, text among them read as numbers."""
    left, right = call.arg(), call.arg("expression")
    if is_text(left.dtype) and is_number(right.dtype):
        left = call.cast(left, _read_as(left, right))
    elif is_text(right.dtype) and is_number(left.dtype):
        right = call.cast(right, _read_as(right, left))
    elif (
        is_text(left.dtype)
        and is_text(right.dtype)
        and call.dialect in ("mysql", "sqlite", "snowflake", "oracle")
    ):
        left, right = call.cast(left, pl.Float64()), call.cast(right, pl.Float64())
    for_number = [pl.Int32() if isinstance(v.dtype, pl.Boolean) else v.dtype for v in (left, right)]
    left, right = call.cast(left, for_number[0]), call.cast(right, for_number[1])
    if left.is_null and not right.is_null:
        left = call.cast(left, right.dtype)
    elif right.is_null and not left.is_null:
        right = call.cast(right, left.dtype)
    elif left.is_null:
        left, right = call.cast(left, pl.Int32()), call.cast(right, pl.Int32())
    return left, right


def _read_as(text: Value, number: Value) -> pl.DataType:
    if text.is_text_literal and re.fullmatch(r"\s*[+-]?\d+\s*", text.constant):
        return pl.Int64() if is_integer(number.dtype) else number.dtype
    return pl.Float64()


def _wrong(call: Call, left: Value, right: Value) -> Exception:
    sign = _SIGNS.get(type(call.node), call.node.key)
    return call.error(
        f"{shown(left.dtype)} {sign} {shown(right.dtype)} has no meaning", hint="cast one of them"
    )


_SIGNS: dict[type[exp.Expr], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.Mod: "%"}


def _add(call: Call) -> Value:
    left, right = call.arg(), call.arg("expression")
    if call.dialect == "tsql" and is_text(left.dtype) and is_text(right.dtype):
        return call.value(pl.concat_str(left.expr, right.expr), pl.String())
    moved = moved_by(call, left, right, 1) or moved_by(call, right, left, 1)
    if moved is not None:
        return moved
    return _sum(call, *_operands(call), 1)


def _sub(call: Call) -> Value:
    left, right = call.arg(), call.arg("expression")
    moved = moved_by(call, left, right, -1) or apart(call, left, right)
    return moved if moved is not None else _sum(call, *_operands(call), -1)


def _sum(call: Call, left: Value, right: Value, sign: int) -> Value:
    if not (is_number(left.dtype) and is_number(right.dtype)):
        raise _wrong(call, left, right)
    plus = (lambda a, b: a + b) if sign > 0 else (lambda a, b: a - b)
    if is_float(left.dtype) or is_float(right.dtype):
        return call.value(plus(*_doubles(call, left, right)), pl.Float64())
    if is_decimal(left.dtype) or is_decimal(right.dtype):
        scale = max(scale_of(left.dtype), scale_of(right.dtype))
        digits = max(whole_of(left), whole_of(right)) + 1 + scale
        if digits <= 38 and (left.scaled is not None or right.scaled is not None):
            made = plus(*(scaled_of(v) * 10 ** (scale - scale_of(v.dtype)) for v in (left, right)))
            return from_scaled(call, made, digits, scale)
        return call.value(plus(_decimal(left), _decimal(right)), pl.Decimal(min(38, digits), scale))
    return _integers(call, plus, left, right)


def _mul(call: Call) -> Value:
    first, second = call.arg(), call.arg("expression")
    for one, other in ((first, second), (second, first)):
        if one.interval is not None and is_number(other.dtype):
            return scaled(call, one.interval, other)
    left, right = _operands(call)
    if not (is_number(left.dtype) and is_number(right.dtype)):
        raise _wrong(call, left, right)
    if is_float(left.dtype) or is_float(right.dtype):
        a, b = _doubles(call, left, right)
        return call.value(a * b, pl.Float64())
    if is_integer(left.dtype) and is_integer(right.dtype):
        return _integers(call, lambda a, b: a * b, left, right)
    scale = scale_of(left.dtype) + scale_of(right.dtype)
    if scale > 38:
        raise call.error(f"a product of {scale} digits after the point", hint="cast one of them to double")
    digits = whole_of(left) + whole_of(right) + scale
    if digits <= 38:
        return from_scaled(call, scaled_of(left) * scaled_of(right), digits, scale)
    # Polars keeps the greater scale of the two and rounds; a product has as many digits as both together.
    wide = left.expr.cast(pl.Decimal(38, scale)) if scale_of(left.dtype) != scale else _decimal(left)
    return call.value(wide * _decimal(right), pl.Decimal(38, scale))


def _decimal(value: Value) -> pl.Expr:
    if isinstance(value.constant, int):
        return constant(value.constant, pl.Decimal(38, 0)).expr
    return value.expr.cast(pl.Decimal(38, 0)) if is_integer(value.dtype) else value.expr


def _doubles(call: Call, left: Value, right: Value) -> tuple[pl.Expr, pl.Expr]:
    return call.cast(left, pl.Float64()).expr, call.cast(right, pl.Float64()).expr


def _integers(call: Call, of: Callable[[Any, Any], pl.Expr], left: Value, right: Value) -> Value:
    """Integers are calculated in 64 bits; where that may overflow, in 128, and an overflow is an error."""
    if isinstance(left.constant, int) and isinstance(right.constant, int):
        return _constant_integers(call, of, left.constant, right.constant)
    if whole_digits(left.dtype) <= 10 and whole_digits(right.dtype) <= 10:
        return call.value(of(left.expr.cast(pl.Int64), right.expr.cast(pl.Int64)), pl.Int64())
    if whole_digits(left.dtype) > 19 or whole_digits(right.dtype) > 19:
        return call.value(of(left.expr.cast(pl.Int128), right.expr.cast(pl.Int128)), pl.Int128())
    wide = of(left.expr.cast(pl.Int128), right.expr.cast(pl.Int128))
    return call.value(wide.cast(pl.Int64, strict=True), pl.Int64())


def _constant_integers(call: Call, of: Callable[[Any, Any], Any], left: int, right: int) -> Value:
    made = of(left, right)
    if not -(2**63) <= made < 2**63:
        raise call.error(f"{made} does not fit a BIGINT", hint="cast one of them to double or decimal")
    return constant(made, pl.Int32() if -(2**31) <= made < 2**31 else pl.Int64())


_DIVISION_SCALE: dict[str, Callable[[int, int, int, int], int]] = {
    "mysql": lambda p1, s1, p2, s2: min(30, s1 + 4),
    "snowflake": lambda p1, s1, p2, s2: max(s1, min(s1 + 6, 12)),
    "bigquery": lambda p1, s1, p2, s2: 9,
    "trino": lambda p1, s1, p2, s2: max(s1, s2),
    "spark": lambda p1, s1, p2, s2: max(6, s1 + p2 + 1),
    "databricks": lambda p1, s1, p2, s2: max(6, s1 + p2 + 1),
    "tsql": lambda p1, s1, p2, s2: max(6, s1 + p2 + 1),
    "redshift": lambda p1, s1, p2, s2: max(4, s1 + p2 - s2 + 1),
    "postgres": lambda p1, s1, p2, s2: max(16, s1, s2),
    "oracle": lambda p1, s1, p2, s2: max(16, s1, s2),
}  # fmt: skip
"""Digits after the point of a quotient of decimals, from the manuals; elsewhere it is a double."""


def _div(call: Call) -> Value:
    interval = call.arg().interval
    if interval is not None:
        call.given("typed")
        call.given("safe")
        factor = call.cast(call.arg("expression"), pl.Float64())
        return scaled(call, interval, factor.as_(1 / _divisor(call, factor, factor.expr), pl.Float64()))
    left, right = _operands(call)
    if not (is_number(left.dtype) and is_number(right.dtype)):
        raise _wrong(call, left, right)
    both_integers = is_integer(left.dtype) and is_integer(right.dtype)
    typed = call.has("typed")
    if both_integers and typed:
        return _int_quotient(call, left, right)
    exact = not is_float(left.dtype) and not is_float(right.dtype)
    scale_rule = _DIVISION_SCALE.get(call.dialect)
    if (
        exact
        and scale_rule is not None
        and not (both_integers and call.dialect in ("spark", "databricks", "bigquery"))
    ):
        return _decimal_quotient(call, left, right, scale_rule)
    a, b = _doubles(call, left, right)
    return call.value(a / _divisor(call, right, b), pl.Float64())


def _divisor(call: Call, value: Value, expr: pl.Expr) -> pl.Expr:
    """A division by zero gives NULL, or is an error where the dialect says so and the row is asked for."""
    safe = call.has("safe")
    if value.is_constant and value.constant:
        return expr
    if is_float(value.dtype) and call.dialect == "duckdb" and not safe:
        return expr
    if not safe and call.dialect not in ("duckdb", "sqlite", "mysql"):
        zero = expr == 0 if call.binder.condition is None else (expr == 0) & call.binder.condition
        failed = pl.when(zero).then(pl.lit("division by zero")).cast(pl.Int8, strict=True)
        return pl.when(failed.is_null() & (expr != 0)).then(expr)
    return pl.when(expr != 0).then(expr)


def _decimal_quotient(
    call: Call, left: Value, right: Value, rule: Callable[[int, int, int, int], int]
) -> Value:
    s1, s2 = scale_of(left.dtype), scale_of(right.dtype)
    scale = max(0, min(rule(whole_digits(left.dtype) + s1, s1, whole_digits(right.dtype) + s2, s2), 30))
    scale = max(min(scale, 38 - min(whole_digits(left.dtype) + s2, 32)), min(scale, 6))
    made = _decimal(left).cast(pl.Decimal(38, scale)) / _divisor(call, right, _decimal(right)).cast(
        pl.Decimal(38, min(s2, scale))
    )
    return call.value(made, pl.Decimal(38, scale))


def _int_quotient(call: Call, left: Value, right: Value) -> Value:
    """Division of integers cuts the fraction off; Polars' goes to the lower."""
    a, b = left.expr.cast(pl.Int64), _divisor(call, right, right.expr.cast(pl.Int64))
    whole = a.abs() // b.abs()
    return call.value(pl.when((a < 0) != (b < 0)).then(-whole).otherwise(whole), pl.Int64())


def _floor_div(call: Call) -> Value:
    left, right = _operands(call)
    if is_integer(left.dtype) and is_integer(right.dtype):
        return _int_quotient(call, left, right)
    a, b = _doubles(call, left, right)
    quotient = a / _divisor(call, right, b)
    if call.dialect == "duckdb":
        return call.value(quotient.floor(), pl.Float64())
    return call.value(quotient.truncate().cast(pl.Int64, strict=True), pl.Int64())


def _mod(call: Call) -> Value:
    """The remainder has the sign of the dividend; Polars' has that of the divisor."""
    left, right = _operands(call)
    if not (is_number(left.dtype) and is_number(right.dtype)):
        raise _wrong(call, left, right)
    if is_float(left.dtype) or is_float(right.dtype):
        a, b = _doubles(call, left, right)
        divisor = _divisor(call, right, b)
        made = a.abs() % divisor.abs()
        return call.value(pl.when(a < 0).then(-made).otherwise(made), pl.Float64())
    if is_decimal(left.dtype) or is_decimal(right.dtype):
        scale = max(scale_of(left.dtype), scale_of(right.dtype))
        dtype = pl.Decimal(38, scale)
        a, b = _decimal(left).cast(dtype), _divisor(call, right, _decimal(right).cast(dtype))
        made = a.abs() % b.abs()
        return call.value(pl.when(a < 0).then(-made).otherwise(made), dtype)
    a, b = left.expr.cast(pl.Int64), _divisor(call, right, right.expr.cast(pl.Int64))
    made = a.abs() % b.abs()
    return call.value(pl.when(a < 0).then(-made).otherwise(made), pl.Int64())


def _neg(call: Call) -> Value:
    value = call.arg()
    if value.interval is not None:
        return scaled(call, value.interval, constant(-1, pl.Int32()))
    if value.is_text_literal or is_text(value.dtype):
        value = call.cast(value, pl.Float64())
    if value.is_constant and not value.is_null and not isinstance(value.constant, bool):
        number = -value.constant
        dtype = pl.Int64() if isinstance(value.dtype, pl.Int128) and number >= -(2**63) else value.dtype
        return constant(number, dtype)
    if not is_number(value.dtype) and not isinstance(value.dtype, (pl.Duration, pl.Null)):
        raise call.error(f"-{shown(value.dtype)} has no meaning")
    if value.scaled is not None:
        return from_scaled(
            call, -value.scaled, whole_digits(value.dtype) + scale_of(value.dtype), scale_of(value.dtype)
        )
    unsigned = str(value.dtype).startswith("UInt")
    return value.as_(
        -(value.expr.cast(pl.Int64) if unsigned else value.expr), pl.Int64() if unsigned else value.dtype
    )


def _bits(of: Callable[[Any, Any], pl.Expr]) -> Builder:
    def build(call: Call) -> Value:
        return call.value(of(call.integer(), call.integer("expression")), pl.Int64())

    return build


def _shift(direction: int) -> Builder:
    def build(call: Call) -> Value:
        powers = pl.lit(2, dtype=pl.Int64).pow(call.integer("expression"))
        value = call.integer()
        return call.value(value * powers if direction > 0 else value // powers, pl.Int64())

    return build


def _concat(call: Call) -> Value:
    call.has("safe")  # only how a dialect writes it
    left, right = call.arg(), call.arg("expression")
    from dwkit.sql.types import is_list

    if is_list(left.dtype) or is_list(right.dtype):
        a, b = alike(call, left, right)
        return call.value(pl.concat_list(a.expr, b.expr), a.dtype)
    return call.value(pl.concat_str(call.as_text(left), call.as_text(right)), pl.String())


# -- casts ----------------------------------------------------------------------------------------


def _cast(safe: bool, call: Call) -> Value:
    kind = call.given("to")
    call.has("safe")  # what TRY_CAST says
    if kind.this == exp.DataType.Type.INTERVAL:
        return interval_of(call, call.node.this, kind)
    dtype = from_sql(kind, call.dialect)
    if dtype is None:
        raise call.refuse(f"type {kind.sql(dialect=call.dialect)}")
    if call.given("format") is not None and is_text(dtype):
        return written_in(call, call.arg(), call.given("format"))
    if safe and not call.has("safe") and call.dialect in ("spark", "databricks"):
        # sqlglot reads a plain CAST so; it is an error there what cannot be cast (ANSI mode, the default of Spark 4).
        safe = False
    call.given("safe")
    call.given("requires_string")
    call.given("probe_date_format")
    fine = pl.Datetime("us", dtype.time_zone) if isinstance(dtype, pl.Datetime) else dtype
    made = call.cast(with_precision(call, call.cast(call.arg(), fine, safe=safe), kind), dtype, safe=safe)
    length = kind.expressions[0] if kind.expressions and is_text(dtype) and _counted(kind) else None
    if length is not None and call.dialect != "duckdb" and length.name.isdigit():
        made = made.as_(made.expr.str.slice(0, int(length.name)), dtype)
    json = kind.this in (exp.DataType.Type.JSON, exp.DataType.Type.JSONB, exp.DataType.Type.VARIANT)
    return made.marked_json() if json else made


def _counted(kind: exp.DataType) -> bool:
    return kind.this in (
        exp.DataType.Type.VARCHAR,
        exp.DataType.Type.CHAR,
        exp.DataType.Type.NVARCHAR,
        exp.DataType.Type.NCHAR,
    )


# -- LIKE -----------------------------------------------------------------------------------------


def like_regex(pattern: str, escape: str = "") -> str:
    """Return a LIKE pattern as a regular expression."""
    made, at = "", 0
    while at < len(pattern):
        sign = pattern[at]
        if escape and sign == escape and at + 1 < len(pattern):
            at += 1
            made += re.escape(pattern[at])
        else:
            made += {"%": ".*", "_": "."}.get(sign) or re.escape(sign)
        at += 1
    return f"(?s)^{made}$"


_BACKSLASH_ESCAPES = frozenset(
    {"postgres", "redshift", "mysql", "snowflake", "spark", "databricks", "bigquery"}
)
"""A backslash escapes in LIKE there without an ESCAPE clause (Snowflake: in the literal itself)."""


def _like(insensitive: bool, call: Call) -> Value:
    liked = _liked(
        call,
        call.node.this,
        call.node.expression,
        _escape(call, call.given("escape")),
        insensitive=insensitive,
    )
    return liked.as_(liked.expr.not_(), _BOOLEAN) if call.has("negate") else liked


def _escape(call: Call, node: exp.Expr | None) -> str:
    if node is None:
        return "\\" if call.dialect in _BACKSLASH_ESCAPES else ""
    value = call.bind(node)
    if not isinstance(value.constant, str) or len(value.constant) > 1:
        raise call.error("ESCAPE wants one character", node)
    return value.constant


def _escaped(call: Call) -> Value:
    """``x LIKE y ESCAPE z``."""
    inner = call.node.this
    if not isinstance(inner, (exp.Like, exp.ILike)):
        raise call.refuse("ESCAPE here")
    escape = _escape(call, call.node.expression)
    liked = _liked(call, inner.this, inner.expression, escape, insensitive=isinstance(inner, exp.ILike))
    return liked.as_(liked.expr.not_(), _BOOLEAN) if inner.args.get("negate") else liked


def _liked(call: Call, left: exp.Expr, right: exp.Expr, escape: str, *, insensitive: bool) -> Value:
    if isinstance(right, (exp.Any, exp.All)):
        patterns = right.this.expressions if isinstance(right.this, exp.Tuple) else [right.this.unnest()]
        each = [_liked(call, left, p, escape, insensitive=insensitive).expr for p in patterns]
        joined = reduce(lambda a, b: a | b if isinstance(right, exp.Any) else a & b, each)
        return call.value(joined, _BOOLEAN)
    text, pattern = call.as_text(call.bind(left)), call.bind(right)
    insensitive = insensitive or call.dialect == "sqlite"
    if not isinstance(pattern.constant, str):
        made = call.as_text(pattern).str.escape_regex()
        if escape and call.has("escape"):
            raise call.refuse("ESCAPE with a computed pattern")
        regex = pl.concat_str(
            pl.lit("(?is)^" if insensitive else "(?s)^"),
            made.str.replace_all("%", ".*", literal=True).str.replace_all("_", ".", literal=True),
            pl.lit("$"),
        )
        return call.value(text.str.contains(regex), _BOOLEAN)
    known = pattern.constant
    plain = not insensitive and not (escape and escape in known) and "_" not in known
    if plain:
        core = known.strip("%")
        if "%" not in core:
            if not known.startswith("%") and not known.endswith("%"):
                return call.value(text == core, _BOOLEAN)
            if core and known.startswith("%") and known.endswith("%"):
                return call.value(text.str.contains(core, literal=True), _BOOLEAN)
            if core and known.endswith("%"):
                return call.value(text.str.starts_with(core), _BOOLEAN)
            if core:
                return call.value(text.str.ends_with(core), _BOOLEAN)
    regex = like_regex(known, escape)
    return call.value(text.str.contains("(?i)" + regex if insensitive else regex), _BOOLEAN)


OPERATORS: Functions = {
    exp.EQ: partial(_comparison, "="), exp.NEQ: partial(_comparison, "<>"),
    exp.LT: partial(_comparison, "<"), exp.LTE: partial(_comparison, "<="),
    exp.GT: partial(_comparison, ">"), exp.GTE: partial(_comparison, ">="),
    exp.NullSafeEQ: partial(_comparison, "is"), exp.NullSafeNEQ: partial(_comparison, "is not"),
    exp.Between: _between, exp.In: _in, exp.Is: _is,
    exp.And: _and, exp.Or: _or, exp.Xor: _xor, exp.Not: _not,
    exp.Add: _add, exp.Sub: _sub, exp.Mul: _mul, exp.Div: _div, exp.IntDiv: _floor_div, exp.Mod: _mod, exp.Neg: _neg,
    exp.DPipe: _concat,
    exp.BitwiseAnd: _bits(lambda a, b: a & b), exp.BitwiseOr: _bits(lambda a, b: a | b),
    exp.BitwiseXor: _bits(lambda a, b: a ^ b), exp.BitwiseLeftShift: _shift(1), exp.BitwiseRightShift: _shift(-1),
    exp.BitwiseNot: lambda call: call.value(call.integer().not_(), pl.Int64()),
    exp.Cast: partial(_cast, False), exp.TryCast: partial(_cast, True),
    exp.Like: partial(_like, False), exp.ILike: partial(_like, True), exp.Escape: _escaped,
}  # fmt: skip
