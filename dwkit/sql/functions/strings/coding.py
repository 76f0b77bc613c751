"""Characters and their codes, base 64, digests, formats."""

from __future__ import annotations

import re

import polars as pl
import polars_hash  # noqa: F401 - gives expressions their hashes
from sqlglot import exp

from dwkit.sql.functions.call import Call, Functions, text
from dwkit.sql.value import Value, constant

__all__ = ["CODING"]

_NUMBER, _TEXT = pl.Int64(), pl.String()


def _code_point(call: Call) -> Value:
    """The code of the first character: its bytes in UTF-8, put together."""
    call.has("empty_is_zero")
    first = call.text().str.slice(0, 1)
    bits = first.str.encode("hex").str.to_integer(base=16, dtype=pl.Int64, strict=False)
    size = first.str.len_bytes()

    def six(shift: int) -> pl.Expr:
        return (bits // int(2**shift)) % 64

    made = (
        pl.when(size == 1).then(bits)
        .when(size == 2).then((bits // 256) % 32 * 64 + six(0))
        .when(size == 3).then((bits // 65536) % 16 * 4096 + six(8) * 64 + six(0))
        .when(size == 4).then((bits // 16777216) % 8 * 262144 + six(16) * 4096 + six(8) * 64 + six(0))
    )  # fmt: skip
    empty = None if call.dialect in ("sqlite", "oracle", "tsql") else 0
    if call.dialect == "duckdb" and isinstance(call.node, exp.Unicode):
        empty = -1
    return call.value(pl.when(first == "").then(pl.lit(empty, dtype=pl.Int64)).otherwise(made), _NUMBER)


def _named(call: Call) -> Call:
    """Return a call of a name that sqlglot has no class for as one with its argument in place."""
    return Call(exp.Unicode(this=call.node.expressions[0]), call.binder)


def _first_byte(call: Call) -> Value:
    if call.dialect != "mysql":
        return _code_point(call)
    byte = call.text().str.slice(0, 1).str.encode("hex").str.slice(0, 2)
    made = byte.str.to_integer(base=16, dtype=pl.Int64, strict=False)
    return call.value(pl.when(call.text() == "").then(0).otherwise(made), _NUMBER)


def _chr(call: Call) -> Value:
    """CHR of codes; computed ones must be below 128."""
    call.has("charset")
    made: list[pl.Expr] = []
    for value in call.args():
        if isinstance(value.constant, int):
            if not 0 <= value.constant < 0x110000:
                raise call.error(f"there is no character {value.constant}")
            made.append(pl.lit(chr(value.constant)))
        else:
            codes = list(range(128))
            number = call.cast(value, pl.Int64()).expr
            made.append(number.replace_strict(codes, [chr(n) for n in codes], return_dtype=pl.String))
    return call.value(made[0] if len(made) == 1 else pl.concat_str(made), _TEXT)


def _from_base64(call: Call) -> Value:
    decoded = call.text().str.decode("base64", strict=False)
    return call.value(decoded, pl.Binary())


def _digest(space: str, name: str) -> object:
    def build(call: Call) -> Value:
        return call.value(getattr(getattr(call.text(), space), name)(), _TEXT)

    return build


def _sha2(call: Call) -> Value:
    bits = call.constant("length", 256) or 256
    if bits not in (224, 256, 384, 512):
        raise call.error(f"SHA2 of {bits} bits: there are 224, 256, 384, 512")
    return call.value(getattr(call.text().chash, f"sha2_{bits}")(), _TEXT)  # type: ignore[attr-defined]


_DIRECTIVE = re.compile(r"%(?P<flags>[-0 +]*)(?P<width>\d*)(?:\.(?P<digits>\d+))?(?P<kind>[sdifxX%])")


def _printf(call: Call) -> Value:
    """PRINTF and FORMAT with a literal format: ``%s``, ``%d`` and ``%.2f``, with width and fill."""
    pattern = call.constant("this") if not isinstance(call.node, exp.Anonymous) else call.args()[0].constant
    values = call.args()
    values = values[1:] if isinstance(call.node, exp.Anonymous) else values
    if not isinstance(pattern, str):
        raise call.refuse("a computed format")
    if call.dialect == "duckdb" and isinstance(call.node, exp.Format):
        return _braces(call, pattern, values)
    parts: list[pl.Expr] = []
    at = 0
    waiting = list(values)
    for found in _DIRECTIVE.finditer(pattern):
        parts.append(pl.lit(pattern[at : found.start()]))
        at = found.end()
        if found["kind"] == "%":
            parts.append(pl.lit("%"))
            continue
        if not waiting:
            raise call.error("the format has more places than there are values")
        parts.append(_formatted(call, found, waiting.pop(0)))
    if "%" in _DIRECTIVE.sub("", pattern):
        raise call.refuse("this format")
    parts.append(pl.lit(pattern[at:]))
    return call.value(pl.concat_str(parts), _TEXT)


def _braces(call: Call, pattern: str, values: list[Value]) -> Value:
    pieces = pattern.split("{}")
    if len(pieces) - 1 != len(values) or re.search(r"\{[^}]", pattern):
        raise call.refuse("this format")
    parts: list[pl.Expr] = [pl.lit(pieces[0])]
    for value, piece in zip(values, pieces[1:], strict=True):
        parts += [call.as_text(value), pl.lit(piece)]
    return call.value(pl.concat_str(parts), _TEXT)


def _formatted(call: Call, found: re.Match[str], value: Value) -> pl.Expr:
    kind, flags = found["kind"], found["flags"]
    if kind in ("x", "X") or set(flags) - {"-", "0"}:
        raise call.refuse(f"the format {found[0]}")
    if kind == "s":
        made = call.as_text(value)
    elif kind in ("d", "i"):
        made = call.cast(value, pl.Int64()).expr.cast(pl.String)
    else:
        digits = int(found["digits"] or 6)
        exact = call.cast(value, pl.Decimal(38, digits))
        made = exact.expr.cast(pl.String)
    width = int(found["width"] or 0)
    if not width:
        return made
    if "-" in flags:
        return made.str.pad_end(width)
    return made.str.zfill(width) if "0" in flags and kind != "s" else made.str.pad_start(width)


def _normalized(call: Call) -> Value:
    call.has("is_casefold")
    form = call.word("form", "NFC")
    return call.value(call.text().str.normalize(form), _TEXT)  # type: ignore[arg-type]


CODING: Functions = {
    exp.Ascii: _first_byte,
    exp.Unicode: _code_point,
    "ORD": lambda call: _code_point(_named(call)),
    "CODEPOINT": lambda call: _code_point(_named(call)),
    exp.National: lambda call: constant(call.node.name, _TEXT),
    exp.RawString: lambda call: constant(call.node.name, _TEXT),
    exp.Base64Encode: text(lambda s: s.str.encode("base64")),
    exp.Chr: _chr,
    exp.ToBase64: text(lambda s: s.str.encode("base64")),
    exp.FromBase64: _from_base64,
    exp.MD5: _digest("nchash", "md5"),  # type: ignore[dict-item]
    exp.SHA: _digest("nchash", "sha1"),  # type: ignore[dict-item]
    exp.SHA2: _sha2,
    "SHA256": lambda call: call.value(call.as_text(call.args()[0]).chash.sha2_256(), _TEXT),  # type: ignore[attr-defined]
    exp.Format: _printf,
    "PRINTF": _printf,
    "FORMAT": _printf,
    "FORMAT_STRING": _printf,
    exp.Normalize: _normalized,
    "STRIP_ACCENTS": lambda call: call.value(
        call.as_text(call.args()[0]).str.normalize("NFD").str.replace_all(r"\p{M}", ""), _TEXT
    ),
}
