"""Digests of texts and bytes as bytes, and bytes as text in hexadecimal or base 64."""

from __future__ import annotations

import hashlib

import polars as pl
import polars_hash  # noqa: F401 - gives expressions their hashes
from sqlglot import exp

from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.types import is_text, shown
from dwkit.sql.value import Value, constant

__all__ = ["DIGESTS"]

_BYTES, _TEXT = pl.Binary(), pl.String()
_HASHES = {"md5": ("nchash", "md5"), "blake3": ("chash", "blake3"),
           **{f"sha{n}": ("chash", f"sha2_{n}") for n in (224, 256, 384, 512)}}  # fmt: skip
_LITERALS_ONLY = frozenset({"blake2b", "blake2s"})
"""What Polars does not know, Python does."""


def _hashed(call: Call, value: Value, kind: str) -> Value:
    """Return a digest as bytes."""
    if value.is_null:
        return constant(None, _BYTES)
    if kind in _LITERALS_ONLY:
        known = value.constant
        if not isinstance(known, (str, bytes)):
            raise call.refuse(f"{kind} of a computed value")
        data = known.encode() if isinstance(known, str) else known
        return constant(hashlib.new(kind, data, usedforsecurity=False).digest(), _BYTES)
    if kind not in _HASHES:
        raise call.error(f"there is no digest {kind!r}")
    space, name = _HASHES[kind]
    subject = value.expr if isinstance(value.dtype, pl.Binary) else call.as_text(value)
    made = getattr(getattr(subject, space), name)()
    return call.value(made.str.decode("hex"), _BYTES)


def _digest(call: Call) -> Value:
    """DIGEST(value, 'sha256')."""
    value, kind = call.args()
    if not isinstance(kind.constant, str):
        raise call.error(f"{call.name} wants the name of a digest")
    return _hashed(call, value, kind.constant.lower())


def _sha2(call: Call) -> Value:
    """SHA256(value) and the like of PostgreSQL and DataFusion."""
    return _hashed(call, call.arg(), f"sha{call.constant('length', 256)}")


def _encode(call: Call) -> Value:
    """ENCODE(bytes, 'hex')."""
    value, kind = _subject(call)
    if kind == "hex":
        return call.value(value.bin.encode("hex"), _TEXT)
    made = value.bin.encode("base64")
    if call.dialect == "postgres":  # in lines of 76 signs
        made = made.str.replace_all("(.{76})", "${1}\n")
    return call.value(made.str.strip_chars_end("=") if kind == "base64" and _unpadded(call) else made, _TEXT)


def _decode(call: Call) -> Value:
    """DECODE(text, 'hex')."""
    value, kind = _subject(call)
    text = value.cast(_TEXT)
    if kind == "hex":
        return call.value(text.str.decode("hex"), _BYTES)
    if _unpadded(call):
        bare = text.str.strip_chars_end("=")
        text = bare.str.pad_end((bare.str.len_bytes() + 3) // 4 * 4, "=")
    return call.value(text.str.decode("base64"), _BYTES)


def _unpadded(call: Call) -> bool:
    """Whether base 64 goes without the signs that fill it up."""
    return call.dialect == "datafusion"


def _subject(call: Call) -> tuple[pl.Expr, str]:
    """Return what is to be written in another way, as bytes, and which way."""
    values = call.values()
    if len(values) != 2 or not isinstance(values[1].constant, str):
        raise call.error(f"{call.name} wants a value and the name of an encoding")
    value, kind = values[0], values[1].constant.lower()
    if kind not in ("hex", "base64", *(["base64pad"] if call.dialect == "datafusion" else [])):
        raise call.error(f"there is no encoding {kind!r}", hint="hex or base64")
    if not (is_text(value.dtype) or isinstance(value.dtype, pl.Binary) or value.is_null):
        raise call.error(f"{call.name} wants text or bytes, not {shown(value.dtype)}")
    return value.expr.cast(_BYTES), kind


DIGESTS: Functions = {
    "DIGEST": _digest,
    "SHA224": lambda call: _hashed(call, call.args()[0], "sha224"),
    exp.SHA2Digest: _sha2,
    "ENCODE": _encode,
    "DECODE": _decode,
}
