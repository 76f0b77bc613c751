"""Cells of a frame as text, by polars expressions: one text for people and CSV, one for JSON.

Both are exact: decimals keep their scale, floats their shortest digits, integers all of theirs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import polars as pl

from dwkit.errors import DataError

__all__ = ["as_json", "as_text", "is_number", "json_rows", "quoted"]

_PLAIN = [*map(chr, range(0x20)), '"', "\\", "\x7f", "\u2028", "\u2029"]
_NOT_ESCAPED = {0x7F: "\\u007f", 0x2028: "\\u2028", 0x2029: "\\u2029"}  # by json.dumps


def quoted(text: str) -> str:
    """Return text as a JSON string, on one line for every reader of lines."""
    return json.dumps(text, ensure_ascii=False).translate(_NOT_ESCAPED)


_ESCAPED = [quoted(c)[1:-1] for c in _PLAIN]


def is_number(dtype: pl.DataType) -> bool:
    """Say whether a column is shown right-aligned."""
    return dtype.is_numeric()


def as_text(expr: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Return a String expression; NULL stays NULL.

    Timestamps are ``2026-01-31 10:00:00`` with as much of a fraction as there is, and with their
    offset where they have a zone; durations are ISO 8601; bytes are hexadecimal; lists and structs
    are compact JSON.

    Raises:
        DataError: the column holds Python objects.
    """
    match dtype:
        case pl.String():
            return expr
        case pl.Datetime():
            return expr.dt.to_string("%Y-%m-%d %H:%M:%S%.f" + ("%:z" if dtype.time_zone else ""))
        case pl.Time():
            return expr.dt.to_string("%H:%M:%S%.f")
        case pl.Duration():
            return expr.dt.to_string("iso")
        case pl.Binary():
            return expr.bin.encode("hex")
        case pl.List() | pl.Array() | pl.Struct():
            return pl.when(expr.is_not_null()).then(as_json(expr, dtype))
        case pl.Object():
            raise DataError("a column of Python objects cannot be written")
        case _:
            return expr.cast(pl.String)


def as_json(expr: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Return a String expression of JSON; NULL, NaN and the infinities are ``null``.

    Decimals are numbers with all their digits; what JSON has no type for is the text of
    :func:`as_text` in quotes.
    """
    text: pl.Expr
    match dtype:
        case pl.Boolean() | pl.Null():
            text = expr.cast(pl.String)
        case pl.Float32() | pl.Float64():
            text = pl.when(expr.is_finite()).then(expr.cast(pl.String))
        case pl.String() | pl.Categorical() | pl.Enum():
            text = _quoted(expr.cast(pl.String).str.replace_many(_PLAIN, _ESCAPED))
        case pl.Array():
            return as_json(expr.arr.to_list(), pl.List(dtype.inner))
        case pl.List():
            inside = expr.list.eval(as_json(pl.element(), _of(dtype.inner))).list.join(",")
            text = pl.concat_str(pl.lit("["), inside, pl.lit("]"))
        case pl.Struct():
            fields = {f.name: (expr.struct.field(f.name), _of(f.dtype)) for f in dtype.fields}
            text = pl.when(expr.is_not_null()).then(_object(fields))
        case _ if dtype.is_numeric():
            text = expr.cast(pl.String)
        case _:
            text = _quoted(as_text(expr, dtype))
    return text.fill_null("null")


def json_rows(schema: Mapping[str, pl.DataType]) -> pl.Expr:
    """Return one String expression: each row as a JSON object."""
    return _object({name: (pl.col(name), dtype) for name, dtype in schema.items()})


def _object(fields: Mapping[str, tuple[pl.Expr, pl.DataType]]) -> pl.Expr:
    pieces: list[pl.Expr] = []
    for number, (name, (expr, dtype)) in enumerate(fields.items()):
        start = ("," if number else "{") + quoted(name) + ":"
        pieces += [pl.lit(start), as_json(expr, dtype)]
    return pl.concat_str(*pieces, pl.lit("}")) if pieces else pl.lit("{}")


def _quoted(text: pl.Expr) -> pl.Expr:
    return pl.concat_str(pl.lit('"'), text, pl.lit('"'))


def _of(dtype: object) -> pl.DataType:
    return dtype if isinstance(dtype, pl.DataType) else dtype()  # type: ignore[operator]
