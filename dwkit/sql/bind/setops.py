"""UNION, INTERSECT, EXCEPT, VALUES and recursive common table expressions."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import polars as pl
from sqlglot import exp

from dwkit.sql.bind.context import Context
from dwkit.sql.bind.expressions import Stage
from dwkit.sql.bind.names import Field, Scope
from dwkit.sql.bind.resolve import reference, resolve
from dwkit.sql.functions.call import Call
from dwkit.sql.functions.cast import cast
from dwkit.sql.functions.comparison import alike
from dwkit.sql.optimise.sets import distinct
from dwkit.sql.plan import OneRow, Plan, Project, Recursive, RecursiveRef, SetOperation
from dwkit.sql.types import is_text, shown, unified
from dwkit.sql.value import Value, null

if TYPE_CHECKING:
    from dwkit.sql.bind.query import Bound, QueryBinder

__all__ = ["is_recursive", "recursive", "renamed", "set_operation", "values"]


def renamed(
    context: Context, fields: tuple[Field, ...], names: tuple[str, ...], node: exp.Expr
) -> tuple[Field, ...]:
    """Return columns under the names of ``t(a, b)``; columns for which there is no name keep theirs.

    Raises:
        SqlError: there are more names than columns.
    """
    if len(names) > len(fields):
        raise context.error(f"{len(names)} names for {len(fields)} columns", node)
    return tuple(Field(names[n] if n < len(names) else f.name, f.id) for n, f in enumerate(fields))


def set_operation(binder: QueryBinder, node: exp.SetOperation) -> Bound:
    """Bind UNION, INTERSECT or EXCEPT, by place or BY NAME."""
    from dwkit.sql.bind.query import Bound

    context = binder.context
    left, right = binder.block(node.this), binder.block(node.expression)
    lefts: list[Value] = [context.column(f.id) for f in left.fields]
    rights: list[Value] = [context.column(f.id) for f in right.fields]
    names = [f.name for f in left.fields]
    if node.args.get("by_name"):
        by_name = {f.name.lower(): context.column(f.id) for f in right.fields}
        rights = [by_name.pop(n.lower(), null()) for n in names]
        rest = [f for f in right.fields if f.name.lower() in by_name]
        names += [f.name for f in rest]
        lefts += [null()] * len(rest)
        rights += [context.column(f.id) for f in rest]
    if len(lefts) != len(rights):
        raise context.error(f"{node.key.upper()} of {len(lefts)} columns and {len(rights)}", node)
    made_left, made_right, ids = _aligned(context, node, (left.plan, lefts), (right.plan, rights), names)
    kind: Literal["union", "intersect", "except"] = (
        "union"
        if isinstance(node, exp.Union)
        else "intersect"
        if isinstance(node, exp.Intersect)
        else "except"
    )
    every = SetOperation(kind, made_left, made_right, ids)
    plan = distinct(context, every) if node.args.get("distinct") else every
    return Bound(plan, tuple(Field(n, i) for n, i in zip(names, ids, strict=True)))


def _aligned(
    context: Context,
    node: exp.Expr,
    left: tuple[Plan, list[Value]],
    right: tuple[Plan, list[Value]],
    names: list[str],
) -> tuple[Plan, Plan, tuple[str, ...]]:
    """Return both plans with columns of the same types, and ids for the result."""
    made: list[tuple[Value, Value]] = []
    for number, (a, b) in enumerate(zip(left[1], right[1], strict=True)):
        mixed = "text" if context.dialect == "datafusion" else ""
        dtype = unified((a.dtype, b.dtype), context.dialect, mixed=mixed)
        if dtype is None and (is_text(a.dtype) or is_text(b.dtype)):
            dtype = pl.String()
        if dtype is None:
            raise context.error(
                f"{node.key.upper()}: column {names[number]!r} is {shown(a.dtype)} and {shown(b.dtype)}", node
            )
        pair = [cast(v, dtype, context.dialect) for v in (a, b)]
        assert pair[0] is not None
        assert pair[1] is not None
        made.append((pair[0], pair[1]))
    sides: list[Plan] = []
    for plan, column in ((left[0], 0), (right[0], 1)):
        sides.append(
            Project(
                plan,
                {context.made(n, pair[column]): pair[column] for n, pair in zip(names, made, strict=True)},
            )
        )
    both = [a if all(map(context.is_exact, (a, b))) else replace(a, interval=None) for a, b in made]
    ids = tuple(context.made(n, value) for n, value in zip(names, both, strict=True))
    for ident, a, b in zip(ids, left[1], right[1], strict=True):
        context.note_origin(ident, *(_named(v) for v in (a, b)), mixed=True)
    return sides[0], sides[1], ids


def _named(value: Value) -> exp.Expr:
    """Return a column of a query, or the NULL that stands for one, as it stands in a tree."""
    if value.is_constant:
        return exp.Null()
    ident = value.expr.meta.output_name()
    return reference(Field(ident, ident))


_VALUES_NAMES = {
    "duckdb": ("col", 0), "spark": ("col", 1), "databricks": ("col", 1), "mysql": ("column_", 0), "trino": ("_col", 0),
}  # fmt: skip
"""What the columns of VALUES are called, and the number of the first; elsewhere column1."""


def values(binder: QueryBinder, node: exp.Values) -> Bound:
    """Bind VALUES: rows of expressions, of one type in each column."""
    from dwkit.sql.bind.query import Bound

    context = binder.context
    stage = Stage(context, binder, Scope(parent=binder.parent), OneRow(), "VALUES")
    rows = [r.expressions if isinstance(r, exp.Tuple) else [r.unnest()] for r in node.expressions]
    width = len(rows[0])
    for row, one in zip(rows, node.expressions, strict=True):
        if len(row) != width:
            raise context.error(f"VALUES: a row of {len(row)} values among rows of {width}", one)
    bound = [[stage.bind(resolve(v, stage.scope, context)) for v in row] for row in rows]
    call = Call(node, stage)
    columns = [_of_one_type(call, [row[n] for row in bound]) for n in range(width)]
    ids = [context.fresh(f"col{n}", c[0].dtype) for n, c in enumerate(columns)]
    for number, ident in enumerate(ids):
        context.note_origin(ident, *(row[number] for row in rows))
    name, first = _VALUES_NAMES.get(context.dialect, ("column", 1))
    names = [f"{name}{n + first}" for n in range(width)]
    fields = tuple(Field(n, i) for n, i in zip(names, ids, strict=True))
    if all(v.is_constant for c in columns for v in c):
        return Bound(_constants(context, columns, ids), fields)
    made: list[Plan] = [
        Project(stage.plan, {context.made(i, c[n]): c[n] for i, c in zip(ids, columns, strict=True)})
        for n in range(len(rows))
    ]
    plan = made[0]
    for one in made[1:]:
        plan = SetOperation("union", plan, one, tuple(ids))
    if len(made) == 1:
        plan = Project(plan, {i: context.column(c) for i, c in zip(ids, plan.columns, strict=True)})
    return Bound(plan, fields)


def _of_one_type(call: Call, values: list[Value]) -> list[Value]:
    """Return the values of a column; where all are NULL it has no type of its own, as that of SELECT NULL."""
    untyped = all(v.is_null for v in values)
    return values if untyped else alike(call, *values)


def _constants(context: Context, columns: list[list[Value]], ids: list[str]) -> Plan:
    from dwkit.sql.plan import Scan

    frame = pl.LazyFrame(
        {
            i: pl.Series(i, [v.constant for v in c], dtype=c[0].dtype)
            for i, c in zip(ids, columns, strict=True)
        }
    )
    return Scan("VALUES", frame, {i: i for i in ids})


# -- WITH RECURSIVE -------------------------------------------------------------------------------


def is_recursive(query: exp.Expr, name: str) -> bool:
    """Whether a query is a UNION that reads itself."""
    plain = query.unnest() if isinstance(query, exp.Subquery) else query
    return isinstance(plain, exp.Union) and any(
        t.name.lower() == name.lower() and not t.args.get("db") for t in plain.find_all(exp.Table)
    )


def recursive(binder: QueryBinder, name: str, query: exp.Expr, names: tuple[str, ...]) -> Bound:
    """Bind a recursive common table expression; its types are those of the part that does not recur.

    Raises:
        SqlError: the part that recurs has other types or another number of columns.
    """
    from dwkit.sql.bind.query import Bound

    context = binder.context
    node = query.unnest() if isinstance(query, exp.Subquery) else query
    assert isinstance(node, exp.Union)
    keyed = isinstance(query.parent, exp.CTE) and query.parent.args.get("key_expressions")
    if keyed:
        raise context.refuse("USING KEY", query)
    base = binder.query(node.this)
    fields = renamed(context, base.fields, names, node) if names else base.fields
    dtypes = [_roomy(context.dtypes[f.id]) for f in fields]
    if any(_grows(binder, context.dtypes[f.id]) for f in fields):
        dtypes = _from_step(binder, name, node, fields, dtypes)
    refs = tuple(context.fresh(f.name, t) for f, t in zip(fields, dtypes, strict=True))
    own = Bound(RecursiveRef(name, refs), tuple(Field(f.name, i) for f, i in zip(fields, refs, strict=True)))
    step = _stepping(binder, name, own).query(node.expression)
    if len(step.fields) != len(fields):
        raise context.error(f"UNION of {len(fields)} columns and {len(step.fields)}", node)
    ids = tuple(context.fresh(f.name, t) for f, t in zip(fields, dtypes, strict=True))
    made: list[Plan] = []
    for bound in (base, step):
        columns: dict[str, Value] = {}
        for called, one, dtype in zip(fields, bound.fields, dtypes, strict=True):
            value = cast(context.column(one.id), dtype, context.dialect)
            given = context.dtypes[one.id]
            rounds = _digits(given) > _digits(dtype) and context.dialect not in ("duckdb", "mysql")
            if value is None or rounds:
                raise context.error(
                    f"column {called.name!r} is {shown(dtype)} first and {shown(given)} then",
                    node, "cast the first one to the type of the others",
                )  # fmt: skip
            columns[context.fresh(one.name, dtype)] = value
        made.append(Project(bound.plan, columns))
    plan = Recursive(name, made[0], made[1], ids, not node.args.get("distinct"))
    return Bound(plan, tuple(Field(f.name, i) for f, i in zip(fields, ids, strict=True)))


def _stepping(binder: QueryBinder, name: str, own: Bound) -> QueryBinder:
    """Return a binder of the part that recurs, for which the name stands for the last rows."""
    from dwkit.sql.bind.query import Cte

    return replace(
        binder, ctes={**binder.ctes, name.lower(): Cte(exp.Null(), binder, (), own, binder.context)}
    )


def _digits(dtype: pl.DataType) -> float:
    """Return how many digits a type has after the point; those of DuckDB and MySQL are rounded to the first part's."""
    if isinstance(dtype, pl.Decimal):
        return dtype.scale
    return math.inf if dtype.is_float() else 0


def _from_step(
    binder: QueryBinder, name: str, node: exp.Union, fields: tuple[Field, ...], dtypes: list[pl.DataType]
) -> list[pl.DataType]:
    """Return the types of columns that the part that recurs makes wider: those that begin as NULL, and decimals."""
    from dwkit.sql.bind.query import Bound

    context = binder.context
    guess = [
        pl.String() if isinstance(context.dtypes[f.id], pl.Null) else t
        for f, t in zip(fields, dtypes, strict=True)
    ]
    refs = tuple(context.fresh(f.name, t) for f, t in zip(fields, guess, strict=True))
    own = Bound(RecursiveRef(name, refs), tuple(Field(f.name, i) for f, i in zip(fields, refs, strict=True)))
    step = _stepping(binder, name, own).query(node.expression.copy())
    return [
        _roomy(unified((context.dtypes[f.id], context.dtypes[s.id]), context.dialect) or t)
        if _grows(binder, context.dtypes[f.id])
        else t
        for f, s, t in zip(fields, step.fields, dtypes, strict=False)
    ]


def _grows(binder: QueryBinder, dtype: pl.DataType) -> bool:
    """Whether a column may get another type by recurring; DuckDB holds on to that of the first rows."""
    decimal = isinstance(dtype, pl.Decimal) and binder.context.dialect != "duckdb"
    return decimal or isinstance(dtype, pl.Null)


def _roomy(dtype: pl.DataType) -> pl.DataType:
    """Return the type of a column of a recursive query: ``1`` may become ``n + 1``, which is wider."""
    if isinstance(dtype, pl.Null):
        return pl.Int64()
    return pl.Int64() if dtype.is_integer() and not isinstance(dtype, (pl.Int128, pl.UInt64)) else dtype
