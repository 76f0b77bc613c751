"""Functions of dates, times and timestamps."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.functions.interval import interval_of
from dwkit.sql.value import Value

__all__ = ["DATETIME", "FIELDS"]

FIELDS: Mapping[str, Callable[[pl.Expr], pl.Expr]] = {
    "YEAR": lambda d: d.dt.year(),
    "MONTH": lambda d: d.dt.month(),
    "DAY": lambda d: d.dt.day(),
    "QUARTER": lambda d: d.dt.quarter(),
}
"""Fields of a date or timestamp, each a whole number."""


def _field(call: Call, name: str, key: str) -> Value:
    make = FIELDS.get(name)
    if make is None:
        raise call.refuse(f"field {name}")
    return call.value(make(call.moment(key).expr).cast(pl.Int64), pl.Int64())


DATETIME: Functions = {
    exp.Interval: lambda call: interval_of(call, call.node.this, call.node.args.get("unit")),
    exp.Extract: lambda call: _field(call, call.word("this"), "expression"),
    exp.Year: lambda call: _field(call, "YEAR", "this"),
    exp.Month: lambda call: _field(call, "MONTH", "this"),
    exp.Day: lambda call: _field(call, "DAY", "this"),
}
