"""How a source is read: the formats there are, and the options that override what is detected."""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

from dwkit.errors import NotFoundError, UsageError

__all__ = ["COMPRESSIONS", "FORMATS", "LOG_PATTERNS", "Format", "ReadOptions", "format_of"]


class Format(NamedTuple):
    """A kind of file: the words that name it, the endings that announce it, what becomes of it."""

    names: tuple[str, ...]
    extensions: tuple[str, ...]
    about: str


FORMATS: dict[str, Format] = {
    "csv": Format(
        ("csv", "tsv", "psv", "delimited"),
        ("csv", "tsv", "tab", "psv", "ssv"),
        "delimited text; delimiter, quotes, encoding and header are detected",
    ),
    "json": Format(
        ("json", "geojson"),
        ("json", "geojson", "topojson"),
        "an array of objects, or a document that holds one",
    ),
    "ndjson": Format(("ndjson", "jsonl"), ("ndjson", "jsonl", "jsonlines"), "one JSON object on each line"),
    "parquet": Format(("parquet",), ("parquet", "pq", "parq"), "types are kept"),
    "arrow": Format(
        ("arrow", "feather", "ipc"),
        ("arrow", "feather", "ipc", "arrows"),
        "Arrow files and streams; types are kept",
    ),
    "avro": Format(("avro",), ("avro",), "types are kept; extra 'avro'"),
    "excel": Format(
        ("excel", "xlsx", "xls", "xlsb", "xlsm", "ods"),
        ("xlsx", "xlsm", "xlsb", "xls", "ods"),
        "every sheet is a table; extra 'excel'",
    ),
    "xml": Format(("xml",), ("xml",), "an element that repeats is a row"),
    "log": Format(("log", "text", "lines"), ("log",), "a line is a row; a pattern names its columns"),
    "fixed": Format(("fixed", "fwf"), ("fwf", "prn"), "columns of fixed width"),
    "sqlite": Format(
        ("sqlite", "sqlite3"), ("sqlite", "sqlite3", "db", "db3", "gpkg"), "every table is a table"
    ),
    "archive": Format(
        ("archive", "zip", "tar"),
        ("zip", "tar", "tgz", "tbz2", "tbz", "txz", "tzst"),
        "zip and tar; every member is read as what it is",
    ),
    "object": Format(
        ("object", "objects"), (), "any other bytes: kept as they are, with a catalogue row each"
    ),
}
"""Formats by name; the first of its words is the one that is stored."""

COMPRESSIONS: dict[str, str] = {
    "gz": "gzip",
    "gzip": "gzip",
    "zst": "zstd",
    "zstd": "zstd",
    "bz2": "bz2",
    "xz": "xz",
    "lzma": "xz",
    "lz4": "lz4",
}
"""Compressions by file ending; a compressed file is named after what is in it: ``orders.csv.gz``."""

LOG_PATTERNS: tuple[str, ...] = ("combined", "common", "syslog", "syslog5424", "json", "logfmt", "lines")
"""Names that `ReadOptions.pattern` knows, besides a regular expression with named groups."""


class ReadOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How to read a source. None means: detect it.

    Attributes:
        format: a word of `FORMATS`.
        delimiter: text between fields.
        quote: the quote character; empty for none.
        escape: the character that escapes a quote; empty for none: a quote is doubled.
        encoding: a name that Python knows, such as ``cp1250``.
        header: whether the first record names the columns.
        columns: names of the columns, in place of the header's.
        skip_rows: lines to skip before the header.
        comment: lines that start with this are no records.
        pattern: a name of `LOG_PATTERNS` or a regular expression with named groups.
        widths: characters of each column of fixed width.
        records: where the records are in a JSON document, such as ``result.items``; ``.`` for all of it.
        row_tag: the XML element that is a row.
        sheet: the sheet to read; None for all.
        table: the SQLite table to read; None for all.
        member: a glob that chooses members of an archive.
        as_objects: keep the bytes as they are.
        ragged: rows with too few fields are held back (``quarantine``) or filled up (``pad``); rows
            with too many are always held back.
    """

    format: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    escape: str | None = None
    encoding: str | None = None
    header: bool | None = None
    columns: tuple[str, ...] | None = None
    skip_rows: int | None = None
    comment: str | None = None
    pattern: str | None = None
    widths: tuple[int, ...] | None = None
    records: str | None = None
    row_tag: str | None = None
    sheet: str | None = None
    table: str | None = None
    member: str | None = None
    as_objects: bool = False
    ragged: Literal["quarantine", "pad"] | None = None

    def __post_init__(self) -> None:
        """Refuse what no reader could follow.

        Raises:
            UsageError: an option's value is impossible.
        """
        if self.format is not None:
            format_of(self.format)
        for name in ("quote", "escape"):
            text = getattr(self, name)
            if text is not None and (len(text) > 1 or not text.isascii()):
                raise UsageError(f"{name} must be one ASCII character, not {text!r}")
        if self.delimiter == "":
            raise UsageError("the delimiter must not be empty", hint=r"for instance ';' or '\t'")
        if self.skip_rows is not None and self.skip_rows < 0:
            raise UsageError(f"skip_rows must be 0 or more, not {self.skip_rows}")
        if self.widths is not None and (not self.widths or min(self.widths) < 1):
            raise UsageError(
                "widths must be numbers of characters, each 1 or more", hint="for instance 8,12,3"
            )
        if self.columns is not None and len({c.lower() for c in self.columns}) < len(self.columns):
            raise UsageError("the names in columns must differ")


def format_of(word: str) -> str:
    """Return the format that a word of the user's names: ``tsv`` is ``csv``, ``jsonl`` is ``ndjson``.

    Raises:
        NotFoundError: no format has that name.
    """
    for name, kind in FORMATS.items():
        if word.lower() in kind.names:
            return name
    raise NotFoundError("format", word, [n for f in FORMATS.values() for n in f.names])
