"""The types that text can turn out to be, in the order of preference."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from dwkit.model.contract import Rules
from dwkit.staging.cast import caster, zoned

__all__ = ["CANDIDATES", "TOKENS", "Candidate", "Digits", "codes", "digits", "overlong"]

TOKENS = (
    "NA",
    "N/A",
    "n/a",
    "na",
    "NULL",
    "Null",
    "null",
    "None",
    "none",
    "NaN",
    "nan",
    "NAN",
    "-",
    "\\N",
    "#N/A",
    "<NA>",
    "#N/A N/A",
    "#NA",
    "#DIV/0!",
    "#REF!",
    "#VALUE!",
    "(null)",
    "nil",
    "--",
    "?",
    ".",
    "0000-00-00",
    "0000-00-00 00:00:00",
)
"""Spellings of a missing value; they count only where they let a column be typed."""

Test = Callable[[pl.Series], pl.Series]
_ANY = re.compile("")


@dataclass(frozen=True)
class Candidate:
    """A type with its format. ``fits`` says of each text (none of them NULL) whether it is of the type."""

    rules: Rules
    fits: Test
    likely_name: str = ""
    """Regular expression of the names that make a doubtful reading likely."""
    shape: re.Pattern[str] = _ANY
    """What every text of the type begins with; it costs next to nothing to try."""

    @property
    def label(self) -> str:
        """What a person calls it."""
        return self.rules.type.split("(")[0]

    def resembles(self, texts: Sequence[str]) -> bool:
        """Tell whether any of the texts has the shape, so that the type is worth a trial."""
        return any(self.shape.match(t) for t in texts)


@dataclass
class Digits:
    """Most digits seen before and after the point."""

    whole: int = 1
    scale: int = 0

    def add(self, other: Digits) -> None:
        """Take the larger of each."""
        self.whole, self.scale = max(self.whole, other.whole), max(self.scale, other.scale)

    @property
    def type(self) -> str:
        """The decimal that holds them, empty when none does: with room for larger numbers to come."""
        need = self.whole + self.scale
        return "" if need > 38 else f"decimal({18 if need <= 18 else 38},{self.scale})"


def digits(values: pl.Series, point: str = ".") -> Digits:
    """Return the most digits before and after the point of texts that are decimal numbers."""
    dot = values.str.split_exact(point, 1).struct.unnest()
    seen = dot.select(
        pl.col("field_0").str.count_matches(r"\d").max().fill_null(1).cast(pl.Int64),
        pl.col("field_1").str.len_bytes().max().fill_null(0).cast(pl.Int64),
    )
    whole, scale = seen.row(0)
    return Digits(whole or 1, scale or 0)


def codes(values: pl.Series) -> pl.Series | None:
    """Mask of the digits that are a code rather than a number: those with a leading zero or ``+``.

    Returns:
        None when there are none.
    """
    # Few numbers sort before "1", save those that start with "0."; only they are worth a look.
    low = values < "1"
    if not low.any():
        return None
    rows = (low & ((values < "0.") | (values >= "0/"))).arg_true()
    if not len(rows):
        return None
    text = values.gather(rows).str
    zero = text.starts_with("0") & (text.len_bytes() > 1) & ~text.starts_with("0.")
    minus = text.starts_with("-0") & ~text.starts_with("-0.")
    code = zero | minus | text.starts_with("+")
    if not code.any():
        return None
    return pl.zeros(len(values), dtype=pl.Boolean, eager=True).scatter(rows.filter(code), True)


def overlong(values: pl.Series) -> pl.Series | None:
    """Mask of the numbers with more digits than a float keeps (17).

    Returns:
        None when there are none.
    """
    rows = (values.str.len_bytes() > 17).arg_true()
    if not len(rows):
        return None
    digits = (
        values.gather(rows).str.replace(r"^-?0*\.?0*", "").str.replace(r"[eE].*", "").str.count_matches(r"\d")
    )
    long = rows.filter(digits > 17)
    if not len(long):
        return None
    return pl.zeros(len(values), dtype=pl.Boolean, eager=True).scatter(long, True)


_NUMBER = r"(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)"
_COMMA = r"(?:\d{1,3}(?:\.\d{3})+|0|[1-9]\d*)(?:,\d+)?"
_DATES = ("%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y")
_NAMED = ("%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%d/%b/%Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y")
_TIMES = (" %H:%M:%S%.f", " %H:%M", " %I:%M:%S %p", " %I:%M %p", "T%H:%M:%S%.f")
_OTHER = (
    "%d/%b/%Y:%H:%M:%S %z", "%d/%b/%Y:%H:%M:%S", "%a, %d %b %Y %H:%M:%S %z", "%a, %d %b %Y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y",
    "%Y%m%dT%H%M%S", "%Y%m%dT%H%M%S%#z", "%Y/%m/%d %H:%M:%S%.f %z", "%Y/%m/%d %H:%M:%S%.f%#z",
)  # fmt: skip


def _like(pattern: str) -> Test:
    return lambda s: s.str.contains(f"^{pattern}$")


def _cast(rules: Rules, shape: str = "") -> Test:
    cast = caster(rules)
    if not shape:
        return lambda s: cast(s).is_not_null()
    return lambda s: s.str.contains(f"^(?:{shape})$") & cast(s).is_not_null()


def _is_float(values: pl.Series) -> pl.Series:
    fits = values.str.contains(rf"^-?(?:{_NUMBER}(?:[eE][+-]?\d+)?|inf(?:inity)?|Inf(?:inity)?)$")
    fits &= caster(Rules(type="float64"))(values).is_not_null()
    long = overlong(values)
    return fits if long is None else fits & ~long


def _format(style: str) -> Candidate:
    kind = "timestamp" if "%H" in style or "%I" in style else "date"
    if kind == "timestamp" and zoned(style):
        kind = "timestamptz"
    rules = Rules(type=kind, format=style)
    # chrono skips blanks before numbers; a column padded with blanks stays text.
    return Candidate(rules, _cast(rules, r"\S.*\S"), shape=_shape(style))


_PARTS = {
    "%Y": r"[+-]?\d+", "%b": "[A-Za-z]{3,}", "%B": "[A-Za-z]{3,}", "%a": "[A-Za-z]{3,}", "%p": "[AaPp][Mm]",
    "%.f": r"(?:\.\d+)?", "%z": r"\s*\S+", "%#z": r"\s*\S+",
    "%m": r"\s*\d\d?", "%d": r"\s*\d\d?", "%H": r"\s*\d\d?", "%I": r"\s*\d\d?", "%M": r"\s*\d\d?",
    "%S": r"\s*\d\d?", " ": r"\s*",
}  # fmt: skip


def _shape(style: str) -> re.Pattern[str]:
    """Return what texts of a strftime format look like: no less, and perhaps more."""
    parts = re.findall(r"%[.#]?[A-Za-z]|.", style)
    return re.compile("".join(_PARTS.get(p) or re.escape(p) for p in parts) + "$")


def _all() -> tuple[Candidate, ...]:
    whole, date, time = Rules(type="int64"), Rules(type="date"), Rules(type="time")
    naive, zone = Rules(type="timestamp"), Rules(type="timestamptz")
    compact = Rules(type="date", format="%Y%m%d")
    clock = r"\d{4}-\d\d?-\d\d?(?:[T ]\d.*)?"
    number, day = re.compile(r"-?[\d.]"), re.compile(r"\d{4}-")
    return (
        Candidate(
            Rules(type="boolean"),
            lambda s: s.str.to_lowercase().is_in(
                ["true", "false", "t", "f", "yes", "no", "y", "n", "on", "off"]
            ),
            shape=re.compile("(?i)[tfyno]"),
        ),
        Candidate(compact, _cast(compact, r"(?:19|20)\d{6}"), r"(?i)date|day|(^|_)dt($|_)|_on$|_at$", number),
        Candidate(whole, _cast(whole, r"0|-?[1-9]\d{0,18}"), shape=number),
        Candidate(Rules(type="decimal(38,10)"), _like(f"-?{_NUMBER}"), shape=number),
        Candidate(Rules(type="decimal(38,10)", decimal_comma=True), _like(f"-?{_COMMA}"), shape=number),
        Candidate(Rules(type="float64"), _is_float),
        Candidate(date, _cast(date, r"\d{4}-\d\d?-\d\d?"), shape=day),
        Candidate(naive, _cast(naive, clock), shape=day),
        Candidate(zone, _cast(zone, clock), shape=day),
        Candidate(time, _cast(time, r"\d\d?:\d\d(?::\d\d(?:\.\d+)?)?"), shape=re.compile(r"\d\d?:")),
        *(_format(f) for f in (*_DATES, *_NAMED)),
        *(_format(d + t) for t in _TIMES for d in (*_DATES, *_NAMED)),
        *(_format(f) for f in _OTHER),
    )


CANDIDATES = _all()
