"""A condition as its conjuncts, which joins and filters can move one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import reduce

import polars as pl
from sqlglot import exp

from dwkit.sql.bind.expressions import Stage
from dwkit.sql.functions.call import Call
from dwkit.sql.functions.comparison import COMPARE, apart, comparable
from dwkit.sql.functions.comparison import compared as ordered
from dwkit.sql.plan import Condition
from dwkit.sql.trees import has_query
from dwkit.sql.value import Value, column

__all__ = ["carried", "comparison", "conjuncts", "equal", "same", "split"]

_COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "=", exp.NEQ: "<>", exp.NullSafeEQ: "is", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">=",
}  # fmt: skip


def split(node: exp.Expr) -> Iterator[exp.Expr]:
    """Return the parts of a condition that must all be true; those that all arms of an OR have come out of it."""
    while isinstance(node, exp.Paren):
        node = node.this
    if isinstance(node, exp.And):
        yield from split(node.left)
        yield from split(node.right)
    elif isinstance(node, exp.Or):
        yield from _factored(node)
    else:
        yield node


_BY_CHANCE = (exp.Rand, exp.Randn, exp.Uuid, exp.Anonymous)
"""What may have another value each time; of functions that sqlglot does not know it cannot be told."""


def _factored(node: exp.Or) -> Iterator[exp.Expr]:
    arms = [list(split(arm)) for arm in _arms(node)]
    common = [part for part in dict.fromkeys(arms[0]) if all(part in arm for arm in arms[1:])]
    common = [part for part in common if part.find(*_BY_CHANCE) is None]
    if not common:
        yield node
        return
    yield from common
    rests = [[part for part in arm if part not in common] for arm in arms]
    if all(rests):
        yield reduce(
            lambda a, b: exp.Or(this=a, expression=b),
            (reduce(lambda a, b: exp.And(this=a, expression=b), rest) for rest in rests),
        )


def _arms(node: exp.Expr) -> Iterator[exp.Expr]:
    while isinstance(node, exp.Paren):
        node = node.this
    if isinstance(node, exp.Or):
        yield from _arms(node.left)
        yield from _arms(node.right)
    else:
        yield node


def conjuncts(stage: Stage, nodes: Iterable[exp.Expr]) -> list[Condition]:
    """Bind conjuncts.

    Raises:
        SqlError: see `Stage.bind`.
    """
    return [made for node in nodes for made in _conjunct(stage, node)]


def _conjunct(stage: Stage, node: exp.Expr) -> Iterator[Condition]:
    if _is_range(node) and node not in stage.known:
        value = stage.bind(node.this)
        if not value.volatile:
            yield compared(stage, node, ">=", value, stage.bind(node.args["low"]))
            yield compared(stage, node, "<=", value, stage.bind(node.args["high"]))
            return
    op = _COMPARISONS.get(type(node), "")
    if op and node not in stage.known and not isinstance(node.expression, (exp.Any, exp.All)):
        left, right = node.this, node.expression
        if isinstance(left, exp.Tuple) and isinstance(right, exp.Tuple) and op == "=":
            for a, b in zip(left.expressions, right.expressions, strict=False):
                kind = exp.NullSafeEQ if stage.dialect == "duckdb" else exp.EQ
                yield from _conjunct(stage, kind(this=a, expression=b))
            return
        if not isinstance(left, exp.Tuple):
            yield compared(stage, node, op, stage.bind(left), stage.bind(right))
            return
    yield Condition(stage.truth(node), node=node)


def _is_range(node: exp.Expr) -> bool:
    """Whether a condition is one value between two others, which are compared with it one by one."""
    if not isinstance(node, exp.Between) or node.args.get("symmetric"):
        return False
    return not isinstance(node.this, exp.Tuple) and not has_query(node)


def compared(stage: Stage, node: exp.Expr, op: str, left: Value, right: Value) -> Condition:
    """Return a comparison as a conjunct."""
    call = Call(node, stage)
    if stage.dialect == "sqlite" and apart(left, right):
        return Condition(ordered(call, op, left, right))
    a, b = comparable(call, left, right)
    if a.dtype.is_nested() and op in ("<", "<=", ">", ">="):
        return Condition(ordered(call, op, a, b))
    return comparison(op, a, b)


def comparison(op: str, a: Value, b: Value) -> Condition:
    """Return a comparison of two values of one type."""
    made = COMPARE[op](a.expr, b.expr)
    volatile = a.volatile or b.volatile
    return Condition(Value(made, pl.Boolean(), a.refs | b.refs, volatile=volatile), op, a, b)


def carried(conditions: Iterable[Condition], on: Iterable[Condition]) -> Iterator[Condition]:
    """Return what comparisons of columns with literals mean for the columns that a join makes them equal to."""
    equal_to: dict[str, list[Value]] = {}
    for one in on:
        if one.op == "=" and one.left is not None and one.right is not None:
            for mine, other in ((one.left, one.right), (one.right, one.left)):
                if mine.expr.meta.is_column() and other.expr.meta.is_column():
                    equal_to.setdefault(mine.expr.meta.output_name(), []).append(other)
    for one in conditions:
        left, right = one.left, one.right
        if one.op in ("", "is", "<>") or left is None or right is None or not right.is_constant:
            continue
        if left.expr.meta.is_column():
            for other in equal_to.get(left.expr.meta.output_name(), ()):
                yield comparison(one.op, other, right)


def equal(left: Value, right: Value) -> Condition:
    """Return that two values of one type are equal."""
    return Condition(Value(left.expr == right.expr, pl.Boolean(), left.refs | right.refs), "=", left, right)


def same(left: str, right: str, dtype: pl.DataType) -> Condition:
    """Return that two columns are equal or both NULL."""
    a, b = column(left, dtype), column(right, dtype)
    return Condition(Value(a.expr.eq_missing(b.expr), pl.Boolean(), a.refs | b.refs), "is", a, b)
