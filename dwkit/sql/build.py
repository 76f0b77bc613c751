"""Small pieces that rules are made of."""

from __future__ import annotations

from sqlglot import exp

__all__ = ["call", "case", "cast", "integer", "number", "paren"]


def call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    """Return a call of a function under the name that Polars has for it."""
    return exp.Anonymous(this=name, expressions=[a.copy() for a in arguments])


def cast(node: exp.Expr, kind: str) -> exp.Cast:
    """Return a CAST that no rule looks at again; its type is known."""
    to = exp.DataType.build(kind)
    made = exp.Cast(this=node.copy(), to=to)
    made.set("_rounded", True)
    made.type = to
    return made


def integer(node: exp.Expr) -> exp.Cast:
    """Return a signed 64-bit integer."""
    return cast(node, "BIGINT")


def number(value: int | str) -> exp.Literal:
    """Return a number that is not negative."""
    made = exp.Literal.number(value)
    assert isinstance(made, exp.Literal)
    return made


def case(*pairs: tuple[exp.Expr, exp.Expr], default: exp.Expr | None = None) -> exp.Case:
    """Return CASE WHEN a THEN b ... ELSE default END."""
    ifs = [exp.If(this=when.copy(), true=then.copy()) for when, then in pairs]
    return exp.Case(ifs=ifs, default=default.copy() if default is not None else None)


def paren(node: exp.Expr) -> exp.Expr:
    """Return a copy that stands where any operator may stand around it."""
    if isinstance(node, (exp.Column, exp.Literal, exp.Paren, exp.Func)) and not isinstance(
        node, exp.Connector
    ):
        return node.copy()
    made = exp.Paren(this=node.copy())
    made.type = node.type
    return made
