"""The pieces that formats of dates are made of: how each is written, and what reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl

from dwkit.sql.functions.dates.units import days_from, dow

__all__ = ["PIECES", "Piece", "literal", "ordinal"]

Make = Callable[[pl.Expr], pl.Expr]
_INT = pl.Int64()


@dataclass(frozen=True)
class Piece:
    """One field of a format.

    Attributes:
        code: chrono's code for writing it, empty where there is none.
        make: makes its text of a timestamp, where there is no code.
        reads: chrono's code for reading it, None where it cannot be read.
        text: what it stands for where it is text as it is.
    """

    code: str = ""
    make: Make | None = None
    reads: str | None = None
    text: str | None = None


def literal(text: str) -> Piece:
    """Return a piece that is text as it is."""
    return Piece(text.replace("%", "%%"), reads=text.replace("%", "%%"), text=text)


def _whole(make: Make, width: int = 0) -> Make:
    def text(e: pl.Expr) -> pl.Expr:
        made = make(e).cast(_INT).cast(pl.String)
        return made.str.zfill(width) if width else made

    return text


def _mysql(mode: int, which: int, width: int) -> Make:
    def make(e: pl.Expr) -> pl.Expr:
        from dwkit.sql.functions.dates.fields import mysql_week

        return mysql_week(e, mode)[which]

    return _whole(make, width)


def ordinal(number: pl.Expr) -> pl.Expr:
    """Return ``st``, ``nd``, ``rd`` or ``th`` for a whole number."""
    teen = (number % 100).is_between(11, 13)
    last = number % 10
    return (
        pl.when(teen).then(pl.lit("th")).when(last == 1).then(pl.lit("st")).when(last == 2).then(pl.lit("nd"))
        .when(last == 3).then(pl.lit("rd")).otherwise(pl.lit("th"))
    )  # fmt: skip


def _cased(code: str, case: str, width: int = 0) -> Make:
    def make(e: pl.Expr) -> pl.Expr:
        made = e.dt.strftime(code)
        made = (
            made.str.to_uppercase()
            if case == "upper"
            else made.str.to_lowercase()
            if case == "lower"
            else made
        )
        return made.str.pad_end(width) if width else made

    return make


def _fraction(digits: int) -> Make:
    return lambda e: e.dt.strftime("%9f").str.slice(0, digits)


_ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")


def _roman(e: pl.Expr) -> pl.Expr:
    return e.dt.month().replace_strict(dict(enumerate(_ROMAN, 1)), return_dtype=pl.String())


def _coded(code: str, reads: str | None = None) -> Piece:
    return Piece(code, reads=reads or code)


PIECES: Mapping[str, Piece] = {
    "year": _coded("%Y"), "year2": _coded("%y"), "year-": Piece(make=_whole(lambda e: e.dt.year()), reads="%Y"),
    "year3": Piece(make=_whole(lambda e: e.dt.year() % 1000, 3)), "year1": Piece(make=_whole(lambda e: e.dt.year() % 10)),
    "yearcomma": Piece(make=lambda e: e.dt.strftime("%Y").str.replace(r"^(\d)", "$1,")),
    "century": Piece(make=_whole(lambda e: (e.dt.year() + 99) // 100, 2)), "century0": Piece("%C"),
    "isoyear": Piece("%G"), "isoyear2": Piece("%g"),
    "isoyear3": Piece(make=_whole(lambda e: e.dt.iso_year() % 1000, 3)),
    "isoyear1": Piece(make=_whole(lambda e: e.dt.iso_year() % 10)),
    "month": _coded("%m"), "month-": _coded("%-m", "%m"), "Mon": _coded("%b", "%B"), "Month": _coded("%B"),
    "MON": Piece(make=_cased("%b", "upper"), reads="%B"), "mon": Piece(make=_cased("%b", "lower"), reads="%B"),
    "MONTH": Piece(make=_cased("%B", "upper"), reads="%B"), "month_": Piece(make=_cased("%B", "lower"), reads="%B"),
    "Month9": Piece(make=_cased("%B", "", 9), reads="%B"), "MONTH9": Piece(make=_cased("%B", "upper", 9), reads="%B"),
    "month9": Piece(make=_cased("%B", "lower", 9), reads="%B"),
    "roman": Piece(make=_roman), "roman4": Piece(make=lambda e: _roman(e).str.pad_end(4)),
    "quarter": Piece(make=_whole(lambda e: e.dt.quarter())), "quarter2": Piece(make=_whole(lambda e: e.dt.quarter(), 2)),
    "Qn": Piece(make=lambda e: pl.format("Q{}", e.dt.quarter())),
    "day": _coded("%d"), "day-": _coded("%-d", "%d"), "day_": _coded("%e"),
    "dayth": Piece(make=lambda e: pl.concat_str(e.dt.day().cast(pl.String), ordinal(e.dt.day()))),
    "doy": _coded("%j"), "doy-": _coded("%-j", "%j"), "doy2": Piece(make=_whole(lambda e: e.dt.ordinal_day(), 2), reads="%j"),
    "Dy": _coded("%a", "%A"), "Day": _coded("%A"), "DY": Piece(make=_cased("%a", "upper"), reads="%A"),
    "dy": Piece(make=_cased("%a", "lower"), reads="%A"), "DAY": Piece(make=_cased("%A", "upper"), reads="%A"),
    "day__": Piece(make=_cased("%A", "lower"), reads="%A"), "Day9": Piece(make=_cased("%A", "", 9), reads="%A"),
    "DAY9": Piece(make=_cased("%A", "upper", 9), reads="%A"), "day9": Piece(make=_cased("%A", "lower", 9), reads="%A"),
    "dow0": Piece("%w"), "dow1": Piece(make=_whole(lambda e: dow(e) + 1)), "isodow": Piece("%u"),
    "week_sunday": Piece("%U"), "week_monday": Piece("%W"), "isoweek": Piece("%V"),
    "isoweek-": Piece(make=_whole(lambda e: e.dt.week())),
    "week7": Piece(make=_whole(lambda e: (e.dt.ordinal_day() - 1) // 7 + 1, 2)),
    "week7-": Piece(make=_whole(lambda e: (e.dt.ordinal_day() - 1) // 7 + 1)),
    "week_of_month": Piece(make=_whole(lambda e: (e.dt.day() - 1) // 7 + 1)),
    "week_u": Piece(make=_mysql(1, 1, 2)), "week_V": Piece(make=_mysql(2, 1, 2)), "week_v": Piece(make=_mysql(3, 1, 2)),
    "week_X": Piece(make=_mysql(2, 0, 4)), "week_x": Piece(make=_mysql(3, 0, 4)),
    "julian": Piece(make=_whole(lambda e: days_from(e) + 2440588)),
    "julian_day": Piece(
        make=lambda e: (e.dt.epoch("us") / 86_400_000_000 + 2440587.5).cast(pl.String)
    ),
    "hour": _coded("%H"), "hour-": _coded("%-H", "%H"), "hour_": Piece("%k", reads="%k"), "hour12": _coded("%I"),
    "hour12-": _coded("%-I", "%I"), "hour12_": Piece("%l", reads="%l"),
    "hour24_": Piece(make=_whole(lambda e: (e.dt.hour() + 23) % 24 + 1, 2)),
    "hour24-": Piece(make=_whole(lambda e: (e.dt.hour() + 23) % 24 + 1)),
    "hour11": Piece(make=_whole(lambda e: e.dt.hour() % 12, 2)), "hour11-": Piece(make=_whole(lambda e: e.dt.hour() % 12)),
    "minute": _coded("%M"), "minute-": _coded("%-M", "%M"), "second": _coded("%S"), "second-": _coded("%-S", "%S"),
    **{f"fraction{n}": Piece(make=_fraction(n), reads="%f") for n in range(1, 10)},
    "point3": Piece("%S.%3f", reads="%S%.f"), "seconds*": Piece("%S%.f", reads="%S%.f"),
    "seconds_of_day": Piece(make=_whole(lambda e: e.dt.epoch("s") % 86_400, 5)),
    "AM": _coded("%p"), "am": _coded("%P", "%p"),
    "A.M.": Piece(make=lambda e: e.dt.strftime("%p").str.replace("M", ".M.", literal=True)),
    "a.m.": Piece(make=lambda e: e.dt.strftime("%P").str.replace("m", ".m.", literal=True)),
    "A": Piece(make=lambda e: e.dt.strftime("%p").str.slice(0, 1)),
    "epoch": Piece(make=_whole(lambda e: e.dt.epoch("s")), reads="%s"),
    "zone": Piece("+0000", reads="%z"), "zone:": Piece("+00:00", reads="%:z"), "zone3": Piece("+00", reads="%#z"),
    "Z": Piece("Z", reads="%#z"), "UTC": Piece("UTC", reads="UTC", text="UTC"), "zoneh": Piece("+00"), "zonem": Piece("00"),
    "AD": Piece("AD", reads="AD"), "ad": Piece("ad", reads="ad"),
}  # fmt: skip
"""Pieces by name: small letters for numbers, ``-`` without zeros or blanks before them, the case of a word as written."""
