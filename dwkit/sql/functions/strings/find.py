"""Where one text is in another."""

from __future__ import annotations

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Builder, Call, Functions, text
from dwkit.sql.functions.each import for_each
from dwkit.sql.functions.strings.part import chars
from dwkit.sql.types import is_list
from dwkit.sql.value import Value

__all__ = ["FIND"]

_BOOLEAN, _NUMBER, _TEXT = pl.Boolean(), pl.Int64(), pl.String()


def _position(call: Call) -> Value:
    """The place of a text in another, from 1; 0 where it is not. With a start, or the nth time."""
    value = call.arg()
    sought = call.arg("substr")
    subject, part = call.as_text(value), call.as_text(sought)
    call.has("clamp_position")
    start = call.maybe("position")
    occurrence = call.maybe("occurrence")
    if start is None and occurrence is None:
        return call.value(_found(subject, part), _NUMBER)
    begin = start.constant if start is not None else 1
    number = occurrence.constant if occurrence is not None else 1
    if not isinstance(number, int) or number < 1:
        raise call.refuse("a position by a computed occurrence")
    if isinstance(begin, int) and begin < 0:
        return call.value(_from_end(call, subject, part, begin, number), _NUMBER)
    first = pl.lit(begin, dtype=pl.Int64) if isinstance(begin, int) else call.cast(start, pl.Int64()).expr  # type: ignore[arg-type]
    rest = subject.str.slice(pl.max_horizontal(first - 1, pl.lit(0, dtype=pl.Int64)))
    found = _nth(rest, part, number)
    made = pl.when(found > 0).then(found + first - 1).when(found == 0).then(0)
    return call.value(pl.when(first > 0).then(made).otherwise(0), _NUMBER)


def _found(subject: pl.Expr, part: pl.Expr) -> pl.Expr:
    before = subject.str.split(part).list.first()
    place = chars(before) + 1
    there = subject.str.contains(part, literal=True)
    return (
        pl.when(part == "")
        .then(pl.when(subject.is_not_null()).then(1).cast(pl.Int64))
        .when(there)
        .then(place)
        .when(there.not_())
        .then(0)
    )


def _nth(subject: pl.Expr, part: pl.Expr, number: int) -> pl.Expr:
    if number == 1:
        return _found(subject, part)
    parts = subject.str.split(part)
    before = parts.list.head(number).list.join("").str.len_chars().cast(pl.Int64)
    place = before + chars(part) * (number - 1) + 1
    return pl.when(parts.list.len() > number).then(place).when(parts.is_not_null()).then(0)


def _from_end(call: Call, subject: pl.Expr, part: pl.Expr, start: int, number: int) -> pl.Expr:
    """Oracle's INSTR with a negative start looks backwards from there."""
    if call.dialect not in ("oracle", "snowflake", "bigquery") or number != 1:
        raise call.refuse("a position from the end")
    head = subject.str.slice(0, chars(subject) + start + chars(part))
    last = head.str.split(part).list.last()
    there = head.str.contains(part, literal=True)
    return pl.when(there).then(chars(head) - chars(last) - chars(part) + 1).when(there.not_()).then(0)


def _contains(call: Call) -> Value:
    value = call.arg()
    if is_list(value.dtype):
        return call.value(value.expr.list.contains(call.arg("expression").expr), _BOOLEAN)
    call.has("json_scope")
    return call.value(call.as_text(value).str.contains(call.text("expression"), literal=True), _BOOLEAN)


def _translate(call: Call) -> Value:
    """TRANSLATE: each character of one text becomes the one at its place in the other, or nothing."""
    subject, old, new = call.text(), call.arg("from_"), call.arg("to")
    if not isinstance(old.constant, str) or not isinstance(new.constant, str):
        if call.dialect == "tsql":
            raise call.refuse("TRANSLATE by computed texts")
        given = [subject, call.as_text(old), call.as_text(new)]
        return call.value(for_each(given, lambda texts, keys: _translated(texts, *keys), _TEXT), _TEXT)
    if call.dialect == "tsql" and len(old.constant) != len(new.constant):
        raise call.error("TRANSLATE wants two texts of one length")
    return call.value(_translated(subject, old.constant, new.constant), _TEXT)


def _translated(subject: pl.Expr, old: str, new: str) -> pl.Expr:
    pairs: dict[str, str] = {}
    for number, sign in enumerate(old):
        pairs.setdefault(sign, new[number] if number < len(new) else "")
    return subject.str.replace_many(list(pairs), list(pairs.values())) if pairs else subject


def _find_in_set(call: Call) -> Value:
    """FIND_IN_SET(text, 'a,b,c'): the place in the list, from 1."""
    sought, listed = (call.as_text(v) for v in call.args())
    index = pl.concat_str(pl.lit(","), listed, pl.lit(",")).str.split(
        pl.concat_str(pl.lit(","), sought, pl.lit(","))
    )
    before = index.list.first().str.count_matches(",", literal=True).cast(pl.Int64)
    there = index.list.len() > 1
    return call.value(pl.when(there).then(before + 1).when(there.not_()).then(0), _NUMBER)


def _strcmp(call: Call) -> Value:
    a, b = (call.as_text(v) for v in call.args())
    return call.value(
        pl.when(a < b).then(-1).when(a == b).then(0).when(a > b).then(1).cast(pl.Int64), _NUMBER
    )


def _at_edge(kind: type[exp.Expr]) -> Builder:
    """PREFIX and SUFFIX of DuckDB."""

    def build(call: Call) -> Value:
        subject, part = call.node.expressions
        return call.bind(kind(this=subject, expression=part))

    return build


FIND: Functions = {
    exp.StrPosition: _position,
    exp.StartsWith: text(lambda s, p: s.str.starts_with(p), "this", "expression", dtype=_BOOLEAN),
    exp.EndsWith: text(lambda s, p: s.str.ends_with(p), "this", "expression", dtype=_BOOLEAN),
    exp.Contains: _contains,
    exp.Translate: _translate,
    "FIND_IN_SET": _find_in_set,
    "STRCMP": _strcmp,
    "PREFIX": _at_edge(exp.StartsWith),
    "SUFFIX": _at_edge(exp.EndsWith),
}
