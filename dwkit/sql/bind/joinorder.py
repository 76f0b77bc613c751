"""In which order the tables of inner joins are joined, and which conditions go where."""

from __future__ import annotations

from dwkit.sql.bind.context import Context
from dwkit.sql.plan import Condition, Filter, Join, Plan, Project

__all__ = ["Pool"]


class Pool:
    """Tables that are all joined with each other, in any order.

    Args:
        first: the first of them, already joined from others.
    """

    def __init__(self, context: Context, first: Plan | None = None) -> None:
        self._context = context
        self._plans: list[Plan] = [first] if first is not None else []

    @property
    def empty(self) -> bool:
        """Whether there is no table yet."""
        return not self._plans

    @property
    def columns(self) -> frozenset[str]:
        """Ids of all columns."""
        return frozenset().union(*(p.given for p in self._plans))

    def add(self, plan: Plan) -> None:
        """Add a table."""
        self._plans.append(plan)

    def joined(self, conditions: list[Condition]) -> tuple[Plan, list[Condition]]:
        """Return all tables joined on the conditions, and the conditions that name none of them."""
        rest = list(conditions)
        known = self.columns
        plans: list[Plan] = []
        for plan in self._plans:
            own = [c for c in rest if c.value.refs & plan.given and not (c.value.refs & known) - plan.given]
            rest = [c for c in rest if c not in own]
            plans.append(Filter(plan, tuple(own)) if own else plan)
        made = self._ordered(plans, rest)
        left = [c for c in rest if not c.value.refs & known]
        over = tuple(c for c in rest if c not in left)
        return (Filter(made, over) if over else made), left

    def _ordered(self, plans: list[Plan], rest: list[Condition]) -> Plan:
        """Join the two whose join has the fewest rows, again and again (greedy operator ordering, Fegaras 1998).

        Conditions that are used are taken out of the list. Tables that nothing compares are joined last.
        """
        known = self.columns
        waiting = list(plans)
        pairs: dict[tuple[int, int], tuple[float, list[Condition]]] = {}
        while len(waiting) > 1:
            best: tuple[float, int, int, list[Condition]] | None = None
            for i, a in enumerate(waiting):
                for j in range(i + 1, len(waiting)):
                    b = waiting[j]
                    key = (id(a), id(b))
                    found = pairs.get(key)
                    if found is None:
                        found = pairs[key] = self._pair(a, b, rest, known)
                    if found[1] and (best is None or found[0] < best[0]):
                        best = (found[0], i, j, found[1])
            if best is None:
                sizes = sorted(range(len(waiting)), key=lambda n: self._context.estimates.rows(waiting[n]))
                best = (0.0, min(sizes[:2]), max(sizes[:2]), [])
            _, i, j, _ = best
            a, b = waiting[i], waiting[j]
            both = a.given | b.given
            on = tuple(c for c in rest if c.value.refs & both and not (c.value.refs & known) - both)
            rest[:] = [c for c in rest if c not in on]
            rows = self._context.estimates.rows
            if rows(a) < rows(b):
                a, b = b, a
            # Polars orders joins itself, and well; but it does not know how few rows a semi join leaves.
            tiny = self._context.known is not None and rows(b) * _TINY < rows(a) and _is_semi_joined(b)
            build = "force_right" if tiny else "auto"
            made = Join(a, b, "inner", on, build)
            waiting = [p for n, p in enumerate(waiting) if n not in (i, j)]
            waiting.insert(i, made)
        return waiting[0]

    def _pair(
        self, a: Plan, b: Plan, conditions: list[Condition], known: frozenset[str]
    ) -> tuple[float, list[Condition]]:
        """Return the rows of the join of two plans, and the equalities that join them."""
        left, right = a.given, b.given
        estimates = self._context.estimates
        equal: list[Condition] = []
        for condition in conditions:
            x, y = condition.left, condition.right
            if condition.op not in ("=", "is") or x is None or y is None:
                continue
            for one, other in ((x, y), (y, x)):
                if (
                    one.refs & left
                    and not (one.refs & known) - left
                    and other.refs & right
                    and not (other.refs & known) - right
                ):
                    equal.append(condition)
                    break
        return estimates.rows(a) * estimates.rows(b) * estimates.met(equal, a, b), equal


_TINY = 100
"""Rows of the greater side for each row of the smaller one from which on that is joined first."""


def _is_semi_joined(plan: Plan) -> bool:
    """Whether a plan is a table with the rows left that have a partner elsewhere."""
    while isinstance(plan, (Filter, Project)):
        plan = plan.input
    return isinstance(plan, Join) and plan.kind == "semi"
