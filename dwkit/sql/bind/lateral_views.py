"""Spark's functions of several rows and columns in a SELECT list: written as the LATERAL VIEW that they stand for."""

from __future__ import annotations

from sqlglot import exp

from dwkit.sql.bind.context import Context

__all__ = ["spell_out"]

_GENERATORS = (
    exp.Explode, exp.ExplodeOuter, exp.Posexplode, exp.PosexplodeOuter, exp.Inline, exp.Stack,
)  # fmt: skip
_VIEW = "dwkit:generated"


def spell_out(context: Context, select: exp.Select) -> None:
    """Replace ``explode(m) AS (key, value)``, or one without a name, by columns of a lateral view, in place.

    Raises:
        SqlError: it stands beside another one, or where rows are grouped.
    """
    if context.dialect not in ("spark", "databricks"):
        return
    found = [e for e in select.expressions if _is_generator(e)]
    if not found:
        return
    [first, *others] = found
    if others:
        raise context.error("one function of several rows is allowed in a SELECT list", others[0])
    if select.args.get("group") or any(e.find(exp.AggFunc, exp.Window) for e in select.expressions):
        raise context.refuse("a function of several rows where rows are grouped", first)
    names = [i.name for i in first.expressions] if isinstance(first, exp.Aliases) else []
    names += [first.alias] if isinstance(first, exp.Alias) else []
    columns = [exp.to_identifier(f"{_VIEW}{n}", quoted=True) for n in range(len(names))]
    made: list[exp.Expr] = []
    for one in select.expressions:
        if one is not first:
            made += _named(context, select, one) if isinstance(one, exp.Star) else [one]
        elif names:
            made += [
                exp.alias_(exp.column(c.copy(), table=_view()), n, quoted=True)
                for c, n in zip(columns, names, strict=True)
            ]
        else:
            made.append(exp.Column(this=exp.Star(), table=_view()))
    function = _function(first)
    alias = exp.TableAlias(this=_view(), columns=columns)
    outer = isinstance(function, (exp.ExplodeOuter, exp.PosexplodeOuter))
    select.append("laterals", exp.Lateral(this=function, view=True, outer=outer, alias=alias))
    select.set("expressions", made)


def _is_generator(node: exp.Expr) -> bool:
    return isinstance(_function(node), _GENERATORS)


def _function(node: exp.Expr) -> exp.Expr:
    return node.this if isinstance(node, (exp.Alias, exp.Aliases)) else node


def _view() -> exp.Identifier:
    return exp.to_identifier(_VIEW, quoted=True)


def _named(context: Context, select: exp.Select, star: exp.Star) -> list[exp.Expr]:
    """Return ``*`` as ``t.*`` of each table, so that the view is not among them."""
    joins = select.args.get("joins") or []
    clause = select.args.get("from_")
    sources = [clause.this] if clause is not None else []
    sources += [j.this for j in joins] + (select.args.get("laterals") or [])
    names = [s.alias_or_name for s in sources]
    if not all(names) or any(j.args.get("using") or j.args.get("method") for j in joins):
        raise context.refuse("* beside a function of several rows", star)
    return [exp.Column(this=star.copy(), table=exp.to_identifier(n)) for n in names]
