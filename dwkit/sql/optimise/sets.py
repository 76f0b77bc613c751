"""Set operations that give no row twice: unions made distinct, semi and anti joins in which NULL equals NULL."""

from __future__ import annotations

from dwkit.sql.bind.conditions import same
from dwkit.sql.bind.context import Context
from dwkit.sql.optimise.thin import made_distinct, once
from dwkit.sql.plan import Distinct, Join, Plan, Project, SetOperation, Shared

__all__ = ["distinct"]


def distinct(context: Context, plan: SetOperation) -> Plan:
    """Return a set operation without ALL, for which it does not matter how often its inputs give a row.

    The rows of INTERSECT are made distinct when those that the right side lacks are gone, those of EXCEPT, of
    which most stay, before.
    """
    if plan.kind == "union":
        return made_distinct(context, plan)
    left, right = (once(context, side) for side in (plan.left, plan.right))
    if plan.kind == "except" and not _is_distinct(left):
        left = Distinct(left)
    on = tuple(same(a, b, context.dtypes[a]) for a, b in zip(left.columns, right.columns, strict=True))
    join = Join(left, right, "semi" if plan.kind == "intersect" else "anti", on)
    made = Project(join, {i: context.column(c) for i, c in zip(plan.ids, left.columns, strict=True)})
    return made if plan.kind == "except" else Distinct(made)


def _is_distinct(plan: Plan) -> bool:
    """Whether a plan is known to give no row twice."""
    if isinstance(plan, Distinct):
        return True
    if isinstance(plan, Join):
        return plan.kind in ("semi", "anti") and _is_distinct(plan.left)
    if isinstance(plan, Project):
        passed = {next(iter(v.refs)) for v in plan.made.values() if v.expr.meta.is_column()}
        return passed == plan.input.given and _is_distinct(plan.input)
    return isinstance(plan, Shared) and _is_distinct(plan.input)
