"""Functions of text."""

from __future__ import annotations

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Call, Functions, text
from dwkit.sql.value import Value

__all__ = ["STRING"]


def _substring(call: Call) -> Value:
    """Positions count from 1; a negative one counts from the end, one before the text takes its share of the length."""
    subject, start = call.text(), call.arg("start")
    length = call.maybe("length")
    if isinstance(start.constant, int) and start.constant > 0 and (length is None or length.is_constant):
        size = length.constant if length is not None else None
        return call.value(subject.str.slice(start.constant - 1, size), pl.String())
    raise call.refuse("SUBSTRING from a computed position")


def _concat(call: Call) -> Value:
    values = [call.as_text(v) for v in call.values()]
    return call.value(pl.concat_str(values, ignore_nulls=bool(call.node.args.get("coalesce"))), pl.String())


STRING: Functions = {
    exp.Upper: text(lambda s: s.str.to_uppercase()),
    exp.Lower: text(lambda s: s.str.to_lowercase()),
    exp.Length: text(lambda s: s.str.len_chars().cast(pl.Int64), dtype=pl.Int64()),
    exp.Substring: _substring,
    exp.Concat: _concat,
}
