"""JSON text taken apart and put together, with Polars' expressions alone.

Polars' own `json_path_match` is fast, but tells a string ``"5"`` not from the number 5, nor a JSON null from
nothing, and it reads long numbers as doubles. So what must be exact goes by the tokens of the text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import polars as pl

__all__ = [
    "Step",
    "compact",
    "elements",
    "encoded_text",
    "joined",
    "keys",
    "kind",
    "member_of",
    "members",
    "once",
    "sort_keys",
    "spaced",
    "text_at",
    "unquoted",
    "valid",
    "value_at",
]  # fmt: skip

Step = str | int
"""A key of an object or an index of an array, from the end where it is negative."""

_PIECE = r'"(?:[^"\\]|\\.)*"|[\[\]{}:,]|[^\s\[\]{}:,"]+'
_NEXT, _OF = "\x1e", "\x1f"
"""Stand between elements, and between key and value, while a text is divided: JSON has no control characters."""


def _pieces(text: pl.Expr, *, blanks: bool = False) -> pl.Expr:
    return text.str.extract_all(_PIECE + r"|\s+" if blanks else _PIECE)


def once(text: pl.Expr, make: Callable[[pl.Expr], pl.Expr]) -> pl.Expr:
    """Return what is made of a text that is itself computed, so that it is not computed at each place it stands at.

    Otherwise JSON taken out of JSON taken out of JSON grows by a power.
    """
    if text.meta.is_column() or text.meta.is_literal():
        return make(text)
    return pl.concat_list(text).list.eval(make(pl.element())).list.first()


def compact(text: pl.Expr) -> pl.Expr:
    """Return a JSON text without blanks between its tokens."""
    return _pieces(text).list.join("")


def spaced(text: pl.Expr) -> pl.Expr:
    """Return a JSON text with a blank after each comma and colon, as MySQL and PostgreSQL's jsonb show it."""
    part = pl.element()
    wide = pl.when(part == ",").then(pl.lit(", ")).when(part == ":").then(pl.lit(": ")).otherwise(part)
    return _pieces(text).list.eval(wide).list.join("")


def valid(text: pl.Expr) -> pl.Expr:
    """Return whether a text is JSON."""
    made = text.str.json_path_match("$").is_not_null() | (text.str.strip_chars(" \t\r\n") == "null")
    return pl.when(text.is_not_null()).then(made)


def _divided(text: pl.Expr, opening: str, *, verbatim: bool = False) -> pl.Expr:
    """Return the parts of an array or an object on its first level, NULL where the text is none."""
    part = pl.element()
    opens, closes = (part == "{") | (part == "["), (part == "}") | (part == "]")
    outer = (opens.cast(pl.Int32) - closes.cast(pl.Int32)).cum_sum() == 1
    marked = (
        pl.when(outer & (part == ","))
        .then(pl.lit(_NEXT))
        .when(outer & (part == ":"))
        .then(pl.lit(_OF))
        .otherwise(part)
    )
    # Here and in `unquoted` what is given is named as seldom as can be: paths in paths multiply it.
    own = text.str.extract(rf"(?s)^\s*\{opening}.*$", 0)
    body = _pieces(own, blanks=verbatim).list.eval(marked).list.join("").str.strip_chars()
    parts = body.str.slice(1).str.head(-1).str.split(_NEXT)
    if verbatim:
        parts = parts.list.eval(pl.element().str.strip_chars())
    return parts.list.eval(part.filter(part != ""))


def elements(text: pl.Expr, *, verbatim: bool = False) -> pl.Expr:
    """Return the elements of a JSON array as a list of JSON texts, NULL where it is no array."""
    return _divided(text, "[", verbatim=verbatim)


def members(text: pl.Expr) -> pl.Expr:
    """Return the members of a JSON object as a list of structs of key and JSON text, NULL where it is none."""
    pair = pl.element()
    one = pl.struct(_key(pair).alias("key"), _value(pair).alias("value"))
    return _divided(text, "{").list.eval(one)


def _key(pair: pl.Expr) -> pl.Expr:
    return pair.str.extract(f"(?s)^(.*?){_OF}").str.json_path_match("$")


def _value(pair: pl.Expr) -> pl.Expr:
    return pair.str.extract(f"(?s){_OF}\\s*(.*)$")


def keys(text: pl.Expr) -> pl.Expr:
    """Return the keys of a JSON object in their order, NULL where it is none."""
    return _divided(text, "{").list.eval(_key(pl.element()))


def member_of(text: pl.Expr, key: str, *, verbatim: bool = False) -> pl.Expr:
    """Return the value of a key as JSON text."""
    pair = pl.element()
    return (
        _divided(text, "{", verbatim=verbatim).list.eval(_value(pair).filter(_key(pair) == key)).list.last()
    )


def value_at(text: pl.Expr, steps: Sequence[Step], *, verbatim: bool = False) -> pl.Expr:
    """Return what is at a path as JSON text, NULL where nothing is; verbatim with the blanks in it."""
    made = text
    for step in steps:
        if isinstance(step, str):
            made = member_of(made, step, verbatim=verbatim)
        else:
            made = elements(made, verbatim=verbatim).list.get(step, null_on_oob=True)
    return made if steps or verbatim else compact(text)


def text_at(text: pl.Expr, steps: Sequence[Step]) -> pl.Expr:
    """Return what is at a path: a string without its quotes, NULL for a JSON null, else JSON text."""
    if not all(_is_plain(s) for s in steps):
        return unquoted(value_at(text, steps))
    path = "$" + "".join(f"[{s}]" if isinstance(s, int) else f"['{s}']" for s in steps)
    found = text.str.json_path_match(path)
    # A float, a long number and what holds such ones: as it is written.
    doubtful = found.str.contains(r"^-?\d+(?:[.eE]|\d{16})|^[\[{].*\d(?:[.eE]|\d{16})")
    written = unquoted(value_at(pl.when(doubtful).then(text), steps))
    return pl.when(doubtful).then(written).otherwise(found)


def _is_plain(step: Step) -> bool:
    return step >= 0 if isinstance(step, int) else not any(c in step for c in "'\"\\")


def unquoted(value: pl.Expr) -> pl.Expr:
    """Return the text of a JSON string, NULL for a JSON null, other JSON texts as they are."""
    string = value.str.extract(r'(?s)^".*$', 0).str.json_path_match("$")
    return pl.coalesce(string, value.str.extract(r'(?s)^(?:[^"].*)?$', 0).replace("null", None))


def encoded_text(text: pl.Expr) -> pl.Expr:
    """Return a text as a JSON string."""
    whole = pl.struct(text.alias("v")).struct.json_encode()
    return pl.when(text.is_not_null()).then(whole.str.slice(5).str.head(-1))


def joined(parts: pl.Expr, opening: str = "[", closing: str = "]", *, between: str = ",") -> pl.Expr:
    """Return a list of JSON texts as an array; a NULL becomes null."""
    inner = parts.list.eval(pl.element().fill_null("null")).list.join(between)
    return pl.concat_str(pl.lit(opening), inner, pl.lit(closing))


def kind(value: pl.Expr, name: Callable[[str], str] = str) -> pl.Expr:
    """Return what a JSON text is, as a dialect calls it.

    Args:
        name: gives the dialect's word for object, array, string, true, false, null, integer, double.
    """
    text = value.str.strip_chars_start(" \t\r\n")
    chain: Any = pl.when(text.str.starts_with("{")).then(pl.lit(name("object")))
    for sign, word in (
        ("[", "array"),
        ('"', "string"),
        ("true", "true"),
        ("false", "false"),
        ("null", "null"),
    ):
        chain = chain.when(text.str.starts_with(sign)).then(pl.lit(name(word)))
    chain = chain.when(text.str.contains(r"^-?\d+\s*$")).then(pl.lit(name("integer")))
    made: pl.Expr = chain.when(text.str.contains(r"^-?\d")).then(pl.lit(name("double")))
    return made


def sort_keys(value: pl.Expr) -> list[pl.Expr]:
    """Return what JSON values are sorted by: numbers by size, then texts, then the rest."""
    number = value.str.contains(r"^-?\d")
    return [
        pl.when(number).then(0).when(value.str.starts_with('"')).then(1).otherwise(2),
        pl.when(number).then(value).cast(pl.Float64, strict=False),
        value,
    ]
