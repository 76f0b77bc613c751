"""SQL as people give it to a verb, and what a script shows."""

from __future__ import annotations

import codecs
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from dwkit.cli.options import App

if TYPE_CHECKING:
    from dwkit.sql import Result, Session

__all__ = ["run_script", "sql_text"]


def sql_text(text: str) -> str:
    """Return the SQL that an argument is or names: ``-`` for stdin, a file that ends in ``.sql``, else itself.

    Raises:
        ReachError: there is no such file, or stdin is closed.
        UsageError: it is no UTF-8 text.
    """
    from dwkit.errors import ReachError

    if text == "-":
        if sys.stdin is None:
            raise ReachError("standard input is closed", hint='echo "select 1" | dwkit query -')
        return _decoded(sys.stdin.buffer.read(), "standard input")
    if _names_file(text):
        try:
            return _decoded(Path(text).read_bytes(), text)
        except OSError as error:
            raise ReachError(f"{text}: {error.strerror}", hint="dwkit query takes SQL, - or a file") from None
    return text


def _names_file(text: str) -> bool:
    if not text.lower().endswith(".sql") or "\n" in text:
        return False
    return not any(c.isspace() for c in text.strip()) or Path(text).is_file()


def _decoded(raw: bytes, name: str) -> str:
    """Return UTF-8 text, or UTF-16 with its mark, as PowerShell writes it."""
    from dwkit.errors import UsageError

    utf16 = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return raw.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise UsageError(
            f"{name}, line {line}: byte 0x{raw[error.start]:02x} is not {error.encoding}",
            hint="iconv -f latin1 -t utf-8 FILE | dwkit query -",
        ) from None


def run_script(
    app: App,
    session: Session,
    sql: str,
    *,
    params: Mapping[str, object] | None = None,
    limit: int | None = None,
) -> None:
    """Run statements; what gives rows goes to stdout, what was changed is told on stderr.

    In a format for programs only the last rows are written: two tables one after the other are neither CSV
    nor JSON nor Parquet.
    """
    from dwkit.cli.output import Target

    each = app.format in ("table", "md") or (app.format is None and Target().is_terminal)
    last: Result | None = None
    ran = False
    for result in session.run(sql, params=params):
        ran = True
        if result.rows is not None:
            app.talk.done(result.kind, rows=result.rows)
        if result.frame is None:
            continue
        if each:
            _show(app, result, limit)
        else:
            last = result
    if last is not None:
        _show(app, last, limit)
    if not ran:
        from dwkit.errors import SqlError

        raise SqlError("there is no SQL", hint='for instance "select * from marts.sales limit 5"')


def _show(app: App, result: Result, limit: int | None) -> None:
    assert result.frame is not None
    app.emit(result.frame if limit is None else result.frame.limit(limit))
    app.started = time.perf_counter()
