"""Tables of the layers that a session may change: each statement is one version of one table, and one run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

from dwkit.errors import UsageError
from dwkit.sql import Held, Saving

if TYPE_CHECKING:
    import polars as pl

    from dwkit.project.project import Project
    from dwkit.tables.edit import TableLayer

__all__ = ["WRITABLE", "LayerTables"]

WRITABLE: tuple[TableLayer, ...] = ("warehouse", "marts")
"""The lake keeps what came, and the staging area what was made of it: no statement changes these."""


class LayerTables:
    """The tables of the warehouse and the marts, as a session's `dwkit.sql.Store`.

    Args:
        command: what was typed, for the ledger.
        tell: is told what a person should know.
    """

    schemas: Sequence[str] = WRITABLE

    def __init__(self, project: Project, command: str, tell: Callable[[str], None]) -> None:
        self._project = project
        self._command = command
        self._tell = tell
        self._bases: dict[str, int] = {}

    def open(self, name: str) -> Held | None:
        """Return the rows of a table as they are now.

        Raises:
            UsageError: it is a view.
        """
        from dwkit.storage.delta import Table
        from dwkit.tables.edit import surrogate_key

        layer, short = self._split(name)
        known = self._project.ledger.version(layer, short)
        if known is not None and known.kind == "view":
            raise UsageError(f"{name} is a view", hint="change the tables that it reads, or its model")
        table = Table(self._project.layout.table(layer, short))
        if not table.exists:
            return None
        base = self._bases[name] = table.open().version()
        model = self._project.models.get(name)
        surrogate = surrogate_key(table.latest())
        key = (surrogate,) if surrogate else tuple(model.header.key) if model is not None else ()
        rows: pl.DataFrame = table.scan(base).collect(engine="streaming")
        return Held(rows, key)

    def save(self, saving: Saving) -> None:
        """Commit what a statement made of a table.

        Raises:
            UsageError: a model says which columns the table has, or makes it.
            DataError: see `dwkit.tables.edit.edit`.
            ConflictError: another process has written the table meanwhile.
        """
        from dwkit.tables.edit import drop, edit

        project, name = self._project, saving.name
        layer, short = self._split(name)
        model = project.models.get(name)
        before, after = saving.before, saving.after
        if model is not None and (before is None or after is None or before.schema != after.schema):
            raise UsageError(
                f"{model.path or name} makes {name} and says which columns it has", hint=f"dwkit run {name}"
            )
        with project.recording(self._command) as run, run.step("write", name, saving.statement) as step:
            if after is None:
                drop(layer, short, base=self._bases[name], layout=project.layout, ledger=project.ledger)
                return
            edit(
                layer, short, before, after, base=self._bases.get(name) if before is not None else None, model=model,
                statement=saving.statement, reads=saving.reads, dialect=project.config.dialect, layout=project.layout,
                ledger=project.ledger, run=run.id,
            )  # fmt: skip
            step.count(rows_in=before.height if before is not None else 0, rows_out=after.height)
        if model is not None:
            self._tell(f"{model.path or 'a model'} makes {name}: its next rebuild replaces this")

    def _split(self, name: str) -> tuple[TableLayer, str]:
        layer, _, short = name.partition(".")
        return cast("TableLayer", layer), short
