"""Binds one table of a FROM: what it is called, its columns, and the plan of its rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

import polars as pl
from sqlglot import exp

from dwkit.errors import did_you_mean
from dwkit.model.statistics import ColumnStatistics
from dwkit.sql.bind.context import Context
from dwkit.sql.bind.expressions import Stage
from dwkit.sql.bind.names import INTERNAL, Field, Relation, Scope
from dwkit.sql.bind.resolve import resolve
from dwkit.sql.origin import Origin
from dwkit.sql.plan import Extend, OneRow, Plan, Project, Sample, Scan, Unnest
from dwkit.sql.query import table_ref
from dwkit.sql.types import is_list, shown
from dwkit.sql.value import Value

if TYPE_CHECKING:
    from dwkit.sql.bind.query import Bound, QueryBinder

__all__ = ["Table", "bind_table", "finished", "sampled"]


@dataclass
class Table:
    """A table of a FROM: its rows as a plan, or lists of the tables before it that are to be unnested."""

    plan: Plan
    relations: list[Relation]
    unnest: Unnest | None = None
    made: dict[str, Value] = field(default_factory=dict)
    """Columns that are computed of the elements: fields of structs, their number."""


def bind_table(binder: QueryBinder, scope: Scope, node: exp.Expr) -> Table:
    """Bind one table of a FROM.

    Args:
        scope: the tables before it, which LATERAL and UNNEST may name.

    Raises:
        SqlError: there is no such table, it has fewer columns than names are given.
    """
    if isinstance(node, exp.Lateral):
        return _lateral(binder, scope, node)
    if isinstance(node, exp.Unnest):
        return _unnest(binder, scope, node)
    if isinstance(node, exp.Subquery):
        return _subquery(binder, scope, node)
    if isinstance(node, exp.Values):
        inside = binder.inside(scope if scope.relations else scope.parent)
        bound = inside.query(node)
        return finished(binder, node, bound.plan, bound.fields, "")
    if isinstance(node, exp.TableFromRows):
        found = _function(binder, scope, node)
        assert found is not None
        return found
    if isinstance(node, exp.Table):
        if node.args.get("rows_from"):
            raise binder.context.refuse("ROWS FROM", node)
        if not isinstance(node.this, exp.Identifier):
            found = _function(binder, scope, node)
            if found is not None:
                return _part_of(binder, scope, node, found)
        return _named(binder, node)
    raise binder.context.refuse(f"{node.key.upper()} in FROM", node)


def _part_of(binder: QueryBinder, scope: Scope, node: exp.Table, table: Table) -> Table:
    """Return what a function gives, or the random part of it that TABLESAMPLE wants."""
    sample = node.args.get("sample")
    if sample is None:
        return table
    plan = table.plan
    if table.unnest is not None:
        if scope.relations:
            raise binder.context.refuse("TABLESAMPLE of a function of columns", node)
        plan = Extend(table.unnest, table.made) if table.made else table.unnest
    return Table(sampled(binder, plan, sample), table.relations)


def _named(binder: QueryBinder, node: exp.Table) -> Table:
    context = binder.context
    name = node.name
    if not node.args.get("db") and isinstance(node.this, exp.Identifier):
        bound = binder.cte(name, node)
        if bound is not None:
            return finished(binder, node, bound.plan, bound.fields, name)
    ref = table_ref(None, node)
    key = find_table(context, ref.key, ref.name if ref.schema is None else None)
    if key is None:
        hint = did_you_mean(ref.key, sorted(context.frames))
        raise context.error(f"no table {ref.key!r}", node, hint)
    if any(node.args.get(k) for k in ("version", "when", "changes")):
        raise context.refuse("time travel in SQL", node, "--as-of asks an earlier version")
    table = context.table(key)
    operators = context.dialect == "postgres"  # which has operators of JSON that are others of text
    # Of products it matters how many digits the numbers of the tables have.
    known = context.statistics(key) if operators or context.may_have(exp.Mul) else None
    dtypes = table.dtypes
    if known is not None:
        dtypes = {n: _narrowed(t, known.columns.get(n)) for n, t in dtypes.items()}
    ids = context.fresh_all(dtypes)
    if table.durations:
        context.durations.update(i for i, n in ids.items() if n in table.durations)
    if operators and known is not None:
        context.json.update(i for i, n in ids.items() if n in known.json)
    _note_origins(context, key, ids)
    context.columns_of.update({i: (key, n) for i, n in ids.items()})
    plan = Scan(key, table.frame, ids, partial(context.at_hand, key))
    if context.dialect in _PRIMARY:
        _note_key(context, key, ids)
    fields = tuple(Field(n, i) for i, n in ids.items())
    own = key.startswith(INTERNAL)  # a statement's, which the user calls by its alias
    return finished(binder, node, plan, fields, ref.name, "" if own else key)


_PRIMARY = frozenset({"postgres", "datafusion"})
"""GROUP BY of a primary key is one of all columns of its table there."""


def _note_key(context: Context, key: str, ids: dict[str, str]) -> None:
    """Note which columns of a table have one value for each value of others."""
    known = context.statistics(key)
    names = {n.lower() for n in known.key} if known is not None else set()
    primary = frozenset(i for i, n in ids.items() if n.lower() in names)
    if primary:
        context.dependent[primary] = frozenset(ids) - primary


def _note_origins(context: Context, key: str, ids: dict[str, str]) -> None:
    """Note whom to ask for the types of Arrow of a table's columns."""
    types = context.arrow(key) if context.arrow is not None else None
    if types is not None:
        for ident, name in ids.items():
            context.origins[ident] = Origin(arrow=partial(_known_type, types, name))


def _known_type(types: Callable[[], Mapping[str, str]], name: str) -> str | None:
    return types().get(name)


def _narrowed(dtype: pl.DataType, known: ColumnStatistics | None) -> pl.DataType:
    """Return a decimal with as many digits as its values need, so that products of them are known to fit."""
    if not isinstance(dtype, pl.Decimal) or known is None or known.low is None or known.high is None:
        return dtype
    most = max(abs(Decimal(known.low)), abs(Decimal(known.high))).scaleb(dtype.scale)
    return pl.Decimal(max(len(str(int(most))), dtype.scale, 1), dtype.scale)


def find_table(context: Context, key: str, name: str | None) -> str | None:
    """Return the key of a table among those given, whatever its letter case, with or without its schema."""
    if key in context.frames:
        return key
    lowered = {k.lower(): k for k in context.frames}
    found = lowered.get(key.lower())
    if found is None and name is not None:
        ends = [k for k in context.frames if k.rpartition(".")[2].lower() == name.lower()]
        found = ends[0] if len(ends) == 1 else None
    return found


def finished(
    binder: QueryBinder, node: exp.Expr, plan: Plan, fields: Sequence[Field], name: str, shown_as: str = ""
) -> Table:
    """Return a table under its alias, with its own names of columns, sampled and pivoted where that is asked for."""
    context = binder.context
    alias = node.args.get("alias")
    pivots = node.args.get("pivots") or ()
    sample = node.args.get("sample")
    if sample is not None:
        plan = sampled(binder, plan, sample)
    called = alias.name if alias is not None and alias.this is not None else name
    columns = [c.name for c in alias.columns] if isinstance(alias, exp.TableAlias) else []
    unnamed = isinstance(alias, exp.TableAlias) and bool(alias.this) and "made" in alias.this.meta
    if len(columns) > len(fields):
        raise context.error(f"{len(columns)} names for {len(fields)} columns of {called or 'a table'}", node)
    named = tuple(fields)
    if columns or (not unnamed and any(f.table for f in fields)):
        named = tuple(
            Field(columns[n] if n < len(columns) else f.name, f.id, f.table if unnamed else "")
            for n, f in enumerate(fields)
        )
    relation = Relation(called, named, shown_as or called)
    for pivot in pivots:
        from dwkit.sql.bind.pivot import pivoted

        plan, relation = pivoted(binder, plan, relation, pivot)
    return Table(plan, [relation])


def sampled(binder: QueryBinder, plan: Plan, node: exp.Expr) -> Plan:
    """Return a random part of the rows, as TABLESAMPLE and USING SAMPLE want it.

    Of a percentage each row has its own chance, unless the sample is a reservoir.

    Raises:
        SqlError: its size is no number.
    """
    context = binder.context
    percent, size, rows, seed = (node.args.get(k) for k in ("percent", "size", "rows", "seed"))
    if node.args.get("bucket_numerator") is not None:
        raise context.refuse("TABLESAMPLE BUCKET", node)
    number = percent or size or rows
    if not isinstance(number, exp.Literal) or number.is_string:
        raise context.error("TABLESAMPLE wants a number", node)
    start = int(seed.name) if isinstance(seed, exp.Expr) and seed.name.isdigit() else None
    if size is not None and context.dialect == "tsql" and not _says_rows(context, node, size):
        percent = size
    if percent is not None:
        exact = node.text("method").upper() == "RESERVOIR"
        if start is None and not exact:
            start = context.chance()
        return Sample(plan, float(percent.name) / 100, None, start, exact=exact)
    return Sample(plan, None, int(float(number.this)), start)


def _says_rows(context: Context, node: exp.Expr, size: exp.Expr) -> bool:
    """Whether the text says ROWS after the size of a sample: the tree does not, and a percentage is meant without it."""
    number = re.escape(size.name)
    found = re.findall(
        rf"\btablesample\s*(?:system\s*)?\(\s*{number}\s*(rows)?\s*\)", context.sql, re.IGNORECASE
    )
    if len({bool(f) for f in found}) != 1:
        raise context.refuse("TABLESAMPLE of this size", node, "write PERCENT or ROWS")
    return bool(found[0])


def _subquery(binder: QueryBinder, scope: Scope, node: exp.Subquery) -> Table:
    inner = node.this
    if isinstance(inner, exp.Table) and not inner.args.get("joins"):
        table = bind_table(binder, scope, inner)
        if node.args.get("alias") is None and not node.args.get("pivots"):
            return table
        fields = [f for r in table.relations for f in r.fields]
        return finished(binder, node, table.plan, fields, "")
    beside = binder.inside(scope) if binder.context.dialect == "duckdb" and scope.relations else binder
    bound = beside.block(
        inner if isinstance(inner, exp.Query) else node
    )  # it may name tables before it there
    bound = _apart(binder.context, scope, beside.modified(node, bound))
    return finished(binder, node, bound.plan, bound.fields, "")


def _apart(context: Context, scope: Scope, bound: Bound) -> Bound:
    """Return rows under ids of their own where some are those of tables before: an outer join makes only these NULL."""
    known = {f.id for r in scope.relations for f in r.fields}
    if not any(f.id in known for f in bound.fields):
        return bound
    ids = [context.fresh(f.name, context.dtypes[f.id]) for f in bound.fields]
    plan = Project(bound.plan, {i: context.column(f.id) for i, f in zip(ids, bound.fields, strict=True)})
    for ident, one in zip(ids, bound.fields, strict=True):
        if one.id in context.origins:
            context.origins[ident] = context.origins[one.id]
    return replace(
        bound, plan=plan, fields=tuple(f._replace(id=i) for f, i in zip(bound.fields, ids, strict=True))
    )


def _lateral(binder: QueryBinder, scope: Scope, node: exp.Lateral) -> Table:
    inner = node.this
    if isinstance(inner, exp.Subquery):
        bound = _apart(binder.context, scope, binder.inside(scope).query(inner))
        return finished(binder, node, bound.plan, bound.fields, "")
    if isinstance(inner, exp.Unnest):
        made = inner.copy()
        made.set("alias", node.args.get("alias"))
        return _unnest(binder, scope, made)
    from dwkit.sql.bind.expand import lateral_function

    return lateral_function(binder, scope, node)


def _unnest(binder: QueryBinder, scope: Scope, node: exp.Unnest) -> Table:
    """UNNEST of lists, which may be columns of the tables before it."""
    context = binder.context
    stage = Stage(context, binder, scope, OneRow(), "UNNEST")
    lists = {}
    names: list[str] = []
    structs: list[tuple[str, pl.Struct]] = []
    spread: set[str] = set()
    alias = node.args.get("alias")
    columns = [c.name for c in alias.columns] if isinstance(alias, exp.TableAlias) else []
    for one in node.expressions:
        value = stage.bind(resolve(one, scope, context))
        alone = context.dialect == "datafusion" and isinstance(value.dtype, pl.Struct)
        if alone:  # its fields are columns of one row
            value = value.as_(pl.concat_list(value.expr), pl.List(value.dtype))
        if not is_list(value.dtype):
            raise context.error(f"UNNEST wants a list, not {shown(value.dtype)}", one)
        inner: pl.DataType = value.dtype.inner  # type: ignore[attr-defined]
        name = columns[len(names)] if len(names) < len(columns) else _element_name(context, alias)
        ident = context.fresh(name, inner)
        lists[ident] = value
        names.append(name)
        if isinstance(inner, pl.Struct):
            structs.append((ident, inner))
            if alone:
                spread.add(ident)
    offset = node.args.get("offset")
    ordinality = None
    number = ""
    if offset is not None and offset is not False:
        number = offset.name if isinstance(offset, exp.Expr) else "ordinality"
        ordinality = context.fresh(number, pl.Int64())
    fields = [Field(n, i) for n, i in zip(names, lists, strict=True)]
    called = alias.name if alias is not None and alias.this is not None else ""
    made: dict[str, Value] = {}
    if spread:
        parts = {i: _fields_of(context, [(i, struct)], made) for i, struct in structs if i in spread}
        every = [part for f in fields for part in parts.get(f.id, [f])]
        fields = [Field(columns[n] if n < len(columns) else f.name, f.id) for n, f in enumerate(every)]
    elif structs and (context.dialect in ("bigquery", "trino") or len(columns) > len(names)):
        of_structs = _fields_of(context, structs, made)
        if context.dialect == "bigquery":
            fields += of_structs
        else:  # the fields stand for the element
            fields = [
                Field(columns[n] if n < len(columns) else f.name, f.id) for n, f in enumerate(of_structs)
            ]
    if ordinality is not None:
        if context.dialect != "bigquery":  # counted from 1
            first = context.column(ordinality)
            ident = context.fresh(number, pl.Int64())
            made[ident] = first.as_(first.expr + 1, pl.Int64())
            fields.append(Field(number, ident))
        else:
            fields.append(Field(number, ordinality))
    relations = [Relation(called, tuple(fields), called)]
    if isinstance(stage.plan, OneRow):
        return Table(OneRow(), relations, Unnest(OneRow(), lists, ordinality), made)
    # A subquery has made a plan of its own, which the tables before are no part of.
    if not frozenset().union(*(v.refs for v in lists.values())) <= set(stage.plan.columns):
        raise context.refuse("a subquery beside columns in UNNEST", node)
    return Table(Unnest(stage.plan, lists, ordinality), relations, made=made)


def _fields_of(context: Context, structs: list[tuple[str, pl.Struct]], made: dict[str, Value]) -> list[Field]:
    """Make columns of the fields of structs."""
    found: list[Field] = []
    for ident, struct in structs:
        element = context.column(ident)
        for one in struct.fields:
            value = element.as_(element.expr.struct.field(one.name), one.dtype)  # type: ignore[arg-type]
            name = context.made(one.name, value)
            made[name] = value
            found.append(Field(one.name, name))
    return found


def _element_name(context: Context, alias: exp.Expr | None) -> str:
    if context.dialect == "postgres" and alias is not None and alias.this is not None:
        return alias.name
    return "unnest"


def _function(binder: QueryBinder, scope: Scope, node: exp.Expr) -> Table | None:
    from dwkit.sql.bind.expand import table_function

    return table_function(binder, scope, node)
