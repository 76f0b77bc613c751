"""Functions of numbers."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Builder, Call, Functions, as_float, floats_together, numbers
from dwkit.sql.functions.division import divided
from dwkit.sql.functions.integers import divisor_of
from dwkit.sql.functions.operands import number_of
from dwkit.sql.functions.rounding import ROUNDING
from dwkit.sql.types import is_float, is_integer, is_number, shown, unified
from dwkit.sql.value import Value, constant

__all__ = ["NUMERIC"]

_DOUBLE, _INTEGER, _BOOLEAN = pl.Float64(), pl.Int64(), pl.Boolean()


def _abs(call: Call) -> Value:
    value = number_of(call)
    return call.value(value.expr.abs(), value.dtype)


def _sign(call: Call) -> Value:
    value = number_of(call)
    made = pl.when(value.expr > 0).then(1).when(value.expr < 0).then(-1).when(value.expr == 0).then(0)
    if is_float(value.dtype) and call.dialect not in ("duckdb", "sqlite", "mysql", "oracle"):
        return call.value(made.cast(pl.Float64), _DOUBLE)
    return call.value(made.cast(pl.Int64), _INTEGER)


def _log(call: Call) -> Value:
    """LOG(base, x), or LOG(x), which is that of base 10 where the dialect does not say LN."""
    if not call.has("expression"):
        value = call.float_()
        return call.value(_positive(call, value.expr).log10(), value.dtype)
    base, value = call.arg(), call.float_("expression")
    number, dtype = value.expr, value.dtype
    if base.constant == 10:
        return call.value(_positive(call, number).log10(), dtype)
    if base.constant == 2:
        return call.value(_positive(call, number).log(2), dtype)
    whole, base_expr = number.cast(_DOUBLE), call.cast(base, _DOUBLE).expr
    made = _positive(call, whole).log(math.e) / _positive(call, base_expr).log(math.e)
    return call.value(made.cast(dtype), dtype)


def _positive(call: Call, number: pl.Expr) -> pl.Expr:
    """Logarithms are of numbers above zero; of others they are NULL, or as IEEE 754 says."""
    return number if call.dialect in _IEEE else pl.when(number > 0).then(number)


_IEEE = frozenset({"datafusion", "duckdb", "trino"})
"""LN(0) is minus infinity there, LN(-1) and SQRT(-1) are NaN."""


def _logarithm(call: Call) -> Value:
    value = call.float_()
    return call.value(_positive(call, value.expr).log(math.e), value.dtype)


def _listed_logarithm(base: int) -> Builder:
    def build(call: Call) -> Value:
        value = as_float(call, call.args()[0])
        number = _positive(call, value.expr)
        return call.value(number.log10() if base == 10 else number.log(base), value.dtype)

    return build


def _sqrt(call: Call) -> Value:
    value = call.float_()
    number = value.expr
    if call.dialect == "datafusion":
        return call.value(
            _unless(call, number < 0, "the square root of a negative number", number.sqrt()), value.dtype
        )
    return call.value(
        (number if call.dialect in _IEEE else pl.when(number >= 0).then(number)).sqrt(), value.dtype
    )


def _pow(call: Call) -> Value:
    base, power = call.number(), call.number("expression")
    made = base.pow(power)
    if call.dialect == "datafusion":
        made = _unless(call, (base == 0) & (power < 0), "zero raised to a negative power", made)
    return call.value(made, _DOUBLE)


def _unless(call: Call, fault: pl.Expr, text: str, made: pl.Expr) -> pl.Expr:
    """Return a result, with an error when it runs where there is a fault."""
    failed = call.guarded(pl.when(fault).then(pl.lit(text))).cast(pl.Int8, strict=True)
    return pl.when(failed.is_null()).then(made)


def _cbrt(call: Call) -> Value:
    value = call.float_()
    return call.value(value.expr.cbrt(), value.dtype)


def _safe(op: type[exp.Binary]) -> Builder:
    """SAFE_ADD and the like: NULL where the result leaves the type."""

    def build(call: Call) -> Value:
        nodes = (
            [call.node.this, call.node.expression] if call.node.this is not None else call.node.expressions
        )
        if isinstance(call.node, exp.Anonymous):
            nodes = call.node.expressions
        left, right = (call.bind(n) for n in nodes)
        if is_integer(left.dtype) and is_integer(right.dtype):
            a, b = left.expr.cast(pl.Int128), right.expr.cast(pl.Int128)
            wide = {exp.Add: a + b, exp.Sub: a - b, exp.Mul: a * b}[op]
            dtype = unified((left.dtype, right.dtype)) if call.dialect in ("spark", "databricks") else None
            dtype = dtype or _INTEGER
            return call.value(wide.cast(dtype, strict=False), dtype)
        return call.bind(op(this=nodes[0], expression=nodes[1]))

    return build


def _safe_negate(call: Call) -> Value:
    value = call.arg()
    if not is_integer(value.dtype):
        return call.bind(exp.Neg(this=call.node.this))
    return call.value((0 - value.expr.cast(pl.Int128)).cast(pl.Int64, strict=False), _INTEGER)


def _safe_divide(call: Call) -> Value:
    return divided(call, call.arg(), call.arg("expression"))


def _random(call: Call) -> Value:
    """RANDOM(): each row a number from 0 up to 1; SQLite's is any whole number."""
    seed = random.getrandbits(60)
    bits = pl.int_range(pl.len(), dtype=pl.UInt64).hash(seed=seed)
    if call.dialect == "sqlite":
        return replace(
            constant(0, _INTEGER), expr=bits.reinterpret(signed=True), constant=_not_known(), volatile=True
        )
    made = (bits // 2048).cast(pl.Float64) / 2.0**53
    low, high = call.maybe("lower"), call.maybe("upper")
    if low is not None and high is not None:
        a, b = call.cast(low, _DOUBLE).expr, call.cast(high, _DOUBLE).expr
        made = a + made * (b - a)
    return Value(made, _DOUBLE, volatile=True)


def _not_known() -> object:
    from dwkit.sql.value import NOT_CONSTANT

    return NOT_CONSTANT


def _factorial(call: Call) -> Value:
    value = call.integer()
    known = [math.factorial(n) for n in range(34)]
    made = value.replace_strict(list(range(34)), pl.Series(known, dtype=pl.Int128), return_dtype=pl.Int128)
    return call.value(made, pl.Int128())


def _width_bucket(call: Call) -> Value:
    """The number of the bucket of equal width; 0 is below the first, the last plus one above."""
    if not call.has("num_buckets"):
        raise call.refuse("WIDTH_BUCKET over a list of bounds")
    call.has("threshold")
    x, low, high, count = (
        call.number(),
        call.number("min_value"),
        call.number("max_value"),
        call.number("num_buckets"),
    )
    place = ((x - low) / (high - low) * count).floor() + 1
    made = pl.when(x < low).then(0).when(x >= high).then(count + 1).otherwise(place)
    down = ((low - x) / (low - high) * count).floor() + 1
    turned = pl.when(x > low).then(0).when(x <= high).then(count + 1).otherwise(down)
    return call.value(pl.when(low < high).then(made).otherwise(turned).cast(pl.Int64), _INTEGER)


def _bit_count(call: Call) -> Value:
    values = call.values()
    return call.value(call.cast(values[0], _INTEGER).expr.bitwise_count_ones().cast(pl.Int64), _INTEGER)


def _zero_if_null(call: Call) -> Value:
    value = call.args()[0]
    return call.value(value.expr.fill_null(0), value.dtype)


def _null_if_zero(call: Call) -> Value:
    value = call.args()[0]
    return call.value(pl.when(value.expr != 0).then(value.expr), value.dtype)


def _pmod(call: Call) -> Value:
    """PMOD of Spark: the remainder r with the sign of the dividend; where r < 0, that of r + divisor."""
    values = call.args()
    dtype = _INTEGER if all(is_integer(v.dtype) for v in values) else _DOUBLE
    a, b = (call.cast(v, dtype).expr for v in values)
    divisor = pl.when(b != 0).then(b)

    def remainder(x: pl.Expr) -> pl.Expr:
        rest = x.abs() % divisor.abs()
        return pl.when(x < 0).then(0 - rest).otherwise(rest)

    rest = remainder(a)
    return call.value(pl.when(rest < 0).then(remainder(rest + divisor)).otherwise(rest), dtype)


def _greatest_divisor(call: Call) -> Value:
    a, b = call.args()
    if not (isinstance(a.constant, int) and isinstance(b.constant, int)):
        return divisor_of(call, a, b)
    made = math.gcd(a.constant, b.constant) if call.name == "GCD" else math.lcm(a.constant, b.constant)
    if made >= 2**63:
        raise call.error(f"{made} does not fit a BIGINT")
    return constant(made, _INTEGER)


def _is_zero(call: Call) -> Value:
    return call.value(call.cast(call.args()[0], _DOUBLE).expr == 0, _BOOLEAN)


def _to_number(call: Call) -> Value:
    """TO_NUMBER and TO_DECIMAL without a format: a number with the digits that are asked for."""
    for flag in ("safe_name", "safe"):
        call.has(flag)
    if call.has("format") or call.has("nlsparam") or call.has("default"):
        raise call.refuse(f"{call.name} with a format")
    precision, scale = call.constant("precision", 38), call.constant("scale", 0)
    if call.dialect in ("oracle", "postgres") and not call.has("precision"):
        precision, scale = 38, 10
    return call.cast(call.arg(), pl.Decimal(precision, scale), safe=call.has("safe"))


def _is_nan(call: Call) -> Value:
    value = call.arg() if not isinstance(call.node, exp.Anonymous) else call.args()[0]
    return call.value(call.cast(value, _DOUBLE).expr.is_nan(), _BOOLEAN)


def _is_infinite(call: Call) -> Value:
    value = call.arg() if not isinstance(call.node, exp.Anonymous) else call.args()[0]
    return call.value(call.cast(value, _DOUBLE).expr.is_infinite(), _BOOLEAN)


def _is_finite(call: Call) -> Value:
    value = call.args()[0]
    if not is_number(value.dtype):
        raise call.refuse(f"{call.name} of {shown(value.dtype)}")
    return call.value(call.cast(value, _DOUBLE).expr.is_finite(), _BOOLEAN)


def _hypotenuse(call: Call) -> Value:
    a, b = (call.cast(v, _DOUBLE).expr for v in call.args())
    return call.value((a * a + b * b).sqrt(), _DOUBLE)


def _nanvl(call: Call) -> Value:
    values = [call.float_(), call.float_("expression")]
    number, other = (v.expr for v in values)
    return call.value(pl.when(number.is_nan()).then(other).otherwise(number), floats_together(values))


def _bit_of(call: Call) -> Value:
    """BIT_GET(x, n): the bit at a place, from 0 at the right."""
    place = call.constant("expression")
    if not isinstance(place, int) or not 0 <= place < 63 or call.has("zero_is_msb"):
        raise call.refuse(f"{call.name} at this place")
    return call.value((call.integer() // 2**place) % 2, _INTEGER)


def _listed(make: Callable[[pl.Expr], pl.Expr]) -> Builder:
    """A function of one double that sqlglot has no class for."""

    def build(call: Call) -> Value:
        return call.value(make(call.cast(call.args()[0], _DOUBLE).expr), _DOUBLE)

    return build


NUMERIC: Functions = {
    **ROUNDING,
    exp.Abs: _abs,
    exp.Sign: _sign,
    exp.Sqrt: _sqrt,
    exp.Cbrt: _cbrt,
    exp.Exp: numbers(lambda x: x.exp()),
    exp.Ln: _logarithm,
    exp.Log: _log,
    "LOG10": _listed_logarithm(10),
    "LOG2": _listed_logarithm(2),
    exp.Pow: _pow,
    exp.Sin: numbers(lambda x: x.sin()),
    exp.Cos: numbers(lambda x: x.cos()),
    exp.Tan: numbers(lambda x: x.tan()),
    exp.Cot: numbers(lambda x: x.cot()),
    exp.Asin: numbers(lambda x: x.arcsin()),
    exp.Acos: numbers(lambda x: x.arccos()),
    exp.Atan: numbers(lambda x: x.arctan()),
    exp.Atan2: numbers(pl.arctan2, "this", "expression"),
    exp.Asinh: numbers(lambda x: x.arcsinh()),
    exp.Acosh: numbers(lambda x: x.arccosh()),
    exp.Atanh: numbers(lambda x: x.arctanh()),
    "ISZERO": _is_zero,
    exp.Sinh: numbers(lambda x: x.sinh()),
    exp.Cosh: numbers(lambda x: x.cosh()),
    exp.Tanh: numbers(lambda x: x.tanh()),
    exp.Degrees: numbers(lambda x: x.degrees()),
    exp.Radians: numbers(lambda x: x.radians()),
    exp.Pi: lambda _: constant(math.pi, _DOUBLE),
    exp.Rand: _random,
    "RANDOM": _random,
    exp.Factorial: _factorial,
    exp.WidthBucket: _width_bucket,
    exp.BitwiseCount: _bit_count,
    "BIT_COUNT": _bit_count,
    exp.SafeDivide: _safe_divide,
    exp.SafeAdd: _safe(exp.Add),
    exp.SafeSubtract: _safe(exp.Sub),
    exp.SafeMultiply: _safe(exp.Mul),
    exp.SafeNegate: _safe_negate,
    "ZEROIFNULL": _zero_if_null,
    "NULLIFZERO": _null_if_zero,
    "PMOD": _pmod,
    "GCD": _greatest_divisor,
    "HYPOT": _hypotenuse,
    exp.Rint: numbers(lambda x: x.round(0, mode="half_to_even")),
    exp.Nanvl: _nanvl,
    exp.Getbit: _bit_of,
    "NAN": lambda _: constant(math.nan, _DOUBLE),
    "INFINITY": lambda _: constant(math.inf, _DOUBLE),
    "IS_FINITE": _is_finite,
    "ISFINITE": _is_finite,
    "LCM": _greatest_divisor,
    exp.ToNumber: _to_number,
    exp.IsNan: _is_nan,
    exp.IsInf: _is_infinite,
    "ISINF": _is_infinite,
    "IS_INFINITE": _is_infinite,
}
