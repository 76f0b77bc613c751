"""TRY(expression): NULL where it would be an error."""

from __future__ import annotations

from sqlglot import exp

from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.value import Value

__all__ = ["TRYING"]

_STRICT = (
    exp.Add, exp.Sub, exp.Mul, exp.Neg, exp.Paren, exp.Column, exp.Identifier, exp.Literal, exp.Null, exp.Boolean,
    exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Abs, exp.Length, exp.Upper, exp.Lower, exp.DataType,
    exp.DataTypeParam, exp.Interval, exp.Var,
)  # fmt: skip
"""What is NULL where an argument is, and cannot itself be an error."""


def _try(call: Call) -> Value:
    node = call.node.this.copy()
    for one in list(node.walk()):
        if isinstance(one, exp.Div) and call.dialect == "duckdb":
            continue  # infinite, no error
        if isinstance(one, (exp.Div, exp.IntDiv, exp.Mod)):
            if not _is_literal(one.expression):
                one.set("expression", exp.Nullif(this=one.expression, expression=exp.Literal.number(0)))
            elif float(one.expression.name) == 0:
                one.set("expression", exp.Null())
        elif isinstance(one, exp.Cast) and not isinstance(one, exp.TryCast):
            made = exp.TryCast(**{**one.args, "safe": True})
            if one is node:
                node = made
            else:
                one.replace(made)
        elif not isinstance(one, (*_STRICT, exp.TryCast)):
            name = one.sql_name() if isinstance(one, exp.Func) else one.key.upper()
            raise call.error(f"TRY of {name} is not supported", hint="TRY_CAST, NULLIF(divisor, 0)")
    return call.bind(node)


def _is_literal(node: exp.Expr) -> bool:
    return isinstance(node, exp.Literal) and not node.is_string


TRYING: Functions = {exp.Try: _try}
