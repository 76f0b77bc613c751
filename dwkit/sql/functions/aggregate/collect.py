"""Aggregates that collect values: lists, joined texts, the values of the greatest rows."""

from __future__ import annotations

from functools import partial

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.aggregate.rows import Rows, of_one, reduction
from dwkit.sql.functions.call import Builder, Call, Functions
from dwkit.sql.types import is_list, shown
from dwkit.sql.value import Value

__all__ = ["COLLECT"]

_NULL_OF_NONE = frozenset(
    {"duckdb", "postgres", "bigquery", "trino", "oracle", "redshift", "sqlite", "mysql", "tsql", "datafusion"}
)
"""A list of no rows is NULL there; elsewhere it is empty."""


def _unless_none(rows: Rows, taken: pl.Expr, made: pl.Expr) -> pl.Expr:
    return pl.when(taken.len() > 0).then(made) if rows.call.dialect in _NULL_OF_NONE else made


def _array_agg(call: Call) -> Value:
    rows = Rows(call)
    value = rows.argument()
    taken = rows.taken(value.expr, nulls=not (call.has("nulls_excluded") or rows.ignore_nulls))
    return call.value(_unless_none(rows, taken, taken.implode()), pl.List(value.dtype))


def _set(rows: Rows, value: Value) -> Value:
    rows.distinct = True
    taken = rows.taken(value.expr, nulls=rows.call.dialect == "trino")
    return rows.call.value(_unless_none(rows, taken, taken.implode()), pl.List(value.dtype))


def _array_concat(rows: Rows, value: Value) -> Value:
    if not is_list(value.dtype):
        raise rows.call.error(f"{rows.call.name} wants lists, not {shown(value.dtype)}")
    taken = rows.taken(value.expr)
    made = taken.filter(taken.list.len() > 0).explode().implode()
    return rows.call.value(pl.when(taken.len() > 0).then(made), value.dtype)


_COMMA = frozenset({"duckdb", "mysql", "sqlite", "bigquery"})
"""Joined texts are parted by a comma there if nothing is said, elsewhere by nothing."""


def _string_agg(call: Call) -> Value:
    call.given("on_overflow")  # there is no limit to the length here
    rows = Rows(call)
    separator = call.given("separator")
    if separator is None and len(rows.nodes) > 1:  # sqlglot leaves it there after DISTINCT
        separator = rows.nodes.pop()
    comma = call.dialect in _COMMA or call.name == "WM_CONCAT"
    between = ("," if comma else "") if separator is None else call.bind(separator).constant
    if between is None:
        if call.dialect == "duckdb":
            return call.value(pl.lit(None, dtype=pl.String).first(), pl.String())
        between = ""
    if not isinstance(between, str):
        raise call.error(f"{call.name} wants a literal between the texts", separator)
    text = call.as_text(rows.argument())
    taken = rows.taken(text)
    joined = taken.str.join(between)
    return call.value(
        joined if call.dialect == "snowflake" else pl.when(taken.len() > 0).then(joined), pl.String()
    )


# -- the values of the greatest rows --------------------------------------------------------------

_PASS_NULLS = frozenset({"duckdb"})
"""A row whose value is NULL does not count there."""


def _arg(most: bool, keep_nulls: bool, call: Call) -> Value:
    rows = Rows(call)
    if call.given("expression") is not None:
        rows.nodes.append(call.given("expression"))
    value, by = rows.argument(0), rows.argument(1)
    count = call.given("count") or (rows.nodes[2] if len(rows.nodes) > 2 else None)
    keep = by.expr.is_not_null()
    if call.dialect in _PASS_NULLS and not keep_nulls:
        keep = keep & value.expr.is_not_null()
    rows.order = []
    keys = rows.taken(by.expr, nulls=True, keep=keep)
    values = rows.taken(value.expr, nulls=True, keep=keep)
    if count is None:
        found = values.filter(keys == reduction("max" if most else "min", keys, by.dtype)).first()
        return call.value(found, value.dtype)
    number = call.bind(count).constant
    if not isinstance(number, int) or number < 1:
        raise call.error(f"{call.name} wants a number of rows", count)
    ordered = values.sort_by(keys, descending=most, maintain_order=True).head(number)
    return call.value(pl.when(keys.len() > 0).then(ordered.implode()), pl.List(value.dtype))


_VALUE_AGGREGATES = frozenset({"spark", "databricks", "datafusion"})
"""FIRST_VALUE, LAST_VALUE and NTH_VALUE are aggregates too there."""


def _first(last: bool, call: Call) -> Value:
    named_value = isinstance(call.node, (exp.FirstValue, exp.LastValue))
    if (
        named_value
        and call.dialect not in _VALUE_AGGREGATES
        and not isinstance(call.wrapped.parent, exp.Window)
    ):
        raise call.error(f"{call.name} wants a window", hint=f"{call.name.lower()}(x) over (order by y)")
    rows = Rows(call)
    value = rows.argument()
    taken = rows.taken(value.expr, nulls=not rows.ignore_nulls)
    return call.value(taken.last() if last else taken.first(), value.dtype)


def _nth(call: Call) -> Value:
    """The value of the nth row, from the last one where n is negative."""
    if call.dialect not in _VALUE_AGGREGATES:
        raise call.error(f"{call.name} wants a window", hint=f"{call.name.lower()}(x, n) over (order by y)")
    rows = Rows(call)
    offset = call.given("offset")
    number = call.bind(rows.ordered(offset)).constant if isinstance(offset, exp.Expr) else None
    if not isinstance(number, int) or not number:
        raise call.error(f"{call.name} wants the number of a row", offset)
    value = rows.argument()
    taken = rows.taken(value.expr, nulls=not rows.ignore_nulls)
    return call.value(taken.get(number - 1 if number > 0 else number, null_on_oob=True), value.dtype)


def _top(call: Call) -> Value:
    """The most frequent values: DuckDB's list of them, BigQuery's with their numbers."""
    rows = Rows(call)
    number = call.bind(call.given("expression")).constant if call.has("expression") else 1
    call.given("counters")
    if not isinstance(number, int) or number < 1:
        raise call.error(f"{call.name} wants how many")
    value = rows.argument()
    counted = (
        rows.taken(value.expr, nulls=call.dialect == "bigquery")
        .value_counts(sort=True, name="count")
        .head(number)
    )
    fields = counted.struct
    if call.dialect == "duckdb":
        return call.value(pl.when(counted.len() > 0).then(fields[0].implode()), pl.List(value.dtype))
    if call.dialect == "bigquery":
        dtype = pl.List(pl.Struct({"value": value.dtype, "count": pl.Int64()}))
        named = counted.struct.rename_fields(["value", "count"]).implode().cast(dtype)
        return call.value(pl.when(counted.len() > 0).then(named), dtype)
    raise call.refuse(call.name)


def _map_of(key: pl.DataType, value: pl.DataType) -> pl.DataType:
    """A map is a list of its entries."""
    return pl.List(pl.Struct({"key": key, "value": value}))


def _histogram(call: Call) -> Value:
    rows = Rows(call)
    if len(rows.nodes) != 1:
        raise call.refuse(f"{call.name} with bins")
    value = rows.argument()
    counted = rows.taken(value.expr).value_counts(name="value").struct.rename_fields(["key", "value"]).sort()
    dtype = _map_of(value.dtype, pl.Int64())
    return call.value(pl.when(counted.len() > 0).then(counted.implode().cast(dtype)), dtype)


def _map_agg(call: Call) -> Value:
    rows = Rows(call)
    key, value = rows.argument(0), rows.argument(1)
    entry = pl.struct(key.expr.alias("key"), value.expr.alias("value"))
    fresh = key.expr.is_not_null()
    entries = rows.taken(entry, nulls=True, keep=fresh)
    # Of equal keys Trino keeps the first.
    first = rows.taken(key.expr, nulls=True, keep=fresh).is_first_distinct()
    made = entries.filter(first).implode()
    return call.value(pl.when(entries.len() > 0).then(made), _map_of(key.dtype, value.dtype))


def _arg_builder(*, most: bool, keep_nulls: bool = False) -> Builder:
    return partial(_arg, most, keep_nulls)


COLLECT: Functions = {
    exp.ArrayAgg: _array_agg, exp.ArrayUniqueAgg: of_one(_set), exp.ArrayConcatAgg: of_one(_array_concat),
    "SET_AGG": of_one(_set), exp.GroupConcat: _string_agg, "WM_CONCAT": _string_agg,
    exp.ArgMax: _arg_builder(most=True), exp.ArgMin: _arg_builder(most=False),
    "ARG_MAX_NULL": _arg_builder(most=True, keep_nulls=True),
    "ARG_MIN_NULL": _arg_builder(most=False, keep_nulls=True),
    "ARBITRARY": partial(_first, False), exp.First: partial(_first, False), exp.Last: partial(_first, True),
    exp.FirstValue: partial(_first, False), exp.LastValue: partial(_first, True),
    exp.NthValue: _nth,
    exp.ApproxTopK: _top, "HISTOGRAM": _histogram, "MAP_AGG": _map_agg,
}  # fmt: skip
