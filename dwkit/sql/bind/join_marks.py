"""Oracle's join mark: ``a.x = b.x (+)`` in WHERE, spelt out as a LEFT JOIN."""

from __future__ import annotations

from functools import reduce

from sqlglot import exp

from dwkit.sql.bind.conditions import split
from dwkit.sql.bind.context import Context

__all__ = ["spell_out"]


def spell_out(context: Context, select: exp.Select) -> None:
    """Write LEFT JOINs for the conditions of WHERE with join marks, in place.

    A table whose columns are marked is joined after the tables that its conditions name; what is not marked stays in WHERE.

    Raises:
        SqlError: a mark that has no meaning, or stands beside a JOIN.
    """
    where = select.args.get("where")
    if (
        "(+)" not in context.sql
        or where is None
        or not any(_is_marked(c) for c in where.this.find_all(exp.Column))
    ):
        return
    source, joins = select.args.get("from_"), select.args.get("joins") or []
    if source is None or any(j.args.get(k) for j in joins for k in ("on", "using", "side", "method")):
        raise context.refuse("the join mark (+) beside JOIN", where, "write all of them as JOIN")
    tables = {t.alias_or_name.lower(): t for t in (source.this, *(j.this for j in joins))}
    conditions: dict[str, list[exp.Expr]] = {}
    rest: list[exp.Expr] = []
    for part in list(split(where.this)):  # all, before marks are taken off
        name = _marked_table(context, part, tables)
        (conditions.setdefault(name, []) if name else rest).append(part)
    ordered = [n for n in tables if n not in conditions]
    if not ordered:
        raise context.error("join marks at all tables", where)
    waiting = [n for n in tables if n in conditions]
    while waiting:
        ready = next((n for n in waiting if _named(conditions[n], tables) <= {*ordered, n}), None)
        if ready is None:
            raise context.error("tables with join marks that wait for each other", where)
        waiting.remove(ready)
        ordered.append(ready)
    _keep_order_of_columns(select, list(tables), ordered)
    made = []
    for name in ordered[1:]:
        if name in conditions:
            made.append(exp.Join(this=tables[name], side="LEFT", on=_all(conditions[name])))
        else:
            made.append(exp.Join(this=tables[name], kind="CROSS"))
    select.set("from_", exp.From(this=tables[ordered[0]]))
    select.set("joins", made)
    select.set("where", exp.Where(this=_all(rest)) if rest else None)


def _is_marked(column: exp.Expr) -> bool:
    return bool(column.args.get("join_mark"))


def _marked_table(context: Context, part: exp.Expr, tables: dict[str, exp.Expr]) -> str | None:
    """Return the table whose columns a condition marks, and take the marks off; None where it marks none."""
    marked = [c for c in part.find_all(exp.Column) if _is_marked(c)]
    if not marked:
        return None
    names = {c.table.lower() for c in marked}
    if len(names) > 1 or not names <= tables.keys():
        raise context.refuse(
            "the join mark (+) of several tables or of a column without its table", marked[0]
        )
    if part.find(exp.Or) is not None:
        raise context.refuse("the join mark (+) beside OR", marked[0])
    for column in marked:
        column.set("join_mark", None)
    return names.pop()


def _named(conditions: list[exp.Expr], tables: dict[str, exp.Expr]) -> set[str]:
    """Return the tables that conditions name."""
    found = {c.table.lower() for one in conditions for c in one.find_all(exp.Column)}
    return found & tables.keys()


def _keep_order_of_columns(select: exp.Select, before: list[str], after: list[str]) -> None:
    """Write ``a.*, b.*`` for ``*`` where the tables are now in another order."""
    if before == after:
        return
    items: list[exp.Expr] = []
    for one in select.expressions:
        stars = [exp.Column(this=exp.Star(), table=exp.to_identifier(n)) for n in before]
        items += stars if isinstance(one, exp.Star) else [one]
    select.set("expressions", items)


def _all(conditions: list[exp.Expr]) -> exp.Expr:
    return reduce(lambda a, b: exp.And(this=a, expression=b), conditions)
