"""Functions as tables: series, EXPLODE and its kin, FLATTEN, STACK, texts and JSON divided into rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl
from sqlglot import exp
from sqlglot.dialects.dialect import Dialect

from dwkit.sql.bind.expressions import Stage
from dwkit.sql.bind.jsontable import json_table, open_json
from dwkit.sql.bind.names import Field, Relation, Scope
from dwkit.sql.bind.resolve import resolve
from dwkit.sql.functions import jsontext
from dwkit.sql.functions.call import Call
from dwkit.sql.functions.comparison import alike
from dwkit.sql.functions.nested.access import list_of
from dwkit.sql.functions.nested.tuple import tuple_keys
from dwkit.sql.plan import OneRow, Unnest
from dwkit.sql.query import is_file_function
from dwkit.sql.types import is_list, is_map, is_text, shown
from dwkit.sql.value import Value

if TYPE_CHECKING:
    from dwkit.sql.bind.query import QueryBinder
    from dwkit.sql.bind.tables import Table

__all__ = ["lateral_function", "table_function"]


@dataclass
class Rows:
    """What a function gives as rows: a list, and columns that are made of its elements.

    Attributes:
        name: what the column of the elements is called; empty where it is none.
        numbered: name of a column with the place of the element, and the number of the first.
        columns: further columns by name, made of the element and its place from 0.
        order: names in the order in which the columns stand, where that is not as above.
    """

    value: Value
    name: str = "col"
    numbered: tuple[str, int] | None = None
    columns: dict[str, Callable[[Value, Value], Value]] = field(default_factory=dict)
    keep_empty: bool = False
    json: bool = False
    order: Sequence[str] = ()


def table_function(binder: QueryBinder, scope: Scope, node: exp.Expr) -> Table | None:
    """Bind a function that stands for a table; None where it reads a file.

    Raises:
        SqlError: there is no such function.
    """
    if isinstance(node, exp.Table) and is_file_function(node):
        return None
    return _table(binder, scope, node, node.this)


def lateral_function(binder: QueryBinder, scope: Scope, node: exp.Lateral) -> Table:
    """Bind LATERAL VIEW EXPLODE, LATERAL FLATTEN and other functions over the tables before."""
    return _table(binder, scope, node, node.this)


def _table(binder: QueryBinder, scope: Scope, node: exp.Expr, function: exp.Expr) -> Table:
    from dwkit.sql.bind.tables import Table

    context = binder.context
    stage = Stage(context, binder, scope, OneRow(), "FROM")
    alias = node.args.get("alias")
    columns = [c.name for c in alias.columns] if isinstance(alias, exp.TableAlias) else []
    called = alias.name if alias is not None and alias.this is not None else function.key
    try:
        rows = _rows(stage, function, called, columns)
    except (ValueError, IndexError) as error:
        raise context.error("a function in FROM cannot take these arguments", node) from error
    if not isinstance(stage.plan, OneRow):
        raise context.refuse("a subquery in a function of FROM", node)
    inner: pl.DataType = rows.value.dtype.inner  # type: ignore[attr-defined]
    ident = context.fresh(rows.name or "dwkit:element", inner)
    if rows.json:
        context.json.add(ident)
    place = context.fresh("dwkit:place", pl.Int64())
    element, number = context.column(ident), context.column(place)
    made: dict[str, Value] = {}
    fields: list[Field] = [Field(rows.name, ident)] if rows.name else []
    if rows.numbered is not None:
        name, first = rows.numbered
        made[context.fresh(name, pl.Int64())] = number.as_(number.expr + first, pl.Int64())
        fields.insert(0, Field(name, list(made)[-1]))
    for name, make in rows.columns.items():
        value = make(element, number)
        key = context.made(name, value)
        made[key] = value
        fields.append(Field(name, key))
    if node.args.get("ordinality"):
        counted = number.as_(number.expr + 1, pl.Int64())
        key = context.made("ordinality", counted)
        made[key] = counted
        fields.append(Field("ordinality", key))
    if rows.order:
        fields.sort(key=lambda f: rows.order.index(f.name))
    elif columns:
        if len(columns) != len(fields) and stage.dialect in ("spark", "databricks"):
            raise context.error(f"{len(columns)} names for {len(fields)} columns", node)
        fields = [Field(columns[n] if n < len(columns) else f.name, f.id) for n, f in enumerate(fields)]
    unnest = Unnest(OneRow(), {ident: rows.value}, place, keep_empty=rows.keep_empty)
    return Table(OneRow(), [Relation(called, tuple(fields), called)], unnest, made)


def _rows(stage: Stage, function: exp.Expr, called: str, columns: list[str]) -> Rows:
    dialect = stage.dialect
    if dialect == "snowflake" and isinstance(function, (exp.Explode, exp.ExplodeOuter)):
        return _flatten(stage, function)
    if isinstance(function, (exp.Posexplode, exp.PosexplodeOuter)):
        value = _bound(stage, function.this)
        outer = isinstance(function, exp.PosexplodeOuter)
        found = _structs(stage, function, value) if is_map(value.dtype) else Rows(value, "col")
        found.numbered, found.keep_empty = ("pos", 0), outer
        return found
    if isinstance(function, (exp.Explode, exp.ExplodeOuter, exp.Inline)):
        value = _bound(stage, function.this)
        structs = isinstance(function, exp.Inline) or len(columns) > 1 or is_map(value.dtype)
        found = _structs(stage, function, value) if structs else Rows(value)
        found.keep_empty = isinstance(function, exp.ExplodeOuter)
        return found
    if isinstance(function, (exp.JSONTable, exp.OpenJSON)):
        document = stage.bind(_resolved(stage, function.this))
        if isinstance(function, exp.JSONTable):
            parts, made = json_table(stage, function, document)
        else:
            parts, made = open_json(stage, function, document)
        return Rows(parts, "", columns=made)
    if isinstance(function, exp.Stack):
        return _stack(stage, function)
    if keys := tuple_keys(function):
        cells = [stage.bind(_resolved(stage, k)) for k in keys]
        return _beside(stage, function, [cells], [f"c{n}" for n in range(len(keys))])
    if isinstance(function, exp.SplitToTable):
        parts = stage.bind(exp.Split(this=_resolved(stage, function.this), expression=function.expression))
        return Rows(parts, "VALUE", ("INDEX", 1))
    if isinstance(function, exp.Generator):
        return _generator(stage, function)
    name = str(function.this).upper() if isinstance(function, exp.Anonymous) else ""
    if name == "STRING_SPLIT":
        text, separator, *ordinal = function.expressions
        if ordinal and ordinal[0].name not in ("0", "1"):
            raise stage.context.refuse("STRING_SPLIT with a computed third argument", function)
        parts = stage.bind(exp.Split(this=_resolved(stage, text), expression=separator))
        return Rows(parts, "value", ("ordinal", 1) if ordinal and ordinal[0].name == "1" else None)
    if name in (
        "JSONB_ARRAY_ELEMENTS",
        "JSON_ARRAY_ELEMENTS",
        "JSONB_ARRAY_ELEMENTS_TEXT",
        "JSON_ARRAY_ELEMENTS_TEXT",
    ):
        assert isinstance(function, exp.Anonymous)
        return _json_elements(stage, function, "value" if dialect != "postgres" or not called else called)
    if dialect == "tsql":
        function = _towards_end(function)
    return Rows(_bound(stage, function), _column_name(dialect, function, called))


def _resolved(stage: Stage, node: exp.Expr) -> exp.Expr:
    return resolve(node, stage.scope, stage.context)


def _bound(stage: Stage, node: exp.Expr) -> Value:
    value = stage.bind(_resolved(stage, node))
    if not is_list(value.dtype):
        raise stage.context.error(f"a function in FROM wants a list, not {shown(value.dtype)}", node)
    return value


# -- structs, and values side by side -------------------------------------------------------------


def _structs(stage: Stage, node: exp.Expr, value: Value) -> Rows:
    """A list of structs: each field a column."""
    struct = value.dtype.inner  # type: ignore[attr-defined]
    if not isinstance(struct, pl.Struct):
        raise stage.context.error(f"a list of structs is wanted here, not {shown(value.dtype)}", node)

    def maker(name: str, dtype: pl.DataType) -> Callable[[Value, Value], Value]:
        return lambda element, _: element.as_(element.expr.struct.field(name), dtype)

    return Rows(value, "", columns={f.name: maker(f.name, f.dtype) for f in struct.fields})  # type: ignore[arg-type]


def _stack(stage: Stage, node: exp.Stack) -> Rows:
    """STACK(n, a, b, ...): the values in n rows."""
    count = stage.bind(node.this).constant
    values = [stage.bind(_resolved(stage, v)) for v in node.expressions]
    if not isinstance(count, int) or count < 1:
        raise stage.context.error("STACK wants a number of rows first", node)
    width = -(-len(values) // count)
    call = Call(node, stage)
    columns = [alike(call, *values[n::width]) for n in range(width)]
    empty = [Value(pl.lit(None, dtype=c[0].dtype), c[0].dtype) for c in columns]
    rows = [[c[n] if n < len(c) else e for c, e in zip(columns, empty, strict=True)] for n in range(count)]
    return _beside(stage, node, rows, [f"col{n}" for n in range(width)])


def _beside(stage: Stage, node: exp.Expr, rows: list[list[Value]], names: list[str]) -> Rows:
    """Values as rows of columns."""
    dtype = pl.Struct({n: v.dtype for n, v in zip(names, rows[0], strict=True)})
    refs = frozenset().union(*(v.refs for row in rows for v in row))
    structs = [
        Value(pl.struct(v.expr.alias(n) for n, v in zip(names, row, strict=True)), dtype, refs)
        for row in rows
    ]
    return _structs(stage, node, list_of(Call(node, stage), structs))


def _generator(stage: Stage, node: exp.Generator) -> Rows:
    """GENERATOR(ROWCOUNT => n): so many rows without columns."""
    count = node.args.get("rowcount")
    if count is None or node.args.get("timelimit"):
        raise stage.context.refuse("GENERATOR without ROWCOUNT", node)
    series = exp.GenerateSeries(start=exp.convert(1), end=count.copy())
    return Rows(stage.bind(series), "")


# -- FLATTEN and JSON -----------------------------------------------------------------------------

_FLATTENED = ("KEY", "PATH", "INDEX", "VALUE", "THIS")
"""Columns of FLATTEN; SEQ, which numbers the rows of its input, is left out."""


def _flatten(stage: Stage, node: exp.Expr) -> Rows:
    """FLATTEN of an array or an object: a row for each element."""
    given = {"INPUT": node.this} if not isinstance(node.this, exp.Kwarg) else {}
    for one in (node.this, *node.expressions):
        if isinstance(one, exp.Kwarg):
            given[one.this.name.upper()] = one.expression
    for name in given.keys() - {"INPUT", "OUTER", "PATH"}:
        raise stage.context.refuse(f"FLATTEN with {name}", node)
    source = _resolved(stage, given["INPUT"])
    if "PATH" in given:
        steps = Dialect.get_or_raise(stage.dialect).to_json_path(exp.Literal.string(given["PATH"].name))
        source = exp.JSONExtract(this=source, expression=steps)
    value = stage.bind(source)
    outer = "OUTER" in given and stage.bind(given["OUTER"]).constant is True
    nothing = pl.lit(None, dtype=pl.String)

    def at(_: Value, place: Value) -> Value:
        return place.as_(pl.format("[{}]", place.expr), pl.String())

    def index(_: Value, place: Value) -> Value:
        return place

    if is_list(value.dtype):
        columns: dict[str, Callable[[Value, Value], Value]] = {
            "INDEX": index, "PATH": at, "THIS": lambda *_: value,
            "KEY": lambda _, place: place.as_(nothing, pl.String()),
        }  # fmt: skip
        return Rows(value, "VALUE", columns=columns, keep_empty=outer, order=_FLATTENED)
    if not is_text(value.dtype):
        raise stage.context.error(f"FLATTEN wants an array or an object, not {shown(value.dtype)}", node)
    pair = pl.struct(nothing.alias("key"), pl.element().alias("value"))
    array = jsontext.elements(value.expr).list.eval(pair)
    dtype = pl.List(pl.Struct({"key": pl.String(), "value": pl.String()}))
    pairs = Value(pl.coalesce(array, jsontext.members(value.expr)), dtype, value.refs)

    def key(element: Value, _: Value) -> Value:
        return element.as_(element.expr.struct.field("key"), pl.String())

    def of_array(element: Value, place: Value) -> Value:
        here = pl.when(element.expr.struct.field("key").is_null() & element.expr.is_not_null()).then(
            place.expr
        )
        return Value(here, pl.Int64(), element.refs | place.refs)

    def where(element: Value, place: Value) -> Value:
        name = element.expr.struct.field("key")
        return Value(pl.coalesce(name, pl.format("[{}]", place.expr)), pl.String(), element.refs | place.refs)

    columns = {
        "KEY": key, "PATH": where, "INDEX": of_array, "THIS": lambda *_: value.marked_json(),
        "VALUE": lambda e, _: e.as_(e.expr.struct.field("value"), pl.String()).marked_json(),
    }  # fmt: skip
    return Rows(pairs, "", columns=columns, keep_empty=outer, order=_FLATTENED)


def _json_elements(stage: Stage, node: exp.Anonymous, name: str) -> Rows:
    value = stage.bind(_resolved(stage, node.expressions[0]))
    if not is_text(value.dtype):
        raise stage.context.error(f"{node.this} wants JSON, not {shown(value.dtype)}", node)
    parts = jsontext.elements(value.expr)
    as_text = str(node.this).upper().endswith("_TEXT")
    if as_text:
        parts = parts.list.eval(pl.element().str.json_path_match("$"))
    return Rows(Value(parts, pl.List(pl.String()), value.refs), name, json=not as_text)


# -- series ---------------------------------------------------------------------------------------


def _towards_end(function: exp.Expr) -> exp.Expr:
    """Return a series with its step: SQL Server counts down where the start is greater than the end."""
    if not isinstance(function, exp.GenerateSeries) or function.args.get("step") is not None:
        return function
    down = exp.GT(this=function.args["start"].copy(), expression=function.args["end"].copy())
    made = function.copy()
    made.set("step", exp.Case(ifs=[exp.If(this=down, true=exp.convert(-1))], default=exp.convert(1)))
    return made


def _column_name(dialect: str, function: exp.Expr, called: str) -> str:
    if isinstance(function, (exp.GenerateSeries, exp.ExplodingGenerateSeries)) and dialect == "duckdb":
        return "range" if function.args.get("is_end_exclusive") else "generate_series"
    if dialect in ("tsql", "datafusion"):
        return "value"
    return called if dialect in ("postgres", "redshift") else "col"
