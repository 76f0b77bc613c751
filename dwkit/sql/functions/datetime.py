"""Functions of dates, times, timestamps and intervals: one table of all."""

from __future__ import annotations

from sqlglot import exp

from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.functions.dates.arithmetic import ARITHMETIC
from dwkit.sql.functions.dates.clock import CLOCK
from dwkit.sql.functions.dates.construction import CONSTRUCTION
from dwkit.sql.functions.dates.distance import DISTANCE
from dwkit.sql.functions.dates.epoch import EPOCH
from dwkit.sql.functions.dates.fields import FIELDS
from dwkit.sql.functions.dates.formatting import FORMATTING
from dwkit.sql.functions.dates.oracle import ORACLE
from dwkit.sql.functions.dates.parsing import PARSING
from dwkit.sql.functions.dates.series import SERIES
from dwkit.sql.functions.dates.sqlite import SQLITE
from dwkit.sql.functions.dates.truncation import TRUNCATION
from dwkit.sql.functions.dates.tsql import TSQL
from dwkit.sql.functions.dates.zones import ZONES
from dwkit.sql.functions.interval import interval_of
from dwkit.sql.value import Value

__all__ = ["DATETIME"]


def _interval(call: Call) -> Value:
    call.given("fraction_in_string")
    return interval_of(call, call.node.this, call.given("unit"))


DATETIME: Functions = {
    exp.Interval: _interval,
    **FIELDS,
    **TRUNCATION,
    **DISTANCE,
    **ARITHMETIC,
    **CLOCK,
    **ZONES,
    **CONSTRUCTION,
    **EPOCH,
    **FORMATTING,
    **PARSING,
    **SERIES,
    **SQLITE,
    **ORACLE,
    **TSQL,
}
