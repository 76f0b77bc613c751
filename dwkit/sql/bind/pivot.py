"""PIVOT and UNPIVOT, as clauses of a table and as DuckDB's statements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import product
from typing import TYPE_CHECKING

import polars as pl
from sqlglot import exp

from dwkit.sql.bind.expressions import Stage
from dwkit.sql.bind.grouping import bind_aggregate
from dwkit.sql.bind.names import Field, Relation, Scope
from dwkit.sql.bind.resolve import reference, resolve
from dwkit.sql.bind.stars import expanded
from dwkit.sql.functions.aggregate import empty_of
from dwkit.sql.functions.call import Call
from dwkit.sql.functions.comparison import alike
from dwkit.sql.plan import Aggregate, Condition, Filter, Plan, Project, Unnest
from dwkit.sql.value import Value

if TYPE_CHECKING:
    from dwkit.sql.bind.query import Bound, QueryBinder

__all__ = ["pivot_query", "pivoted"]

_MOST_COLUMNS = 2000
"""More distinct values than that make no table that anyone can read."""


@dataclass(frozen=True)
class _Choice:
    """One value that a pivoted column is compared with: what the column of the result is called, and the condition."""

    name: str
    condition: exp.Expr


def pivot_query(binder: QueryBinder, node: exp.Pivot) -> Bound:
    """Bind DuckDB's ``PIVOT t ON ...`` and ``UNPIVOT t ON ...``."""
    from dwkit.sql.bind.query import Bound
    from dwkit.sql.bind.tables import bind_table

    table = bind_table(binder, Scope(parent=binder.parent), node.this)
    fields = [f for r in table.relations for f in r.fields]
    relation = Relation("", tuple(fields), table.relations[0].shown)
    plan, made = pivoted(binder, table.plan, relation, node)
    return Bound(plan, made.fields)


def pivoted(binder: QueryBinder, plan: Plan, relation: Relation, pivot: exp.Expr) -> tuple[Plan, Relation]:
    """Return a table pivoted or unpivoted.

    Raises:
        SqlError: a column that there is not, or a shape that is not known.
    """
    scope = Scope([relation], parent=binder.parent)
    stage = Stage(binder.context, binder, scope, plan, "PIVOT")
    made = _unpivot(stage, relation, pivot) if pivot.args.get("unpivot") else _pivot(stage, relation, pivot)
    alias = pivot.args.get("alias")
    name = alias.name if alias is not None else relation.name
    fields = list(made[1])
    for n, column in enumerate(alias.args.get("columns") or () if alias is not None else ()):
        fields[n] = Field(column.name, fields[n].id)
    return made[0], Relation(name, tuple(fields), name)


# -- PIVOT ----------------------------------------------------------------------------------------


def _pivot(stage: Stage, relation: Relation, node: exp.Expr) -> tuple[Plan, tuple[Field, ...]]:
    context = stage.context
    statement = bool(node.args.get("using")) or not node.args.get("fields")
    aggregates = list(node.args.get("using") or () if statement else node.expressions)
    if not aggregates:
        aggregates = [exp.Count(this=exp.Star())]
    sources = node.expressions if statement else node.args["fields"]
    choices = [_choices(stage, one, node) for one in sources]
    aggregates = [resolve(a, stage.scope, context) for a in aggregates]
    used = {c.meta["id"] for a in aggregates for c in a.find_all(exp.Column) if "id" in c.meta}
    used |= {
        c.meta["id"]
        for one in choices
        for o in one
        for c in o.condition.find_all(exp.Column)
        if "id" in c.meta
    }
    group = node.args.get("group")
    if group is not None:
        by = [resolve(g, stage.scope, context) for g in group.expressions]
        keys = [(g.meta.get("name") or g.sql(), stage.bind(g)) for g in by]
    else:
        keys = [(f.name, context.column(f.id)) for f in relation.fields if f.id not in used]
    made: dict[str, Value] = {}
    empty: dict[str, object] = {}
    fields: list[Field] = []
    grouped = {context.made(name, value): value for name, value in keys}
    fields += [Field(name, ident) for (name, _), ident in zip(keys, grouped, strict=True)]
    given = [c.name for c in node.args.get("columns") or ()]
    for number, (chosen, aggregate) in enumerate((c, a) for c in product(*choices) for a in aggregates):
        condition = reduce(lambda a, b: exp.And(this=a, expression=b), (c.condition.copy() for c in chosen))
        inner = aggregate.this if isinstance(aggregate, exp.Alias) else aggregate
        filtered = exp.Filter(this=inner.copy(), expression=exp.Where(this=condition))
        value = bind_aggregate(stage, filtered)
        name = _column_name(chosen, aggregate, many=len(aggregates) > 1, context_dialect=context.dialect)
        if number < len(given) and given[number] and not statement:
            name = given[number]
        ident = context.made(name, value)
        made[ident] = value
        empty[ident] = empty_of(filtered, context.dialect)
        fields.append(Field(name, ident))
    plan = Aggregate(stage.plan, grouped, made, empty)
    default = node.args.get("default_on_null") or None
    return _filled(stage, plan, fields, set(made), default) if default is not None else (plan, tuple(fields))


def _filled(
    stage: Stage, plan: Plan, fields: Sequence[Field], made: set[str], default: exp.Expr
) -> tuple[Plan, tuple[Field, ...]]:
    """Return a pivot with a value in place of its NULLs: DEFAULT ON NULL."""
    after = Stage(stage.context, stage.query, stage.scope, plan, "PIVOT")
    values: dict[str, Value] = {}
    filled: list[Field] = []
    for one in fields:
        value = stage.context.column(one.id)
        if one.id in made:
            value = after.bind(exp.Coalesce(this=reference(one), expressions=[default.copy()]))
        ident = stage.context.made(one.name, value)
        values[ident] = value
        filled.append(Field(one.name, ident))
    return Project(after.plan, values), tuple(filled)


def _column_name(chosen: Sequence[_Choice], aggregate: exp.Expr, *, many: bool, context_dialect: str) -> str:
    name = "_".join(c.name for c in chosen)
    if isinstance(aggregate, exp.Alias):
        return f"{name}_{aggregate.alias}"
    return f"{name}_{aggregate.sql(dialect=context_dialect).lower()}" if many else name


def _choices(stage: Stage, node: exp.Expr, pivot: exp.Expr) -> list[_Choice]:
    """Return the values of ``FOR x IN (...)``, or all values that there are."""
    context = stage.context
    if not isinstance(node, exp.In):
        return _all_values(stage, resolve(node, stage.scope, context))
    subject = resolve(node.this, stage.scope, context)
    if (found_any := next((e for e in node.expressions if isinstance(e, exp.PivotAny)), None)) is not None:
        return _ordered(stage, subject, found_any)
    if not node.expressions or any(isinstance(e, (exp.Query, exp.Subquery)) for e in node.expressions):
        raise context.refuse("PIVOT over this IN", pivot)
    found: list[_Choice] = []
    for one in node.expressions:
        alias = one.args.get("alias") if isinstance(one, (exp.PivotAlias, exp.Alias)) else None
        value = one.this if alias is not None else one
        if isinstance(value, exp.Column):  # T-SQL writes values as [names]
            value = exp.Literal.string(value.name)
        found.append(
            _Choice(
                alias.name if alias is not None else _value_name(value),
                _equals(subject, value, context.dialect),
            )
        )
    return found


_NULL_IS_ONE = frozenset({"duckdb", "spark", "databricks", "bigquery"})
"""NULL in the list stands for rows where it is NULL there."""


def _equals(subject: exp.Expr, value: exp.Expr, dialect: str) -> exp.Expr:
    if isinstance(value, exp.Null) and dialect in _NULL_IS_ONE:
        return exp.Is(this=subject.copy(), expression=exp.Null())
    if isinstance(subject, exp.Tuple) and isinstance(value, exp.Tuple):
        pairs = zip(subject.expressions, value.expressions, strict=True)
        parts: list[exp.Expr] = [_equals(a, b, dialect) for a, b in pairs]
        return reduce(lambda a, b: exp.And(this=a, expression=b), parts)
    return exp.EQ(this=subject.copy(), expression=value.copy())


def _value_name(value: exp.Expr) -> str:
    if isinstance(value, exp.Tuple):
        return "_".join(_value_name(v) for v in value.expressions)
    return str(value.name) if isinstance(value, exp.Literal) else value.sql()


def _ordered(stage: Stage, subject: exp.Expr, node: exp.Expr) -> list[_Choice]:
    """Return all values of ``ANY ORDER BY``, in the order of the values themselves or from the last one."""
    choices = _all_values(stage, subject)
    order = node.find(exp.Order)
    keys = order.expressions if order is not None else []
    if len(keys) > 1 or any(resolve(k.this.copy(), stage.scope, stage.context) != subject for k in keys):
        raise stage.context.refuse("PIVOT over ANY in this order", node)
    return choices[::-1] if keys and keys[0].args.get("desc") else choices


def _all_values(stage: Stage, subject: exp.Expr) -> list[_Choice]:
    """Return the values that an expression has, in order; they are looked up at once, as the columns depend on them."""
    from dwkit.sql.failure import collected
    from dwkit.sql.lower import lowered

    value = stage.bind(subject)
    if value.refs - frozenset(stage.plan.columns):
        raise stage.context.refuse("PIVOT over all values inside a correlated subquery", subject)
    stage.context.volatile.append("the values that became columns")
    values = collected(lowered(Project(stage.plan, {"v": value})).unique().drop_nulls().sort("v"))["v"]
    if len(values) > _MOST_COLUMNS:
        raise stage.context.error(f"PIVOT: {len(values)} values would be as many columns", subject)
    texts = values.cast(pl.String).to_list()
    if stage.dialect == "snowflake" and values.dtype == pl.String:
        texts = [f"'{text}'" for text in texts]  # as of values that are listed
    return [
        _Choice(text, exp.EQ(this=subject.copy(), expression=_literal(v)))
        for text, v in zip(texts, values.to_list(), strict=True)
    ]


def _literal(value: object) -> exp.Expr:
    made = exp.convert(value)
    return made if isinstance(made, (exp.Literal, exp.Boolean, exp.Neg)) else exp.Literal.string(str(value))


# -- UNPIVOT --------------------------------------------------------------------------------------


def _unpivot(stage: Stage, relation: Relation, node: exp.Expr) -> tuple[Plan, tuple[Field, ...]]:
    context = stage.context
    names, label, groups = _unpivoted(stage, node)
    if not groups or not names:
        raise context.error(f"UNPIVOT {'into no' if groups else 'of no'} columns", node)
    used = {f.id for _, columns in groups for f in columns}
    kept = [f for f in relation.fields if f.id not in used]
    call = Call(node, stage)
    lists: dict[str, Value] = {}
    fields = list(kept)
    labels = pl.Series([name for name, _ in groups], dtype=pl.String)
    ident = context.fresh(label, pl.String())
    lists[ident] = Value(pl.lit(labels.implode()).first(), pl.List(pl.String()))
    label_field = Field(label, ident)
    value_fields: list[Field] = []
    for number, name in enumerate(names):
        values = alike(call, *(context.column(columns[number].id) for _, columns in groups))
        ident = context.fresh(name, values[0].dtype)
        refs = frozenset().union(*(v.refs for v in values))
        lists[ident] = Value(pl.concat_list(v.expr for v in values), pl.List(values[0].dtype), refs)
        value_fields.append(Field(name, ident))
    first = node.args.get("value_columns_first")
    fields += [*value_fields, label_field] if first else [label_field, *value_fields]
    plan: Plan = Unnest(stage.plan, lists)
    if not node.args.get("include_nulls"):
        some = reduce(lambda a, b: a | b, (pl.col(f.id).is_not_null() for f in value_fields))
        plan = Filter(plan, (Condition(Value(some, pl.Boolean(), frozenset(f.id for f in value_fields))),))
    return Project(plan, {f.id: context.column(f.id) for f in fields}), tuple(fields)


def _unpivoted(stage: Stage, node: exp.Expr) -> tuple[list[str], str, list[tuple[str, list[Field]]]]:
    """Return the names of the value columns, the name of the label column, and for each label its columns."""
    into = node.args.get("into")
    groups: list[tuple[str, list[Field]]] = []
    if not node.args.get("fields"):
        label = into.this.name if into is not None else "name"
        names = [e.name for e in into.expressions] if into is not None else ["value"]
        for one in node.expressions:
            if isinstance(one, exp.Tuple):
                columns = [_field(stage, c) for c in one.expressions]
                groups.append(("_".join(f.name for f in columns), columns))
                continue
            for name, column in expanded(one, stage.scope, stage.context, stage.query):
                field = _field(stage, column)
                groups.append((name or field.name, [field]))
        return names, label, groups
    [field_node] = node.args["fields"]
    value = node.expressions[0]
    names = [e.name for e in (value.expressions if isinstance(value, exp.Tuple) else [value])]
    for one in field_node.expressions:
        alias = one.args.get("alias") if isinstance(one, exp.PivotAlias) else None
        inner = one.this if alias is not None else one
        columns = [_field(stage, c) for c in (inner.expressions if isinstance(inner, exp.Tuple) else [inner])]
        if len(columns) != len(names):
            raise stage.context.error(f"UNPIVOT: {len(columns)} columns for {len(names)} names", one)
        groups.append((alias.name if alias is not None else _label(stage, inner, columns), columns))
    return names, field_node.this.name, groups


def _label(stage: Stage, node: exp.Expr, columns: list[Field]) -> str:
    """Return what UNPIVOT calls columns: their names, which some dialects keep in capitals."""
    capitals = stage.dialect in ("oracle", "snowflake")
    parts = node.expressions if isinstance(node, exp.Tuple) else [node]
    quoted = [any(i.args.get("quoted") for i in p.find_all(exp.Identifier)) for p in parts]
    return "_".join(
        f.name.upper() if capitals and not q else f.name for f, q in zip(columns, quoted, strict=True)
    )


def _field(stage: Stage, node: exp.Expr) -> Field:
    if "id" in node.meta:
        return Field(node.meta["name"], node.meta["id"])
    column = node if isinstance(node, exp.Column) else exp.column(node.name)
    found = resolve(column, stage.scope, stage.context)
    return Field(found.meta["name"], found.meta["id"])
