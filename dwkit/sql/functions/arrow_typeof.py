"""ARROW_TYPEOF of DataFusion: the name of Arrow's type of an expression.

Polars holds several types alike: all text, all moments. So the name is only told where the query says it: it is
made from literals, casts and columns of numbers by what each function gives of the types of its arguments. The
types of a function are DataFusion's own, whatever type the value is held as here.
"""

from __future__ import annotations

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.arrow import NAMES, named
from dwkit.sql.functions.arrow_rules import INTERVAL, RULES, RULES_OF_SPARK, Key, decimal, struct
from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.types import from_sql
from dwkit.sql.value import Value, constant

__all__ = ["ARROW_TYPEOF"]

_LITERAL = (exp.Literal, exp.Array, exp.Paren, exp.Neg, exp.Null, exp.Boolean, exp.Struct, exp.PropertyEQ)

_FIXED: dict[Key, str] = {
    exp.Count: "Int64", exp.RowNumber: "UInt64", exp.Rank: "UInt64", exp.DenseRank: "UInt64", exp.Ntile: "UInt64",
    exp.Interval: INTERVAL, exp.HexString: "Binary",
    exp.CurrentDate: "Date32", exp.CurrentTime: "Time64(ns)", exp.CurrentTimestamp: "Timestamp(ns)",
    "TO_DATE": "Date32", "MAKE_DATE": "Date32", "TO_TIME": "Time64(ns)", "MAKE_TIME": "Time32(s)",
    "TO_TIMESTAMP": "Timestamp(ns)", "TO_TIMESTAMP_NANOS": "Timestamp(ns)", "TO_TIMESTAMP_MICROS": "Timestamp(µs)",
    "TO_TIMESTAMP_MILLIS": "Timestamp(ms)", "TO_TIMESTAMP_SECONDS": "Timestamp(s)", "TO_UNIXTIME": "Int64",
    exp.Ascii: "Int32", exp.Chr: "Utf8", exp.Uuid: "Utf8",
    exp.Left: "Utf8View", exp.Right: "Utf8View", exp.Substring: "Utf8View", exp.MD5: "Utf8View",
    exp.Pow: "Float64", exp.Rand: "Float64", exp.Pi: "Float64",
    exp.CumeDist: "Float64", exp.PercentRank: "Float64",
    exp.Stddev: "Float64", exp.StddevPop: "Float64", exp.StddevSamp: "Float64", exp.Variance: "Float64",
    exp.VariancePop: "Float64", exp.CovarPop: "Float64", exp.CovarSamp: "Float64", exp.Corr: "Float64",
    "VAR": "Float64", "VAR_SAMP": "Float64", "VAR_SAMPLE": "Float64", "VAR_POP": "Float64", "VAR_POPULATION": "Float64",
    "STDDEV_POP": "Float64", "COVAR": "Float64",
    exp.CosineDistance: "Float64", "COSINE_DISTANCE": "Float64", "INNER_PRODUCT": "Float64", "ARRAY_SUM": "Float64",
    exp.ArraySum: "Float64", "ARRAY_PRODUCT": "Float64",
    exp.RegexpLike: "Boolean", exp.Not: "Boolean",
}  # fmt: skip
"""What gives one type, whatever its arguments are."""
_ELSEWHERE: tuple[Key, ...] = (exp.Substring, exp.Left, exp.Right, exp.Rand, exp.HexString, exp.Pow, exp.MD5)
"""Those of which only DataFusion's own functions are sure to give that type, not its functions of Spark."""


def _typeof(call: Call) -> Value:
    nodes = call.given("expressions") or []
    if len(nodes) != 1:
        raise call.error(f"{call.name} wants one value")
    value = call.bind(nodes[0])
    name = "Boolean" if isinstance(value.dtype, pl.Boolean) else _name(call, nodes[0])
    if name is None:
        raise call.refuse("ARROW_TYPEOF of what may be of several types of Arrow")
    return constant(name, pl.String())


def _name(call: Call, node: exp.Expr) -> str | None:
    """Return the name of the type of an expression, None where the query does not say it."""
    node = node.unnest()
    if isinstance(
        node, (exp.Window, exp.Distinct, exp.IgnoreNulls, exp.RespectNulls, exp.Ordered, exp.Filter)
    ):
        return _name(call, node.expressions[0] if isinstance(node, exp.Distinct) else node.this)
    if isinstance(node, exp.Column):
        ident = node.meta.get("id")
        return _shown(call.binder.type_of(pl.col(ident)), "") if ident is not None else None
    if all(isinstance(n, _LITERAL) for n in node.walk()) and not isinstance(node, exp.Neg):
        return _of_literal(call, node)
    if isinstance(node, exp.Cast):
        return _of_cast(call, node)
    if isinstance(node, (exp.Predicate, exp.Connector)):
        return "Boolean"
    key = _key(node)
    if key in ("ARROW_CAST", "ARROW_TRY_CAST"):
        return named(call, node.expressions[1]).shown
    own = call.dialect == "datafusion"
    if key in _FIXED:
        return _FIXED[key] if own or key not in _ELSEWHERE else None
    rules = RULES if own else RULES_OF_SPARK
    if key not in rules:
        return None
    given = _arguments(node)
    types = [_name(call, n) for n in given]
    return rules[key](node, types)


def _key(node: exp.Expr) -> Key:
    return str(node.this).upper() if isinstance(node, exp.Anonymous) else type(node)


def _arguments(node: exp.Expr) -> list[exp.Expr]:
    """Return what a function is of: what WITHIN GROUP sorts by, or its arguments in their order."""
    if isinstance(node, exp.WithinGroup):
        return list(node.expression.expressions)
    if isinstance(node, exp.Anonymous):
        return list(node.expressions)
    found: list[exp.Expr] = []
    for key in node.arg_types:
        given = node.args.get(key)
        found += [n for n in (given if isinstance(given, list) else [given]) if isinstance(n, exp.Expr)]
    return found


def _of_literal(call: Call, node: exp.Expr) -> str | None:
    dtype = call.bind(node).dtype
    plain = isinstance(node, (exp.Null, exp.Boolean)) or (isinstance(node, exp.Literal) and node.is_string)
    if call.dialect != "datafusion" and not plain:
        return None  # other dialects read numbers otherwise
    return _shown(dtype, "Utf8")


def _of_cast(call: Call, node: exp.Cast) -> str | None:
    dtype = from_sql(node.to, call.dialect)
    if dtype is None or (isinstance(dtype, pl.Datetime) and (dtype.time_zone or node.to.expressions)):
        return None
    return _CAST_TO.get(type(dtype)) or _shown(dtype, "Utf8View")


_CAST_TO: dict[type[pl.DataType], str] = {
    pl.Datetime: "Timestamp(ns)", pl.Time: "Time64(ns)", pl.Duration: INTERVAL,
}  # fmt: skip
"""What CAST makes of types that are held as one."""


def _shown(dtype: pl.DataType, text: str) -> str | None:
    """Return the name of a type, None where several are held alike.

    Args:
        text: which type text is of, empty where that is not known.
    """
    if isinstance(dtype, pl.String):
        return text or None
    if isinstance(dtype, pl.Decimal):
        return decimal(dtype.precision or 38, dtype.scale)
    if isinstance(dtype, pl.List):
        inner = _shown(dtype.inner, text) if text else None  # type: ignore[arg-type]
        return f"List({inner})" if inner is not None else None
    if isinstance(dtype, pl.Struct):
        return struct([(f.name, _shown(f.dtype, text)) for f in dtype.fields])  # type: ignore[arg-type]
    if isinstance(dtype, pl.Datetime) or (isinstance(dtype, pl.Binary) and not text):
        return None
    return NAMES.get(dtype)


ARROW_TYPEOF: Functions = {"ARROW_TYPEOF": _typeof}
