"""Oracle's ROWNUM: the number of a row that WHERE lets through, before rows are grouped or ordered."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce

from sqlglot import exp

from dwkit.sql.bind.conditions import split
from dwkit.sql.bind.context import Context

__all__ = ["spell_out"]

_HINT = "SELECT ... FROM (the query) WHERE ROWNUM <= n, or FETCH FIRST n ROWS ONLY"
_MIRRORED: dict[type[exp.Expr], type[exp.Binary]] = {
    exp.GTE: exp.LTE, exp.GT: exp.LT, exp.EQ: exp.EQ, exp.LTE: exp.GTE, exp.LT: exp.GT,
}  # fmt: skip


def spell_out(context: Context, select: exp.Select) -> None:
    """Write LIMIT for a bound of ROWNUM in WHERE, and ROW_NUMBER() OVER () for its value, in place.

    Raises:
        SqlError: ROWNUM where a LIMIT after all clauses would not be the same.
    """
    found = list(_rownums(select))
    if not found:
        return
    where = select.args.get("where")
    bounds: list[int] = []
    rest: list[exp.Expr] = []
    for part in split(where.this) if where is not None else ():
        if any(True for _ in _rownums(part)):
            bounds.append(_bound(context, part))
        else:
            rest.append(part)
    grouped = [k for k in ("group", "having", "distinct") if select.args.get(k)]
    counted = any(e.find(exp.AggFunc, exp.Window) for e in select.expressions)
    ordered = bounds and any(select.args.get(k) for k in ("order", "limit", "offset"))
    if grouped or counted or ordered:
        raise context.refuse("ROWNUM of rows that are then grouped, counted or ordered", found[0], _HINT)
    if bounds:
        made = reduce(lambda a, b: exp.And(this=a, expression=b), rest) if rest else None
        select.set("where", exp.Where(this=made) if made is not None else None)
        select.set("limit", exp.Limit(expression=exp.Literal.number(min(bounds))))
    for one in list(_rownums(select)):
        number: exp.Expr = exp.Window(this=exp.RowNumber())
        context.notice(number)
        one.replace(exp.alias_(number, "rownum") if one.parent is select else number)


def _rownums(node: exp.Expr) -> Iterator[exp.Column]:
    """Return ROWNUM in a clause, not that of the queries in it."""
    for one in node.walk(prune=lambda n: n is not node and isinstance(n, exp.Query)):
        if isinstance(one, exp.Column) and len(one.parts) == 1 and one.name.upper() == "ROWNUM":
            yield one


def _bound(context: Context, node: exp.Expr) -> int:
    """Return how many rows a comparison of ROWNUM lets through: the first ones, as it counts what was let through."""
    kind, left, right = type(node), node.this, node.args.get("expression")
    if kind in _MIRRORED and isinstance(left, exp.Literal):
        kind, left, right = _MIRRORED[kind], right, left
    if isinstance(left, exp.Column) and isinstance(right, exp.Literal) and right.is_int:
        number = int(right.this)
        if kind is exp.LTE or (kind is exp.EQ and number == 1):
            return max(number, 0)
        if kind is exp.LT:
            return max(number - 1, 0)
    raise context.refuse("this condition on ROWNUM", node, "ROWNUM <= n")
