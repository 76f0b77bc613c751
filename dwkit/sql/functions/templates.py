"""Numbers as text and back by a template of digits, such as ``FM9,990.00``: TO_CHAR and TO_NUMBER."""

from __future__ import annotations

import re
from dataclasses import dataclass

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.functions.decimals import rounded_units
from dwkit.sql.types import is_float, is_number, is_text, shown
from dwkit.sql.value import Value

__all__ = ["TEMPLATES", "to_number"]

_TEXT = pl.String()
_SPARK = ("spark", "databricks")
_DOLLARS = frozenset({"oracle", "snowflake", *_SPARK})
_MINIMAL = frozenset({"oracle", "snowflake"})
_DIGITS_OF_A_DOUBLE = 15


class _TemplateError(Exception):
    """A part of a template that is not known."""


@dataclass(frozen=True)
class _Template:
    """What a template says.

    Attributes:
        before: digits (9, 0) and commas before the point.
        after: digits after it.
        point: whether there is one.
        sign: ``S`` before, ``MI`` or ``+MI`` (a plus too) after, ``PR`` in angles, or empty: a minus before.
        fill: FM: without blanks.
        start, end: texts around it.
    """

    before: str
    after: str
    point: bool
    sign: str
    fill: bool
    dollar: bool
    start: str
    end: str

    @property
    def width(self) -> int:
        """Digits before the point."""
        return len(self.before.replace(",", ""))

    @property
    def first_zero(self) -> int:
        """The place of the digit from which zeros are written; the width where none is."""
        place = self.before.replace(",", "").find("0")
        return place if place >= 0 else self.width


_PART = re.compile(r'"[^"]*"|EEEE|FM|PR|MI|SG|PL|RN|TH|TM[9E]?|[90.,DGS$]|.', re.IGNORECASE | re.DOTALL)


def _template(text: str, dialect: str) -> _Template:
    before, after, sign, start, end = "", "", "", "", ""
    point = fill = dollar = False
    for part in _PART.findall(text):
        name = {"D": ".", "G": ","}.get(part.upper(), part.upper())
        begun = bool(before or point)
        if name == "FM" and not begun and dialect not in _SPARK:
            fill = True
        elif name in ("9", "0"):
            if end or sign in ("MI", "+MI", "PR"):
                raise _TemplateError(part)
            before, after = (before, after + name) if point else (before + name, after)
        elif name == "." and not point and not end:
            point = True
        elif name == "," and before and not point:
            before += name
        elif name == "S" and not sign:
            sign = "+MI" if begun else "S"
        elif name in ("MI", "PR") and begun and not sign:
            sign = name
        elif name == "$" and not begun and not dollar and dialect in _DOLLARS:
            dollar = True
        elif part.startswith('"') and len(part) > 1 and dialect not in (*_SPARK, "oracle"):
            start, end = (start, end + part[1:-1]) if begun else (start + part[1:-1], end)
        else:
            raise _TemplateError(part)
    if not before and not after:
        raise _TemplateError(text)
    if before.endswith(","):
        raise _TemplateError(",")
    return _Template(before, after, point, sign, fill, dollar, start, end)


def _given(call: Call, node: exp.Expr) -> _Template:
    text = call.bind(node).constant
    if not isinstance(text, str):
        raise call.error("a format is a literal", node)
    try:
        return _template(text, call.dialect)
    except _TemplateError as error:
        raise call.error(f"{str(error)!r} in a format of numbers is not supported", node) from None


# -- writing --------------------------------------------------------------------------------------


def _to_char(call: Call) -> Value:
    """TO_CHAR(number, 'template')."""
    for flag in ("is_numeric", "nlsparam"):
        if call.has(flag) and flag == "nlsparam":
            raise call.refuse("TO_CHAR with parameters of the session")
    value = call.arg()
    if is_text(value.dtype) or value.is_null:
        value = call.cast(value, pl.Decimal(38, 9))
    if not is_number(value.dtype):
        raise call.refuse(f"TO_CHAR of {shown(value.dtype)} with a format of numbers")
    if not call.has("format"):
        return call.value(call.as_text(value), _TEXT)
    given = call.bind(call.given("format")).constant
    if call.dialect in _MINIMAL and isinstance(given, str) and given.upper() in ("TM", "TM9"):
        return call.value(call.as_text(value), _TEXT)
    found = _given(call, call.given("format"))
    digits = len(found.after)
    if is_float(value.dtype) and call.dialect == "postgres" and found.width + digits > _DIGITS_OF_A_DOUBLE:
        raise call.refuse("TO_CHAR of a double with more than 15 digits")
    units = rounded_units(call, value, digits)
    return call.value(_written(call, found, value, units), _TEXT)


def _written(call: Call, found: _Template, value: Value, units: pl.Expr) -> pl.Expr:
    dialect, digits = call.dialect, len(found.after)
    plain = units.abs().cast(pl.String).str.zfill(digits + 1)
    cut = plain.str.len_chars() - digits
    whole, part = plain.str.slice(0, cut), plain.str.slice(cut)
    # PostgreSQL's numeric has no negative zero; elsewhere the sign is that of the number before rounding.
    kept_sign = dialect not in ("postgres", "redshift") or is_float(value.dtype)
    negative = value.expr < 0 if kept_sign else units < 0
    before = _before(found, whole)
    after = _after(found, part)
    if found.fill and found.after and "0" not in found.before and "0" not in found.after:
        before = pl.when(units == 0).then(pl.lit("0")).otherwise(before)
    too_wide = whole.str.len_chars() > found.width
    if found.width == 0:
        too_wide = whole != "0"
    if dialect in ("postgres", "redshift"):
        before = pl.when(too_wide).then(pl.lit(re.sub("[90]", "#", found.before))).otherwise(before)
        after = pl.when(too_wide).then(pl.lit("#" * digits)).otherwise(after)
    core = pl.concat_str(before, pl.lit("."), after) if found.point else before
    if found.dollar:
        core = pl.concat_str(pl.lit("$"), core)
    blank = "" if found.fill or dialect in _SPARK else " "
    core = _signed(found, core, negative, blank)
    size = len(found.before) + found.point + digits + found.dollar
    size += {"PR": 2, "": len(blank)}.get(found.sign, 1)
    if not found.fill:
        core = core.str.pad_start(size)
    if dialect in _SPARK:
        core = _checked(call, found, core, value, units, whole, negative)
    elif dialect not in ("postgres", "redshift"):
        core = pl.when(too_wide).then(pl.lit("#" * size)).otherwise(core)
    return pl.concat_str(pl.lit(found.start), core, pl.lit(found.end)) if found.start or found.end else core


def _before(found: _Template, whole: pl.Expr) -> pl.Expr:
    """Return the digits before the point with their commas, from the first that is written."""
    width = found.width
    if not width:
        return pl.lit("")
    filled = whole.str.zfill(width)
    places = "".join("," if sign == "," else "(.)" for sign in found.before)
    number, parts = 0, ""
    for sign in found.before:
        number += sign != ","
        parts += "," if sign == "," else f"${{{number}}}"
    written = filled.str.replace(f"^{places.replace(',', '')}$", parts)
    offsets = [n for n, sign in enumerate(found.before) if sign != ","] + [len(found.before)]
    own = whole.str.len_chars().cast(pl.Int64)
    if found.after:  # 0.5 is .5 where no zero is asked for
        own = pl.when(whole == "0").then(0).otherwise(own)
    start = pl.min_horizontal(width - own, pl.lit(found.first_zero, dtype=pl.Int64)).clip(0, width)
    return written.str.slice(start.replace_strict(list(range(width + 1)), offsets, return_dtype=pl.Int64))


def _after(found: _Template, part: pl.Expr) -> pl.Expr:
    if not found.fill:
        return part
    kept = found.after.rfind("0") + 1
    return pl.concat_str(part.str.slice(0, kept), part.str.slice(kept).str.strip_chars_end("0"))


def _signed(found: _Template, core: pl.Expr, negative: pl.Expr, blank: str) -> pl.Expr:
    def either(minus: str, plus: str) -> pl.Expr:
        return pl.when(negative).then(pl.lit(minus)).otherwise(pl.lit(plus))

    if found.sign == "PR":
        return pl.concat_str(either("<", blank), core, either(">", blank))
    if found.sign in ("MI", "+MI"):
        plus = "+" if found.sign == "+MI" else "" if found.fill else " "
        return pl.concat_str(core, either("-", plus))
    return pl.concat_str(either("-", "+" if found.sign == "S" else blank), core)


def _checked(
    call: Call,
    found: _Template,
    core: pl.Expr,
    value: Value,
    units: pl.Expr,
    whole: pl.Expr,
    negative: pl.Expr,
) -> pl.Expr:
    """Return what Spark writes; a number that does not fit its template is an error."""
    if found.after and "0" not in found.before and found.before:  # the blank before the point is a zero there
        core = core.str.replace(r" (-?\$?)\.", "${1}0.").str.replace(r"^(-?\$?)\.", "${1}0.")
    exact = units.cast(pl.Float64) == value.expr.cast(pl.Float64) * 10.0 ** len(found.after)
    misfit = (whole.str.len_chars() > max(found.width, 1)) | exact.not_()
    if not found.sign:
        misfit |= negative
    if not found.after and "0" not in found.before:
        misfit |= units == 0
    return call.checked(core, misfit, "a number does not fit the format: give it more digits, or a sign")


# -- reading --------------------------------------------------------------------------------------


def to_number(call: Call, value: Value, node: exp.Expr, dtype: pl.DataType | None, *, safe: bool) -> Value:
    """Return a text that is written by a template as a number.

    Args:
        dtype: of the result, with the digits of the template where it is None.
    """
    found = _given(call, node)
    if not is_text(value.dtype) and not value.is_null:
        raise call.refuse(f"{call.name} of {shown(value.dtype)} with a format")
    plain = call.as_text(value).str.strip_chars(" ")
    number = plain.str.replace_all(r"[$,<>+\- ]", "")
    sign = pl.when(plain.str.contains("[-<]")).then(pl.lit("-")).otherwise(pl.lit(""))
    scale = len(found.after)
    made = pl.concat_str(sign, number)
    fits = plain.str.contains(_shape(found, call.dialect))
    failed = pl.lit(None, dtype=_TEXT)
    if not safe:  # a text that is no number, which the error shows
        failed = pl.when(plain.is_not_null()).then(pl.concat_str(pl.lit("dwkit: not as the format: "), plain))
    text = pl.when(fits).then(made).otherwise(failed)
    exact = call.guarded(text).cast(pl.Decimal(38, scale), strict=not safe)
    result = call.value(exact, pl.Decimal(38, scale))
    return result if dtype is None else call.cast(result, dtype, safe=safe)


def _shape(found: _Template, dialect: str) -> str:
    """Return a regular expression of the texts that a template writes."""
    digits = ""
    if dialect in _SPARK and found.before.startswith("0"):
        digits = found.before.replace("9", "0").replace("0", r"\d")
    else:
        for sign in found.before:
            digits = f"(?:{digits}{',' if sign == ',' else chr(92) + 'd'})?"
        if "," in found.before and dialect in ("postgres", "redshift"):
            digits = rf"(?:{digits}|\d{{0,{found.width}}})"
    part = rf"(?:\.\d{{0,{len(found.after)}}})?" if found.point else ""
    dollar = r"\$?" if found.dollar else ""
    core = f"{dollar}(?:[0-9.]){{0}}{digits}{part}"
    if found.sign == "PR":
        core = f"(?:<{core}>|{core})"
    elif found.sign in ("MI", "+MI"):
        core = f"{core}[-+ ]?"
    elif found.sign == "S" or dialect not in _SPARK:
        core = f"[-+]?{core}"
    return f"^{core}$"


def _try_to_number(call: Call) -> Value:
    value, *rest = call.node.expressions
    if len(rest) != 1:
        raise call.refuse(f"{call.name} of {1 + len(rest)} arguments")
    return to_number(call, call.bind(value), rest[0], None, safe=True)


TEMPLATES: Functions = {exp.ToChar: _to_char, "TRY_TO_NUMBER": _try_to_number}
