"""Apache DataFusion's SQL, which sqlglot does not know: PostgreSQL's, with functions and meanings of its own."""

from __future__ import annotations

from sqlglot.dialects.postgres import Postgres

__all__ = ["DataFusion"]


class DataFusion(Postgres):
    """What sqlglot reads and writes as ``datafusion``; to define the class is to register it."""
