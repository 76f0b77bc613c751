"""Lists of numbers as vectors: sums, products, lengths and distances."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Builder, Call, Functions
from dwkit.sql.functions.elements import inner_of, listed
from dwkit.sql.types import is_list, is_number, shown
from dwkit.sql.value import Value

__all__ = ["VECTORS"]

_DOUBLE = pl.Float64()
_VECTOR = pl.List(_DOUBLE)


def _vector(call: Call, value: Value) -> pl.Expr:
    """Return a list as one of doubles; an inner list of one list counts as that."""
    value = listed(call, value)
    inner = inner_of(value).dtype
    if is_list(inner):
        return _vector(call, value.as_(value.expr.list.first(), inner))
    if not is_number(inner) and not isinstance(inner, pl.Null):
        raise call.error(f"{call.name} wants lists of numbers, not {shown(value.dtype)}")
    return call.cast(value, _VECTOR).expr


def _both(call: Call) -> tuple[pl.Expr, pl.Expr]:
    """Return two vectors of one length, both NULL where one is."""
    values = call.values()
    if len(values) != 2:
        raise call.error(f"{call.name} wants two lists")
    a, b = (_vector(call, v) for v in values)
    same = a.list.len() == b.list.len()
    fine = call.checked(same, same.not_(), f"{call.name} of lists that are not of one length")
    if call.dialect == "duckdb":
        holes = (
            a.list.eval(pl.element().is_null()).list.any() | b.list.eval(pl.element().is_null()).list.any()
        )
        fine = call.checked(fine, holes, f"{call.name} of a list with NULL in it")
    return pl.when(fine).then(a), pl.when(fine).then(b)


def _by_element(make: Callable[[pl.Expr, pl.Expr], pl.Expr]) -> Builder:
    return lambda call: call.value(make(*_both(call)), _VECTOR)


def _scale(call: Call) -> Value:
    first, second = call.args()
    if not is_number(second.dtype) and not second.is_null:
        raise call.error(f"{call.name} wants a number, not {shown(second.dtype)}")
    vector, factor = _vector(call, first), call.cast(second, _DOUBLE).expr
    return call.value(pl.when(factor.is_not_null()).then(vector * factor), _VECTOR)


def _total(vector: pl.Expr) -> pl.Expr:
    """Return the sum of the elements, NULL where one of them is."""
    whole = vector.list.drop_nulls().list.len() == vector.list.len()
    return pl.when(whole).then(vector.list.sum())


def _product(sign: int = 1) -> Builder:
    def build(call: Call) -> Value:
        a, b = _both(call)
        total = _total(a * b)
        return call.value(total if sign > 0 else -total, _DOUBLE)

    return build


def _distance(call: Call) -> Value:
    a, b = _both(call)
    difference = a - b
    return call.value(_total(difference * difference).sqrt(), _DOUBLE)


def _cosine(*, distance: bool) -> Builder:
    """The cosine between two vectors; of one without a length it is NULL, in DuckDB NaN unless it is empty."""

    def build(call: Call) -> Value:
        a, b = _both(call)
        sizes = (_total(a * a) * _total(b * b)).sqrt()
        made = _total(a * b) / (sizes if call.dialect == "duckdb" else pl.when(sizes != 0).then(sizes))
        made = pl.when(a.list.len() > 0).then(made)
        return call.value(1 - made if distance else made, _DOUBLE)

    return build


def _normalize(call: Call) -> Value:
    """The vector of the length 1 with the same direction; NULL where there is none."""
    vector = _vector(call, call.args()[0])
    size = _total(vector * vector).sqrt()
    scaled = vector / pl.when(size != 0).then(size)
    empty = vector.list.len() == 0
    return call.value(pl.when(empty).then(vector).when(size != 0).then(scaled), _VECTOR)


def _named(builders: dict[str, Builder]) -> dict[type[exp.Expr] | str, Builder]:
    return {f"{kind}_{name}": build for name, build in builders.items() for kind in ("ARRAY", "LIST")}


VECTORS: Functions = {
    **_named({
        "ADD": _by_element(lambda a, b: a + b), "SUBTRACT": _by_element(lambda a, b: a - b), "SCALE": _scale,
        "NORMALIZE": _normalize, "DISTANCE": _distance, "INNER_PRODUCT": _product(), "DOT_PRODUCT": _product(),
        "NEGATIVE_INNER_PRODUCT": _product(-1), "NEGATIVE_DOT_PRODUCT": _product(-1),
        "COSINE_DISTANCE": _cosine(distance=True), "COSINE_SIMILARITY": _cosine(distance=False),
    }),
    "INNER_PRODUCT": _product(), exp.DotProduct: _product(), exp.CosineDistance: _cosine(distance=True),
    exp.EuclideanDistance: _distance,
}  # fmt: skip
