"""Gives each column name of an expression the id of the column that it means."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from dwkit.sql.bind.context import Context
from dwkit.sql.bind.names import CorrelatedError, Field, Scope, nearest
from dwkit.sql.trees import columns_of, copied

__all__ = ["reference", "resolve"]


def reference(one: Field) -> exp.Column:
    """Return a resolved column."""
    made = exp.Column(this=exp.Identifier(this=one.id, quoted=True))
    made.meta["id"] = one.id
    made.meta["name"] = one.name
    return made


def resolve(
    node: exp.Expr,
    scope: Scope,
    context: Context,
    aliases: Mapping[str, exp.Expr] | None = None,
    *,
    aliases_first: bool = False,
) -> exp.Expr:
    """Resolve the columns of an expression in place, not those of the subqueries in it.

    Args:
        aliases: what the names of the SELECT list stand for, by lower-case name; a column of the tables
            goes before an alias, unless `aliases_first`.

    Raises:
        SqlError: a name that nothing has, or that two tables have.
    """
    if context.dialect in _STARS_INSIDE and context.may_have(exp.Star) and node.find(exp.Star) is not None:
        from dwkit.sql.bind.stars import expanded_inside

        node = expanded_inside(node, scope, context)
    if isinstance(node, exp.Column):
        return _column(node, scope, context, aliases or {}, aliases_first=aliases_first)
    for comprehension in node.find_all(exp.Comprehension) if context.may_have(exp.Comprehension) else ():
        _own_name(comprehension)
    for column in columns_of(node):
        made = _column(column, scope, context, aliases or {}, aliases_first=aliases_first)
        if made is not column:
            column.replace(made)
    return node


_STARS_INSIDE = frozenset({"spark", "databricks", "snowflake"})
"""``*`` may be an argument of functions other than COUNT there."""


def _own_name(node: exp.Comprehension) -> None:
    """Make the name in ``[x + 1 for x in l]`` a parameter, as that of a lambda is; sqlglot reads it as a column."""
    name = node.expression.name.lower()
    for part in (node.this, node.args.get("condition")):
        for column in list(part.find_all(exp.Column)) if part is not None else ():
            first, *fields = column.parts
            if first.name.lower() != name or "id" in column.meta:
                continue
            made: exp.Expr = first.copy()
            for field in fields:
                made = exp.Dot(this=made, expression=field.copy())
            column.replace(made)


def _column(
    column: exp.Column,
    scope: Scope,
    context: Context,
    aliases: Mapping[str, exp.Expr],
    *,
    aliases_first: bool,
) -> exp.Expr:
    if "id" in column.meta or isinstance(column.this, exp.Star):
        return column
    if column.args.get("join_mark"):
        raise context.refuse("the join mark (+)", column, "LEFT JOIN ... ON")
    parts = column.parts
    alias = aliases.get(parts[0].name.lower()) if len(parts) == 1 else None
    if alias is not None and aliases_first:
        return _stand_in(alias, column)
    at: Scope | None = scope
    apart = False
    while at is not None:
        apart |= at.apart
        found = _find(column, at, context)
        if found is not None:
            if apart:
                raise CorrelatedError
            if at is not scope:
                _mark_outer(scope, at, found[0].id)
            return _bound(column, *found)
        at = at.parent
    if alias is not None:
        return _stand_in(alias, column)
    if context.dialect in _ROWS:
        row = _row(column, scope, context)
        if row is not None:
            return row
    raise _missing(column, scope, context, list(aliases))


_ROWS = frozenset({"bigquery", "duckdb", "postgres"})
"""The name of a table is its row as a struct there, where no column has it."""


_FUNCTIONS = frozenset({"range", "generate_series", "unnest"})


def _row(column: exp.Column, scope: Scope, context: Context) -> exp.Expr | None:
    """Return the struct of all columns of a table that a column names, None where there is none of that name."""
    name, *rest = column.parts
    at: Scope | None = scope
    relation = scope.relation(name.name)
    while at is not None and relation is None:
        if at.apart and at.parent is not None and at.parent.relation(name.name) is not None:
            raise CorrelatedError
        at = at.parent
        relation = at.relation(name.name) if at is not None else None
    if relation is None or rest:
        return None
    if context.dialect == "duckdb" and relation.fields and relation.fields[0].name in _FUNCTIONS:
        what = (
            f"the name of {relation.fields[0].name.upper()} in FROM, which is that of its column in DuckDB,"
        )
        raise context.refuse(what, column, f"name it: {name.name}({name.name})")
    parts = []
    for one in relation.fields:
        if at is not scope:
            _mark_outer(scope, at, one.id)
        parts.append(exp.PropertyEQ(this=exp.to_identifier(one.name, quoted=True), expression=reference(one)))
    made: exp.Expr = exp.Struct(expressions=parts)
    made.meta["name"] = name.name
    select = column.find_ancestor(exp.Select)
    joins = select.args.get("joins") if select is not None else None
    if context.dialect != "duckdb" and any(j.side for j in joins or ()):  # a row that is not found is NULL
        empty = [exp.Is(this=reference(f), expression=exp.Null()) for f in relation.fields]
        made = exp.If(this=exp.Not(this=exp.and_(*empty)), true=made)
        made.meta["name"] = name.name
    return made


def _mark_outer(scope: Scope, owner: Scope | None, ident: str) -> None:
    at: Scope | None = scope
    while at is not None and at is not owner:
        at.outer.add(ident)
        at = at.parent


def _stand_in(alias: exp.Expr, column: exp.Column) -> exp.Expr:
    made = copied(alias)
    if isinstance(made, exp.Column):
        return made
    return exp.Paren(this=made)


_INHERIT = frozenset({"datafusion"})
"""The columns of a subquery without a name are still called by their tables there."""


def _find(column: exp.Column, scope: Scope, context: Context) -> tuple[Field, int] | None:
    """Return the column and how many parts of the name it took; None where the scope has none."""
    parts = [p.name for p in column.parts]
    for size in range(len(parts) - 1, 0, -1):  # schema.table.column before table.column before column
        relation = scope.relation(parts[size - 1])
        if relation is None:
            inherited = scope.inherited(parts[size - 1], parts[size]) if context.dialect in _INHERIT else []
            if inherited:
                return inherited[0], size + 1
            continue
        if size > 1 and not relation.shown.lower().endswith(".".join(parts[:size]).lower()):
            continue
        fields = relation.find(parts[size])
        if fields:
            return fields[0], size + 1
        if size == 1 and not scope.find(parts[0]):
            hint = nearest(parts[size], [f.name for f in relation.fields])
            raise context.error(
                f"no column {parts[size]!r} in {relation.shown or relation.name}", column, hint
            )
    fields = scope.find(parts[0])
    if len({f.id for f in fields}) > 1:
        owners = [r.name for r in scope.relations if r.find(parts[0])]
        hint = " or ".join(f"{owner}.{parts[0]}" for owner in owners)
        raise context.error(f"column {parts[0]!r} is in {' and '.join(owners)}", column, f"write {hint}")
    return (fields[0], 1) if fields else None


def _bound(column: exp.Column, found: Field, taken: int) -> exp.Expr:
    parts = column.parts
    rest = parts[taken:]
    this = exp.Identifier(this=found.id, quoted=True)
    this.meta.update(parts[taken - 1].meta)
    made: exp.Expr = exp.Column(this=this)
    made.meta["id"] = found.id
    made.meta["name"] = found.name
    for part in rest:
        made = exp.Dot(this=made, expression=part.copy())
    made.comments = None
    return made


def _missing(column: exp.Column, scope: Scope, context: Context, aliases: list[str]) -> Exception:
    name = column.parts[0].name
    if len(column.parts) > 1:
        tables = [r.name for r in scope.relations]
        return context.error(f"no table or column {name!r} here", column, nearest(name, tables))
    return context.error(f"no column {name!r} in {scope.shown}", column, scope.hint(name, aliases))
