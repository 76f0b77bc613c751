"""What stays different from a dialect's own database; `docs/sql.md` lists it."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["DIFFERENCES", "Difference"]

_ALL = (
    "bigquery", "databricks", "datafusion", "duckdb", "mysql", "oracle", "postgres", "redshift", "snowflake", "spark", "sqlite",
    "trino", "tsql",
)  # fmt: skip


class Difference(NamedTuple):
    """One difference: the dialects that it is about, the construct, and what it does here."""

    dialects: tuple[str, ...]
    construct: str
    text: str


DIFFERENCES: tuple[Difference, ...] = (
    Difference(
        ("mysql", "tsql"), "collations that do not mind case, accents or trailing blanks",
        "Texts are compared sign by sign: 'a' = 'A' and 'a ' = 'a' are false, LIKE and REGEXP mind case; LOWER(), "
        "RTRIM() or ILIKE say what is meant.",
    ),
    Difference(("trino", "snowflake", "bigquery", "mysql"), "NaN = NaN", "True, and NaN is the greatest number, as in PostgreSQL."),
    Difference(
        ("datafusion",), "lists of a fixed size",
        "Lists like others: a NULL one is NULL, where DataFusion appends to as many NULLs as it has places.",
    ),
    Difference(
        ("datafusion",), "whole numbers beyond 64 bits", "Exact, up to 38 digits; DataFusion reads them as DOUBLE.",
    ),
    Difference(
        ("datafusion",), "columns of WITH RECURSIVE",
        "Of a type that has room for both parts; DataFusion casts to that of the first.",
    ),
    Difference(
        ("datafusion",), "is_nullable in information_schema.columns",
        "YES unless the column was declared NOT NULL: of a view's columns DataFusion finds out more.",
    ),
    Difference(("sqlite",), "mod(a, b) of integers", "An integer, as of %; in SQLite it is a real number."),
    Difference(
        ("sqlite",), "texts beside numbers in comparisons, MAX(a, b) and MIN(a, b)",
        "Compared as numbers, a text by the number that it begins with, except a literal that is no number beside a column "
        "of numbers. SQLite goes by the affinity of columns: s < 3 compares a column of text with '3'.",
    ),
    Difference(
        _ALL, "integers that leave their type",
        "Calculations are done in 64 bits, so INTEGER + INTEGER is a BIGINT and does not overflow; what leaves 64 bits is an error.",
    ),
    Difference(
        _ALL, "WITH RECURSIVE that does not end",
        "An error after 100,000 rounds, after 20 million rows, or after a minute of more than a thousand rounds; "
        "a LIMIT over it ends it.",
    ),
    Difference(
        ("spark", "databricks"), "TO_CHAR of a number that its format has no room for",
        "An error, also for a negative number without a sign in the format.",
    ),
    Difference(
        _ALL, "TO_NUMBER with a format", "A text that is not as the format says is an error (NULL with TRY_)."
    ),
    Difference(_ALL, "session time zone", "It is UTC; a timestamp with a time zone is shown in UTC."),
    Difference(
        _ALL, "names of months and days",
        "English, and weeks begin where the dialect's default says: no locale, NLS_TERRITORY, DATEFIRST, LANGUAGE or "
        "WEEK_START is read.",
    ),
    Difference(
        ("tsql", "trino", "oracle", "snowflake"), "AT TIME ZONE, SWITCHOFFSET, CONVERT_TIMEZONE",
        "The clock of the other zone, as a timestamp without a time zone; the offset is not kept with it.",
    ),
    Difference(
        _ALL, "an hour that a change of the clock repeats or leaves out",
        "A repeated hour is its first one; an hour left out is read an hour later.",
    ),
    Difference(_ALL, "fractions of a second", "Six digits; more are cut off."),
    Difference(
        ("spark",), "CAST, %, PMOD, NEXT_DAY, MAKE_INTERVAL, ABS, NEGATIVE, ELT, SIZE",
        "As in ANSI mode, the default of Spark 4: what cannot be cast, a divisor of 0, the name of no day, no element and "
        "what leaves its type are errors, not NULL and no other number; SIZE of NULL is NULL.",
    ),
    Difference(("spark", "databricks"), "SIZE(NULL), CARDINALITY(NULL)", "NULL, as in ANSI mode; without it -1."),
    Difference(
        _ALL, "TABLESAMPLE SYSTEM, SAMPLE BLOCK", "Each row has its own chance, as of BERNOULLI: there are no blocks of rows.",
    ),
    Difference(
        ("spark", "databricks"), "FORMAT_STRING and PRINTF",
        "%t shows the moment that a timestamp or a date is, where Spark reads its microseconds as milliseconds; "
        "%f, %e and %g take decimals as well as doubles.",
    ),
    Difference(
        ("spark", "databricks"), "patterns of TO_DATE and TO_TIMESTAMP",
        "A field such as dd is read from one digit as well as from two.",
    ),
    Difference(
        ("mysql",), "DATE_ADD and its kin of text", "A date or a timestamp by what the text holds, where MySQL gives text."
    ),
    Difference(
        ("datafusion",), "ARROW_CAST, ARROW_TYPEOF",
        "A value is held as Polars holds it: moments in microseconds, all text alike, dictionaries as their values. The name of a "
        "type is told of literals, of what is cast, of columns of the session's tables, of columns of numbers and of what "
        "common functions make of them; it is refused where nothing says it, as of a column of text of a file.",
    ),
    Difference(
        ("datafusion",), "DECIMAL of more than 38 digits",
        "Held in 38 digits: a value that needs more is an error, NULL with TRY_CAST.",
    ),
    Difference(("mysql",), "TIME", "From 00:00:00 to 23:59:59; a longer SEC_TO_TIME is an error, TIMEDIFF an interval."),
    Difference(
        ("tsql",), "CAST and CONVERT of a DATETIME to text without a style",
        "Written as a DATETIME2, 2024-01-31 10:00:00, where SQL Server's DATETIME gives Jan 31 2024 10:00AM.",
    ),
    Difference(
        ("oracle",), "DATE and TIMESTAMP as text without a format", "In the default NLS_DATE_FORMAT, DD-MON-RR, both."
    ),
    Difference(("oracle",), "TIMESTAMP - TIMESTAMP", "A number of days, as of two DATEs, where Oracle gives an interval."),
    Difference(("oracle",), "text as a date without a format", "ISO 8601 is read as well as DD-MON-RR."),
    Difference(("redshift",), "DATEDIFF in weeks", "Counts the Sundays that are passed; the manual does not say which day."),
    Difference(
        ("datafusion",), "the range of TIMESTAMP",
        "As far as microseconds of 64 bits go, where DataFusion's nanoseconds end in the year 2262; a cast beyond it is no error.",
    ),
    Difference(
        ("datafusion",), "AVG of intervals between timestamps",
        "In microseconds, where DataFusion cuts off at the unit of the timestamps, which may be seconds.",
    ),
    Difference(
        ("datafusion",), "timestamps of different time zones together",
        "Compared as moments; the first one's zone is that of both, in VALUES as well.",
    ),
    Difference(
        ("datafusion", "duckdb", "postgres", "redshift", "spark", "databricks"), "an interval as a result",
        "Months as 30 days in files and tables; in calculations months, days and time stay apart.",
    ),
    Difference(
        _ALL, "approximate counts, percentiles and most frequent values",
        "Exact; of equally frequent values those that come first.",
    ),
    Difference(
        ("datafusion", "duckdb", "postgres", "snowflake", "oracle", "mysql", "trino"), "SUM of integers beyond 64 bits",
        "An error: the sum is a BIGINT. Sum decimals or doubles where it may be greater.",
    ),
    Difference(
        ("postgres", "oracle"), "NUMERIC and NUMBER without digits",
        "As many digits as the number has; of a column and of computed text or doubles ten after the point, rounded.",
    ),
    Difference(
        ("postgres", "oracle"), "quotients of decimals", "Sixteen digits after the point, or as many as the operands have.",
    ),
    Difference(
        ("postgres", "oracle"), "AVG of integers and decimals", "A decimal of 16 digits after the point, rounded.",
    ),
    Difference(
        ("oracle", "mysql", "trino", "snowflake", "redshift"), "LISTAGG, GROUP_CONCAT",
        "The text may have any length: ON OVERFLOW and group_concat_max_len have nothing to do.",
    ),
    Difference(
        ("mysql",), "a column that is neither grouped by nor in an aggregate",
        "The value of the first row of the group, as without ONLY_FULL_GROUP_BY.",
    ),
    Difference(
        _ALL, "text that is no JSON", "What takes a part of it gives NULL; PARSE_JSON and casts to JSON are errors where "
        "the text is a literal or is read by PARSE_JSON.",
    ),
    Difference(
        ("sqlite",), "JSON_EXTRACT, ->>",
        "Text, of a number as well: CAST(j ->> '$.a' AS INTEGER) is sorted and compared as a number is.",
    ),
    Difference(
        ("postgres", "mysql"), "JSONB and JSON", "The keys of an object stay in the order in which they are written.",
    ),
    Difference(
        ("snowflake", "databricks", "redshift", "postgres", "bigquery", "oracle", "mysql"), "JSON and VARIANT columns",
        "A table keeps them as text: cast a part of it, as in v:a::int, before it is compared, sorted or summed.",
    ),
    Difference(_ALL, "maps as a result", "A list of the entries, as structs of key and value."),
    Difference(("datafusion",), "NaN and -NaN", "There is one NaN, the greatest number; it equals itself."),
    Difference(
        ("datafusion",), "PERCENTILE_CONT", "Interpolated exactly; DataFusion cuts off the share between two values after six digits.",
    ),
    Difference(
        ("datafusion",), "APPROX_MEDIAN, APPROX_PERCENTILE_CONT",
        "What the t-digest gives for up to fifty rows; of more rows the exact percentile.",
    ),
    Difference(
        ("datafusion",), "COVAR, REGR_SLOPE and their kin of REAL", "Calculated in doubles.",
    ),
    Difference(
        ("datafusion",), "NOT IN (SELECT ...) beside OR", "Unknown where NULL decides, as in the standard; DataFusion takes it for true.",
    ),
    Difference(
        ("duckdb", "postgres", "redshift"), "dates that are infinite, before Christ or after the year 9999, and 24:00:00",
        "No value of a date, a timestamp or a time: a cast is an error, TRY_CAST of a column gives NULL.",
    ),
    Difference(
        ("duckdb", "postgres"), "UUID", "Text in small letters with hyphens; a column of UUIDs is compared with text that is written so.",
    ),
    Difference(
        ("duckdb",), "the current time within a transaction", "That of each statement, not of the transaction's begin.",
    ),
    Difference(
        ("duckdb",), "VARIANT", "Text that holds JSON, as of JSON: it is compared with a number or a text by what it holds, not by its type.",
    ),
    Difference(
        ("duckdb",), "FAVG, FSUM, KAHAN_SUM", "Sums of doubles as by SUM and AVG: the error of rounding is not carried on.",
    ),
    Difference(
        ("duckdb",), "STRUCTs without names", "ROW(1, 'a') is a struct with the fields v1 and v2.",
    ),
    Difference(_ALL, "rows that an ORDER BY of a window leaves equal", "They keep the order in which they were read."),
)  # fmt: skip
