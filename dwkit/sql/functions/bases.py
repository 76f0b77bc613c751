"""Whole numbers in other bases: FROM_BASE, TO_BASE, CONV, BIN, OCT."""

from __future__ import annotations

import math

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Builder, Call, Functions
from dwkit.sql.types import is_text
from dwkit.sql.value import Value

__all__ = ["BASES", "digits_of"]

_TEXT, _NUMBER, _WIDE = pl.String(), pl.Int64(), pl.Int128()
_SIGNS = "0123456789abcdefghijklmnopqrstuvwxyz"
_BITS = 64


def _base(call: Call, value: Value) -> int:
    base = value.constant
    if not isinstance(base, int):
        raise call.refuse(f"{call.name} with a computed base")
    if not 2 <= abs(base) <= len(_SIGNS):
        raise call.error(f"a base is a number from 2 to {len(_SIGNS)}, not {base}")
    return base


def digits_of(number: pl.Expr, base: int) -> pl.Expr:
    """Return a whole number from 0 below 2 to the power of 64 as its digits in a base, in small letters."""
    wide = number.cast(_WIDE)
    parts = [
        ((wide // base**place) % base).replace_strict(
            list(range(base)), list(_SIGNS[:base]), return_dtype=_TEXT
        )
        for place in range(math.ceil(_BITS / math.log2(base)) - 1, -1, -1)
    ]
    return pl.concat_str(parts).str.replace("^0+(.)", "${1}")


def _from_base(call: Call) -> Value:
    """FROM_BASE(text, base), STRTOL(text, base): a text that is no number there is an error."""
    base = _base(call, call.arg("expression"))
    text = call.guarded(call.text())
    return call.value(text.str.to_integer(base=base, dtype=_NUMBER, strict=True), _NUMBER)


def _to_base(call: Call) -> Value:
    """TO_BASE(number, base)."""
    value, given, *rest = call.args()
    if rest:
        raise call.refuse("TO_BASE with a length")
    base = _base(call, given)
    number = call.cast(value, _NUMBER).expr
    sign = pl.when(number < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    digits = digits_of(number.cast(_WIDE).abs(), base)
    if call.dialect == "duckdb":
        digits = digits.str.to_uppercase()
    return call.value(pl.concat_str(sign, digits), _TEXT)


def _conv(call: Call) -> Value:
    """CONV(x, from, to): what begins like a number there; without a sign in 64 bits unless the base is negative."""
    subject, *given = call.args()
    if len(given) != 2:
        raise call.error("CONV wants a number and two bases")
    source, target = (_base(call, v) for v in given)
    text = call.as_text(subject).str.strip_chars_start(" ").str.to_lowercase()
    signs = _SIGNS[: abs(source)]
    number = text.str.extract(f"^-?([{signs}]+)").str.replace("^0+(.)", "${1}")
    read = number.str.to_integer(base=abs(source), dtype=pl.UInt64, strict=False)
    beyond = number.is_not_null() & read.is_null()
    whole = read.cast(_WIDE)
    if call.dialect in _CLIPS:
        whole = pl.when(beyond).then(pl.lit(2**64 - 1, dtype=_WIDE)).otherwise(whole)
    else:
        whole = call.checked(whole, beyond, pl.format("{} needs more than 64 bits", text))
    negative = text.str.starts_with("-") & (whole > 0)
    unsigned = pl.when(negative).then(2**64 - whole).otherwise(whole)
    if target > 0:
        made = digits_of(unsigned, target)
    else:
        signed = pl.when(unsigned >= 2**63).then(unsigned - 2**64).otherwise(unsigned)
        sign = pl.when(signed < 0).then(pl.lit("-")).otherwise(pl.lit(""))
        made = pl.concat_str(sign, digits_of(signed.abs(), -target))
    made = pl.when(number.is_null()).then(pl.lit("0")).otherwise(made.str.to_uppercase())
    return call.value(pl.when(text != "").then(made), _TEXT)


_CLIPS = frozenset({"mysql"})
"""CONV takes a number of more than 64 bits for the greatest one there."""


def _bits_of(text: pl.Expr) -> pl.Expr:
    """Return the bits of the bytes of a text."""
    return text.str.encode("hex").str.replace_many(list(_SIGNS[:16]), [f"{n:04b}" for n in range(16)])


def _in_base(base: int) -> Builder:
    """BIN and OCT of a whole number: negative ones as 64 bits."""

    def build(call: Call) -> Value:
        value = call.args()[0]
        if call.dialect == "duckdb" and is_text(value.dtype):
            return call.value(_bits_of(value.expr), _TEXT)
        number = call.cast(value, _NUMBER).expr.cast(_WIDE)
        return call.value(digits_of(pl.when(number < 0).then(number + 2**64).otherwise(number), base), _TEXT)

    return build


BASES: Functions = {
    exp.FromBase: _from_base, "TO_BASE": _to_base, "CONV": _conv, "BIN": _in_base(2), "OCT": _in_base(8),
}  # fmt: skip
