"""SOUNDEX, in the ways of its dialects."""

from __future__ import annotations

import string

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.value import Value

__all__ = ["SOUNDS"]

_TEXT, _SPARK = pl.String(), ("spark", "databricks")
_CODES = dict(zip(string.ascii_uppercase, "01230127022455012623017202", strict=True))
"""7 is passed over: letters on both sides of H and W stand side by side."""
_STANDARD = frozenset({"spark", "databricks", "trino", "oracle", "tsql"})


def _soundex(call: Call) -> Value:
    """The first letter and three digits for the sounds after it."""
    text = call.text()
    if call.dialect == "mysql":
        return call.value(_of_mysql(text), _TEXT)
    if call.dialect == "postgres":
        return call.value(_of_postgres(text), _TEXT)
    if call.dialect not in _STANDARD:
        raise call.refuse(call.name)
    if call.dialect not in _SPARK:
        text = text.str.replace_all(r"[^\p{L}]+", "")
    upper = _letters(text)
    codes = _coded(upper.str.replace_all("[^A-Z]+", "A"), _CODES)
    own = codes.str.slice(0, 1)  # the first letter's sound is not told twice
    sounds = _run_together(codes.str.replace_all("7", "", literal=True))
    made = _shortened(upper, pl.when(own == "7").then(sounds).otherwise(sounds.str.slice(1)))
    if call.dialect in _SPARK:  # a text that begins with no letter stays as it is
        return call.value(pl.when(upper.str.contains("^[A-Z]")).then(made).otherwise(text), _TEXT)
    made = call.checked(made, upper.str.starts_with("~"), pl.concat_str(pl.lit("no sound of "), text))
    return call.value(pl.when(upper == "").then(pl.lit("")).otherwise(made), _TEXT)


def _letters(text: pl.Expr) -> pl.Expr:
    """Return a text in upper case, with ``~`` for letters that are not ASCII."""
    return text.str.replace_all(r"[^\x00-\x7f]+", "~").str.to_uppercase()


def _coded(letters: pl.Expr, codes: dict[str, str]) -> pl.Expr:
    return letters.str.replace_many(list(codes), list(codes.values()))


def _run_together(codes: pl.Expr) -> pl.Expr:
    """Return codes without repetitions."""
    for digit in "0123456":
        codes = codes.str.replace_all(digit + "{2,}", digit)
    return codes


def _shortened(upper: pl.Expr, sounds: pl.Expr) -> pl.Expr:
    found = sounds.str.extract_groups("^0*([1-6]?)0*([1-6]?)0*([1-6]?)").struct
    kept = pl.concat_str(upper.str.slice(0, 1), *(found.field(n) for n in "123"))
    return kept.str.pad_end(4, "0")


def _of_postgres(text: pl.Expr) -> pl.Expr:
    """That of fuzzystrmatch: H and W part letters as vowels do, what is no letter is left out."""
    upper = _letters(text).str.replace_all("[^A-Z]+", "")
    codes = _coded(upper, {k: "0" if v == "7" else v for k, v in _CODES.items()})
    made = _shortened(upper, _run_together(codes).str.slice(1))
    return pl.when(upper == "").then(pl.lit("")).otherwise(made)


def _of_mysql(text: pl.Expr) -> pl.Expr:
    """The original one: vowels go first and repetitions then, and it may be longer than four."""
    upper = text.str.to_uppercase().str.replace_all(r"[^\p{L}]+", "")
    codes = _coded(upper.str.replace_all("[^A-Z]+", "A"), _CODES)
    sounds = _run_together(codes.str.replace_all("[07]+", ""))
    sounds = pl.when(codes.str.contains("^[07]")).then(sounds).otherwise(sounds.str.slice(1))
    made = pl.concat_str(upper.str.slice(0, 1), sounds.str.pad_end(3, "0"))
    return pl.when(upper == "").then(pl.lit("")).otherwise(made)


SOUNDS: Functions = {exp.Soundex: _soundex}
