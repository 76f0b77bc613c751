"""Binds queries: SELECT, set operations, VALUES, WITH; each gives a plan and the names of its columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sqlglot import exp

from dwkit.sql.bind import pivot, setops, subqueries
from dwkit.sql.bind.context import Context
from dwkit.sql.bind.expressions import Stage
from dwkit.sql.bind.names import CorrelatedError, Field, Relation, Scope
from dwkit.sql.bind.order import limited, sort_keys
from dwkit.sql.bind.select import SelectBinder
from dwkit.sql.plan import Plan, RecursiveRef, Shared, Sort
from dwkit.sql.trees import copied
from dwkit.sql.value import Value

__all__ = ["Bound", "Cte", "QueryBinder"]


@dataclass(frozen=True)
class Bound:
    """A query as a plan, and what its columns are called."""

    plan: Plan
    fields: tuple[Field, ...]


@dataclass
class Cte:
    """A common table expression: bound once and shared, or for each use where it is correlated.

    Attributes:
        names: of its columns, where it has some of its own.
        bound: its rows, once they are known.
        origin: what the ids of its rows belong to.
    """

    node: exp.Expr
    binder: QueryBinder
    names: tuple[str, ...]
    bound: Bound | None = None
    origin: Context | None = None


@dataclass(frozen=True)
class QueryBinder:
    """Binds the queries of one level.

    Attributes:
        context: what the whole query shares.
        ctes: what WITH defines, by lower-case name.
        parent: scope of the query around, for correlated names.
    """

    context: Context
    ctes: Mapping[str, Cte] = field(default_factory=dict)
    parent: Scope | None = None

    def inside(self, scope: Scope | None) -> QueryBinder:
        """Return a binder for a subquery of a scope."""
        return QueryBinder(self.context, self.ctes, scope)

    def query(self, node: exp.Expr) -> Bound:
        """Bind a query.

        Raises:
            SqlError: a name that nothing has, a construct that cannot be answered exactly.
        """
        binder = self._with(node)
        if isinstance(node, exp.Subquery):
            bound = binder.query(node.this)
            return binder.modified(node, bound)
        if isinstance(node, exp.Select):
            return SelectBinder(binder, node).bind()
        if isinstance(node, exp.SetOperation):
            return binder.modified(node, setops.set_operation(binder, node))
        if isinstance(node, exp.Values):
            return setops.values(binder, node)
        if isinstance(node, exp.Pivot):
            return pivot.pivot_query(binder, node)
        if isinstance(node, exp.Table):
            return SelectBinder(binder, exp.select("*").from_(node, copy=False)).bind()
        raise self.context.refuse(node.key.upper(), node)

    def _with(self, node: exp.Expr) -> QueryBinder:
        clause = node.args.get("with_")
        if clause is None:
            return self
        for kind in ("search", "cycle"):
            if clause.args.get(kind) is not None:
                word = clause.args[kind].text("kind") or kind
                raise self.context.refuse(f"the {word.upper()} clause of WITH", node)
        binder = self
        for one in clause.expressions:
            name = one.alias
            columns = one.args["alias"].args.get("columns") or ()
            names = tuple(c.name for c in columns)
            query = one.this
            cte = Cte(query, binder, names)
            unsaid = self.context.dialect in ("tsql", "oracle")  # they have no word RECURSIVE
            if (clause.recursive or unsaid) and setops.is_recursive(query, name):
                cte.bound, cte.origin = setops.recursive(binder, name, query, names), binder.context
            binder = replace(binder, ctes={**binder.ctes, name.lower(): cte})
            binder.cte(name, one)
        return binder

    def cte(self, name: str, node: exp.Expr) -> Bound | None:
        """Return the rows of a common table expression under ids of this use; None where there is none."""
        found = self.ctes.get(name.lower())
        if found is None:
            return None
        if found.bound is None:
            once = found.binder.parent is None
            try:
                bound, found.origin = found.binder.apart(found.node if once else copied(found.node))
            except CorrelatedError:
                if self.context is not found.binder.context:
                    raise  # what reads it cannot be bound by itself either
                return self._named(found, found.binder.query(found.node.copy()), node)
            found.bound = self._named(found, bound, node)
        assert found.origin is not None
        return self._used(found.bound, found.origin)

    def _named(self, cte: Cte, bound: Bound, node: exp.Expr) -> Bound:
        if not cte.names:
            return bound
        return Bound(bound.plan, setops.renamed(self.context, bound.fields, cte.names, node))

    def apart(self, node: exp.Expr) -> tuple[Bound, Context]:
        """Bind a query by itself; return what its ids belong to as well.

        Raises:
            CorrelatedError: it names a column of a query around it.
            SqlError: see `query`.
        """
        context = self.context.apart()
        around = replace(self.parent, apart=True) if self.parent is not None else None
        return replace(self, context=context, parent=around).query(node), context

    def block(self, node: exp.Expr) -> Bound:
        """Bind a query inside another one: by itself, if it can be. Its node is changed if nothing is around it.

        Raises:
            SqlError: see `query`.
        """
        if self.parent is None:
            return self._used(*self.apart(node))
        place = _place(node)
        if place not in self.context.correlated:
            try:
                return self._used(*self.apart(copied(node)))
            except CorrelatedError:
                if place is not None:
                    self.context.correlated.add(place)
        return self.query(copied(node))

    def _used(self, bound: Bound, origin: Context) -> Bound:
        """Return rows that were bound before under ids of this use."""
        fresh = {c: self.context.adopted(origin, c) for c in bound.plan.columns}
        fields = tuple(f._replace(id=fresh[f.id]) for f in bound.fields)
        if self.context.dialect == "datafusion":
            self.context.adopt_dependent(origin, fresh)
        ids = tuple(fresh.values())
        if isinstance(bound.plan, RecursiveRef):
            return Bound(RecursiveRef(bound.plan.name, ids), fields)
        return Bound(Shared(bound.plan, ids, origin), fields)

    def modified(self, node: exp.Expr, bound: Bound) -> Bound:
        """Add the ORDER BY and LIMIT that stand after a query in parentheses or a set operation."""
        order, limit, offset = (node.args.get(k) for k in ("order", "limit", "offset"))
        if order is None and limit is None and offset is None:
            return bound
        scope = Scope([Relation("", bound.fields)], parent=self.parent)
        stage = Stage(self.context, self, scope, bound.plan, "ORDER BY")
        keys = sort_keys(stage, order, [(f.name, self.context.column(f.id)) for f in bound.fields])
        plan = Sort(stage.plan, keys) if keys else stage.plan
        return Bound(limited(stage, plan, limit, offset, keys), bound.fields)

    # -- subqueries in expressions ------------------------------------------------------------

    def subquery_value(self, stage: Stage, node: exp.Expr) -> Value:
        """Bind a subquery that stands for a value, and join it to the plan of the stage."""
        return subqueries.value(self, stage, node)

    def subquery_list(self, stage: Stage, node: exp.Expr) -> Value:
        """Bind a subquery whose rows are the elements of a list, and join it to the plan of the stage."""
        return subqueries.as_list(self, stage, node)

    def semi_join(self, stage: Stage, node: exp.Expr) -> subqueries.SemiJoin | None:
        """Bind a condition that keeps rows by their partners in a subquery; None for any other."""
        return subqueries.semi_join(self, stage, node)

    def filtered(self, stage: Stage, node: exp.Expr, found: subqueries.SemiJoin | None = None) -> bool:
        """Filter the plan of a stage by EXISTS or IN over a subquery; whether the condition is one of those."""
        return subqueries.filtered(self, stage, node, found)


def _place(node: exp.Expr) -> tuple[int, int] | None:
    """Return where the first name of a query stands in the text."""
    found = (n.meta for n in node.walk() if "start" in n.meta)
    return next(((m["start"], m["end"]) for m in found), None)
