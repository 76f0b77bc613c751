"""CASE, COALESCE, NULLIF, GREATEST and their kin."""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import replace
from functools import reduce
from typing import Any

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.functions.comparison import alike, compared, together
from dwkit.sql.functions.decimals import scaled_of
from dwkit.sql.functions.interval import interval_value
from dwkit.sql.functions.trying import TRYING
from dwkit.sql.types import is_float, is_list, is_text
from dwkit.sql.value import Interval, Value, constant, null

__all__ = ["CONDITIONAL", "chosen"]


def chosen(call: Call, conditions: list[Value], results: list[Value]) -> Value:
    """Return the result of the first condition that is true; the last result is for none."""
    if any(r.interval for r in results) and all(r.interval or r.is_null for r in results):
        return _interval(call, conditions, results)
    results = together(call, *results)
    made = call.value(_chain(conditions, [r.expr for r in results]), results[0].dtype)
    found = replace(made, among=tuple(results))
    if any(r.scaled is not None for r in results):
        found = replace(found, scaled=_chain(conditions, [scaled_of(r) for r in results]))
    return (
        found.marked_json()
        if all(r.json or r.is_null for r in results) and any(r.json for r in results)
        else found
    )


def _interval(call: Call, conditions: list[Value], results: list[Value]) -> Value:
    """Return the interval of the first condition that is true, its months, days and time each for itself."""
    chosen_parts: list[pl.Expr] = []
    for name in ("months", "days", "micros"):
        parts = [getattr(r.interval, name) if r.interval else None for r in results]
        exprs = [p if isinstance(p, pl.Expr) else pl.lit(p, dtype=pl.Int64) for p in parts]
        chosen_parts.append(_chain(conditions, exprs))
    return interval_value(call, Interval(*chosen_parts))


def _chain(conditions: list[Value], results: list[pl.Expr]) -> pl.Expr:
    chain: Any = pl.when(conditions[0].expr).then(results[0])
    for condition, result in zip(conditions[1:], results[1:], strict=False):
        chain = chain.when(condition.expr).then(result)
    made: pl.Expr = chain.otherwise(results[-1])
    return made


def _case(call: Call) -> Value:
    node = call.node
    subject = call.bind(node.this) if node.this is not None else None
    conditions: list[Value] = []
    results: list[Value] = []
    before: pl.Expr | None = None
    for one in call.given("ifs"):
        with call.binder.only_where(before) if before is not None else nullcontext():
            condition = (
                compared(call, "=", subject, call.bind(one.this))
                if subject is not None
                else _truth(call, one.this)
            )
        conditions.append(condition)
        met = condition.expr if before is None else condition.expr & before.fill_null(True)
        with call.binder.only_where(met):
            results.append(call.bind(one.args["true"]))
        missed = condition.expr.fill_null(False).not_()
        before = missed if before is None else before & missed
    default = call.given("default")
    assert before is not None
    with call.binder.only_where(before):
        results.append(call.bind(default) if default is not None else null())
    return chosen(call, conditions, results)


def _truth(call: Call, node: exp.Expr) -> Value:
    value: Value = call.binder.truth(node)
    call._bound.append(value)  # noqa: SLF001
    return value


def _if(call: Call) -> Value:
    node = call.node
    condition = _truth(call, node.this)
    with call.binder.only_where(condition.expr):
        yes = call.arg("true")
    with call.binder.only_where(condition.expr.fill_null(False).not_()):
        no = call.maybe("false") or null()
    return chosen(call, [condition], [yes, no])


def _coalesce(call: Call) -> Value:
    """COALESCE: an argument is only asked for where those before it are NULL."""
    for flag in ("is_nvl", "is_null"):  # how the dialect calls it
        call.has(flag)
    bound: list[Value] = []
    missing: pl.Expr | None = None
    for node in [call.node.this, *call.node.expressions]:
        if missing is None:
            bound.append(call.bind(node))
        else:
            with call.binder.only_where(missing):
                bound.append(call.bind(node))
        absent = bound[-1].expr.is_null()
        missing = absent if missing is None else missing & absent
    values = together(call, *bound, mixed="number")
    made = call.value(pl.coalesce(v.expr for v in values), values[0].dtype)
    return replace(made, among=tuple(values))


def _nullif(call: Call) -> Value:
    value, other = call.arg(), call.arg("expression")
    same = compared(call, "=", value, other)
    dtype = value.dtype
    return call.value(pl.when(same.expr.fill_null(False).not_()).then(value.expr), dtype)


def _nvl2(call: Call) -> Value:
    tested = call.arg()
    other = call.arg("false") if call.has("false") else null()
    condition = constant(True, pl.Boolean())
    condition = Value(tested.expr.is_not_null(), pl.Boolean(), tested.refs)
    return chosen(call, [condition], [call.arg("true"), other])


_NULL_WINS = frozenset({"snowflake", "bigquery", "mysql", "oracle", "sqlite", "trino"})
"""GREATEST and LEAST are NULL there when one argument is; elsewhere NULLs do not count."""


def _extreme(greatest: bool, call: Call) -> Value:
    values = alike(call, *call.values())
    if is_list(values[0].dtype):
        return _extreme_list(call, values, greatest=greatest)
    exprs = [v.expr for v in values]
    made = pl.max_horizontal(exprs) if greatest else pl.min_horizontal(exprs)
    if greatest and is_float(values[0].dtype):  # NaN is the greatest number, Polars passes it over
        made = pl.when(pl.any_horizontal(e.is_nan() for e in exprs)).then(math.nan).otherwise(made)
    if call.dialect in _NULL_WINS and (not call.has("ignore_nulls") or call.dialect == "oracle"):
        made = pl.when(reduce(lambda a, b: a | b, (e.is_null() for e in exprs)).not_()).then(made)
    return call.value(made, values[0].dtype)


def _extreme_list(call: Call, values: list[Value], *, greatest: bool) -> Value:
    """The greatest of lists, which compare element by element."""
    if call.dialect in _NULL_WINS:
        raise call.refuse(f"{call.name} of lists")
    best = values[0]
    for other in values[1:]:
        better = compared(call, ">" if greatest else "<", other, best).expr
        found = pl.when(better | best.expr.is_null()).then(other.expr).otherwise(best.expr)
        best = call.value(found, best.dtype)
    return best


def _decode(call: Call) -> Value:
    """DECODE(x, a, r, b, s, default): here NULL equals NULL."""
    subject, *rest = call.values()
    default = rest.pop() if len(rest) % 2 else null()
    conditions = [compared(call, "is", subject, rest[n]) for n in range(0, len(rest), 2)]
    return chosen(call, conditions, [*(rest[n] for n in range(1, len(rest), 2)), default])


def _picked(call: Call) -> Value:
    """ELT and CHOOSE: the nth of some values, NULL where there is no such one; in Spark an error."""
    nodes = list(call.node.expressions)
    index = call.cast(
        call.bind(call.node.this if isinstance(call.node, exp.Elt) else nodes.pop(0)), pl.Int64()
    )
    conditions = [Value(index.expr == n, pl.Boolean(), index.refs) for n in range(1, len(nodes) + 1)]
    values = [call.bind(n) for n in nodes]
    if isinstance(call.node, exp.Elt) and any(is_text(v.dtype) for v in values):
        values = [call.cast(v, pl.String()) for v in values]
    made = chosen(call, conditions, [*values, null()])
    if call.dialect not in ("spark", "databricks"):
        return made
    if isinstance(index.constant, int) and not 1 <= index.constant <= len(values):
        raise call.error(f"there is no element {index.constant}")
    outside = (index.expr < 1) | (index.expr > len(values))
    told = pl.concat_str(pl.lit("no element "), index.expr)
    return call.value(call.checked(made.expr, outside, told), made.dtype)


def _field(call: Call) -> Value:
    """FIELD(x, a, b, ...): the place of the first value that equals x, 0 where none does (or x is NULL)."""
    subject, *rest = call.args()
    conditions = [compared(call, "=", subject, v) for v in rest]
    return chosen(call, conditions, [constant(n, pl.Int64()) for n in [*range(1, len(rest) + 1), 0]])


def _is_null(call: Call) -> Value:
    """ISNULL(x) of Spark and MySQL; with two arguments, SQL Server's, it is another function."""
    values = call.args()
    if len(values) != 1:
        raise call.refuse("ISNULL of more than one argument")
    made = values[0].expr.is_null()
    return call.value(made.cast(pl.Int64) if call.dialect == "mysql" else made)


def _checked(call: Call) -> Value:
    """DWKIT:CHECKED(x, bad, 'message'), which the binder writes: x, and an error as it runs where bad is true."""
    value, bad, told = call.args()
    return call.value(call.checked(value.expr, bad.expr, str(told.constant)), value.dtype)


CONDITIONAL: Functions = {
    **TRYING,
    "DWKIT:CHECKED": _checked,
    exp.Elt: _picked,
    "CHOOSE": _picked,
    "FIELD": _field,
    "ISNULL": _is_null,
    "ISNOTNULL": lambda call: call.value(call.args()[0].expr.is_not_null(), pl.Boolean()),
    exp.Case: _case,
    exp.If: _if,
    exp.Coalesce: _coalesce,
    exp.Nullif: _nullif,
    exp.Nvl2: _nvl2,
    exp.DecodeCase: _decode,
    exp.Greatest: lambda call: _extreme(True, call),
    exp.Least: lambda call: _extreme(False, call),
}
