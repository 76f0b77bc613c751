"""The warehouse: dimensions and facts as Delta tables, loaded part by part, exactly once."""

from dwkit.tables.checks import TestResult, check_table
from dwkit.tables.plan import PartsNeeded
from dwkit.tables.reconcile import reconcile
from dwkit.tables.upkeep import compact, rollback, vacuum
from dwkit.warehouse.load import LoadResult, load_table, needs

__all__ = [
    "LoadResult",
    "PartsNeeded",
    "TestResult",
    "check_table",
    "compact",
    "load_table",
    "needs",
    "reconcile",
    "rollback",
    "vacuum",
]
