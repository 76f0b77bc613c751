"""The SQL dialects that queries may be written in."""

from __future__ import annotations

import functools
import logging

from sqlglot.dialects.dialect import Dialect, Dialects

from dwkit.errors import UsageError, did_you_mean

__all__ = ["DEFAULT", "dialect_named", "dialect_names"]

DEFAULT = "duckdb"

_ALIASES = {
    "postgresql": "postgres", "pg": "postgres", "mssql": "tsql", "sqlserver": "tsql", "sql server": "tsql",
    "transact-sql": "tsql", "synapse": "tsql", "mariadb": "mysql", "sqlite3": "sqlite", "duck": "duckdb",
    "pyspark": "spark", "sparksql": "spark", "bq": "bigquery", "google": "bigquery",
}  # fmt: skip

# What sqlglot cannot read it reports as an error too; a second voice on stderr helps nobody.
logging.getLogger("sqlglot").addHandler(logging.NullHandler())


@functools.cache
def dialect_names() -> tuple[str, ...]:
    """Return the names of all dialects, sorted."""
    return tuple(sorted(d.value for d in Dialects if d.value and d.value not in ("dax", "prql")))


@functools.cache
def dialect_named(name: str) -> Dialect:
    """Return sqlglot's object for a dialect's name or common other name.

    Raises:
        UsageError: there is no such dialect; the hint is the nearest one.
    """
    wanted = name.strip().lower()
    wanted = _ALIASES.get(wanted, wanted)
    if wanted not in dialect_names():
        known = [*dialect_names(), *_ALIASES]
        raise UsageError(f"no SQL dialect named {name!r}", hint=did_you_mean(name, known))
    return Dialect.get_or_raise(wanted)
