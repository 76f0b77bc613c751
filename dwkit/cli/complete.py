"""Shell completion of names, from folder and file names and ``dwkit.toml`` alone: no heavy import."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from dwkit.model.names import DIALECTS, LAYERS

__all__ = ["datasets", "dialects", "layers", "marts", "nodes", "nodes_or_files", "root_of", "tables"]


def datasets(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Names of datasets: in ``dwkit.toml``, the lake and the staging area."""
    return _matching(_datasets(ctx), incomplete)


def tables(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Names of warehouse tables: models and folders."""
    return _matching(_models(ctx, "warehouse"), incomplete)


def marts(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Names of marts: models and folders."""
    return _matching(_models(ctx, "marts"), incomplete)


def layers(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Names of the layers."""
    return _matching(list(LAYERS), incomplete)


def dialects(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Names of the SQL dialects."""
    return _matching(list(DIALECTS), incomplete)


def nodes_or_files(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[str] | list[CompletionItem[Any]]:
    """As :func:`nodes`; where no table begins so, the shell completes the names of files."""
    return nodes(ctx, param, incomplete) or [CompletionItem(incomplete, type="file")]


def nodes(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Names with their layer: ``staging.orders``, ``warehouse.dim_customer``; found by either part."""
    data = _datasets(ctx)
    full = [f"{layer}.{name}" for layer in ("lake", "staging") for name in data]
    full += [f"{layer}.{name}" for layer in ("warehouse", "marts") for name in _models(ctx, layer)]
    return _matching(full, incomplete)


def root_of(ctx: click.Context) -> Path | None:
    """Return the project folder, upwards from ``-C DIR`` or the working directory, or None."""
    start = (getattr(ctx.find_root().obj, "directory", None) or Path()).absolute()
    return next((folder for folder in (start, *start.parents) if (folder / "dwkit.toml").is_file()), None)


def _datasets(ctx: click.Context) -> list[str]:
    root = root_of(ctx)
    if root is None:
        return []
    found = {*_folders(root / "lake"), *_folders(root / "staging")}
    try:
        import tomllib

        declared = tomllib.loads((root / "dwkit.toml").read_text(encoding="utf-8")).get("datasets")
        found.update(declared if isinstance(declared, dict) else ())
    except (OSError, ValueError):
        pass  # a broken file is another command's to report; the folders' names still help
    found.update(path.stem for path in (root / "models" / "staging").rglob("*.sql"))
    return sorted(found)


def _models(ctx: click.Context, layer: str) -> list[str]:
    root = root_of(ctx)
    if root is None:
        return []
    return sorted({*_folders(root / layer), *(p.stem for p in (root / "models" / layer).rglob("*.sql"))})


def _folders(path: Path) -> Iterator[str]:
    try:
        yield from (p.name for p in path.iterdir() if p.is_dir() and not p.name.startswith((".", "_")))
    except OSError:
        return


def _matching(names: list[str], incomplete: str) -> list[str]:
    found = [name for name in names if name.startswith(incomplete)]
    return found or [name for name in names if name.partition(".")[2].startswith(incomplete)]
