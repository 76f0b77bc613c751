"""Named arguments, ``f(b => 2, a => 1)``: put in the order of the function's parameters, as its readers want them."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot.tokenizer_core import Token, TokenType

__all__ = ["in_order"]

_PARAMETERS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "datafusion": {
        "SUBSTR": ("str", "start_pos", "length"), "SUBSTRING": ("str", "start_pos", "length"),
        "CORR": ("y", "x"), "LEAD": ("expr", "offset", "default"), "LAG": ("expr", "offset", "default"),
        "PERCENTILE_CONT": ("expr", "percentile"), "QUANTILE_CONT": ("expr", "percentile"),
        "PERCENTILE_DISC": ("expr", "percentile"),
    },
    "spark": {
        "SUBSTR": ("str", "pos", "len"), "SUBSTRING": ("str", "pos", "len"),
        "WIDTH_BUCKET": ("value", "min_value", "max_value", "num_bucket"),
    },
}  # fmt: skip
"""Names of the parameters of functions that take named arguments, from the manuals."""

_OPEN = (TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE)
_CLOSE = (TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE)


def in_order(tokens: list[Token], dialect: str) -> list[Token]:
    """Return tokens with the named arguments of known functions as arguments by place.

    What is no right call of a known function is left as it stands; it is refused later.
    """
    known = _PARAMETERS.get(dialect)
    if known is None:
        return tokens
    place = 0
    while place < len(tokens) - 1:
        names = known.get(tokens[place].text.upper())
        if names is not None and tokens[place + 1].token_type == TokenType.L_PAREN:
            parts, end = _arguments(tokens, place + 2)
            ordered = _ordered(parts, names)
            if ordered is not None:
                comma = Token(TokenType.COMMA, ",", tokens[place].line, tokens[place].col)
                made = [t for n, part in enumerate(ordered) for t in ([comma, *part] if n else part)]
                tokens = [*tokens[: place + 2], *made, *tokens[end:]]
        place += 1
    return tokens


def _arguments(tokens: list[Token], start: int) -> tuple[list[list[Token]], int]:
    """Return the arguments of a call from behind its parenthesis, and where the one that closes it stands."""
    parts: list[list[Token]] = [[]]
    depth, place = 1, start
    while place < len(tokens):
        kind = tokens[place].token_type
        depth += (kind in _OPEN) - (kind in _CLOSE)
        if depth == 0:
            break
        if kind == TokenType.COMMA and depth == 1:
            parts.append([])
        else:
            parts[-1].append(tokens[place])
        place += 1
    return parts, place


def _ordered(parts: list[list[Token]], names: tuple[str, ...]) -> list[list[Token]] | None:
    """Return the arguments in order; None where none of them is named, or they do not fit the names."""
    named = [len(p) > 2 and p[1].token_type == TokenType.FARROW for p in parts]
    if True not in named:
        return None
    first = named.index(True)
    given: dict[str, list[Token]] = {}
    for part in parts[first:]:
        name = part[0].text if len(part) > 2 and part[1].token_type == TokenType.FARROW else ""
        if part[0].token_type != TokenType.IDENTIFIER:
            name = name.lower()
        if name not in names[first:] or name in given:
            return None
        given[name] = part[2:]
    wanted = names[first:]
    if wanted[0] not in given and set(given) == {"percentile"}:  # the values stand in WITHIN GROUP
        return [*parts[:first], given["percentile"]]
    if set(wanted[: len(given)]) != set(given):
        return None
    return [*parts[:first], *(given[n] for n in wanted[: len(given)])]
