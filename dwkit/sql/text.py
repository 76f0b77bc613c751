"""A query's text as the user typed it: where things stand in it, and errors that show the place."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlglot import exp

from dwkit.errors import SqlError

__all__ = ["Text"]

_WIDTH = 100


@dataclass(frozen=True)
class Text:
    """One text of SQL and the dialect in which it is read.

    Attributes:
        sql: as typed.
        dialect: sqlglot's name of the dialect.
    """

    sql: str
    dialect: str

    def error(
        self, message: str, at: exp.Expression | tuple[int, int] | None = None, *, hint: str = ""
    ) -> SqlError:
        """Return an error whose message shows the place, with a caret under it.

        Args:
            message: what is wrong.
            at: a node that was read from this text, or offsets of the first and the last character.
            hint: what to type instead.
        """
        span = span_of(at) if isinstance(at, exp.Expression) else at
        if span is None and isinstance(at, exp.Placeholder | exp.Parameter):
            span = self._find(rf"[:@$]{re.escape(at.name)}\b")
        if span is None or span[0] >= len(self.sql):
            return SqlError(f"{message} (read as {self.dialect})", hint=hint)
        line, column = self.place(span[0])
        return SqlError(
            f"line {line}, column {column}: {message} (read as {self.dialect})\n{self._shown(*span)}",
            hint=hint,
        )

    def place(self, offset: int) -> tuple[int, int]:
        """Return line and column, both from 1, of a character."""
        before = self.sql[:offset]
        return before.count("\n") + 1, offset - before.rfind("\n")

    def place_of(self, node: exp.Expression) -> tuple[int, int]:
        """Return line and column of a node, ``(1, 1)`` where they are not known."""
        span = span_of(node)
        return self.place(span[0]) if span else (1, 1)

    def offset(self, line: int, column: int) -> int:
        """Return the offset of a line and column, both from 1."""
        return sum(len(one) + 1 for one in self.sql.split("\n")[: line - 1]) + column - 1

    def _find(self, pattern: str) -> tuple[int, int] | None:
        found = re.search(pattern, self.sql)
        return (found.start(), found.end() - 1) if found else None

    def _shown(self, start: int, end: int) -> str:
        line_start = self.sql.rfind("\n", 0, start) + 1
        line_end = self.sql.find("\n", start)
        line_end = len(self.sql) if line_end < 0 else line_end
        line, at = self.sql[line_start:line_end].rstrip("\r").expandtabs(1), start - line_start
        width = max(1, min(end, line_end - 1) - start + 1)
        if len(line) > _WIDTH:
            cut = max(0, at - _WIDTH // 2)
            line = ("..." if cut else "") + line[cut : cut + _WIDTH]
            at = at - cut + (3 if cut else 0)
            width = min(width, max(1, len(line) - at))
        return f"  {line}\n  {' ' * at}{'^' * width}"


def span_of(node: exp.Expression) -> tuple[int, int] | None:
    """Return the offsets of the first and last character that are known to belong to a node."""
    starts, ends = [], []
    own = node.meta
    if "start" in own:
        return own["start"], own["end"]
    for one in node.walk():
        meta = one.meta
        if "start" in meta:
            starts.append(meta["start"])
            ends.append(meta["end"])
    return (min(starts), max(ends)) if starts else None
