"""LIKE, ILIKE, SIMILAR TO and GLOB: patterns of SQL, as regular expressions."""

from __future__ import annotations

import re
from functools import partial, reduce

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.functions.regexes import pattern_of, place_of
from dwkit.sql.functions.strings.ascii import ascii_case
from dwkit.sql.types import is_list
from dwkit.sql.value import Value, constant

__all__ = ["LIKE", "like_regex"]

_BOOLEAN = pl.Boolean()


def like_regex(pattern: str, escape: str = "", *, classes: bool = False) -> str:
    """Return a LIKE pattern as a regular expression.

    Args:
        classes: ``[a-f]`` and ``[^a-f]`` stand for one of some characters, as in SQL Server.
    """
    made, at = "", 0
    while at < len(pattern):
        sign = pattern[at]
        found = _CLASS.match(pattern, at) if classes else None
        if found is not None:
            made += f"[{found[1]}{_members(found[2])}]"
            at = found.end() - 1
        elif escape and sign == escape and at + 1 < len(pattern):
            at += 1
            made += re.escape(pattern[at])
        else:
            made += {"%": ".*", "_": "."}.get(sign) or re.escape(sign)
        at += 1
    return f"(?s)^{made}$"


_CLASS = re.compile(r"\[(\^?)([^\]]+)\]")


def _members(text: str) -> str:
    """Return the characters of a class of LIKE, of which only a hyphen between two has a meaning, as a class of regular expressions."""
    parts = re.findall(r"(.)-(.)|(.)", text, re.DOTALL)
    return "".join(f"{re.escape(a)}-{re.escape(b)}" if a else re.escape(c) for a, b, c in parts)


_BACKSLASH_ESCAPES = frozenset(
    {"postgres", "datafusion", "redshift", "mysql", "snowflake", "spark", "databricks", "bigquery"}
)
"""A backslash escapes in LIKE there without an ESCAPE clause (Snowflake: in the literal itself)."""


def _like(insensitive: bool, call: Call) -> Value:
    call.has("negate")
    return _maybe_negated(call, call.node, _escape(call, call.given("escape")), insensitive=insensitive)


def _maybe_negated(call: Call, node: exp.Expr, escape: str, *, insensitive: bool) -> Value:
    negated, right = bool(node.args.get("negate")), node.expression
    if isinstance(right, (exp.Any, exp.All)):
        return _quantified(call, node.this, right, escape, insensitive=insensitive, negated=negated)
    liked = _liked(call, node.this, right, escape, insensitive=insensitive)
    return liked.as_(liked.expr.not_(), _BOOLEAN) if negated else liked


def _quantified(
    call: Call, left: exp.Expr, right: exp.Expr, escape: str, *, insensitive: bool, negated: bool
) -> Value:
    """LIKE ANY and LIKE ALL; a NOT before them is one of each pattern."""
    if negated and call.dialect == "bigquery":
        raise call.error("NOT LIKE with ANY or ALL is not supported", hint="NOT (x LIKE ANY (...))")
    each = []
    for pattern in _patterns(call, right.this):
        one = _liked(call, left, pattern, escape, insensitive=insensitive).expr
        each.append(one.not_() if negated else one)
    if not each:
        return constant(isinstance(right, exp.All), _BOOLEAN)
    return call.value(reduce(lambda a, b: a | b if isinstance(right, exp.Any) else a & b, each), _BOOLEAN)


def _patterns(call: Call, node: exp.Expr) -> list[exp.Expr]:
    """Return the patterns of ANY and ALL, which are a list as it is written.

    Raises:
        SqlError: they are computed, or those of a subquery.
    """
    plain = node.unnest()
    if isinstance(plain, exp.Unnest) and len(plain.expressions) == 1:
        plain = plain.expressions[0]
    if isinstance(plain, exp.Cast) and isinstance(plain.this, exp.Array):
        plain = plain.this
    if isinstance(plain, (exp.Tuple, exp.Array)) and not isinstance(_only(plain), exp.Query):
        return list(plain.expressions)
    if isinstance(plain, (exp.Query, exp.Tuple, exp.Array)) or is_list(call.bind(plain).dtype):
        raise call.refuse("LIKE ANY or ALL of computed patterns")
    if call.dialect in ("postgres", "redshift"):
        raise call.refuse("LIKE ANY or ALL of a list as text")
    return [plain]


def _only(node: exp.Expr) -> exp.Expr | None:
    return node.expressions[0] if len(node.expressions) == 1 else None


def _escape(call: Call, node: exp.Expr | None) -> str:
    if node is None:
        return "\\" if call.dialect in _BACKSLASH_ESCAPES else ""
    value = call.bind(node)
    if not isinstance(value.constant, str) or len(value.constant) > 1:
        raise call.error("ESCAPE wants one character", node)
    return value.constant


def _escaped(call: Call) -> Value:
    """``x LIKE y ESCAPE z``."""
    inner = call.node.this
    if not isinstance(inner, (exp.Like, exp.ILike)):
        raise call.refuse("ESCAPE here")
    escape = _escape(call, call.node.expression)
    return _maybe_negated(call, inner, escape, insensitive=isinstance(inner, exp.ILike))


def _liked(call: Call, left: exp.Expr, right: exp.Expr, escape: str, *, insensitive: bool) -> Value:
    text, pattern = call.as_text(call.bind(left)), call.bind(right)
    if call.dialect == "sqlite":  # no case, of ASCII alone
        text = ascii_case(text, upper=False)
        folded = ascii_case(call.as_text(pattern), upper=False)
        known_text = pattern.constant
        if isinstance(known_text, str):
            pattern = constant(pl.select(folded).item(), pl.String())
            escape = escape.lower()
        else:
            pattern = pattern.as_(folded, pl.String())
    if not isinstance(pattern.constant, str):
        if call.dialect == "tsql":
            given = call.as_text(pattern)
            fine = call.checked(
                given, given.str.contains("[", literal=True), "a computed LIKE pattern with ["
            )
            pattern = pattern.as_(fine, pl.String())
        regex = pl.concat_str(
            pl.lit("(?is)^" if insensitive else "(?s)^"),
            _computed_regex(call.as_text(pattern), escape),
            pl.lit("$"),
        )
        # Polars takes a pattern that is NULL for no match.
        return call.value(pl.when(regex.is_not_null()).then(text.str.contains(regex)), _BOOLEAN)
    known = pattern.constant
    classes = call.dialect == "tsql" and "[" in known
    if classes and (escape or "[" in _CLASS.sub("", known) or "[]" in known):
        raise call.refuse(f"the LIKE pattern {known!r}")
    plain = not insensitive and not (escape and escape in known) and "_" not in known and not classes
    if plain:
        core = known.strip("%")
        if "%" not in core:
            if not known.startswith("%") and not known.endswith("%"):
                return call.value(text == core, _BOOLEAN)
            if core and known.startswith("%") and known.endswith("%"):
                return call.value(text.str.contains(core, literal=True), _BOOLEAN)
            if core and known.endswith("%"):
                return call.value(text.str.starts_with(core), _BOOLEAN)
            if core:
                return call.value(text.str.ends_with(core), _BOOLEAN)
    shape = like_regex(known, escape, classes=classes)
    return call.value(text.str.contains("(?i)" + shape if insensitive else shape), _BOOLEAN)


_STANDING_FOR = {"%": "\ufdd0", "_": "\ufdd1", "": "\ufdd2"}
"""Codes that are no characters, for the escaped signs and the sign of escape itself."""


def _computed_regex(pattern: pl.Expr, escape: str) -> pl.Expr:
    """Return LIKE patterns of a column as regular expressions."""
    if escape:
        signs = {escape + sign if sign else escape * 2: mark for sign, mark in _STANDING_FOR.items()}
        pattern = pattern.str.replace_many(list(signs), list(signs.values()))
        last = re.escape(escape) + "$"
        pattern = pattern.str.replace(last, _STANDING_FOR[""]).str.replace_all(escape, "", literal=True)
    made = pattern.str.escape_regex()
    made = made.str.replace_all("%", ".*", literal=True).str.replace_all("_", ".", literal=True)
    if not escape:
        return made
    back = {mark: sign or re.escape(escape) for sign, mark in _STANDING_FOR.items()}
    return made.str.replace_many(list(back), list(back.values()))


def _similar(call: Call) -> Value:
    """SIMILAR TO: LIKE's signs and a regular expression's, over the whole text (ISO 9075-2, 8.6)."""
    value = call.arg("expression")
    if call.dialect == "datafusion":  # a plain regular expression that matches anywhere
        return call.value(call.text().str.contains(pattern_of(call)), _BOOLEAN)
    if not isinstance(value.constant, str):
        raise call.refuse("SIMILAR TO a computed pattern")
    if call.dialect == "duckdb":  # a plain regular expression that matches the whole text
        return call.value(call.text().str.contains(rf"^(?:{value.constant})\z"), _BOOLEAN)
    made, at = "", 0
    pattern = value.constant
    while at < len(pattern):
        sign = pattern[at]
        if sign == "\\" and at + 1 < len(pattern):
            at += 1
            made += re.escape(pattern[at])
        else:
            made += {"%": ".*", "_": ".", ".": r"\.", "^": r"\^", "$": r"\$"}.get(sign, sign)
        at += 1
    return call.value(call.text().str.contains(f"(?s)^(?:{made})$"), _BOOLEAN)


def _glob(call: Call) -> Value:
    """GLOB: * any text, ? one character, [...] one of some."""
    value = call.arg("expression")
    if not isinstance(value.constant, str):
        raise call.refuse("GLOB with a computed pattern")
    made, at = "", 0
    pattern = value.constant
    while at < len(pattern):
        sign = pattern[at]
        first = at + 2 + (call.dialect == "duckdb" and pattern[at + 1 : at + 2] == "!")
        end = pattern.find("]", first) if sign == "[" else -1
        if end > 0:
            inner = pattern[at + 1 : end].replace("\\", "\\\\").replace("[", "\\[")
            if call.dialect == "duckdb":  # "!" negates there, "^" is a sign as others are
                inner = "^" + inner[1:] if inner.startswith("!") else inner.replace("^", r"\^")
            made += f"[{inner}]"
            at = end
        elif sign == "\\" and call.dialect == "duckdb" and at + 1 < len(pattern):
            at += 1
            made += re.escape(pattern[at])
        else:
            made += {"*": ".*", "?": "."}.get(sign) or re.escape(sign)
        at += 1
    return call.value(call.text().str.contains(f"(?s)^{made}$"), _BOOLEAN)


def _patindex(call: Call) -> Value:
    """PATINDEX('%pattern%', text) of SQL Server: where a LIKE pattern begins to match, from 1; 0 where it does not."""
    given, text = call.args()
    known = given.constant
    if not isinstance(known, str) or "[" in _CLASS.sub("", known) or "[]" in known:
        raise call.refuse(f"{call.name} with this pattern")
    shape = like_regex(known.removeprefix("%"), classes=True)
    if known.startswith("%"):
        shape = shape.replace("(?s)^", "(?s)", 1)
    return call.value(place_of(call.as_text(text), shape, pl.lit(0)), pl.Int64())


LIKE: Functions = {
    "PATINDEX": _patindex,
    exp.Like: partial(_like, False),
    exp.ILike: partial(_like, True),
    exp.Escape: _escaped,
    exp.SimilarTo: _similar,
    exp.Glob: _glob,
}
