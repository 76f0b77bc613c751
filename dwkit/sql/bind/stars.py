"""``*``, ``t.*``, EXCLUDE, REPLACE, RENAME and COLUMNS: what stands for several columns of a SELECT list."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import polars as pl
from sqlglot import exp

from dwkit.errors import did_you_mean
from dwkit.sql.bind.context import Context
from dwkit.sql.bind.generators import fields_of
from dwkit.sql.bind.names import Field, Scope
from dwkit.sql.bind.resolve import reference
from dwkit.sql.functions.nested.tuple import tuple_keys

if TYPE_CHECKING:
    from dwkit.sql.bind.query import QueryBinder

__all__ = ["expanded", "expanded_inside"]


def expanded(
    node: exp.Expr, scope: Scope, context: Context, binder: QueryBinder
) -> Iterator[tuple[str, exp.Expr]]:
    """Return the columns that a member of a SELECT list stands for, each as its name and node.

    The name of a column without one is empty.

    Raises:
        SqlError: ``t.*`` of a table that there is not, an excluded column that there is not.
    """
    for one in node.find_all(exp.Alias) if context.dialect == "duckdb" and _exports(context.sql) else ():
        if one.alias.upper() == "EXPORT_STATE":  # which the parser takes for a name
            raise context.refuse("EXPORT_STATE", one)
    if keys := tuple_keys(node.this if isinstance(node, (exp.Alias, exp.Aliases)) else node):
        yield from zip(_names(node, len(keys), context), keys, strict=True)
    elif isinstance(node, exp.Star):
        yield from _starred(node, list(scope.starred_fields()), scope, context)
    elif isinstance(node, exp.Column) and isinstance(node.this, exp.Star):
        yield from _of_table(node, scope, context)
    elif isinstance(node, exp.Alias):
        columns = node.this.find(exp.Columns) if context.may_have(exp.Columns) else None
        if columns is not None:
            yield from _columns(node.this, columns, scope, context, node.alias)
        else:
            yield node.alias, node.this
    elif isinstance(node, exp.Aliases):
        raise context.refuse("several aliases of one function", node)
    elif (fields := fields_of(node, scope, context, binder)) is not None:
        yield from fields
    elif context.may_have(exp.Columns) and (columns := node.find(exp.Columns)) is not None:
        yield from _columns(node, columns, scope, context, "")
    else:
        yield _name(node), node


@lru_cache(maxsize=16)
def _exports(sql: str) -> bool:
    return "EXPORT_STATE" in sql.upper()


def expanded_inside(node: exp.Expr, scope: Scope, context: Context) -> exp.Expr:
    """Return an expression with the columns for ``*`` in STRUCT(*), ARRAY(*) of Spark and OBJECT_CONSTRUCT(*) of Snowflake.

    Raises:
        SqlError: ``t.*`` of a table that there is not.
    """
    for one in list(node.find_all(exp.Struct, exp.Array, exp.StarMap, exp.JSONObject)):
        if isinstance(one, exp.StarMap):
            pairs = [
                exp.PropertyEQ(this=exp.Literal.string(_capital(name)), expression=part)
                for name, part in _of_star(one.this, scope, context)
            ]
            made = exp.Struct(expressions=pairs)
            one.replace(made)
            node = made if one is node else node
        elif isinstance(one, exp.JSONObject):
            if context.dialect == "snowflake" and len(one.expressions) == 1 and _is_star(one.expressions[0]):
                found = _of_star(one.expressions[0], scope, context)
                keys = ((exp.Literal.string(_capital(name)), part) for name, part in found)
                one.set("expressions", [exp.JSONKeyValue(this=key, expression=part) for key, part in keys])
        elif context.dialect in ("spark", "databricks") and any(map(_is_star, one.expressions)):
            parts = [
                part
                for e in one.expressions
                for part in ([p for _, p in _of_star(e, scope, context)] if _is_star(e) else [e])
            ]
            one.set("expressions", parts)
    return node


def _is_star(node: exp.Expr) -> bool:
    return isinstance(node.this if isinstance(node, exp.Column) else node, exp.Star)


def _capital(name: str) -> str:
    """Return a name as Snowflake keeps it that was not quoted."""
    return name.upper() if name.islower() else name


def _of_star(node: exp.Expr, scope: Scope, context: Context) -> Iterator[tuple[str, exp.Expr]]:
    if isinstance(node, exp.Column):
        return _of_table(node, scope, context)
    return _starred(node, list(scope.starred_fields()), scope, context)


def _names(node: exp.Expr, count: int, context: Context) -> list[str]:
    """Return what the columns of a function that gives several are called."""
    given = [n.name for n in node.aliases] if isinstance(node, exp.Aliases) else []
    if isinstance(node, exp.Alias):
        given = [node.alias]
    if given and len(given) != count:
        raise context.error(f"{len(given)} names for {count} columns", node)
    return given or [f"c{n}" for n in range(count)]


def _name(node: exp.Expr) -> str:
    if isinstance(node, exp.Column):
        return node.name
    if isinstance(node, exp.Dot):
        return str(node.expression.name)
    return ""


def _of_table(node: exp.Column, scope: Scope, context: Context) -> Iterator[tuple[str, exp.Expr]]:
    relation = scope.relation(node.table)
    if relation is None:
        fields = scope.find(node.table)
        if fields and isinstance(context.dtypes[fields[0].id], pl.Struct):
            struct = context.dtypes[fields[0].id]
            assert isinstance(struct, pl.Struct)
            parts = [
                (
                    one.name,
                    exp.Dot(this=reference(fields[0]), expression=exp.to_identifier(one.name, quoted=True)),
                )
                for one in struct.fields
            ]
            yield from _kept(node.this, parts, scope, context)
            return
        raise context.error(
            f"no table {node.table!r} here", node, did_you_mean(node.table, [r.name for r in scope.relations])
        )
    yield from _starred(node.this, list(relation.fields), scope, context)


def _starred(
    star: exp.Expr, fields: list[Field], scope: Scope, context: Context
) -> Iterator[tuple[str, exp.Expr]]:
    yield from _kept(star, [(f.name, reference(f)) for f in fields], scope, context)


def _kept(
    star: exp.Expr, parts: Sequence[tuple[str, exp.Expr]], scope: Scope, context: Context
) -> Iterator[tuple[str, exp.Expr]]:
    """Return columns, but for what the words after ``*`` leave out, replace and rename."""
    if isinstance(pattern := star.args.get("ilike"), exp.Literal):
        likes = re.escape(pattern.name).replace("%", ".*").replace("_", ".")
        parts = [(n, one) for n, one in parts if re.fullmatch(likes, n, re.IGNORECASE | re.DOTALL)]
        if not parts:
            raise context.error(f"*: no column like {pattern.name!r} in {scope.shown}", pattern)
    names = {n.lower() for n, _ in parts}
    excluded = {e.name.lower(): e for e in star.args.get("except_") or ()}
    replaced = {e.alias.lower(): e.this for e in star.args.get("replace") or ()}
    renamed = {e.this.name.lower(): e.alias for e in star.args.get("rename") or ()}
    asked = {**excluded, **{e.alias.lower(): e for e in star.args.get("replace") or ()}}
    asked |= {e.this.name.lower(): e for e in star.args.get("rename") or ()}
    for name, one in asked.items():
        if name not in names:
            raise context.error(
                f"*: no column {name!r} in {scope.shown}", one, did_you_mean(name, sorted(names))
            )
    for called, plain in parts:
        lowered = called.lower()
        if lowered in excluded:
            continue
        node = replaced[lowered].copy() if lowered in replaced else plain
        yield renamed.get(lowered, called), node


def _columns(
    node: exp.Expr, columns: exp.Expr, scope: Scope, context: Context, alias: str
) -> Iterator[tuple[str, exp.Expr]]:
    """COLUMNS('regex'), COLUMNS(*), COLUMNS(c -> c LIKE ...): the expression around it, for each column."""
    chosen = list(_chosen(columns.this, scope, context))
    if not chosen:
        raise context.error("COLUMNS: no column of that kind", columns)
    for name, one in chosen:
        if node is columns:
            yield alias.replace(r"\0", name) if alias else name, one
            continue
        copy = node.copy()
        place = copy.find(exp.Columns)
        assert place is not None
        place.replace(one)
        yield alias.replace(r"\0", name) if alias else "", copy


def _chosen(what: exp.Expr, scope: Scope, context: Context) -> Iterator[tuple[str, exp.Expr]]:
    fields = list(scope.starred_fields())
    if isinstance(what, exp.Star):
        yield from _starred(what, fields, scope, context)
    elif isinstance(what, exp.Literal) and what.is_string:
        try:
            pattern = re.compile(what.this, re.IGNORECASE)
        except re.error as error:
            raise context.error(f"COLUMNS: {error}", what) from error
        for field in fields:
            if pattern.search(field.name):
                yield field.name, reference(field)
    elif isinstance(what, exp.Array):
        for one in what.expressions:
            found = scope.find(one.name)
            if not found:
                raise context.error(f"no column {one.name!r} in {scope.shown}", one, scope.hint(one.name))
            yield found[0].name, reference(found[0])
    else:
        raise context.refuse("COLUMNS of this", what, "COLUMNS('regular expression')")
