"""What Polars' SQL passes over in silence, or answers wrongly, is refused by its name and place."""

from __future__ import annotations

from sqlglot import exp

from dwkit.errors import SqlError
from dwkit.sql.place import at_node

__all__ = ["refuse"]

_CLAUSES: dict[type[exp.Expr], str] = {
    exp.Pivot: "PIVOT",
    exp.TableSample: "TABLESAMPLE",
    exp.MatchRecognize: "MATCH_RECOGNIZE",
    exp.Connect: "CONNECT BY",
    exp.Lateral: "LATERAL",
    exp.Lock: "FOR UPDATE",
    exp.Version: "time travel in SQL",
}
_ARGUMENTS = {"distribute": "DISTRIBUTE BY", "sort": "SORT BY", "cluster": "CLUSTER BY"}


def refuse(tree: exp.Expr, sql: str, dialect: str) -> None:
    """Check that a tree has nothing that would be answered wrongly.

    Raises:
        SqlError: it has; the message names it and shows the place.
    """
    for node in tree.walk():
        text, hint = _refused(node)
        if text:
            raise _error(f"{text} is not supported", node, sql, dialect, hint)


def _refused(node: exp.Expr) -> tuple[str, str]:
    for kind, name in _CLAUSES.items():
        if isinstance(node, kind):
            pivot = isinstance(node, exp.Pivot) and node.args.get("unpivot")
            return (
                "UNPIVOT" if pivot else name
            ), "--as-of asks an earlier version" if kind is exp.Version else ""
    if isinstance(node, exp.Select):
        for argument, name in _ARGUMENTS.items():
            if node.args.get(argument):
                return name, "ORDER BY sorts"
        where = node.args.get("where")
        if where is not None and _aggregate(where) is not None:
            return "an aggregate in WHERE", "HAVING is for conditions on groups"
    if isinstance(node, exp.Join) and str(node.side).upper() == "LEFT" and _unequal(node):
        return (
            "a LEFT JOIN without an equality",
            "as a RIGHT JOIN, with the tables the other way round, it is",
        )
    return "", ""


def _aggregate(tree: exp.Expr) -> exp.Expr | None:
    """Return an aggregate function of this SELECT, not of one within it."""
    for node in tree.walk(prune=lambda n: isinstance(n, (exp.Query, exp.Window))):
        if isinstance(node, exp.AggFunc):
            return node
    return None


def _unequal(join: exp.Join) -> bool:
    """Whether the two sides are compared, but nowhere for equality: Polars mixes up the columns then."""
    on = join.args.get("on")
    if on is None:
        return False
    parts = list(on.flatten()) if isinstance(on, exp.And) else [on]
    if any(isinstance(p, (exp.EQ, exp.NullSafeEQ)) and _between_sides(p) for p in parts):
        return False
    return any(_between_sides(c) for c in on.find_all(exp.LT, exp.LTE, exp.GT, exp.GTE, exp.NEQ, exp.Between))


def _between_sides(node: exp.Expr) -> bool:
    columns = list(node.find_all(exp.Column))
    return len(columns) > 1 and (len({c.table for c in columns}) > 1 or not columns[0].table)


def _error(text: str, node: exp.Expr, sql: str, dialect: str, hint: str) -> SqlError:
    placed: exp.Expr | None = node
    while placed is not None and not any("start" in n.meta for n in placed.walk()):
        placed = placed.parent
    return at_node(sql, text, placed or node, dialect=dialect, hint=hint)
