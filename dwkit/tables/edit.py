"""Tables of the warehouse and the marts that a person's own statement changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from dwkit.errors import ConflictError, DataError
from dwkit.ledger import Ledger
from dwkit.ledger.ledger import Edge
from dwkit.model.batch import TableVersion
from dwkit.model.header import Header, Model
from dwkit.storage.aside import scratch
from dwkit.storage.delta import Commit, Table, rows_of
from dwkit.storage.layout import Layout
from dwkit.storage.locks import writing
from dwkit.tables.publish import Change, publish
from dwkit.tables.reconcile import reconcile

if TYPE_CHECKING:
    import polars as pl

__all__ = ["TableLayer", "drop", "edit", "surrogate_key"]

TableLayer = Literal["warehouse", "marts"]

_CARRIED = ("dimension",)
"""Facts of a commit that hold for the table, not for the commit alone."""


def surrogate_key(latest: Commit | None) -> str:
    """Return the surrogate key of a dimension by its newest commit, empty for any other table."""
    facts = latest.facts.get("dimension") if latest is not None else None
    return str(facts["surrogate_key"]) if isinstance(facts, dict) else ""


def edit(
    layer: TableLayer,
    name: str,
    before: pl.DataFrame | None,
    after: pl.DataFrame,
    *,
    base: int | None,
    model: Model | None,
    statement: str,
    reads: Sequence[str],
    dialect: str,
    layout: Layout,
    ledger: Ledger,
    run: str,
) -> TableVersion:
    """Commit the rows that a statement made of a table; what was loaded counts as loaded still.

    Args:
        before: rows that the statement found at version ``base``; None for a new table.
        model: makes the table, if one does; its tests must hold.
        reads: tables that a new table was made from.

    Raises:
        DataError: a dimension would lose its unknown member.
        CheckError: a test of the model failed; nothing was committed.
        ConflictError: another writer committed since ``base``.
    """
    table = Table(layout.table(layer, name))
    with writing(layout.locks, f"{layer}.{name}"):
        reconcile(layer, name, layout=layout, ledger=ledger)
        if table.version() != base:
            raise ConflictError(f"{layer}.{name} was written by another process", hint="type it again")
        latest, known = table.latest(), ledger.version(layer, name)
        facts: dict[str, Any] = {"statement": statement}
        facts |= {k: latest.facts[k] for k in _CARRIED if latest is not None and k in latest.facts}
        key = surrogate_key(latest)
        if key and before is not None:
            _require_unknown(f"{layer}.{name}", before[key], after[key])
            highest = int(facts["dimension"].get("highest", 0))
            facts["dimension"] = {**facts["dimension"], "highest": max(highest, after[key].max() or 0)}
        if known is not None:
            facts |= {"model": known.model, "kind": known.kind}
        added = _added(before, after)
        adds = table.write((after if added is None else added).lazy())
        version = publish(
            model or Model(layer=layer, name=name, header=Header(kind="table")),
            Change(
                "edit", adds, dict(after.schema), overwrite=added is None, rows=rows_of(adds), facts=facts
            ),
            layout=layout,
            ledger=ledger,
            run=run,
            dialect=dialect,
            base=base,
            parts={},
            inputs=known.inputs if known is not None else {},
        )
        if before is None:
            node = f"{layer}.{name}"
            ledger.set_edges(node, [Edge(node=node, input=one, run=run) for one in reads])
        return version


def drop(layer: TableLayer, name: str, *, base: int, layout: Layout, ledger: Ledger) -> None:
    """Remove a table with all its versions.

    Raises:
        ConflictError: another writer committed since version ``base``.
    """
    path = layout.table(layer, name)
    with writing(layout.locks, f"{layer}.{name}"):
        if Table(path).version() != base:
            raise ConflictError(f"{layer}.{name} was written by another process", hint="type it again")
        with scratch(layout.scratch) as aside:
            path.rename(aside / name)
            ledger.forget_table(layer, name)
            ledger.set_edges(f"{layer}.{name}", [])


def _added(before: pl.DataFrame | None, after: pl.DataFrame) -> pl.DataFrame | None:
    """Return the rows that were added at the end, None where others changed too."""
    if before is None or before.schema != after.schema or after.height <= before.height:
        return None
    return after.slice(before.height) if after.head(before.height).equals(before) else None


def _require_unknown(node: str, before: pl.Series, after: pl.Series) -> None:
    if (before == -1).any() and not (after == -1).any():
        raise DataError(
            f"{node} would lose its unknown member, at which facts point that find no other row",
            hint=f"WHERE {before.name} <> -1",
        )
