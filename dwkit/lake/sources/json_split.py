"""From one JSON document to one record a line, in a stream.

The standard library's decoder finds where a value ends; the text in between is copied as it is, so
no digit and no escape of it changes. Memory is bounded by one record.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NamedTuple

import msgspec

from dwkit.errors import DataError

__all__ = ["Split", "split"]

CHUNK = 1 << 20
LARGEST = 256 << 20
"""Characters of the largest record."""

_DEPTH = 3
_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


class Split(NamedTuple):
    """The records of a document.

    Args:
        path: a file with one JSON value on each line.
        records: where they were in the document; ``.`` for the document itself, empty for its array.
    """

    path: Path
    records: str


def split(path: Path, name: str, records: str | None, scratch: Callable[[str], Path]) -> Split:
    """Write the records of a JSON document one a line.

    A document that is an array holds its records; several documents in a row are records; an object
    is asked for its only array of objects, at most three levels down, and is one record if it has none.

    Args:
        path: the document, UTF-8.
        name: of the source, for messages.
        records: dotted path to the array; ``.`` for the document itself; None: look for it.
        scratch: gives paths for files.

    Raises:
        DataError: the text is not JSON, or the array cannot be told.
    """
    try:
        if records != ".":
            with path.open(encoding="utf-8-sig", newline="") as handle:
                walk = _Walk(_Text(handle), records, scratch)
                alone = walk.document()
            if alone and (made := walk.chosen(name)) is not None:
                return made
        with path.open(encoding="utf-8-sig", newline="") as handle:
            return Split(_each(_Text(handle), scratch), ".")
    except _SyntaxError as error:
        raise DataError(
            f"{name} is not JSON: {error}",
            hint="for one JSON object on each line: --as ndjson; nothing of it was ingested",
        ) from None
    except RecursionError:
        raise DataError(
            f"{name} is not JSON that can be read: it is nested too deeply",
            hint="--as-objects keeps the bytes as they are",
        ) from None


def _each(text: _Text, scratch: Callable[[str], Path]) -> Path:
    """Write each document of a text as a record."""
    made = scratch("records.ndjson")
    with made.open("wb") as out:
        while text.peek():
            out.write(_line(text.value()[1]))
    return made


def _line(text: str) -> bytes:
    data = text.encode()
    if "\n" in text or "\r" in text:
        try:
            data = msgspec.json.format(data, indent=-1)
        except msgspec.DecodeError:
            data = data.replace(b"\n", b" ").replace(b"\r", b" ")  # line ends cannot be inside a string
    return data + b"\n"


class _SyntaxError(Exception):
    """The text is not JSON; says where."""


class _Text:
    """A window that slides over a text."""

    def __init__(self, handle: IO[str]) -> None:
        self._handle = handle
        self._buffer = ""
        self._at = 0
        self._lines = 0  # line ends before the window
        self._column = 0  # characters of its first line before the window
        self._done = False

    def peek(self) -> str:
        """Return the next character that is no blank, empty at the end."""
        while True:
            match = _SPACE.match(self._buffer, self._at)
            assert match is not None
            self._at = match.end()
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if not self._more():
                return ""

    def take(self, wanted: str) -> None:
        """Step over a character that must come next."""
        if self.peek() != wanted:
            raise self.wrong(f"{wanted!r} is missing")
        self._at += 1

    def value(self) -> tuple[Any, str]:
        """Return the next value and its text."""
        if not self.peek():
            raise self.wrong("it breaks off")
        while True:
            try:
                made, end = _DECODER.raw_decode(self._buffer, self._at)
            except json.JSONDecodeError as error:
                place = error.pos - self._at
                if not self._more():
                    raise self.wrong(error.msg, self._at + place) from None
                continue
            # A number at the end of the window may go on beyond it.
            if end == len(self._buffer) and self._more():
                continue
            text = self._buffer[self._at : end]
            self._at = end
            return made, text

    def wrong(self, what: str, place: int | None = None) -> _SyntaxError:
        """Return an error with its line and column."""
        place = self._at if place is None else place
        line = self._lines + self._buffer.count("\n", 0, place) + 1
        before = self._buffer.rfind("\n", 0, place)
        column = place - before if before >= 0 else self._column + place + 1
        return _SyntaxError(f"line {line}, column {column}: {what}")

    def _more(self) -> bool:
        if self._done:
            return False
        kept = self._buffer[self._at :]
        # A value that does not fit doubles the window, so that it is not begun anew too often.
        if len(kept) > LARGEST:
            raise self.wrong(f"a value of more than {LARGEST >> 20} MiB")
        block = self._handle.read(max(CHUNK, len(kept)))
        self._done = not block
        ends = self._buffer.count("\n", 0, self._at)
        self._lines += ends
        self._column = (
            self._at - self._buffer.rfind("\n", 0, self._at) - 1 if ends else self._column + self._at
        )
        self._buffer, self._at = kept + block, 0
        return not self._done


class _Walk:
    """Goes through a document and writes each array it may want into a file of its own."""

    def __init__(self, text: _Text, records: str | None, scratch: Callable[[str], Path]) -> None:
        self._text = text
        self._records = records
        self._scratch = scratch
        self._top: Path | None = None
        self._found: dict[str, Path] = {}
        self._objects: set[str] = set()
        self._others: list[str] = []  # arrays that were not asked for

    def document(self) -> bool:
        """Go through one document; say whether it was the only one."""
        text = self._text
        if text.peek() == "[":
            self._top = self._array("")
        elif text.peek() == "{":
            self._object("", 1)
        elif text.peek():
            text.value()
        return not text.peek()

    def chosen(self, name: str) -> Split | None:
        """Return the array that holds the records, None if the document itself is the record."""
        wanted, found = self._records, self._found
        if wanted is not None:
            if wanted not in found:
                known = f"there are: {', '.join(self._others)}; " if self._others else ""
                raise DataError(
                    f"{name} has no array at {wanted!r}",
                    hint=f"{known}--records . takes the document as one record",
                )
            return Split(found[wanted], wanted)
        if self._top is not None:
            return Split(self._top, "")
        objects = [place for place in found if place in self._objects]
        least = min((place.count(".") for place in objects), default=0)
        shallow = [place for place in objects if place.count(".") == least]
        if len(shallow) > 1:
            raise DataError(
                f"{name} has several arrays of objects: {', '.join(shallow)}",
                hint=f"--records {shallow[0]} chooses one; --records . takes the document as one record",
            )
        return Split(found[shallow[0]], shallow[0]) if shallow else None

    def _array(self, place: str) -> Path:
        text = self._text
        made = self._scratch("records.ndjson")
        with made.open("wb") as out:
            text.take("[")
            if text.peek() == "]":
                text.take("]")
                return made
            while True:
                value, raw = text.value()
                if isinstance(value, dict):
                    self._objects.add(place)
                out.write(_line(raw))
                if text.peek() != ",":
                    text.take("]")
                    return made
                text.take(",")

    def _object(self, place: str, depth: int) -> None:
        text = self._text
        text.take("{")
        if text.peek() == "}":
            text.take("}")
            return
        while True:
            if text.peek() != '"':
                raise text.wrong("a name in quotes is missing")
            key, _ = text.value()
            text.take(":")
            inner = f"{place}.{key}" if place else key
            wanted = self._records is None or f"{self._records}.".startswith(f"{inner}.")
            if text.peek() == "[" and wanted:
                self._found[inner] = self._array(inner)
            elif text.peek() == "{" and wanted and (depth < _DEPTH or self._records is not None):
                self._object(inner, depth + 1)
            else:
                if text.peek() == "[":
                    self._others.append(inner)
                text.value()
            if text.peek() != ",":
                text.take("}")
                return
            text.take(",")
