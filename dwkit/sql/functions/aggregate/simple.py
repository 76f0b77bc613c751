"""Sums, means, counts, extremes, and the like."""

from __future__ import annotations

from functools import partial

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.aggregate.rows import Rows, as_number, of_one
from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.functions.decimals import read_as, scaled_of, unscaled
from dwkit.sql.functions.elements import NULLS_LEAST, nulls_greatest
from dwkit.sql.types import (
    is_date,
    is_decimal,
    is_float,
    is_integer,
    is_list,
    is_timestamp,
    scale_of,
    shown,
    whole_digits,
)
from dwkit.sql.value import Value

__all__ = ["SIMPLE"]

_INT = pl.Int64()
_FLOAT = pl.Float64()


# -- sums and means -------------------------------------------------------------------------------


def _sum(rows: Rows, value: Value, strict: bool = True) -> Value:
    """SUM over no rows is NULL; of integers it is exact, and where it leaves 64 bits an error (NULL if not strict)."""
    call = rows.call
    if isinstance(value.dtype, pl.Duration):
        return call.value(_unless_empty(rows, value.expr, value.dtype), value.dtype)
    value = as_number(call, value)
    if is_integer(value.dtype):
        if whole_digits(value.dtype) <= 10:
            return call.value(_unless_empty(rows, value.expr.cast(_INT), _INT), _INT)
        whole = _unless_empty(rows, value.expr.cast(pl.Int128), pl.Int128())
        if call.dialect in ("postgres", "redshift"):  # the sum of BIGINT is NUMERIC there
            return call.value(whole.cast(pl.Decimal(38, 0)), pl.Decimal(38, 0))
        return call.value(whole.cast(_INT, strict=strict), _INT)
    if is_decimal(value.dtype):
        scale = scale_of(value.dtype)
        if not strict:
            return call.value(unscaled(_sum_that_fits(rows, scaled_of(value)), scale), pl.Decimal(38, scale))
        if whole_digits(value.dtype) + scale <= _SUMMABLE:
            made = read_as(_unless_empty(rows, scaled_of(value), pl.Int128()), scale)
        else:
            made = _unless_empty(rows, value.expr, value.dtype)
        if call.dialect in ("spark", "databricks"):
            # It has ten digits more, which those of a quotient depend on.
            dtype = pl.Decimal(min(38, whole_digits(value.dtype) + scale + 10), scale)
            return call.value(made.cast(dtype), dtype)
        return call.value(made, pl.Decimal(38, scale))
    return call.value(_unless_empty(rows, value.expr.cast(_FLOAT), _FLOAT), _FLOAT)


def _sum_that_fits(rows: Rows, whole: pl.Expr) -> pl.Expr:
    """Return the sum of whole numbers of 38 digits, NULL where it has more; each half of the digits is summed apart."""
    half = 10**19
    upper = whole // half
    high, low = (_unless_empty(rows, e, pl.Int128()) for e in (upper, whole - upper * half))
    top = high + low // half
    rest = low % half
    fits = (top < half) & ((top > -half) | ((top == -half) & (rest > 0)))
    return pl.when(fits).then(top * half + rest)


_SUMMABLE = 28
"""Digits of numbers of which as many as Polars counts (2 to the power of 32) have a sum of 38 digits."""


def _unless_empty(rows: Rows, expr: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    return pl.when(rows.reduced("count", expr, dtype) > 0).then(rows.reduced("sum", expr, dtype))


def _float_sum(rows: Rows, value: Value) -> Value:
    number = rows.call.cast(as_number(rows.call, value), _FLOAT)
    return rows.call.value(_unless_empty(rows, number.expr, _FLOAT), _FLOAT)


def _total(rows: Rows, value: Value) -> Value:
    """SQLite's TOTAL: a double, 0.0 over no rows."""
    number = rows.call.cast(as_number(rows.call, value), _FLOAT)
    return rows.call.value(rows.reduced("sum", number.expr, _FLOAT).fill_null(0.0), _FLOAT)


_DIGITS_OF_MEANS = {
    "mysql": lambda s: s + 4, "snowflake": lambda s: max(s, min(s + 6, 12)), "postgres": lambda s: max(s, 16),
    "oracle": lambda s: max(s, 16), "spark": lambda s: s + 4, "databricks": lambda s: s + 4, "trino": lambda s: s,
    "bigquery": lambda s: s, "redshift": lambda s: s, "tsql": lambda s: max(s, 6),
    "datafusion": lambda s: s + 4,
}  # fmt: skip
"""Digits after the point of a mean of decimals of so many, from the manuals; elsewhere it is a double."""
_WHOLE_MEANS = frozenset({"tsql", "redshift"})
"""A mean of integers is an integer there, its fraction cut off."""
_EXACT_MEANS = frozenset({"mysql", "snowflake", "postgres", "oracle"})
"""A mean of integers is a decimal there, elsewhere a double."""


def _avg(rows: Rows, value: Value) -> Value:
    call = rows.call
    if is_date(value.dtype) or is_timestamp(value.dtype) or isinstance(value.dtype, pl.Duration):
        return _mean_moment(rows, value)
    value = as_number(call, value)
    dtype, scale = value.dtype, scale_of(value.dtype)
    if is_float(dtype):
        return call.value(_ratio(rows, value.expr.cast(_FLOAT), _FLOAT), _FLOAT)
    if is_integer(dtype):
        dtype = _INT if whole_digits(dtype) <= 10 else pl.Int128()
        value = value.as_(value.expr.cast(dtype), dtype)
    if is_integer(dtype) and call.dialect in _WHOLE_MEANS:
        count = rows.reduced("count", value.expr, dtype).cast(pl.Int128)
        total = rows.reduced("sum", value.expr, dtype).cast(pl.Int128)
        made = pl.when(count > 0).then(total.sign() * (total.abs() // count))
        return call.value(made.cast(_INT), _INT)
    if call.dialect not in _DIGITS_OF_MEANS or (is_integer(dtype) and call.dialect not in _EXACT_MEANS):
        return call.value(_ratio(rows, value.expr, dtype), _FLOAT)
    wanted = min(_DIGITS_OF_MEANS[call.dialect](scale), 37)
    scaled = (
        value.scaled
        if value.scaled is not None
        else value.expr
        if is_integer(dtype)
        else value.expr.to_physical()
    )
    of = pl.Int128()
    count = rows.reduced("count", scaled.cast(of), of).cast(of)
    total = rows.reduced("sum", scaled.cast(of), of)
    if call.dialect in ("redshift", "datafusion", "tsql"):  # further digits are cut off
        cut = pl.when(count > 0).then(total.sign() * (total.abs() * 10 ** (wanted - scale) // count))
        return call.value(unscaled(cut, wanted), pl.Decimal(38, wanted))
    return call.value(unscaled(_rounded_ratio(total, count, wanted - scale), wanted), pl.Decimal(38, wanted))


def _ratio(rows: Rows, expr: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    count = rows.reduced("count", expr, dtype)
    total = rows.reduced("sum", expr, dtype)
    if not is_integer(dtype):
        return pl.when(count > 0).then(total.cast(_FLOAT) / count)
    # A sum may have more digits than a double, its mean not. In parts a mean may be off in its last digit.
    some = pl.when(count > 0).then(count.cast(dtype))
    parts = (total // some).cast(_FLOAT) + (total % some).cast(_FLOAT) / some.cast(_FLOAT)
    exact = total.is_between(-(2**53), 2**53)
    return pl.when(exact).then(total.cast(_FLOAT) / some.cast(_FLOAT)).otherwise(parts)


def _rounded_ratio(total: pl.Expr, count: pl.Expr, digits: int) -> pl.Expr:
    """Return a quotient of whole numbers times ten to a power, rounded half away from zero; NULL for no count."""
    factor = pl.lit(10 ** max(digits, 0), dtype=pl.Int128)
    fits = total.abs() < pl.lit(10 ** (37 - max(digits, 0)), dtype=pl.Int128)
    number = pl.when((count > 0) & fits).then(total * factor)
    exact = number.sign() * ((number.abs() * 2 + count) // (count * 2))
    # What 128 bits cannot hold has more digits than a double tells apart.
    rough = pl.when((count > 0) & fits.not_()).then(total.cast(_FLOAT) / count.cast(_FLOAT) * 10.0**digits)
    return pl.coalesce(exact, rough.round().cast(pl.Int128))


def _mean_moment(rows: Rows, value: Value) -> Value:
    call = rows.call
    if call.dialect == "datafusion" and isinstance(value.dtype, pl.Duration) and call.binder.is_exact(value):
        micros = value.expr.dt.total_microseconds()
        count, total = (rows.reduced(kind, micros, _INT) for kind in ("count", "sum"))
        made = pl.when(count > 0).then(total.sign() * (total.abs() // count))
        return call.value(pl.duration(microseconds=made), value.dtype)
    if call.dialect != "duckdb":
        raise call.error(f"{call.name} wants numbers, not {shown(value.dtype)}")
    dtype = pl.Datetime("us") if is_date(value.dtype) else value.dtype
    physical = value.expr.cast(dtype).to_physical().cast(pl.Int128)
    return call.value(_ratio(rows, physical, pl.Int128()).round().cast(_INT).cast(dtype), dtype)


# -- counts ---------------------------------------------------------------------------------------


def _count(call: Call) -> Value:
    rows = Rows(call)
    nodes = (
        [*rows.nodes, *(call.given("expressions") or ())] if not isinstance(call.node, exp.Anonymous) else []
    )
    if not nodes or (len(nodes) == 1 and nodes[0].is_star and call.dialect == "datafusion"):  # or COUNT(t.*)
        return call.value(rows.len().cast(_INT), _INT)
    if len(nodes) == 1 and rows.distinct and isinstance(nodes[0], exp.Tuple):
        return _count_rows(rows, [rows.bind(n) for n in nodes[0].expressions], nulls=True)
    if len(nodes) > 1:
        return _count_rows(rows, [rows.bind(n) for n in nodes], nulls=False)
    literal = call.bind(nodes[0])
    if literal.is_constant and not literal.is_null and not rows.distinct:
        return call.value(rows.len().cast(_INT), _INT)
    value = rows.bind(nodes[0])
    if rows.distinct and not rows.in_parts:
        taken = value.expr.filter(rows.filter) if rows.filter is not None else value.expr
        return call.value(taken.drop_nulls().n_unique().cast(_INT), _INT)
    return call.value(rows.reduced("count", value.expr, value.dtype).cast(_INT), _INT)


def _count_rows(rows: Rows, values: list[Value], *, nulls: bool) -> Value:
    """COUNT of several values: of rows without a NULL, or of row values."""
    keep = [] if nulls else [v.expr.is_not_null() for v in values]
    if rows.filter is not None:
        keep.append(rows.filter)
    struct: pl.Expr = pl.struct(v.expr.alias(f"f{n}") for n, v in enumerate(values))
    taken = struct.filter(pl.all_horizontal(keep)) if keep else struct
    return rows.call.value((taken.n_unique() if rows.distinct else taken.len()).cast(_INT), _INT)


def _approx_distinct(call: Call) -> Value:
    """An approximate count of distinct values is exact here."""
    call.given("accuracy")
    rows = Rows(call)
    rows.distinct = True
    value = rows.argument()
    if rows.in_parts:
        return call.value(rows.reduced("count", value.expr, value.dtype), _INT)
    taken = value.expr.filter(rows.filter) if rows.filter is not None else value.expr
    return call.value(taken.drop_nulls().n_unique().cast(_INT), _INT)


def _count_if(call: Call) -> Value:
    call.given("zero_on_all_null")
    rows = Rows(call)
    condition = rows.condition()
    if rows.distinct:
        raise call.refuse("COUNT_IF with DISTINCT")
    counted = rows.reduced("count", pl.when(condition.expr).then(1), pl.Int32()).cast(_INT)
    if call.dialect == "duckdb":  # it is NULL where no condition is true or false
        counted = pl.when(rows.reduced("count", condition.expr, pl.Boolean()) > 0).then(counted)
    return call.value(counted, _INT)


# -- one of the values ----------------------------------------------------------------------------


_NUMBERED_TRUTHS = frozenset({"mysql", "sqlite"})
"""A truth is 1 or 0 there."""


def _extreme(name: str, call: Call) -> Value:
    rows = Rows(call)
    count = call.given("count") or next(iter(call.given("expressions") or ()), None)
    value = rows.argument()
    if value.json and call.dialect not in ("duckdb", "sqlite"):
        raise call.error(f"{call.name} of JSON is not supported", hint="cast it, as in v::int")
    if isinstance(value.dtype, pl.Struct) and count is None:
        return _extreme_struct(name, rows, value)
    if is_list(value.dtype) and count is None:
        return _extreme_list(name, rows, value)
    if value.dtype.is_nested():
        raise call.refuse(f"{call.name} of {shown(value.dtype)}")
    if isinstance(value.dtype, pl.Boolean) and call.dialect in _NUMBERED_TRUTHS:
        value = call.cast(value, _INT)
    if count is None:
        return call.value(rows.reduced(name, value.expr, value.dtype), value.dtype)
    number = call.bind(count).constant
    if not isinstance(number, int) or number < 1:
        raise call.error(f"{call.name} wants a number of values", count)
    taken = rows.taken(value.expr)
    most = taken.sort(descending=name == "max").head(number).implode()
    return call.value(pl.when(taken.len() > 0).then(most), pl.List(value.dtype))


def _extreme_list(name: str, rows: Rows, value: Value) -> Value:
    """The greatest or least list: by its first element, then by its second, ..., then the longer one."""
    call, dtype = rows.call, value.dtype
    if call.dialect in NULLS_LEAST:  # as Polars sorts them
        ordered = rows.taken(value.expr).sort(descending=name == "max", nulls_last=True)
    else:
        key = nulls_greatest(value.expr, dtype)
        taken, keys = (rows.taken(e, nulls=True, keep=value.expr.is_not_null()) for e in (value.expr, key))
        ordered = taken.sort_by(keys, descending=name == "max")
    return call.value(ordered.first(), dtype)


def _extreme_struct(name: str, rows: Rows, value: Value) -> Value:
    """The greatest or least struct: by its first field, then by its second, ..."""
    call, dtype = rows.call, value.dtype
    assert isinstance(dtype, pl.Struct)
    if any(f.dtype.is_nested() for f in dtype.fields):
        raise call.refuse(f"{call.name} of {shown(dtype)}")
    taken = rows.taken(value.expr)
    last = (name == "max") == (call.dialect in NULLS_LEAST)
    fields = [taken.struct.field(f.name) for f in dtype.fields]
    ordered = taken.sort_by(fields, descending=name == "max", nulls_last=last, maintain_order=True)
    return call.value(ordered.first(), dtype)


def _any_value(rows: Rows, value: Value) -> Value:
    return rows.call.value(rows.taken(value.expr).first(), value.dtype)


def _single(call: Call) -> Value:
    """The value of a subquery that must have at most one row."""
    value = call.arg()
    return call.value(value.expr.item(allow_empty=True), value.dtype)


# -- truths and bits ------------------------------------------------------------------------------


def _logical(name: str, call: Call) -> Value:
    rows = Rows(call)
    return call.value(rows.reduced(name, rows.condition().expr, pl.Boolean()), pl.Boolean())


def _exactly_one(call: Call) -> Value:
    rows = Rows(call)
    condition = rows.condition().expr
    there = rows.reduced("count", condition, pl.Boolean()) > 0
    made = rows.reduced("count", pl.when(condition).then(1), pl.Int32()) == 1
    return call.value(pl.when(there).then(made), pl.Boolean())


_NEUTRAL = {"bitwise_and": 2**64 - 1, "bitwise_or": 0, "bitwise_xor": 0}


def _bits(rows: Rows, value: Value, name: str) -> Value:
    call = rows.call
    dtype: pl.DataType = (
        pl.UInt64() if call.dialect == "mysql" else value.dtype if is_integer(value.dtype) else _INT
    )
    expr = call.cast(value, dtype).expr
    made = rows.reduced(name, expr, dtype)
    if call.dialect == "mysql":
        made = made.fill_null(pl.lit(_NEUTRAL[name], dtype=dtype))
    return call.value(made, dtype)


def _product(rows: Rows, value: Value) -> Value:
    number = rows.call.cast(as_number(rows.call, value), _FLOAT).expr
    count = rows.reduced("count", number, _FLOAT)
    return rows.call.value(pl.when(count > 0).then(rows.reduced("product", number, _FLOAT)), _FLOAT)


SIMPLE: Functions = {
    exp.Sum: of_one(_sum), "TRY_SUM": of_one(_sum, False), "TOTAL": of_one(_total),
    "FSUM": of_one(_float_sum), "KAHAN_SUM": of_one(_float_sum), "SUMKAHAN": of_one(_float_sum),
    exp.Avg: of_one(_avg), "MEAN": of_one(_avg), "TRY_AVG": of_one(_avg), "FAVG": of_one(_avg),
    exp.Count: _count, "COUNT_STAR": _count, exp.CountIf: _count_if,
    exp.ApproxDistinct: _approx_distinct, exp.Hll: _approx_distinct,
    exp.Min: partial(_extreme, "min"), exp.Max: partial(_extreme, "max"),
    exp.AnyValue: of_one(_any_value), "DWKIT:SINGLE": _single,
    exp.LogicalAnd: partial(_logical, "min"), "EVERY": partial(_logical, "min"),
    exp.LogicalOr: partial(_logical, "max"), "SOME": partial(_logical, "max"), exp.Any: partial(_logical, "max"),
    exp.BoolxorAgg: _exactly_one, "PRODUCT": of_one(_product),
    exp.BitwiseAndAgg: of_one(_bits, "bitwise_and"), exp.BitwiseOrAgg: of_one(_bits, "bitwise_or"),
    exp.BitwiseXorAgg: of_one(_bits, "bitwise_xor"),
}  # fmt: skip
