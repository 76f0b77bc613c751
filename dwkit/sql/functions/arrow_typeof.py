"""ARROW_TYPEOF of DataFusion: the name of Arrow's type of an expression.

Polars holds several types alike: all text, all moments. So the name is only told where the query says it: it is
made from literals, casts and columns of numbers by what each function gives of the types of its arguments, through
subqueries and the tables that a session has made. The types of a function are DataFusion's own, whatever type the
value is held as here.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.arrow import NAMES, named
from dwkit.sql.functions.arrow_common import INTERVAL, common, decimal, struct
from dwkit.sql.functions.arrow_rules import RULES, RULES_OF_SPARK, Key
from dwkit.sql.functions.call import Binds, Call, Functions
from dwkit.sql.origin import Origin
from dwkit.sql.types import from_sql
from dwkit.sql.value import Value, constant

__all__ = ["ARROW_TYPEOF", "arrow_type", "names_of", "type_of"]

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
    name = "Boolean" if isinstance(value.dtype, pl.Boolean) else _Names(call).of(nodes[0])
    if name is None:
        raise call.refuse("ARROW_TYPEOF of what may be of several types of Arrow")
    return constant(name, pl.String())


def names_of(binder: Binds, ids: Sequence[str]) -> list[str | None]:
    """Return the names of the types of columns, None for those that are not known."""
    names = _Names(Call(exp.Null(), binder))
    return [names.column(i) for i in ids]


def type_of(call: Call, node: exp.Expr) -> str | None:
    """Return the name of the type of an expression, None where that is not known."""
    return _Names(call).of(node)


class _Names:
    """Finds names of types in one query.

    Args:
        call: binds literals, and knows where columns come from.
    """

    def __init__(self, call: Call) -> None:
        self._call = call
        self._own = call.dialect == "datafusion"

    def column(self, ident: str) -> str | None:
        """Return the name of a column's type."""
        origin = self._call.binder.origin(ident)
        return self._traced(origin) if origin is not None else self._held(ident)

    def _held(self, ident: str) -> str | None:
        return _shown(self._call.binder.type_of(pl.col(ident)), "")

    def _traced(self, origin: Origin) -> str | None:
        if origin.arrow is not None:
            return origin.arrow()
        return common([self.of(n, origin) for n in origin.nodes], mixed=origin.mixed)

    def of(self, node: exp.Expr, within: Origin | None = None) -> str | None:
        """Return the name of the type of an expression, None where the query does not say it.

        Args:
            within: what the expression is a part of, where it is one of a query inside.
        """
        node = node.unnest()
        if isinstance(
            node, (exp.Window, exp.Distinct, exp.IgnoreNulls, exp.RespectNulls, exp.Ordered, exp.Filter)
        ):
            return self.of(node.expressions[0] if isinstance(node, exp.Distinct) else node.this, within)
        if isinstance(node, exp.Column):
            return self._of_column(node, within)
        if all(isinstance(n, _LITERAL) for n in node.walk()) and not isinstance(node, exp.Neg):
            return self._of_literal(node)
        if isinstance(node, exp.Cast):
            return arrow_type(node.to, self._call.dialect)
        if isinstance(node, (exp.Predicate, exp.Connector)):
            return "Boolean"
        key = _key(node)
        if key in ("ARROW_CAST", "ARROW_TRY_CAST"):
            return named(self._call, node.expressions[1]).shown
        if key in _FIXED and (self._own or key not in _ELSEWHERE):
            return _FIXED[key]
        rules = RULES if self._own else RULES_OF_SPARK
        if key not in rules:
            return None
        return rules[key](node, [self.of(n, within) for n in _arguments(node)])

    def _of_column(self, node: exp.Column, within: Origin | None) -> str | None:
        ident = node.meta.get("id")
        if ident is None:
            return None
        if within is None:
            return self.column(ident)
        origin = within.of(ident)
        return self._traced(origin) if origin is not None else self._held_within(within, ident)

    def _held_within(self, within: Origin, ident: str) -> str | None:
        dtype = within.dtypes.get(ident)
        return _shown(dtype, "") if dtype is not None else None

    def _of_literal(self, node: exp.Expr) -> str | None:
        dtype = self._call.bind(node).dtype
        plain = isinstance(node, (exp.Null, exp.Boolean)) or (
            isinstance(node, exp.Literal) and node.is_string
        )
        if not self._own and not plain:
            return None  # other dialects read numbers otherwise
        return _shown(dtype, "Utf8")


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


# -- types ----------------------------------------------------------------------------------------

_CAST_TO: dict[type[pl.DataType], str] = {pl.Time: "Time64(ns)", pl.Duration: INTERVAL}
"""What CAST makes of types that are held as one."""
_MOMENTS = {"0": "s", "3": "ms", "6": "µs", "9": "ns"}


def arrow_type(kind: exp.DataType, dialect: str = "datafusion") -> str | None:
    """Return the name of the type of Arrow that a type of SQL is, None where that is not known."""
    this, inner = kind.this, kind.expressions
    types = exp.DataType.Type
    if this in (types.ARRAY, types.LIST) and len(inner) == 1 and isinstance(inner[0], exp.DataType):
        element = arrow_type(inner[0], dialect)
        if element is None:
            return None
        sizes = kind.args.get("values") or []
        return f"FixedSizeList({sizes[0].name} x {element})" if sizes else f"List({element})"
    if this == types.STRUCT:
        named_fields = [
            (n.name, n.args["kind"]) if isinstance(n, exp.ColumnDef) else (f"c{i}", n)
            for i, n in enumerate(inner)
        ]
        return struct([(n, arrow_type(k, dialect)) for n, k in named_fields])
    if this in (types.DECIMAL, types.DECIMAL128, types.DECIMAL256) and inner and inner[0].name.isdigit():
        scale = int(inner[1].name) if len(inner) > 1 and inner[1].name.isdigit() else 0
        return decimal(int(inner[0].name), scale, wide=int(inner[0].name) > 38)
    dtype = from_sql(kind, dialect)
    if isinstance(dtype, pl.Datetime):
        unit = _MOMENTS.get(inner[0].name, "") if inner else "ns"
        return f"Timestamp({unit})" if unit and not dtype.time_zone else None
    if dtype is None or dtype.is_nested():
        return None
    return _CAST_TO.get(type(dtype)) or _shown(dtype, "Utf8View")


def _shown(dtype: pl.DataType, text: str) -> str | None:
    """Return the name of a type, None where several are held alike.

    Args:
        text: which type text is of, empty where that is not known.
    """
    if isinstance(dtype, pl.String):
        return text or None
    if isinstance(dtype, pl.Decimal):
        if not text and dtype.precision == 38:
            return None  # it may be one of 256 bits
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
