"""In which order the tables of inner joins are joined, and which conditions go where."""

from __future__ import annotations

from dwkit.sql.bind.context import Context
from dwkit.sql.plan import Condition, Filter, Join, Plan

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
        return frozenset(c for p in self._plans for c in p.columns)

    def add(self, plan: Plan) -> None:
        """Add a table."""
        self._plans.append(plan)

    def joined(self, conditions: list[Condition]) -> tuple[Plan, list[Condition]]:
        """Return all tables joined on the conditions, and the conditions that name none of them."""
        rest = list(conditions)
        plans: list[Plan] = []
        for plan in self._plans:
            own = [c for c in rest if c.value.refs & frozenset(plan.columns) and _within(c, plan, self.columns)]
            rest = [c for c in rest if c not in own]
            plans.append(Filter(plan, tuple(own)) if own else plan)
        made, waiting = plans[0], plans[1:]
        while waiting:
            chosen = next((p for p in waiting if _linked(made, p, rest, self.columns)), waiting[0])
            waiting.remove(chosen)
            both = frozenset((*made.columns, *chosen.columns))
            on = [c for c in rest if c.value.refs & both and not (c.value.refs & self.columns) - both]
            rest = [c for c in rest if c not in on]
            made = Join(made, chosen, "inner", tuple(on))
        left = [c for c in rest if not c.value.refs & self.columns]
        over = tuple(c for c in rest if c not in left)
        return (Filter(made, over) if over else made), left


def _within(condition: Condition, plan: Plan, known: frozenset[str]) -> bool:
    return not (condition.value.refs & known) - frozenset(plan.columns)


def _linked(made: Plan, plan: Plan, conditions: list[Condition], known: frozenset[str]) -> bool:
    """Whether an equality compares something of one with something of the other."""
    a, b = frozenset(made.columns), frozenset(plan.columns)
    for condition in conditions:
        left, right = condition.left, condition.right
        if condition.op not in ("=", "is") or left is None or right is None:
            continue
        for one, other in ((left, right), (right, left)):
            if one.refs & a and not (one.refs & known) - a and other.refs & b and not (other.refs & known) - b:
                return True
    return False
