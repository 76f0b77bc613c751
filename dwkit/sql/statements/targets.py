"""What a statement is about to make or change."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

__all__ = ["targets"]


def targets(tree: exp.Expr) -> Iterator[exp.Table]:
    """Return the tables, views and schemas that a statement makes, changes or drops."""
    into = tree.find(exp.Into) if isinstance(tree, exp.Query) else None
    found: list[exp.Expr | None] = []
    match tree:
        case exp.Drop():
            found = list(tree.args.get("tables") or [tree.this])
        case exp.TruncateTable():
            found = list(tree.expressions)
        case exp.Create() | exp.Insert() | exp.Update() | exp.Delete() | exp.Merge() | exp.Alter():
            found = [tree.this]
        case exp.Copy() if tree.args.get("kind"):
            found = [tree.this]
        case _ if into is not None:
            found = [into.this]
    for node in found:
        inner = node.this if isinstance(node, exp.Schema) else node
        if isinstance(inner, exp.Index):
            inner = inner.args.get("table")
        if isinstance(inner, exp.Table):
            yield inner
