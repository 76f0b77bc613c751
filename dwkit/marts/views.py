"""Views: a mart of which only the SQL is kept, in ``marts/<name>/view.sql``."""

from __future__ import annotations

from pathlib import Path

import msgspec

from dwkit.errors import DataError, NotFoundError
from dwkit.model.header import Model
from dwkit.storage.aside import commit_text
from dwkit.storage.layout import Layout

__all__ = ["read_view", "remove_view", "view_model", "write_view"]

_MARK = "-- dwkit view: "


def write_view(layout: Layout, model: Model) -> None:
    """Keep a view's SQL; the first line holds the rest of its model as JSON."""
    rest = msgspec.json.encode(msgspec.structs.replace(model, sql="")).decode()
    commit_text(f"{_MARK}{rest}\n{model.sql.strip()}\n", _path(layout, model.name))


def read_view(layout: Layout, name: str) -> Model | None:
    """Return a view's model, None when there is no such view.

    Raises:
        DataError: its file is damaged.
    """
    path = _path(layout, name)
    if not path.is_file():
        return None
    first, _, sql = path.read_text(encoding="utf-8").partition("\n")
    try:
        model = msgspec.json.decode(first.removeprefix(_MARK), type=Model)
    except msgspec.DecodeError as error:
        raise DataError(
            f"{path}: the first line is no view's: {error}", hint=f"dwkit mart {name} --force"
        ) from None
    return msgspec.structs.replace(model, sql=sql)


def view_model(layout: Layout, name: str) -> Model:
    """Return a view's model.

    Raises:
        NotFoundError: there is no such view.
        DataError: its file is damaged.
    """
    found = read_view(layout, name)
    if found is None:
        raise NotFoundError("view", name, hint=f"dwkit mart {name}")
    return found


def remove_view(layout: Layout, name: str) -> None:
    """Remove a view's SQL, once it has become a table."""
    _path(layout, name).unlink(missing_ok=True)


def _path(layout: Layout, name: str) -> Path:
    return layout.table("marts", name) / "view.sql"
