"""Functions that take ``x -> ...`` over the elements of a list or a map, and list comprehensions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import polars as pl
from sqlglot import exp

from dwkit.sql.functions import jsontext
from dwkit.sql.functions.call import Builder, Call, Functions
from dwkit.sql.functions.elements import beside, given_back, inner_of, listed, over
from dwkit.sql.functions.encode import encoded
from dwkit.sql.functions.nested.parts import PARTS
from dwkit.sql.types import is_map, shown, unified
from dwkit.sql.value import NOT_CONSTANT, Value

__all__ = ["LAMBDAS"]

_BOOLEAN = pl.Boolean()
_FROM_ZERO = frozenset({"spark", "databricks"})
"""The second parameter of a lambda counts from 0 there."""


# -- the bodies of lambdas ------------------------------------------------------------------------


class _Lambda:
    """A lambda whose body may also name columns of the row.

    Attributes:
        outer: the parts of the body that do not depend on its parameters, bound where the lambda stands.
    """

    def __init__(self, call: Call, node: exp.Expr | None) -> None:
        if not isinstance(node, exp.Lambda):
            raise call.error("a lambda such as x -> x + 1 is wanted here", node)
        if node.find(exp.Query):
            raise call.refuse("a subquery inside a lambda")
        self.call = call
        self.node = node
        self.names = [p.name.lower() for p in node.expressions]
        self._nodes = list(self._outer(node.this, frozenset(self.names)))
        self.outer = [call.bind(n) for n in self._nodes]

    def _outer(self, node: exp.Expr, names: frozenset[str]) -> Iterator[exp.Expr]:
        """Yield the greatest parts that name none of the parameters, nor those of lambdas inside."""
        if isinstance(node, exp.Lambda):
            names |= {p.name.lower() for p in node.expressions}
            yield from self._outer(node.this, names)
            return
        found = list(node.walk())
        depends = any((_is_name(n) and n.name.lower() in names) or isinstance(n, exp.Lambda) for n in found)
        if not depends and self._varies(node):
            yield node
            return
        for child in node.iter_expressions():
            yield from self._outer(child, names)

    def _varies(self, node: exp.Expr) -> bool:
        """Whether it reads a column, a group's key or a parameter of a lambda around this one."""
        known = getattr(self.call.binder, "known", {})
        found = [node, *node.walk()]
        return any(isinstance(n, exp.Column) or _is_name(n) or n in known for n in found)

    def body(self, values: Sequence[Value], outer: Sequence[pl.Expr]) -> Value:
        """Return the body for values of its parameters and of its outer parts."""
        if len(values) < len(self.names):
            raise self.call.error(
                f"a lambda of {len(self.names)} parameters where {len(values)} are given", self.node
            )
        with self._known(outer):
            return self.call.binder.bind_lambda(self.node, *values)

    @contextmanager
    def _known(self, outer: Sequence[pl.Expr]) -> Iterator[None]:
        known: dict[exp.Expr, Value] = self.call.binder.known  # type: ignore[attr-defined]
        before = dict(known)
        for node, value, expr in zip(self._nodes, self.outer, outer, strict=True):
            known[node] = Value(expr, value.dtype, constant=value.constant, json=value.json)
        try:
            yield
        finally:
            known.clear()
            known.update(before)

    def over(
        self, lists: Sequence[Value], make: Callable[[Value, Sequence[Value]], pl.Expr]
    ) -> tuple[pl.Expr, Value]:
        """Return what an expression makes of the body over the elements of lists of one length, and the body.

        Args:
            make: gives the expression for each element, of the body and of the elements.
        """
        bodies: list[Value] = []

        def built(element: pl.Expr, rest: list[pl.Expr]) -> pl.Expr:
            values = _elements_of(element, lists)
            parameters = [*values, self._place()]
            body = self.body(parameters, rest)
            bodies.append(body)
            every = (
                pl.when(pl.element().is_null() | pl.lit(True))
                if not isinstance(body.dtype, pl.Null)
                else None
            )
            if body.is_constant and every is not None:
                body = Value(every.then(body.expr), body.dtype, json=body.json)
            return make(body, values)

        source = lists[0].expr if len(lists) == 1 else beside([v.expr for v in lists])
        return over(source, self.outer, built), bodies[-1]

    def _place(self) -> Value:
        start = 0 if self.call.dialect in _FROM_ZERO else 1
        return Value(pl.int_range(start, pl.len() + start, dtype=pl.Int64), pl.Int64())


def _is_name(node: exp.Expr) -> bool:
    """Whether an identifier is the name of a parameter, not that of a column or a field."""
    if not isinstance(node, exp.Identifier):
        return False
    parent, key = node.parent, node.arg_key
    if isinstance(parent, (exp.Column, exp.ColumnDef, exp.DataType)):
        return False
    if isinstance(parent, exp.Dot):
        return key == "this"
    if isinstance(parent, (exp.PropertyEQ, exp.JSONKeyValue)):
        return key == "expression"
    return not isinstance(parent, exp.Lambda) or key == "this"


def _elements_of(element: pl.Expr, lists: Sequence[Value]) -> list[Value]:
    inners = [inner_of(v) for v in lists]
    if len(lists) == 1:
        return [_element(element, inners[0])]
    return [_element(element.struct.field(str(n)), v) for n, v in enumerate(inners)]


def _element(expr: pl.Expr, like: Value) -> Value:
    """Return an element of a list; that of a list without a type can only be NULL."""
    constant = None if isinstance(like.dtype, pl.Null) else NOT_CONSTANT
    return Value(expr, like.dtype, constant=constant, json=like.json)


def _list_and_lambda(call: Call) -> tuple[Value, _Lambda]:
    if isinstance(call.node, exp.Anonymous):
        if len(call.node.expressions) != 2:
            raise call.error(f"{call.name} wants a list and a lambda")
        first, second = call.node.expressions
    else:
        first, second = call.given("this"), call.given("expression")
    return listed(call, call.bind(first)), _Lambda(call, second)


# -- functions ------------------------------------------------------------------------------------


def _transform(call: Call) -> Value:
    value, lambda_ = _list_and_lambda(call)
    return _transformed(call, value, lambda_)


def _transformed(call: Call, value: Value, lambda_: _Lambda) -> Value:
    if value.json:
        made, _ = lambda_.over([value], lambda body, _: encoded(call, body).fill_null("null"))
        return call.value(jsontext.joined(made), pl.String(), json=True)
    made, body = lambda_.over([value], lambda body, _: body.expr)
    return call.value(made, pl.List(body.dtype))


def _met(call: Call, body: Value) -> pl.Expr:
    if not isinstance(body.dtype, pl.Boolean) and not body.is_null:
        raise call.error(f"{call.name} wants a condition, not {shown(body.dtype)}")
    return body.expr.cast(pl.Boolean)


def _filter(call: Call) -> Value:
    value, lambda_ = _list_and_lambda(call)
    return given_back(call, value, _filtered(call, value, lambda_))


def _filtered(call: Call, value: Value, lambda_: _Lambda) -> pl.Expr:
    made, _ = lambda_.over([value], lambda body, values: values[0].expr.filter(_met(call, body)))
    return made


def _matches(how: str) -> Builder:
    """Whether a condition holds for any, all or none of the elements, in three-valued logic."""

    def build(call: Call) -> Value:
        value, lambda_ = _list_and_lambda(call)
        met, _ = lambda_.over([value], lambda body, _: _met(call, body))
        if how == "all":
            made = met.list.agg(pl.element().all(ignore_nulls=False))
        else:
            made = met.list.agg(pl.element().any(ignore_nulls=False))
        return call.value(made.not_() if how == "none" else made, _BOOLEAN)

    return build


def _first_match(call: Call) -> Value:
    """FIND_FIRST(list, x -> ...)."""
    value, lambda_ = _list_and_lambda(call)
    made = _filtered(call, value, lambda_).list.first()
    return call.value(made, inner_of(value).dtype, json=value.json)


def _zip_with(call: Call) -> Value:
    """ZIP_WITH(a, b, (x, y) -> ...): the shorter list is filled up with NULL."""
    first, second, node = call.node.expressions
    a, b = listed(call, call.bind(first)), listed(call, call.bind(second))
    size = pl.max_horizontal(a.expr.list.len(), b.expr.list.len())
    size = pl.when(a.expr.is_not_null() & b.expr.is_not_null()).then(size)
    place = pl.int_ranges(0, size, dtype=pl.Int64)
    full = [Value(v.expr.list.gather(place, null_on_oob=True), v.dtype, v.refs, json=v.json) for v in (a, b)]
    made, body = _Lambda(call, node).over(full, lambda body, _: body.expr)
    return call.value(made, pl.List(body.dtype))


def _comprehension(call: Call) -> Value:
    """``[x + 1 for x in l if x > 2]``."""
    if call.has("position"):
        raise call.refuse("a comprehension with positions")
    value = listed(call, call.arg("iterator"))
    names = [call.given("expression")]
    condition = call.given("condition")
    if condition is not None:
        test = _Lambda(call, exp.Lambda(this=condition.copy(), expressions=names))
        value = Value(_filtered(call, value, test), value.dtype, value.refs, json=value.json)
    return _transformed(
        call, value, _Lambda(call, exp.Lambda(this=call.given("this").copy(), expressions=names))
    )


def _sort(call: Call) -> Value:
    """ARRAY_SORT(list, (x, y) -> ...): the place of an element is how many others the comparator puts before it."""
    node = call.given("expression")
    if node is None:
        return PARTS[exp.ArraySort](call)
    value, lambda_ = listed(call, call.arg()), _Lambda(call, node)
    if lambda_.outer:
        raise call.refuse("a column inside a comparator")
    inner = inner_of(value)

    def before(one: pl.Expr, others: list[pl.Expr]) -> pl.Expr:
        def first(other: pl.Expr, rest: list[pl.Expr]) -> pl.Expr:
            pair = [Value(e, inner.dtype, json=inner.json) for e in (other, rest[0])]
            return (lambda_.body(pair, []).expr < 0).cast(pl.Int64)

        return over(others[0], [Value(one, inner.dtype)], first).list.sum()

    places = over(value.expr, [value], before)
    both = pl.element().struct
    made = beside([value.expr, places]).list.eval(
        both.field("0").sort_by(both.field("1"), maintain_order=True)
    )
    return given_back(call, value, made)


# -- folding --------------------------------------------------------------------------------------


def _reduce(call: Call) -> Value:
    """REDUCE(list, start, (acc, x) -> ... [, acc -> ...])."""
    if isinstance(call.node, exp.Anonymous):
        nodes = list(call.node.expressions)
        if call.dialect == "duckdb":  # LIST_REDUCE(list, lambda [, start])
            return _folded(
                call, call.bind(nodes[0]), call.bind(nodes[2]) if len(nodes) > 2 else None, nodes[1], None
            )
        nodes += [None] * (4 - len(nodes))
        source, start, merge, finish = nodes[:4]
    else:
        source, start, merge, finish = (call.given(k) for k in ("this", "initial", "merge", "finish"))
    return _folded(call, call.bind(source), call.bind(start), merge, finish)


def _folded(
    call: Call, source: Value, start: Value | None, merge: exp.Expr, finish: exp.Expr | None
) -> Value:
    """Fold a list: each step takes one element of all rows at once, so there are as many as the longest list has."""
    value = listed(call, source)
    lambda_ = _Lambda(call, merge)
    inner = inner_of(value)
    outer = [pl.col(f"o{n}") for n in range(len(lambda_.outer))]
    element = Value(pl.col("x"), inner.dtype, json=inner.json)
    dtype = start.dtype if start is not None else inner.dtype
    for _ in range(3):  # the type that the start and the body have together
        given = [Value(pl.col("acc"), dtype, json=inner.json and start is None), element]
        if call.dialect == "duckdb":
            given.append(Value(pl.col("i"), pl.Int64()))
        body = lambda_.body(given, outer)
        both = unified((dtype, body.dtype))
        if both is None:
            raise call.error(f"{call.name} gives {shown(body.dtype)}, its start is {shown(dtype)}")
        if both == dtype:
            break
        dtype = both
    body = call.cast(body, dtype)
    if start is not None:
        begin = call.cast(start, dtype).expr
    else:
        begin = _nothing_fails(call, value.expr).list.first().cast(dtype)
    rest = value.expr if start is not None else value.expr.list.slice(1)
    fields = [begin.alias("acc"), rest.alias("list")]
    fields += [v.expr.alias(f"o{n}") for n, v in enumerate(lambda_.outer)]
    made = pl.struct(fields).map_batches(
        partial(_fold, body=body.expr, first=1 if start is not None else 2),
        return_dtype=dtype,
        is_elementwise=True,
    )
    made = pl.when(value.expr.is_not_null()).then(made)
    if finish is None:
        return call.value(made, dtype)
    last = _Lambda(call, finish)
    done = last.body([Value(made, dtype)], [v.expr for v in last.outer])
    return call.value(done.expr, done.dtype)


def _nothing_fails(call: Call, value: pl.Expr) -> pl.Expr:
    """Return a list, with an error when it runs where it is empty."""
    return call.checked(value, value.list.len() == 0, "no element to reduce")


def _fold(batch: pl.Series, body: pl.Expr, first: int) -> pl.Series:
    """Fold the lists of a batch; `first` is the place of their first elements, which the body may ask for."""
    frame = batch.struct.unnest()
    longest = frame["list"].list.len().max()
    for place in range(int(longest) if isinstance(longest, int) else 0):
        element = pl.col("list").list.get(place, null_on_oob=True).alias("x")
        there = pl.col("list").list.len() > place
        at = pl.lit(first + place, dtype=pl.Int64).alias("i")
        frame = frame.with_columns(element, at).with_columns(
            pl.when(there).then(body).otherwise(pl.col("acc")).alias("acc")
        )
    return frame["acc"]


# -- maps -----------------------------------------------------------------------------------------


def _of_map(make: Callable[[Value, Sequence[Value]], pl.Expr], call: Call) -> tuple[Value, pl.Expr, Value]:
    """MAP_FILTER, TRANSFORM_VALUES: what the body makes of each entry."""
    first, node = call.node.expressions
    value = call.bind(first)
    if not is_map(value.dtype):
        raise call.error(f"{call.name} wants a map, not {shown(value.dtype)}")
    fields = value.dtype.inner.fields  # type: ignore[attr-defined]
    columns = [
        Value(value.expr.list.eval(pl.element().struct.field(f.name)), pl.List(f.dtype), value.refs)
        for f in fields
    ]
    made, body = _Lambda(call, node).over(columns, make)
    return value, made, body


def _entry(key: pl.Expr, value: pl.Expr) -> pl.Expr:
    return pl.struct(key.alias("key"), value.alias("value"))


def _map_filter(call: Call) -> Value:
    value, made, _ = _of_map(lambda body, v: _entry(v[0].expr, v[1].expr).filter(_met(call, body)), call)
    return call.value(made, value.dtype)


def _transform_values(call: Call) -> Value:
    value, made, body = _of_map(lambda body, v: _entry(v[0].expr, body.expr), call)
    key = value.dtype.inner.fields[0].dtype  # type: ignore[attr-defined]
    return call.value(made, pl.List(pl.Struct({"key": key, "value": body.dtype})))


def _transform_keys(call: Call) -> Value:
    value, made, body = _of_map(lambda body, v: _entry(body.expr, v[1].expr), call)
    own = value.dtype.inner.fields[1].dtype  # type: ignore[attr-defined]
    return call.value(made, pl.List(pl.Struct({"key": body.dtype, "value": own})))


LAMBDAS: Functions = {
    exp.Transform: _transform, "LIST_APPLY": _transform, "ARRAY_APPLY": _transform, "APPLY": _transform,
    "ARRAY_TRANSFORM": _transform, "LIST_TRANSFORM": _transform,
    exp.ArrayFilter: _filter, "LIST_FILTER": _filter, "FILTER": _filter, "ARRAY_FILTER": _filter,
    exp.ArrayAny: _matches("any"), exp.Exists: _matches("any"), exp.ArrayAll: _matches("all"), "ANY_MATCH": _matches("any"),
    "ARRAY_ANY_MATCH": _matches("any"), "LIST_ANY_MATCH": _matches("any"),
    "ALL_MATCH": _matches("all"), "NONE_MATCH": _matches("none"), "FORALL": _matches("all"),
    exp.ArraySort: _sort, "FIND_FIRST": _first_match, "ZIP_WITH": _zip_with, exp.Comprehension: _comprehension,
    exp.Reduce: _reduce, "LIST_REDUCE": _reduce, "ARRAY_REDUCE": _reduce, "REDUCE": _reduce, "AGGREGATE": _reduce,
    "MAP_FILTER": _map_filter, "TRANSFORM_VALUES": _transform_values, "TRANSFORM_KEYS": _transform_keys,
}  # fmt: skip
