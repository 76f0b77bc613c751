"""Tokens of texts, code points as lists, quoted literals, bytes as text."""

from __future__ import annotations

import re

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.functions.strings.coding import code_of
from dwkit.sql.types import is_list
from dwkit.sql.value import Value

__all__ = ["TOKENS"]

_TEXT, _NUMBER = pl.String(), pl.Int64()


def _strtok(call: Call) -> Value:
    """STRTOK(text, separators, n): the nth of the parts between any of some characters, without empty ones."""
    separators = call.constant("delimiter", " ")
    if not isinstance(separators, str):
        raise call.refuse("STRTOK by computed separators")
    number = call.integer("part_index") if call.has("part_index") else pl.lit(1, dtype=_NUMBER)
    subject = call.text()
    if separators:
        between = re.sub(r"([\\\[\]^&~-])", r"\\\1", separators)
        parts = subject.str.extract_all(f"(?s)[^{between}]+")
    else:
        parts = pl.concat_list(pl.when(subject != "").then(subject)).list.drop_nulls()
    found = parts.list.get(pl.when(number > 0).then(number - 1), null_on_oob=True)
    return call.value(pl.when(subject.is_not_null()).then(found), _TEXT)


def _code_points(call: Call) -> Value:
    """TO_CODE_POINTS(text), or the bytes of a binary."""
    value = call.arg()
    if isinstance(value.dtype, pl.Binary):
        raise call.refuse(f"{call.name} of bytes")
    signs = call.as_text(value).str.extract_all("(?s).")
    return call.value(signs.list.eval(code_of(pl.element())), pl.List(_NUMBER))


def _from_code_points(call: Call) -> Value:
    """CODE_POINTS_TO_STRING(codes), which are literals, or below 128."""
    node = call.node.this
    if isinstance(node, exp.Array):
        return call.bind(exp.Chr(expressions=[n.copy() for n in node.expressions]))
    value = call.arg()
    if not is_list(value.dtype):
        raise call.error(f"{call.name} wants a list")
    codes = list(range(128))
    sign = pl.element().replace_strict(codes, [chr(n) for n in codes], return_dtype=_TEXT)
    return call.value(value.expr.list.eval(sign).list.join(""), _TEXT)


def _bytes_as_text(call: Call) -> Value:
    """Bytes that hold UTF-8 as text."""
    if call.has("alphabet"):
        raise call.refuse(f"{call.name} with another alphabet")
    if isinstance(call.node, exp.Base64DecodeString):
        data = call.text().str.decode("base64", strict=not call.has("safe"))
    else:
        data = call.arg().expr
    return call.value(data.cast(pl.String), _TEXT)


def _digest(call: Call) -> Value:
    """MD5 as bytes."""
    value = call.arg()
    if call.has("expressions"):
        raise call.refuse(f"{call.name} of several arguments")
    whole = value.expr if isinstance(value.dtype, pl.Binary) else call.as_text(value)
    text = whole.cast(pl.String)  # bytes that are no text are an error
    return call.value(text.nchash.md5().str.decode("hex"), pl.Binary())  # type: ignore[attr-defined]


def _encoded(call: Call) -> Value:
    """ENCODE(text, 'utf-8'), TO_UTF8(text): its bytes."""
    if str(call.constant("charset", "utf-8")).lower() not in ("utf-8", "utf8"):
        raise call.refuse(f"{call.name} in another charset than UTF-8")
    return call.value(call.text().cast(pl.Binary), pl.Binary())


TOKENS: Functions = {
    exp.Encode: _encoded,
    exp.Strtok: _strtok, exp.ToCodePoints: _code_points, exp.CodePointsToString: _from_code_points,
    exp.SafeConvertBytesToString: _bytes_as_text, exp.Base64DecodeString: _bytes_as_text, exp.MD5Digest: _digest,
}  # fmt: skip
