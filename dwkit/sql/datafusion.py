"""Apache DataFusion's SQL, which sqlglot does not know: PostgreSQL's, with functions and meanings of its own."""

from __future__ import annotations

import re
from typing import ClassVar

from sqlglot import exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.tokenizer_core import Token, TokenType

__all__ = ["OWN_FUNCTIONS", "DataFusion", "known", "rewritten"]


class DataFusion(Postgres):
    """What sqlglot reads and writes as ``datafusion``; to define the class is to register it."""

    class Tokenizer(Postgres.Tokenizer):
        """FLOAT is of single precision, ``^`` is exclusive or of bits, names can stand in backticks."""

        IDENTIFIERS: ClassVar = ['"', "`"]
        KEYWORDS: ClassVar = {**Postgres.Tokenizer.KEYWORDS, "FLOAT": TokenType.FLOAT}
        SINGLE_TOKENS: ClassVar = {**Postgres.Tokenizer.SINGLE_TOKENS, "^": TokenType.HASH}


_NAMES = frozenset({TokenType.RLIKE})
"""REGEXP and RLIKE are no operators here."""
_NOW = frozenset({TokenType.CURRENT_DATE, TokenType.CURRENT_TIME, TokenType.CURRENT_TIMESTAMP})
_AMOUNT = re.compile(r"\s*-?[\d.]+\s*[A-Za-z]")
_SIDES = (["PRECEDING"], ["FOLLOWING"])
_COMMA, _OPEN, _CLOSE = TokenType.COMMA, TokenType.L_PAREN, TokenType.R_PAREN
_OPENING = frozenset({_OPEN, TokenType.L_BRACKET, TokenType.L_BRACE})
_CLOSING = frozenset({_CLOSE, TokenType.R_BRACKET, TokenType.R_BRACE})
_BEFORE_A_ROW = (TokenType.VALUES, _COMMA)


def rewritten(tokens: list[Token]) -> list[Token]:
    """Return tokens that sqlglot's parser of PostgreSQL understands as DataFusion does."""
    return _braced(_words(_plain_numbers(_framed(_columns_named(tokens)))))


def _framed(tokens: list[Token]) -> list[Token]:
    """Write the offsets ``'1' DAY PRECEDING`` and ``'1 day' PRECEDING`` of a frame as those of intervals."""
    made: list[Token] = []
    for place, token in enumerate(tokens):
        bare = token.token_type == TokenType.STRING and tokens[place - 1].token_type != TokenType.INTERVAL
        after = [t.text.upper() for t in tokens[place + 1 : place + 3]]
        if bare and (after[1:] in _SIDES or (after[:1] in _SIDES and _AMOUNT.match(token.text))):
            made.append(_like(token, TokenType.INTERVAL, "INTERVAL"))
        made.append(token)
    return made


def _columns_named(tokens: list[Token]) -> list[Token]:
    """Make names of CURRENT_TIME and its kin where CREATE TABLE calls a column so."""
    if not tokens or tokens[0].token_type != TokenType.CREATE:
        return tokens
    made: list[Token] = []
    depth = 0
    for place, token in enumerate(tokens):
        depth += (token.token_type in _OPENING) - (token.token_type in _CLOSING)
        if token.token_type == TokenType.ALIAS and depth == 0:
            return made + tokens[place:]
        first = depth == 1 and tokens[place - 1].token_type in (_OPEN, _COMMA)
        made.append(_like(token, TokenType.VAR, token.text) if first and token.token_type in _NOW else token)
    return made


def _words(tokens: list[Token]) -> list[Token]:
    """Make names of words that are only names here, and plain rows of the rows of ``VALUES ROW(1), ROW(2)``."""
    made: list[Token] = []
    depth = 0
    rows: list[int] = []  # at how many open brackets there are VALUES
    for place, token in enumerate(tokens):
        kind = token.token_type
        before = tokens[place - 1].token_type if place else None
        after = tokens[place + 1] if place + 1 < len(tokens) else None
        depth += (kind in _OPENING) - (kind in _CLOSING)
        if rows and (depth < rows[-1] or (kind == TokenType.SELECT and depth == rows[-1])):
            rows.pop()
        if kind == TokenType.VALUES:
            given = after is not None and (after.token_type == _OPEN or after.text.upper() == "ROW")
            if before == TokenType.TABLE or not given:
                made.append(_like(token, TokenType.VAR, token.text))
                continue
            rows.append(depth)
        elif rows and rows[-1] == depth and token.text.upper() == "ROW" and before in _BEFORE_A_ROW:
            continue
        name = kind in _NAMES and token.text.isalpha()
        made.append(_like(token, TokenType.VAR, token.text) if name else token)
    return made


def _braced(tokens: list[Token]) -> list[Token]:
    """Write ``MAP {k: v}`` as ``MAKE_MAP(k, v)`` and ``{a: v}`` as ``NAMED_STRUCT('a', v)``.

    The parser takes the keys of both for names, and not all words as such.
    """
    made: list[Token] = []
    inside: list[str] = []  # what the open brackets are
    for place, token in enumerate(tokens):
        kind = token.token_type
        if kind == TokenType.L_BRACE:
            is_map = place > 0 and tokens[place - 1].text.upper() == "MAP"
            if is_map:
                made.pop()
            name = "MAKE_MAP" if is_map else "NAMED_STRUCT"
            made += [_like(token, TokenType.VAR, name), _like(token, _OPEN, "(")]
            inside.append(name)
            continue
        if kind in _OPENING:
            inside.append("")
        elif kind in _CLOSING and inside:
            inside.pop()
        if kind == TokenType.R_BRACE:
            made.append(_like(token, _CLOSE, ")"))
        elif kind == TokenType.COLON and inside and inside[-1]:
            made.append(_like(token, _COMMA, ","))
        elif inside and inside[-1] == "NAMED_STRUCT" and _is_key(tokens, place):
            made.append(_like(token, TokenType.STRING, token.text))
        else:
            made.append(token)
    return made


def _plain_numbers(tokens: list[Token]) -> list[Token]:
    """Return tokens in which ``1ea`` is ``1 ea``: an e without digits belongs to the name behind the number."""
    made: list[Token] = []
    for token in tokens:
        last = made[-1] if made else None
        if last is not None and last.token_type == TokenType.NUMBER and last.text[-1] in "eE":
            made[-1] = _like(last, TokenType.NUMBER, last.text[:-1])
            made.append(_like(token, TokenType.VAR, last.text[-1] + token.text))
        else:
            made.append(token)
    return made


def _is_key(tokens: list[Token], place: int) -> bool:
    """Whether a token is the name of a field: between ``{`` or a comma and a colon."""
    after = tokens[place + 1] if place + 1 < len(tokens) else None
    starts = place > 0 and tokens[place - 1].token_type in (TokenType.L_BRACE, _COMMA)
    return starts and after is not None and after.token_type == TokenType.COLON


def _like(token: Token, kind: TokenType, text: str) -> Token:
    """Return another token for the place of one."""
    return Token(kind, text, token.line, token.col, token.start, token.end, token.comments)


OWN_FUNCTIONS = frozenset({
    "ARRAYS_OVERLAP", "ARRAYS_ZIP", "ARRAY_APPEND", "ARRAY_CAT", "ARRAY_COMPACT", "ARRAY_CONCAT", "ARRAY_CONTAINS",
    "ARRAY_DISTINCT", "ARRAY_EXCEPT", "ARRAY_HAS", "ARRAY_HAS_ALL", "ARRAY_HAS_ANY", "ARRAY_INTERSECT", "ARRAY_JOIN",
    "ARRAY_LENGTH", "ARRAY_MAX", "ARRAY_MIN", "ARRAY_POSITION", "ARRAY_PREPEND", "ARRAY_REMOVE", "ARRAY_REVERSE",
    "ARRAY_SLICE", "ARRAY_SORT", "ARRAY_TO_STRING", "CARDINALITY", "FLATTEN", "GENERATE_SERIES", "RANGE",
    "STRING_TO_ARRAY", "TO_CHAR", "TO_DATE", "TO_TIMESTAMP", "TO_TIME", "DATE_FORMAT", "DATE_BIN", "MAKE_TIME", "MAP",
    "ENCODE", "DECODE", "REGEXP_LIKE", "REGEXP_COUNT", "REGEXP_INSTR", "REGEXP_REPLACE",
})  # fmt: skip
"""Functions that sqlglot would read as PostgreSQL's of the same name, which take or give something else."""


def known(node: exp.Anonymous) -> exp.Expr | None:
    """Return a function of one's own as sqlglot's class for it, None where there is none that fits."""
    name = str(node.this).upper()
    if name not in ("RANGE", "GENERATE_SERIES") or not 1 <= len(node.expressions) <= 3:
        return None
    start, end, step = [*node.expressions, None, None][:3]
    return exp.GenerateSeries(start=start, end=end, step=step, is_end_exclusive=name == "RANGE")
