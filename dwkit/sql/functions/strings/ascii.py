"""Upper and lower case of the 26 letters of ASCII: all that SQLite knows without its ICU extension."""

from __future__ import annotations

import string

import polars as pl

__all__ = ["ascii_case"]


def ascii_case(text: pl.Expr, *, upper: bool) -> pl.Expr:
    """Return a text with its letters from a to z in one case; other letters stay as they are."""
    old, new = string.ascii_lowercase, string.ascii_uppercase
    if not upper:
        old, new = new, old
    return text.str.replace_many(list(old), list(new))
