"""Codes of characters as texts, and bytes that are meant to be UTF-8."""

from __future__ import annotations

import polars as pl
import polars_hash  # noqa: F401 — gives numbers their bytes
from sqlglot import exp

from dwkit.sql.functions.call import Builder, Call, Functions
from dwkit.sql.value import Value

__all__ = ["CODES", "character", "mended"]

_TEXT, _SPARK = pl.String(), ("spark", "databricks")


def character(call: Call, code: pl.Expr) -> pl.Expr:
    """Return the character of a code, which must be one of Unicode's."""
    six = [0x80 + (code // 64**n) % 64 for n in range(3)]
    bits = (
        pl.when(code < 0x80).then(code)
        .when(code < 0x800).then((0xC0 + code // 64) * 256 + six[0])
        .when(code < 0x10000).then((0xE0 + code // 4096) * 65536 + six[1] * 256 + six[0])
        .otherwise((0xF0 + code // 262144) * 16777216 + six[2] * 65536 + six[1] * 256 + six[0])
    )  # fmt: skip
    digits = pl.when(code < 0x80).then(2).when(code < 0x800).then(4).when(code < 0x10000).then(6).otherwise(8)
    exists = (code >= 0) & (code < 0x110000) & ((code < 0xD800) | (code > 0xDFFF))
    text = bits.bytes.to_be().bin.encode("hex").str.tail(digits)  # type: ignore[attr-defined]
    decoded = pl.when(exists).then(text).str.decode("hex").cast(pl.String)
    return call.checked(decoded, exists.not_(), pl.concat_str(pl.lit("no character has the code "), code))


def _chr(call: Call) -> Value:
    """CHR of codes; Spark has 256 of them, and none below 0."""
    call.has("charset")
    made: list[pl.Expr] = []
    for value in call.args():
        if call.dialect in _SPARK:
            code = call.cast(value, pl.Int64()).expr
            made.append(pl.when(code < 0).then(pl.lit("")).otherwise(character(call, code % 256)))
        elif isinstance(value.constant, int):
            if not 0 <= value.constant < 0x110000:
                raise call.error(f"there is no character {value.constant}")
            made.append(pl.lit(chr(value.constant)))
        else:
            made.append(character(call, call.cast(value, pl.Int64()).expr))
    return call.value(made[0] if len(made) == 1 else pl.concat_str(made), _TEXT)


# -- UTF-8 ----------------------------------------------------------------------------------------

_TAIL = "[89ab][0-9a-f]"
_CHARACTER = (
    f"[0-7][0-9a-f]|(?:c[2-9a-f]|d[0-9a-f]){_TAIL}|e0[ab][0-9a-f]{_TAIL}|e[1-9a-cef](?:{_TAIL}){{2}}"
    f"|ed[89][0-9a-f]{_TAIL}|f0[9ab][0-9a-f](?:{_TAIL}){{2}}|f[1-3](?:{_TAIL}){{3}}|f48[0-9a-f](?:{_TAIL}){{2}}"
)
_BEGUN = (
    f"e0[ab][0-9a-f]|e[1-9a-cef]{_TAIL}|ed[89][0-9a-f]|f0[9ab][0-9a-f](?:{_TAIL})?|f[1-3](?:{_TAIL}){{1,2}}"
    f"|f48[0-9a-f](?:{_TAIL})?"
)
"""What begins a character and breaks off; other bytes that are none stand alone."""


def _digits(call: Call, value: Value) -> pl.Expr:
    if isinstance(value.dtype, pl.Binary):
        return value.expr.bin.encode("hex")
    return call.as_text(value).str.encode("hex")


def _sound(digits: pl.Expr) -> pl.Expr:
    return digits.str.contains(f"^(?:{_CHARACTER})*$")


def mended(digits: pl.Expr) -> pl.Expr:
    """Return hexadecimal bytes as text, U+FFFD for each part that is no UTF-8."""
    piece = pl.element()
    whole = piece.str.contains(f"^(?:{_CHARACTER})$")
    pieces = digits.str.extract_all(f"{_CHARACTER}|{_BEGUN}|..")
    put = pieces.list.eval(pl.when(whole).then(piece).otherwise(pl.lit("efbfbd"))).list.join("")
    made = pl.when(_sound(digits)).then(digits).otherwise(put)
    return made.str.decode("hex").cast(pl.String)


def _is_valid(call: Call) -> Value:
    return call.value(_sound(_digits(call, call.args()[0])), pl.Boolean())


def _make_valid(call: Call) -> Value:
    return call.value(mended(_digits(call, call.args()[0])), _TEXT)


def _validated(*, strict: bool) -> Builder:
    def build(call: Call) -> Value:
        digits = _digits(call, call.args()[0])
        sound = _sound(digits)
        made = pl.when(sound).then(digits).str.decode("hex").cast(pl.String)
        if strict:
            made = call.checked(made, sound.not_(), pl.concat_str(pl.lit("no UTF-8: 0x"), digits))
        return call.value(made, _TEXT)

    return build


CODES: Functions = {
    exp.Chr: _chr,
    "IS_VALID_UTF8": _is_valid,
    "MAKE_VALID_UTF8": _make_valid,
    "VALIDATE_UTF8": _validated(strict=True),
    "TRY_VALIDATE_UTF8": _validated(strict=False),
}
