"""QUOTE, and LUHN_CHECK of the digits of a card."""

from __future__ import annotations

import polars as pl

from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.types import is_number
from dwkit.sql.value import Value

__all__ = ["QUOTING"]

_TEXT = pl.String()


def _quote(call: Call) -> Value:
    """QUOTE: a value as a literal, as its dialect writes one."""
    value = call.args()[0]
    text = call.as_text(value)
    if call.dialect in ("spark", "databricks"):
        return call.value(_between(text.str.replace_all("'", r"\'", literal=True)), _TEXT)
    if call.dialect == "mysql":
        signs = {"\\": "\\\\", "'": "\\'", "\0": "\\0", "\x1a": "\\Z"}
        made = _between(text.str.replace_many(list(signs), list(signs.values())))
        return call.value(made.fill_null("NULL"), _TEXT)
    if call.dialect == "sqlite":
        if isinstance(value.dtype, pl.Binary):
            made = pl.concat_str(pl.lit("X'"), value.expr.bin.encode("hex").str.to_uppercase(), pl.lit("'"))
        else:
            number = is_number(value.dtype) or isinstance(value.dtype, pl.Boolean)
            made = text if number else _between(text.str.replace_all("'", "''", literal=True))
        return call.value(made.fill_null("NULL"), _TEXT)
    raise call.refuse(call.name)


def _between(text: pl.Expr) -> pl.Expr:
    return pl.concat_str(pl.lit("'"), text, pl.lit("'"))


_PAIRS = [f"{a}{b}" for a in range(10) for b in ["", *range(10)]]
"""Digits from the right, two by two: the second of them counts twice."""
_SUMS = [int(p[0]) + sum(divmod(2 * int(p[1:] or 0), 10)) for p in _PAIRS]


def _luhn_check(call: Call) -> Value:
    text = call.as_text(call.args()[0])
    pairs = text.str.reverse().str.extract_all(r"\d\d?")
    sums = pairs.list.eval(pl.element().replace_strict(_PAIRS, _SUMS, default=None, return_dtype=pl.Int64))
    sound = text.str.contains("^[0-9]+$") & (sums.list.sum() % 10 == 0)
    return call.value(sound, pl.Boolean())


def _quote_literal(call: Call) -> Value:
    """QUOTE_LITERAL(text) of PostgreSQL: with backslashes it is one with escapes."""
    text = call.as_text(call.args()[0])
    plain = _between(
        text.str.replace_all("'", "''", literal=True).str.replace_all("\\", "\\\\", literal=True)
    )
    back = text.str.contains("\\", literal=True)
    return call.value(pl.when(back).then(pl.concat_str(pl.lit("E"), plain)).otherwise(plain), _TEXT)


def _quote_name(call: Call) -> Value:
    """QUOTENAME(name) of SQL Server: between brackets, or between what is given."""
    text, *given = call.args()
    mark = given[0].constant if given else "["
    pairs = {
        "[": "[]",
        "]": "[]",
        "'": "''",
        '"': '""',
        "`": "``",
        "(": "()",
        ")": "()",
        "<": "<>",
        ">": "<>",
    }
    if mark not in pairs:
        raise call.refuse(f"{call.name} with this mark")
    first, last = pairs[mark][0], pairs[mark][1]
    inner = call.as_text(text).str.replace_all(last, last * 2, literal=True)
    return call.value(pl.concat_str(pl.lit(first), inner, pl.lit(last)), _TEXT)


QUOTING: Functions = {
    "QUOTE_LITERAL": _quote_literal, "QUOTENAME": _quote_name,
    "QUOTE": _quote, "LUHN_CHECK": _luhn_check,
}  # fmt: skip
