"""Text that holds a list, ``{1,2}`` of PostgreSQL or ``[1, 2]`` of DuckDB, as a list of texts."""

from __future__ import annotations

import polars as pl

__all__ = ["text_to_texts"]

_BRACKETS = {
    "postgres": (r"\{", r"\}", r'\s*"(?:[^"\\]|\\.)*"\s*|[^,]+', '"'),
    "duckdb": (r"\[", r"\]", r"""\s*'(?:[^'\\]|\\.)*'\s*|\s*"(?:[^"\\]|\\.)*"\s*|[^,]+""", "['\"]"),
}
"""What opens and closes a list, the shape of an element, and its quotation mark."""
_QUOTED = r"""'(?s:[^'\\]|\\.)*'|"(?s:[^"\\]|\\.)*\""""
_PART = rf"""\s*(?:{_QUOTED}|[^\s,'"\\()\[\]{{}}][^,'"\\()\[\]{{}}]*)\s*"""
_PLAIN = rf"^(?:{_PART}(?:,{_PART})*|\s*)$"
"""A list of DuckDB that is read here: each element is wholly in quotation marks or has none, nor brackets."""


def text_to_texts(plain: pl.Expr, dialect: str, *, strict: bool) -> pl.Expr | None:
    """Return the elements of a list that is written as text; None where the dialect has no such text.

    Args:
        strict: a text that is no list is an error when it runs, else NULL.
    """
    if dialect not in _BRACKETS:
        return None
    opening, closing, part, mark = _BRACKETS[dialect]
    whole = plain.str.extract(f"(?s)^{opening}(.*){closing}$")
    if strict:  # read as a number it fails, with the text in the message
        failed = pl.concat_str(pl.lit("no list: "), pl.when(whole.is_null()).then(plain)).cast(pl.Int64)
        whole = pl.when(failed.is_null()).then(whole)
    if dialect == "duckdb":
        odd = whole.str.contains(_PLAIN).not_()
        said = pl.concat_str(pl.lit("dwkit: a list written so is not supported: "), pl.when(odd).then(plain))
        whole = pl.when(said.cast(pl.Int8).is_null()).then(whole)
        whole = pl.when(whole.str.strip_chars() == "").then(pl.lit("")).otherwise(whole)
    element = pl.element().str.strip_chars()
    bare = pl.when(element.str.to_uppercase() != "NULL").then(element)
    inside = element.str.slice(1).str.head(-1).str.replace_all(r"\\(.)", "$1")
    return whole.str.extract_all(part).list.eval(
        pl.when(element.str.contains(f"^{mark}")).then(inside).otherwise(bare)
    )
