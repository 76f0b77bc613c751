"""PREPARE, EXECUTE, DEALLOCATE: statements that are kept under a name, and done with values for their parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp
from sqlglot.errors import ParseError

from dwkit.errors import did_you_mean
from dwkit.sql.query import is_query, keyword, statements
from dwkit.sql.statements.run import Run
from dwkit.sql.tokens import numbered

__all__ = ["PREPARING", "Prepared", "dropped", "executed", "prepared"]

PREPARING = frozenset({"postgres", "redshift", "duckdb", "datafusion", "trino"})
"""Dialects that have these statements."""

_NAME = r'\s*("(?:[^"]|"")+"|\w+)'
_TYPES = r"(?:\s*\(((?:[^()]|\([^()]*\))*)\))?"
_HEAD = re.compile(_NAME + _TYPES + r"\s*\b(?:AS|FROM)\b", re.IGNORECASE)
_CALL = re.compile(_NAME + r"\s*(?:\((.*)\)|USING\b(.*)|)\s*;?\s*", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement under a name.

    Attributes:
        text: the script that the places of its nodes refer to.
        kinds: types of its parameters, where they are told.
        count: how many parameters it has.
    """

    name: str
    tree: exp.Expr
    text: str
    kinds: tuple[exp.DataType, ...]
    count: int


def prepared(run: Run, known: Mapping[str, Prepared]) -> Prepared:
    """Run a PREPARE.

    Raises:
        SqlError: it does not parse or bind, or there is a statement of that name.
    """
    words = run.tree.text("expression")
    head = _HEAD.match(words)
    if head is None:
        raise run.error("PREPARE wants a name and a statement", hint="PREPARE p(INT) AS SELECT $1 + 1")
    name = _plain(head[1])
    if name in known:
        raise run.error(f"there is a prepared statement {name!r} already", hint=f"DEALLOCATE {name}")
    trees = _parsed(run, words, head.end(), len(words))
    if len(trees) != 1:
        raise run.error("PREPARE wants one statement")
    kinds = tuple(_kind(run, t) for t in _split(head[2])) if head[2] else ()
    count = _number(run, trees[0])
    if kinds and len(kinds) != count and run.dialect == "datafusion":
        raise run.error(f"{len(kinds)} types for {count} parameters")
    made = Prepared(name, trees[0], run.text, kinds, max(count, len(kinds)))
    if is_query(made.tree) and len(kinds) >= count:  # to see that it binds
        filled = _filled(made, [exp.cast(exp.Null(), k) for k in kinds])
        run.lazy(run.query(filled)).collect_schema()
    return made


def executed(run: Run, known: Mapping[str, Prepared]) -> Run:
    """Return what an EXECUTE runs: the prepared statement with values for its parameters.

    Raises:
        SqlError: there is no such statement, it has another number of parameters.
    """
    words = run.tree.text("expression")
    call = _CALL.fullmatch(words)
    if call is None:
        raise run.error("EXECUTE wants the name of a prepared statement", hint="EXECUTE p(1, 'a')")
    made = _known(run, known, _plain(call[1]))
    place = 2 if call[2] is not None else 3
    given = _arguments(run, words, *call.span(place)) if (call[place] or "").strip() else []
    if len(given) != made.count:
        raise run.error(f"{made.name!r} has {made.count} parameters, {len(given)} are given")
    return replace(run, tree=_filled(made, given), text=made.text)


def dropped(run: Run, known: Mapping[str, Prepared]) -> dict[str, Prepared]:
    """Return the prepared statements that there are after a DEALLOCATE.

    Raises:
        SqlError: there is none of that name.
    """
    found = re.fullmatch(r"\s*(?:PREPARE\b)?" + _NAME + r"\s*", run.tree.text("expression"), re.IGNORECASE)
    if found is None:
        raise run.error("DEALLOCATE wants the name of a prepared statement, or ALL")
    if found[1].upper() == "ALL":
        return {}
    gone = _known(run, known, _plain(found[1])).name
    return {n: p for n, p in known.items() if n != gone}


def _known(run: Run, known: Mapping[str, Prepared], name: str) -> Prepared:
    if name not in known:
        hint = did_you_mean(name, list(known)) or "PREPARE name AS ... makes one"
        raise run.error(f"no prepared statement {name!r}", hint=hint)
    return known[name]


def _plain(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()


def _parsed(run: Run, words: str, start: int, end: int, around: str = "") -> list[exp.Expr]:
    """Parse a part of the statement behind as much white space, so that names keep their places."""
    first = max(run.text.find(words), numbered(run.text).find(words)) + start
    before = re.sub(r"[^\n]", " ", run.text[:first])
    part = run.text[first : first + end - start]
    if around:
        before, part = before[:-1], around[0] + part + around[1]
    return statements(before + part, run.dialect, shown=run.text)


def _arguments(run: Run, words: str, start: int, end: int) -> list[exp.Expr]:
    [tree] = _parsed(run, words, start, end, "()")
    inner = tree.expressions if isinstance(tree, exp.Tuple) else [tree.this]
    for node in inner:
        if node.find(exp.Column, exp.Query, exp.Kwarg, exp.PropertyEQ) is not None:
            raise run.error("EXECUTE wants values in the order of the parameters", node)
        for one in node.walk():  # its place is in another text than that of the prepared statement
            one.meta.pop("start", None)
    return [n.copy() for n in inner]


def _split(text: str) -> list[str]:
    """Return what commas part that stand in no parentheses."""
    return re.findall(r"(?:[^,()]|\([^()]*\))+", text)


def _kind(run: Run, text: str) -> exp.DataType:
    try:
        return exp.DataType.build(text.strip(), dialect=run.dialect)
    except ParseError:
        raise run.error(f"there is no type {text.strip()}") from None


def _parameters(tree: exp.Expr) -> list[tuple[exp.Expr, str]]:
    """Return the parameters of a statement in order, each with its number or name; ``?`` are numbered."""
    found: list[tuple[exp.Expr, str]] = []
    for node in tree.find_all(exp.Placeholder, exp.Parameter, bfs=False):
        name = node.name or str(node.this or "")
        found.append((node, name if name.strip("?") else str(len(found) + 1)))
    return found


def _number(run: Run, tree: exp.Expr) -> int:
    """Return how many parameters a statement has.

    Raises:
        SqlError: one of them has a name instead of a number.
    """
    names = {name for _, name in _parameters(tree)}
    unknown = next((n for n in sorted(names) if not n.isdigit() or n == "0"), None)
    if unknown is not None:
        raise run.error(f"the parameter {unknown!r} of {keyword(tree)} has no number", hint="$1, $2, ...")
    return max(map(int, names), default=0)


def _filled(made: Prepared, values: Sequence[exp.Expr]) -> exp.Expr:
    """Return the statement with values for its parameters, of the types that were told for them."""
    tree = made.tree.copy()
    for node, name in _parameters(tree):
        number = int(name) - 1
        value = values[number].copy()
        if number < len(made.kinds):
            value = exp.cast(value, made.kinds[number].copy())
        node.replace(value if isinstance(value, (exp.Literal, exp.Cast)) else exp.Paren(this=value))
    return tree
