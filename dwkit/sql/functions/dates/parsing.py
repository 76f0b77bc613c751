"""Text as dates: TO_DATE, TO_TIMESTAMP, STR_TO_DATE, PARSE_DATE, STRPTIME."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Builder, Call, Functions
from dwkit.sql.functions.dates import models
from dwkit.sql.functions.dates.epoch import of_seconds
from dwkit.sql.functions.dates.formatting import Model, pieces_of
from dwkit.sql.functions.dates.patterns import Piece
from dwkit.sql.functions.dates.zones import of_zone, zone_of
from dwkit.sql.types import is_date, is_number, is_text, is_timestamp
from dwkit.sql.value import Value, constant

__all__ = ["PARSING"]

_PLAIN = pl.Datetime("us")
_UTC = pl.Datetime("us", "UTC")
_SPARK = ("spark", "databricks")
_FIRST_YEAR = {
    "bigquery": 1970,
    "spark": 1970,
    "databricks": 1970,
    "snowflake": 1970,
    "trino": 1970,
    "duckdb": 1900,
}
"""The year of a date whose format has none."""


def read_code(call: Call, pieces: list[Piece], node: exp.Expr) -> str:
    """Return chrono's format that reads pieces.

    Raises:
        SqlError: a piece cannot be read.
    """
    made = ""
    for piece in pieces:
        if piece.reads is None:
            raise call.error("such a format can be written, but not read", node)
        made += piece.reads
    made = made.replace(".%f", "%.f")
    if "%f" in made:
        raise call.error("a fraction of a second is read after a point only", node)
    return made


def read_text(call: Call, text: pl.Expr, code: str, dtype: pl.DataType, *, strict: bool) -> pl.Expr:
    """Return text that a chrono format reads as a date, a time or a timestamp.

    Args:
        dtype: Date, Time, or Datetime with or without time zone.
    """
    has = {
        letter: bool(re.search(rf"(?<!%)%[-.:#\d]?{letter}", code.replace("%%", "")))
        for letter in "YymbBdejsHkIlMSzp"
    }
    if isinstance(dtype, pl.Time):
        if not has["M"]:
            text, code = pl.concat_str(text, pl.lit(" 00")), code + " %M"
        return text.str.to_time(code, strict=strict)
    if not has["s"]:
        missing: list[tuple[str, str]] = []
        if not (has["Y"] or has["y"]):
            missing.append(("%Y", str(_FIRST_YEAR.get(call.dialect, 0))))
        if not has["j"]:
            if not (has["m"] or has["b"] or has["B"]):
                missing.append(("%m", "01"))
            if not (has["d"] or has["e"]):
                missing.append(("%d", "01"))
        if not isinstance(dtype, pl.Date):
            if not (has["H"] or has["k"] or has["I"] or has["l"]):
                missing.append(("%H", "00"))
            elif (has["I"] or has["l"]) and not has["p"]:
                missing.append(("%p", "AM"))
            if not has["M"]:
                missing.append(("%M", "00"))
        if missing:
            text = pl.concat_str(text, pl.lit("".join(f"|{v}" for _, v in missing)))
            code += "".join(f"|{c}" for c, _ in missing)
    if has["z"]:
        made = text.str.replace(r"Z$", "+00:00").str.to_datetime(
            code, time_unit="us", time_zone="UTC", strict=strict
        )
    elif isinstance(dtype, pl.Date) and not has["s"] and not any(has[x] for x in "HkIlMS"):
        made = text.str.to_date(code, strict=strict).cast(_PLAIN)
    else:
        made = text.str.to_datetime(code, time_unit="us", strict=strict)
    if has["y"] and call.dialect in (*_SPARK, "tsql"):
        made = pl.when(made.dt.year() < 2000).then(made.dt.offset_by("100y")).otherwise(made)
    elif has["y"] and call.dialect == "oracle":
        made = pl.when(made.dt.year() >= 2050).then(made.dt.offset_by("-100y")).otherwise(made)
    return made


def parsed(
    call: Call,
    value: Value,
    model: Model,
    node: exp.Expr,
    dtype: pl.DataType,
    *,
    safe: bool,
    zone: exp.Expr | None = None,
) -> Value:
    """Return text read by a format.

    Raises:
        SqlError: the format is no literal or not supported; the text is a literal that it does not read.
    """
    pieces = pieces_of(call, model, node)
    code = read_code(call, pieces, node)
    if (
        not re.search(r"%[-.:#]?[Yy]", code)
        and not isinstance(dtype, pl.Time)
        and "%s" not in code
        and call.dialect not in _FIRST_YEAR
    ):
        raise call.refuse("a date without a year in its format")
    if safe and call.dialect == "duckdb" and re.search(r"%[aAZ]", code):
        raise call.refuse("TRY_STRPTIME with a weekday or the name of a time zone in its format")
    expr = call.as_text(value)

    def make(text: pl.Expr, *, strict: bool) -> pl.Expr:
        made = read_text(call, text, code, dtype, strict=strict)
        if isinstance(dtype, pl.Time):
            return made
        aware = (
            "z" in re.sub(r"%[^zZ#:]", "", code) and "%" in code and re.search(r"%[:#]?z", code) is not None
        )
        if isinstance(dtype, pl.Date):
            return made.dt.date()
        if isinstance(dtype, pl.Datetime) and dtype.time_zone:
            if aware:
                return made
            return (
                of_zone(made, zone_of(call, call.bind(zone).constant, zone))
                if zone is not None
                else made.dt.replace_time_zone("UTC")
            )
        return made.dt.replace_time_zone(None) if aware else made

    if isinstance(value.constant, str):
        known = pl.select(make(pl.lit(value.constant), strict=False)).item()
        if known is None and not safe:
            raise call.error(
                f"{value.constant!r} is no {'time' if isinstance(dtype, pl.Time) else 'date'} of the format {call.bind(node).constant!r}"
            )
        return (
            constant(known, dtype)
            if not getattr(dtype, "time_zone", None)
            else call.value(pl.lit(known).cast(dtype), dtype)
        )
    return call.value(make(expr if safe else call.guarded(expr), strict=not safe), dtype)


# -- the functions ------------------------------------------------------------------------------------


def _safe(call: Call, *, by_default: bool = False) -> bool:
    return call.has("safe") or by_default


def _by_format(model: Model, at: int, dtype: pl.DataType, call: Call, *, safe: bool = False) -> Value:
    """A function of a text and a format, which is its argument number `at`."""
    nodes = call.node.expressions
    if len(nodes) < 2:
        raise call.error(f"{call.name} wants a text and a format")
    zone = nodes[2] if len(nodes) > 2 else None
    return parsed(
        call, call.bind(nodes[1 - at]), model, nodes[at], dtype, safe=_safe(call, by_default=safe), zone=zone
    )


def _strptime(safe: bool, call: Call) -> Value:
    """STRPTIME(text, format or list of formats): the first format that reads it."""
    nodes = call.node.expressions
    value = call.bind(nodes[0])
    formats = nodes[1].expressions if isinstance(nodes[1], exp.Array) else [nodes[1]]
    if len(formats) == 1:
        return parsed(call, value, models.strftime, formats[0], _PLAIN, safe=safe)
    found: pl.Expr | None = None
    for number, one in enumerate(formats):
        last = number == len(formats) - 1
        rest = value.expr if found is None else pl.when(found.is_null()).then(value.expr)
        made = parsed(
            call, Value(rest, pl.String(), value.refs), models.strftime, one, _PLAIN, safe=safe or not last
        )
        found = made.expr if found is None else pl.coalesce(found, made.expr)
    assert found is not None
    return call.value(found, _PLAIN)


def _str_to_date(call: Call) -> Value:
    """STR_TO_DATE of MySQL: a date, a time or both, by what the format has; NULL where it does not read."""
    nodes = call.node.expressions
    code = read_code(call, pieces_of(call, models.mysql, nodes[1]), nodes[1])
    clock = bool(re.search(r"%[-.]?[HIklMSfp]", code))
    day = bool(re.search(r"%-?[YymbBdej]", code))
    dtype: pl.DataType = _PLAIN if clock and day else pl.Time() if clock else pl.Date()
    return parsed(call, call.bind(nodes[0]), models.mysql, nodes[1], dtype, safe=True)


def _template_date(dtype: pl.DataType, call: Call) -> Value:
    """TO_DATE, TO_TIMESTAMP of PostgreSQL, Redshift and Oracle."""
    nodes = call.node.expressions
    if call.dialect == "oracle":
        dtype = _UTC if call.name == "TO_TIMESTAMP_TZ" else _PLAIN
    value = call.bind(nodes[0])
    if len(nodes) == 1:
        if is_number(value.dtype) and isinstance(dtype, pl.Datetime) and call.dialect != "oracle":
            return of_seconds(call, value, 1, _UTC)
        if is_text(value.dtype) and call.dialect == "oracle":
            return parsed(call, value, models.template, exp.Literal.string("DD-MON-RR"), dtype, safe=False)
        return call.cast(value, dtype)
    if is_date(value.dtype) or is_timestamp(value.dtype):
        return call.cast(value, dtype)
    return parsed(call, value, models.template, nodes[1], dtype, safe=False)


_SNOWFLAKE: dict[str, pl.DataType] = {
    "DATE": pl.Date(), "TIME": pl.Time(), "TIMESTAMP": _PLAIN, "TIMESTAMP_NTZ": _PLAIN, "TIMESTAMP_LTZ": _UTC,
    "TIMESTAMP_TZ": _UTC,
}  # fmt: skip


def _snowflake(call: Call) -> Value:
    """TO_DATE, TO_TIME, TO_TIMESTAMP and their TRY_ forms: of text, with or without a format; of a number of seconds."""
    nodes = call.node.expressions
    if not nodes:
        raise call.error(f"{call.name} lacks an argument")
    kind = call.name.removeprefix("TRY_").removeprefix("TO_")
    dtype, safe = _SNOWFLAKE[kind], call.name.startswith("TRY_")
    value = call.bind(nodes[0])
    second = call.bind(nodes[1]) if len(nodes) > 1 else None
    if is_number(value.dtype):
        scale = second.constant if second is not None else 0
        if scale not in range(10):
            raise call.error("the scale is a literal from 0 to 9", nodes[1])
        made = of_seconds(call, value, 10**scale, _PLAIN)
        return call.cast(made, dtype)
    if isinstance(value.constant, str) and second is None and re.fullmatch(r"\d{8,}", value.constant.strip()):
        # Digits alone are seconds, milliseconds, microseconds or nanoseconds, by their size (the manual's table).
        number = int(value.constant)
        scale = (
            1
            if number < 31536000000
            else 10**3
            if number < 31536000000000
            else 10**6
            if number < 31536000000000000
            else 10**9
        )
        return call.cast(of_seconds(call, constant(number, pl.Int64()), scale, _PLAIN), dtype)
    if second is None or is_date(value.dtype) or is_timestamp(value.dtype):
        return call.cast(value, dtype, safe=safe)
    if second.constant == "AUTO":
        return call.cast(value, dtype, safe=safe)
    return parsed(call, value, models.template, nodes[1], dtype, safe=safe)


_SPARK_KINDS: dict[str, pl.DataType] = {
    "DATE": pl.Date(),
    "TIMESTAMP": _UTC,
    "TIMESTAMP_NTZ": _PLAIN,
    "TIMESTAMP_LTZ": _UTC,
    "TIME": pl.Time(),
}


def _spark(call: Call) -> Value:
    """TO_DATE, TO_TIMESTAMP and their TRY_ forms of Spark."""
    nodes = call.node.expressions
    kind, safe = call.name.removeprefix("TRY_").removeprefix("TO_"), call.name.startswith("TRY_")
    if kind not in _SPARK_KINDS:
        raise call.refuse(f"function {call.name} of {call.dialect}")
    dtype = _SPARK_KINDS[kind]
    value = call.bind(nodes[0])
    if is_number(value.dtype) and isinstance(dtype, pl.Datetime):
        return of_seconds(call, value, 1, _UTC)
    if len(nodes) == 1 or is_date(value.dtype) or is_timestamp(value.dtype):
        return call.cast(value, dtype, safe=safe)
    return parsed(call, value, models.java, nodes[1], dtype, safe=safe)


def _to(call: Call) -> Value:
    """TO_DATE and its kin, by dialect."""
    if call.dialect == "snowflake":
        return _snowflake(call)
    if call.dialect in _SPARK:
        return _spark(call)
    kinds: dict[str, pl.DataType] = {"TO_DATE": pl.Date(), "TO_TIMESTAMP": _UTC, "TO_TIMESTAMP_TZ": _UTC}
    if call.name in kinds and call.dialect in ("postgres", "redshift", "oracle"):
        return _template_date(kinds[call.name], call)
    if call.name in kinds and call.dialect == "trino":
        return _by_format(models.template, 1, _PLAIN if call.name == "TO_TIMESTAMP" else pl.Date(), call)
    if call.name in ("DATE", "TIME") and call.dialect == "sqlite":
        from dwkit.sql.functions.dates.sqlite import text_of

        return text_of(call)
    raise call.refuse(f"function {call.name} of {call.dialect}")


def _parse_node(dtype: pl.DataType, model: Callable[[Call], Model], call: Call) -> Value:
    """A function that sqlglot has a class for, with the format in C's codes."""
    return parsed(
        call,
        call.arg(),
        model(call),
        call.given("format"),
        dtype,
        safe=call.has("safe"),
        zone=call.given("zone"),
    )


def _str_to(dtype: pl.DataType, call: Call) -> Value:
    """CAST(text AS DATE FORMAT '...'), TIMESTAMP '...' of Oracle: the format is in C's codes by now."""
    if (
        call.dialect == "oracle"
        and call.given("format") is not None
        and isinstance(call.given("this"), exp.Literal)
    ):
        return call.cast(call.arg(), _PLAIN)
    if call.given("format") is None:
        return call.cast(call.arg(), dtype)
    call.given("default_year")
    return _parse_node(dtype, lambda _: models.strftime, call)


def _safe_func(call: Call) -> Value:
    """SAFE.FUNCTION(...) of BigQuery: NULL instead of an error."""
    inner = call.node.this
    inner.set("safe", True)
    return call.bind(inner)


def _ts_or_ds(dtype: pl.DataType, call: Call) -> Value:
    """DATE(x), TIME(x) and what sqlglot puts around arguments of unknown type."""
    value = call.arg()
    safe = call.has("safe") and call.dialect not in _SPARK
    call.given("default_date")
    fmt = call.given("format")
    if fmt is not None:
        return parsed(call, value, models.strftime, fmt, dtype, safe=safe)
    if isinstance(dtype, pl.Datetime) and is_timestamp(value.dtype):
        return value
    if isinstance(dtype, pl.Date) and call.dialect == "mysql":
        safe = safe or not value.is_constant
    return call.cast(value, dtype, safe=safe)


def _names(make: Builder, *names: str) -> dict[type[exp.Expr] | str, Builder]:
    return dict.fromkeys(names, make)


PARSING: Functions = {
    **_names(_to, "TO_DATE", "TRY_TO_DATE", "TO_TIME", "TRY_TO_TIME", "DATE", "TIME", *(
        f"{t}TO_TIMESTAMP{kind}" for t in ("", "TRY_") for kind in ("", "_NTZ", "_LTZ", "_TZ")
    )),
    "STRPTIME": partial(_strptime, False), "TRY_STRPTIME": partial(_strptime, True), "STR_TO_DATE": _str_to_date,
    "PARSE_DATE": partial(_by_format, models.strftime, 0, pl.Date()),
    "PARSE_TIMESTAMP": partial(_by_format, models.strftime, 0, _UTC),
    "PARSE_TIME": partial(_by_format, models.strftime, 0, pl.Time()),
    "PARSE_DATETIME": lambda call: (
        _by_format(models.joda, 1, _UTC, call) if call.dialect == "trino" else _by_format(models.strftime, 0, _PLAIN, call)
    ),
    "DATE_PARSE": partial(_by_format, models.mysql, 1, _PLAIN),
    exp.StrToDate: partial(_str_to, pl.Date()), exp.StrToTime: partial(_str_to, _PLAIN), exp.SafeFunc: _safe_func,
    exp.TsOrDsToDate: partial(_ts_or_ds, pl.Date()), exp.TsOrDsToTimestamp: partial(_ts_or_ds, _PLAIN),
    exp.TsOrDsToDatetime: partial(_ts_or_ds, _PLAIN), exp.TimeStrToTime: partial(_ts_or_ds, _PLAIN),
    exp.TsOrDsToTime: partial(_ts_or_ds, pl.Time()), exp.DateStrToDate: lambda call: call.cast(
        call.arg(), _PLAIN if call.dialect == "oracle" else pl.Date()
    ),
    exp.FromISO8601Date: lambda call: call.cast(call.arg(), pl.Date()),
    exp.FromISO8601Timestamp: lambda call: call.cast(call.arg(), _UTC),
    "FROM_ISO8601_DATE": lambda call: call.cast(call.args()[0], pl.Date()),
}  # fmt: skip
