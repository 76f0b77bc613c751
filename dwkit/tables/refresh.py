"""Tables that are a query's rows as of now: made anew when the query or an input changed."""

from __future__ import annotations

from dataclasses import dataclass

from dwkit.ledger import Ledger
from dwkit.model.batch import TableVersion
from dwkit.model.header import Model
from dwkit.storage.delta import Table, rows_of
from dwkit.storage.layout import Layout
from dwkit.tables.inputs import missing_inputs
from dwkit.tables.known import rows_in
from dwkit.tables.plan import Fingerprint, PartsNeeded, own_version
from dwkit.tables.publish import Change, publish
from dwkit.tables.query import ModelQuery, Scan

__all__ = ["Refreshed", "changed_why", "inputs_of", "refresh_table"]


@dataclass(frozen=True)
class Refreshed:
    """What was done: ``nothing`` or ``rebuild``, why, and the rows read and written."""

    mode: str
    why: str
    version: int | None = None
    rows_in: int = 0
    rows_out: int = 0
    rows_total: int = 0


def inputs_of(query: ModelQuery, fingerprint: Fingerprint) -> dict[str, str]:
    """Return the fingerprints of all inputs of a query."""
    names = [*([query.driver] if query.driver else ()), *query.others]
    return {name: fingerprint(name) for name in names}


def changed_why(model: Model, known: TableVersion | None, inputs: dict[str, str], *, force: bool) -> str:
    """Return why a table is out of date, empty when it is not."""
    if known is None:
        return "there is no table yet"
    if force:
        return "asked for"
    if known.model != model.digest:
        return "the model changed"
    changed = [n for n, text in inputs.items() if known.inputs.get(n) != text]
    return f"{', '.join(changed)} changed" if changed else ""


def refresh_table(
    model: Model,
    *,
    layout: Layout,
    ledger: Ledger,
    run: str,
    dialect: str,
    scan: Scan,
    fingerprint: Fingerprint,
    force: bool = False,
    dry_run: bool = False,
) -> Refreshed:
    """Make a table anew from its query unless neither the model nor an input has changed.

    Raises:
        PartsNeeded: staged parts that were purged are needed.
        CheckError: a test of the header failed; nothing was committed.
    """
    node = f"{model.layer}.{model.name}"
    query = ModelQuery(model, dialect=dialect, ledger=ledger)
    inputs = inputs_of(query, fingerprint)
    base, known = own_version(model, layout=layout, ledger=ledger)
    why = changed_why(model, known, inputs, force=force)
    if not why:
        assert known is not None
        return Refreshed("nothing", "up to date", known.version, rows_total=known.rows)
    if dry_run:
        return Refreshed("rebuild", why)
    gone = missing_inputs(inputs, layout=layout, ledger=ledger)
    if gone:
        raise PartsNeeded(node, why, gone)
    table = Table(layout.table(model.layer, model.name))
    frame = query.all(scan)
    adds = table.write(frame)
    change = Change("rebuild", adds, dict(frame.collect_schema()), overwrite=True, rows=rows_of(adds))
    version = publish(
        model,
        change,
        layout=layout,
        ledger=ledger,
        run=run,
        dialect=dialect,
        base=base,
        parts={},
        inputs=inputs,
    )
    read = sum(rows_in(n, ledger) for n in inputs)
    return Refreshed("rebuild", why, version.version, read, version.rows, version.rows)
