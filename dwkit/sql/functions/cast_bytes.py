"""Texts as bytes and bytes as texts, where a dialect has escapes for them."""

from __future__ import annotations

import polars as pl

__all__ = ["bytes_to_text", "text_to_bytes"]

_DIGITS = [f"{n:02x}" for n in range(256)]
_SHOWN = [chr(n) if 32 <= n < 127 and chr(n) not in "\\'\"" else f"\\x{n:02X}" for n in range(256)]


def text_to_bytes(text: pl.Expr, dialect: str, *, strict: bool) -> pl.Expr:
    r"""Return the bytes of a text: ``\x41`` is one in DuckDB, ``\x4142`` as a whole two in PostgreSQL."""
    if dialect == "duckdb":
        piece = pl.element()
        pieces = text.str.extract_all(r"(?s)\\x[0-9A-Fa-f]{2}|[^\\]+|\\")
        escaped = piece.str.starts_with("\\")
        digits = pl.when(escaped).then(piece.str.slice(2)).otherwise(piece.str.encode("hex"))
        made = pieces.list.eval(digits).list.join("")
        sound = text.str.contains(r"^(?:[\x00-\x5b\x5d-\x7f]|\\x[0-9A-Fa-f]{2})*$")
    elif dialect == "postgres":
        whole = text.str.starts_with("\\x")
        made = pl.when(whole).then(text.str.slice(2)).otherwise(text.str.encode("hex"))
        sound = text.str.contains(r"^(?:\\x(?:[0-9A-Fa-f]{2})*|[^\\]*)$")
    else:
        return text.cast(pl.Binary)
    decoded = pl.when(sound).then(made.str.to_lowercase()).str.decode("hex")
    if not strict:
        return decoded
    failed = pl.when(sound.not_()).then(pl.concat_str(pl.lit("dwkit: no bytes: "), text))
    return pl.when(failed.cast(pl.Int8, strict=True).is_null()).then(decoded)


def bytes_to_text(octets: pl.Expr, dialect: str) -> pl.Expr:
    """Return bytes as a dialect writes them; where it has no way of its own, as the text that they hold."""
    if dialect == "duckdb":
        put = pl.element().replace_strict(_DIGITS, _SHOWN, return_dtype=pl.String)
        return octets.bin.encode("hex").str.extract_all("..").list.eval(put).list.join("")
    if dialect == "postgres":
        return pl.concat_str(pl.lit("\\x"), octets.bin.encode("hex"))
    return octets.cast(pl.String)
