"""Apache DataFusion's SQL, which sqlglot does not know: PostgreSQL's, with functions and meanings of its own."""

from __future__ import annotations

from sqlglot.dialects.postgres import Postgres
from sqlglot.tokenizer_core import TokenType

__all__ = ["DataFusion"]


class DataFusion(Postgres):
    """What sqlglot reads and writes as ``datafusion``; to define the class is to register it."""

    class Tokenizer(Postgres.Tokenizer):
        """Words that mean something else than in PostgreSQL."""

        KEYWORDS = {**Postgres.Tokenizer.KEYWORDS, "FLOAT": TokenType.FLOAT}
