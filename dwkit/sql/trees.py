"""What is asked of sqlglot's trees again and again, in one walk each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, TypeVar

from sqlglot import exp

__all__ = ["by_kind", "columns_of", "copied", "has_query"]

_Node = TypeVar("_Node", bound=exp.Expr)


def by_kind(tree: exp.Expr) -> Mapping[type[exp.Expr], list[Any]]:
    """Return the nodes of a tree by their classes, those nearer to the root first."""
    found: dict[type[exp.Expr], list[Any]] = defaultdict(list)
    for node in tree.walk():
        found[type(node)].append(node)
    return found


def columns_of(node: exp.Expr) -> list[exp.Column]:
    """Return the columns of an expression, not those of the subqueries in it."""
    found: list[exp.Column] = []
    waiting = [node]
    for one in waiting:
        if isinstance(one, exp.Column):
            found.append(one)
        elif not isinstance(one, exp.Query):
            waiting += one.iter_expressions()
    return found


def has_query(node: exp.Expr) -> bool:
    """Whether there is a subquery in an expression."""
    waiting = [node]
    for one in waiting:
        if isinstance(one, exp.Query):
            return True
        if not isinstance(one, (exp.Column, exp.Literal)):
            waiting += one.iter_expressions()
    return False


def copied(node: _Node) -> _Node:
    """Return a copy of a tree, which takes sqlglot twice as long."""
    made = type(node)(**{k: _copied(v) for k, v in node.args.items()})
    if node.comments is not None:
        made.comments = list(node.comments)
    made.type = node.type
    if node.meta:
        made.meta.update(node.meta)
    return made


def _copied(part: Any) -> Any:
    if isinstance(part, exp.Expr):
        return copied(part)
    if isinstance(part, list):
        return [_copied(p) for p in part]
    return part
