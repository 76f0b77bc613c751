"""Apache DataFusion's SQL, which sqlglot does not know: PostgreSQL's, with functions and meanings of its own."""

from __future__ import annotations

from typing import ClassVar

from sqlglot import exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.tokenizer_core import TokenType

__all__ = ["SERIES", "DataFusion", "series"]


class DataFusion(Postgres):
    """What sqlglot reads and writes as ``datafusion``; to define the class is to register it."""

    class Tokenizer(Postgres.Tokenizer):
        """Words that mean something else than in PostgreSQL."""

        KEYWORDS: ClassVar[dict[str, TokenType]] = {**Postgres.Tokenizer.KEYWORDS, "FLOAT": TokenType.FLOAT}


SERIES = frozenset({"GENERATE_SERIES", "RANGE"})
"""Lists of numbers or moments, of which PostgreSQL's makes rows."""


def series(node: exp.Anonymous) -> exp.Expr:
    """Return what one of `SERIES` is; it begins with 0 where only its end is given."""
    given = list(node.expressions)
    made = exp.GenerateSeries.from_arg_list([exp.Literal.number(0), *given] if len(given) == 1 else given)
    made.set("is_end_exclusive", node.name.upper() == "RANGE" or None)
    made.meta.update(node.meta)
    return made
