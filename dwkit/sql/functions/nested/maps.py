"""Maps: lists of their entries, as structs of ``key`` and ``value``."""

from __future__ import annotations

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Builder, Call, Functions
from dwkit.sql.functions.elements import beside, inner_of, listed, over
from dwkit.sql.functions.nested.access import list_of
from dwkit.sql.functions.regexes import pattern_of
from dwkit.sql.types import is_list, is_map, shown, unified
from dwkit.sql.value import Value, constant

__all__ = ["MAPS", "entry_of"]


def _map_type(key: pl.DataType, value: pl.DataType) -> pl.DataType:
    return pl.List(pl.Struct({"key": key, "value": value}))


def _map_of(call: Call, keys: Value, values: Value) -> Value:
    """Return a map of two lists."""
    uneven = keys.expr.list.len() != values.expr.list.len()
    # A list of another length would shift what stands beside it before the error is seen.
    even = pl.when(uneven.not_()).then(keys.expr)
    pairs = beside([even, pl.when(even.is_not_null()).then(values.expr)])
    fields = pl.element().struct
    made = pairs.list.eval(pl.struct(fields.field("0").alias("key"), fields.field("1").alias("value")))
    dtype = _map_type(inner_of(keys).dtype, inner_of(values).dtype)
    faults = {"a map has as many keys as values": uneven, **_faults_of(keys.expr)}
    return call.value(_without_faults(call, made.cast(dtype), faults), dtype)


def _faults_of(keys: pl.Expr) -> dict[str, pl.Expr]:
    """Return what may be wrong with the keys of a map, by what is said of it."""
    return {
        "NULL is no key of a map": keys.list.eval(pl.element().is_null().any()).list.first(),
        "a key is twice in a map": keys.list.eval(pl.element().is_duplicated().any()).list.first(),
    }


def _without_faults(call: Call, made: pl.Expr, faults: dict[str, pl.Expr]) -> pl.Expr:
    """Return a map; one with a fault is an error as it runs."""
    said = pl.coalesce(pl.when(fault).then(pl.lit(text)) for text, fault in faults.items())
    return call.checked(made, said.is_not_null(), said)


def _with_single_keys(call: Call, entries: pl.Expr) -> pl.Expr:
    """Return a map whose keys are each there once and none of which is NULL."""
    return _without_faults(call, entries, _faults_of(entries.list.eval(pl.element().struct.field("key"))))


def _map(call: Call) -> Value:
    """MAP(keys, values): lists of one length."""
    if call.given("keys") is None:
        return _empty(call)
    return _map_of(call, listed(call, call.arg("keys")), listed(call, call.arg("values")))


def _make_map(call: Call) -> Value:
    """MAKE_MAP(key, value, ...); MAP of DataFusion is the same, but for two lists."""
    values = call.args()
    if not values:
        return _empty(call)
    if len(values) % 2:
        raise call.error(f"{call.name} wants as many values as keys")
    lists = [is_list(v.dtype) or v.is_null for v in values]
    if call.name == "MAP" and lists == [True, True]:
        if values[0].is_null:
            raise call.error("a key of a map is NULL")
        keys, others = (listed(call, v) for v in values)
    else:
        keys, others = list_of(call, values[::2]), list_of(call, values[1::2])
        if any(v.is_null for v in values[::2]):
            raise call.error("a key of a map is NULL")
    return _map_of(call, keys, others)


def _empty(call: Call) -> Value:
    dtype = _map_type(pl.Null(), pl.Null())
    return call.value(pl.lit(pl.Series([[]], dtype=dtype)).first(), dtype)


def _to_map(call: Call) -> Value:
    """``MAP {'a': 1}``."""
    node = call.given("this")
    if isinstance(node, exp.Bracket):  # sqlglot reads MAP {...}[key] as MAP ({...}[key])
        keys = [k.copy() for k in node.expressions]
        of_map = exp.Bracket(this=exp.ToMap(this=node.this.copy()), expressions=keys, offset=1)
        return call.bind(of_map)
    if not isinstance(node, exp.Struct):
        raise call.refuse("MAP of this")
    if not node.expressions:
        return _empty(call)
    names: list[Value] = []
    for pair in node.expressions:
        names.append(
            call.bind(exp.Literal.string(pair.this.name))
            if isinstance(pair.this, exp.Identifier)
            else call.bind(pair.this)
        )
    values = [call.bind(pair.expression) for pair in node.expressions]
    return _map_of(call, list_of(call, names), list_of(call, values))


def _mapped(call: Call) -> Value:
    value = call.args()[0] if isinstance(call.node, exp.Anonymous) else call.arg()
    if not is_map(value.dtype):
        raise call.error(f"{call.name} wants a map, not {shown(value.dtype)}")
    return value


def _field(name: str) -> Builder:
    """MAP_KEYS and MAP_VALUES."""

    def build(call: Call) -> Value:
        value = _mapped(call)
        dtype = next(f.dtype for f in value.dtype.inner.fields if f.name == name)  # type: ignore[attr-defined]
        return call.value(value.expr.list.eval(pl.element().struct.field(name)), pl.List(dtype))

    return build


def _found(call: Call, value: Value, key: Value) -> tuple[pl.Expr, pl.DataType]:
    """Return the values of a key, as a list of one or none."""
    types = {f.name: f.dtype for f in value.dtype.inner.fields}  # type: ignore[attr-defined]
    wanted = call.cast(key, types["key"])
    others = [] if wanted.is_constant else [wanted]

    def own(entry: pl.Expr, outer: list[pl.Expr]) -> pl.Expr:
        same = entry.struct.field("key") == (outer[0] if outer else wanted.expr)
        return entry.struct.field("value").filter(same)

    return over(value.expr, others, own), types["value"]


def entry_of(call: Call, value: Value, key: Value) -> Value:
    """Return what a map has for a key, NULL where it has no such key."""
    if key.is_null:
        return constant(None, value.dtype.inner.fields[1].dtype)  # type: ignore[attr-defined]
    found, dtype = _found(call, value, key)
    return call.value(found.list.last(), dtype)


def _extract(call: Call) -> Value:
    """MAP_EXTRACT(map, key), ELEMENT_AT in DuckDB: a list of the value, or an empty one."""
    value, key = call.args()
    if not is_map(value.dtype):
        if call.dialect == "duckdb":
            raise call.error(f"{call.name} wants a map, not {shown(value.dtype)}")
        index = call.cast(key, pl.Int64()).expr
        found = listed(call, value).expr.list.get(
            pl.when(index > 0).then(index - 1).when(index < 0).then(index), null_on_oob=True
        )
        return call.value(found, inner_of(value).dtype)
    if call.dialect not in ("duckdb", "datafusion") or call.name == "MAP_EXTRACT_VALUE":
        return entry_of(call, value, key)
    found, dtype = _found(call, value, key)
    if call.dialect == "datafusion":  # a list of NULL where there is no such key
        found = pl.concat_list(pl.struct(found.list.last().alias("v"))).list.eval(
            pl.element().struct.field("v")
        )
    return call.value(found, pl.List(dtype))


def _contains_key(call: Call) -> Value:
    value = _mapped(call)
    key = call.args()[1] if isinstance(call.node, exp.Anonymous) else call.arg("key")
    found, _ = _found(call, value, key)
    return call.value(found.list.len() > 0, pl.Boolean())


def _from_entries(call: Call) -> Value:
    value = listed(call, call.args()[0] if isinstance(call.node, exp.Anonymous) else call.arg())
    entry = inner_of(value).dtype
    if not isinstance(entry, pl.Struct) or len(entry.fields) != 2:
        raise call.error(f"{call.name} wants a list of pairs, not {shown(value.dtype)}")
    first, second = entry.fields
    dtype = _map_type(first.dtype, second.dtype)  # type: ignore[arg-type]
    one = pl.struct(
        pl.element().struct.field(first.name).alias("key"),
        pl.element().struct.field(second.name).alias("value"),
    )
    entries = value.expr
    if call.dialect in _NULL_WITH_NULL:
        entries = pl.when(entries.list.eval(pl.element().is_null().any()).list.first().not_()).then(entries)
    return call.value(_with_single_keys(call, entries.list.eval(one)), dtype)


_NULL_WITH_NULL = frozenset({"spark", "databricks", "datafusion"})
"""A list of pairs of which one is NULL makes a map that is NULL there; elsewhere it is an error."""


def _entries(call: Call) -> Value:
    return _mapped(call)


def _concat(call: Call) -> Value:
    """MAP_CONCAT: of equal keys the last map's value counts, in DuckDB at the place of the first.

    DuckDB leaves NULLs out; elsewhere the whole is NULL.
    """
    maps = call.args()
    own = call.dialect == "duckdb"
    if own:
        maps = [m for m in maps if not m.is_null] or maps[:1]
        if maps[0].is_null:
            return maps[0]
    for one in maps:
        if not is_map(one.dtype):
            raise call.error(f"{call.name} wants maps, not {shown(one.dtype)}")
    entry = pl.element()
    key = entry.struct.field("key")
    if not own:
        made = pl.concat_list(m.expr for m in maps).list.eval(entry.filter(key.is_last_distinct()))
        return call.value(made, maps[0].dtype)
    dtype = unified([m.dtype for m in maps])
    if dtype is None:
        raise call.error(f"{call.name} wants maps of one type")
    maps = [call.cast(m, dtype) for m in maps]
    filled = [m.expr.fill_null(pl.lit([], dtype=dtype)) for m in maps]
    latest = pl.struct(key.alias("key"), entry.struct.field("value").last().over(key).alias("value"))
    made = pl.concat_list(filled).list.eval(latest.filter(key.is_first_distinct()))
    return call.value(pl.when(pl.any_horizontal(m.expr.is_not_null() for m in maps)).then(made), dtype)


def _str_to_map(call: Call) -> Value:
    """STR_TO_MAP(text [, between pairs [, between key and value]]): regular expressions in Spark."""
    if call.has("duplicate_resolution_callback"):
        raise call.refuse(f"{call.name} with a function for equal keys")
    subject = call.text()
    literal = call.dialect not in ("spark", "databricks")
    pair, inside = (_separator(call, k, d) for k, d in (("pair_delim", ","), ("key_value_delim", ":")))

    def entry(text: pl.Expr, outer: list[pl.Expr]) -> pl.Expr:
        between = outer[0] if outer else inside.expr
        key = text.str.split(between, literal=literal).list.first()
        match = between if literal else text.str.extract(between, 0)
        rest = text.str.slice(key.str.len_chars() + match.str.len_chars())
        found = text.str.contains(between, literal=literal)
        return pl.struct(key.alias("key"), pl.when(found).then(rest).alias("value"))

    parts = subject.str.split(pair.expr, literal=literal)
    known = pl.when(inside.expr.is_not_null()).then(parts)
    made = over(known, [] if inside.is_constant else [inside], entry)
    return call.value(_with_single_keys(call, made), _map_type(pl.String(), pl.String()))


def _separator(call: Call, key: str, default: str) -> Value:
    value = call.maybe(key)
    if value is None:
        return constant(default, pl.String())
    if isinstance(value.constant, str) and call.dialect in ("spark", "databricks"):
        pattern_of(call, key)  # refuses what has another meaning here
    return call.cast(value, pl.String())


MAPS: Functions = {
    exp.Map: _map, exp.VarMap: _map, exp.ToMap: _to_map, "MAP": _make_map, "MAKE_MAP": _make_map, exp.MapKeys: _field("key"), "MAP_KEYS": _field("key"),
    "MAP_VALUES": _field("value"), "MAP_ENTRIES": _entries, exp.MapFromEntries: _from_entries,
    "MAP_EXTRACT": _extract, "ELEMENT_AT": _extract, "MAP_EXTRACT_VALUE": _extract, exp.MapContainsKey: _contains_key,
    "MAP_CONTAINS": _contains_key, "MAP_CONCAT": _concat, exp.StrToMap: _str_to_map,
}  # fmt: skip
