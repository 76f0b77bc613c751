"""USING and NATURAL joins as what they stand for: conditions, and one column in the place of two.

Polars' SQL keeps both columns, and takes the left one where a RIGHT or FULL join needs the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

__all__ = ["merge_joins"]

_LEFT_PLACE = frozenset({"duckdb", "sqlite"})
"""Dialects in which a merged column stays where the left table has it; elsewhere it comes first."""

_Visible = list[tuple[str, exp.Expr]]
"""The columns that ``*`` stands for, in order: name, and where it comes from."""


def merge_joins(
    scope: Scope,
    columns: Mapping[str, Sequence[str]],
    dialect: str,
    missing: Callable[[exp.Identifier, str], Exception],
) -> None:
    """Rewrite the USING and NATURAL joins of one SELECT, its ``*`` and the columns that they merge; in place.

    Args:
        scope: of a SELECT whose names are bound.
        columns: of each source of the SELECT, by the name it has there.
        missing: makes the error for a column of USING that a side lacks.
    """
    select = scope.expression
    assert isinstance(select, exp.Select)
    joins = select.args.get("joins") or []
    if not any(_using(j) or _natural(j) for j in joins):
        return
    first = select.args["from_"].this.alias_or_name
    visible: _Visible = [(c, _column(first, c)) for c in columns[first]]
    merged: dict[str, exp.Expr] = {}
    for join in joins:
        right = join.this.alias_or_name
        theirs = {c.lower(): c for c in columns[right]}
        mine = {name.lower(): node for name, node in visible}
        names = _using(join)
        if _natural(join):
            names = [exp.to_identifier(n) for n, _ in visible if n.lower() in theirs]
        conditions: list[exp.Expr] = []
        for name in names:
            key = name.name.lower()
            if key not in mine or key not in theirs:
                raise missing(name, right if key in mine else first)
            other = _column(right, theirs[key])
            conditions.append(exp.EQ(this=mine[key].copy(), expression=other))
            merged[key] = _merged(join, mine[key], other)
        if conditions:
            join.set("on", exp.and_(*conditions, copy=False))
            join.set("kind", None if str(join.kind).upper() == "CROSS" else join.args.get("kind"))
        join.set("using", None)
        join.set("method", None)
        keys = {n.name.lower() for n in names}
        if str(join.kind).upper() in ("SEMI", "ANTI") or str(join.side).upper() in ("SEMI", "ANTI"):
            continue
        visible = [(n, merged[n.lower()] if n.lower() in keys else node) for n, node in visible]
        if dialect not in _LEFT_PLACE:
            visible.sort(key=lambda pair: pair[0].lower() not in keys)
        visible += [(c, _column(right, c)) for c in columns[right] if c.lower() not in keys]
    _replace_columns(scope, merged)
    select.set("expressions", [made for p in select.selects for made in _expanded(p, visible)])


def _using(join: exp.Join) -> list[exp.Identifier]:
    return [c.this if isinstance(c, exp.Column) else c for c in join.args.get("using") or ()]


def _natural(join: exp.Join) -> bool:
    return str(join.args.get("method") or "").upper() == "NATURAL"


def _merged(join: exp.Join, left: exp.Expr, right: exp.Expr) -> exp.Expr:
    side = str(join.side).upper()
    if side == "RIGHT":
        return right.copy()
    if side == "FULL":
        return exp.Coalesce(this=left.copy(), expressions=[right.copy()])
    return left.copy()


def _column(source: str, name: str) -> exp.Column:
    made = exp.column(exp.to_identifier(name, quoted=True), table=exp.to_identifier(source, quoted=True))
    made.meta["bound"] = True
    return made


def _replace_columns(scope: Scope, merged: Mapping[str, exp.Expr]) -> None:
    select = scope.expression
    for column in list(scope.find_all(exp.Column)):
        if len(column.parts) > 1 or column.name.lower() not in merged or column.find_ancestor(exp.Join):
            continue
        made = merged[column.name.lower()].copy()
        if column.parent is select and column.arg_key == "expressions":
            made = exp.alias_(made, column.name, quoted=True)
        column.replace(made)


def _expanded(projection: exp.Expr, visible: _Visible) -> list[exp.Expr]:
    if not isinstance(projection, exp.Star):
        return [projection]
    hidden = {e.name.lower() for e in projection.args.get("except_") or ()}
    renamed = {e.this.name.lower(): e.alias for e in projection.args.get("rename") or ()}
    replaced = {e.alias.lower(): e.this for e in projection.args.get("replace") or ()}
    made: list[exp.Expr] = []
    taken: set[str] = set()
    for name, node in visible:
        key = name.lower()
        if key in hidden:
            continue
        shown = renamed.get(key, name)
        if shown.lower() in taken:
            shown = f"{shown}:{node.table if isinstance(node, exp.Column) else ''}"
        taken.add(shown.lower())
        made.append(exp.alias_(replaced.get(key, node).copy(), shown, quoted=True))
    return made
