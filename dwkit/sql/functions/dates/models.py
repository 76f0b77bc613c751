"""The format models of the dialects: a format's text taken apart into pieces."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping

from dwkit.sql.functions.dates.patterns import PIECES, Piece, literal, ordinal

__all__ = ["FormatError", "java", "joda", "mysql", "net", "strftime", "template"]


class FormatError(ValueError):
    """A format has what its dialect does not know, or what is not supported."""


Pieces = list[Piece]


def _of(*names: str) -> Pieces:
    """Return pieces by name; what is no name stands for itself."""
    return [PIECES[n] if n in PIECES else literal(n) for n in names]


# -- strftime: DuckDB, SQLite, BigQuery -----------------------------------------------------------

_DATE = ("year", "-", "month", "-", "day")
_CLOCK = ("hour", ":", "minute", ":", "second")
_STRFTIME: Mapping[str, tuple[str, ...]] = {
    "a": ("Dy",), "A": ("Day",), "w": ("dow0",), "d": ("day",), "-d": ("day-",), "b": ("Mon",), "h": ("Mon",),
    "B": ("Month",), "m": ("month",), "-m": ("month-",), "y": ("year2",), "Y": ("year",), "H": ("hour",),
    "-H": ("hour-",), "I": ("hour12",), "-I": ("hour12-",), "p": ("AM",), "M": ("minute",), "-M": ("minute-",),
    "S": ("second",), "-S": ("second-",), "j": ("doy",), "-j": ("doy-",), "U": ("week_sunday",), "W": ("week_monday",),
    "u": ("isodow",), "V": ("isoweek",), "G": ("isoyear",), "e": ("day_",), "F": _DATE, "T": _CLOCK,
    "R": ("hour", ":", "minute"), "%": ("%",), "k": ("hour_",), "l": ("hour12_",), "P": ("am",), "z": ("zone",),
    "Z": ("UTC",), "n": ("\n",), "t": ("\t",), "C": ("century0",), "D": ("month", "/", "day", "/", "year2"),
    "g": ("isoyear2",), "s": ("epoch",), "c": (*_DATE, " ", *_CLOCK), "x": _DATE, "X": _CLOCK,
}  # fmt: skip
_STRFTIME_OF: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "duckdb": {"f": ("fraction6",), "g": ("fraction3",), "n": ("fraction9",), "z": ("zone3",), "-y": ("year2",)},
    "sqlite": {"f": ("point3",), "J": ("julian_day",)},
    "bigquery": {
        "f": ("fraction6",), "Q": ("quarter",), "x": ("month", "/", "day", "/", "year2"),
        "c": ("Dy", " ", "Mon", " ", "day_", " ", *_CLOCK, " ", "year"), "E4Y": ("year",), "E*S": ("seconds*",),
        **{f"E{n}S": ("second", ".", f"fraction{n}") for n in range(1, 10)}, "Ez": ("zone:",), "p": ("AM",),
        "J": ("isoyear",), "Z": ("UTC",), "r": ("hour12", ":", "minute", ":", "second", " ", "AM"),
    },
}  # fmt: skip


def strftime(text: str, dialect: str) -> Pieces:
    """Take a format of C's strftime apart."""
    known = {**_STRFTIME, **_STRFTIME_OF.get(dialect, {})}
    made: Pieces = []
    for code, plain in re.findall(r"%(E\*S|E\dS|E4Y|Ez|-?.)|([^%]+)", text, re.DOTALL):
        if plain:
            made.append(literal(plain))
        elif code in known:
            made += _of(*known[code])
        else:
            raise FormatError(f"%{code}")
    return made


# -- MySQL, Trino's DATE_FORMAT -------------------------------------------------------------------

_MYSQL: Mapping[str, tuple[str, ...]] = {
    "a": ("Dy",), "b": ("Mon",), "c": ("month-",), "D": ("dayth",), "d": ("day",), "e": ("day-",), "f": ("fraction6",),
    "H": ("hour",), "h": ("hour12",), "I": ("hour12",), "i": ("minute",), "j": ("doy",), "k": ("hour-",),
    "l": ("hour12-",), "M": ("Month",), "m": ("month",), "p": ("AM",),
    "r": ("hour12", ":", "minute", ":", "second", " ", "AM"), "S": ("second",), "s": ("second",), "T": _CLOCK,
    "U": ("week_sunday",), "u": ("week_u",), "V": ("week_V",), "v": ("week_v",), "W": ("Day",), "w": ("dow0",),
    "X": ("week_X",), "x": ("week_x",), "Y": ("year",), "y": ("year2",), "%": ("%",),
}  # fmt: skip
_NOT_TRINO = frozenset("DUuVwX")


def mysql(text: str, dialect: str) -> Pieces:
    """Take a format of MySQL's DATE_FORMAT apart; Trino has most of its codes."""
    made: Pieces = []
    for code, plain in re.findall(r"%(.)|([^%]+|%$)", text, re.DOTALL):
        if plain:
            made.append(literal(plain))
        elif dialect == "trino" and (code in _NOT_TRINO or code not in _MYSQL):
            raise FormatError(f"%{code}")
        else:
            made += _of(*_MYSQL.get(code, (code,)))
    return made


# -- TO_CHAR: PostgreSQL, Redshift, Oracle, Snowflake ---------------------------------------------

_TEMPLATE: Mapping[str, str] = {
    "Y,YYY": "yearcomma", "SYYYY": "year", "YYYY": "year", "YYY": "year3", "YY": "year2", "Y": "year1",
    "RRRR": "year", "RR": "year2", "IYYY": "isoyear", "IYY": "isoyear3", "IY": "isoyear2", "I": "isoyear1",
    "MM": "month", "RM": "roman4", "Q": "quarter", "DDD": "doy", "DD": "day", "D": "dow1", "ID": "isodow",
    "IDDD": "", "HH24": "hour", "HH12": "hour12", "HH": "hour12", "MI": "minute", "SSSSS": "seconds_of_day",
    "SSSS": "seconds_of_day", "SS": "second", "MS": "fraction3", "US": "fraction6", "WW": "week7", "IW": "isoweek",
    "W": "week_of_month", "J": "julian", "CC": "century", "TZH": "zoneh", "TZM": "zonem", "TZR": "UTC", "TZD": "UTC",
    "TZ": "UTC", "OF": "zoneh", "FF": "fraction6", **{f"FF{n}": f"fraction{n}" for n in range(1, 10)},
}  # fmt: skip
_WORDS: Mapping[str, tuple[str, str, str]] = {
    "MONTH": ("MONTH", "Month", "month_"), "MON": ("MON", "Mon", "mon"), "DAY": ("DAY", "Day", "day__"),
    "DY": ("DY", "Dy", "dy"),
}  # fmt: skip
_HALVES: Mapping[str, str] = {
    "AM": "AM", "PM": "AM", "am": "am", "pm": "am", "A.M.": "A.M.", "P.M.": "A.M.", "a.m.": "a.m.", "p.m.": "a.m.",
    "Am": "AM", "Pm": "AM",
}  # fmt: skip
_BARE: Mapping[str, str] = {
    "month": "month-", "day": "day-", "hour": "hour-", "hour12": "hour12-", "minute": "minute-", "second": "second-",
    "doy": "doy-", "week7": "week7-", "isoweek": "isoweek-", "roman4": "roman", "year": "year-",
}  # fmt: skip
_SNOWFLAKE = frozenset({
    "YYYY", "YY", "MM", "MON", "MMMM", "DD", "DY", "HH24", "HH12", "HH", "AM", "PM", "MI", "SS", "FF", "TZH", "TZM",
    *(f"FF{n}" for n in range(10)),
})  # fmt: skip


@functools.cache
def _template_token() -> re.Pattern[str]:
    """Return the pattern of one piece; to compile it takes longer than to import all formats."""
    return re.compile(
        r"\"((?:[^\"\\]|\\.)*)\"|(FM)|(TM)|(FX)|([AP]\.M\.|MMMM|MONTH|MON|DAY|DY|AM|PM|A\.D\.|B\.C\.|AD|BC|"
        + "|".join(re.escape(k) for k in sorted([*_TEMPLATE, "FF0"], key=len, reverse=True))
        + r")(TH|SP)?|(.)",
        re.IGNORECASE | re.DOTALL,
    )


def template(text: str, dialect: str) -> Pieces:
    """Take a format of TO_CHAR apart."""
    made: Pieces = []
    bare = False
    for found in _template_token().finditer(text):
        quoted, fm, tm, fx, token, suffix, other = found.groups()
        if quoted is not None:
            made.append(literal(re.sub(r"\\(.)", r"\1", quoted)))
        elif fm is not None:
            # In Oracle FM holds from there on (a second one ends it), in PostgreSQL for the next field.
            bare = not bare if dialect == "oracle" else True
        elif tm or fx:
            raise FormatError(tm or fx)
        elif other is not None:
            if other.isalpha() and (
                dialect == "oracle" or (dialect == "snowflake" and other.upper() not in "TZ")
            ):
                raise FormatError(other)
            made.append(literal(other))
        else:
            made += _field(token, suffix, dialect, bare=bare)
            bare = bare and dialect == "oracle"
    return made


def _field(token: str, suffix: str | None, dialect: str, *, bare: bool) -> Pieces:
    upper = token.upper()
    if dialect == "snowflake" and upper not in _SNOWFLAKE:
        raise FormatError(token)
    if dialect == "snowflake" and upper == "FF0":
        return []
    if upper == "MMMM":
        if dialect != "snowflake":
            return _of("month", "month")
        return _of("Month")
    if upper in _HALVES:
        return _of(_HALVES.get(token, _HALVES[upper]))
    if upper in ("AD", "BC", "A.D.", "B.C."):
        return _of("ad" if token.islower() else "AD")
    if upper in _WORDS:
        if dialect == "snowflake":
            return _of({"MON": "Mon", "DY": "Dy"}.get(upper, ""))
        name = _WORDS[upper][0 if token.isupper() or token[:2].isupper() else 1 if token[0].isupper() else 2]
        if upper in ("MONTH", "DAY") and not bare and dialect != "bigquery":
            name = {
                "MONTH": "MONTH9",
                "Month": "Month9",
                "month_": "month9",
                "DAY": "DAY9",
                "Day": "Day9",
                "day__": "day9",
            }[name]
        return _of(name)
    name = _TEMPLATE[upper]
    if not name:
        raise FormatError(token)
    if dialect == "snowflake" and upper == "FF":
        name = "fraction9"
    if bare:
        name = _BARE.get(name, name)
    piece = PIECES[name]
    if suffix is None:
        return [piece]
    if suffix.upper() == "SP":
        raise FormatError(token + suffix)
    if dialect == "snowflake":
        return [piece, literal(suffix)]
    return [_with_ordinal(piece, upper=suffix.isupper())]


def _with_ordinal(piece: Piece, *, upper: bool) -> Piece:
    import polars as pl

    def make(e: pl.Expr) -> pl.Expr:
        text = e.dt.strftime(piece.code) if piece.make is None else piece.make(e)
        end = ordinal(text.cast(pl.Int64))
        return pl.concat_str(text, end.str.to_uppercase() if upper else end)

    return Piece(make=make)


# -- letters: Java's patterns (Spark, Databricks), Joda's (Trino), .NET's (SQL Server) --------------

_RUNS = re.compile(r"'((?:[^']|'')*)'|\"([^\"]*)\"|\\(.)|([A-Za-z])\4*|([^A-Za-z'\"\\]+|.)", re.DOTALL)


def _letters(text: str, field: Callable[[str], tuple[str, ...] | None], *, doubled: bool = True) -> Pieces:
    made: Pieces = []
    for found in _RUNS.finditer(text):
        quoted, double, escaped, letter, other = found.groups()
        if quoted is not None:
            made.append(literal("'" if quoted == "" and doubled else quoted.replace("''", "'")))
        elif double is not None and not doubled:
            made.append(literal(double))
        elif escaped is not None and not doubled:
            made.append(literal(escaped))
        elif letter is None:
            made.append(literal(other if other is not None else found[0]))
        else:
            names = field(found[0])
            if names is None:
                raise FormatError(found[0])
            made += _of(*names)
    return made


def _java(run: str) -> tuple[str, ...] | None:
    letter, count = run[0], len(run)
    plain: Mapping[str, tuple[str, ...]] = {
        "y": ("year-", "year2", "year", "year"), "u": ("year-", "year2", "year", "year"),
        "M": ("month-", "month", "Mon", "Month"), "L": ("month-", "month", "Mon", "Month"), "d": ("day-", "day"),
        "D": ("doy-", "doy2", "doy"), "E": ("Dy", "Dy", "Dy", "Day"), "H": ("hour-", "hour"),
        "h": ("hour12-", "hour12"), "k": ("hour24-", "hour24_"), "K": ("hour11-", "hour11"),
        "m": ("minute-", "minute"), "s": ("second-", "second"), "a": ("AM",), "Q": ("quarter", "quarter2", "Qn"),
        "q": ("quarter", "quarter2", "Qn"), "z": ("UTC", "UTC", "UTC"), "Z": ("zone", "zone", "zone", "GMT"),
        "X": ("Z", "Z", "Z"), "x": ("zone3", "zone", "zone:"), "G": ("AD", "AD", "AD"), "F": ("week_of_month",),
    }  # fmt: skip
    if letter == "S":
        return (f"fraction{count}",) if count <= 9 else None
    options = plain.get(letter)
    return (options[count - 1],) if options and count <= len(options) else None


def java(text: str, dialect: str) -> Pieces:
    """Take a pattern of Java's DateTimeFormatter apart, as Spark reads them."""
    return _letters(text.replace("[", "").replace("]", ""), _java)


def _joda(run: str) -> tuple[str, ...] | None:
    letter, count = run[0], len(run)
    if letter in "yY":
        return ("year2",) if count == 2 else ("year",) if count == 4 else ("year-",)
    if letter == "x":
        return ("isoyear2",) if count == 2 else ("isoyear",)
    if letter == "w":
        return ("isoweek-",) if count == 1 else ("isoweek",)
    if letter == "e":
        return ("isodow",)
    if letter == "E":
        return ("Dy",) if count <= 3 else ("Day",)
    if letter in "qQLuXF":
        return None
    if letter == "Z":
        return ("zone",) if count == 1 else ("zone:",) if count == 2 else ("UTC",)
    return _java(run)


def joda(text: str, dialect: str) -> Pieces:
    """Take a pattern of Joda's DateTimeFormat apart, as Trino reads them."""
    return _letters(text, _joda)


_STANDARD = {
    "d": "M/d/yyyy", "D": "dddd, MMMM d, yyyy", "f": "dddd, MMMM d, yyyy h:mm tt", "F": "dddd, MMMM d, yyyy h:mm:ss tt",
    "g": "M/d/yyyy h:mm tt", "G": "M/d/yyyy h:mm:ss tt", "m": "MMMM d", "M": "MMMM d", "t": "h:mm tt",
    "T": "h:mm:ss tt", "y": "MMMM yyyy", "Y": "MMMM yyyy", "s": "yyyy-MM-dd'T'HH:mm:ss",
    "u": "yyyy-MM-dd HH:mm:ss'Z'", "o": "yyyy-MM-dd'T'HH:mm:ss.fffffff", "O": "yyyy-MM-dd'T'HH:mm:ss.fffffff",
    "r": "ddd, dd MMM yyyy HH:mm:ss 'GMT'", "R": "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
}  # fmt: skip


def _net(run: str) -> tuple[str, ...] | None:
    letter, count = run[0], len(run)
    plain: Mapping[str, tuple[str, ...]] = {
        "d": ("day-", "day", "Dy", "Day"), "M": ("month-", "month", "Mon", "Month"), "H": ("hour-", "hour"),
        "h": ("hour12-", "hour12"), "m": ("minute-", "minute"), "s": ("second-", "second"), "t": ("A", "AM"),
        "z": ("zone3", "zone3", "zone:"), "g": ("AD", "AD"), "T": ("T",), "Z": ("Z",),
    }  # fmt: skip
    if letter == "y":
        return {1: ("year2",), 2: ("year2",)}.get(count, ("year",))
    if letter in "fF":
        return (f"fraction{count}",) if count <= 7 else None
    options = plain.get(letter)
    return (options[count - 1],) if options and count <= len(options) else None


def net(text: str, dialect: str) -> Pieces:
    """Take a format of .NET apart, with the standard ones of one letter (culture en-US)."""
    return _letters(_STANDARD.get(text, text.removeprefix("%")), _net, doubled=False)
