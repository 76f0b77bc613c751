"""Where dialects differ in what the same words mean; each set is taken from the manuals of those named."""

from __future__ import annotations

__all__ = [
    "CAST_TRUNCATES",
    "DATE_PLUS_INTERVAL_IS_TIMESTAMP",
    "FLOAT_LITERALS",
    "FLOAT_ROUNDS_HALF_EVEN",
    "LIKE_IGNORES_CASE",
    "LN_OUT_OF_RANGE_IS_NULL",
    "SUBSTRING_COUNTS_FROM_ONE",
    "SUBSTRING_ZERO_IS_ONE",
    "WEEK_DIFF_COUNTS_DAYS",
    "WEEK_STARTS_ON_SUNDAY",
]

FLOAT_LITERALS = frozenset({"sqlite", "bigquery"})
"""``0.1`` is a binary float; elsewhere it is a decimal."""

CAST_TRUNCATES = frozenset({"sqlite", "tsql", "spark", "spark2", "databricks", "hive"})
"""CAST of 2.7 to an integer is 2; elsewhere it rounds."""

FLOAT_ROUNDS_HALF_EVEN = frozenset({"duckdb", "postgres", "redshift", "mysql"})
"""CAST of the float 2.5 to an integer is 2; elsewhere, and for decimals everywhere, it is 3."""

DATE_PLUS_INTERVAL_IS_TIMESTAMP = frozenset({"duckdb", "postgres", "redshift"})
"""A date plus one day is a timestamp; elsewhere it stays a date."""

LIKE_IGNORES_CASE = frozenset({"sqlite"})
"""LIKE takes a for A, in ASCII only."""

LN_OUT_OF_RANGE_IS_NULL = frozenset({"sqlite", "mysql", "spark", "spark2", "databricks", "hive"})
"""Logarithms of 0 and below are NULL; elsewhere no number."""

SUBSTRING_COUNTS_FROM_ONE = frozenset({"postgres", "redshift", "tsql"})
"""A start before 1 eats into the length, as the standard has it; elsewhere it counts from the end."""

SUBSTRING_ZERO_IS_ONE = frozenset(
    {"snowflake", "oracle", "bigquery", "spark", "spark2", "databricks", "hive"}
)
"""A start of 0 means 1."""

WEEK_STARTS_ON_SUNDAY = frozenset({"tsql", "redshift", "bigquery"})
"""Weeks of DATEDIFF begin on Sunday; elsewhere on Monday."""

WEEK_DIFF_COUNTS_DAYS = frozenset({"duckdb", "trino", "presto", "athena"})
"""A difference in weeks is that in days by seven; elsewhere it counts boundaries between weeks."""
