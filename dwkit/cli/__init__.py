"""The command line: the only place for click and rich. :func:`main` is the one error handler."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Sequence

__all__ = ["COMPLETE", "main"]

COMPLETE = "_DWKIT_COMPLETE"
"""Set by the shell's completion script."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line.

    Args:
        argv: the words after ``dwkit``; ``sys.argv[1:]`` when None.

    Returns:
        The exit code: 0 done; 1 data or check failed; 2 usage or configuration; 3 source or target
        out of reach; 4 conflict, safe to retry; 70 a fault of dwkit itself; 130 interrupted;
        141 the reader of stdout has gone.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if argv is None:
        _collect_seldom()
    # Read once, when polars is imported: freed memory goes back to the system on a thread of its own.
    os.environ.setdefault("_RJEM_MALLOC_CONF", "background_thread:true,dirty_decay_ms:1000")
    from click.exceptions import Exit

    from dwkit.cli.group import cli
    from dwkit.cli.options import App

    app = App()
    # Wanted for errors that come before the options are read.
    app.talk.json_log = "--json-log" in words
    try:
        if COMPLETE in os.environ:
            cli.main(words, prog_name="dwkit", complete_var=COMPLETE, obj=app)
        # Not cli.main, which has an error handler of its own.
        code = 0
        try:
            with cli.make_context("dwkit", words, obj=app) as context:
                cli.invoke(context)
        except Exit as asked:
            code = asked.exit_code
        if sys.stdout is not None:
            sys.stdout.flush()
    except BaseException as error:
        from dwkit.cli.failure import handle

        return handle(error, app)
    return code


def _collect_seldom() -> None:
    """Spare a command the garbage collector, which took a third of its time.

    What imports make lives to the end, so it is looked through in vain while it grows and once more at the exit.
    """
    gc.set_threshold(50_000)
    atexit.register(gc.freeze)
