"""Translation: statements of one dialect as text of another one, with what is lost on the way."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import ErrorLevel
from sqlglot.tokenizer_core import Token, TokenType

from dwkit.errors import SqlError
from dwkit.model.names import check_dialect
from dwkit.sql.query import keyword
from dwkit.sql.read import parsing

__all__ = ["Translation", "translate"]


@dataclass(frozen=True, slots=True)
class Translation:
    """One statement.

    Attributes:
        line: line of the text on which it begins, from 1.
        statement: as it was written.
        sql: in the other dialect.
        warnings: what the other dialect cannot keep, or what was not understood and kept as it was written.
    """

    line: int
    statement: str
    sql: str
    warnings: tuple[str, ...]


def translate(sql: str, source: str, target: str, *, pretty: bool = True) -> list[Translation]:
    """Translate the statements of a script.

    Args:
        source: dialect that they are written in.
        target: dialect wanted.
        pretty: with a clause on each line.

    Raises:
        SqlError: one of them does not parse, or the other dialect has no words for it.
        UsageError: there is no such dialect.
    """
    check_dialect(source)
    check_dialect(target)
    reader = Dialect.get_or_raise(source)
    found: list[Translation] = []
    with parsing(sql, source):
        for tokens, comments in _statements(reader.tokenize(sql)):
            begin, end = tokens[0].start, tokens[-1].end
            for tree in reader.parser().parse(tokens, sql):
                if tree is None:
                    continue
                tree.add_comments(comments)
                line = sql.count("\n", 0, begin) + 1
                text, warnings = _written(tree, source, target, line, pretty=pretty)
                found.append(Translation(line, sql[begin : end + 1], text, warnings))
    if not found:
        raise SqlError("there is no SQL", hint='for instance "select top 5 * from t"')
    return found


def _statements(tokens: list[Token]) -> list[tuple[list[Token], list[str]]]:
    """Return the tokens of each statement, and the comments of the semicolon behind it."""
    found: list[tuple[list[Token], list[str]]] = [([], [])]
    for token in tokens:
        if token.token_type == TokenType.SEMICOLON:
            found[-1] = (found[-1][0], list(token.comments))
            found.append(([], []))
        else:
            found[-1][0].append(token)
    return [(statement, comments) for statement, comments in found if statement]


def _written(
    tree: exp.Expr, source: str, target: str, line: int, *, pretty: bool
) -> tuple[str, tuple[str, ...]]:
    writer = Dialect.get_or_raise(target).generator(pretty=pretty, unsupported_level=ErrorLevel.IGNORE)
    warnings: list[str] = []
    if source != target:
        warnings += _kept(tree)
    try:
        text = writer.generate(tree)
    except (TypeError, AttributeError, LookupError, ValueError, RecursionError) as error:
        raise SqlError(f"line {line}: there are no {target} words for this {keyword(tree)}") from error
    warnings += [m.rstrip(".") for m in writer.unsupported_messages]
    return text, tuple(dict.fromkeys(warnings))


def _kept(tree: exp.Expr) -> list[str]:
    """Return what goes into the other dialect as it was written, since it was not understood."""
    found = [f"{keyword(c)} is not understood and kept as written" for c in tree.find_all(exp.Command)]
    for call in tree.find_all(exp.Anonymous):
        found.append(f"function {str(call.this).upper()} is not known and kept as written")
    return found
