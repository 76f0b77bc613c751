"""One value of all elements of a list: sums, the greatest, joined texts."""

from __future__ import annotations

import polars as pl
import sqlglot
from sqlglot import exp

from dwkit.sql.functions import jsontext
from dwkit.sql.functions.call import Builder, Call, Functions
from dwkit.sql.functions.elements import inner_of, listed
from dwkit.sql.functions.nested.lists import first_list
from dwkit.sql.types import is_float, is_list, shown
from dwkit.sql.value import Value

__all__ = ["TOTALS"]

_NUMBER, _BOOLEAN, _TEXT = pl.Int64(), pl.Boolean(), pl.String()


def _to_string(call: Call) -> Value:
    """ARRAY_TO_STRING passes NULLs over, puts a text in their place, or an empty one in Snowflake."""
    as_empty, null_is_null = call.has("null_is_empty"), call.has("null_delim_is_null")
    value = first_list(call)
    nodes = call.node.expressions[1:] if isinstance(call.node, exp.Anonymous) else []
    separator = call.bind(nodes[0]) if nodes else call.maybe("expression")
    null = (
        (call.bind(nodes[1]) if len(nodes) > 1 else None)
        if isinstance(call.node, exp.Anonymous)
        else call.maybe("null")
    )
    element = inner_of(value)
    one = jsontext.unquoted(pl.element()) if value.json else call.as_text(element)
    if isinstance(element.dtype, pl.Null):
        one = pl.element().cast(pl.String)
    if null is not None and not null.is_null:
        if not isinstance(null.constant, str):
            raise call.refuse(f"{call.name} with a computed text for NULL")
        one = one.fill_null(pl.lit(null.constant))
    elif as_empty:
        one = one.fill_null(pl.lit(""))
    given = separator is not None and not (separator.is_null and call.dialect == "duckdb")
    between = call.as_text(separator) if separator is not None and given else pl.lit(",")
    made = value.expr.list.eval(one).list.join(between, ignore_nulls=True)
    del null_is_null
    return call.value(pl.when(between.is_not_null()).then(made), _TEXT)


def _reduced(how: str) -> Builder:
    """A function of one list that gives one value."""

    def build(call: Call) -> Value:
        if len(call.node.expressions) > 1 or call.given("expression") is not None:
            raise call.error(f"{call.name} takes one list")
        return _aggregated(call, first_list(call), how)

    return build


def _aggregated(call: Call, value: Value, how: str) -> Value:
    element, inner = pl.element(), inner_of(value).dtype
    if value.json:
        return _of_json(call, value, how)
    if how in ("first", "last"):
        return call.value(getattr(value.expr.list, how)(), inner)
    if how == "count":
        return call.value(value.expr.list.drop_nulls().list.len().cast(pl.Int64), _NUMBER)
    if how == "n_unique":
        return call.value(value.expr.list.drop_nulls().list.n_unique().cast(pl.Int64), _NUMBER)
    if how in ("min", "max"):
        if is_list(inner) or isinstance(inner, pl.Struct):
            raise call.refuse(f"{call.name} of {shown(value.dtype)}")
        least = element.nan_max() if how == "max" and is_float(inner) else getattr(element, how)()
        made = value.expr.list.agg(least)
        if call.dialect == "trino":  # unknown where one element is
            made = pl.when(value.expr.list.eval(element.is_null()).list.any().not_()).then(made)
        return call.value(made, inner)
    if how == "any_value":
        return call.value(value.expr.list.drop_nulls().list.first(), inner)
    if how in ("bool_and", "bool_or"):
        made = value.expr.list.drop_nulls()
        held = made.list.all() if how == "bool_and" else made.list.any()
        return call.value(pl.when(made.list.len() > 0).then(held), _BOOLEAN)
    if how == "string_agg":
        texts = value.expr.list.drop_nulls().list.eval(call.as_text(inner_of(value)))
        return call.value(pl.when(texts.list.len() > 0).then(texts.list.join(",")), _TEXT)
    if not inner.is_numeric() and not isinstance(inner, pl.Null):
        raise call.error(f"{call.name} wants numbers, not {shown(inner)}")
    some = value.expr.list.drop_nulls().list.len() > 0
    if how == "sum":
        if inner.is_integer():
            total = value.expr.list.agg(element.cast(pl.Int128).sum())
            wide: pl.DataType = pl.Int128() if call.dialect == "duckdb" else _NUMBER
            return call.value(pl.when(some).then(total).cast(wide), wide)
        dtype = pl.Float64() if is_float(inner) else inner
        return call.value(pl.when(some).then(value.expr.list.agg(element.cast(dtype).sum())), dtype)
    number = element.cast(pl.Float64)
    names = {"avg": number.mean(), "mean": number.mean(), "median": number.median(), "product": number.product(),
             "stddev": number.std(), "stddev_samp": number.std(), "variance": number.var(), "var_samp": number.var(),
             "stddev_pop": number.std(ddof=0), "var_pop": number.var(ddof=0)}  # fmt: skip
    if how not in names:
        raise call.refuse(f"{call.name} with {how!r}")
    return call.value(pl.when(some).then(value.expr.list.agg(names[how])), pl.Float64())


def _of_json(call: Call, value: Value, how: str) -> Value:
    own = pl.element().filter(pl.element() != "null")
    if how in ("min", "max"):
        made = value.expr.list.eval(own).list.eval(
            pl.element().sort_by(jsontext.sort_keys(pl.element()), descending=how == "max")
        )
        return call.value(made.list.first(), _TEXT, json=True)
    if how in ("first", "last"):
        return call.value(getattr(value.expr.list, how)(), _TEXT, json=True)
    if how == "count":
        return call.value(value.expr.list.eval(own).list.len().cast(pl.Int64), _NUMBER)
    raise call.refuse(f"{call.name} of a JSON array")


def _aggregate(call: Call) -> Value:
    """LIST_AGGREGATE(list, 'sum')."""
    nodes = call.node.expressions
    if len(nodes) < 2:
        raise call.error(f"{call.name} wants a list and the name of an aggregate")
    value, how = (call.bind(n) for n in nodes[:2])
    if not isinstance(how.constant, str):
        raise call.error(f"{call.name} wants the name of an aggregate")
    name = how.constant.lower()
    if value.is_null:
        value = _no_list()
    if call.dialect == "duckdb" and (len(nodes) > 2 or name not in _OWN) and not value.json:
        return _of_elements(call, listed(call, value), name, nodes[2:])
    if len(nodes) > 2:
        raise call.refuse(f"{call.name} with further arguments")
    return _aggregated(call, listed(call, value), name)


_OWN = frozenset({
    "sum", "avg", "mean", "median", "product", "min", "max", "first", "last", "count", "any_value", "bool_and", "bool_or",
    "stddev", "stddev_samp", "stddev_pop", "variance", "var_samp", "var_pop", "string_agg",
})  # fmt: skip
"""The aggregates that lists have expressions of their own for."""
_ELEMENT = exp.Column(this=exp.Identifier(this="dwkit:element", quoted=True))


def _of_elements(call: Call, value: Value, name: str, rest: list[exp.Expr]) -> Value:
    """Return what an aggregate makes of the elements of a list."""
    from dwkit.sql.functions.aggregate import AGGREGATES

    if not name.isidentifier():
        raise call.error(f"there is no aggregate {name!r}")
    arguments = ", ".join(["x", *("0" for _ in rest)])
    node = sqlglot.parse_one(f"{name}({arguments})", read=call.dialect)
    for old, new in zip(
        [n for n in node.walk() if isinstance(n, (exp.Column, exp.Literal))], [_ELEMENT, *rest], strict=True
    ):
        old.replace(new.copy())
    builder = AGGREGATES.get(type(node)) or AGGREGATES.get(
        str(node.this).upper() if isinstance(node, exp.Anonymous) else ""
    )
    if builder is None or name in _UNSURE:
        raise call.refuse(f"{call.name} with {name!r}")
    inner = value.dtype.inner  # type: ignore[attr-defined]
    if isinstance(inner, pl.Null):
        inner = pl.Int32()
        value = value.as_(value.expr.cast(pl.List(inner)), pl.List(inner))
    known: dict[exp.Expr, Value] = call.binder.known  # type: ignore[attr-defined]
    known[_ELEMENT] = Value(pl.element(), inner)
    try:
        made = builder(Call(node, call.binder))
    finally:
        del known[_ELEMENT]
    agg = value.expr.list.agg(made.expr)
    return call.value(pl.when(value.expr.is_not_null()).then(agg), made.dtype)


_UNSURE = frozenset({"count_star", "grouping"})


def _by_name(name: str) -> Builder:
    """LIST_MODE(list) and its kin."""

    def build(call: Call) -> Value:
        [value] = call.args()
        return _of_elements(call, first_list(call) if not value.is_null else _no_list(), name, [])

    return build


def _no_list() -> Value:
    return Value(pl.lit(None, dtype=pl.List(pl.Int32())), pl.List(pl.Int32()))


TOTALS: Functions = {
    exp.ArrayToString: _to_string, "LIST_TO_STRING": _to_string, "LIST_STRING_AGG": _reduced("string_agg"),
    exp.ArraySum: _reduced("sum"), "LIST_AGGREGATE": _aggregate, "ARRAY_AGGREGATE": _aggregate, "LIST_AGGR": _aggregate,
    "ARRAY_AGGR": _aggregate, exp.ArrayMax: _reduced("max"), "ARRAY_MAX": _reduced("max"),
    exp.ArrayMin: _reduced("min"), "ARRAY_MIN": _reduced("min"), "ARRAY_ANY_VALUE": _reduced("any_value"), "ARRAY_PRODUCT": _reduced("product"),
    exp.ArrayFirst: _reduced("first"), exp.ArrayLast: _reduced("last"), "LIST_UNIQUE": _reduced("n_unique"),
    "ARRAY_UNIQUE": _reduced("n_unique"), "ARRAY_AVG": _reduced("avg"), "ARRAY_AVERAGE": _reduced("avg"),
    **{f"LIST_{n.upper()}": _reduced(n) for n in (
        "sum", "avg", "median", "product", "min", "max", "first", "last", "count", "any_value", "bool_and", "bool_or",
        "stddev_samp", "stddev_pop", "var_samp", "var_pop",
    )},
    **{f"LIST_{n.upper()}": _by_name(n) for n in (
        "approx_count_distinct", "bit_and", "bit_or", "bit_xor", "entropy", "histogram", "kurtosis", "kurtosis_pop", "mad",
        "mode", "sem", "skewness",
    )},
}  # fmt: skip
