"""Dates as text: TO_CHAR, DATE_FORMAT, FORMAT_DATE, STRFTIME, FORMAT, DATENAME."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.functions.dates import models
from dwkit.sql.functions.dates.patterns import Piece
from dwkit.sql.functions.dates.units import clock_of, moment_of, unit_of_node
from dwkit.sql.functions.dates.zones import in_zone, zone_of
from dwkit.sql.functions.strings import STRING
from dwkit.sql.types import is_date, is_number, is_temporal, is_text, is_timestamp
from dwkit.sql.value import Value

__all__ = ["FORMATTING", "Model", "pieces_of", "written", "written_in"]

Model = Callable[[str, str], list[Piece]]
_SPARK = ("spark", "databricks")
_ENGLISH = re.compile(r"(?i)^\s*NLS_DATE_LANGUAGE\s*=\s*'?(?:english|american)'?\s*$")


def pieces_of(call: Call, model: Model, node: exp.Expr) -> list[Piece]:
    """Return the pieces of a format that stands in the query.

    Raises:
        SqlError: it is no literal, or has what the dialect does not know.
    """
    value = call.bind(node)
    if not isinstance(value.constant, str):
        raise call.error("a format is a literal", node)
    try:
        return model(value.constant, call.dialect)
    except models.FormatError as error:
        raise call.error(f"{str(error)!r} in a format is not supported", node) from None


def written(value: Value, pieces: list[Piece]) -> pl.Expr:
    """Return a date, time or timestamp as text."""
    e = value.expr
    if is_date(value.dtype):
        e = e.cast(pl.Datetime("us"))
    elif isinstance(value.dtype, pl.Time):
        e = pl.date(1970, 1, 1).dt.combine(e)
    parts: list[pl.Expr] = []
    code = ""
    for piece in pieces:
        if piece.make is None:
            code += piece.code
            continue
        if code:
            parts.append(e.dt.strftime(code))
            code = ""
        parts.append(piece.make(e))
    if code or not parts:
        parts.append(e.dt.strftime(code) if code else pl.when(e.is_not_null()).then(pl.lit("")))
    return parts[0] if len(parts) == 1 else pl.concat_str(parts)


def written_in(call: Call, value: Value, node: exp.Expr) -> Value:
    """Return a date as text in a format of ``CAST(... FORMAT '...')``."""
    return call.value(
        written(moment_of(call, value, time=True), pieces_of(call, models.template, node)), pl.String()
    )


def _format(model: Model, at: int, call: Call) -> Value:
    """A function of a date and a format, which is its argument number `at`."""
    nodes = call.node.expressions
    if len(nodes) < 2:
        raise call.error(f"{call.name} wants a date and a format")
    value = call.bind(nodes[1 - at])
    if (
        at == 1
        and call.dialect == "duckdb"
        and is_text(value.dtype)
        and not isinstance(call.bind(nodes[1]).constant, str)
    ):
        nodes = [nodes[1], nodes[0]]
        value = call.bind(nodes[0])
    moment = clock_of(call, value, nodes[1 - at], time=True)
    if len(nodes) > 2:
        zone = call.bind(nodes[2]).constant
        if call.dialect == "bigquery" and isinstance(zone, str) and is_timestamp(moment.dtype):
            if re.search(r"%(E?z|Z|\+)", str(call.bind(nodes[at]).constant)) and zone.upper() != "UTC":
                raise call.refuse("the zone in a format")
            clock = in_zone(_aware(moment), zone_of(call, zone, nodes[2]))
            moment = Value(clock, pl.Datetime("us"), moment.refs)
        elif call.dialect != "tsql":
            raise call.error(f"{call.name} has too many arguments")
        elif str(zone).lower() not in ("en-us", "none"):
            raise call.refuse(f"the culture {zone}")
    return call.value(written(moment, pieces_of(call, model, nodes[at])), pl.String())


def _aware(value: Value) -> pl.Expr:
    return value.expr if value.dtype.time_zone else value.expr.dt.replace_time_zone("UTC")  # type: ignore[attr-defined]


def _to_char(call: Call) -> Value:
    """TO_CHAR(d, 'format'); of a number it is another function."""
    nodes = call.node.expressions
    value = call.bind(nodes[0])
    parameters = nodes[2] if len(nodes) > 2 else None
    if parameters is not None and not _ENGLISH.search(str(call.bind(parameters).constant)):
        raise call.refuse("TO_CHAR with these parameters of the session")
    if not is_temporal(value.dtype):
        if value.interval is not None:
            raise call.refuse("TO_CHAR of an interval")
        if len(nodes) == 1:
            return call.value(call.as_text(value), pl.String())
        if is_text(value.dtype) and call.dialect != "snowflake":
            value = moment_of(call, value, nodes[0])
        else:
            found = exp.ToChar(this=nodes[0], format=nodes[1] if len(nodes) > 1 else None)
            found.parent = call.node.parent
            return call.bind(found)
    if len(nodes) == 1:
        if call.dialect == "oracle":
            # NLS_DATE_FORMAT as it is by default.
            pieces = models.template("DD-MON-RR", "oracle")
            return call.value(written(value, pieces), pl.String())
        return call.value(call.as_text(value), pl.String())
    model = models.java if call.dialect in _SPARK else models.template
    return call.value(written(value, pieces_of(call, model, nodes[1])), pl.String())


def _net(call: Call) -> Value:
    """FORMAT(value, 'format', 'culture') of SQL Server; of a number it is another function."""
    nodes = call.node.expressions
    if call.dialect != "tsql":
        return STRING["FORMAT"](call)
    if len(nodes) < 2:
        raise call.error("FORMAT wants a value and a format")
    value = call.bind(nodes[0])
    if is_number(value.dtype):
        return call.bind(
            exp.NumberToStr(this=nodes[0], format=nodes[1], culture=nodes[2] if len(nodes) > 2 else None)
        )
    return _format(models.net, 1, call)


def _sqlite(call: Call) -> Value:
    from dwkit.sql.functions.dates.sqlite import stamp_of

    nodes = call.node.expressions
    value = stamp_of(call, nodes[1:])
    return call.value(written(value, pieces_of(call, models.strftime, nodes[0])), pl.String())


def _strftime(call: Call) -> Value:
    return _sqlite(call) if call.dialect == "sqlite" else _format(models.strftime, 1, call)


def _datename(call: Call) -> Value:
    """DATENAME(part, d): words for months and weekdays, else the number as text."""
    node, moment = call.node.expressions
    unit = unit_of_node(call, node)
    value = moment_of(call, call.bind(moment), moment)
    if unit in ("MONTH", "DOW"):
        return call.value(value.expr.dt.strftime("%B" if unit == "MONTH" else "%A"), pl.String())
    from dwkit.sql.functions.dates.fields import field_of

    return call.value(field_of(call, value, unit).expr.cast(pl.String), pl.String())


def _time_to_str(call: Call) -> Value:
    """A function that sqlglot reads as one with a format of C, such as MONTHNAME of MySQL."""
    value = moment_of(call, call.arg(), time=True)
    return call.value(written(value, pieces_of(call, models.strftime, call.given("format"))), pl.String())


def _iso8601(call: Call) -> Value:
    """TO_ISO8601(d) of Trino."""
    value = moment_of(call, call.args()[0])
    if is_date(value.dtype):
        return call.value(value.expr.dt.strftime("%Y-%m-%d"), pl.String())
    made = value.expr.dt.strftime("%Y-%m-%dT%H:%M:%S.%3f")
    aware = is_timestamp(value.dtype) and value.dtype.time_zone  # type: ignore[attr-defined]
    return call.value(pl.concat_str(made, pl.lit("Z")) if aware else made, pl.String())


def _string(call: Call) -> Value:
    """STRING(value) of BigQuery."""
    return call.value(call.as_text(call.arg()), pl.String())


FORMATTING: Functions = {
    "TO_CHAR": _to_char, "TO_VARCHAR": _to_char, "STRFTIME": _strftime, "FORMAT": _net, "DATENAME": _datename,
    "DATE_FORMAT": lambda call: _format(models.java if call.dialect in _SPARK else models.mysql, 1, call),
    "TIME_FORMAT": partial(_format, models.mysql, 1), "FORMAT_DATETIME": lambda call: _format(
        models.strftime if call.dialect == "bigquery" else models.joda, 0 if call.dialect == "bigquery" else 1, call
    ),
    **{name: partial(_format, models.strftime, 0) for name in ("FORMAT_DATE", "FORMAT_TIMESTAMP", "FORMAT_TIME")},
    exp.String: _string, "TO_ISO8601": _iso8601, exp.TimeToStr: _time_to_str,
}  # fmt: skip
