"""Functions of dates, times, timestamps and intervals: one table of all."""

from __future__ import annotations

from sqlglot import exp

from dwkit.sql.functions.call import Builder, Call, Functions
from dwkit.sql.functions.dates.arithmetic import ARITHMETIC
from dwkit.sql.functions.dates.buckets import BUCKETS
from dwkit.sql.functions.dates.clock import CLOCK
from dwkit.sql.functions.dates.construction import CONSTRUCTION
from dwkit.sql.functions.dates.datafusion import DATAFUSION
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
from dwkit.sql.functions.synonyms import interval_place
from dwkit.sql.value import Value

__all__ = ["DATETIME"]


def _interval(call: Call) -> Value:
    if isinstance(call.node.this, exp.Tuple) and call.dialect == "mysql":
        return interval_place(call)
    call.given("fraction_in_string")
    return interval_of(call, call.node.this, call.given("unit"))


_TABLES: tuple[Functions, ...] = (
    {exp.Interval: _interval}, FIELDS, TRUNCATION, BUCKETS, DISTANCE, ARITHMETIC, CLOCK, ZONES, CONSTRUCTION, EPOCH, FORMATTING,
    PARSING, SERIES, SQLITE, ORACLE, TSQL,
)  # fmt: skip
_ARGUMENTS: dict[str, tuple[int, int]] = {
    "DATE_PART": (2, 2), "PGDATE_PART": (2, 2), "DATEPART": (2, 2), "YEARWEEK": (1, 2), "DATE_SUB": (2, 3), "DATEDIFF": (2, 3), "DATESUB": (2, 3), "AGE": (1, 2),
    "TIMEDIFF": (2, 2), "DATEADD": (2, 3), "DATE_ADD": (2, 3), "ADDDATE": (2, 2), "SUBDATE": (2, 2), "ADD_MONTHS": (2, 2),
    "ADDTIME": (2, 2), "SUBTIME": (2, 2), "NUMTODSINTERVAL": (2, 2), "NUMTOYMINTERVAL": (2, 2), "MAKE_DT_INTERVAL": (0, 4),
    "MAKE_YM_INTERVAL": (0, 2), "TIMEZONE": (2, 2), "AT_TIMEZONE": (2, 2), "WITH_TIMEZONE": (2, 2), "FROM_TZ": (2, 2),
    "TODATETIMEOFFSET": (2, 2), "MAKE_DATE": (1, 3), "MAKE_TIMESTAMP": (1, 7), "MAKE_TIMESTAMPTZ": (6, 7), "MAKE_TIMESTAMP_LTZ": (6, 7), "MAKE_TIMESTAMP_NTZ": (6, 6),
    "DATETIME2FROMPARTS": (8, 8), "SMALLDATETIMEFROMPARTS": (5, 5), "MAKEDATE": (2, 2), "UNIX_TIMESTAMP": (0, 2),
    "TO_UNIX_TIMESTAMP": (1, 2), "FROM_UNIXTIME": (1, 2), "PERIOD_ADD": (2, 2), "PERIOD_DIFF": (2, 2), "TO_CHAR": (1, 3),
    "TO_VARCHAR": (1, 2), "STRFTIME": (1, 9), "FORMAT": (1, 99), "DATENAME": (2, 2), "DATE_FORMAT": (2, 2),
    "TIME_FORMAT": (2, 2), "FORMAT_DATETIME": (2, 3), "FORMAT_DATE": (2, 2), "FORMAT_TIMESTAMP": (2, 3),
    "FORMAT_TIME": (2, 2), "STRPTIME": (2, 2), "TRY_STRPTIME": (2, 2), "STR_TO_DATE": (2, 2), "PARSE_DATE": (2, 2),
    "PARSE_TIMESTAMP": (2, 3), "PARSE_TIME": (2, 2), "PARSE_DATETIME": (2, 2), "DATE_PARSE": (2, 2), "DATE": (0, 9),
    "TIME": (0, 9), "DATETIME": (0, 9), "JULIANDAY": (0, 9), "UNIXEPOCH": (0, 9), "TRUNC": (1, 2), "DATE_BUCKET": (2, 4), "TIME_BUCKET": (2, 3), "DATE_BIN": (2, 3), "TIMESTAMP_BUCKET": (2, 3), "DATETIME_BUCKET": (2, 3),
    "SWITCHOFFSET": (2, 2), "TIME_TRUNC": (2, 2), **{f"{t}TO_{kind}": (1, 2) for t in ("", "TRY_") for kind in (
        "DATE", "TIME", "TIMESTAMP", "TIMESTAMP_NTZ", "TIMESTAMP_LTZ", "TIMESTAMP_TZ")},
    **dict.fromkeys(("NOW", "SYSDATE"), (0, 1)), **dict.fromkeys((
        "GET_CURRENT_TIMESTAMP", "TRANSACTION_TIMESTAMP", "STATEMENT_TIMESTAMP", "CLOCK_TIMESTAMP", "SYSDATETIMEOFFSET",
        "GETUTCDATE", "SYSUTCDATETIME", "CURRENT_LOCALTIMESTAMP"), (0, 0)),
}  # fmt: skip
"""How few and how many arguments a function has that sqlglot does not know; one, where it is not here."""


def _counted(name: str, builder: Builder) -> Builder:
    low, high = _ARGUMENTS.get(name, (1, 1))

    def build(call: Call) -> Value:
        count = len(call.node.expressions)
        if not low <= count <= high:
            many = str(low) if low == high else f"{low} to {high}"
            raise call.error(f"{name} wants {many} argument{'' if many == '1' else 's'}, not {count}")
        return builder(call)

    return build


def _of_dialect(own: Builder, others: Builder | None) -> Builder:
    """A function that DataFusion has a meaning of its own for; what no other dialect has is offered in all."""
    if others is None:
        return own
    return lambda call: own(call) if call.dialect == "datafusion" else others(call)


_ALL: Functions = {
    key: _counted(key, builder) if isinstance(key, str) else builder
    for table in _TABLES
    for key, builder in table.items()
}
DATETIME: Functions = {
    **_ALL, **{key: _of_dialect(builder, _ALL.get(key)) for key, builder in DATAFUSION.items()},
}  # fmt: skip
