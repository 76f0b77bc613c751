"""Aggregate functions: each builds an expression that makes one value of many rows."""

from __future__ import annotations

from typing import Any

from sqlglot import exp

from dwkit.sql.functions.aggregate.collect import COLLECT
from dwkit.sql.functions.aggregate.documents import DOCUMENTS
from dwkit.sql.functions.aggregate.hypothetical import HYPOTHETICAL
from dwkit.sql.functions.aggregate.quantiles import QUANTILES
from dwkit.sql.functions.aggregate.rows import Rows, is_keep, unwrapped
from dwkit.sql.functions.aggregate.simple import SIMPLE
from dwkit.sql.functions.aggregate.statistics import STATISTICS
from dwkit.sql.functions.call import Builder

__all__ = ["AGGREGATES", "Rows", "empty_of", "is_keep", "unwrapped"]

AGGREGATES: dict[type[exp.Expr] | str, Builder] = {
    **SIMPLE,
    **STATISTICS,
    **QUANTILES,
    **COLLECT,
    **DOCUMENTS,
    **HYPOTHETICAL,
}

_ZERO = (exp.Count, exp.ApproxDistinct, exp.Hll, exp.RegrCount)
_EMPTY_LISTS = frozenset({"snowflake", "spark", "databricks"})


def empty_of(node: exp.Expr, dialect: str) -> Any:
    """Return what an aggregate is over no rows: 0 for counts, an empty list or text in some dialects, else None."""
    node = unwrapped(node)
    if isinstance(node, _ZERO) or (isinstance(node, exp.CountIf) and dialect != "duckdb"):
        return 0
    if isinstance(node, (exp.Rank, exp.DenseRank)):
        return 1
    if isinstance(node, (exp.PercentRank, exp.CumeDist)):
        return float(isinstance(node, exp.CumeDist))
    if isinstance(node, exp.Anonymous) and node.name.upper() in ("TOTAL", "COUNT_STAR"):
        return 0
    if dialect in _EMPTY_LISTS and isinstance(node, (exp.ArrayAgg, exp.ArrayUniqueAgg)):
        return []
    if isinstance(node, exp.GroupConcat) and dialect == "snowflake":
        return ""
    if isinstance(node, (exp.BitwiseOrAgg, exp.BitwiseXorAgg)) and dialect == "mysql":
        return 0
    if isinstance(node, exp.BitwiseAndAgg) and dialect == "mysql":
        return 2**64 - 1
    if isinstance(node, exp.Anonymous) and node.name.upper() == "ENTROPY" and dialect == "duckdb":
        return 0.0
    return None
