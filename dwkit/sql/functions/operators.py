"""Comparison, logic, CAST, IN, BETWEEN."""

from __future__ import annotations

from functools import partial, reduce

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.arrow_typeof import type_of
from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.functions.cast_decimal import holding
from dwkit.sql.functions.collations import folded_alike
from dwkit.sql.functions.comparison import COMPARE, alike, all_comparable, apart, comparable, compared
from dwkit.sql.functions.dates.datafusion import of_number, to_number
from dwkit.sql.functions.dates.formatting import written_in
from dwkit.sql.functions.dates.precision import number_unit, with_precision
from dwkit.sql.functions.encode import as_json
from dwkit.sql.functions.interval import interval_of
from dwkit.sql.functions.synonyms import truths
from dwkit.sql.types import (
    from_sql,
    is_integer,
    is_map,
    is_number,
    is_temporal,
    is_text,
    is_timestamp,
    shown,
)
from dwkit.sql.value import Value, constant

__all__ = ["OPERATORS"]

_BOOLEAN = pl.Boolean()


def _comparison(op: str, call: Call) -> Value:
    folded = folded_alike(call.node, call.dialect)
    if folded is not None:
        return call.bind(folded)
    left, right = call.node.this, call.node.expression
    if isinstance(left, exp.Tuple) and isinstance(right, exp.Tuple):
        return _rows(op, call, left, right)
    return compared(call, op, call.bind(left), call.bind(right))


def _rows(op: str, call: Call, left: exp.Tuple, right: exp.Tuple) -> Value:
    """Row values compare from left to right (ISO 9075-2, 8.2); to DuckDB they are structs, in which NULL is a value."""
    if len(left.expressions) != len(right.expressions):
        raise call.error(f"rows of {len(left.expressions)} and {len(right.expressions)} values")
    pairs = [
        alike(call, call.bind(a), call.bind(b))
        for a, b in zip(left.expressions, right.expressions, strict=True)
    ]
    structs = call.dialect == "duckdb"
    equal = [COMPARE["is" if structs or op.startswith("is") else "="](a.expr, b.expr) for a, b in pairs]
    if op in ("=", "<>", "is", "is not"):
        every = reduce(lambda a, b: a & b, equal)
        return call.value(every if op in ("=", "is") else every.not_(), _BOOLEAN)
    strict = op.rstrip("=")
    made = equal[-1] if op.endswith("=") else None
    for (a, b), same in list(zip(pairs, equal, strict=True))[::-1]:
        differs = COMPARE[strict](a.expr, b.expr)
        if structs:  # NULL is the greatest
            first, second = (a.expr, b.expr) if strict == "<" else (b.expr, a.expr)
            differs = differs.fill_null(first.is_not_null() & second.is_null())
        made = differs if made is None else differs | (same & made)
    assert made is not None
    return call.value(made, _BOOLEAN)


def _between(call: Call) -> Value:
    folded = folded_alike(call.node, call.dialect)
    if folded is not None:
        for key in ("symmetric", "low", "high"):
            call.has(key)
        return call.bind(folded)
    value, low, high = call.arg(), call.arg("low"), call.arg("high")
    if call.dialect == "sqlite" and not call.has("symmetric") and (apart(value, low) or apart(value, high)):
        ends = compared(call, ">=", value, low), compared(call, "<=", value, high)
        return call.value(ends[0].expr & ends[1].expr, _BOOLEAN)
    value, low, high = _ends(call, value, low, high)
    least, most = COMPARE[">="], COMPARE["<="]
    made = least(value.expr, low.expr) & most(value.expr, high.expr)
    if call.has("symmetric"):
        made |= least(value.expr, high.expr) & most(value.expr, low.expr)
    return call.value(made, _BOOLEAN)


def _ends(call: Call, value: Value, low: Value, high: Value) -> list[Value]:
    """Return a value and two that it is compared with, as it is where it can be compared so with each of them."""
    ends = [comparable(call, value, end) for end in (low, high)]
    if not value.is_constant and all(one is value for one, _ in ends):
        return [value, *(end for _, end in ends)]
    return all_comparable(call, value, low, high)


def _in(call: Call) -> Value:
    node = folded_alike(call.node, call.dialect) or call.node
    if node is not call.node:
        return call.bind(node)
    items = node.expressions
    if isinstance(node.this, exp.Tuple):
        rows = [_rows("=", call, node.this, i.this if isinstance(i, exp.Paren) else i) for i in items]
        return call.value(reduce(lambda a, b: a | b, (r.expr for r in rows)), _BOOLEAN)
    if call.has("unnest") or call.has("field"):
        nested = call.given("field") or call.given("unnest").expressions[0]
        return call.value(call.bind(nested).expr.list.contains(call.arg().expr), _BOOLEAN)
    value = call.arg()
    values = all_comparable(call, value, *(call.bind(i) for i in items))
    tested, rest = values[0], values[1:]
    known = [v.constant for v in rest if v.is_constant and not v.is_null]
    made: list[pl.Expr] = []
    if len(known) > 1:
        made.append(tested.expr.is_in(pl.Series(known, dtype=tested.dtype).implode()))
    elif known:
        made.append(tested.expr == pl.lit(known[0], dtype=tested.dtype))
    made += [COMPARE["="](tested.expr, v.expr) for v in rest if not v.is_constant]
    if any(v.is_null for v in rest):
        made.append(pl.lit(None, dtype=_BOOLEAN))
    if not made:
        return constant(False, _BOOLEAN)
    return call.value(reduce(lambda a, b: a | b, made), _BOOLEAN)


# -- logic ----------------------------------------------------------------------------------------


def _truth(call: Call, key: str = "this") -> Value:
    value = call.binder.truth(call.given(key))
    call._bound.append(value)  # noqa: SLF001
    found: Value = value
    return found


def _and(call: Call) -> Value:
    return call.value(_truth(call).expr & _truth(call, "expression").expr, _BOOLEAN)


def _or(call: Call) -> Value:
    return call.value(_truth(call).expr | _truth(call, "expression").expr, _BOOLEAN)


def _xor(call: Call) -> Value:
    if call.has("round_input"):
        left, right = truths(call)
        return call.value(left ^ right, _BOOLEAN)
    return call.value(_truth(call).expr ^ _truth(call, "expression").expr, _BOOLEAN)


def _not(call: Call) -> Value:
    return call.value(_truth(call).expr.not_(), _BOOLEAN)


def _is(call: Call) -> Value:
    made = _is_plain(call)
    # PostgreSQL's IS NOT, which for row values is not the opposite of IS.
    return made.as_(made.expr.not_(), _BOOLEAN) if call.has("negate") else made


def _is_plain(call: Call) -> Value:
    right = call.node.expression
    if isinstance(right, exp.Null):
        return call.value(call.arg().expr.is_null(), _BOOLEAN)
    if isinstance(right, exp.Boolean):
        return call.value(_truth(call).expr.eq_missing(pl.lit(bool(right.this))), _BOOLEAN)
    return compared(call, "is", call.arg(), call.arg("expression"))


_HOLD_ANY = frozenset({"postgres", "oracle"})
"""NUMERIC without digits has as many as a number needs there."""

# -- casts ----------------------------------------------------------------------------------------


def _parts_of_second(call: Call, kind: exp.DataType) -> int:
    """Return how many of what a number counts in are a second: a BIGINT counts seconds where the type has nanoseconds."""
    parts = number_unit(kind)
    held = "Int64" if isinstance(call.arg().dtype, pl.Int64) else ""
    return 1 if parts == 1_000_000_000 and (type_of(call, call.node.this) or held) == "Int64" else parts


def _cast(safe: bool, call: Call) -> Value:
    kind = call.given("to")
    call.has("safe")  # what TRY_CAST says
    if kind.this == exp.DataType.Type.INTERVAL:
        return _to_interval(call, call.arg(), kind)
    if kind.this in _JSON_TYPES or (call.dialect == "snowflake" and kind.this == exp.DataType.Type.ARRAY):
        return as_json(call, call.arg(), kind)
    dtype = from_sql(kind, call.dialect)
    if dtype is None:
        raise call.refuse(f"type {kind.sql(dialect=call.dialect)}")
    if call.dialect in _HOLD_ANY and kind.this == _T.DECIMAL and not kind.expressions:
        dtype = holding(call.arg(), dtype)
    labels = [e.name for e in kind.expressions] if kind.this == _T.ENUM else []
    if labels != sorted(labels):
        raise call.refuse("an ENUM whose labels are not in the order of their letters, as a text is sorted,")
    if kind.this == _T.UUID and call.dialect in ("duckdb", "postgres") and not call.arg().is_null:
        return _to_uuid(call, call.arg(), safe=safe)
    if call.given("format") is not None and is_text(dtype):
        return written_in(call, call.arg(), call.given("format"))
    if safe and not call.has("safe") and call.dialect in ("spark", "databricks"):
        # sqlglot reads a plain CAST so; it is an error there what cannot be cast (ANSI mode, the default of Spark 4).
        safe = False
    call.given("safe")
    call.given("requires_string")
    call.given("probe_date_format")
    if call.dialect == "sqlite" and is_temporal(dtype) and is_text(call.arg().dtype):
        raise call.error(
            "a CAST of text to a date gives a number in SQLite", hint="date(x), time(x) or datetime(x)"
        )
    if call.dialect == "datafusion" and is_timestamp(dtype) and is_number(call.arg().dtype):
        return of_number(call, call.arg(), _parts_of_second(call, kind))
    if call.dialect == "datafusion" and is_integer(dtype) and is_timestamp(call.arg().dtype):
        return call.cast(to_number(call, call.arg(), call.node.this), dtype, safe=safe)
    if call.dialect == "duckdb" and is_map(dtype) and is_map(call.arg().dtype):
        given, wanted = (t.inner.fields[0].dtype for t in (call.arg().dtype, dtype))  # type: ignore[attr-defined]
        if is_text(given) and not is_text(wanted):
            raise call.refuse("a cast of a map whose keys are text, which may become the same key,")
    fine = pl.Datetime("us", dtype.time_zone) if isinstance(dtype, pl.Datetime) else dtype
    made = call.cast(with_precision(call, call.cast(call.arg(), fine, safe=safe), kind), dtype, safe=safe)
    if kind.this == _T.UUID and is_text(call.arg().dtype):  # written with small letters
        made = made.as_(made.expr.str.to_lowercase(), dtype)
    length = kind.expressions[0] if kind.expressions and is_text(dtype) and _counted(kind) else None
    if length is not None and call.dialect not in ("duckdb", "datafusion") and length.name.isdigit():
        made = made.as_(made.expr.str.slice(0, int(length.name)), dtype)
    sizes = kind.args.get("values") if call.dialect == "duckdb" and isinstance(dtype, pl.List) else None
    return _of_size(call, made, int(sizes[0].name), safe=safe) if sizes else made


def _of_size(call: Call, value: Value, size: int, *, safe: bool) -> Value:
    """``x::INTEGER[3]``: a list of so many elements."""
    fits = value.expr.list.len() == size
    if safe:
        return value.as_(pl.when(fits).then(value.expr), value.dtype)
    return value.as_(call.checked(value.expr, fits.not_(), f"a list has not {size} elements"), value.dtype)


def _cast_to_type(safe: bool, call: Call) -> Value:
    """CAST_TO_TYPE(x, y): x as what y is."""
    values = call.args()
    if len(values) != 2:
        raise call.error(f"{call.name} wants two values")
    return call.cast(values[0], values[1].dtype, safe=safe)


def _to_interval(call: Call, value: Value, kind: exp.DataType) -> Value:
    """A literal may be any interval; text of a column is not read, and a column of a table has no room for months."""
    if isinstance(value.constant, str):
        return interval_of(call, call.node.this, None if call.dialect == "datafusion" else kind)
    if value.interval is not None and call.binder.is_exact(value):
        return value
    if not isinstance(value.dtype, pl.Null):
        raise call.refuse(f"a cast of {shown(value.dtype)} that is no literal to INTERVAL")
    return call.cast(value, pl.Duration("us"))


def _to_uuid(call: Call, value: Value, *, safe: bool) -> Value:
    """A UUID is text: 32 digits in lower case, with hyphens where they belong."""
    call.has("safe"), call.given("safe")
    if not is_text(value.dtype):
        raise call.refuse(f"a cast of {shown(value.dtype)} to UUID")
    text = call.as_text(value)
    plain = text.str.strip_chars().str.to_lowercase().str.replace(r"^\{(.*)\}$", "${1}")
    digits = plain.str.replace_all("-", "", literal=True)
    places = ((0, 8), (8, 4), (12, 4), (16, 4), (20, 12))
    made = pl.concat_str([digits.str.slice(*place) for place in places], separator="-")
    good = digits.str.contains(r"^[0-9a-f]{32}$")
    if safe:
        return value.as_(pl.when(good).then(made), pl.String())
    return value.as_(call.checked(made, good.not_(), pl.format("{} is no UUID", text)), pl.String())


_T = exp.DataType.Type
_JSON_TYPES = frozenset({_T.JSON, _T.JSONB, _T.VARIANT, _T.OBJECT, _T.SUPER})


def _counted(kind: exp.DataType) -> bool:
    return kind.this in (
        exp.DataType.Type.VARCHAR,
        exp.DataType.Type.CHAR,
        exp.DataType.Type.NVARCHAR,
        exp.DataType.Type.NCHAR,
    )


OPERATORS: Functions = {
    exp.EQ: partial(_comparison, "="),
    exp.NEQ: partial(_comparison, "<>"),
    exp.LT: partial(_comparison, "<"),
    exp.LTE: partial(_comparison, "<="),
    exp.GT: partial(_comparison, ">"),
    exp.GTE: partial(_comparison, ">="),
    exp.NullSafeEQ: partial(_comparison, "is"),
    exp.NullSafeNEQ: partial(_comparison, "is not"),
    exp.EqualNull: partial(_comparison, "is"),
    exp.Between: _between,
    exp.In: _in,
    exp.Is: _is,
    exp.And: _and,
    exp.Or: _or,
    exp.Xor: _xor,
    exp.Not: _not,
    exp.Cast: partial(_cast, False),
    exp.TryCast: partial(_cast, True),
    "CAST_TO_TYPE": partial(_cast_to_type, False),
    "TRY_CAST_TO_TYPE": partial(_cast_to_type, True),
}
