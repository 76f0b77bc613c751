"""USING and NATURAL: the columns that two tables share, each once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
from sqlglot import exp

from dwkit.errors import did_you_mean
from dwkit.sql.bind.conditions import compared
from dwkit.sql.bind.expressions import Stage
from dwkit.sql.bind.names import Field, Scope
from dwkit.sql.bind.resolve import reference
from dwkit.sql.plan import Condition, JoinKind, OneRow
from dwkit.sql.value import Value

if TYPE_CHECKING:
    from dwkit.sql.bind.sources import Source
    from dwkit.sql.bind.tables import Table

__all__ = ["using"]


def using(
    source: Source, before: Scope, table: Table, kind: JoinKind, names: list[tuple[str, exp.Expr]]
) -> tuple[list[Condition], dict[str, Value]]:
    """Each column of USING is one column of the result: the left one, of a FULL or RIGHT JOIN the one that is there."""
    context, scope = source.binder.context, source.scope
    found: list[Condition] = []
    made: dict[str, Value] = {}
    own = Scope(table.relations)
    for name, node in names:
        left, right = _one(before, name, node, source), _one(own, name, node, source)
        stage = Stage(context, source.binder, scope, OneRow(), "USING")
        asof = kind in ("asof", "asof_left") and name == names[-1][0]
        equals = exp.EQ(this=reference(left), expression=reference(right))
        a, b = context.column(left.id), context.column(right.id)
        found.append(compared(stage, equals, ">=" if asof else "=", a, b))
        if kind in ("semi", "anti"):
            continue
        merged = Field(left.name, left.id)
        if kind in ("right", "full"):
            both = compared(stage, equals, "=", a, b)
            assert both.left is not None
            assert both.right is not None
            value = Value(pl.coalesce(both.left.expr, both.right.expr), both.left.dtype, both.value.refs)
            merged = Field(left.name, context.made(name, value))
            context.note_origin(merged.id, reference(left), reference(right))
            made[merged.id] = value
        previous = scope.merged.get(name.lower())
        scope.merged[name.lower()] = merged
        scope.covered |= {left.id, right.id} | ({previous.id} if previous else set())
        scope.covered |= {f.id for r in before.relations for f in r.find(name) if f.id in before.covered}
        if context.dialect not in ("duckdb", "sqlite"):
            scope.first = [f for f in scope.first if f.name.lower() != name.lower()] + [merged]
    return found, made


def _one(scope: Scope, name: str, node: exp.Expr, source: Source) -> Field:
    fields = scope.find(name)
    context = source.binder.context
    if not fields:
        known = [f.name for r in scope.relations for f in r.fields]
        raise context.error(f"USING: no column {name!r} in {scope.shown}", node, did_you_mean(name, known))
    if len({f.id for f in fields}) > 1:
        raise context.error(f"USING: column {name!r} is in several tables", node)
    return fields[0]
