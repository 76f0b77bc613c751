"""The demo: the sample shop, copied into a project of its own."""

from __future__ import annotations

import shutil
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from dwkit.errors import UsageError
from dwkit.project.project import Project, create
from dwkit.storage.aside import commit_folder, commit_text, scratch
from dwkit.storage.layout import Layout

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

__all__ = ["TRY_NEXT", "make_demo", "quarantine_summary"]

TRY_NEXT = (
    'dwkit query "select segment, sum(revenue) as revenue from marts.sales group by segment"',
    "dwkit quarantine list",
    "dwkit trace fact_order_line --limit 3",
)


def make_demo(folder: Path) -> Project:
    """Make a project in ``folder`` with the sample's files, configuration and models.

    A folder in which a demo was begun is completed.

    Raises:
        UsageError: the folder holds another project or other files.
    """
    sample = _sample()
    layout = Layout(folder.absolute())
    begun = (layout.state / "demo").is_file()
    if not begun and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not empty", hint="dwkit demo DIR with the name of a new folder")
    if not layout.config.exists():
        commit_text("the sample shop\n", layout.state / "demo")
        for name in ("raw", "models"):
            if not (folder / name).exists():
                with scratch(layout.scratch) as aside:
                    _copy(sample / name, aside / name)
                    commit_folder(aside / name, layout.root / name)
        # Last, for this file is what makes the folder a project.
        commit_text((sample / "dwkit.toml").read_text(encoding="utf-8"), layout.config)
    project, _ = create(folder)
    return project


def quarantine_summary(project: Project) -> list[str]:
    """Return one line for each kind of fault that holds rows back: dataset, column, rule, rows, an example."""
    import polars as pl

    from dwkit.staging import quarantined

    held = quarantined(project.layout, project.ledger)
    grouped = (
        held.filter(pl.col("state") == "open")
        .group_by("dataset", "column", "rule")
        .agg(pl.len().alias("rows"), pl.col("message").sort().first())
        .sort("dataset", "column", "rule")
        .collect()
    )
    return [
        f"{dataset}{'.' + column if column else ''}: {rows} × {rule}: {message}"
        for dataset, column, rule, rows, message in grouped.iter_rows()
    ]


def _sample() -> Traversable:
    packed = resources.files("dwkit") / "_sample"
    if packed.is_dir():
        return packed
    beside = Path(__file__).parents[2] / "sample"
    if beside.is_dir():
        return beside
    raise UsageError("the sample data is not installed", hint="pip install --force-reinstall dwkit")


def _copy(source: Traversable, target: Path) -> None:
    if source.is_dir():
        target.mkdir()
        for one in source.iterdir():
            _copy(one, target / one.name)
    else:
        with source.open("rb") as read, target.open("wb") as write:
            shutil.copyfileobj(read, write)
