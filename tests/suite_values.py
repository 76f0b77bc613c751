"""Rows, files and numbers of public suites: read, written in one way, compared."""

from __future__ import annotations

import glob
import hashlib
import math
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import polars as pl
from logic import Record, read, shown
from suite_tables import External, kind_of

from dwkit.sql import TableRef

__all__ = [
    "HASHED",
    "Tables",
    "close",
    "exact",
    "is_ordered",
    "is_select",
    "known_name",
    "listed",
    "micros",
    "plain_records",
    "scan",
    "texts",
]

_QUERY = re.compile(r"(\s|--[^\n]*\n|\()*(select|with|values|from|table|execute)\b", re.IGNORECASE)
HASHED = re.compile(r"(\d+) values hashing to ([0-9a-f]{32})")
_STAMP = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)")


def is_ordered(sql: str) -> bool:
    """Whether the outermost query has an ORDER BY."""
    text = re.sub(r"'[^']*'|--[^\n]*", "", sql).strip().rstrip(";").lower()
    depth, outer = 0, ""
    for mark in re.split(r"([()])", text):
        depth += {"(": 1, ")": -1}.get(mark, 0)
        outer += mark if depth == 0 else ""
    return bool(re.search(r"\border\s+by\b", outer)) or (text.startswith("(") and "|>" not in text)


def is_select(sql: str) -> bool:
    """Whether a text is a query that gives rows of tables."""
    return bool(_QUERY.match(sql))


def plain_records(path: Path) -> Iterator[Record]:
    """Read the records of a file as they stand there."""
    yield from read(path.read_text(encoding="utf-8", errors="replace"))


class Tables:
    """Tables that a session reads but does not own: files below a folder, and external tables over them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.known: dict[str, Callable[[], pl.LazyFrame]] = {}
        self.settings: dict[str, str] = {}
        self._written = tempfile.TemporaryDirectory()

    def place(self, path: str) -> Path:
        """Return where a file is: what a suite writes into its own folder is kept out of it."""
        inside = path.removeprefix("test_files/scratch/")
        return self.root / path if inside == path else Path(self._written.name) / inside

    def __call__(self, ref: TableRef) -> pl.LazyFrame | None:
        """Return the frame of a reference."""
        if ref.file is not None:
            return scan(self.place(ref.file))
        make = self.known.get(known_name(f"{ref.schema}.{ref.name}" if ref.schema else ref.name))
        return make() if make is not None else None


def known_name(name: str) -> str:
    """Return the name of a table without quotes and without the catalogue and schema of names without one."""
    return name.replace('"', "").lower().removeprefix("datafusion.").removeprefix("public.")


def scan(path: Path, *, header: bool = True, separator: str = ",") -> pl.LazyFrame | None:
    """Return the rows of a file, None where there is none."""
    if not glob.glob(str(path)):  # noqa: PTH207 — the path may be a pattern
        return None
    if path.is_dir():
        inside = sorted(p for p in path.rglob("*.*") if p.is_file())
        return External(path, kind_of(inside[0])).frame() if inside else None
    suffix = "".join(path.suffixes[-2:]).lower()
    if "parquet" in suffix:
        return pl.scan_parquet(path)
    if "arrow" in suffix or "avro" in suffix:
        return External(path, kind_of(path)).frame()
    if "ndjson" in suffix or "json" in suffix:
        return pl.scan_ndjson(path)
    return pl.scan_csv(
        path, has_header=header, separator=separator, try_parse_dates=True, infer_schema_length=None
    )


def listed(values: Sequence[str], expected: Sequence[str]) -> bool:
    """Whether values are those expected, or hash to what is."""
    hashed = HASHED.fullmatch(expected[0].strip()) if len(expected) == 1 else None
    if hashed is None:
        return list(values) == list(expected)
    digest = hashlib.md5("".join(f"{v}\n" for v in values).encode(), usedforsecurity=False).hexdigest()
    return len(values) == int(hashed[1]) and digest == hashed[2]


def _far(moments: pl.Series) -> bool:
    """Whether some are of years that Python's dates cannot have."""
    return bool((~moments.dt.year().is_between(1, 9999)).any())


def _short(dtype: pl.DataType) -> pl.DataType:
    """Return a type with text for its single floats: the shortest that is one."""
    if isinstance(dtype, pl.Struct):
        return pl.Struct({f.name: _short(f.dtype) for f in dtype.fields})  # type: ignore[arg-type]
    if isinstance(dtype, (pl.List, pl.Array)):
        return pl.List(_short(dtype.inner))  # type: ignore[arg-type]
    return pl.String() if isinstance(dtype, pl.Float32) else dtype


def exact(data: pl.DataFrame) -> pl.DataFrame:
    """Return rows with single floats as the shortest numbers that they are, and years beyond Python's as text."""
    data = data.with_columns(pl.col(pl.Float16).cast(pl.Float32))
    data = data.with_columns(pl.col(pl.Float32).cast(pl.String).cast(pl.Float64))
    data = data.with_columns(
        pl.col(n).cast(_short(t)) for n, t in data.schema.items() if t.is_nested() and "Float32" in str(t)
    )
    moments = [n for n, t in data.schema.items() if isinstance(t, (pl.Date, pl.Datetime)) and _far(data[n])]
    return data.with_columns(pl.col(n).dt.to_string("iso:strict") for n in moments)


def texts(data: pl.DataFrame) -> list[list[str]]:
    """Return rows as text."""
    return [[shown(v) for v in row] for row in exact(data).iter_rows()]


def _normal(text: str) -> str:
    """Return a line with times, intervals and quotes written in one way."""
    text = _STAMP.sub(r"\1 \2", text).replace("'", "").replace('"', "")
    text = _INTERVAL.sub(_interval, text)
    text = re.sub(r"(\d\d:\d\d:\d\d)(\.\d*?)0+\b", r"\1\2", text)
    text = re.sub(r"(\d\d:\d\d:\d\d)\.(?!\d)", r"\1", text)
    text = re.sub(r"(:\d\d(?:\.\d+)?)(?:Z|\+00(?::?00)?)(?=\W|$)", r"\1", text)
    text = re.sub(r"(?<![\w.])-0(?:\.0+)?(?![\w.])", "0", text)
    return " ".join(text.split())


_INTERVAL = re.compile(
    r"(?:-?[\d.]+ (?:years?|mons?|months?|days?|hours?|mins?|secs?)\b ?)+(?:-?\d+:\d\d:\d\d[\d.]*)?"
)
_UNITS = {"d": 86400.0, "h": 3600.0, "s": 1.0}


def _interval(found: re.Match[str]) -> str:
    """Write an interval as months, days and a time, however its engine does it."""
    months = seconds = 0.0
    for number, unit in re.findall(r"(-?[\d.]+) ([a-z]+)", found[0]):
        value = float(number)
        if unit.startswith(("y", "mon")):
            months += value * (12 if unit[0] == "y" else 1)
        else:
            seconds += value * (60 if unit.startswith("min") else _UNITS[unit[0]])
    clock = re.search(r"(-?)(\d+):(\d\d):(\d\d[\d.]*)", found[0])
    if clock:
        size = int(clock[2]) * 3600 + int(clock[3]) * 60 + float(clock[4])
        seconds += -size if clock[1] else size
    days, rest = divmod(round(seconds, 6), 86400)
    day_text = f"{days:g} days " if days else ""
    month_text = f"{months:g} mons " if months else ""
    return f"{month_text}{day_text}{int(rest // 3600):02}:{int(rest // 60 % 60):02}:{rest % 60:09.6f} "


_LENGTHS = {"year": 360 * 86_400, "month": 30 * 86_400, "day": 86_400}


def micros(text: str) -> int | None:
    """Return an interval as microseconds, a month as thirty days; None where a text is none."""
    words = re.fullmatch(
        r"((?:-?\d+ (?:year|month|day)s?(?: |$))*)(?:(-?)(\d+):(\d\d):(\d\d)(?:\.(\d{1,6}))?)?", text
    )
    if words is None or not text:
        return None
    total = (
        sum(int(n) * _LENGTHS[unit] for n, unit in re.findall(r"(-?\d+) ([a-z]+?)s?\b", words[1])) * 1_000_000
    )
    if words[3]:
        time = (int(words[3]) * 3600 + int(words[4]) * 60 + int(words[5])) * 1_000_000
        time += int((words[6] or "0").ljust(6, "0"))
        total += -time if words[2] else time
    return total


def close(got: str, wanted: str) -> bool:
    """Whether two lines are the same, but for how numbers, times and quotes are written."""
    if got == wanted:
        return True
    got, wanted = _normal(got), _normal(wanted)
    if got == wanted:
        return True
    ours, theirs = (re.split(r"([\s,\[\]{}:()]+)", t) for t in (got, wanted))
    return len(ours) == len(theirs) and all(map(_near, ours, theirs))


def _near(a: str, b: str) -> bool:
    if a == b or (a.lower() == b.lower() and a.lower() in ("true", "false", "null")):
        return True
    if {a.lower(), b.lower()} in ({"true", "1"}, {"false", "0"}):
        return True
    if not a.strip() and not b.strip():
        return True
    try:
        x, y = float(a), float(b)
    except ValueError:
        return False
    return math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-12) or (math.isnan(x) and math.isnan(y))
