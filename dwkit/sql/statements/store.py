"""Tables outside a session that its statements change all the same: read before a statement, saved after it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import polars as pl
from sqlglot import exp

from dwkit.sql.statements.catalog import Catalog, Key, Table, View
from dwkit.sql.statements.create import column_of
from dwkit.sql.statements.run import Run
from dwkit.sql.statements.targets import targets

__all__ = ["Held", "Saving", "Store", "opened", "saved", "within"]

_MOST = 4_000
"""Characters of a statement that are kept beside what it did."""


@dataclass(frozen=True, slots=True)
class Held:
    """Rows of a table, and the columns by which they are told apart, if there are any."""

    rows: pl.DataFrame
    key: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Saving:
    """What a statement did to a table.

    Attributes:
        name: ``schema.name``.
        before: its rows before, None where there was no table.
        after: its rows now, None where it was dropped.
        statement: the statement in the session's dialect.
        reads: ``schema.name`` of the other tables that it names.
    """

    name: str
    before: pl.DataFrame | None
    after: pl.DataFrame | None
    statement: str
    reads: tuple[str, ...]


class Store(Protocol):
    """Keeps the tables of some schemas."""

    @property
    def schemas(self) -> Sequence[str]:
        """The schemas, in lower case."""
        ...

    def open(self, name: str) -> Held | None:
        """Return the rows of a table, None where there is none."""
        ...

    def save(self, saving: Saving) -> None:
        """Keep what a statement did to a table that was opened, or made: whole or not at all."""
        ...


def opened(run: Run, store: Store) -> dict[str, Table | None]:
    """Return what a statement is about to make or change in the schemas of a store, by its key.

    Raises:
        SqlError: it is not about tables.
    """
    found: dict[str, Table | None] = {}
    for node in targets(run.tree):
        key = run.key(node)
        if key.rpartition(".")[0] not in store.schemas:
            continue
        kind = str(run.tree.args.get("kind") or "TABLE").upper()
        if isinstance(run.tree, (exp.Create, exp.Drop)) and kind != "TABLE":
            raise run.refuse(f"{run.tree.key.upper()} {kind} in {key.rpartition('.')[0]}", node)
        held = store.open(key)
        found[key] = None if held is None else _table(run, key, held)
    return found


def within(run: Run, store: Store, held: Mapping[str, Table | None]) -> Run:
    """Return a statement that may change the tables of a store that were opened for it."""
    there = {k: t for k, t in held.items() if t is not None}
    schemas = run.catalog.schemas | frozenset(store.schemas)
    catalog = replace(run.catalog, objects={**run.catalog.objects, **there}, schemas=schemas)
    return replace(run, catalog=catalog, reserved={s: w for s, w in run.reserved.items() if s not in schemas})


def saved(run: Run, store: Store, before: Mapping[str, Table | None], after: Catalog) -> Catalog:
    """Save what a statement did to the tables of a store; return the catalogue without them.

    Raises:
        SqlError: it would give one of them another name.
    """
    objects = dict(after.objects)
    made = {k: o for k, o in after.objects.items() if k.rpartition(".")[0] in store.schemas}
    if made.keys() - before.keys():
        raise run.refuse(f"another name for a table of {', '.join(store.schemas)}")
    for key, old in before.items():
        new = made.get(key)
        objects.pop(key, None)
        if new is old or isinstance(new, View):
            continue
        store.save(
            Saving(
                key,
                None if old is None else old.data,
                None if new is None else new.data,
                run.tree.sql(dialect=run.dialect, comments=False)[:_MOST],
                tuple(_reads(run, before)),
            )
        )
    return replace(after, objects=objects, schemas=after.schemas - frozenset(store.schemas))


def _table(run: Run, key: str, held: Held) -> Table:
    columns = tuple(column_of(n, t) for n, t in held.rows.schema.items())
    keys = (Key(held.key, primary=True),) if held.key else ()
    return Table(key, columns, held.rows, keys=keys, text=run.text, dialect=run.dialect)


def _reads(run: Run, changed: Mapping[str, Table | None]) -> Iterable[str]:
    names = {f"{t.db}.{t.name}".lower() for t in run.tree.find_all(exp.Table) if t.db}
    return sorted(names - changed.keys())
