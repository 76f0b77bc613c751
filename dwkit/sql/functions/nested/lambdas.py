"""Functions that take ``x -> ...`` over the elements of a list, and list comprehensions."""

from __future__ import annotations

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.types import is_list, shown
from dwkit.sql.value import Value

__all__ = ["LAMBDAS"]

_BOOLEAN = pl.Boolean()


def _list(call: Call, node: exp.Expr) -> Value:
    value = call.bind(node)
    if isinstance(value.dtype, pl.Array):
        value = value.as_(value.expr.arr.to_list(), pl.List(value.dtype.inner))
    if not is_list(value.dtype):
        raise call.error(f"{call.name} wants a list, not {shown(value.dtype)}")
    return value


def _parts(call: Call) -> tuple[exp.Expr, exp.Expr]:
    """Return the nodes of the list and of the lambda."""
    if isinstance(call.node, exp.Anonymous):
        first, second = call.node.expressions[:2]
        return first, second
    return call.node.this, call.node.expression


def _body(call: Call, value: Value, node: exp.Expr) -> Value:
    """Return the body of a lambda over ``pl.element()``; its second parameter is the place, from 1."""
    inner: pl.DataType = value.dtype.inner  # type: ignore[attr-defined]
    element = Value(pl.element(), inner)
    place = Value(pl.int_range(1, pl.element().len() + 1, dtype=pl.Int64), pl.Int64())
    if call.dialect in ("spark", "databricks"):
        place = Value(pl.int_range(0, pl.element().len(), dtype=pl.Int64), pl.Int64())
    body = call.binder.bind_lambda(node, element, place)
    if body.refs:
        raise call.refuse("a column inside a lambda")
    return body


def _transform(call: Call) -> Value:
    list_node, lambda_node = _parts(call)
    value = _list(call, list_node)
    body = _body(call, value, lambda_node)
    made = body.expr
    if body.is_constant:
        made = (
            pl.element()
            .is_null()
            .replace_strict({True: body.constant, False: body.constant}, return_dtype=body.dtype)
        )
    return call.value(value.expr.list.eval(made), pl.List(body.dtype))


def _condition(call: Call, value: Value, node: exp.Expr) -> pl.Expr:
    body = _body(call, value, node)
    if not isinstance(body.dtype, pl.Boolean):
        raise call.error(f"{call.name} wants a condition")
    return body.expr


def _filter(call: Call) -> Value:
    list_node, lambda_node = _parts(call)
    value = _list(call, list_node)
    kept = value.expr.list.eval(pl.element().filter(_condition(call, value, lambda_node)))
    return call.value(kept, value.dtype)


def _matches(how: str) -> object:
    def build(call: Call) -> Value:
        list_node, lambda_node = _parts(call)
        value = _list(call, list_node)
        met = value.expr.list.eval(_condition(call, value, lambda_node))
        empty = met.list.len() == 0
        unknown = met.list.contains(pl.lit(None, dtype=_BOOLEAN))
        yes, no = met.list.contains(pl.lit(True)), met.list.contains(pl.lit(False))
        if how == "all":
            made = (
                pl.when(empty)
                .then(pl.lit(True))
                .when(no)
                .then(pl.lit(False))
                .when(unknown.not_())
                .then(pl.lit(True))
            )
        elif how == "any":
            made = (
                pl.when(empty)
                .then(pl.lit(False))
                .when(yes)
                .then(pl.lit(True))
                .when(unknown.not_())
                .then(pl.lit(False))
            )
        else:
            made = yes.not_()
        return call.value(pl.when(value.expr.is_not_null()).then(made), _BOOLEAN)

    return build


def _comprehension(call: Call) -> Value:
    """``[x + 1 for x in l if x > 2]``."""
    node = call.node
    value = _list(call, call.given("iterator"))
    if call.has("position"):
        raise call.refuse("a comprehension with positions")
    name = node.expression
    condition = call.given("condition")
    if condition is not None:
        test = exp.Lambda(this=condition, expressions=[name])
        value = value.as_(
            value.expr.list.eval(pl.element().filter(_condition(call, value, test))), value.dtype
        )
    body = _body(call, value, exp.Lambda(this=node.this, expressions=[name]))
    return call.value(value.expr.list.eval(body.expr), pl.List(body.dtype))


_ALL, _ANY, _NONE = _matches("all"), _matches("any"), _matches("none")

LAMBDAS: Functions = {
    exp.Transform: _transform,
    "LIST_TRANSFORM": _transform,
    "LIST_APPLY": _transform,
    "ARRAY_TRANSFORM": _transform,
    "ARRAY_APPLY": _transform,
    exp.ArrayFilter: _filter,
    "LIST_FILTER": _filter,
    "FILTER": _filter,
    exp.Comprehension: _comprehension,
    exp.ArrayAll: _ALL,  # type: ignore[dict-item]
    exp.ArrayAny: _ANY,  # type: ignore[dict-item]
    "ALL_MATCH": _ALL,  # type: ignore[dict-item]
    "ANY_MATCH": _ANY,  # type: ignore[dict-item]
    "NONE_MATCH": _NONE,  # type: ignore[dict-item]
    "FORALL": _ALL,  # type: ignore[dict-item]
}
