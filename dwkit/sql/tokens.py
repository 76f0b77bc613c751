"""Tokens of SQL, put so that sqlglot's parser reads them as they are meant."""

from __future__ import annotations

import re

from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import Token, TokenType

from dwkit.sql import datafusion
from dwkit.sql.named import in_order

__all__ = ["numbered", "rewritten", "tokenized"]


_PARAMETER = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|\$(?=\d)")


def numbered(sql: str) -> str:
    """Return a text of the same length with another mark for the parameters ``$1``, ``$2``."""
    return _PARAMETER.sub(lambda m: "@" if m[0] == "$" else m[0], sql)


def tokenized(reader: Dialect, sql: str) -> list[Token]:
    """Return the tokens of a text.

    Raises:
        sqlglot.errors.TokenError: it has none.
    """
    try:
        return reader.tokenize(sql)
    except TokenError:
        # sqlglot takes $1,$ for the mark of a dollar-quoted text.
        return [
            Token(TokenType.PARAMETER, "$", t.line, t.col, t.start, t.end)
            if t.text == "@" and sql[t.start] == "$" else t
            for t in reader.tokenize(numbered(sql))
        ]  # fmt: skip


def rewritten(tokens: list[Token], kinds: set[TokenType], sql: str, dialect: str) -> list[Token]:
    """Return tokens that the parser understands as the dialect does.

    Args:
        kinds: those that are among them.
    """
    if TokenType.PIPE_GT in kinds:
        tokens = _limited(tokens)
    if TokenType.FARROW in kinds:
        tokens = in_order(tokens, dialect)
    if any(word in sql.upper() for word in _COMMANDS):
        tokens = _commands(tokens, sql)
    if dialect == "duckdb":
        tokens = _macros(tokens)
    if dialect == "datafusion":
        tokens = _whole_intervals(datafusion.rewritten(tokens))
    if TokenType.DCOLON in kinds:
        tokens = _apart(tokens)
    if TokenType.INTERVAL in kinds or dialect == "trino":
        tokens = _typed_literals(tokens, exact=dialect == "trino")
    return tokens


def _macros(tokens: list[Token]) -> list[Token]:
    """Write DEFAULT for ``:=`` in the head of a macro, and take TABLE out of DROP MACRO TABLE."""
    made: list[Token] = []
    verb, head = "", False
    for token in tokens:
        word = token.text.upper()
        if not made or made[-1].token_type == TokenType.SEMICOLON:
            verb, head = word, False
        elif word in ("MACRO", "FUNCTION") and verb in ("CREATE", "DROP"):
            head = True
        elif token.token_type == TokenType.ALIAS:
            head = False
        elif head and verb == "DROP" and word == "TABLE":
            continue
        default = head and token.token_type == TokenType.COLON_EQ
        at = (token.line, token.col, token.start, token.end)
        made.append(Token(TokenType.DEFAULT, "DEFAULT", *at) if default else token)
    return made


_OF_TIME = frozenset(
    {
        TokenType.DATE, TokenType.DATETIME, TokenType.TIME, TokenType.TIMETZ, TokenType.TIMESTAMP, TokenType.TIMESTAMPTZ,
        TokenType.TIMESTAMPNTZ, TokenType.TIMESTAMPLTZ, TokenType.TIMESTAMP_S, TokenType.TIMESTAMP_MS, TokenType.TIMESTAMP_NS,
    }
)  # fmt: skip
_WITH_ZONE = (["WITH", "TIME", "ZONE"], ["WITHOUT", "TIME", "ZONE"])


def _apart(tokens: list[Token]) -> list[Token]:
    """Put parentheses around the literal of ``DATE '2024-01-31'::TEXT``: sqlglot would do the cast before it is a date."""
    made: list[Token] = []
    for place, token in enumerate(tokens):
        made.append(token)
        following = tokens[place + 1].token_type if place + 1 < len(tokens) else None
        if token.token_type != TokenType.STRING or following != TokenType.DCOLON:
            continue
        first = len(made) - 2
        if [t.text.upper() for t in made[max(first - 2, 0) : first + 1]] in _WITH_ZONE:
            first -= 3
        if first >= 0 and made[first].token_type in _OF_TIME:
            kind = made[first]
            made.insert(first, Token(TokenType.L_PAREN, "(", kind.line, kind.col, kind.start, kind.end))
            made.append(Token(TokenType.R_PAREN, ")", token.line, token.col, token.start, token.end))
    return made


_COMMANDS = frozenset({"DEALLOCATE"})
"""Statements that sqlglot does not know: their words are left as they stand, as for other commands."""


def _commands(tokens: list[Token], sql: str) -> list[Token]:
    made: list[Token] = []
    place = 0
    while place < len(tokens):
        token = tokens[place]
        begins = place == 0 or tokens[place - 1].token_type == TokenType.SEMICOLON
        end = place + 1
        if begins and token.text.upper() in _COMMANDS:
            while end < len(tokens) and tokens[end].token_type != TokenType.SEMICOLON:
                end += 1
        if end == place + 1:
            made.append(token)
            place += 1
            continue
        rest, last = tokens[place + 1], tokens[end - 1]
        words = sql[rest.start : last.end + 1]
        made.append(Token(TokenType.COMMAND, token.text, token.line, token.col, token.start, token.end))
        made.append(Token(TokenType.STRING, words, rest.line, rest.col, rest.start, last.end))
        place = end
    return made


_APART = frozenset({"LIMIT", "ORDER BY", "DISTINCT", "TABLESAMPLE"})
_BARRIER = ((TokenType.PIPE_GT, "|>"), (TokenType.SELECT, "SELECT"), (TokenType.STAR, "*"))


def _limited(tokens: list[Token]) -> list[Token]:
    """End a query of ``|>`` where what follows would be done before it: sqlglot puts a WHERE before a LIMIT.

    Between an ORDER BY and a LIMIT, too, which sqlglot cannot read otherwise.
    """
    made: list[Token] = []
    depth, last = 0, {0: ""}
    for place, token in enumerate(tokens):
        depth += (token.token_type == TokenType.L_PAREN) - (token.token_type == TokenType.R_PAREN)
        if token.token_type in (TokenType.L_PAREN, TokenType.SEMICOLON):
            last[depth] = ""
        if token.token_type == TokenType.PIPE_GT:
            verb = tokens[place + 1].text.upper() if place + 1 < len(tokens) else ""
            before = last.get(depth, "")
            joined = before == "WHERE" and verb in ("RIGHT", "FULL")
            if before in _APART or joined:
                at = (token.line, token.col, token.start, token.end)
                made += [Token(kind, text, *at) for kind, text in _BARRIER]
            last[depth] = verb
        made.append(token)
    return made


_UNITS = re.compile(
    r"(?:millenni(?:um|a)|centur(?:y|ies)|(?:decade|year|quarter|month|week|day|hour|minute|(?:(?:milli|micro|nano)?second))s?)",
    re.IGNORECASE,
)


def _whole_intervals(tokens: list[Token]) -> list[Token]:
    """Put parentheses around ``INTERVAL '8' DAY``: sqlglot would take a text that is added for an interval as well.

    The unit after ``'5 days 1'`` is that of its last number.
    """
    made: list[Token] = []
    place = 0
    while place < len(tokens):
        token, amount, unit = tokens[place], *(tokens[place + 1 : place + 3] + [None] * 2)[:2]
        if (
            token.token_type != TokenType.INTERVAL
            or amount is None
            or amount.token_type not in (TokenType.STRING, TokenType.NUMBER)
        ):
            made.append(token)
            place += 1
            continue
        at = (token.line, token.col, token.start, token.end)
        has_unit = unit is not None and _UNITS.fullmatch(unit.text) is not None
        if unit is not None and has_unit and re.search(r"[A-Za-z]\s+[+-]?[\d.]+\s*$", amount.text):
            amount = Token(
                TokenType.STRING,
                f"{amount.text} {unit.text}",
                amount.line,
                amount.col,
                amount.start,
                unit.end,
            )
            unit, place = None, place + 1
        inner = [amount] if unit is None or not has_unit else [amount, unit]
        made += [Token(TokenType.L_PAREN, "(", *at), token, *inner, Token(TokenType.R_PAREN, ")", *at)]
        place += 1 + len(inner)
    return made


_SIMPLE = re.compile(r"\s*[+-]?\d+(\.\d+)?\s*[A-Za-z]*\s*")


def _typed_literals(tokens: list[Token], *, exact: bool) -> list[Token]:
    """Make casts of ``INTERVAL '1 day 02:00'`` and ``INTERVAL '3 days ago'``: sqlglot would take their first part only."""
    made: list[Token] = []
    place = 0
    while place < len(tokens):
        token = tokens[place]
        text = tokens[place + 1] if place + 1 < len(tokens) else token
        if (
            token.token_type == TokenType.INTERVAL
            and text.token_type == TokenType.STRING
            and re.search("[A-Za-z]", text.text)
            and not _SIMPLE.fullmatch(text.text)
        ):
            at = (token.line, token.col, token.start, token.end)
            made += [
                Token(TokenType.VAR, "CAST", *at), Token(TokenType.L_PAREN, "(", *at), text,
                Token(TokenType.ALIAS, "AS", *at), Token(TokenType.INTERVAL, "INTERVAL", *at), Token(TokenType.R_PAREN, ")", *at),
            ]  # fmt: skip
            place += 2
        elif exact and token.token_type == TokenType.DECIMAL and text.token_type == TokenType.STRING:
            # Trino's DECIMAL '10.00' has the digits of its text, a cast without any has none after the point.
            made.append(Token(TokenType.NUMBER, text.text, token.line, token.col, token.start, text.end))
            place += 2
        else:
            made.append(token)
            place += 1
    return made
