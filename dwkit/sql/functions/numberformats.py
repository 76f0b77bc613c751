"""Numbers as text with commas or units: FORMAT of MySQL and SQL Server, FORMAT_NUMBER of Spark, FORMAT_BYTES of DuckDB."""

from __future__ import annotations

import re
from functools import partial

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.functions.decimals import rounded_units
from dwkit.sql.types import is_float, is_integer, is_text, shown
from dwkit.sql.value import Value

__all__ = ["NUMBER_FORMATS"]

_TEXT = pl.String()
_MOST_DIGITS = 30
_SIGNIFICANT = 15
_CULTURES = {"en-us": ",.", "en-gb": ",.", "en_us": ",.", "en_gb": ",.", "de-de": ".,", "de_de": ".,"}
"""The signs between groups and before the fraction."""


def _fixed(units: pl.Expr, digits: int, *, least: int = 1, grouped: bool = True) -> tuple[pl.Expr, pl.Expr]:
    """Return the digits before and after the point of a whole number of units, without a sign."""
    plain = units.abs().cast(pl.String).str.zfill(digits + 1)
    cut = plain.str.len_chars() - digits
    whole = plain.str.slice(0, cut)
    whole = whole.str.replace(r"^0$", "") if least == 0 else whole.str.zfill(least)
    if grouped:
        turned = whole.str.reverse().str.replace_all(r"(\d{3})", "${1},")
        whole = turned.str.strip_suffix(",").str.reverse()
    return whole, plain.str.slice(cut)


def _put(call: Call, negative: pl.Expr, *parts: pl.Expr, culture: str = ",.") -> Value:
    whole = pl.concat_str(parts)
    if culture == ".,":
        whole = whole.str.replace_many([",", "."], [".", ","])
    sign = pl.when(negative).then(pl.lit("-")).otherwise(pl.lit(""))
    return call.value(pl.concat_str(sign, whole), _TEXT)


def _culture(call: Call, node: exp.Expr | None) -> str:
    if node is None:
        return ",."
    name = call.bind(node).constant
    found = _CULTURES.get(str(name).lower())
    if found is None:
        raise call.refuse(f"the culture {name}")
    return found


def _number(call: Call, value: Value) -> Value:
    if is_text(value.dtype) or value.is_null:
        return call.cast(value, pl.Float64())
    if not value.dtype.is_numeric():
        raise call.error(f"{call.name} wants a number, not {shown(value.dtype)}")
    return value


# -- with a number of digits ----------------------------------------------------------------------


def _format(call: Call) -> Value:
    """FORMAT(x, digits) of MySQL, FORMAT(x, 'pattern') of SQL Server."""
    value = _number(call, call.arg())
    culture = _culture(call, call.given("culture"))
    if call.dialect == "tsql":
        return _net(call, value, culture)
    digits = call.constant("format")
    if not isinstance(digits, int):
        raise call.refuse(f"{call.name} with a computed number of digits")
    digits = max(0, min(digits, _MOST_DIGITS))
    if is_float(value.dtype):  # MySQL rounds the product
        product = value.expr.cast(pl.Float64) * 10.0**digits
        units = product.round(0, mode="half_to_even").cast(pl.Int128, strict=True)
        return _with_digits(call, value.expr < 0, units, digits, culture)
    units = rounded_units(call, value, digits)
    return _with_digits(call, units < 0, units, digits, culture)


def _with_digits(call: Call, negative: pl.Expr, units: pl.Expr, digits: int, culture: str = ",.") -> Value:
    whole, part = _fixed(units, digits)
    return _put(call, negative, whole, *([pl.lit("."), part] if digits else []), culture=culture)


def _format_number(call: Call) -> Value:
    """FORMAT_NUMBER(x, digits) of Spark rounds ties to the even digit."""
    subject, given = call.args()
    if call.dialect not in ("spark", "databricks") or not isinstance(given.constant, int):
        raise call.refuse(f"{call.name} with this format")
    if given.constant < 0:
        return call.value(pl.lit(None, dtype=_TEXT), _TEXT)
    value = _number(call, subject)
    units = rounded_units(call, value, given.constant, even=True)
    return _with_digits(call, value.expr < 0, units, given.constant)


# -- patterns of .NET -----------------------------------------------------------------------------

_STANDARD = re.compile(r"([NFDC])(\d{0,2})", re.IGNORECASE)
_CUSTOM = re.compile(r"(?P<start>[ $€(]*)(?P<before>[#0,]*)(?P<point>\.?)(?P<after>[#0]*)(?P<end>[ %€)]*)")


def _net(call: Call, value: Value, culture: str) -> Value:
    pattern = call.constant("format")
    if not isinstance(pattern, str):
        raise call.refuse("FORMAT with a computed pattern")
    standard = _STANDARD.fullmatch(pattern)
    if standard is not None:
        return _named(call, value, standard[1].upper(), standard[2], culture)
    found = _CUSTOM.fullmatch(pattern)
    if found is None or not re.search("[#0]", pattern) or found["before"].startswith(","):
        raise call.refuse(f"the format {pattern!r} of numbers")
    if found["before"].endswith(",") or found["end"].count("%") > 1:
        raise call.refuse(f"the format {pattern!r} of numbers")
    before, after = found["before"], found["after"]
    kept = after.rfind("0") + 1
    units = _net_units(call, value, len(after) + 2 * ("%" in found["end"]))
    whole, part = _fixed(units, len(after), least=before.count("0"), grouped="," in before)
    rest = pl.concat_str(part.str.slice(0, kept), part.str.slice(kept).str.strip_chars_end("0"))
    end = pl.when(rest != "").then(pl.concat_str(pl.lit("."), rest)).otherwise(pl.lit(""))
    return _put(
        call, (value.expr < 0) & (units != 0), pl.lit(found["start"]), whole, end, pl.lit(found["end"]), culture=culture
    )  # fmt: skip


def _named(call: Call, value: Value, kind: str, size: str, culture: str) -> Value:
    if kind == "D":
        if not is_integer(value.dtype):
            raise call.error("the format D is for whole numbers")
        whole, _ = _fixed(value.expr.cast(pl.Int128), 0, least=int(size or 1), grouped=False)
        return _put(call, value.expr < 0, whole)
    digits = min(int(size or 2), _MOST_DIGITS)
    units = _net_units(call, value, digits)
    whole, part = _fixed(units, digits, grouped=kind != "F")
    parts = [whole, *([pl.lit("."), part] if digits else [])]
    if kind != "C":
        return _put(call, units < 0, *parts, culture=culture)
    if culture != ",." or str(call.node.args.get("culture") or "en-us").lower().strip("'") != "en-us":
        raise call.refuse("the format C of this culture")
    text = pl.concat_str(pl.lit("$"), *parts)
    return call.value(
        pl.when(units < 0).then(pl.concat_str(pl.lit("("), text, pl.lit(")"))).otherwise(text), _TEXT
    )


def _net_units(call: Call, value: Value, digits: int) -> pl.Expr:
    """Round away from zero; a float by its first 15 digits, as .NET's does."""
    if not is_float(value.dtype):
        return rounded_units(call, value, digits)
    product = (value.expr.cast(pl.Float64) * 10.0**digits).round_sig_figs(_SIGNIFICANT)
    return product.round(0, mode="half_away_from_zero").cast(pl.Int128, strict=True)


def _of_bytes(step: int, units: tuple[str, ...], call: Call) -> Value:
    """FORMAT_BYTES(n) and FORMATREADABLEDECIMALSIZE(n): one digit after the point, the rest cut off."""
    [value] = call.args()
    if not is_integer(value.dtype) and not value.is_null:
        raise call.error(f"{call.name} wants a whole number, not {shown(value.dtype)}")
    size = value.expr.cast(pl.Int128).abs()
    made = pl.when(size == 1).then(pl.lit("1 byte")).otherwise(pl.format("{} bytes", size))
    for number, unit in enumerate(units, 1):
        whole, rest = size // step**number, size % step**number // step ** (number - 1)
        text = pl.format("{}.{} " + unit, whole, rest * 10 // step)
        made = pl.when(size >= step**number).then(text).otherwise(made)
    signed = pl.when(value.expr < 0).then(pl.format("-{}", made)).otherwise(made)
    return call.value(pl.when(value.expr.is_not_null()).then(signed), _TEXT)


_BINARY = partial(_of_bytes, 1024, ("KiB", "MiB", "GiB", "TiB", "PiB"))
_THOUSANDS = partial(_of_bytes, 1000, ("kB", "MB", "GB", "TB", "PB"))

NUMBER_FORMATS: Functions = {
    exp.NumberToStr: _format, "FORMAT_NUMBER": _format_number, "FORMAT_BYTES": _BINARY, "FORMATREADABLESIZE": _BINARY,
    "FORMATREADABLEDECIMALSIZE": _THOUSANDS,
}  # fmt: skip
