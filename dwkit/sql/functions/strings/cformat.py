"""Formats in the manner of C, as DuckDB, SQLite, BigQuery and PostgreSQL have them."""

from __future__ import annotations

import re
from dataclasses import dataclass

import polars as pl

from dwkit.sql.functions.call import Call
from dwkit.sql.functions.strings.digits import exact, fixed, grouped, of_base, stepwise
from dwkit.sql.types import is_decimal, is_float, is_integer, is_number, is_text, scale_of, shown
from dwkit.sql.value import Value, constant

__all__ = ["braces_formatted", "c_formatted"]

_DIRECTIVES = {
    "sqlite": r"%(?P<flags>[-+ 0#,]*)(?P<width>\d*)(?:\.(?P<places>\d+))?(?P<kind>[sdifxXo%])",
    "duckdb": r"%(?P<flags>[-+ 0#,]*)(?P<width>\d*)(?:\.(?P<places>\d+))?(?P<kind>[sdifxXo%])",
    "bigquery": r"%(?P<flags>[-+ 0#']*)(?P<width>\d*)(?:\.(?P<places>\d+))?(?P<kind>[sdifFxXot%])",
    "postgres": r"%(?:(?P<index>\d+)\$)?(?P<flags>-?)(?P<width>\d*)(?P<kind>[sL%])",
}
_BRACES = re.compile(
    r"\{(?P<index>\d*)(?::(?P<align>[<>^]?)(?P<flags>[-+ ]?#?0?)(?P<width>\d*)(?P<comma>,?)"
    r"(?:\.(?P<places>\d+))?(?P<kind>[sdfxXob]?))?\}|\{\{|\}\}"
)
_MOST_PLACES = 15
"""A double is written exactly up to so many places."""


@dataclass(frozen=True)
class _Place:
    """One place of a format."""

    text: str
    kind: str
    flags: str
    width: int
    places: int | None
    align: str


def c_formatted(call: Call, pattern: str, values: list[Value]) -> pl.Expr:
    """Return a text with values in the places of a format."""
    directive = re.compile(_DIRECTIVES[call.dialect])
    parts: list[pl.Expr] = []
    end = following = 0
    for found in directive.finditer(pattern):
        parts.append(_plain(call, pattern[end : found.start()], "%"))
        end = found.end()
        given = found.groupdict()
        kind = {"i": "d", "F": "f"}.get(given["kind"], given["kind"])
        flags = given["flags"].replace("'", ",")
        places = None if given.get("places") is None else int(given["places"])
        align = "<" if "-" in flags else ">"
        one = _Place(found[0], kind, flags, int(given["width"] or 0), places, align)
        if kind == "%":
            parts.append(_aligned(pl.lit("%"), one))
            continue
        number = int(given["index"]) - 1 if given.get("index") else following
        following = number + 1
        parts.append(_one(call, one, _value(call, values, number, one)))
    parts.append(_plain(call, pattern[end:], "%"))
    return pl.concat_str(parts)


def braces_formatted(call: Call, pattern: str, values: list[Value]) -> pl.Expr:
    """Return a text with values in the places of DuckDB's FORMAT: ``{}``, ``{1}``, ``{:>8.2f}``."""
    parts: list[pl.Expr] = []
    end = following = 0
    for found in _BRACES.finditer(pattern):
        parts.append(_plain(call, pattern[end : found.start()], "{}"))
        end = found.end()
        if found[0] in ("{{", "}}"):
            parts.append(pl.lit(found[0][0]))
            continue
        number = int(found["index"]) if found["index"] else following
        following += 1
        places = None if found["places"] is None else int(found["places"])
        flags = (found["flags"] or "") + (found["comma"] or "")
        one = _Place(
            found[0], found["kind"] or "", flags, int(found["width"] or 0), places, found["align"] or ""
        )
        value = _value(call, values, number, one)
        if not one.kind:
            one = _of_value(call, one, value)
        parts.append(_one(call, one, value))
    parts.append(_plain(call, pattern[end:], "{}"))
    return pl.concat_str(parts)


def _of_value(call: Call, one: _Place, value: Value) -> _Place:
    """Return a place without a kind as one of its value's."""
    kind = "d" if is_integer(value.dtype) else "s"
    if kind == "s" and not one.width and one.places is None and not one.flags:
        kind = "t"
    elif is_number(value.dtype) and kind == "s":
        raise call.refuse(f"the format {one.text} of {shown(value.dtype)}")
    return _Place(one.text, kind, one.flags, one.width, one.places, one.align)


def _plain(call: Call, text: str, signs: str) -> pl.Expr:
    if any(s in text for s in signs):
        raise call.refuse("this format")
    return pl.lit(text)


def _value(call: Call, values: list[Value], number: int, one: _Place) -> Value:
    if number < len(values):
        return values[number]
    if call.dialect == "sqlite":
        return constant(None, pl.String())
    raise call.error(f"the format {one.text} has no value")


def _one(call: Call, one: _Place, value: Value) -> pl.Expr:
    """Return a value in a format; what a NULL becomes is the dialect's."""
    write = _text if one.kind in ("s", "t", "L") else _number
    return _aligned(write(call, one, value), one)


def _aligned(text: pl.Expr, one: _Place) -> pl.Expr:
    if not one.width:
        return text
    if one.align == "^":
        missing = one.width - text.str.len_chars().cast(pl.Int64)
        left = pl.max_horizontal(missing // 2, pl.lit(0, dtype=pl.Int64)) + text.str.len_chars()
        return text.str.pad_start(left).str.pad_end(one.width)
    left_first = one.align == "<" or (not one.align and one.kind in ("s", "t"))
    return text.str.pad_end(one.width) if left_first else text.str.pad_start(one.width)


def _text(call: Call, one: _Place, value: Value) -> pl.Expr:
    fits = is_text(value.dtype) or value.is_null or isinstance(value.dtype, pl.Boolean)
    if call.dialect == "duckdb":  # texts are made of what is no number
        fits = not is_number(value.dtype)
    if one.kind == "s" and not fits and call.dialect in ("duckdb", "bigquery"):
        raise call.error(f"the format {one.text!r} is not for {shown(value.dtype)}", hint="cast it to text")
    if set(one.flags) - {"-"}:
        raise call.refuse(f"the format {one.text}")
    made = call.as_text(value)
    if isinstance(value.dtype, pl.Boolean) and call.dialect == "postgres":
        made = made.str.slice(0, 1)
    if one.kind == "L":
        quoted = pl.concat_str(pl.lit("'"), made.str.replace_all("'", "''", literal=True), pl.lit("'"))
        if not is_text(value.dtype) or value.is_null:
            return quoted.fill_null("NULL")
        slashed = made.str.contains("\\", literal=True)
        doubled = pl.concat_str(pl.lit(" E"), quoted.str.replace_all("\\", "\\\\", literal=True))
        return pl.when(slashed).then(doubled).otherwise(quoted).fill_null("NULL")
    if one.places is not None:
        made = made.str.slice(0, one.places)
    if call.dialect in ("sqlite", "postgres"):
        return made.fill_null("")
    return made.fill_null("NULL") if one.kind == "t" and call.dialect == "bigquery" else made


# -- numbers --------------------------------------------------------------------------------------


def _number(call: Call, one: _Place, value: Value) -> pl.Expr:
    value = _of_kind(call, one, value)
    if one.places is not None and one.kind != "f":
        raise call.refuse(f"the format {one.text}")
    if one.kind in "xXob":
        if one.kind == "b" or set(one.flags) - set("-0#") or ("#" in one.flags and one.kind == "o"):
            raise call.refuse(f"the format {one.text}")
        if call.dialect != "sqlite":  # what a negative one is depends on its type
            sound = call.checked(value.expr, value.expr < 0, "no digits of a negative number")
            value = value.as_(sound, value.dtype)
        body = of_base(value.expr, 8 if one.kind == "o" else 16)
        body = body.str.to_uppercase() if one.kind == "X" else body
        sign = pl.lit(f"0{one.kind}" if "#" in one.flags else "")
    else:
        body = _digits(call, one, value)
        plain = pl.lit("+" if "+" in one.flags else " " if " " in one.flags else "")
        sign = pl.when(value.expr < 0).then(pl.lit("-")).otherwise(plain)
        if is_float(value.dtype):
            sign = pl.when((value.expr == 0) & (1 / value.expr < 0)).then(pl.lit("-")).otherwise(sign)
    if "0" in one.flags and one.align != "<":
        if "," in one.flags:
            raise call.refuse(f"the format {one.text}")
        room = pl.max_horizontal(one.width - sign.str.len_bytes().cast(pl.Int64), pl.lit(0, dtype=pl.Int64))
        body = body.str.pad_start(room, "0")
    return pl.concat_str(sign, body)


def _of_kind(call: Call, one: _Place, value: Value) -> Value:
    """Return a value as the number that a format wants; only SQLite makes one of anything."""
    whole = one.kind != "f"
    if call.dialect == "sqlite":
        made = call.cast(value, pl.Int64() if whole else pl.Float64())
        return made.as_(made.expr.fill_null(0), made.dtype)
    if isinstance(value.dtype, pl.Boolean) and call.dialect == "duckdb" and whole:
        return call.cast(value, pl.Int64())
    if value.is_null:
        return call.cast(value, pl.Int64() if whole else pl.Float64())
    fits = is_integer(value.dtype) if whole else is_float(value.dtype) or is_decimal(value.dtype)
    if not fits:
        hint = f"cast it to {'BIGINT' if whole else 'DOUBLE'}"
        raise call.error(f"the format {one.text!r} is not for {shown(value.dtype)}", hint=hint)
    if is_decimal(value.dtype) and call.dialect == "duckdb":
        return call.cast(value, pl.Float64())
    wide = isinstance(value.dtype, pl.Int128) and one.kind == "d"
    return call.cast(value, pl.Int64()) if whole and not wide else value


def _digits(call: Call, one: _Place, value: Value) -> pl.Expr:
    if one.kind == "d":
        made = value.expr.cast(pl.String).str.strip_chars_start("-")
        return grouped(made) if "," in one.flags else made
    places = 6 if one.places is None else one.places
    if "#" in one.flags or (places > _MOST_PLACES and is_float(value.dtype)):
        raise call.refuse(f"the format {one.text}")
    if call.dialect == "sqlite":
        return (
            pl.when(value.expr.is_infinite())
            .then(pl.lit("Inf"))
            .otherwise(stepwise(value.expr, lambda numbers: fixed(numbers, places, most=16)))
        )
    if is_decimal(value.dtype) and scale_of(value.dtype) <= places:
        made = stepwise(value.expr, lambda numbers: fixed(numbers, places))
    else:
        made = stepwise(call.cast(value, pl.Float64()).expr, lambda numbers: exact(numbers, places))
    return grouped(made) if "," in one.flags else made
