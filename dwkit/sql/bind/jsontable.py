"""JSON_TABLE and OPENJSON: the elements of a JSON array as rows, their members as columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl
from sqlglot import exp

from dwkit.sql.bind.expressions import Stage
from dwkit.sql.functions import jsontext
from dwkit.sql.functions.call import Call
from dwkit.sql.functions.nested.json import steps_of
from dwkit.sql.types import from_sql, is_text, shown
from dwkit.sql.value import Value

__all__ = ["Columns", "json_table", "open_json"]

Columns = dict[str, Callable[[Value, Value], Value]]
"""Columns by name, each made of an element and its place from 0."""
_TEXT = pl.String()
_NUMERIC = r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$"


@dataclass
class _Kind:
    """The type of a column, and how long its texts may be."""

    dtype: pl.DataType
    size: int | None
    json: bool


def _kind(stage: Stage, node: exp.Expr | None) -> _Kind:
    if node is None:
        return _Kind(_TEXT, None, json=False)
    assert isinstance(node, exp.DataType)
    dtype = from_sql(node, stage.dialect)
    if dtype is None:
        raise stage.context.refuse(f"type {node.sql(dialect=stage.dialect)}", node)
    size = node.expressions[0].name if node.expressions and is_text(dtype) else ""
    return _Kind(dtype, int(size) if size.isdigit() else None, json=node.this == exp.DataType.Type.JSON)


def _document(stage: Stage, node: exp.Expr, value: Value) -> pl.Expr:
    if not is_text(value.dtype) and not value.is_null:
        raise stage.context.error(f"JSON is wanted here, not {shown(value.dtype)}", node)
    return value.expr.cast(pl.String)


def json_table(stage: Stage, node: exp.JSONTable, document: Value) -> tuple[Value, Columns]:
    """Bind ``JSON_TABLE(json, path COLUMNS (...))``: its rows as a list, and its columns.

    Raises:
        SqlError: a nested path, or what is to be done on an error.
    """
    for key in ("error_handling", "empty_handling"):
        if node.args.get(key) is not None:
            raise stage.context.refuse(f"JSON_TABLE with {node.args[key]}", node)
    call = Call(node, stage)
    path = node.args.get("path")
    written = path.name if isinstance(path, exp.Literal) else "$"
    if path is not None and not isinstance(path, exp.Literal):
        raise stage.context.refuse("a computed JSON path", path if isinstance(path, exp.Expr) else node)
    each = written.endswith("[*]")
    steps = steps_of(call, exp.Literal.string(written.removesuffix("[*]")))
    found = jsontext.value_at(_document(stage, node, document), steps)
    single = pl.concat_list(found).list.drop_nulls()
    # Without an array, a path to its elements finds the value itself (the lax mode of the standard) but in MySQL.
    several = jsontext.elements(found)
    parts = single if not each else several if stage.dialect == "mysql" else pl.coalesce(several, single)
    columns: Columns = {}
    schema = node.args["schema"]
    for one in schema.expressions:
        if one.args.get("nested_schema") is not None:
            raise stage.context.refuse("NESTED PATH in JSON_TABLE", one)
        columns[one.name] = _column(stage, call, one)
    return Value(parts, pl.List(_TEXT), document.refs), columns


def _column(stage: Stage, call: Call, node: exp.Expr) -> Callable[[Value, Value], Value]:
    if node.args.get("ordinality"):
        return lambda _, place: place.as_(place.expr + 1, pl.Int64())
    kind = _kind(stage, node.args.get("kind"))
    path = node.args.get("path")
    steps = steps_of(call, path if path is not None else exp.Literal.string(f"$.{node.name}"))
    as_json = kind.json or bool(node.args.get("format_json"))
    return _reader(stage, node, kind, steps, as_json=as_json, strict=False)


def _reader(
    stage: Stage, node: exp.Expr, kind: _Kind, steps: list[str | int], *, as_json: bool, strict: bool
) -> Callable[[Value, Value], Value]:
    """Return what makes a column: a scalar as its type, NULL where it is none; with `strict` that is an error."""

    def make(element: Value, _: Value) -> Value:
        whole = jsontext.value_at(element.expr, steps)
        nested = whole.str.contains(r"^\s*[\[{]")
        if as_json:
            kept = whole if not strict else pl.when(nested).then(whole)
            return element.as_(kept, _TEXT).marked_json()
        text = jsontext.unquoted(pl.when(nested.not_()).then(whole))
        if kind.size is not None:
            fits = text.str.len_chars() <= kind.size
            if strict:
                failed = pl.when(fits.not_()).then(text).cast(pl.Int8, strict=True).is_null()
                text = pl.when(failed).then(text)
            else:
                text = pl.when(fits).then(text)
        if not strict and kind.dtype.is_numeric():
            text = text.replace(["true", "false"], ["1", "0"])
            text = pl.when(text.str.contains(_NUMERIC)).then(text)
        return Call(node, stage).cast(element.as_(text, _TEXT), kind.dtype, safe=not strict)

    return make


def open_json(stage: Stage, node: exp.OpenJSON, document: Value) -> tuple[Value, Columns]:
    """Bind ``OPENJSON(json, path) [WITH (...)]``: its rows as a list, and its columns."""
    call = Call(node, stage)
    path = node.args.get("path")
    steps = steps_of(call, path) if isinstance(path, exp.Expr) else []
    found = jsontext.value_at(_document(stage, node, document), steps)
    if node.expressions:
        single = pl.concat_list(found).list.drop_nulls()
        columns: Columns = {}
        for one in node.expressions:
            given = one.args.get("path")
            own = steps_of(call, given if given is not None else exp.Literal.string(f"$.{one.name}"))
            as_json = bool(one.args.get("as_json"))
            columns[one.name] = _reader(
                stage, one, _kind(stage, one.args.get("kind")), own, as_json=as_json, strict=True
            )
        return Value(pl.coalesce(jsontext.elements(found), single), pl.List(_TEXT), document.refs), columns
    nothing = pl.lit(None, dtype=_TEXT)
    pair = pl.struct(nothing.alias("key"), pl.element().alias("value"))
    pairs = pl.coalesce(jsontext.elements(found).list.eval(pair), jsontext.members(found))
    dtype = pl.List(pl.Struct({"key": _TEXT, "value": _TEXT}))

    def key(element: Value, place: Value) -> Value:
        name = pl.coalesce(element.expr.struct.field("key"), place.expr.cast(pl.String))
        return Value(name, _TEXT, element.refs | place.refs)

    def value(element: Value, _: Value) -> Value:
        return element.as_(jsontext.unquoted(element.expr.struct.field("value")), _TEXT)

    def kind(element: Value, _: Value) -> Value:
        text = jsontext.kind(element.expr.struct.field("value"))
        return element.as_(text.replace_strict(_NUMBERS, return_dtype=pl.Int64), pl.Int64())

    return Value(pairs, dtype, document.refs), {"key": key, "value": value, "type": kind}


_NUMBERS = {"null": 0, "string": 1, "integer": 2, "double": 2, "true": 3, "false": 3, "array": 4, "object": 5}
"""What OPENJSON calls the kinds of JSON values."""
