"""GROUP BY, its grouping sets, and the aggregates of a SELECT."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import polars as pl
from sqlglot import exp

from dwkit.sql import functions
from dwkit.sql.bind.chosen import ChosenSums
from dwkit.sql.bind.expressions import Stage, aggregates_of
from dwkit.sql.bind.group_keys import Keys
from dwkit.sql.bind.names import Scope
from dwkit.sql.bind.safe import never_fails
from dwkit.sql.functions.aggregate import empty_of, unwrapped
from dwkit.sql.functions.call import Call, Parts
from dwkit.sql.optimise.eager import aggregated_first
from dwkit.sql.plan import Aggregate, Plan
from dwkit.sql.trees import copied
from dwkit.sql.types import is_float, is_integer, is_number, whole_digits
from dwkit.sql.value import Value

__all__ = ["bind_aggregate", "grouped"]


_OWN = frozenset({"datafusion", "spark", "databricks"})
"""An aggregate is one of the subquery that it stands in there; elsewhere it is one of the query whose columns it has."""


def bind_aggregate(stage: Stage, node: exp.Expr, parts: Parts | None = None) -> Value:
    """Bind an aggregate with what is wrapped around it, over the rows of a stage.

    Args:
        parts: takes the simple reductions that it is made of.
    """
    inner = unwrapped(node)
    builder = functions.find_aggregate(inner)
    if builder is None:
        raise stage.context.error("an aggregate is wanted here", node)
    if stage.scope.parent is not None and stage.dialect not in _OWN:
        _refuse_outer(stage, node, inner, stage.scope.parent)
    call = Call(inner, stage)
    call.wrapped = node
    call.parts = parts
    before, stage.clause = stage.clause, "an aggregate"
    try:
        return stage.built(builder, call)
    finally:
        stage.clause = before


def _refuse_outer(stage: Stage, node: exp.Expr, inner: exp.Expr, around: Scope) -> None:
    """Refuse an aggregate, without what is wrapped around it, over columns of the queries around alone."""
    ids = {c.meta.get("id") for c in inner.find_all(exp.Column)}
    outer: set[str] = set()
    scope: Scope | None = around
    while scope is not None:
        outer |= {f.id for r in scope.relations for f in r.fields}
        scope = scope.parent
    own = {*stage.plan.columns, *(f.id for r in stage.scope.relations for f in r.fields)}
    if ids and ids <= outer and ids.isdisjoint(own):
        raise stage.context.refuse("an aggregate of columns of the query around only", node)


def grouped(
    stage: Stage,
    select: exp.Select,
    items: Sequence[tuple[str, exp.Expr]],
    later: Sequence[exp.Expr],
    aliases: dict[str, exp.Expr],
) -> Stage | None:
    """Return the stage after grouping, None where nothing is grouped.

    Args:
        items: name and node of the SELECT list.
        later: expressions of HAVING, QUALIFY and ORDER BY.
    """
    context = stage.context
    group = select.args.get("group")
    nodes = [n for _, n in items]
    found = list(dict.fromkeys(aggregates_of([*nodes, *later])))
    if group is None and not found:
        return None
    stage.clause = "GROUP BY"
    keys = Keys(stage, items, aliases)
    sets = keys.of(group) if group is not None else None
    known: dict[exp.Expr, Value] = {n: context.column(i) for n, i in keys.nodes.items()}
    made = _Items(stage)
    grouping: dict[str, tuple[str, ...]] = {}
    before = stage.known
    for node in found:
        if isinstance(node, (exp.Grouping, exp.GroupingId)):
            asked = tuple(keys.id_of(e) for e in node.expressions or [node.this]) or tuple(keys.values)
            ident = context.fresh("dwkit:grouping", pl.Int64())
            grouping[ident] = asked
        elif type(node) is exp.Avg and _is_plain(node):
            known[node] = made.average(node)
            continue
        else:
            ident = made.item(node)
        known[node] = context.column(ident)
    stage.known = before
    fixed = _fixed(stage, keys.values) if sets is None else frozenset()
    if stage.dialect in _BARE:
        fixed = stage.plan.given
    bare = _bare_columns(fixed, [*nodes, *later], known) if fixed else {}
    for node, ident in bare.items():
        value = _any_row(stage, context.column(ident), known)
        taken = context.fresh(node.meta.get("name", ident), value.dtype)
        made.values[taken] = value
        known[node] = context.column(taken)
    whole = Aggregate(
        stage.plan, keys.values, made.values, made.empty, sets, grouping, made.combined, made.over
    )
    if context.dialect == "datafusion" and sets is None and keys.values:
        context.dependent[frozenset(keys.values)] = frozenset(made.values)
        context.groups.add(frozenset(keys.values))
    plan: Plan = whole
    if all(never_fails(context, node) for node in made.ids):
        plan = aggregated_first(context, whole, ChosenSums(stage, bind_aggregate, made.ids, made.values).of)
    after = Stage(context, stage.query, stage.scope, plan)
    after.known = known
    after.grouped = True
    return after


_COMBINED: dict[type[exp.Expr], str] = {exp.Sum: "sum", exp.Count: "count", exp.Min: "min", exp.Max: "max"}
_OF_ROWS = frozenset({*_COMBINED, exp.Avg})
"""Aggregates that look at one value of each row, in any order."""


class _Items:
    """The aggregates of a SELECT, each once.

    Attributes:
        ids: of the columns of the aggregates.
        values, empty, combined: see `dwkit.sql.plan.Aggregate`.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.ids: dict[exp.Expr, str] = {}
        self.values: dict[str, Value] = {}
        self.empty: dict[str, object] = {}
        self.combined: dict[str, str] = {}

    def item(self, node: exp.Expr) -> str:
        """Bind an aggregate; return the id of its column."""
        ident = self.ids.get(node)
        if ident is None:
            stage = self._stage
            value = bind_aggregate(stage, node)
            ident = self.ids[node] = stage.context.made("dwkit:aggregate", value)
            self.values[ident] = value
            self.empty[ident] = empty_of(node, stage.dialect)
            how = _COMBINED.get(type(node))
            if how is not None and _is_plain(node):
                self.combined[ident] = "nan_max" if how == "max" and is_float(value.dtype) else how
        return ident

    def over(self, flag: str) -> dict[str, Value] | None:
        """Bind the aggregates again, over the rows only for which a column is true; None where that cannot be.

        Columns are filtered before anything is computed of them, so that no other row can make it fail.
        """
        if len(self.ids) < len(self.values):
            return None
        stage, found = self._stage, dict[str, Value]()
        before, stage.rows = stage.rows, pl.col(flag)
        try:
            for node, ident in self.ids.items():
                value = self._over(node, self.values[ident], flag)
                if value is None:
                    return None
                found[ident] = value
        finally:
            stage.rows = before
        return found

    def _over(self, node: exp.Expr, whole: Value, flag: str) -> Value | None:
        context = self._stage.context
        refs = whole.refs | {flag}
        if whole.expr.meta.eq(pl.len().cast(pl.Int64)):
            return Value(pl.col(flag).sum().cast(pl.Int64), whole.dtype, refs)
        inner = node.this if isinstance(node, exp.Filter) else node
        plain = type(inner) in _OF_ROWS and (_is_plain(inner) or isinstance(inner.this, exp.Distinct))
        if not plain or not whole.refs or node.find(exp.Query) is not None:
            return None
        if any(isinstance(context.dtypes[i], pl.Duration) for i in whole.refs):
            return None
        value = bind_aggregate(self._stage, node)
        counts_rows = "len()" in str(value.expr)  # of all rows, not of those of a filtered column
        return None if counts_rows or value.dtype != whole.dtype else replace(value, refs=refs)

    def average(self, node: exp.Avg) -> Value:
        """An average is a sum and a count, which those of parts make; but the sum of an average may be too great."""
        stage = self._stage
        argument = stage.bind(node.this).dtype
        plain = isinstance(bind_aggregate(stage, node).dtype, pl.Float64) and is_number(argument)
        if not plain or (is_integer(argument) and whole_digits(argument) > 10):
            return stage.context.column(self.item(node))
        total, count = (
            stage.context.column(self.item(kind(this=copied(node.this)))) for kind in (exp.Sum, exp.Count)
        )
        quotient = total.expr.cast(pl.Float64) / pl.when(count.expr > 0).then(count.expr)
        return Value(quotient, pl.Float64(), total.refs | count.refs)


def _is_plain(node: exp.Expr) -> bool:
    """Whether an aggregate looks at one value of each row alike: no DISTINCT, HAVING MAX or number of values."""
    special = isinstance(node.this, (exp.Distinct, exp.HavingMax, exp.Limit, exp.Order))
    return not special and not node.args.get("count") and not node.args.get("expressions")


_BARE = frozenset({"mysql", "sqlite"})
"""A column that is neither grouped by nor aggregated is that of any row there."""


def _fixed(stage: Stage, keys: Iterable[str]) -> frozenset[str]:
    """Return the columns that have one value in each group, as their table's primary key is grouped by."""
    by = frozenset(keys)
    found = (rest for primary, rest in stage.context.dependent.items() if primary <= by)
    return frozenset().union(*found)


def _bare_columns(
    ids: frozenset[str], nodes: Iterable[exp.Expr], known: dict[exp.Expr, Value]
) -> dict[exp.Expr, str]:
    """Return those of some columns that are neither grouped by nor aggregated."""
    found: dict[exp.Expr, str] = {}

    def walk(node: exp.Expr) -> None:
        if node in known or isinstance(node, exp.Query):
            return
        if isinstance(node, exp.Column) and node.meta.get("id") in ids:
            found[node] = node.meta["id"]
        for part in node.iter_expressions():
            walk(part)

    for node in nodes:
        walk(node)
    return found


def _any_row(stage: Stage, value: Value, known: Iterable[exp.Expr]) -> Value:
    """Return the value of a row of the group; SQLite takes the row of the one minimum or maximum that is asked for."""
    extremes = [n for n in known if isinstance(n, (exp.Min, exp.Max))] if stage.dialect == "sqlite" else []
    if not extremes:
        return value.as_(value.expr.first(), value.dtype)
    if len(extremes) > 1:
        raise stage.context.refuse(
            "a column that is not grouped by beside several of MIN and MAX", extremes[1]
        )
    of = stage.bind(extremes[0].this)
    place = of.expr.arg_max() if isinstance(extremes[0], exp.Max) else of.expr.arg_min()
    return Value(value.expr.get(place.fill_null(0), null_on_oob=True), value.dtype, value.refs | of.refs)
