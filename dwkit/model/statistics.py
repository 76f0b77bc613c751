"""What is known of a table without reading its rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["ColumnStatistics", "TableStatistics"]


@dataclass(frozen=True, slots=True)
class ColumnStatistics:
    """Bounds of a column's values, as Python objects, and how many are NULL; None where it is not known."""

    low: Any = None
    high: Any = None
    nulls: int | None = None


@dataclass(frozen=True, slots=True)
class TableStatistics:
    """Rows of a table, what is known of its columns by name, and the columns of its primary key."""

    rows: int
    columns: Mapping[str, ColumnStatistics] = field(default_factory=dict)
    key: tuple[str, ...] = ()
