"""Characters and their codes, hexadecimal, base 64."""

from __future__ import annotations

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Call, Functions, text
from dwkit.sql.functions.integers import all_digits, hex_of
from dwkit.sql.types import is_integer, is_number
from dwkit.sql.value import Value, constant

__all__ = ["CODING", "code_of"]

_NUMBER, _TEXT = pl.Int64(), pl.String()


def _code_point(call: Call) -> Value:
    """The code of the first character: its bytes in UTF-8, put together."""
    call.has("empty_is_zero")
    first = call.text().str.slice(0, 1)
    empty = None if call.dialect in ("sqlite", "oracle", "tsql") else 0
    if call.dialect == "duckdb" and isinstance(call.node, exp.Unicode):
        empty = -1
    made = pl.when(first == "").then(pl.lit(empty, dtype=pl.Int64)).otherwise(code_of(first))
    return call.value(made, _NUMBER)


def code_of(first: pl.Expr) -> pl.Expr:
    """Return the code point of a text of one character."""
    bits = first.str.encode("hex").str.to_integer(base=16, dtype=pl.Int64, strict=False)
    size = first.str.len_bytes()

    def six(shift: int) -> pl.Expr:
        return (bits // int(2**shift)) % 64

    return (
        pl.when(size == 1).then(bits)
        .when(size == 2).then((bits // 256) % 32 * 64 + six(0))
        .when(size == 3).then((bits // 65536) % 16 * 4096 + six(8) * 64 + six(0))
        .when(size == 4).then((bits // 16777216) % 8 * 262144 + six(16) * 4096 + six(8) * 64 + six(0))
    )  # fmt: skip


def _named(call: Call) -> Call:
    """Return a call of a name that sqlglot has no class for as one with its argument in place."""
    return Call(exp.Unicode(this=call.node.expressions[0]), call.binder)


def _first_byte(call: Call) -> Value:
    if call.dialect != "mysql":
        return _code_point(call)
    byte = call.text().str.slice(0, 1).str.encode("hex").str.slice(0, 2)
    made = byte.str.to_integer(base=16, dtype=pl.Int64, strict=False)
    return call.value(pl.when(call.text() == "").then(0).otherwise(made), _NUMBER)


_BYTES = frozenset({"spark", "databricks", "datafusion", "sqlite", "snowflake", "trino", "mysql", "tsql"})
"""X'4142' (or 0x4142) is two bytes there."""
_HALF_FIRST = frozenset({"spark", "databricks", "datafusion", "tsql", "mysql"})
"""An odd number of digits has a 0 before it there."""


def _hex_string(call: Call) -> Value:
    digits = call.node.name
    if call.node.args.get("is_integer"):
        call.given("is_integer")
        return constant(int(digits, 16), pl.Int64())
    if call.dialect not in _BYTES or (len(digits) % 2 and call.dialect not in _HALF_FIRST):
        raise call.refuse(f"X'{digits}'")
    return constant(bytes.fromhex("0" * (len(digits) % 2) + digits), pl.Binary())


def _ord(call: Call) -> Value:
    """ORD(text): the code of the first character; in MySQL its bytes as one number."""
    if call.dialect != "mysql":
        return _code_point(call)
    digits = call.text().str.slice(0, 1).str.encode("hex")
    made = digits.str.to_integer(base=16, dtype=pl.Int64, strict=False)
    return call.value(pl.when(call.text() == "").then(0).otherwise(made), _NUMBER)


def _bytes_literal(call: Call) -> Value:
    """b'...': bytes in BigQuery, in which an escape stands for one byte; text elsewhere."""
    text = call.node.name
    if not call.has("is_bytes"):
        return constant(text, _TEXT)
    if not text.isascii() and text not in call.binder.sql:
        # sqlglot reads \xff as the character of that code.
        if max(text) > "\xff" or any(c in call.binder.sql for c in text if not c.isascii()):
            raise call.refuse("b'...' with escapes beside other characters")
        return constant(text.encode("latin-1"), pl.Binary())
    return constant(text.encode(), pl.Binary())


def _hex(*, upper: bool = True) -> object:
    def build(call: Call) -> Value:
        call.has("case")
        capital = upper and call.dialect not in _SMALL_HEX
        value = call.arg()
        if value.is_null:
            return constant(None, _TEXT)
        if is_number(value.dtype) and call.dialect != "sqlite":
            whole = call.cast(value, _NUMBER).expr
            if (
                call.dialect == "postgres"
                and is_integer(value.dtype)
                and not isinstance(value.dtype, pl.Int64)
            ):
                whole = whole % 2**32  # an INTEGER has 32 bits there
            digits = hex_of(whole)
            return call.value(digits.str.to_uppercase() if capital else digits, _TEXT)
        if isinstance(value.dtype, pl.Binary):
            made = value.expr.bin.encode("hex")
        else:
            made = call.as_text(value).str.encode("hex")
        return call.value(made.str.to_uppercase() if capital else made, _TEXT)

    return build


_SMALL_HEX = frozenset({"postgres", "redshift", "datafusion"})
"""TO_HEX writes small letters there."""


def _uuid(call: Call) -> Value:
    """UUID(): each row another one, of random digits."""
    for flag in ("is_string", "name"):
        if call.has(flag) and flag == "name":
            raise call.refuse("UUID of a name")
    rows = pl.int_range(pl.len(), dtype=pl.UInt64)
    first, second = (rows.hash(seed=call.binder.chance()) for _ in range(2))
    a, b = all_digits(first), all_digits(second)
    variant = pl.lit("89ab").str.slice(second // 2**60 % 4, 1)
    dash = pl.lit("-")
    made = pl.concat_str(
        a.str.slice(0, 8), dash, a.str.slice(8, 4), pl.lit("-4"), a.str.slice(13, 3), dash, variant,
        b.str.slice(1, 3), dash, b.str.slice(4, 12),
    )  # fmt: skip
    return Value(made, _TEXT, volatile=True)


_ODD_IS_PADDED = frozenset({"spark", "databricks", "mysql", "duckdb"})
"""UNHEX of an odd number of digits puts a zero before them there."""


def _unhex(call: Call) -> Value:
    digits = call.text()
    if call.dialect in _ODD_IS_PADDED:
        odd = digits.str.len_bytes() % 2 == 1
        digits = pl.when(odd).then(pl.concat_str(pl.lit("0"), digits)).otherwise(digits)
    return call.value(digits.str.decode("hex", strict=False), pl.Binary())


def _from_base64(call: Call) -> Value:
    decoded = call.text().str.decode("base64", strict=False)
    return call.value(decoded, pl.Binary())


def _normalized(call: Call) -> Value:
    call.has("is_casefold")
    form = call.word("form", "NFC")
    return call.value(call.text().str.normalize(form), _TEXT)  # type: ignore[arg-type]


CODING: Functions = {
    exp.ByteString: _bytes_literal,
    exp.Ascii: _first_byte,
    exp.Unicode: _code_point,
    "ORD": lambda call: _ord(_named(call)),
    "CODEPOINT": lambda call: _code_point(_named(call)),
    exp.National: lambda call: constant(call.node.name, _TEXT),
    exp.RawString: lambda call: constant(call.node.name, _TEXT),
    exp.Base64Encode: text(lambda s: s.str.encode("base64")),
    exp.HexString: _hex_string,
    exp.Hex: _hex(),  # type: ignore[dict-item]
    exp.LowerHex: _hex(upper=False),  # type: ignore[dict-item]
    exp.Unhex: _unhex,
    exp.Uuid: _uuid,
    exp.ToBase64: text(lambda s: s.str.encode("base64")),
    exp.FromBase64: _from_base64,
    exp.Normalize: _normalized,
    "STRIP_ACCENTS": lambda call: call.value(
        call.as_text(call.args()[0]).str.normalize("NFD").str.replace_all(r"\p{M}", ""), _TEXT
    ),
}
