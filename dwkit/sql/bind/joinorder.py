"""In which order the tables of inner joins are joined, and which conditions go where."""

from __future__ import annotations

from dataclasses import dataclass

from dwkit.sql.bind.context import Context
from dwkit.sql.plan import Condition, Filter, Join, Plan
from dwkit.sql.value import Value

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
        waiting = list(plans)
        unmet = _unmet(rest, plans)
        pairs: dict[tuple[Plan, Plan], float] = {}
        rows = self._context.estimates.rows
        while len(waiting) > 1:
            best: tuple[float, int, int] | None = None
            for (i, j), equal in sorted(_equalities(unmet, waiting).items()):
                a, b = waiting[i], waiting[j]
                found = pairs.get((a, b))
                if found is None:
                    found = pairs[a, b] = self._rows(a, b, equal)
                if best is None or found < best[0]:
                    best = (found, i, j)
            if best is None:
                sizes = sorted(range(len(waiting)), key=lambda n: rows(waiting[n]))
                best = (0.0, min(sizes[:2]), max(sizes[:2]))
            _, i, j = best
            a, b = waiting[i], waiting[j]
            on = tuple(u.condition for u in unmet if u.plans and u.plans <= {a, b})
            unmet = [u for u in unmet if u.condition not in on]
            if rows(a) < rows(b):
                a, b = b, a
            made = Join(a, b, "inner", on)
            waiting = [p for n, p in enumerate(waiting) if n not in (i, j)]
            waiting.insert(i, made)
            for one in unmet:
                one.join(a, b, made)
        rest[:] = [u.condition for u in unmet]
        return waiting[0]

    def _rows(self, a: Plan, b: Plan, equal: list[Condition]) -> float:
        """Return the rows of the join of two plans on equalities."""
        estimates = self._context.estimates
        return estimates.rows(a) * estimates.rows(b) * estimates.met(equal, a, b)


@dataclass(slots=True)
class _Unmet:
    """A condition that no join has met yet.

    Attributes:
        plans: those that it reads.
        left, right: those that either side of an equality reads.
    """

    condition: Condition
    plans: set[Plan]
    left: set[Plan]
    right: set[Plan]

    def join(self, a: Plan, b: Plan, made: Plan) -> None:
        """Note that two plans are joined."""
        for read in (self.plans, self.left, self.right):
            if a in read or b in read:
                read.difference_update((a, b))
                read.add(made)


def _unmet(conditions: list[Condition], plans: list[Plan]) -> list[_Unmet]:
    """Return conditions with the plans that they read."""
    named = frozenset().union(*(c.value.refs for c in conditions))
    owner = {c: p for p in plans for c in p.given & named}

    def read(value: Value | None) -> set[Plan]:
        return {owner[c] for c in value.refs if c in owner} if value is not None else set()

    return [
        _Unmet(c, read(c.value), read(c.left), read(c.right)) if c.op in ("=", "is")
        else _Unmet(c, read(c.value), set(), set())
        for c in conditions
    ]  # fmt: skip


def _equalities(unmet: list[_Unmet], plans: list[Plan]) -> dict[tuple[int, int], list[Condition]]:
    """Return the equalities between two plans by the places of these."""
    places = {p: n for n, p in enumerate(plans)}
    found: dict[tuple[int, int], list[Condition]] = {}
    for one in unmet:
        if len(one.left) == 1 and len(one.right) == 1 and one.left != one.right:
            [i], [j] = ([places[p] for p in side] for side in (one.left, one.right))
            found.setdefault((i, j) if i < j else (j, i), []).append(one.condition)
    return found
