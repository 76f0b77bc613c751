"""dwkit: a terminal-first local data warehouse toolkit.

    import dwkit

    shop = dwkit.open("shop")
    shop.query("select * from marts.sales").collect()

``dwkit.sql.to_lazy(sql, tables={"t": frame}, dialect="snowflake")`` needs no project.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    from dwkit import sql
    from dwkit.project import Project

__all__ = ["__version__", "open", "sql"]

__version__ = "0.1.0"


def open(path: str | Path | None = None) -> Project:  # noqa: A001 - as one opens a file
    """Open the project in ``path`` or the nearest folder above it (the working directory when None).

    Raises:
        dwkit.errors.UsageError: there is none.
    """
    from dwkit.project import open_project

    return open_project(path)


def __getattr__(name: str) -> ModuleType:
    if name == "sql":  # imported when it is asked for: the command line must start at once
        return importlib.import_module("dwkit.sql")
    raise AttributeError(f"module 'dwkit' has no attribute {name!r}")
