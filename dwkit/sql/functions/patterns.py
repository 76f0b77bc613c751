"""Regular expressions as Rust has them, with patterns and flags that may be columns: DataFusion's REGEXP_ functions."""

from __future__ import annotations

import re

import polars as pl

from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.functions.each import for_each
from dwkit.sql.functions.regexes import groups_of, place_of, usable
from dwkit.sql.value import Value, constant

__all__ = ["PATTERNS"]

_BOOLEAN, _NUMBER, _TEXT = pl.Boolean(), pl.Int64(), pl.String()
_FLAGS = "imsRUx"


def _pattern(call: Call, place: int, flags: Value | None, *, more: str = "") -> str | pl.Expr | None:
    """Return a pattern with its flags: a text where both are literals, None where one is NULL.

    Args:
        place: of the pattern in the call.
        more: flags that are not the pattern's.
    """
    value = call.args()[place]
    if value.is_null or (flags is not None and flags.is_null):
        return None
    if isinstance(value.constant, str) and (flags is None or isinstance(flags.constant, str)):
        marks = flags.constant if flags is not None else ""
        for mark in marks:
            if mark not in _FLAGS + more:
                raise call.error(f"a regular expression has no flag {mark!r}")
        marks = "".join(m for m in dict.fromkeys(marks) if m in _FLAGS)
        return usable(call, value.constant, marks, call.node.expressions[place])
    pattern = call.as_text(value)
    if flags is None:
        return pattern
    marks_expr = call.as_text(flags).str.replace_all(f"[{more}]", "") if more else call.as_text(flags)
    marked = pl.concat_str(pl.lit("(?"), marks_expr, pl.lit(")"), pattern)
    return pl.when(marks_expr.fill_null("") == "").then(pattern).otherwise(marked)


def _argument(values: list[Value], place: int) -> Value | None:
    return values[place] if place < len(values) else None


def _lit(pattern: str | pl.Expr) -> pl.Expr:
    return pl.lit(pattern) if isinstance(pattern, str) else pattern


def _like(call: Call) -> Value:
    """REGEXP_LIKE(text, pattern [, flags])."""
    values = call.args()
    pattern = _pattern(call, 1, _argument(values, 2))
    if pattern is None:
        return constant(None, _BOOLEAN)
    return call.value(call.as_text(values[0]).str.contains(pattern), _BOOLEAN)


def _match(call: Call) -> Value:
    """REGEXP_MATCH(text, pattern [, flags]): the groups of the first match as a list, the match where there are none."""
    values = call.args()
    dtype = pl.List(_TEXT)
    pattern = _pattern(call, 1, _argument(values, 2), more="g" if call.dialect != "datafusion" else "")
    subject = call.as_text(values[0])
    if pattern is None:
        return constant(None, dtype)
    dropped = call.dialect == "datafusion"  # a group that took no part
    if isinstance(pattern, str):
        return call.value(_groups(subject, pattern, dropped), dtype)
    made = for_each([subject, pattern], lambda texts, keys: _groups(texts, keys[0], dropped), dtype)
    return call.value(made, dtype)


def _groups(subject: pl.Expr, pattern: str, dropped: bool) -> pl.Expr:
    count = groups_of(pattern)
    listed = pl.concat_list(subject.str.extract(pattern, n) for n in (range(1, count + 1) if count else [0]))
    return pl.when(subject.str.contains(pattern)).then(listed.list.drop_nulls() if dropped else listed)


def _from(call: Call, subject: pl.Expr, start: Value | None) -> pl.Expr:
    """Return a text from a place on, which counts from 1."""
    if start is None or start.constant == 1:
        return subject
    if isinstance(start.constant, int) and start.constant < 1:
        raise call.error(f"{call.name} starts at 1, not at {start.constant}")
    number = call.cast(start, pl.Int64()).expr
    inside = (number >= 1) & (number <= subject.str.len_chars().cast(pl.Int64) + 1)
    return pl.when(inside).then(subject.str.slice(number - 1))


def _count(call: Call) -> Value:
    """REGEXP_COUNT(text, pattern [, start [, flags]]): 0 where anything is NULL."""
    values = call.args()
    pattern = _pattern(call, 1, _argument(values, 3))
    if pattern is None or values[0].is_null:
        return constant(0, _NUMBER)
    subject = _from(call, call.as_text(values[0]), _argument(values, 2))
    return call.value(subject.str.count_matches(pattern).cast(pl.Int64).fill_null(0), _NUMBER)


_MARK = "\ufdd0"
"""A code that is no character."""


def _instr(call: Call) -> Value:
    """REGEXP_INSTR(text, pattern [, start [, n [, flags [, group]]]]): where the nth match begins, from 1; else 0."""
    values = call.args()
    start, nth, group = (_argument(values, n) for n in (2, 3, 5))
    number = nth.constant if nth is not None else 1
    if not isinstance(number, int) or (group is not None and group.constant != 0):
        raise call.refuse(f"{call.name} of a group or a computed occurrence")
    pattern = _pattern(call, 1, _argument(values, 4))
    if pattern is None or values[0].is_null or number < 1:
        return constant(None if number >= 1 else 0, _NUMBER)
    subject = _from(call, call.as_text(values[0]), start)
    before = call.cast(start, pl.Int64()).expr - 1 if start is not None else pl.lit(0, dtype=pl.Int64)
    if number == 1:
        whole = call.as_text(values[0]).is_not_null() & _lit(pattern).is_not_null() & before.is_not_null()
        place = place_of(subject, pattern, before)
        return call.value(place.fill_null(pl.when(whole).then(0).cast(_NUMBER)), _NUMBER)
    if not isinstance(pattern, str):
        raise call.refuse(f"{call.name} of an occurrence of a computed pattern")
    parts = subject.str.replace_all(pattern, _MARK + "${0}").str.split(_MARK)
    head = parts.list.head(number).list.join("").str.len_chars().cast(pl.Int64)
    found = pl.when(parts.list.len() > number).then(head + before + 1).otherwise(0)
    return call.value(pl.when(subject.is_not_null()).then(found), _NUMBER)


def _replace(call: Call) -> Value:
    """REGEXP_REPLACE(text, pattern, new [, flags]): the first match, all of them with the flag g."""
    values = call.args()
    flags = _argument(values, 3)
    pattern = _pattern(call, 1, flags, more="g")
    if pattern is None or values[2].is_null:
        return constant(None, _TEXT)
    subject, new = call.as_text(values[0]), values[2]
    marks = flags.constant if flags is not None else ""
    if isinstance(pattern, str) and isinstance(new.constant, str):
        return call.value(_replaced(subject, pattern, new.constant, every="g" in marks), _TEXT)
    every = call.as_text(flags) if flags is not None else pl.lit("")
    given = [subject, _lit(pattern), call.as_text(new), every]
    made = for_each(
        given, lambda texts, keys: _replaced(texts, keys[0], keys[1], every="g" in keys[2]), _TEXT
    )
    return call.value(made, _TEXT)


def _replaced(subject: pl.Expr, pattern: str, new: str, *, every: bool) -> pl.Expr:
    # \1 is a group as $1 is; a backslash before anything else is nothing.
    new = re.sub(r"\\(\d*)", lambda m: "${" + m[1] + "}" if m[1] else "", new)
    return subject.str.replace_all(pattern, new) if every else subject.str.replace(pattern, new)


PATTERNS: Functions = {
    "REGEXP_LIKE": _like, "REGEXP_MATCH": _match, "REGEXP_COUNT": _count, "REGEXP_INSTR": _instr,
    "REGEXP_REPLACE": _replace,
}  # fmt: skip
