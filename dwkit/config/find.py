"""Finding the project folder."""

from __future__ import annotations

import shlex
from pathlib import Path

from dwkit.errors import UsageError

__all__ = ["find_project"]


def find_project(start: Path | None = None) -> Path:
    """Return the nearest folder, from ``start`` (the working directory) upwards, with a ``dwkit.toml``.

    Raises:
        UsageError: there is none, or no such folder.
    """
    if start is not None and not start.is_dir():
        raise UsageError(
            f"there is no folder {start}", hint=f"dwkit init {shlex.quote(str(start))} makes a project"
        )
    start = (start or Path.cwd()).absolute()
    for folder in (start, *start.parents):
        if (folder / "dwkit.toml").is_file():
            return folder
    raise UsageError(
        f"no dwkit.toml in {start} or in any folder above it",
        hint="dwkit init makes a project here; -C DIR names one elsewhere",
    )
