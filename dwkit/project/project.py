"""The project object: everything the verbs and the Python API start from. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from dwkit.config import ProjectConfig, find_project, load_config, load_models
from dwkit.config.edit import new_config
from dwkit.errors import DwkitError, UsageError
from dwkit.ledger import Ledger, RunRecorder
from dwkit.model.header import Model
from dwkit.model.names import suggest_name
from dwkit.storage.aside import commit_text
from dwkit.storage.layout import Layout

if TYPE_CHECKING:
    import polars as pl

    from dwkit.project.catalog import Catalog
    from dwkit.project.graph import Graph

__all__ = ["Project", "create", "open_project"]

_IGNORE = """# Data and state are made by dwkit; dwkit.toml and models/ are yours to commit.
/.dwkit/
/lake/
/staging/
/warehouse/
/marts/
"""


class Project:
    """One project folder.

    Args:
        root: the folder that holds ``dwkit.toml``.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.layout = Layout(self.root)
        self.ledger = Ledger(self.layout.ledger)

    @cached_property
    def config(self) -> ProjectConfig:
        """What ``dwkit.toml`` says, read on first use."""
        return load_config(self.layout.config)

    @cached_property
    def models(self) -> dict[str, Model]:
        """The models by ``layer.name``, read on first use."""
        return load_models(self.layout.models)

    @cached_property
    def catalog(self) -> Catalog:
        """The tables of all layers."""
        from dwkit.project.catalog import Catalog

        return Catalog(self)

    @cached_property
    def graph(self) -> Graph:
        """What is made from what."""
        from dwkit.project.dependencies import build_graph

        return build_graph(self)

    @contextmanager
    def recording(self, command: str) -> Iterator[RunRecorder]:
        """Record the block as a run of the ledger, however it ends."""
        run = self.ledger.start(command)
        try:
            yield run
        except DwkitError as error:
            run.finish(error.exit_code)
            raise
        except (KeyboardInterrupt, SystemExit):
            run.finish(130)
            raise
        except BaseException:
            run.finish(70)
            raise
        run.finish(0)

    def query(
        self,
        sql: str,
        *,
        dialect: str | None = None,
        params: Mapping[str, object] | None = None,
        as_of: datetime | int | None = None,
    ) -> pl.LazyFrame:
        """Return the rows of a query over any layer and any file, not yet computed.

        Args:
            dialect: SQL dialect; the project's when None.
            params: values of ``:name`` parameters.
            as_of: read Delta tables as they were at that instant or version.

        Raises:
            SqlError: the query does not parse, bind or lower; the message shows the place.
        """
        return self.catalog.query(sql, dialect=dialect, params=params, as_of=as_of)


def open_project(path: str | Path | None = None) -> Project:
    """Open the project in ``path`` or the nearest folder above it.

    Raises:
        UsageError: there is none.
    """
    return Project(find_project(Path(path) if path is not None else None))


def create(folder: Path) -> tuple[Project, bool]:
    """Make a new project in ``folder``; return it and whether it is new.

    Raises:
        UsageError: the folder is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file", hint="dwkit init DIR with the name of a folder")
    layout = Layout(folder.absolute())
    if layout.config.exists():
        return Project(folder), False
    for name in ("staging", "warehouse", "marts"):
        (layout.models / name).mkdir(parents=True, exist_ok=True)
    if not (folder / ".gitignore").exists():
        commit_text(_IGNORE, folder / ".gitignore")
    commit_text(new_config(suggest_name(folder.absolute().name)), layout.config)
    return Project(folder), True
