"""Binds FROM: tables, files, subqueries, lists and functions as tables, and how they are joined."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sqlglot import exp

from dwkit.sql.bind import subqueries, tables
from dwkit.sql.bind.apply import CannotUnnestError, apply
from dwkit.sql.bind.conditions import carried, conjuncts, split
from dwkit.sql.bind.expressions import Stage
from dwkit.sql.bind.joinorder import Pool
from dwkit.sql.bind.names import Scope
from dwkit.sql.bind.resolve import resolve
from dwkit.sql.bind.subqueries import SemiJoin
from dwkit.sql.bind.using import using
from dwkit.sql.plan import Condition, Extend, Filter, Join, JoinKind, OneRow, Plan, Unnest
from dwkit.sql.trees import has_query
from dwkit.sql.value import Value

if TYPE_CHECKING:
    from dwkit.sql.bind.query import QueryBinder

__all__ = ["Source", "bind_from"]


_SELECTIVE = 0.4
"""A subquery filters a table before it is joined if it leaves less than this part of its rows."""


@dataclass(frozen=True)
class Step:
    """One more table of a FROM: how it is joined to those before it."""

    plan: Plan
    kind: JoinKind
    on: tuple[Condition, ...] = ()
    made: dict[str, Value] = field(default_factory=dict)
    """Columns that stand for those of USING, computed after the join."""
    unnest: Unnest | None = None
    """Lists of the rows before, whose elements are the rows of this table."""


@dataclass
class Source:
    """A FROM, bound: its names, and its plan once the conditions of WHERE are known."""

    binder: QueryBinder
    scope: Scope
    steps: list[Step]
    late: list[exp.Expr]
    """Conditions of ON with subqueries, which filter the joined rows."""

    def assembled(self, where: list[Condition]) -> Plan:
        """Return the plan of all joins, filtered; conditions go as far down as they may."""
        pool = Pool(self.binder.context)
        known = [*where, *step_conditions(self.steps, None)]
        # Rows without a partner come with the last RIGHT or FULL JOIN: WHERE is for them as well.
        outer = sum(s.kind in ("right", "full") for s in self.steps)
        rest = [] if outer else list(where)
        for step in self._narrowed(known):
            if step.kind == "inner" and step.unnest is None and not step.plan.outer & pool.columns:
                pool.add(step.plan)
                rest += step.on
                if step.made:
                    plan, rest = pool.joined(rest)
                    pool = Pool(self.binder.context, Extend(plan, step.made))
                continue
            plan, rest = self._before(step, pool, rest)
            if step.unnest is not None:
                plan = Unnest(plan, step.unnest.lists, step.unnest.ordinality, step.unnest.keep_empty)
                if step.made:
                    plan = Extend(plan, step.made)
                if step.on:
                    plan = Filter(plan, step.on)
            else:
                plan = self._applied(plan, step)
            if step.made and step.unnest is None:
                plan = Extend(plan, step.made)
            pool = Pool(self.binder.context, plan)
            if step.kind in ("right", "full"):
                outer -= 1
                rest += () if outer else where
        if pool.empty:
            return Filter(OneRow(), tuple(rest)) if rest else OneRow()
        plan, rest = pool.joined(rest)
        return Filter(plan, tuple(rest)) if rest else plan

    def sample(self, node: exp.Expr) -> None:
        """Take a random part of the joined rows, before WHERE."""
        if self.late:
            raise self.binder.context.refuse("a subquery in ON before USING SAMPLE", node)
        self.steps = [Step(tables.sampled(self.binder, self.assembled([]), node), "inner")]

    def _narrowed(self, known: list[Condition]) -> Iterator[Step]:
        """Return the steps; of a LEFT JOIN only the rows that can have a partner among those that are left."""
        for step in self.steps:
            columns = step.plan.given
            new = (
                tuple(c for c in carried(known, step.on) if c.value.refs <= columns)
                if step.kind == "left"
                else ()
            )
            yield replace(step, plan=Filter(step.plan, new)) if new and step.unnest is None else step

    def _before(self, step: Step, pool: Pool, conditions: list[Condition]) -> tuple[Plan, list[Condition]]:
        """Return the tables before a step, joined and filtered as far as may be, and the conditions that are left."""
        if pool.empty:
            return OneRow(), conditions
        given = pool.columns
        now = [c for c in conditions if c.value.refs & given and c.value.refs <= given | self.scope.outer]
        if step.kind in ("right", "full"):
            # What holds for the tables before must hold before rows without a partner are added.
            plan, left = pool.joined(conditions)
            return (Filter(plan, tuple(left)) if left else plan), []
        if step.kind in ("asof", "asof_left"):
            own = step_conditions(self.steps, step)
            now = [c for c in now if c in own]
        plan, left = pool.joined(now)
        return plan, [c for c in conditions if c not in now or c in left]

    def restricted(self, stage: Stage, parts: list[exp.Expr]) -> list[tuple[exp.Expr, SemiJoin | None]]:
        """Filter single tables by IN and EXISTS before they are joined.

        NOT EXISTS is left for later: most rows stay, and below it Polars does not see which keys a join asks for.

        Returns:
            The other conditions, and what they are as semi joins where that is known already.
        """
        if len(self.steps) < 2 or any(s.kind in ("right", "full") for s in self.steps):
            return [(part, None) for part in parts]
        rest: list[tuple[exp.Expr, SemiJoin | None]] = []
        for part in parts:
            found = None if subqueries.is_negated(part) else self.binder.semi_join(stage, part)
            owner = self._owner(found.refs) if found is not None else None
            if found is None or owner is None:
                rest.append((part, found))
                continue
            step = self.steps[owner]
            plan = apply(self.binder.context, step.plan, found.plan, found.kind, found.on)
            rows = self.binder.context.estimates.rows
            equal = isinstance(plan, Join) and all(c.op in ("=", "is") for c in plan.on)
            if equal and rows(plan) < rows(step.plan) * _SELECTIVE:
                self.steps[owner] = replace(step, plan=plan)
            else:  # pairs that are compared one by one: as few rows as possible
                rest.append((part, found))
        return rest

    def _owner(self, refs: frozenset[str]) -> int | None:
        """Return the number of the table that has all of some columns, if its rows may be filtered by themselves."""
        for number, step in enumerate(self.steps):
            if step.kind == "inner" and step.unnest is None and refs and refs <= step.plan.given:
                return number
        return None

    def _applied(self, plan: Plan, step: Step) -> Plan:
        if step.kind in ("inner", "left", "semi", "anti"):
            return apply(self.binder.context, plan, step.plan, step.kind, step.on)
        if step.plan.outer & plan.given:
            raise CannotUnnestError(f"LATERAL in a {step.kind.upper()} JOIN")
        return Join(plan, step.plan, step.kind, step.on)


def step_conditions(steps: list[Step], until: Step | None) -> list[Condition]:
    """Return the ON conditions of the inner joins before a step, or of all."""
    found: list[Condition] = []
    for step in steps:
        if step is until:
            break
        found += step.on if step.kind == "inner" else ()
    return found


def bind_from(binder: QueryBinder, select: exp.Select) -> Source:
    """Bind the FROM of a SELECT with its joins and lateral views."""
    source = Source(binder, Scope(parent=binder.parent), [], [])
    clause = select.args.get("from_")
    if clause is not None:
        _add(source, clause.this, None)
    for join in select.args.get("joins") or ():
        _add(source, join.this, join)
    for lateral in select.args.get("laterals") or ():
        _add(source, lateral, None)
    return source


_NEAR = frozenset({"<", "<=", ">", ">="})


def _add(source: Source, node: exp.Expr, join: exp.Join | None) -> None:
    """Add a table, joined as the join says; without one, it is the first or a lateral view."""
    binder, scope = source.binder, source.scope
    context = binder.context
    if join is None and _is_joined_tables(node) and not node.alias:
        inner = node.this
        _add(source, _without_joins(inner), None)
        for one in inner.args["joins"]:
            _add(source, one.this, one)
        return
    table = _joined(source, node) if _is_joined_tables(node) else tables.bind_table(binder, scope, node)
    for one in table.relations:
        known = scope.relation(one.name) if one.name else None
        if known is not None:
            hint = f"give one of them another name: FROM {one.name} AS {one.name}_2"
            raise context.error(f"two tables of this FROM are called {one.name!r}", node, hint)
    kind, outer = _kind(source, join, node, table)
    if kind not in ("inner", "semi", "anti"):
        context.forget_groups()
    if table.unnest is not None and join is not None and _pairs(join, kind):
        table = _as_plan(table)
    if not source.steps:
        scope.relations += table.relations
        source.steps.append(Step(table.plan, "inner", made=table.made, unnest=table.unnest))
        _nested_joins(source, node)
        return
    before = Scope(
        list(scope.relations), dict(scope.merged), set(scope.covered), list(scope.first), scope.parent
    )
    scope.relations += table.relations
    on, made = _conditions(source, join, before, table, kind)
    if kind in ("asof", "asof_left") and sorted(c.op in _NEAR for c in on if c.op != "=") != [True]:
        raise context.error(
            "an ASOF join wants one comparison with <, <=, > or >=, and else equalities", node
        )
    unnest = table.unnest
    if unnest is not None and (outer or kind == "left"):
        unnest = Unnest(unnest.input, unnest.lists, unnest.ordinality, keep_empty=True)
    if join is not None and kind in ("semi", "anti") and str(join.args.get("side")).upper() == "RIGHT":
        _turned(source, table, kind, tuple(on), node)
        return
    source.steps.append(Step(table.plan, kind, tuple(on), {**table.made, **made}, unnest))
    if kind in ("semi", "anti"):
        scope.relations = [r for r in scope.relations if r not in table.relations]
        for name in [
            n
            for n, f in scope.merged.items()
            if f.id not in {x.id for r in scope.relations for x in r.fields}
        ]:
            del scope.merged[name]
    _nested_joins(source, node)


def _turned(
    source: Source, table: tables.Table, kind: JoinKind, on: tuple[Condition, ...], node: exp.Expr
) -> None:
    """RIGHT SEMI and RIGHT ANTI JOIN: only the rows of the right table stay, by those of all tables before."""
    if source.late:
        raise source.binder.context.refuse("a subquery in ON before a RIGHT SEMI JOIN", node)
    plan = apply(source.binder.context, table.plan, source.assembled([]), kind, on)
    source.steps = [Step(plan, "inner")]
    source.scope.relations = list(table.relations)
    source.scope.merged.clear()
    source.scope.covered.clear()
    source.scope.first.clear()


def _pairs(join: exp.Join, kind: JoinKind) -> bool:
    """Whether a row can have elements and no partner among them: the elements must be rows before they are joined."""
    on = join.args.get("on")
    always = isinstance(on, exp.Boolean) and on.this and not join.args.get("using")
    return kind not in ("inner", "left") or (kind == "left" and on is not None and not always)


def _as_plan(table: tables.Table) -> tables.Table:
    """Return a table of elements as rows of its own, for each row of the tables before that it may name."""
    assert table.unnest is not None
    plan: Plan = table.unnest
    return tables.Table(Extend(plan, table.made) if table.made else plan, table.relations)


def _joined(source: Source, node: exp.Expr) -> tables.Table:
    """Bind joins in parentheses, whose tables keep their names unless all of them get one."""
    if node.alias:
        plain = node.copy()
        plain.set("alias", None)
        table = _joined(source, plain)
        own = Scope(table.relations, source.scope.merged, source.scope.covered, source.scope.first)
        return tables.finished(source.binder, node, table.plan, list(own.starred_fields()), "")
    inner = Source(source.binder, Scope(parent=source.scope.parent), [], [])
    _add(inner, node, None)
    source.late += inner.late
    source.scope.merged |= inner.scope.merged
    source.scope.covered |= inner.scope.covered
    return tables.Table(inner.assembled([]), inner.scope.relations)


def _nested_joins(source: Source, node: exp.Expr) -> None:
    """Joins that the parser hangs on a table rather than on the SELECT."""
    for one in node.args.get("joins") or ():  # of a subquery where FROM comes first
        _add(source, one.this, one)


def _is_joined_tables(node: exp.Expr) -> bool:
    inner = node.this if isinstance(node, (exp.Subquery, exp.Paren)) else None
    return isinstance(inner, (exp.Table, exp.Subquery)) and bool(inner.args.get("joins"))


def _without_joins(node: exp.Expr) -> exp.Expr:
    made = node.copy()
    made.set("joins", None)
    return made


def _kind(
    source: Source, join: exp.Join | None, node: exp.Expr, table: tables.Table
) -> tuple[JoinKind, bool]:
    """Return the kind of a join, and whether rows without elements stay."""
    outer = isinstance(node, exp.Lateral) and bool(node.args.get("outer"))
    if isinstance(node, exp.Lateral) and node.args.get("cross_apply") is False:
        return "left", True
    if join is None:
        return "inner", outer
    context = source.binder.context
    method, side, word = (str(join.args.get(k) or "").upper() for k in ("method", "side", "kind"))
    if join.args.get("nearest"):
        raise context.refuse("NEAREST JOIN", node)
    if method == "ASOF" or word == "ASOF":
        if side in ("RIGHT", "FULL") or word in ("SEMI", "ANTI"):
            raise context.refuse(f"ASOF {side or word} JOIN", node)
        return ("asof_left" if side == "LEFT" or context.dialect == "snowflake" else "asof"), outer
    if method not in ("", "NATURAL"):
        raise context.refuse(f"{method} JOIN", node)
    if word in ("SEMI", "ANTI"):
        return ("semi" if word == "SEMI" else "anti"), outer
    kinds: dict[str, JoinKind] = {"LEFT": "left", "RIGHT": "right", "FULL": "full", "": "inner"}
    if side not in kinds or word not in ("", "INNER", "OUTER", "CROSS", "STRAIGHT_JOIN"):
        raise context.refuse(f"{side} {word} JOIN".strip(), node)
    return kinds[side], outer or bool(table.unnest is not None and side == "LEFT")


def _conditions(
    source: Source, join: exp.Join | None, before: Scope, table: tables.Table, kind: JoinKind
) -> tuple[list[Condition], dict[str, Value]]:
    if join is None:
        return [], {}
    context = source.binder.context
    names = [i.name for i in join.args.get("using") or ()]
    nodes = list(join.args.get("using") or ())
    if str(join.args.get("method") or "").upper() == "NATURAL":
        names = [f.name for f in before.starred_fields() if any(r.find(f.name) for r in table.relations)]
        nodes = [join.this] * len(names)
    if names:
        return using(source, before, table, kind, list(zip(names, nodes, strict=True)))
    on = join.args.get("on")
    match = join.args.get("match_condition")
    parts = [*(split(on) if on is not None else ()), *(split(match) if match is not None else ())]
    scope = source.scope
    resolved = [resolve(p, scope, context) for p in parts]
    stage = Stage(context, source.binder, scope, OneRow(), "ON")
    right = Stage(context, source.binder, scope, table.plan, "ON")
    found: list[Condition] = []
    for part in resolved:
        if not has_query(part):
            found += conjuncts(stage, [part])
        elif kind == "inner":
            source.late.append(part)
        elif kind in ("left", "semi", "anti"):
            found += conjuncts(right, [part])
        else:
            raise context.refuse(f"a subquery in the ON of a {kind.upper()} JOIN", part, "join it first")
    table.plan = right.plan  # subqueries in ON are joined to it
    return [c for c in found if not (c.value.is_constant and c.value.constant is True)], {}
