"""Scripts as they are typed: whether a text is whole, and its words."""

from __future__ import annotations

from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import TokenType

from dwkit.model.names import check_dialect

__all__ = ["is_empty", "is_whole"]


def is_whole(text: str, dialect: str) -> bool:
    """Whether the last statement of a text ends with a semicolon that stands in no quotes and no comment.

    Raises:
        UsageError: there is no such dialect.
    """
    try:
        tokens = Dialect.get_or_raise(check_dialect(dialect)).tokenize(text)
    except TokenError:  # open quotes
        return False
    return bool(tokens) and tokens[-1].token_type == TokenType.SEMICOLON


def is_empty(text: str, dialect: str) -> bool:
    """Whether a text is nothing but white space and comments.

    Raises:
        UsageError: there is no such dialect.
    """
    try:
        return not Dialect.get_or_raise(check_dialect(dialect)).tokenize(text)
    except TokenError:
        return False
