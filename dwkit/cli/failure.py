"""What the user sees when a command fails, and its exit code. Imported only then."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import shlex
import sys
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dwkit.errors import DwkitError

if TYPE_CHECKING:
    from dwkit.cli.options import App

__all__ = ["INTERNAL", "INTERRUPTED", "PIPE_CLOSED", "handle"]

INTERNAL = 70  # EX_SOFTWARE of sysexits.h
INTERRUPTED = 130  # 128 + SIGINT
PIPE_CLOSED = 141  # 128 + SIGPIPE


def handle(error: BaseException, app: App) -> int:
    """Tell the user about an error on stderr and return the exit code."""
    code = _handle(error, app)
    _silence()
    return code


def _handle(error: BaseException, app: App) -> int:
    match error:
        case SystemExit():
            return _exit_code(error)
        case click.exceptions.NoArgsIsHelpError():
            error.show()
            return error.exit_code
        case BrokenPipeError() if _reader_gone():
            return PIPE_CLOSED
        case KeyboardInterrupt() | click.Abort():
            app.talk.error(
                "interrupted", hint="type it again; what was finished is kept", exit_code=INTERRUPTED
            )
            return INTERRUPTED
    told = _explained(error)
    if told is None:
        return _internal(error, app)
    message, hint, exit_code = told
    if _wants_traceback(app):
        _print_traceback(error)
    app.talk.error(message, hint=hint, exit_code=exit_code)
    return exit_code


def _explained(error: BaseException) -> tuple[str, str, int] | None:
    """Return message, hint and exit code of an error that is no fault of dwkit."""
    match error:
        case DwkitError():
            return error.message, error.hint, error.exit_code
        case click.ClickException():
            return _usage(error)
        case MemoryError():
            return "out of memory", "ask for fewer rows or columns at once, or close other programs", 1
        case EOFError():
            return str(error) or "the input ends too early", "", 1
        case OSError():
            return _os(error)
    polars = sys.modules.get("polars")
    if polars is not None and isinstance(error, polars.exceptions.PolarsError):
        return str(error).strip().split("\n\n")[0], "-v shows where", 1
    return None


def _usage(error: click.ClickException) -> tuple[str, str, int]:
    message = " ".join(error.format_message().split()).rstrip(".")
    message = message[:1].lower() + message[1:]
    hint = ""
    if isinstance(error, click.NoSuchOption):
        message = f"no such option: {error.option_name}"
        near = error.possibilities
        hint = f"did you mean {' or '.join(sorted(near))}?" if near else ""
        if not near and error.ctx is not None and error.ctx.parent is None:
            hint = f"what belongs to a verb comes after it: dwkit VERB {error.option_name}"
    context = getattr(error, "ctx", None)
    if not hint and context is not None:
        hint = f"{context.command_path} --help"
    return message, hint, error.exit_code


def _os(error: OSError) -> tuple[str, str, int]:
    name = error.filename if isinstance(error.filename, (str, bytes, os.PathLike)) else ""
    where = f": {os.fsdecode(name)}" if name else ""
    said = error.strerror or str(error) or type(error).__name__
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return (
                f"the disk is full{where}",
                "free some space and type the same command again: it goes on",
                3,
            )
        case errno.EMFILE | errno.ENFILE:
            return f"too many open files{where}", "ulimit -n 4096", 3
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return (
                f"{said}{where}",
                "check who owns it and its permissions: ls -ld " + shlex.quote(_shown(name)),
                3,
            )
        case _:
            return f"{said}{where}", "-v shows where" if not name else "", 3


def _shown(name: str | bytes | os.PathLike[str]) -> str:
    return os.fsdecode(name) or "."


def _internal(error: BaseException, app: App) -> int:
    said = f"internal error: {type(error).__name__}: {error}".split("\n")[0].rstrip(": ")
    if _wants_traceback(app):
        _print_traceback(error)
        app.talk.error(said, exit_code=INTERNAL)
        return INTERNAL
    written = _write_traceback(error, app)
    hint = f"a fault of dwkit, please report it with {written}" if written else "type it again with -v"
    app.talk.error(said, hint=hint, exit_code=INTERNAL)
    return INTERNAL


def _wants_traceback(app: App) -> bool:
    return app.talk.verbose or bool(os.environ.get("DWKIT_TRACEBACK"))


def _print_traceback(error: BaseException) -> None:
    with contextlib.suppress(OSError, ValueError):
        traceback.print_exception(error, file=sys.stderr)


def _write_traceback(error: BaseException, app: App) -> Path | None:
    """Write the traceback into the project's ``.dwkit``, else into the folder for temporary files."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        release = version("dwkit")
    except PackageNotFoundError:
        release = "unknown"
    text = (
        f"dwkit {release}, Python {sys.version}, {sys.platform}\n$ {shlex.join(['dwkit', *sys.argv[1:]])}\n\n"
    )
    text += "".join(traceback.format_exception(error))
    name = f"dwkit-error-{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}.txt"
    try:
        folders = [app.root() / ".dwkit"]
    except DwkitError:
        folders = []
    for folder in (*folders, Path(tempfile.gettempdir())):
        try:
            if folder.is_dir():
                (folder / name).write_text(text, encoding="utf-8", errors="backslashreplace")
                return folder / name
        except OSError:
            continue
    return None


def _exit_code(error: SystemExit) -> int:
    if error.code is None or isinstance(error.code, int):
        return error.code or 0
    click.echo(error.code, err=True)
    return 1


def _reader_gone() -> bool:
    """Say whether it was stdout or stderr that broke, and not a socket to somewhere else."""
    if not hasattr(select, "poll"):
        return True
    for stream in (sys.stdout, sys.stderr):
        try:
            poll = select.poll()
            poll.register(stream.fileno(), 0)
            if any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0)):
                return True
        except (OSError, ValueError, AttributeError):
            return True  # closed, or no file at all
    return False


def _silence() -> None:
    """Where a stream takes nothing more, send what it holds nowhere: the interpreter flushes again at exit."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            try:
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)
            except (OSError, ValueError, AttributeError):
                continue
