"""Subqueries in expressions: scalar ones, EXISTS, IN, ANY and ALL, with three-valued logic, as joins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl
from sqlglot import exp

from dwkit.sql.bind.apply import CannotUnnestError, apply
from dwkit.sql.bind.conditions import compared
from dwkit.sql.bind.expressions import Stage
from dwkit.sql.bind.quantified import over_list
from dwkit.sql.functions.aggregate.rows import reduction
from dwkit.sql.functions.call import Call
from dwkit.sql.functions.comparison import COMPARE, alike
from dwkit.sql.plan import (
    Aggregate,
    Condition,
    Distinct,
    Extend,
    Filter,
    JoinKind,
    Limit,
    OneRow,
    Plan,
    Project,
    Shared,
    Sort,
)
from dwkit.sql.trees import copied, has_query
from dwkit.sql.value import Value

if TYPE_CHECKING:
    from dwkit.sql.bind.query import Bound, QueryBinder

__all__ = ["SemiJoin", "as_list", "filtered", "is_negated", "semi_join", "value"]

_BOOLEAN = pl.Boolean()


def value(binder: QueryBinder, stage: Stage, node: exp.Expr) -> Value:
    """Bind a subquery that stands for a value; its result is joined to the plan of the stage.

    Raises:
        SqlError: it has several columns, or a shape that cannot be done for all rows at once.
    """
    if isinstance(node, exp.Exists):
        return _exists(binder, stage, node)
    if isinstance(node, exp.In):
        return _in(binder, stage, node, node.this, node.args["query"])
    if isinstance(node, exp.Binary):
        return _quantified(binder, stage, node)
    if isinstance(node, (exp.Subquery, exp.Select, exp.SetOperation)):
        return _scalar(binder, stage, node)
    raise stage.context.refuse(node.key.upper(), node)


@dataclass(frozen=True)
class SemiJoin:
    """A condition that keeps the rows that have (or lack) a partner in a subquery.

    Attributes:
        refs: ids of the columns that it reads of the rows it filters, and of queries around.
    """

    kind: JoinKind
    plan: Plan
    on: tuple[Condition, ...]
    refs: frozenset[str]


def semi_join(binder: QueryBinder, stage: Stage, node: exp.Expr) -> SemiJoin | None:
    """Bind a conjunct that is IN over a subquery or [NOT] EXISTS; None for any other."""
    plain, negated = _plain(node)
    kind: JoinKind = "anti" if negated else "semi"
    if isinstance(plain, exp.Exists):
        plan = _rows_only(_bound(binder, stage, plain.this).plan)
        return SemiJoin(kind, plan, (), plan.outer)
    if (
        isinstance(plain, exp.EQ)
        and isinstance(plain.expression, exp.Any)
        and _is_query(plain.expression.this)
    ):
        plain = exp.In(this=plain.this, query=plain.expression.this)
    if isinstance(plain, exp.EQ) and not negated:
        return _equal_to_one(binder, stage, plain)
    if not isinstance(plain, exp.In) or plain.args.get("query") is None or negated:
        return None
    if has_query(plain.this):
        return None
    bound = _bound(binder, stage, plain.args["query"])
    on = tuple(_pairs(stage, plain, plain.this, bound))
    refs = frozenset().union(bound.plan.outer, *(c.value.refs for c in on)) - bound.plan.given
    return SemiJoin(kind, bound.plan, on, refs)


def _equal_to_one(binder: QueryBinder, stage: Stage, node: exp.EQ) -> SemiJoin | None:
    """``x = (SELECT ...)`` keeps the rows that have the one row of the subquery as a partner, if it is not correlated."""
    for query, other in ((node.expression, node.this), (node.this, node.expression)):
        plain = query.unnest() if isinstance(query, exp.Subquery) else query
        if not isinstance(plain, exp.Select) or not plain.args.get("from_") or has_query(other):
            continue
        bound = _bound(binder, stage, query)
        if bound.plan.outer or len(bound.fields) != 1:
            return None
        plan, ident = bound.plan, bound.fields[0].id
        if not _is_one_row(plan):
            plan, ident = _single(stage, plan, ident)
        on = compared(stage, node, "=", stage.bind(other), stage.context.column(ident))
        return SemiJoin("semi", plan, (on,), on.value.refs - plan.given)
    return None


def is_negated(node: exp.Expr) -> bool:
    """Whether a condition is NOT EXISTS, NOT IN or the like."""
    return _plain(node)[1]


def _plain(node: exp.Expr) -> tuple[exp.Expr, bool]:
    """Return a condition without NOT and parentheses around it, and whether it is negated."""
    negated = False
    while isinstance(node, (exp.Not, exp.Paren)):
        negated ^= isinstance(node, exp.Not)
        node = node.this
    return node, negated


def filtered(binder: QueryBinder, stage: Stage, node: exp.Expr, found: SemiJoin | None = None) -> bool:
    """Filter the plan of a stage by a conjunct that is [NOT] EXISTS or [NOT] IN; whether it is one of those.

    Args:
        found: what `semi_join` gave for it, where it was asked before.
    """
    found = found or semi_join(binder, stage, node)
    if found is not None:
        _join(stage, node, found.plan, found.kind, found.on)
        return True
    plain, negated = _plain(node)
    if isinstance(plain, exp.In) and plain.args.get("query") is not None and negated:
        return _not_in(binder, stage, plain)
    return False


def _is_query(node: exp.Expr) -> bool:
    return isinstance(node, exp.Query)


def _bound(binder: QueryBinder, stage: Stage, query: exp.Expr, *, apart: bool = True) -> Bound:
    """Bind a subquery, by itself where that can be; not where it has no FROM, which needs no join."""
    inside = binder.inside(stage.scope)
    plain = query.unnest() if isinstance(query, exp.Subquery) else query
    alone = isinstance(plain, exp.Select) and not plain.args.get("from_")
    bound = inside.block(query) if apart and not alone else inside.query(copied(query))
    known = stage.plan.given | frozenset(stage.scope.outer)
    for ident in bound.plan.outer - known:
        if stage.grouped:
            raise stage.context.error(
                f"column {ident!r} must be in GROUP BY to be used in this subquery", query
            )
    return bound


def _join(stage: Stage, node: exp.Expr, plan: Plan, kind: JoinKind, on: tuple[Condition, ...] = ()) -> None:
    try:
        stage.plan = apply(stage.context, stage.plan, plan, kind, on)
    except CannotUnnestError as error:
        raise stage.context.refuse(f"{error.what} in a correlated subquery", node) from error


def _pairs(stage: Stage, node: exp.Expr, left: exp.Expr, bound: Bound) -> list[Condition]:
    """Return that the value (or row of values) on the left equals the columns of a subquery."""
    lefts = left.expressions if isinstance(left, exp.Tuple) else [left]
    if len(lefts) != len(bound.fields):
        raise stage.context.error(f"{len(lefts)} values are compared with {len(bound.fields)} columns", node)
    return [
        compared(stage, node, "=", stage.bind(a), stage.context.column(f.id))
        for a, f in zip(lefts, bound.fields, strict=True)
    ]


def _rows_only(plan: Plan) -> Plan:
    """Return a plan that has rows when this one has; its columns do not matter."""
    while True:
        if (isinstance(plan, (Sort, Distinct)) or (isinstance(plan, Project) and plan.input.columns)) or (
            isinstance(plan, Limit) and not plan.offset and (plan.count is None or plan.count >= 1)
        ):
            plan = plan.input
        else:
            return plan


# -- scalar ---------------------------------------------------------------------------------------


def _scalar(binder: QueryBinder, stage: Stage, node: exp.Expr) -> Value:
    bound = _bound(binder, stage, node)
    if len(bound.fields) != 1:
        raise stage.context.error(f"a subquery of {len(bound.fields)} columns stands for one value", node)
    ident = bound.fields[0].id
    plan = bound.plan
    computed = _computed(plan)
    once = not plan.outer and any(v.volatile for v in (computed or {}).values())
    if computed is not None and not once:
        fresh = {i: v for i, v in computed.items() if i not in stage.plan.columns}
        if fresh:
            stage.plan = Extend(stage.plan, fresh)
        return stage.context.column(ident)
    if not _is_one_row(plan):
        plan, ident = _single(stage, plan, ident)
    _join(stage, node, plan, "left" if plan.outer & stage.plan.given else "inner")
    return stage.context.column(ident)


def as_list(binder: QueryBinder, stage: Stage, node: exp.Expr) -> Value:
    """Bind ``ARRAY(SELECT ...)``: the values of a subquery of one column, in its order, as a list."""
    bound = _bound(binder, stage, node, apart=False)
    if len(bound.fields) != 1:
        raise stage.context.error(f"a list of {len(bound.fields)} columns", node)
    column = stage.context.column(bound.fields[0].id)
    dtype = pl.List(column.dtype)
    plan, made = bound.plan, column.expr
    if isinstance(plan, Sort):
        keys = plan.keys
        made = made.sort_by(
            [k.value.expr for k in keys], descending=[k.descending for k in keys],
            nulls_last=[k.nulls_last for k in keys], maintain_order=True,
        )  # fmt: skip
    ident = stage.context.fresh("dwkit:list", dtype)
    refs = column.refs.union(*(k.value.refs for k in plan.keys)) if isinstance(plan, Sort) else column.refs
    aggregate = Aggregate(plan, {}, {ident: Value(made.implode(), dtype, refs)})
    _join(stage, node, aggregate, "left" if aggregate.outer & stage.plan.given else "inner")
    found = stage.context.column(ident)
    empty = pl.lit(pl.Series([[]], dtype=dtype)).first()
    return found.as_(found.expr.fill_null(empty), dtype)


def _computed(plan: Plan) -> dict[str, Value] | None:
    """Return the columns of a SELECT without FROM, None of another one."""
    if isinstance(plan, Project) and isinstance(plan.input, OneRow):
        return dict(plan.made)
    return None


def _is_one_row(plan: Plan) -> bool:
    while isinstance(plan, (Project, Sort, Shared)):
        plan = plan.input
    return isinstance(plan, (Aggregate, OneRow)) and not (
        isinstance(plan, Aggregate) and (plan.keys or plan.sets is not None)
    )


def _single(stage: Stage, plan: Plan, ident: str) -> tuple[Plan, str]:
    """Return a plan of one row: the only row of another, or NULL; more rows are an error when it runs."""
    column = stage.context.column(ident)
    one = column.expr.first() if stage.dialect == "sqlite" else column.expr.item(allow_empty=True)
    made = stage.context.fresh(ident, column.dtype)
    if column.json:
        stage.context.json.add(made)
    return Aggregate(plan, {}, {made: column.as_(one, column.dtype)}), made


# -- EXISTS, IN, ANY, ALL -------------------------------------------------------------------------


def _counts(
    stage: Stage,
    node: exp.Expr,
    plan: Plan,
    items: dict[str, tuple[pl.Expr, frozenset[str], object, pl.DataType]],
) -> dict[str, Value]:
    """Join aggregates over a plan; return the values of them."""
    made: dict[str, Value] = {}
    empty: dict[str, object] = {}
    names: dict[str, str] = {}
    for name, (expr, refs, zero, dtype) in items.items():
        ident = stage.context.fresh(f"dwkit:{name}", dtype)
        made[ident] = Value(expr, dtype, refs)
        empty[ident] = zero
        names[name] = ident
    aggregate = Aggregate(plan, {}, made, empty)
    _join(stage, node, aggregate, "left" if aggregate.outer & stage.plan.given else "inner")
    return {name: stage.context.column(i) for name, i in names.items()}


def _len() -> tuple[pl.Expr, frozenset[str], object, pl.DataType]:
    return pl.len().cast(pl.Int64), frozenset(), 0, pl.Int64()


def _exists(binder: QueryBinder, stage: Stage, node: exp.Exists) -> Value:
    bound = _bound(binder, stage, node.this)
    found = _counts(stage, node, _rows_only(bound.plan), {"rows": _len()})["rows"]
    return Value(found.expr > 0, _BOOLEAN, found.refs)


def _not_in(binder: QueryBinder, stage: Stage, node: exp.In) -> bool:
    """``x NOT IN (query)`` is true where nothing equals x and nothing is unknown."""
    if isinstance(node.this, exp.Tuple):
        return False
    stats = _null_counts(binder, stage, node, node.args["query"])
    tested = stage.bind(node.this)
    bound = _bound(binder, stage, node.args["query"])
    _join(stage, node, bound.plan, "anti", tuple(_pairs(stage, node, node.this, bound)))
    known = (stats["rows"].expr == 0) | ((stats["nulls"].expr == 0) & tested.expr.is_not_null())
    refs = stats["rows"].refs | stats["nulls"].refs | tested.refs
    stage.plan = Filter(stage.plan, (Condition(Value(known, _BOOLEAN, refs)),))
    return True


def _null_counts(binder: QueryBinder, stage: Stage, node: exp.Expr, query: exp.Expr) -> dict[str, Value]:
    bound = _bound(binder, stage, query)
    if len(bound.fields) != 1:
        raise stage.context.error(f"1 value is compared with {len(bound.fields)} columns", node)
    column = stage.context.column(bound.fields[0].id)
    nulls = column.expr.null_count().cast(pl.Int64), column.refs, 0, pl.Int64()
    return _counts(stage, node, bound.plan, {"rows": _len(), "nulls": nulls})


def _in(binder: QueryBinder, stage: Stage, node: exp.Expr, left: exp.Expr, query: exp.Expr) -> Value:
    """``x IN (query)`` as a value: true, false, or NULL where it cannot be told."""
    if isinstance(left, exp.Tuple):
        return _row_in(binder, stage, node, left, query)
    stats = _null_counts(binder, stage, node, query)
    tested = stage.bind(left)
    bound = _bound(binder, stage, query)
    found = _counts(
        stage, node, Filter(bound.plan, tuple(_pairs(stage, node, left, bound))), {"matches": _len()}
    )["matches"]
    unknown = (stats["nulls"].expr > 0) | tested.expr.is_null()
    made = (
        pl.when(found.expr > 0).then(pl.lit(True))
        .when((stats["rows"].expr > 0) & unknown).then(pl.lit(None, dtype=_BOOLEAN))
        .otherwise(pl.lit(False))
    )  # fmt: skip
    return Value(made, _BOOLEAN, found.refs | stats["rows"].refs | stats["nulls"].refs | tested.refs)


def _row_in(binder: QueryBinder, stage: Stage, node: exp.Expr, left: exp.Tuple, query: exp.Expr) -> Value:
    """A row of values IN (query): it is there, or it may be there as far as the NULLs tell, or it is not."""
    found: list[Value] = []
    for maybe in (False, True):
        bound = _bound(binder, stage, query)
        pairs = _pairs(stage, node, left, bound)
        equal = pl.all_horizontal(c.value.expr for c in pairs)
        refs = frozenset().union(*(c.value.refs for c in pairs))
        kept = Condition(Value(equal.is_null() if maybe else equal, _BOOLEAN, refs))
        found.append(_counts(stage, node, Filter(bound.plan, (kept,)), {"matches": _len()})["matches"])
    made = (
        pl.when(found[0].expr > 0).then(pl.lit(True))
        .when(found[1].expr > 0).then(pl.lit(None, dtype=_BOOLEAN))
        .otherwise(pl.lit(False))
    )  # fmt: skip
    return Value(made, _BOOLEAN, found[0].refs | found[1].refs)


_OPS: dict[type[exp.Expr], str] = {
    exp.EQ: "=", exp.NEQ: "<>", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">=",
}  # fmt: skip


def _quantified(binder: QueryBinder, stage: Stage, node: exp.Binary) -> Value:
    """``x < ANY (query)``, ``x < ALL (query)``: compared with the least, the greatest, and whether there are NULLs."""
    op, quantifier = _OPS.get(type(node), ""), node.expression
    every = isinstance(quantifier, exp.All)
    query = quantifier.this
    if not _is_query(query):
        return over_list(stage, node, op, query.unnest(), every=every)
    if (op, every) in (("=", False), ("<>", True)):
        found = _in(binder, stage, node, node.this, query)
        return found.as_(found.expr.not_(), _BOOLEAN) if every else found
    if not op or isinstance(node.this, exp.Tuple):
        raise stage.context.refuse(f"{node.key.upper()} with ANY or ALL", node)
    bound = _bound(binder, stage, query)
    column = stage.context.column(bound.fields[0].id)
    found_ = _counts(
        stage, node, bound.plan,
        {
            "rows": _len(), "nulls": (column.expr.null_count().cast(pl.Int64), column.refs, 0, pl.Int64()),
            "least": (column.expr.min(), column.refs, None, column.dtype),
            "greatest": (reduction("max", column.expr, column.dtype), column.refs, None, column.dtype),
        },
    )  # fmt: skip
    call = Call(node, stage)
    tested, least = alike(call, stage.bind(node.this), found_["least"])
    greatest = call.cast(found_["greatest"], least.dtype)
    x = tested.expr
    low, high = (COMPARE[op](x, end.expr) for end in (least, greatest))
    one = low if every == (op[0] == "<") else high
    holds = low & high if op == "=" else low | high if op == "<>" else one
    unknown = (found_["nulls"].expr > 0) | x.is_null()
    decided = holds.not_() if every else holds
    made = (
        pl.when(found_["rows"].expr == 0).then(pl.lit(every))
        .when(decided).then(pl.lit(not every))
        .when(unknown).then(pl.lit(None, dtype=_BOOLEAN))
        .otherwise(pl.lit(every))
    )  # fmt: skip
    refs = tested.refs.union(*(v.refs for v in found_.values()))
    return Value(made, _BOOLEAN, refs)
