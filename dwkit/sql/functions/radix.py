"""Whole numbers in other bases than ten, and bytes in hexadecimal: BIN, HEX, UNHEX, CONV."""

from __future__ import annotations

from functools import partial

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.types import is_integer, is_number, is_text
from dwkit.sql.value import Value

__all__ = ["RADIX"]

_TEXT = pl.String()
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_TABLE = 1296
"""So many texts of digits are looked up at once, at most: two digits of base 36."""


def _unsigned(number: pl.Expr) -> pl.Expr:
    """Return a 64-bit integer as the unsigned one of the same bits."""
    return number.reinterpret(signed=False)


def _written(number: pl.Expr, base: int, *, upper: bool = True) -> pl.Expr:
    """Return an unsigned 64-bit integer in a base, without leading zeros."""
    digits = _DIGITS if upper else _DIGITS.lower()
    texts = list(digits[:base])
    while len(texts) * base <= _TABLE:
        texts = [a + b for a in texts for b in digits[:base]]
    size = len(texts)
    count = 1
    while size**count < 2**64:
        count += 1
    parts = [
        (number // size**place % size).replace_strict(range(size), texts, return_dtype=pl.String)
        for place in range(count - 1, -1, -1)
    ]
    whole = pl.concat_str(parts).str.strip_chars_start("0")
    return pl.when(whole == "").then(pl.lit("0")).otherwise(whole)


def _bin(call: Call) -> Value:
    """BIN(n): negative numbers as the two's complement of 64 bits; of a text in DuckDB, the bits of its bytes."""
    [value] = call.args()
    if call.dialect == "duckdb" and is_text(value.dtype):
        raise call.refuse("BIN of text")
    return call.value(_written(_unsigned(call.cast(value, pl.Int64()).expr), 2), _TEXT)


def _hex(upper: bool, call: Call) -> Value:
    """HEX(x): of a number its digits, of a text or bytes the bytes."""
    call.has("case")
    value = call.arg()
    if is_number(value.dtype) and call.dialect != "sqlite":
        whole = call.cast(value, pl.Int64()).expr
        if call.dialect == "postgres" and is_integer(value.dtype) and not isinstance(value.dtype, pl.Int64):
            whole = whole % 2**32  # TO_HEX of an integer has 32 bits there
        return call.value(_written(_unsigned(whole), 16, upper=upper), _TEXT)
    if isinstance(value.dtype, pl.Binary):
        made = value.expr.bin.encode("hex")
    else:
        made = call.as_text(value).str.encode("hex")
    return call.value(made.str.to_uppercase() if upper else made, _TEXT)


_ODD_IS_PADDED = frozenset({"spark", "databricks", "mysql", "duckdb"})
"""UNHEX of an odd number of digits puts a zero before them there."""


def _unhex(call: Call) -> Value:
    digits = call.text()
    if call.dialect in _ODD_IS_PADDED:
        odd = digits.str.len_bytes() % 2 == 1
        digits = pl.when(odd).then(pl.concat_str(pl.lit("0"), digits)).otherwise(digits)
    return call.value(digits.str.decode("hex", strict=False), pl.Binary())


def _conv(call: Call) -> Value:
    """CONV(number, from base, to base): unsigned 64 bits, signed where the second base is negative."""
    values = call.args()
    if len(values) != 3:
        raise call.error(f"{call.name} wants a number and two bases")
    source, target = values[1].constant, values[2].constant
    if not isinstance(source, int) or not isinstance(target, int):
        raise call.refuse(f"{call.name} with computed bases")
    if source < 0 or not 2 <= source <= 36 or not 2 <= abs(target) <= 36:
        raise call.refuse(f"{call.name} from base {source} to base {target}")
    text = call.as_text(values[0]).str.strip_chars().str.to_uppercase()
    letters = _DIGITS[:source]
    digits = text.str.extract(rf"^-?([{letters}]+)", 1)
    size = digits.str.to_integer(base=source, dtype=pl.UInt64, strict=False)
    size = call.checked(
        size, digits.is_not_null() & size.is_null(), pl.format("{} needs more than 64 bits", text)
    )
    size = pl.when(digits.is_null() & text.is_not_null()).then(pl.lit(0, dtype=pl.UInt64)).otherwise(size)
    signed = size.reinterpret(signed=True)
    signed = pl.when(text.str.starts_with("-")).then(0 - signed).otherwise(signed)
    if target > 0:
        return call.value(_written(_unsigned(signed), target), _TEXT)
    # The least number is its own opposite, and right as an unsigned one.
    plain = _written(_unsigned(pl.when(signed < 0).then(0 - signed).otherwise(signed)), -target)
    return call.value(pl.when(signed < 0).then(pl.concat_str(pl.lit("-"), plain)).otherwise(plain), _TEXT)


RADIX: Functions = {
    "BIN": _bin, "CONV": _conv, exp.Hex: partial(_hex, True), exp.LowerHex: partial(_hex, False), exp.Unhex: _unhex,
}  # fmt: skip
