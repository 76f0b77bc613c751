"""Commands in processes of their own that need no start: each is forked from one that has imported all of dwkit.

The imports of a command cost more than most commands do. What is run so is otherwise what ``python -m dwkit``
runs: a process with its own folder, environment and files, that ends as a command ends. The server computes
nothing, so that no thread pool is there to be lost in a fork. The pages of `docs` and the tests of the command's
own frame start Python for each command.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["Server"]


class Server:
    """Starts with the first command, ends with this process."""

    def __init__(self) -> None:
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            words = [sys.executable, __file__, str(theirs.fileno())]
            subprocess.Popen(words, pass_fds=[theirs.fileno()], cwd=Path(__file__).parent.parent)

    def run(
        self, words: Sequence[str], cwd: Path, env: Mapping[str, str], stdin: bytes = b""
    ) -> tuple[int, bytes, bytes]:
        """Run one command line; return exit code, stdout and stderr."""
        with (
            tempfile.TemporaryFile() as given,
            tempfile.TemporaryFile() as out,
            tempfile.TemporaryFile() as err,
        ):
            given.write(stdin)
            given.seek(0)
            asked = json.dumps({"words": list(words), "cwd": str(cwd), "env": dict(env)}).encode()
            socket.send_fds(self._channel, [asked], [f.fileno() for f in (given, out, err)])
            code = int(self._channel.recv(100))
            for file in (out, err):
                file.seek(0)
            return code, out.read(), err.read()


def _serve(channel: socket.socket) -> None:
    while True:
        asked, files, _, _ = socket.recv_fds(channel, 1 << 20, 3)
        if not asked:
            return
        child = os.fork()
        if not child:
            channel.close()
            _become(files, **json.loads(asked))
        _, status = os.waitpid(child, 0)
        for file in files:
            os.close(file)
        channel.send(str(os.waitstatus_to_exitcode(status)).encode())


def _become(files: list[int], words: list[str], cwd: str, env: dict[str, str]) -> Any:
    """End this process as that command line does."""
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    sys.stdin, sys.stdout = open(0), open(1, "w")  # noqa: SIM115
    sys.stderr = open(2, "w", errors="backslashreplace")  # noqa: SIM115
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["dwkit", *words]
    from dwkit.cli import main

    sys.exit(main())


def _import_all() -> None:
    import importlib
    import pkgutil

    import dwkit

    for module in pkgutil.walk_packages(dwkit.__path__, "dwkit."):
        if module.name != "dwkit.__main__":
            importlib.import_module(module.name)


if __name__ == "__main__":
    _import_all()
    with socket.socket(fileno=int(sys.argv[1])) as _channel:
        _serve(_channel)
