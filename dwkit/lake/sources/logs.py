"""Log lines: a pattern with named groups makes columns of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import polars as pl

from dwkit.errors import DataError, UsageError
from dwkit.lake.sources.extract import Extract, Malformed, Source, Table, unique_names
from dwkit.lake.sources.json import read_records
from dwkit.lake.sources.text import SAMPLE, binary_reason, blocks, plain_text
from dwkit.model.source import LOG_PATTERNS

__all__ = ["PATTERNS", "read_log"]

_COMMON = (
    r"^(?P<host>\S+) (?P<ident>\S+) (?P<user>\S+) \[(?P<time>[^\]]+)\] "
    r'"(?:(?P<method>[A-Z]+) (?P<path>\S*)(?: (?P<protocol>[^"\s]+))?|(?P<request>(?:[^"\\]|\\.)*))" '
    r"(?P<status>\d{3}|-) (?P<bytes>\d+|-)"
)
PATTERNS: dict[str, str] = {
    "combined": _COMMON + r' "(?P<referer>(?:[^"\\]|\\.)*)" "(?P<user_agent>(?:[^"\\]|\\.)*)"',
    "common": _COMMON + r"\s*$",
    "syslog5424": (
        r"^<(?P<priority>\d{1,3})>(?P<version>\d{1,2}) (?P<time>\S+) (?P<host>\S+) (?P<app>\S+) (?P<pid>\S+) "
        r'(?P<message_id>\S+) (?P<data>-|(?:\[(?:"(?:[^"\\]|\\.)*"|[^\]"])*\])+)(?: (?P<message>.*))?$'
    ),
    "syslog": (
        r"^(?:<(?P<priority>\d{1,3})>)?(?P<time>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S+) "
        r"(?P<host>\S+) (?P<app>[^\s:\[]+)(?:\[(?P<pid>[^\]]*)\])?: ?(?P<message>.*)$"
    ),
    "lines": r"^(?P<line>.*)$",
}
"""Regular expressions of the built-in patterns; the others (json, logfmt) are no regular expressions."""

_UNMATCHED = "the pattern does not match"
_PAIR = re.compile(r'([\w.\-/@]+)(?:=("(?:[^"\\]|\\.)*"|[^\s"]*))?(?=\s|$)')


def read_log(source: Source, path: Path) -> Extract:
    """Read log lines; every column is text, and a group that took no part is NULL.

    Args:
        path: the unpacked bytes.

    Raises:
        DataError: the file is empty or binary, or most lines do not match.
        UsageError: the pattern is no regular expression or names no group.
    """
    with path.open("rb") as handle:
        start = handle.read(SAMPLE)
    reason = binary_reason(start) if source.options.encoding is None else None
    if reason:
        raise DataError(
            f"{source.name} {reason}: it is no log", hint="--as-objects keeps the bytes as they are"
        )
    text = plain_text(source, path, thorough=True)
    sample = _sample(text)
    if not sample:
        raise DataError(f"{source.name} is empty", hint="there is nothing to ingest")
    wanted = source.options.pattern
    if wanted is None:
        plain = source.options.format in ("lines", "text")
        wanted = "lines" if plain else _recognised(sample)
        if wanted == "lines" and not plain:
            source.note("no built-in pattern fits: each line is one column; --pattern names the fields")
    source = source.with_options(pattern=wanted)
    if wanted == "json":
        return read_records(source, text, "log")
    if wanted == "logfmt":
        return _logfmt(source, text)
    table = _Lines(source, text, _compiled(wanted))
    return Extract(source, "log", table)


def _sample(path: Path) -> list[str]:
    first = next(blocks(path, SAMPLE), b"")
    return [line for line in first.decode("utf-8").splitlines() if line.strip()][:200]


def _recognised(sample: list[str]) -> str:
    best, name = 0.5, "lines"
    for candidate in (*PATTERNS, "json", "logfmt"):
        share = (
            sum(map(bool, map(_matcher(candidate), sample))) / len(sample) if candidate != "lines" else 0.0
        )
        if share > best + 1e-9:
            best, name = share, candidate
    return name


def _matcher(name: str) -> Callable[[str], object]:
    if name == "json":
        return _is_object
    if name == "logfmt":
        return _is_logfmt
    return re.compile(PATTERNS[name]).search


def _is_object(line: str) -> bool:
    try:
        return isinstance(msgspec.json.decode(line.encode()), dict)
    except (msgspec.DecodeError, RecursionError):
        return False


def _is_logfmt(line: str) -> bool:
    found = _PAIR.findall(line)
    return sum(bool(value) for _, value in found) >= 2 and not _PAIR.sub("", line).strip()


def _compiled(wanted: str) -> str:
    """Return a pattern as the Rust engine takes it, wrapped so that a match can be told from none."""
    if wanted in PATTERNS:
        pattern = PATTERNS[wanted]
    elif re.fullmatch(r"[\w-]+", wanted):
        raise UsageError(
            f"no log pattern named {wanted!r}",
            hint=f"there are: {', '.join(LOG_PATTERNS)}; or a regular expression such as '(?P<day>\\S+) (?P<text>.*)'",
        )
    else:
        pattern = wanted
    try:
        names = pl.select(pl.lit("").str.extract_groups(pattern)).to_series().struct.fields
    except pl.exceptions.PolarsError as error:
        reason = str(error).strip().rsplit("error: ", 1)[-1]
        raise UsageError(f"the pattern {pattern!r} is no regular expression: {reason}") from None
    if not any(not name.isdecimal() for name in names):
        raise UsageError(
            f"the pattern {wanted!r} names no groups", hint=r"name the columns: '(?P<day>\S+) (?P<text>.*)'"
        )
    return pattern


class _Lines(Table):
    """Lines that a pattern takes apart; those it does not match are malformed."""

    def __init__(self, source: Source, path: Path, pattern: str) -> None:
        super().__init__()
        self._source = source
        groups = (
            pl.select(pl.lit("").str.extract_groups(f"(?P<_matched>{pattern})")).to_series().struct.fields
        )
        named = [g for g in groups if not g.isdecimal() and g != "_matched"]
        names = unique_names(source, named)
        fields = pl.col("line").str.extract_groups(f"(?P<_matched>{pattern})").alias("fields")
        lines = pl.scan_lines(path, name="line", row_index_name="at", row_index_offset=1, glob=False)
        blank = pl.col("line").str.strip_chars().str.len_bytes() == 0
        number = pl.col("_row").cast(pl.Int64)
        self._all = lines.filter(~blank).with_row_index("_row", 1).select(number, "at", "line")
        matched = self._all.with_columns(fields).filter(
            pl.col("fields").struct.field("_matched").is_not_null()
        )
        self._rows = matched.select(
            *(pl.col("fields").struct.field(g).alias(n) for g, n in zip(named, names, strict=True)),
            pl.col("_row").map_batches(self._count, return_dtype=pl.Int64, is_elementwise=True),
        )
        self._missed = self._all.filter(~pl.col("line").str.contains(pattern))
        self._matched: list[int] = []
        self._bad = Malformed(
            source, "--pattern names the fields: one of " + ", ".join(LOG_PATTERNS) + " or a regex"
        )

    def rows(self) -> pl.LazyFrame:
        self._matched = []
        return super().rows()

    def _count(self, numbers: pl.Series) -> pl.Series:
        self._matched.append(len(numbers))  # never a sum: several threads come here at once
        return numbers

    def again(self, error: Exception | None) -> bool:
        if error is None:
            total = self._all.select(pl.len()).collect(engine="streaming").item()
            self._bad.clear()
            if total > sum(self._matched):
                self._collect()
            self._bad.check(total)
        return False

    def _collect(self) -> None:
        for frame in self._missed.collect_batches(maintain_order=True):
            self._bad.add_many((*record, _UNMATCHED) for record in frame.iter_rows())

    def malformed(self) -> pl.LazyFrame | None:
        return self._bad.frame()


def _logfmt(source: Source, path: Path) -> Extract:
    """Turn ``key=value`` lines into JSON, whose reader finds all keys; a line without any is malformed."""
    made = source.scratch("logfmt.ndjson")
    with made.open("wb") as out:
        for block in blocks(path):
            for line in block.decode("utf-8").split("\n")[: block.count(b"\n") + (not block.endswith(b"\n"))]:
                pairs = _PAIR.findall(line)
                if any(value for _, value in pairs) and not _PAIR.sub("", line).strip():
                    out.write(msgspec.json.encode({key: _unquoted(value) for key, value in pairs}) + b"\n")
                else:
                    out.write(line.strip().encode() + b"\n")
    return read_records(source, made, "log", wrong=_UNMATCHED)


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value
    return re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t"}.get(m[1], m[1]), value[1:-1])
