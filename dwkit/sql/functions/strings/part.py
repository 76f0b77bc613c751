"""Parts of texts: by position, by length, by separator."""

from __future__ import annotations

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.types import is_list
from dwkit.sql.value import Value, constant

__all__ = ["PARTS", "chars"]

_TEXT = pl.String()
_BEFORE_THE_TEXT = frozenset({"postgres", "datafusion", "redshift", "tsql"})
"""A negative start is a place before the text there, elsewhere it counts from the end."""
_ZERO_IS_ONE = frozenset({"snowflake", "bigquery", "spark", "databricks", "oracle"})
_ZERO_IS_NOTHING = frozenset({"mysql", "trino"})


def chars(subject: pl.Expr) -> pl.Expr:
    """Return the number of characters."""
    return subject.str.len_chars().cast(pl.Int64)


def _substring(call: Call) -> Value:
    """SUBSTRING: positions count from 1; where 0 and negative ones are is told by the manuals."""
    call.has("zero_start")
    value = call.arg()
    if is_list(value.dtype):
        raise call.refuse("SUBSTRING of a list")
    if call.has("safe"):  # SAFE.SUBSTR: a length below zero is an error
        call.has("start")
        taken = call.integer("length") if call.has("length") else pl.lit(0, dtype=pl.Int64)
        node = call.node.copy()
        node.set("safe", None)
        return call.value(pl.when(taken >= 0).then(call.bind(node).expr), _TEXT)
    of_bytes = isinstance(value.dtype, pl.Binary) and call.dialect not in ("oracle",)
    subject = value.expr if of_bytes else call.as_text(value)
    start_value = call.arg("start") if call.has("start") else call.cast(call.arg("length"), pl.Int64())
    length_value = call.maybe("length")
    start = start_value.constant
    if isinstance(start, int) and start > 0 and (length_value is None or _is_length(length_value)):
        size = length_value.constant if length_value is not None else None
        if of_bytes:
            return call.value(subject.bin.slice(start - 1, size), pl.Binary())
        return call.value(subject.str.slice(start - 1, size), _TEXT)
    begin = call.cast(start_value, pl.Int64()).expr
    length = call.cast(length_value, pl.Int64()).expr if length_value is not None else None
    dtype = pl.Binary() if of_bytes else _TEXT
    return call.value(_slice(call, subject, begin, length, of_bytes=of_bytes), dtype)


def _is_length(value: Value) -> bool:
    return isinstance(value.constant, int) and value.constant >= 0


def _slice(
    call: Call, subject: pl.Expr, start: pl.Expr, length: pl.Expr | None, *, of_bytes: bool = False
) -> pl.Expr:
    size = subject.bin.size().cast(pl.Int64) if of_bytes else chars(subject)
    empty = pl.lit(b"" if of_bytes else "")
    dialect = call.dialect
    if dialect in _BEFORE_THE_TEXT:
        first = start - 1
    else:
        first = pl.when(start < 0).then(size + start).otherwise(start - 1)
    if dialect in _ZERO_IS_ONE:
        first = pl.when(start == 0).then(0).otherwise(first)
    if dialect == "bigquery":
        first = pl.when(first < 0).then(0).otherwise(first)
    if length is None:
        end = size
        begin = pl.max_horizontal(first, pl.lit(0, dtype=pl.Int64))
    else:
        if dialect in ("sqlite", "duckdb"):  # a negative length takes what stands before
            first, length = pl.when(length < 0).then(first + length).otherwise(first), length.abs()
        end = first + length
        begin = pl.max_horizontal(first, pl.lit(0, dtype=pl.Int64))
    span = pl.max_horizontal(end - begin, pl.lit(0, dtype=pl.Int64))
    made = subject.bin.slice(begin, span) if of_bytes else subject.str.slice(begin, span)
    if dialect in _ZERO_IS_NOTHING:
        made = pl.when(start == 0).then(empty).otherwise(made)
    if dialect in ("mysql", "trino", "snowflake"):
        made = pl.when(first < 0).then(empty).otherwise(made)
    if dialect == "oracle":
        made = pl.when((first >= 0) & (span > 0)).then(made)
    known = start.is_not_null() & (length.is_not_null() if length is not None else pl.lit(True))
    return pl.when(known & subject.is_not_null()).then(made)


def _left(call: Call) -> Value:
    """LEFT; a negative length leaves so many out at the other end in PostgreSQL and DuckDB."""
    call.has("negative_length_returns_empty")
    subject, length = call.text(), call.integer("expression")
    taken = _positive(call, subject, length)
    return call.value(pl.when(taken.is_not_null()).then(subject.str.slice(0, taken)), _TEXT)


def _right(call: Call) -> Value:
    call.has("negative_length_returns_empty")
    subject, length = call.text(), call.integer("expression")
    taken = _positive(call, subject, length)
    start = pl.max_horizontal(chars(subject) - taken, pl.lit(0, dtype=pl.Int64))
    return call.value(pl.when(taken.is_not_null()).then(subject.str.slice(start)), _TEXT)


def _positive(call: Call, subject: pl.Expr, length: pl.Expr) -> pl.Expr:
    rest = (
        chars(subject) + length
        if call.dialect in ("postgres", "duckdb", "redshift", "datafusion")
        else pl.lit(0, dtype=pl.Int64)
    )
    none = pl.lit(0, dtype=pl.Int64)
    return pl.when(length >= 0).then(length).when(length < 0).then(pl.max_horizontal(rest, none))


def _split(call: Call) -> Value:
    """SPLIT as a list; with an empty separator into characters, or the whole text, as the dialect says."""
    call.has("null_returns_null")
    whole = call.has("empty_delimiter_returns_whole")
    subject, separator = call.text(), call.arg("expression")
    dtype = pl.List(_TEXT)
    if call.has("limit"):
        size = call.constant("limit")
        if call.dialect in ("spark", "databricks") and isinstance(separator.constant, str):
            from dwkit.sql.functions.regexes import split_by

            return call.value(split_by(call, subject, separator.constant, size), dtype)
        if not isinstance(size, int) or size < 1:
            raise call.refuse("SPLIT with this limit")
        parts = (
            subject.str.splitn(call.as_text(separator), size) if isinstance(separator.constant, str) else None
        )
        if parts is None:
            raise call.refuse("SPLIT by a computed text with a limit")
        made = pl.concat_list(parts.struct.field(f"field_{n}") for n in range(size)).list.drop_nulls()
        return call.value(pl.when(subject.is_not_null()).then(made), dtype)
    if call.dialect in ("spark", "databricks") and isinstance(separator.constant, str):
        from dwkit.sql.functions.regexes import split_by

        return call.value(split_by(call, subject, separator.constant), dtype)
    by = call.as_text(separator)
    made = subject.str.split(by)
    if call.dialect == "duckdb":  # a separator that is NULL separates nothing
        made, by = pl.when(by.is_null()).then(pl.concat_list(subject)).otherwise(made), by.fill_null("")
        by = pl.when(subject.is_not_null()).then(by)
    if whole:
        made = pl.when(by == "").then(pl.concat_list(subject)).otherwise(made)
    return call.value(pl.when(by.is_not_null()).then(made), dtype)


def _split_part(call: Call) -> Value:
    """SPLIT_PART(text, separator, n): parts count from 1, negative ones from the end."""
    whole = call.has("empty_delimiter_returns_whole") or call.dialect in _EMPTY_SPLITS_NOTHING
    zero_is_one = call.has("part_index_zero_as_one") or call.dialect == "snowflake"
    subject, by = call.text(), call.text("delimiter")
    number = call.integer("part_index")
    parts = subject.str.split(by)
    if whole:
        one = pl.when(subject.is_not_null()).then(pl.concat_list(subject))
        parts = pl.when(by == "").then(one).otherwise(parts)
    return call.value(_nth(call, parts, number, zero_is_one=zero_is_one), _TEXT)


_EMPTY_SPLITS_NOTHING = frozenset({"postgres", "redshift", "datafusion"})
"""An empty separator leaves the text as it is there."""


def _nth(call: Call, parts: pl.Expr, number: pl.Expr, *, zero_is_one: bool = False) -> pl.Expr:
    index = pl.when(number > 0).then(number - 1).otherwise(number)
    if not zero_is_one:
        index = pl.when(number != 0).then(index)
    found = parts.list.get(index, null_on_oob=True)
    if call.dialect == "trino":
        return found
    known = parts.is_not_null() & number.is_not_null()
    return pl.when(known).then(found.fill_null(""))


def _substring_index(call: Call) -> Value:
    """SUBSTRING_INDEX(text, separator, n): what stands before the nth separator, or after the nth from the end."""
    if isinstance(call.node, exp.Anonymous):
        subject, by, number = (n.copy() for n in call.given("expressions"))
        return call.bind(exp.SubstringIndex(this=subject, delimiter=by, count=number))
    text, separator, count = call.text(), call.text("delimiter"), call.integer("count")
    parts = text.str.split(separator)
    kept = pl.when(count >= 0).then(parts.list.head(count)).otherwise(parts.list.tail(count.abs()))
    made = pl.when(separator == "").then(pl.lit("")).otherwise(kept.list.join(separator))
    known = text.is_not_null() & separator.is_not_null() & count.is_not_null()
    return call.value(pl.when(known).then(made), _TEXT)


def _stuff(call: Call) -> Value:
    """STUFF(text, start, length, new): NULL where the start is outside the text."""
    subject, start, length = call.text(), call.integer("start"), call.integer("length")
    new = call.maybe("expression")
    put = call.as_text(new).fill_null("") if new is not None else pl.lit("")
    made = pl.concat_str(subject.str.slice(0, start - 1), put, subject.str.slice(start - 1 + length))
    inside = (start >= 1) & (start <= chars(subject)) & (length >= 0)
    return call.value(pl.when(inside).then(made), _TEXT)


def _overlay(call: Call) -> Value:
    """OVERLAY(text PLACING new FROM start FOR length)."""
    subject, new, start = call.text(), call.text("expression"), call.integer("from_")
    length = call.integer("for_") if call.has("for_") else chars(new)
    if call.dialect == "duckdb":
        length = pl.when(length < 0).then(chars(new)).otherwise(length)
    head = subject.str.slice(0, pl.max_horizontal(start - 1, pl.lit(0, dtype=pl.Int64)))
    tail = subject.str.slice(pl.max_horizontal(start - 1 + length, pl.lit(0, dtype=pl.Int64)))
    known = start.is_not_null() & length.is_not_null()
    return call.value(pl.when(known).then(pl.concat_str(head, new, tail)), _TEXT)


def _replace(call: Call) -> Value:
    """REPLACE of all places; an empty text is found nowhere."""
    subject, old_value = call.text(), call.arg("expression")
    old = call.as_text(old_value)
    new_value = call.maybe("replacement")
    new = call.as_text(new_value) if new_value is not None else pl.lit("")
    if call.dialect == "oracle":
        new, old = new.fill_null(""), old.fill_null("")
    if (old_value.is_null or (new_value is not None and new_value.is_null)) and call.dialect != "oracle":
        return constant(None, _TEXT)
    if isinstance(old_value.constant, str) and (new_value is None or isinstance(new_value.constant, str)):
        made = subject.str.replace_all(old_value.constant, new, literal=True)
    else:
        made = subject.str.split(old).list.join(new)
    return call.value(
        pl.when(old == "").then(subject).when(old.is_not_null() & new.is_not_null()).then(made), _TEXT
    )


def _mid(call: Call) -> Value:
    subject, *rest = call.node.expressions
    return call.bind(exp.Substring(this=subject, **dict(zip(("start", "length"), rest, strict=False))))


PARTS: Functions = {
    "MID": _mid,
    exp.Substring: _substring,
    "SUBSTR": _substring,
    exp.Left: _left,
    exp.Right: _right,
    exp.Split: _split,
    exp.SplitPart: _split_part,
    exp.SubstringIndex: _substring_index,
    "SUBSTR_INDEX": _substring_index,
    "SUBSTRINGINDEX": _substring_index,
    exp.Stuff: _stuff,
    exp.Overlay: _overlay,
    exp.Replace: _replace,
}
