"""Regular expressions: those that all flavours share with Rust's; look-around and back-references are refused."""

from __future__ import annotations

import re

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.value import Value

__all__ = ["REGEX", "groups_of", "pattern_of", "place_of", "split_by", "usable"]

_BOOLEAN, _NUMBER, _TEXT = pl.Boolean(), pl.Int64(), pl.String()
_LOOK = re.compile(r"\(\?(?:=|!|<=|<!|>)")
_BACK = re.compile(r"(?<!\\)(?:\\\\)*\\[1-9]")


def pattern_of(call: Call, node_key: str = "expression", flags: str = "") -> str | pl.Expr:
    """Return a pattern for Polars: a text where it is a literal.

    Raises:
        SqlError: it has what Rust's regular expressions lack, or is none.
    """
    value = call.arg(node_key)
    marks = _flags(call, flags)
    if not isinstance(value.constant, str):
        made = call.as_text(value)
        return pl.concat_str(pl.lit(f"(?{marks})"), made) if marks else made
    return usable(call, value.constant, marks, call.node.args[node_key])


def usable(call: Call, pattern: str, marks: str, node: exp.Expr) -> str:
    """Return a pattern with its flags in front.

    Raises:
        SqlError: it has what Rust's regular expressions lack, or is none.
    """
    if _LOOK.search(pattern):
        raise call.refuse("look-around in a regular expression")
    if _BACK.search(pattern):
        raise call.refuse("a back-reference in a regular expression")
    whole = f"(?{marks})" + pattern if marks else pattern
    try:
        pl.select(pl.lit("").str.contains(whole))
    except pl.exceptions.PolarsError as error:
        reason = str(error).strip().splitlines()[-1]
        raise call.error(f"no regular expression: {reason}", node) from error
    return whole


def _flags(call: Call, flags: str) -> str:
    """Return flags as Rust knows them: ``c`` and ``g`` say nothing of the pattern."""
    made = ""
    for flag in dict.fromkeys(flags):
        if flag in "imsx":
            made += flag
        elif flag == "n":
            made += "s" if call.dialect in ("oracle", "mysql") else ""
        elif flag not in "cge":
            raise call.refuse(f"the flag {flag!r} of a regular expression")
    return made


def _given_flags(call: Call, key: str) -> str:
    value = call.constant(key, "")
    if value is not None and not isinstance(value, str):
        raise call.error("the flags of a regular expression are a text")
    return value or ""


def _like(call: Call, *, insensitive: bool = False, full: bool = False) -> Value:
    flags = _given_flags(call, "options" if full else "flag") + ("i" if insensitive else "")
    full = full or call.has("full_match") or call.dialect == "snowflake"
    pattern = pattern_of(call, flags=flags)
    if full:
        pattern = (
            f"^(?:{pattern})$"
            if isinstance(pattern, str)
            else pl.concat_str(pl.lit("^(?:"), pattern, pl.lit(")$"))
        )
    made = _known(call, call.text().str.contains(pattern))
    if call.has("negate"):
        made = made.not_()
    return call.value(made, _BOOLEAN)


def _known(call: Call, made: pl.Expr) -> pl.Expr:
    """Return a result, NULL where the pattern is: Polars takes NULL for no match."""
    pattern = call.arg("expression")
    return made if isinstance(pattern.constant, str) else pl.when(pattern.expr.is_not_null()).then(made)


def groups_of(pattern: str | pl.Expr) -> int:
    """Return how many groups a pattern has, none for a computed one."""
    if not isinstance(pattern, str):
        return 0
    try:
        return re.compile(pattern).groups
    except re.error:
        return len(re.findall(r"(?<!\\)\((?!\?)", pattern))


_EMPTY_WITHOUT = frozenset({"duckdb", "spark", "databricks", "redshift"})
"""Without a match REGEXP_EXTRACT gives an empty text there, elsewhere NULL."""


def _extract(call: Call) -> Value:
    """The part of a text that a pattern matches, or that one of its groups does."""
    for flag in ("null_if_pos_overflow", "null_if_no_match", "empty_if_group_missing"):
        call.has(flag)
    flags = _given_flags(call, "parameters")
    pattern = pattern_of(call, flags=flags)
    subject = _from_position(call, call.text())
    names = call.given("group")
    if isinstance(names, exp.Array):
        return _named_groups(call, subject, pattern, names)
    group = call.constant("group")
    if isinstance(group, str):
        raise call.refuse("a named group")
    if call.dialect == "duckdb" and group is None and isinstance(call.node.args.get("group"), exp.Null):
        return call.value(pl.when(subject.is_not_null()).then(pl.lit("")), _TEXT)
    if group == 0 and call.dialect == "snowflake" and "e" in flags:
        group = None  # sqlglot fills in 0; without a number the flag e means the first group
    if group is None:
        plain = isinstance(call.node, exp.RegexpSubstr) and call.dialect != "bigquery"
        one = (call.dialect in ("bigquery", "spark", "databricks") and not plain) or (
            call.dialect == "snowflake" and "e" in flags
        )
        group = 1 if one and groups_of(pattern) else 0
    if _has_not(call, pattern, group) and 0 <= group <= 9:
        return call.value(pl.when(subject.is_not_null()).then(pl.lit("")), _TEXT)
    _refuse_group(call, pattern, group)
    number = call.maybe("occurrence")
    occurrence = 1 if number is None or number.is_null else number.constant
    if number is not None and not isinstance(occurrence, int):
        which = call.cast(number, _NUMBER).expr - 1
        which = call.checked(which, which < 0, f"an occurrence below 1 in {call.name}")
        matches = subject.str.extract_all(pattern).list.get(which, null_on_oob=True)
        made = matches.str.extract(pattern, group) if group else matches
    elif occurrence == 1:
        made = subject.str.extract(pattern, group)
    else:
        matches = subject.str.extract_all(pattern).list.get(occurrence - 1, null_on_oob=True)
        made = matches.str.extract(pattern, group) if group else matches
    if call.dialect in _EMPTY_WITHOUT and isinstance(call.node, exp.RegexpExtract):
        known = subject.is_not_null()
        if not isinstance(pattern, str):
            known = known & pattern.is_not_null()
        made = pl.when(known).then(made.fill_null(""))
    return call.value(made, _TEXT)


def _from_position(call: Call, subject: pl.Expr) -> pl.Expr:
    position = call.constant("position", 1) or 1
    return subject if position == 1 else subject.str.slice(position - 1)


def _has_not(call: Call, pattern: str | pl.Expr, group: object) -> bool:
    """Whether a pattern of DuckDB has no such group, which is no error before there is a match."""
    known = call.dialect == "duckdb" and isinstance(pattern, str) and isinstance(group, int)
    return known and not 0 <= group <= groups_of(pattern)  # type: ignore[operator]


def _refuse_group(call: Call, pattern: str | pl.Expr, group: object) -> None:
    if not isinstance(group, int):
        raise call.refuse(f"{call.name} of this group")
    if group < 0 or (isinstance(pattern, str) and group > groups_of(pattern)):
        raise call.error(f"the regular expression has no group {group}")


def _refuse_nothing(call: Call, pattern: str | pl.Expr) -> None:
    """Refuse a pattern that matches nothing: DuckDB's engine finds other empty places than Polars'."""
    if call.dialect != "duckdb" or not isinstance(pattern, str):
        return
    if pl.select(pl.lit("").str.contains(pattern, strict=False)).item():
        raise call.refuse(f"{call.name} with a pattern that matches an empty text")


def _named_groups(call: Call, subject: pl.Expr, pattern: str | pl.Expr, names: exp.Array) -> Value:
    """REGEXP_EXTRACT(text, pattern, ['a', 'b']) of DuckDB: its groups as a struct."""
    known = [call.bind(n).constant for n in names.expressions]
    if not isinstance(pattern, str) or not all(isinstance(n, str) for n in known):
        raise call.refuse("groups of a computed regular expression")
    if len(known) > groups_of(pattern):
        raise call.error(f"{len(known)} names for {groups_of(pattern)} groups of the regular expression")
    parts = [subject.str.extract(pattern, n).fill_null("").alias(name) for n, name in enumerate(known, 1)]
    dtype = pl.Struct(dict.fromkeys(known, _TEXT))
    return call.value(pl.when(subject.is_not_null()).then(pl.struct(parts)), dtype)


def _extract_all(call: Call) -> Value:
    pattern = pattern_of(call, flags=_given_flags(call, "parameters"))
    subject = _from_position(call, call.text())
    group = call.constant("group")
    if group is None:
        group = 1 if call.dialect in ("bigquery", "spark", "databricks") and groups_of(pattern) else 0
    if _has_not(call, pattern, group):
        nothing = pl.when(subject.is_not_null()).then(pl.lit([], dtype=pl.List(_TEXT)))
        found = subject.str.contains(pattern) if group > 0 else pl.lit(False)
        made = call.checked(nothing, found, f"the regular expression has no group {group}")
        return call.value(made, pl.List(_TEXT))
    _refuse_group(call, pattern, group)
    occurrence = call.constant("occurrence", 1)
    if occurrence not in (1, None):
        raise call.refuse("an occurrence of REGEXP_EXTRACT_ALL")
    _refuse_nothing(call, pattern)
    made = subject.str.extract_all(pattern)
    if group:
        if not isinstance(pattern, str):
            raise call.refuse("a group of a computed regular expression")
        made = made.list.eval(pl.element().str.extract(pattern, group))
    return call.value(made, pl.List(_TEXT))


_DOLLAR = frozenset({"mysql", "spark", "databricks", "trino"})
"""Groups are called $1 in replacements there, elsewhere \\1."""
_FIRST_ONLY = frozenset({"duckdb", "postgres"})
"""REGEXP_REPLACE replaces the first match there, all with the flag g; elsewhere all."""


def _replacement(call: Call) -> pl.Expr:
    value = call.maybe("replacement")
    if value is None:
        return pl.lit("")
    if not isinstance(value.constant, str):
        return call.as_text(value)
    text = value.constant
    if call.dialect in _DOLLAR:
        return pl.lit(re.sub(r"\$(\d)", r"${\1}", text))
    text = text.replace("$", "$$")
    return pl.lit(re.sub(r"\\(\d|&)", lambda m: "${0}" if m[1] == "&" else "${" + m[1] + "}", text))


def _replace(call: Call) -> Value:
    flags = _given_flags(call, "modifiers")
    pattern, new = pattern_of(call, flags=flags.replace("g", "")), _replacement(call)
    subject = call.text()
    call.has("single_replace")  # true with the flag g as well
    single = call.dialect in _FIRST_ONLY and "g" not in flags
    position = call.constant("position", 1) or 1
    occurrence = call.constant("occurrence", 0) or 0
    if occurrence > 1:
        raise call.refuse("an occurrence of REGEXP_REPLACE")
    head = subject.str.slice(0, position - 1)
    rest = subject.str.slice(position - 1) if position > 1 else subject
    replaced = (
        rest.str.replace(pattern, new) if single or occurrence == 1 else rest.str.replace_all(pattern, new)
    )
    return call.value(pl.concat_str(head, replaced) if position > 1 else replaced, _TEXT)


def _count(call: Call) -> Value:
    pattern = pattern_of(call, flags=_given_flags(call, "parameters"))
    subject = _from_position(call, call.text())
    return call.value(subject.str.count_matches(pattern).cast(pl.Int64), _NUMBER)


def _instr(call: Call) -> Value:
    """The place at which a pattern matches, from 1; 0 where it does not."""
    if call.has("group"):
        raise call.refuse(f"{call.name} of a group")
    occurrence, after = call.constant("occurrence", 1), call.constant("option", 0)
    pattern = pattern_of(call, flags=_given_flags(call, "parameters"))
    position = call.constant("position", 1) or 1
    subject = _from_position(call, call.text())
    if occurrence in (1, None) and not after:
        return call.value(place_of(subject, pattern, pl.lit(position - 1)), _NUMBER)
    if not isinstance(occurrence or 1, int) or after not in (0, 1) or not isinstance(pattern, str):
        raise call.refuse(f"{call.name} of such an occurrence")
    _refuse_nothing(call, pattern)
    place = _place_of_nth(subject, pattern, occurrence or 1, after=after == 1)
    return call.value(pl.when(place > 0).then(place + position - 1).otherwise(place), _NUMBER)


_MARK = "\ufdd0"
"""A code that is no character."""


def _place_of_nth(subject: pl.Expr, pattern: str, number: int, *, after: bool) -> pl.Expr:
    """Return the place at which the nth match begins, or the one behind it, from 1; 0 where there are fewer."""
    between = subject.str.replace_all(pattern, _MARK).str.split(_MARK)
    matches = subject.str.extract_all(pattern)
    passed = matches.list.head(number if after else number - 1)
    place = sum(
        (parts.list.join("").str.len_chars().cast(_NUMBER) for parts in (between.list.head(number), passed)),
        start=pl.lit(1, dtype=_NUMBER),
    )
    return pl.when(matches.list.len() >= number).then(place).when(subject.is_not_null()).then(0)


def place_of(subject: pl.Expr, pattern: str | pl.Expr, before: pl.Expr) -> pl.Expr:
    """Return the place at which a pattern matches, from 1 and after so many characters; 0 where it does not."""
    start = subject.str.find(pattern)
    # Polars counts bytes, SQL characters.
    head = subject.cast(pl.Binary).bin.slice(0, start).cast(pl.String).str.len_chars().cast(pl.Int64)
    known = (
        subject.is_not_null() if isinstance(pattern, str) else subject.is_not_null() & pattern.is_not_null()
    )
    return pl.when(start.is_not_null()).then(head + before + 1).when(known).then(0)


_MOST_PARTS = 100


def split_by(call: Call, subject: pl.Expr, pattern: str, limit: object = -1) -> pl.Expr:
    """Split a text at the matches of a pattern, into so many parts at most where the limit is above 0."""
    if not isinstance(limit, int):
        raise call.refuse(f"{call.name} with a computed limit")
    if limit > 0:
        if limit > _MOST_PARTS or re.match(pattern, ""):
            raise call.refuse(f"{call.name} with this limit")
        whole, rest = f"(?s)^(.*?)(?:{pattern})(.*)$", subject
        parts: list[pl.Expr] = []
        for _ in range(limit - 1):
            parts.append(pl.coalesce(rest.str.extract(whole, 1), rest))
            rest = rest.str.extract(whole, re.compile(pattern).groups + 2)
        made = pl.concat_list([*parts, rest]).list.drop_nulls()
        return pl.when(subject.is_not_null()).then(made)
    mark = "\u0001\u0002"
    return subject.str.replace_all(pattern, mark).str.split(mark)


def _split(call: Call) -> Value:
    call.has("mode")
    limit = call.constant("limit", -1)
    pattern = pattern_of(call)
    if not isinstance(pattern, str):
        raise call.refuse("REGEXP_SPLIT by a computed pattern")
    _refuse_nothing(call, pattern)
    return call.value(split_by(call, call.text(), pattern, limit), pl.List(_TEXT))


def _split_to_array(call: Call) -> Value:
    """REGEXP_SPLIT_TO_ARRAY(text, pattern) of PostgreSQL."""
    if len(call.node.expressions) != 2:
        raise call.refuse(f"{call.name} with flags")
    text, pattern = call.node.expressions
    return call.bind(exp.RegexpSplit(this=text, expression=pattern))


REGEX: Functions = {
    "REGEXP_SPLIT_TO_ARRAY": _split_to_array,
    exp.RegexpLike: _like,
    exp.RegexpILike: lambda call: _like(call, insensitive=True),
    exp.RegexpExtract: _extract,
    exp.RegexpSubstr: _extract,
    exp.RegexpFullMatch: lambda call: _like(call, full=True),
    exp.RegexpExtractAll: _extract_all,
    exp.RegexpReplace: _replace,
    exp.RegexpCount: _count,
    exp.RegexpInstr: _instr,
    exp.RegexpSplit: _split,
}
