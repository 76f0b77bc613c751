"""FORMAT_STRING and PRINTF of Spark and FORMAT of Trino: the formats of Java's Formatter, in English."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import polars as pl

from dwkit.sql.functions.call import Call
from dwkit.sql.functions.strings.digits import (
    fixed,
    general,
    grouped,
    hexadecimal,
    of_base,
    scientific,
    stepwise,
)
from dwkit.sql.types import is_date, is_decimal, is_float, is_integer, is_number, is_text, is_timestamp, shown
from dwkit.sql.value import Value

__all__ = ["java_formatted"]

_DIRECTIVE = re.compile(
    r"%(?:(?P<index>\d+)\$)?(?P<flags>[-#+ 0,(<]*)(?P<width>\d+)?(?:\.(?P<precision>\d+))?(?P<time>[tT])?"
    r"(?P<kind>[a-zA-Z%])"
)
_FLAGS = {"s": "-", "b": "-", "c": "-", "d": "-+ 0,(", "x": "-#0", "o": "-#0", "e": "-#+ 0(", "f": "-#+ 0,(",
          "g": "-+ 0,(", "a": "-#+ 0", "%": "-", "n": "", "t": "-"}  # fmt: skip
"""What flags a conversion takes; another one is an error in Java."""


@dataclass(frozen=True)
class _Directive:
    """One place of a format."""

    text: str
    kind: str
    flags: str
    width: int
    precision: int | None
    upper: bool


def java_formatted(call: Call, pattern: str, values: list[Value]) -> pl.Expr:
    """Return a text with values in the places of a format."""
    parts: list[pl.Expr] = []
    end = following = 0
    last = -1
    for found in _DIRECTIVE.finditer(pattern):
        parts.append(_plain(call, pattern[end : found.start()]))
        end = found.end()
        one = _read(call, found)
        if one.kind in "%n":
            parts.append(_padded(pl.lit("%" if one.kind == "%" else "\n"), one))
            continue
        if "<" in one.flags:
            number = last
        elif found["index"]:
            number = int(found["index"]) - 1
        else:
            number, following = following, following + 1
        if not 0 <= number < len(values):
            raise call.error(f"the format {one.text} has no value")
        last = number
        kind = found["kind"] if found["time"] else ""
        parts.append(_one(call, replace(one, flags=one.flags.replace("<", "")), kind, values[number]))
    parts.append(_plain(call, pattern[end:]))
    return pl.concat_str(parts)


def _plain(call: Call, text: str) -> pl.Expr:
    if "%" in text:
        raise call.error(f"{text[text.index('%') :]!r} is no format")
    return pl.lit(text)


def _read(call: Call, found: re.Match[str]) -> _Directive:
    text, flags = found[0], found["flags"]
    kind = "t" if found["time"] else found["kind"].lower()
    upper = found["time"] == "T" if found["time"] else found["kind"] in "BSCXEGA"
    known = kind in _FLAGS and (upper or found["kind"] == kind or kind == "t")
    if not known:
        raise call.error(f"{text!r} is no format that is supported")
    width, precision = int(found["width"] or 0), found["precision"]
    wrong = (
        set(flags) - set(_FLAGS[kind] + "<")
        or len(set(flags)) != len(flags)
        or {"+", " "} <= set(flags)
        or {"-", "0"} <= set(flags)
        or (({"-", "0"} & set(flags)) and not width)
        or (precision is not None and kind in "cdxotn%")
        or (kind == "n" and width)
    )
    if wrong:
        raise call.error(f"the format {text!r} contradicts itself")
    return _Directive(text, kind, flags, width, None if precision is None else int(precision), upper)


def _one(call: Call, one: _Directive, part: str, value: Value) -> pl.Expr:
    """Return a value in a format; NULL is the word null, and the width and precision apply to it."""
    if value.is_null:
        made = pl.lit(None, dtype=pl.String)
    elif one.kind in "dxoefga":
        made = _number(call, one, value)
    elif one.kind == "t":
        made = _moment(call, one, part, value)
    elif one.kind == "c":
        made = _character(call, one, value)
    elif one.kind == "b":
        made = pl.when(value.expr).then(pl.lit("true")).otherwise(pl.lit("false")) if isinstance(
            value.dtype, pl.Boolean
        ) else pl.when(value.expr.is_null()).then(pl.lit("false")).otherwise(pl.lit("true"))  # fmt: skip
    else:
        made = _written(call, value)
    if one.kind in "sb" and one.precision is not None:
        made = made.str.slice(0, one.precision)
    null = "false" if one.kind == "b" else "null"
    made = made.fill_null(null[: one.precision] if one.precision is not None else null)
    return _padded(made.str.to_uppercase() if one.upper else made, one)


def _padded(text: pl.Expr, one: _Directive) -> pl.Expr:
    if not one.width:
        return text
    return text.str.pad_end(one.width) if "-" in one.flags else text.str.pad_start(one.width)


# -- kinds ----------------------------------------------------------------------------------------


def _misfit(call: Call, one: _Directive, value: Value, hint: str = "") -> Exception:
    return call.error(f"the format {one.text!r} is not for {shown(value.dtype)}", hint=hint)


def _written(call: Call, value: Value) -> pl.Expr:
    if call.dialect != "trino":
        # Spark hands the Formatter what it stores: days and microseconds since 1970.
        if is_date(value.dtype):
            return value.expr.cast(pl.Int32).cast(pl.String)
        if is_timestamp(value.dtype):
            return value.expr.dt.epoch("us").cast(pl.String)
    if not (is_text(value.dtype) or is_number(value.dtype) or isinstance(value.dtype, pl.Boolean)) and not (
        call.dialect == "trino" and (is_date(value.dtype) or is_timestamp(value.dtype))
    ):
        raise call.refuse(f"%s of {shown(value.dtype)}")
    return call.as_text(value)


def _character(call: Call, one: _Directive, value: Value) -> pl.Expr:
    if is_decimal(value.dtype):
        value = call.cast(value, pl.Int64())
    if not is_integer(value.dtype):
        raise _misfit(call, one, value)
    if isinstance(value.constant, int) and not 0 <= value.constant < 0x110000:
        raise call.error(f"there is no character {value.constant}")
    from dwkit.sql.functions.strings.codes import character

    return character(call, value.expr.cast(pl.Int64))


def _number(call: Call, one: _Directive, value: Value) -> pl.Expr:
    """A number with its sign, zeros up to the width where the format says so."""
    if not is_number(value.dtype) or (
        is_float(value.dtype) if one.kind in "dxo" else is_integer(value.dtype)
    ):
        whole = one.kind in "dxo"
        raise _misfit(call, one, value, hint=f"cast it to {'BIGINT' if whole else 'DOUBLE'}")
    if one.kind == "a" and is_decimal(value.dtype):
        raise _misfit(call, one, value, hint="cast it to DOUBLE")
    if one.kind in "xo":
        return _bits(call, one, value)
    negative = value.expr < 0
    if is_float(value.dtype):
        as_double = value.expr.cast(pl.Float64)
        negative = negative | ((value.expr == 0) & ((1 / as_double) < 0))
    body = _body(one, value)
    prefix = pl.lit("+" if "+" in one.flags else " " if " " in one.flags else "")
    prefix = pl.when(negative).then(pl.lit("(" if "(" in one.flags else "-")).otherwise(prefix)
    suffix = pl.when(negative & pl.lit("(" in one.flags)).then(pl.lit(")")).otherwise(pl.lit(""))
    finite = value.expr.is_finite() if is_float(value.dtype) else pl.lit(True)
    if "0" in one.flags:
        taken = prefix.str.len_bytes().cast(pl.Int64) + suffix.str.len_bytes().cast(pl.Int64)
        room = pl.max_horizontal(one.width - taken, pl.lit(0, dtype=pl.Int64))
        if one.kind == "a":
            filled = pl.concat_str(pl.lit("0x"), body.str.slice(2).str.pad_start(room - 2, "0"))
        else:
            filled = body.str.pad_start(room, "0")
        body = pl.when(finite).then(filled).otherwise(body)
    if is_float(value.dtype):
        endless = pl.concat_str(prefix, pl.lit("Infinity"), suffix)
        made = pl.when(finite).then(pl.concat_str(prefix, body, suffix)).otherwise(endless)
        return pl.when(value.expr.is_nan()).then(pl.lit("NaN")).otherwise(made)
    return pl.concat_str(prefix, body, suffix)


def _body(one: _Directive, value: Value) -> pl.Expr:
    if one.kind == "a":
        return stepwise(_finite(value), lambda numbers: hexadecimal(numbers, one.precision))
    if one.kind == "d":
        made = value.expr.cast(pl.String).str.strip_chars_start("-")
        if is_decimal(value.dtype):
            made = made.str.extract(r"^(\d+)")
    else:
        places = 6 if one.precision is None else one.precision
        write = {"e": scientific, "f": fixed, "g": general}[one.kind]
        made = stepwise(_finite(value), lambda numbers: write(numbers, places))
        if "#" in one.flags and places == 0:
            made = made.str.replace(r"^(\d+)", "${1}.")
    return grouped(made) if "," in one.flags else made


def _finite(value: Value) -> pl.Expr:
    if not is_float(value.dtype):
        return value.expr
    return pl.when(value.expr.is_finite()).then(value.expr.cast(pl.Float64))


def _bits(call: Call, one: _Directive, value: Value) -> pl.Expr:
    if is_decimal(value.dtype):
        value = call.cast(value, pl.UInt64())
    made = of_base(value.expr, 16 if one.kind == "x" else 8)
    sign = ("0x" if one.kind == "x" else "0") if "#" in one.flags else ""
    if "0" in one.flags:
        made = made.str.pad_start(max(0, one.width - len(sign)), "0")
    return pl.concat_str(pl.lit(sign), made)


_PATTERNS = {
    "H": "%H", "I": "%I", "k": "%-H", "l": "%-I", "M": "%M", "S": "%S", "L": "%3f", "N": "%9f", "p": "%P",
    "z": "+0000", "Z": "UTC", "B": "%B", "b": "%b", "h": "%b", "A": "%A", "a": "%a", "C": "%C", "Y": "%Y",
    "y": "%y", "j": "%j", "m": "%m", "d": "%d", "e": "%-d", "R": "%H:%M", "T": "%H:%M:%S", "r": "%I:%M:%S %p",
    "D": "%m/%d/%y", "F": "%Y-%m-%d", "c": "%a %b %d %H:%M:%S UTC %Y",
}  # fmt: skip
_OF_DAY = frozenset("HIklMSLNpRTr")


def _moment(call: Call, one: _Directive, part: str, value: Value) -> pl.Expr:
    day, clock = is_date(value.dtype), isinstance(value.dtype, pl.Time)
    if not (day or clock or is_timestamp(value.dtype)):
        raise _misfit(call, one, value)
    if part in "sQ" and is_timestamp(value.dtype):
        micros = value.expr.dt.epoch("us")
        return (micros // (1_000_000 if part == "s" else 1000)).cast(pl.String)
    if part not in _PATTERNS:
        raise call.error(f"{one.text!r} is no format")
    if (day and (part in _OF_DAY or part in "zZc")) or (clock and part not in _OF_DAY):
        raise _misfit(call, one, value)
    return value.expr.dt.strftime(_PATTERNS[part])
