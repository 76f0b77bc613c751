"""Functions of numbers."""

from __future__ import annotations

import math

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.bases import BASES
from dwkit.sql.functions.call import Builder, Call, Functions, as_float, floats_together, numbers
from dwkit.sql.functions.chance import CHANCE
from dwkit.sql.functions.division import divided
from dwkit.sql.functions.integers import divisor_of, wider
from dwkit.sql.functions.interval import scaled
from dwkit.sql.functions.numberformats import NUMBER_FORMATS
from dwkit.sql.functions.operands import number_of
from dwkit.sql.functions.remainder import float_remainder
from dwkit.sql.functions.rounding import ROUNDING
from dwkit.sql.functions.synonyms import SYNONYMS
from dwkit.sql.functions.templates import TEMPLATES, to_number
from dwkit.sql.functions.transcendental import TRANSCENDENTAL
from dwkit.sql.types import is_decimal, is_float, is_integer, is_number, scale_of, shown, unified
from dwkit.sql.value import Value, constant

__all__ = ["NUMERIC"]

_DOUBLE, _INTEGER, _BOOLEAN = pl.Float64(), pl.Int64(), pl.Boolean()


def _abs(call: Call) -> Value:
    interval = call.arg().interval
    if interval is not None:
        return scaled(call, interval, _sign_of_interval(call))
    value = number_of(call)
    if is_integer(value.dtype):
        return call.value(wider(value).abs().cast(value.dtype, strict=True), value.dtype)
    return call.value(value.expr.abs(), value.dtype)


def _sign_of_interval(call: Call) -> Value:
    value = call.arg()
    return value.as_(value.expr.dt.total_microseconds().sign(), _INTEGER)


def _positive_of(call: Call) -> Value:
    """POSITIVE(x): x itself, which must be a number or an interval."""
    [node] = call.given("expressions")
    made = call.bind(node)
    return made if made.interval is not None else number_of(Call(exp.Abs(this=node), call.binder))


def _sign(call: Call) -> Value:
    if call.arg().interval is not None:
        return call.cast(_sign_of_interval(call), _DOUBLE)
    value = number_of(call)
    made = pl.when(value.expr > 0).then(1).when(value.expr < 0).then(-1).when(value.expr == 0).then(0)
    if call.dialect == "duckdb" and is_float(value.dtype):
        made = pl.when(value.expr.is_nan()).then(0).otherwise(made)  # type: ignore[assignment]
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
    if (
        call.dialect == "datafusion"
        and isinstance(dtype, pl.Float32)
        and isinstance(base.constant, (int, float))
    ):
        return call.value(number.log(base.constant), dtype)  # in single precision
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
            call.checked(number.sqrt(), number < 0, "the square root of a negative number"), value.dtype
        )
    return call.value(
        (number if call.dialect in _IEEE else pl.when(number >= 0).then(number)).sqrt(), value.dtype
    )


def _pow(call: Call) -> Value:
    base, power = call.number(), call.number("expression")
    made = base.pow(power)
    if call.dialect == "datafusion":
        made = call.checked(made, (base == 0) & (power < 0), "zero raised to a negative power")
    if call.dialect == "tsql" and not (
        call.node.expression.name == "2" and "square" in call.binder.sql.lower()
    ):
        return _of_base(call, made)
    return call.value(made, _DOUBLE)


def _of_base(call: Call, power: pl.Expr) -> Value:
    """Return a power in the type of its base, as SQL Server does."""
    given = call.arg().dtype
    if is_integer(given):
        return call.value(power.truncate().cast(pl.Int64), pl.Int64())
    if is_decimal(given):
        dtype = pl.Decimal(38, scale_of(given))
        return call.value(power.round(dtype.scale, mode="half_away_from_zero").cast(dtype), dtype)
    return call.value(power, _DOUBLE)


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


def _safe_mod(call: Call) -> Value:
    """TRY_MOD(a, b): NULL where b is 0."""
    a, b = call.given("expressions")
    zero = exp.Literal.number(0)
    return call.bind(exp.Mod(this=a.copy(), expression=exp.Nullif(this=b.copy(), expression=zero)))


def _safe_negate(call: Call) -> Value:
    value = call.arg()
    if not is_integer(value.dtype):
        return call.bind(exp.Neg(this=call.node.this))
    return call.value((0 - value.expr.cast(pl.Int128)).cast(pl.Int64, strict=False), _INTEGER)


def _safe_divide(call: Call) -> Value:
    interval = call.arg().interval
    if interval is not None:
        divisor = call.cast(call.arg("expression"), _DOUBLE)
        return scaled(call, interval, divisor.as_(1 / pl.when(divisor.expr != 0).then(divisor.expr), _DOUBLE))
    return divided(call, call.arg(), call.arg("expression"))


def _factorial(call: Call) -> Value:
    """FACTORIAL(n): NULL in Spark where n is not from 0 to 20, elsewhere an error where it has more than 38 digits."""
    value = call.integer()
    spark = call.dialect in ("spark", "databricks")
    dtype, count = (pl.Int64(), 21) if spark else (pl.Int128(), 34)
    known = pl.Series([math.factorial(n) for n in range(count)], dtype=dtype)
    made = value.replace_strict(list(range(count)), known, default=None, return_dtype=dtype)
    if not spark:
        made = call.checked(
            made, value.is_not_null() & made.is_null(), pl.format("no factorial of {}", value)
        )
    return call.value(made, dtype)


def _width_bucket(call: Call) -> Value:
    """The number of the bucket of equal width; 0 is below the first, the last plus one above."""
    if not call.has("num_buckets"):
        raise call.refuse("WIDTH_BUCKET over a list of bounds")
    call.has("threshold")
    x, low, high = _bounds(call, [call.arg(), call.arg("min_value"), call.arg("max_value")])
    count = call.number("num_buckets")
    place = ((x - low) / (high - low) * count).floor() + 1
    made = pl.when(x < low).then(0).when(x >= high).then(count + 1).otherwise(place)
    down = ((low - x) / (low - high) * count).floor() + 1
    turned = pl.when(x > low).then(0).when(x <= high).then(count + 1).otherwise(down)
    wrong = (count <= 0) | (low == high) | x.is_nan() | low.is_nan() | high.is_nan()
    wrong = wrong | low.is_infinite() | high.is_infinite()
    bucket = pl.when(wrong.not_()).then(pl.when(low < high).then(made).otherwise(turned)).cast(pl.Int64)
    if call.dialect not in ("spark", "databricks"):
        bucket = call.checked(bucket, wrong, "WIDTH_BUCKET wants buckets, and two bounds that differ")
    return call.value(bucket, _INTEGER)


def _bounds(call: Call, values: list[Value]) -> list[pl.Expr]:
    """Return numbers, or intervals of months or of days and time, as doubles."""
    intervals = [v.interval for v in values if v.interval is not None]
    if len(intervals) < len(values):
        return [call.cast(v, _DOUBLE).expr for v in values]
    months = [isinstance(i.months, pl.Expr) or i.months != 0 for i in intervals]
    others = [isinstance(p, pl.Expr) or p != 0 for i in intervals for p in (i.days, i.micros)]
    if any(months) and any(others):
        raise call.refuse(f"{call.name} of months and days")
    return [v.expr.dt.total_microseconds().cast(pl.Float64) for v in values]


def _zero_if_null(call: Call) -> Value:
    value = call.args()[0]
    return call.value(value.expr.fill_null(0), value.dtype)


def _null_if_zero(call: Call) -> Value:
    value = call.args()[0]
    return call.value(pl.when(value.expr != 0).then(value.expr), value.dtype)


def _pmod(call: Call) -> Value:
    """PMOD of Spark: the remainder r with the sign of the dividend; where r < 0, that of r + divisor; of 0 an error."""
    values = call.args()
    whole = all(is_integer(v.dtype) for v in values)
    dtype = _INTEGER if whole else _DOUBLE
    a, b = (call.cast(v, dtype).expr for v in values)
    divisor = call.checked(b, (b == 0) & a.is_not_null(), "division by zero")

    def remainder(x: pl.Expr) -> pl.Expr:
        if not whole:
            return float_remainder(x, divisor)
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
    """TO_NUMBER and TO_DECIMAL: a number with the digits that are asked for, read by a template where one is given."""
    for flag in ("safe_name", "safe"):
        call.has(flag)
    if call.has("nlsparam") or call.has("default"):
        raise call.refuse(f"{call.name} with parameters of the session or a default")
    precision, scale = call.constant("precision", 38), call.constant("scale", 0)
    if call.has("format"):
        asked = pl.Decimal(precision, scale) if call.dialect == "snowflake" else None
        return to_number(call, call.arg(), call.given("format"), asked, safe=call.has("safe"))
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


NUMERIC: Functions = {
    **ROUNDING,
    **TEMPLATES,
    **BASES,
    **SYNONYMS,
    **NUMBER_FORMATS,
    **TRANSCENDENTAL,
    **CHANCE,
    exp.Abs: _abs,
    "POSITIVE": _positive_of,
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
    "ISZERO": _is_zero,
    exp.Sinh: numbers(lambda x: x.sinh()),
    exp.Cosh: numbers(lambda x: x.cosh()),
    exp.Tanh: numbers(lambda x: x.tanh()),
    exp.Degrees: numbers(lambda x: x.degrees()),
    exp.Radians: numbers(lambda x: x.radians()),
    exp.Pi: lambda _: constant(math.pi, _DOUBLE),
    exp.Factorial: _factorial,
    exp.WidthBucket: _width_bucket,
    exp.SafeDivide: _safe_divide,
    exp.SafeAdd: _safe(exp.Add),
    exp.SafeSubtract: _safe(exp.Sub),
    exp.SafeMultiply: _safe(exp.Mul),
    exp.SafeNegate: _safe_negate,
    "TRY_MOD": _safe_mod,
    "ZEROIFNULL": _zero_if_null,
    "NULLIFZERO": _null_if_zero,
    "PMOD": _pmod,
    "GCD": _greatest_divisor,
    "HYPOT": _hypotenuse,
    exp.Rint: numbers(lambda x: x.round(0, mode="half_to_even")),
    exp.Nanvl: _nanvl,
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
