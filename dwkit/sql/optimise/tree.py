"""Trees of inner joins: their tables, their conditions, and another plan in the place of a table."""

from __future__ import annotations

from dataclasses import replace

from dwkit.sql.plan import Condition, Extend, Filter, Join, Plan

__all__ = ["instead", "leaves"]


def leaves(plan: Plan) -> tuple[list[Plan], list[Condition]]:
    """Return the tables of a tree of inner joins, and all its conditions."""
    if isinstance(plan, Join) and plan.kind == "inner":
        left, right = leaves(plan.left), leaves(plan.right)
        return [*left[0], *right[0]], [*left[1], *right[1], *plan.on]
    if isinstance(plan, Filter) and isinstance(plan.input, Join) and plan.input.kind == "inner":
        found, conditions = leaves(plan.input)
        return found, [*conditions, *plan.conditions]
    return [plan], []


def instead(plan: Plan, table: Plan, other: Plan) -> Plan:
    """Return a plan with another one in the place of a table whose rows it filters, extends or joins."""
    if plan is table:
        return other
    if isinstance(plan, Join) and plan.kind in ("inner", "left", "semi", "anti"):
        left = instead(plan.left, table, other)
        right = instead(plan.right, table, other) if plan.kind == "inner" else plan.right
        changed = left is not plan.left or right is not plan.right
        return replace(plan, left=left, right=right) if changed else plan
    if isinstance(plan, (Filter, Extend)):
        made = instead(plan.input, table, other)
        return plan if made is plan.input else replace(plan, input=made)
    return plan
