"""XML: an element that repeats is a row. Declared entities are refused before any is expanded.

Its attributes are columns ``@name``, its children columns by their tags. A child that occurs more
than once in any row is a list, one with attributes or children of its own a struct, whose text is
``#text``. All values are text; namespaces are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET
from xml.parsers import expat

import msgspec

from dwkit.errors import DataError
from dwkit.lake.sources.extract import Extract, Source
from dwkit.lake.sources.json import read_records
from dwkit.lake.sources.text import SAMPLE

__all__ = ["read_xml"]

_LEARN = 4 << 20

Place = tuple[str, ...]


def read_xml(source: Source, path: Path) -> Extract:
    """Read an XML file; memory is bounded by one row.

    Args:
        path: the unpacked bytes, in any encoding that the file declares.

    Raises:
        DataError: it is no XML, declares entities, or has no element that could be a row.
    """
    with path.open("rb") as handle:
        start = handle.read(SAMPLE)
    if not start.removeprefix(b"\xef\xbb\xbf").strip():
        raise DataError(f"{source.name} is empty", hint="there is nothing to ingest")
    _refuse_entities(source, path)
    row = _row_place(source, path)
    walk = _Walk(row, source.options.row_tag)
    made = source.scratch("xml.ndjson")
    for _ in range(2):
        fresh = False
        with made.open("wb") as out:
            for number, element in enumerate(_elements(source, path, walk)):
                record = walk.record(element)
                fresh |= walk.grown and number > 0
                walk.grown = False
                out.write(msgspec.json.encode(record) + b"\n")
        if not fresh:
            break  # else what the last row taught was not known for the first: once more
    if not made.stat().st_size:
        raise DataError(
            f"{source.name} has no element {walk.tag!r}", hint="--row-tag names the element of a row"
        )
    if source.options.row_tag is not None:  # another choice is another table of the same bytes
        source = source.part(walk.tag)
    found = source.with_options(row_tag=walk.tag)
    return read_records(found, made, "xml", lines=False)


class _EntityError(Exception):
    """An entity is declared."""


class _BegunError(Exception):
    """The first element was reached."""


def _refuse_entities(source: Source, path: Path) -> None:
    """Entities can grow without bounds and name files; they are declared before the first element."""

    def declared(*_: Any) -> None:
        raise _EntityError

    def begun(*_: Any) -> None:
        raise _BegunError

    parser = expat.ParserCreate()
    parser.EntityDeclHandler = declared
    parser.StartElementHandler = begun
    try:
        with path.open("rb") as handle:
            while block := handle.read(64 << 10):
                parser.Parse(block, False)
    except _BegunError:
        return
    except _EntityError:
        raise DataError(
            f"{source.name} declares entities, which can expand without bounds",
            hint="remove its DOCTYPE if you trust it",
        ) from None
    except expat.ExpatError as error:
        raise _wrong(source, error) from None
    except (LookupError, ValueError) as error:
        raise DataError(
            f"{source.name} declares an encoding that cannot be read: {error}",
            hint="write it anew as UTF-8, or --as-objects keeps its bytes",
        ) from None
    raise DataError(f"{source.name} holds no XML element", hint="--as names what it is")


def _wrong(source: Source, error: Exception) -> DataError:
    line, column = getattr(error, "position", None) or (
        getattr(error, "lineno", 0),
        getattr(error, "offset", 0),
    )
    text = str(error).split(":", 1)[0]
    if text == "no element found":
        text = "it breaks off"
    return DataError(
        f"{source.name} is not XML: line {line}, column {column + 1}: {text}",
        hint="--as names what it is; nothing of it was ingested",
    )


def _local(tag: str) -> str:
    return tag.rsplit("}", 1)[-1]


def _row_place(source: Source, path: Path) -> Place:
    """Return where the rows are: the most frequent element at the first depth where any repeats."""
    if source.options.row_tag is not None:
        return ()
    counts: Counter[Place] = Counter()
    stack: list[str] = []
    pull: Any = ET.XMLPullParser(("start", "end"))
    read = 0
    try:
        with path.open("rb") as handle:
            while read < _LEARN and (block := handle.read(256 << 10)):
                read += len(block)
                pull.feed(block)
                for event, element in pull.read_events():
                    if event == "start":
                        stack.append(_local(element.tag))
                        counts[tuple(stack)] += 1
                    else:
                        stack.pop()
                        element.clear()
    except ET.ParseError as error:
        raise _wrong(source, error) from None
    for depth in range(2, max(map(len, counts)) + 1):
        level = {place: n for place, n in counts.items() if len(place) == depth}
        best = max(level, key=lambda place: level[place])
        if level[best] > 1:
            return best
    return next(iter(counts))


class _Walk:
    """Turns row elements into records, and learns which places hold lists and structs."""

    def __init__(self, place: Place, tag: str | None) -> None:
        self.place = place
        self.tag = tag or place[-1]
        self._lists: set[Place] = set()
        self._structs: set[Place] = set()
        self.grown = False

    def is_row(self, stack: list[str]) -> bool:
        """Whether the innermost open element is a row."""
        return tuple(stack) == self.place if self.place else stack[-1] == self.tag

    def record(self, element: ET.Element) -> dict[str, Any]:
        """Return a row as a record."""
        made = self._struct(element, ())
        return made or {"#text": element.text or ""}

    def _value(self, element: ET.Element, place: Place) -> Any:
        if place not in self._structs:
            if not len(element) and not element.attrib:
                return element.text or ""
            self._learn(self._structs, place)
        return self._struct(element, place) or None

    def _struct(self, element: ET.Element, place: Place) -> dict[str, Any]:
        made: dict[str, Any] = {f"@{_local(name)}": value for name, value in element.attrib.items()}
        text = element.text or ""
        if len(element):
            text = " ".join(t for t in (text.strip(), *((c.tail or "").strip() for c in element)) if t)
        if text.strip():
            made["#text"] = text
        counts = Counter(_local(child.tag) for child in element)
        for child in element:
            name = _local(child.tag)
            inner = (*place, name)
            if counts[name] > 1:
                self._learn(self._lists, inner)
            value = self._value(child, inner)
            if inner in self._lists:
                made.setdefault(name, []).append(value)
            else:
                made[name] = value
        return made

    def _learn(self, known: set[Place], place: Place) -> None:
        if place not in known:
            known.add(place)
            self.grown = True


def _elements(source: Source, path: Path, walk: _Walk) -> Iterator[ET.Element]:
    """Yield row elements; each is emptied when the next is asked for."""
    stack: list[str] = []
    parents: list[ET.Element] = []
    depth = 0  # of the open row, 0 outside
    try:
        for event, element in ET.iterparse(path, ("start", "end")):  # noqa: S314
            if event == "start":
                stack.append(_local(element.tag))
                parents.append(element)
                if not depth and walk.is_row(stack):
                    depth = len(stack)
                continue
            if depth == len(stack):
                yield element
                depth = 0
            stack.pop()
            parents.pop()
            if not depth:
                element.clear()
                if parents:
                    parents[-1].clear()
    except ET.ParseError as error:
        raise _wrong(source, error) from None
