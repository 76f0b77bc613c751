"""What kind of file it is: by its name where that says it, else by its bytes."""

from __future__ import annotations

import re
from pathlib import Path, PurePath

import msgspec

from dwkit.lake.sources.sniff import looks_delimited
from dwkit.lake.sources.text import SAMPLE, binary_reason, compression_of, encoding_of, head
from dwkit.model.source import COMPRESSIONS, FORMATS, ReadOptions, format_of

__all__ = ["detect", "json_kind", "magic_of", "plain_name"]

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"PAR1", "parquet"),
    (b"ARROW1\x00\x00", "arrow"),
    (b"FEA1", "arrow"),
    (b"\xff\xff\xff\xff", "arrow"),
    (b"Obj\x01", "avro"),
    (b"SQLite format 3\x00", "sqlite"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "excel"),
)
_TEXTS = ("csv", "json", "ndjson", "xml", "log", "fixed")
# Text that is not data, whatever it looks like.
_PROSE = re.compile(r"md|rst|html?|css|js|ts|py|r|sql|sh|toml|ya?ml|ini|cfg|tex|srt|vtt|eml|svg|lock")


def detect(path: Path, options: ReadOptions, name: str | None = None) -> str:
    """Return the format of a file, a name of `dwkit.model.source.FORMATS`.

    The options decide, then the ending of the name, then the bytes. Text without a known ending is
    ``csv`` if it is a table, and an ``object`` if not; on standard input it is ``csv`` in any case.

    Args:
        path: the file.
        name: its name, if the file at ``path`` is a copy; empty for standard input.
    """
    if options.as_objects:
        return "object"
    if options.format is not None:
        return format_of(options.format)
    name = path.name if name is None else name
    for kind, given in (("fixed", options.widths), ("log", options.pattern), ("sqlite", options.table)):
        if given is not None:
            return kind
    if options.row_tag is not None:
        return "xml"
    ending = PurePath(plain_name(name)).suffix.lower().lstrip(".")
    for kind, form in FORMATS.items():
        if ending in form.extensions:
            if ending == "db":
                return magic_of(head(path, 16)) or "object"
            # What a name says of text is not true of bytes that are unmistakably something else.
            return (kind in _TEXTS and magic_of(head(path))) or kind
    start = head(path)
    return magic_of(start) or _text_kind(start, ending, name, options) or "object"


def plain_name(name: str) -> str:
    """Return a file's name without the ending of its compression."""
    pure = PurePath(name)
    return pure.stem if pure.suffix.lower().lstrip(".") in COMPRESSIONS else name


def magic_of(start: bytes) -> str | None:
    """Return the format that the first bytes of a file tell, None if they tell none."""
    for magic, kind in _MAGIC:
        if start.startswith(magic):
            return kind
    if start.startswith(b"PK\x03\x04"):
        if b"[Content_Types].xml" in start or b"_rels/.rels" in start:
            return "excel" if b"xl/" in start else None
        if b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet" in start:
            return "excel"
        return None if b"mimetypeapplication/" in start[:100] or b"META-INF/" in start[:200] else "archive"
    if start[257:262] == b"ustar":
        return "archive"
    return None


def _text_kind(start: bytes, ending: str, name: str, options: ReadOptions) -> str | None:
    if (
        _PROSE.fullmatch(ending)
        or compression_of(start) is not None
        or binary_reason(start)
        or not start.strip()
    ):
        return "csv" if not name and not start.strip() else None
    encoding = encoding_of(start, options.encoding)
    text = start[encoding.mark :].decode(encoding.name, "replace").lstrip()
    if text[:1] in ("{", "[") and (kind := json_kind(text)):
        return "ndjson" if kind == "ndjson" else "json"
    if re.match(r"<\?xml|<[A-Za-z_][\w.:-]*[\s/>]", text) and not re.match(
        r"<(!doctype|html)", text, re.IGNORECASE
    ):
        return "xml"
    if not name or looks_delimited(text):
        return "csv"
    return None


def json_kind(text: str) -> str | None:
    """Tell how JSON is laid out in a text, from its beginning.

    Returns:
        ``ndjson``: most lines are a value each; ``line``: the only line is; ``json``: a document over
        several lines, or the beginning of one; None: no JSON.
    """
    lines = [line for line in text.splitlines()[:100] if line.strip()]
    if len(lines) > 2 and len(text) >= SAMPLE // 2:
        lines.pop()  # it may have been cut
    whole = sum(map(_is_value, lines))
    if len(lines) > 1 and 2 * whole > len(lines):
        return "ndjson"
    if len(lines) == 1 and whole:
        return "line"
    body = re.sub(r"\s+", "", text[:200])
    return "json" if re.match(r'[{\[]([\[{"\d\]}tfn-]|$)', body) else None


def _is_value(line: str) -> bool:
    try:
        msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
