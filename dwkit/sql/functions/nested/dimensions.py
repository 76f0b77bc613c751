"""DataFusion's arrays of arrays: their dimensions, all that is in them, and what is calculated from it."""

from __future__ import annotations

import polars as pl

from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.functions.elements import inner_of, listed, over
from dwkit.sql.functions.nested.arrays import arguments, depth, fails, length
from dwkit.sql.types import is_float, is_list, is_map, is_number, shown
from dwkit.sql.value import Value

__all__ = ["DIMENSIONS"]

_INT, _FLOAT, _TEXT = pl.Int64(), pl.Float64(), pl.String()


def _sizes(value: Value) -> list[pl.Expr]:
    """Return the length of a list, of its first element, of the first element of that and so on, as long as there is one."""
    found: list[pl.Expr] = []
    expr, dtype = value.expr, value.dtype
    while is_list(dtype):
        found.append(expr.list.len().cast(_INT))
        expr, dtype = expr.list.first(), dtype.inner  # type: ignore[attr-defined]
    return found


def _length(call: Call) -> Value:
    """ARRAY_LENGTH(array [, dimension])."""
    given, *rest = arguments(call, 1, 2)
    sizes = _sizes(listed(call, given))
    if not rest:
        return call.value(sizes[0], _INT)
    dimension = call.cast(rest[0], _INT).expr
    made = pl.lit(None, dtype=_INT)
    for number, size in enumerate(sizes, 1):
        made = pl.when(dimension == number).then(size).otherwise(made)
    return call.value(made, _INT)


def _dims(call: Call) -> Value:
    """ARRAY_DIMS(array): the length in each dimension."""
    value = listed(call, *arguments(call, 1, 1))
    sizes = pl.concat_list(_sizes(value)).list.drop_nulls()
    return call.value(pl.when(value.expr.list.len() > 0).then(sizes), pl.List(_INT))


def _ndims(call: Call) -> Value:
    """ARRAY_NDIMS(array): how many dimensions its type has."""
    value = listed(call, *arguments(call, 1, 1))
    return call.value(pl.when(value.expr.is_not_null()).then(pl.lit(depth(value.dtype), dtype=_INT)), _INT)


def _cardinality(call: Call) -> Value:
    """CARDINALITY(array): the product of the lengths in each dimension; that of a map is its length."""
    [value] = arguments(call, 1, 1)
    if is_map(value.dtype):
        return call.value(length(value), _INT)
    value = listed(call, value)
    first, *others = _sizes(value)
    for size in others:
        first *= size.fill_null(1)
    return call.value(first, _INT)


def _empty(call: Call) -> Value:
    """EMPTY(array)."""
    value = listed(call, *arguments(call, 1, 1))
    return call.value(value.expr.list.len() == 0, pl.Boolean())


def _flatten(call: Call) -> Value:
    """FLATTEN(array): the elements of the arrays in it; one without arrays stays as it is."""
    return _flattened(call, listed(call, *arguments(call, 1, 1)), keep_nulls=False)


def _flattened(call: Call, value: Value, *, keep_nulls: bool) -> Value:
    inner = inner_of(value).dtype
    if not is_list(inner):
        return call.value(value.expr, value.dtype)
    made = value.expr.list.eval(pl.element().list.explode(empty_as_null=False, keep_nulls=keep_nulls))
    return call.value(made, pl.List(inner.inner))  # type: ignore[attr-defined]


def _innermost(call: Call, value: Value) -> Value:
    """Return all that is in lists of lists as one list; a NULL list is one NULL."""
    while is_list(inner_of(value).dtype):
        value = _flattened(call, value, keep_nulls=True)
    return value


def _to_string(call: Call) -> Value:
    """ARRAY_TO_STRING(array, separator [, text for NULL]): NULLs are left out without a text for them."""
    given, separator, *rest = arguments(call, 2, 3)
    value = _innermost(call, listed(call, given))
    element = inner_of(value)
    if element.dtype.is_nested() or isinstance(element.dtype, pl.Duration):
        raise call.refuse(f"{call.name} of {shown(value.dtype)}")
    one = _plain_float(pl.element()) if is_float(element.dtype) else call.as_text(element)
    texts = value.expr.list.eval(one.cast(_TEXT))
    between = call.as_text(separator)
    if rest and not rest[0].is_null:
        null = call.cast(rest[0], _TEXT)
        texts = over(texts, [null], lambda e, o: e.fill_null(o[0]))
    return call.value(pl.when(between.is_not_null()).then(texts.list.join(between, ignore_nulls=True)), _TEXT)


def _plain_float(number: pl.Expr) -> pl.Expr:
    """Return a float with all its digits: no exponent, and no point without digits behind it."""
    text = number.cast(_FLOAT).cast(_TEXT)
    digits = text.str.extract(r"^-?([\d.]+)").str.replace(r"\.0$", "")
    power = text.str.extract(r"e([+-]?\d+)$").cast(_INT).fill_null(0)
    whole = digits.str.extract(r"^(\d+)")
    fraction = digits.str.extract(r"\.(\d+)$").fill_null("")
    shift = whole.str.len_chars().cast(_INT) + power  # the place of the point among the digits
    every = pl.concat_str(whole, fraction)
    before = pl.concat_str(pl.lit("0."), pl.lit("0").str.pad_start((-shift).clip(lower_bound=0), "0"))
    small = pl.concat_str(pl.when(shift < 0).then(before).otherwise(pl.lit("0.")), every)
    padded = every.str.pad_end(shift.clip(lower_bound=0), "0")
    behind = padded.str.slice(shift.clip(lower_bound=0))
    point = pl.when(behind != "").then(pl.lit(".")).otherwise(pl.lit(""))
    large = pl.concat_str(padded.str.slice(0, shift.clip(lower_bound=0)), point, behind)
    sign = pl.when(text.str.starts_with("-")).then(pl.lit("-")).otherwise(pl.lit(""))
    made = pl.concat_str(sign, pl.when(shift <= 0).then(small).otherwise(large))
    special = number.is_nan() | number.is_infinite()
    return pl.when(special).then(text).otherwise(made)


def _distance(call: Call) -> Value:
    """ARRAY_DISTANCE(a, b): as of two points; NULL where there is a NULL among their coordinates."""
    made: list[pl.Expr] = []
    for given in arguments(call, 2, 2):
        value = _innermost(call, listed(call, given))
        element = inner_of(value).dtype
        if not is_number(element) and not isinstance(element, pl.Null):
            raise call.error(f"{call.name} wants numbers, not {shown(element)}")
        made.append(call.cast(value, pl.List(_FLOAT)).expr)
    a, b = made
    ok = fails(call, a.list.len() != b.list.len(), "lists of different lengths")
    same = b.list.gather(pl.int_ranges(0, a.list.len().cast(_INT), dtype=_INT), null_on_oob=True)
    squares = (a - same).list.eval(pl.element().pow(2))
    known = squares.list.drop_nulls().list.len() == squares.list.len()
    return call.value(pl.when(ok & known).then(squares.list.sum().sqrt()), _FLOAT)


DIMENSIONS: Functions = {
    **dict.fromkeys(("ARRAY_LENGTH", "LIST_LENGTH"), _length),
    **dict.fromkeys(("ARRAY_DIMS", "LIST_DIMS"), _dims),
    **dict.fromkeys(("ARRAY_NDIMS", "LIST_NDIMS"), _ndims),
    **dict.fromkeys(("EMPTY", "ARRAY_EMPTY", "LIST_EMPTY"), _empty),
    "CARDINALITY": _cardinality, "FLATTEN": _flatten,
    **dict.fromkeys(("ARRAY_TO_STRING", "LIST_TO_STRING", "ARRAY_JOIN", "LIST_JOIN"), _to_string),
    **dict.fromkeys(("ARRAY_DISTANCE", "LIST_DISTANCE"), _distance),
}  # fmt: skip
