"""COLLATE: collations by code point, and those that a fold of the texts makes exact."""

from __future__ import annotations

import re

from sqlglot import exp

from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.value import Value

__all__ = ["COLLATIONS", "folded_alike"]

_BINARY = re.compile(
    r"c|posix|ucs_basic|c\.utf-?8|binary|utf8_binary|utf8|utf8mb4_bin|utf8_bin|utf8mb3_bin|latin1_bin|.*_bin2?", re.IGNORECASE
)  # fmt: skip
_FOLDS = {("sqlite", "nocase"): exp.Lower, ("duckdb", "nocase"): exp.Lower}
_COMPARISONS = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Between, exp.In)


def _name(node: exp.Expr) -> str:
    return str(node.name)


def _fold(node: exp.Expr, dialect: str) -> exp.Expr | None:
    """Return a text so that its code points are in the order of a collation, None where there is no such fold."""
    collation = _name(node.expression).lower()
    if (dialect, collation) in _FOLDS:
        return _FOLDS[dialect, collation](this=node.this)
    if (dialect, collation) == ("sqlite", "rtrim"):
        return exp.Trim(this=node.this, position="TRAILING")
    return None


def _collate(call: Call) -> Value:
    node = call.node
    if _BINARY.fullmatch(_name(node.expression)):
        return call.arg()
    folded = _fold(node, call.dialect)
    if folded is not None and isinstance(node.parent, exp.Ordered):
        return call.bind(folded)
    raise call.refuse(f"COLLATE {node.expression.sql()}" + (" here" if folded is not None else ""))


def folded_alike(node: exp.Expr, dialect: str) -> exp.Expr | None:
    """Return a comparison of which one side has a collation with both sides folded; None for any other."""
    if not isinstance(node, _COMPARISONS):
        return None
    sides = [n.unnest() for n in (node.this, node.args.get("expression")) if n is not None]
    marked = next((s for s in sides if isinstance(s, exp.Collate)), None)
    if marked is None or _fold(marked, dialect) is None:
        return None
    made = node.copy()
    for key in ("this", "expression", "low", "high"):
        side = made.args.get(key)
        if side is not None:
            made.set(key, _like(marked, side, dialect))
    if isinstance(made, exp.In):
        if made.args.get("query") is not None or made.args.get("unnest") is not None:
            return None
        made.set("expressions", [_like(marked, e, dialect) for e in made.expressions])
    return made


def _like(marked: exp.Expr, side: exp.Expr, dialect: str) -> exp.Expr:
    plain = side.unnest()
    inner = plain.this if isinstance(plain, exp.Collate) else plain
    folded = _fold(exp.Collate(this=inner.copy(), expression=marked.expression.copy()), dialect)
    assert folded is not None
    return folded


COLLATIONS: Functions = {exp.Collate: _collate}
