"""From what the user types to files: paths, folders, globs."""

from __future__ import annotations

import errno
import glob
import os
from pathlib import Path

from dwkit.errors import ReachError, did_you_mean

__all__ = ["expand"]


def expand(spec: str, cwd: Path) -> list[Path]:
    """Return the files that a path, a folder or a glob stands for, sorted by name.

    A folder stands for all files below it; names that start with a dot are left out. ``**`` in a
    glob goes down any number of folders.

    Raises:
        ReachError: there is no such file, or the folder or glob holds none.
    """
    path = cwd / spec
    try:
        path = cwd / Path(spec).expanduser()
        if path.is_file():
            return [path]
        if path.is_dir():
            found = sorted(p for p in path.rglob("*") if p.is_file() and not _hidden(p, path))
            if not found and not os.access(path, os.R_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            if not found:
                raise ReachError(
                    f"the folder {spec} holds no files", hint="names that start with a dot are left out"
                )
            return found
        if path.exists():
            raise ReachError(
                f"{spec} is neither a file nor a folder", hint=f"cat {spec} | dwkit ingest - --into NAME"
            )
        if glob.has_magic(spec):
            found = [Path(p) for p in glob.glob(str(path), recursive=True)]  # noqa: PTH207
            files = sorted(p for p in found if p.is_file() and not p.name.startswith("."))
            if not files:
                raise ReachError(
                    f"no file matches {spec}", hint="quote the glob if the shell expands it first"
                )
            return files
    except OSError as error:
        raise ReachError(
            f"{spec} is out of reach: {error.strerror or error}", hint=f"ls -ld {spec} shows who may read it"
        ) from None
    except RuntimeError:
        raise ReachError(f"{spec}: there is no such home folder") from None
    raise ReachError(f"there is no file {spec}", hint=_near(path, cwd))


def _hidden(path: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(root).parts)


def _near(path: Path, cwd: Path) -> str:
    folder = path.parent
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    if folder != path.parent:
        return f"there is no folder {path.parent}; the nearest is {folder}"
    try:
        names = sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))
    except OSError:
        return ""
    hint = did_you_mean(path.name, names)
    return f"in {'this folder' if folder == cwd else folder}: {hint}" if hint else f"{folder} is empty"
