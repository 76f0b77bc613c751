"""Strings of bytes."""

from __future__ import annotations

import polars as pl

__all__ = ["joined_bytes"]


def joined_bytes(parts: list[pl.Expr], *, ignore_nulls: bool = False) -> pl.Expr:
    """Return bytes one behind the other, of which Polars knows only texts."""
    texts = [part.bin.encode("hex") for part in parts]
    return pl.concat_str(texts, ignore_nulls=ignore_nulls).str.decode("hex")
