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
        sides = _sides(rest, known)
        named = frozenset().union(*(left | right for _, left, right in sides))
        owner = {c: p for p in plans for c in p.given & named}
        waiting = list(plans)
        pairs: dict[tuple[int, int], float] = {}
        while len(waiting) > 1:
            places = {id(p): n for n, p in enumerate(waiting)}
            best: tuple[float, int, int] | None = None
            for (i, j), equal in sorted(_met(sides, owner, places).items()):
                a, b = waiting[i], waiting[j]
                found = pairs.get((id(a), id(b)))
                if found is None:
                    found = pairs[id(a), id(b)] = self._rows(a, b, equal)
                if best is None or found < best[0]:
                    best = (found, i, j)
            if best is None:
                sizes = sorted(range(len(waiting)), key=lambda n: self._context.estimates.rows(waiting[n]))
                best = (0.0, min(sizes[:2]), max(sizes[:2]))
            _, i, j = best
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
            owner |= dict.fromkeys(made.given & named, made)
        return waiting[0]

    def _rows(self, a: Plan, b: Plan, equal: list[Condition]) -> float:
        """Return the rows of the join of two plans on equalities."""
        estimates = self._context.estimates
        return estimates.rows(a) * estimates.rows(b) * estimates.met(equal, a, b)


_Sides = tuple[Condition, frozenset[str], frozenset[str]]


def _sides(conditions: list[Condition], known: frozenset[str]) -> list[_Sides]:
    """Return the equalities of two expressions over some columns, and which of the columns either reads."""
    found: list[_Sides] = []
    for one in conditions:
        if one.op in ("=", "is") and one.left is not None and one.right is not None:
            left, right = one.left.refs & known, one.right.refs & known
            if left and right:
                found.append((one, left, right))
    return found


def _met(
    sides: list[_Sides], owner: dict[str, Plan], places: dict[int, int]
) -> dict[tuple[int, int], list[Condition]]:
    """Return the equalities between two plans by the places of these, for all plans that have some."""
    found: dict[tuple[int, int], list[Condition]] = {}
    for condition, left, right in sides:
        i, *more = {places[id(owner[c])] for c in left}
        j, *others = {places[id(owner[c])] for c in right}
        if i != j and not more and not others:
            found.setdefault((i, j) if i < j else (j, i), []).append(condition)
    return found


_TINY = 100
"""Rows of the greater side for each row of the smaller one from which on that is joined first."""


def _is_semi_joined(plan: Plan) -> bool:
    """Whether a plan is a table with the rows left that have a partner elsewhere."""
    while isinstance(plan, (Filter, Project)):
        plan = plan.input
    return isinstance(plan, Join) and plan.kind == "semi"
