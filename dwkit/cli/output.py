"""Results on stdout, in every format. Messages about them go to stderr."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

from dwkit.cli import human as words
from dwkit.cli import plain, terminal
from dwkit.cli.talk import Talk
from dwkit.errors import ReachError, UsageError

if TYPE_CHECKING:
    import polars as pl

    from dwkit.cli.table import Column

__all__ = ["SHOWN", "Data", "Emitted", "Target", "emit", "write_table"]

Data: TypeAlias = "pl.LazyFrame | pl.DataFrame | Iterable[Mapping[str, object]]"

SHOWN = 40
"""Rows of a frame that a table shows: half of them from each end."""

_NON_ASCII = re.compile(r"[^\x00-\x7f]+")


class Emitted(NamedTuple):
    """What was written: rows (all of them, shown or not) and columns."""

    rows: int
    columns: int


class Target:
    """Stdout as bytes: encodes text for whom it is meant and tells when the reader has gone.

    Text for a program is UTF-8 whatever the locale; text for a terminal (and a table anywhere) is
    in the stream's own encoding, with escapes for what that lacks. It passes for a binary file.
    """

    closed = False

    def __init__(self, stream: IO[bytes] | None = None) -> None:
        """Take stdout, or the stream given.

        Raises:
            ReachError: stdout is closed.
        """
        text = sys.stdout
        if stream is None and text is None:
            raise ReachError("stdout is closed", hint="dwkit ... > FILE")
        self.is_terminal = stream is None and terminal.is_terminal(text)
        self.is_unicode = stream is not None or terminal.is_unicode(text)
        self.encoding = "utf-8" if self.is_unicode else (getattr(text, "encoding", None) or "ascii")
        self.broken: OSError | None = None
        if stream is None:
            text.flush()
            stream = cast("IO[bytes]", getattr(text, "buffer", text))
        self._stream = stream

    def write(self, data: bytes) -> int:
        """Write bytes.

        Raises:
            OSError: nobody reads them, or the disk is full; kept in ``broken``, for libraries that hide it.
        """
        left = memoryview(data)
        try:
            while left:  # with PYTHONUNBUFFERED a pipe takes as much as it likes
                left = left[self._stream.write(left) :]
        except OSError as error:
            self.broken = error
            raise
        return len(data)

    def flush(self) -> None:
        """Hand everything on."""
        try:
            self._stream.flush()
        except OSError as error:
            self.broken = error
            raise

    def close(self) -> None:
        """Hand everything on; stdout stays open."""
        self.flush()

    def text(self, text: str) -> None:
        """Write text that a program reads, or a person if this is a terminal."""
        encoding = self.encoding if self.is_terminal else "utf-8"
        self.write(text.encode(encoding, "backslashreplace"))

    def drawing(self, text: str) -> None:
        """Write text that a person reads."""
        self.write(text.encode(self.encoding, "backslashreplace"))

    def json(self, text: str) -> None:
        r"""Write JSON: with ``\u`` escapes where the encoding is not Unicode."""
        if not self.is_unicode:
            import json

            text = _NON_ASCII.sub(lambda found: json.dumps(found[0])[1:-1], text)
        self.write(text.encode("utf-8", "backslashreplace"))


def emit(
    data: Data,
    fmt: str | None = None,
    *,
    columns: Sequence[str] | None = None,
    title: str | None = None,
    shown: int | None = None,
    human: Mapping[str, Callable[[Any], str]] | None = None,
    started: float | None = None,
    talk: Talk | None = None,
    stream: IO[bytes] | None = None,
) -> Emitted:
    """Write rows to stdout; nothing else is ever written there.

    Args:
        data: a frame, or rows as mappings; polars is imported for frames, parquet and arrow only.
        fmt: ``table``, ``csv``, ``json``, ``ndjson``, ``md``, ``parquet`` or ``arrow``;
            None is a table on a terminal, else csv.
        columns: names and order of the columns of plain rows; needed where there may be no row.
        title: heading of a table.
        shown: rows of a table to show, half from each end; 0 for all; None for :data:`SHOWN` of a
            frame and all plain rows.
        human: how to show a column's value in a table (other formats keep the value); for plain rows.
        started: :func:`time.perf_counter` of the start, for the footer on stderr.
        talk: where the footer goes.
        stream: instead of stdout.

    Raises:
        DataError: the frame cannot be computed.
        UsageError: a binary format on a terminal.
        BrokenPipeError: the reader of stdout has gone.
    """
    started = time.perf_counter() if started is None else started
    target = Target(stream)
    fmt = fmt or ("table" if target.is_terminal else "csv")
    if fmt in ("parquet", "arrow") and target.is_terminal:
        raise UsageError(
            f"{fmt} is not for a terminal", hint=f"... --format {fmt} > result.{fmt}, or --format table"
        )
    left_out: list[str] = []
    if not hasattr(data, "collect_schema"):
        rows = list(data)
        names = list(columns) if columns is not None else list(dict.fromkeys(k for row in rows for k in row))
        if fmt in ("parquet", "arrow"):
            from dwkit.cli.frames import from_rows, write_frame

            emitted, _ = write_frame(from_rows(rows, names), fmt, target)
        elif fmt == "table":
            emitted = Emitted(len(rows), len(names))
            left_out = _plain_table(rows, names, target, title or "", shown or 0, human or {})
        else:
            emitted = Emitted(len(rows), len(names))
            _plain(rows, names, fmt, target)
    else:
        from dwkit.cli.frames import write_frame

        frame = cast("pl.LazyFrame | pl.DataFrame", data).lazy()
        shown = SHOWN if shown is None else shown
        emitted, left_out = write_frame(frame, fmt, target, title=title or "", shown=shown)
    target.flush()
    if talk is not None:
        _footer(talk, emitted, fmt, left_out, time.perf_counter() - started)
    return emitted


def write_table(
    target: Target,
    columns: Sequence[Column],
    head: Sequence[Sequence[str | None]],
    tail: Sequence[Sequence[str | None]] = (),
    *,
    title: str = "",
) -> list[str]:
    """Draw a table that fits stdout and return the names of the columns that found no room."""
    from dwkit.cli.table import draw

    drawn = draw(
        columns,
        head,
        tail,
        width=terminal.width(),
        title=title,
        colour=target.is_terminal and terminal.colourful(sys.stdout),
        unicode=target.is_unicode,
    )
    target.drawing(drawn.text)
    return drawn.left_out


def _plain(rows: list[Mapping[str, object]], names: list[str], fmt: str, target: Target) -> None:
    cells: Iterable[list[object]] = ([row.get(name) for name in names] for row in rows)
    if fmt == "csv":
        target.text(plain.csv_line(list(names)))
        target.text("".join(plain.csv_line([plain.as_text(v) for v in line]) for line in cells))
    elif fmt == "md":
        right = [_all_numbers(rows, name) for name in names]
        target.text(plain.md_line(list(names)))
        target.text("| " + " | ".join("---:" if r else "---" for r in right) + " |\n")
        target.text("".join(plain.md_line([plain.as_text(v) for v in line]) for line in cells))
    else:
        objects = [plain.as_json(dict(zip(names, line, strict=True))) for line in cells]
        if fmt == "ndjson":
            target.json("".join(f"{line}\n" for line in objects))
        else:
            target.json("[" + ",\n ".join(objects) + "]\n")


def _plain_table(
    rows: list[Mapping[str, object]],
    names: list[str],
    target: Target,
    title: str,
    shown: int,
    human: Mapping[str, Callable[[Any], str]],
) -> list[str]:
    from dwkit.cli.table import Column

    def cells(row: Mapping[str, object]) -> list[str | None]:
        texts = []
        for name in names:
            value = row.get(name)
            show = human.get(name, plain.as_text)
            texts.append(None if value is None else show(value))
        return texts

    columns = [Column(name, number=_all_numbers(rows, name), whole=name in human) for name in names]
    head, tail = rows, rows[:0]
    if 0 < shown < len(rows):
        head, tail = rows[: (shown + 1) // 2], rows[len(rows) - shown // 2 :]
    return write_table(target, columns, [cells(r) for r in head], [cells(r) for r in tail], title=title)


def _all_numbers(rows: list[Mapping[str, object]], name: str) -> bool:
    values = [row.get(name) for row in rows]
    return any(v is not None for v in values) and all(v is None or plain.is_number(v) for v in values)


def _footer(talk: Talk, emitted: Emitted, fmt: str, left_out: list[str], seconds: float) -> None:
    if fmt != "table" and not (terminal.is_terminal(talk.stream) or talk.json_log):
        return  # a script that reads stdout wants a silent stderr
    missing = ""
    if left_out:
        some = ", ".join(left_out[:3]) + (", …" if len(left_out) > 3 else "")
        missing = f" (… {len(left_out)} more: {some})"
    rows, columns = words.plural(emitted.rows, "row"), words.plural(emitted.columns, "column")
    talk.note(
        f"{rows} × {columns}{missing}, {words.duration(seconds)}",
        rows=emitted.rows,
        columns=emitted.columns,
        seconds=round(seconds, 4),
    )
