"""Apache DataFusion's SQL, which sqlglot does not know: PostgreSQL's, with functions and meanings of its own."""

from __future__ import annotations

from sqlglot import exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.tokenizer_core import Token, TokenType

__all__ = ["OWN_FUNCTIONS", "DataFusion", "as_name", "known"]


class DataFusion(Postgres):
    """What sqlglot reads and writes as ``datafusion``; to define the class is to register it."""


OWN_FUNCTIONS = frozenset({
    "ARRAYS_OVERLAP", "ARRAYS_ZIP", "ARRAY_APPEND", "ARRAY_CAT", "ARRAY_COMPACT", "ARRAY_CONCAT", "ARRAY_CONTAINS",
    "ARRAY_DISTINCT", "ARRAY_EXCEPT", "ARRAY_HAS", "ARRAY_HAS_ALL", "ARRAY_HAS_ANY", "ARRAY_INTERSECT", "ARRAY_JOIN",
    "ARRAY_LENGTH", "ARRAY_MAX", "ARRAY_MIN", "ARRAY_POSITION", "ARRAY_PREPEND", "ARRAY_REMOVE", "ARRAY_REVERSE",
    "ARRAY_SLICE", "ARRAY_SORT", "ARRAY_TO_STRING", "CARDINALITY", "FLATTEN", "GENERATE_SERIES", "RANGE",
    "STRING_TO_ARRAY",
})  # fmt: skip
"""Functions that sqlglot would read as PostgreSQL's of the same name, which take or give something else."""


_BEFORE_TABLES = (
    TokenType.FROM,
    TokenType.TABLE,
    TokenType.JOIN,
    TokenType.INTO,
    TokenType.EXISTS,
    TokenType.COMMA,
)


def as_name(token: Token, before: TokenType | None, after: TokenType | None) -> bool:
    """Whether a word is the name of a table here, as ``values`` may be."""
    called = after == TokenType.L_PAREN and before not in (TokenType.TABLE, TokenType.EXISTS, TokenType.INTO)
    return token.token_type == TokenType.VALUES and before in _BEFORE_TABLES and not called


def known(node: exp.Anonymous) -> exp.Expr | None:
    """Return a function of one's own as sqlglot's class for it, None where there is none that fits."""
    name = str(node.this).upper()
    if name not in ("RANGE", "GENERATE_SERIES") or not 1 <= len(node.expressions) <= 3:
        return None
    start, end, step = [*node.expressions, None, None][:3]
    return exp.GenerateSeries(start=start, end=end, step=step, is_end_exclusive=name == "RANGE")
