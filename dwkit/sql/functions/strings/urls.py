"""Addresses: their parts as java.net.URI reads them (RFC 2396), and texts written for them."""

from __future__ import annotations

import re
import string

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Builder, Call, Functions
from dwkit.sql.functions.strings.codes import mended
from dwkit.sql.value import Value

__all__ = ["URLS"]

_TEXT, _SPARK = pl.String(), ("spark", "databricks")

_ESCAPED = "%[0-9A-Fa-f]{2}"
_OTHER = r"[^\x00-\x{9f}\p{Z}]"
"""Escapes and letters that are not ASCII: they may stand wherever ``_`` may."""
_SIGNS = r"A-Za-z0-9_!.~'()*\-"
_SCHEME = "[A-Za-z][A-Za-z0-9+.-]*"
_PATH = f"[{_SIGNS}:@&=+$,;/]"
_ANY = rf"[{_SIGNS};/?:@&=+$,\[\]]"
_OPAQUE = rf"[{_SIGNS};?:@&=+$,\[\]]"
_FIRST = f"[{_SIGNS}@&=+$,;]"
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[0-9]?[0-9])"
_HOST = (
    rf"(?:{_BYTE}(?:\.{_BYTE}){{3}}|\[[0-9A-Fa-f:.]+(?:%[0-9A-Za-z_]+)?\]"
    rf"|(?:{_LABEL}\.)+[A-Za-z](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.?|{_LABEL}\.?)"
)
_SERVER = f"(?:[{_SIGNS};:&=+$,]*@)?{_HOST}(?::[0-9]*)?"
_AUTHORITY = f"(?:{_SERVER}|[{_SIGNS}$,;:@&=+]+)"
_AFTER = f"(?:/{_PATH}*)?"
_QUERY, _FRAGMENT = rf"(?:\?{_ANY}*)?", f"(?:#{_ANY}*)?"
_WHOLE = (
    f"^(?:(?:{_SCHEME}:)?(?://{_AUTHORITY}{_AFTER}{_QUERY}|///?{_PATH}*{_QUERY}|/{_PATH}*{_QUERY})"
    f"|{_SCHEME}:{_OPAQUE}{_ANY}*|{_FIRST}*{_AFTER}{_QUERY}){_FRAGMENT}$"
)
"""An address with a server or another authority, with a path alone, an opaque one, or a relative one."""

_BEFORE = rf"^(?:{_SCHEME}:)?"
_AT = rf"{_BEFORE}//([^/?#]+)"


def _plain(url: pl.Expr) -> pl.Expr:
    return url.str.replace_all(_ESCAPED, "_").str.replace_all(_OTHER, "_")


def _parts(url: pl.Expr) -> dict[str, pl.Expr]:
    opaque = url.str.contains(f"^{_SCHEME}:[^/]")
    near = pl.when(opaque.not_()).then(url)
    authority = near.str.extract(_AT)
    server = pl.when(_plain(authority).str.contains(f"^{_SERVER}$")).then(authority)
    path = near.str.extract(rf"{_BEFORE}(?://[^/?#]*)?([^?#]*)")
    query = near.str.extract(r"^[^?#]*\?([^#]*)")
    return {
        "HOST": server.str.extract(r"^(?:[^@]*@)?(\[[^\]]*\]|[^:]*)"),
        "PATH": path,
        "QUERY": query,
        "REF": url.str.extract(r"#(.*)$"),
        "PROTOCOL": url.str.extract(f"^({_SCHEME}):"),
        "FILE": pl.when(query.is_null()).then(path).otherwise(pl.concat_str(path, pl.lit("?"), query)),
        "AUTHORITY": authority,
        "USERINFO": server.str.extract(r"^([^@]*)@"),
    }


def _parse_url(*, strict: bool) -> Builder:
    """PARSE_URL(url, part [, key]): a part of an address, or what a key of its query has."""

    def build(call: Call) -> Value:
        if call.dialect not in _SPARK:
            raise call.refuse(call.name)
        call.has("permissive")
        values = call.args() if isinstance(call.node, exp.Anonymous) else call.values()
        if len(values) not in (2, 3):
            raise call.error(f"{call.name} wants an address, a part and perhaps a key")
        address, part, *keys = values
        url = call.as_text(address)
        sound = _plain(url).str.contains(_WHOLE)
        parts = _parts(pl.when(sound).then(url))
        if isinstance(part.constant, str):
            made = parts.get(part.constant, pl.lit(None, dtype=pl.String))
            is_query: pl.Expr = pl.lit(part.constant == "QUERY")
        else:
            name = call.as_text(part)
            made = pl.coalesce(pl.when(name == n).then(p) for n, p in parts.items())
            is_query = name == "QUERY"
        if keys:
            key = call.as_text(keys[0])
            if isinstance(keys[0].constant, str):
                pattern: str | pl.Expr = f"(?:&|^){_readable(call, keys[0].constant)}=([^&]*)"
            else:
                pattern = pl.concat_str(pl.lit("(?:&|^)"), key.str.escape_regex(), pl.lit("=([^&]*)"))
            found = parts["QUERY"].str.extract(pattern)
            made = pl.when(is_query & key.is_not_null()).then(found)
        if strict:
            made = call.checked(made, sound.not_(), pl.concat_str(pl.lit("no address: "), url))
        return call.value(made, _TEXT)

    return build


def _readable(call: Call, key: str) -> str:
    """Spark puts a key into a regular expression as it stands."""
    if re.search(r"[\\\[\](){}^$|?*+]", key):
        raise call.refuse(f"the key {key!r}")
    return key


# -- escapes --------------------------------------------------------------------------------------


_ENCODING = {
    "spark": ("+", ".-*_"),
    "databricks": ("+", ".-*_"),
    "trino": ("+", ".-*_"),
    "duckdb": ("%20", "-._~"),
}
"""What a blank becomes, and what stays as it is but for letters and digits."""


def _encoded(call: Call) -> Value:
    """URL_ENCODE: all but letters, digits and ``.-*_`` as bytes, a blank as +; in DuckDB as RFC 3986 says."""
    if call.dialect not in _ENCODING:
        raise call.refuse(call.name)
    blank, others = _ENCODING[call.dialect]
    kept = {ord(c) for c in string.ascii_letters + string.digits + others}
    signs = [chr(n) if n in kept else blank if n == 32 else f"%{n:02X}" for n in range(256)]
    digits = call.as_text(call.args()[0]).str.encode("hex").str.extract_all("..")
    put = pl.element().replace_strict([f"{n:02x}" for n in range(256)], signs, return_dtype=pl.String)
    return call.value(digits.list.eval(put).list.join(""), _TEXT)


def _decoded(*, strict: bool) -> Builder:
    """URL_DECODE: a + as a blank, escapes as the bytes that they stand for."""

    def build(call: Call) -> Value:
        if call.dialect not in _ENCODING:
            raise call.refuse(call.name)
        text = call.as_text(call.args()[0])
        piece = pl.element()
        if call.dialect != "duckdb":
            text = text.str.replace_all("+", " ", literal=True)
        pieces = text.str.extract_all(f"(?s){_ESCAPED}|[^%]+|%")
        escaped = piece.str.starts_with("%") & (piece.str.len_bytes() == 3)
        digits = (
            pl.when(escaped).then(piece.str.slice(1).str.to_lowercase()).otherwise(piece.str.encode("hex"))
        )
        sound = text.str.replace_all(_ESCAPED, "").str.contains("%", literal=True).not_()
        made = mended(pieces.list.eval(digits).list.join(""))
        if call.dialect == "duckdb":  # what is no escape stays as it is
            return call.value(made, _TEXT)
        if strict:
            made = call.checked(made, sound.not_(), pl.concat_str(pl.lit("no escaped text: "), text))
            return call.value(made, _TEXT)
        return call.value(pl.when(sound).then(made), _TEXT)

    return build


URLS: Functions = {
    exp.ParseUrl: _parse_url(strict=True),
    "TRY_PARSE_URL": _parse_url(strict=False),
    "URL_ENCODE": _encoded,
    "URL_DECODE": _decoded(strict=True),
    "TRY_URL_DECODE": _decoded(strict=False),
}
