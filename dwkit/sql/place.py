"""Errors that point at the place in the user's own text."""

from __future__ import annotations

from sqlglot import exp

from dwkit.errors import SqlError

__all__ = ["at", "at_node", "position"]


def at(sql: str, message: str, line: int, column: int, *, dialect: str, hint: str = "") -> SqlError:
    """Return an error that shows a line of the text with a caret under a place.

    Args:
        line: counted from 1; 0 shows no place.
        column: counted from 1.
    """
    lines = sql.splitlines()
    if not 1 <= line <= len(lines):
        return SqlError(f"{message} (read as {dialect} SQL)", hint=hint)
    shown = lines[line - 1].replace("\t", " ")
    start = max(0, column - 60)
    cut = shown[start : start + 100]
    caret = " " * (column - 1 - start) + "^"
    return SqlError(
        f"line {line}, column {column}: {message} (read as {dialect} SQL)\n  {cut}\n  {caret}", hint=hint
    )


def at_node(sql: str, message: str, node: exp.Expr, *, dialect: str, hint: str = "") -> SqlError:
    """Return an error that points at a node of the tree."""
    line, column = position(sql, node)
    return at(sql, message, line, column, dialect=dialect, hint=hint)


def position(sql: str, node: exp.Expr) -> tuple[int, int]:
    """Return line and column (from 1) at which a node begins in the text, (0, 0) when that is not known.

    Names have their place in the tree; a quoted literal that stands alone is looked for in the text.
    """
    starts = [n.meta["start"] for n in node.walk() if "start" in n.meta]
    if not starts and isinstance(node, exp.Literal) and node.is_string:
        found = sql.find("'" + node.this.replace("'", "''") + "'")
        starts = [found] if found >= 0 else []
    if not starts:
        return 0, 0
    before = sql[: min(starts)]
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
