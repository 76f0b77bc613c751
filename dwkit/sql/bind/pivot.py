"""PIVOT and UNPIVOT."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from dwkit.sql.bind.names import Relation
from dwkit.sql.plan import Plan

if TYPE_CHECKING:
    from dwkit.sql.bind.query import QueryBinder

__all__ = ["pivoted"]


def pivoted(binder: QueryBinder, plan: Plan, relation: Relation, pivot: exp.Expr) -> tuple[Plan, Relation]:
    """Return a table pivoted or unpivoted."""
    raise binder.context.refuse("UNPIVOT" if pivot.args.get("unpivot") else "PIVOT", pivot)
