"""Case, length, trimming, padding, putting texts together."""

from __future__ import annotations

import re

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.blobs import joined_bytes
from dwkit.sql.functions.call import Builder, Call, Functions
from dwkit.sql.functions.strings.ascii import ascii_case
from dwkit.sql.types import is_list, is_text, shown
from dwkit.sql.value import Value

__all__ = ["BASIC", "repeated"]

_TEXT = pl.String()
_NUMBER = pl.Int64()


def _length(call: Call) -> Value:
    value = call.arg()
    if is_list(value.dtype):
        return call.value(value.expr.list.len().cast(pl.Int64), _NUMBER)
    if isinstance(value.dtype, pl.Binary):
        call.has("binary")
        return call.value(value.expr.bin.size().cast(pl.Int64), _NUMBER)
    if call.has("encoding"):
        raise call.refuse("LENGTH in an encoding")
    made = call.as_text(value)
    if call.has("binary") and call.dialect == "mysql":
        return call.value(made.str.len_bytes().cast(pl.Int64), _NUMBER)
    if call.dialect == "tsql":
        made = made.str.strip_chars_end(" ")
    if call.dialect == "oracle":
        made = pl.when(made != "").then(made)  # an empty text is NULL
    return call.value(made.str.len_chars().cast(pl.Int64), _NUMBER)


def _octets(times: int = 1) -> Builder:
    """OCTET_LENGTH: the bytes of a text, or of bytes."""

    def build(call: Call) -> Value:
        value = call.args()[0] if isinstance(call.node, exp.Anonymous) else call.arg()
        octets = value.expr if isinstance(value.dtype, pl.Binary) else call.as_text(value).cast(pl.Binary)
        return call.value(octets.bin.size().cast(pl.Int64) * times, _NUMBER)

    return build


def _trim(call: Call) -> Value:
    """TRIM takes off blanks, or any of some characters; in MySQL a whole text, as often as it is there."""
    subject = call.text()
    if call.has("collation"):
        raise call.refuse("TRIM with COLLATE")
    position = str(call.given("position") or "BOTH").upper()
    given = call.maybe("expression")
    if given is not None and call.dialect == "mysql":
        return call.value(_without(call, subject, given, position), _TEXT)
    chars = (None if call.dialect in ("bigquery",) else pl.lit(" ")) if given is None else call.as_text(given)
    methods = {
        "BOTH": subject.str.strip_chars,
        "LEADING": subject.str.strip_chars_start,
        "TRAILING": subject.str.strip_chars_end,
    }
    made = methods[position](chars)
    if given is not None and not isinstance(given.constant, str):  # NULL stands for blanks to Polars
        made = pl.when(call.as_text(given).is_not_null()).then(made)
    return call.value(made, _TEXT)


def _btrim(call: Call) -> Value:
    subject, *rest = call.node.expressions
    return call.bind(exp.Trim(this=subject, expression=rest[0] if rest else None))


def _without(call: Call, subject: pl.Expr, given: Value, position: str) -> pl.Expr:
    if not isinstance(given.constant, str):
        raise call.refuse("TRIM of a computed text")
    part = f"(?:{re.escape(given.constant)})+"
    made = subject
    if given.constant and position in ("BOTH", "LEADING"):
        made = made.str.replace(f"^{part}", "")
    if given.constant and position in ("BOTH", "TRAILING"):
        made = made.str.replace(f"{part}$", "")
    return made


def repeated(subject: pl.Expr, times: pl.Expr) -> pl.Expr:
    """Return a text some times over, an empty one for none or less, NULL where either is NULL."""
    count = pl.when(times > 0).then(times).otherwise(0)
    return pl.when(subject.is_not_null() & times.is_not_null()).then(subject.repeat_by(count).list.join(""))


def _pad(call: Call) -> Value:
    """LPAD and RPAD fill up to a length, and cut what is longer."""
    subject, length = call.text(), call.integer("expression")
    fill_value = call.maybe("fill_pattern")
    fill = call.as_text(fill_value) if fill_value is not None else pl.lit(" ")
    left = call.has("is_left")
    size = subject.str.len_chars().cast(pl.Int64)
    missing = length - size
    width = fill.str.len_chars().cast(pl.Int64)
    filling = repeated(fill, pl.when(width > 0).then(missing // width + 1).otherwise(0)).str.slice(
        0, pl.when(missing > 0).then(missing).otherwise(0)
    )
    padded = pl.concat_str(filling, subject) if left else pl.concat_str(subject, filling)
    cut = subject.str.slice(0, pl.when(length > 0).then(length).otherwise(0))
    made: pl.Expr = pl.when(missing > 0).then(padded).when(missing <= 0).then(cut)
    if fill_value is not None and not isinstance(fill_value.constant, str):
        made = pl.when(fill.is_not_null()).then(made)
    return call.value(made, _TEXT)


_NULL_IS_EMPTY = frozenset({"datafusion", "duckdb", "postgres", "tsql", "sqlite", "oracle"})
"""CONCAT passes NULLs over there; elsewhere one makes the result NULL."""


def _concat(call: Call) -> Value:
    values = call.args()
    call.has("safe")  # only how a dialect writes it
    skip = (call.has("coalesce") and call.dialect != "redshift") or call.dialect in _NULL_IS_EMPTY
    if values and all(isinstance(v.dtype, pl.Binary) for v in values) and call.dialect != "duckdb":
        return call.value(joined_bytes([v.expr for v in values], ignore_nulls=skip), pl.Binary())
    made = pl.concat_str([call.as_text(v) for v in values], ignore_nulls=skip)
    return call.value(made, _TEXT)


def _concat_ws(call: Call) -> Value:
    """CONCAT_WS puts a separator between the texts that are not NULL."""
    call.has("safe")
    call.has("flatten")
    call.has("coalesce")  # sqlglot says so of nearly all
    separator, *rest = call.args()
    if all(isinstance(v.dtype, pl.Binary) for v in (separator, *rest)):
        between = separator.expr.bin.encode("hex")
        listed = pl.concat_list(v.expr.bin.encode("hex") for v in rest).list.join(between, ignore_nulls=True)
        return call.value(listed.str.decode("hex"), pl.Binary())
    skip = call.dialect not in ("snowflake", "bigquery")
    between = call.as_text(separator)
    if not rest:
        return call.value(pl.when(between.is_not_null()).then(pl.lit("")), _TEXT)
    if any(is_list(v.dtype) for v in rest):
        lists = pl.when(between.is_not_null()).then(pl.concat_list(_as_texts(call, v) for v in rest))
        return call.value(lists.list.join(between, ignore_nulls=True), _TEXT)
    texts = [call.as_text(v) for v in rest]
    if isinstance(separator.constant, str):
        made = pl.concat_str(texts, separator=separator.constant, ignore_nulls=skip)
        return call.value(made, _TEXT)
    # Polars takes one separator for all rows where the list is a literal.
    lists = pl.when(between.is_not_null()).then(pl.concat_list(texts))
    return call.value(lists.list.join(between, ignore_nulls=skip), _TEXT)


def _as_texts(call: Call, value: Value) -> pl.Expr:
    """Return a list, or a value alone, as a list of texts; a NULL list has none."""
    if not is_list(value.dtype):
        return pl.concat_list(call.as_text(value))
    texts = call.cast(value, pl.List(_TEXT)).expr
    return pl.when(texts.is_null()).then(pl.lit([], dtype=pl.List(_TEXT))).otherwise(texts)


def _initcap(call: Call) -> Value:
    """INITCAP: words are of letters and digits, in some dialects of all but a list of separators."""
    separators = call.constant("expression")
    if call.dialect in _LISTED_SEPARATORS and isinstance(separators, str):
        between = re.sub(r"([\\\[\]^&~-])", r"\\\1", separators)
        words = f"(?s)[^{between}]+|[{between}]+" if separators else "(?s).+"
    else:
        words = r"(?s)[\p{L}\p{M}\p{N}]+|[^\p{L}\p{M}\p{N}]+"
    word = pl.element()
    capital = pl.concat_str(word.str.slice(0, 1).str.to_uppercase(), word.str.slice(1))
    pieces = call.text().str.to_lowercase().str.extract_all(words)
    return call.value(pieces.list.eval(capital).list.join(""), _TEXT)


_LISTED_SEPARATORS = frozenset({"snowflake", "bigquery", "spark", "databricks"})
"""INITCAP has a list of what stands between words there (and sqlglot gives the default one)."""


def _reverse(call: Call) -> Value:
    value = call.arg()
    if is_list(value.dtype):
        return call.value(value.expr.list.reverse(), value.dtype)
    if not is_text(value.dtype) and not value.is_null:
        value = call.cast(value, _TEXT)
    subject = value.expr.cast(pl.String)
    if call.dialect == "duckdb":  # marks stay with their letters
        return call.value(subject.str.reverse(), _TEXT)
    return call.value(subject.str.split("").list.reverse().list.join(""), _TEXT)


def _upper_or_lower(name: str) -> object:
    def build(call: Call) -> Value:
        value = call.arg()
        if is_list(value.dtype):
            raise call.error(f"{call.name} wants text, not {shown(value.dtype)}")
        if call.dialect == "sqlite":
            return call.value(ascii_case(call.as_text(value), upper=name == "to_uppercase"), _TEXT)
        return call.value(getattr(call.as_text(value).str, name)(), _TEXT)

    return build


BASIC: Functions = {
    exp.Upper: _upper_or_lower("to_uppercase"),  # type: ignore[dict-item]
    exp.Lower: _upper_or_lower("to_lowercase"),  # type: ignore[dict-item]
    exp.Initcap: _initcap,
    exp.Length: _length,
    "CHAR_LENGTH": _length,
    "LEN": _length,
    exp.ByteLength: _octets(),
    "OCTET_LENGTH": _octets(),
    "DATALENGTH": _octets(),
    "STRLEN": _octets(),
    exp.BitLength: _octets(8),
    exp.Trim: _trim,
    "BTRIM": _btrim,
    exp.Pad: _pad,
    exp.Repeat: lambda call: call.value(repeated(call.text(), call.integer("times")), _TEXT),
    "REPLICATE": lambda call: call.value(
        repeated(call.as_text(call.args()[0]), call.cast(call.args()[1], pl.Int64()).expr), _TEXT
    ),
    exp.Space: lambda call: call.value(repeated(pl.lit(" "), call.integer()), _TEXT),
    exp.Concat: _concat,
    exp.ConcatWs: _concat_ws,
    exp.Reverse: _reverse,
}
