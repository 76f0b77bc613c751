"""What a table has yet to take in: which units, and whether it must be made anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from dwkit.errors import ConfigError, DataError, UsageError
from dwkit.ledger import Ledger
from dwkit.model.batch import Part, TableVersion
from dwkit.model.header import Model
from dwkit.storage.delta import Table
from dwkit.storage.layout import Layout
from dwkit.tables.query import ModelQuery, Scan
from dwkit.tables.units import Unit, units_of

__all__ = [
    "Fingerprint",
    "PartsNeeded",
    "Plan",
    "make_plan",
    "missing_parts",
    "own_version",
    "require_parts",
]

Fingerprint = Callable[[str], str]
"""Gives a text that changes when the rows of ``layer.table`` or of a file may have changed."""


class PartsNeeded(DataError):  # noqa: N818 - it asks for something to be done first
    """Staged parts that were purged are needed again.

    Nothing was changed; stage ``parts`` again from the lake and repeat the call.
    """

    def __init__(self, node: str, why: str, parts: Sequence[Part]) -> None:
        dataset = parts[0].dataset
        super().__init__(
            f"{node}: {why}, and {len(parts)} parts of staging.{dataset} that this needs were purged",
            hint=f"dwkit stage {dataset} --force",
        )
        self.parts = tuple(parts)


@dataclass(frozen=True)
class Plan:
    """What a load has to do.

    Attributes:
        mode: ``nothing``, ``append`` (apply ``units`` to what there is) or ``rebuild``.
        why: the reason, for people.
        units: what to apply, in order.
        all_units: every unit of the driving input.
        applied: units that the table holds (id -> digest).
        inputs: the other inputs -> fingerprint.
        base: newest Delta version; None when there is no table.
        version: what the ledger says of it.
    """

    mode: str
    why: str
    units: tuple[Unit, ...]
    all_units: tuple[Unit, ...] = field(repr=False)
    applied: dict[str, str]
    inputs: dict[str, str]
    base: int | None
    version: TableVersion | None

    @property
    def rows_in(self) -> int:
        """Rows of the units to apply, as far as they are known."""
        return sum(u.rows for u in self.units)


def make_plan(
    model: Model,
    query: ModelQuery,
    *,
    layout: Layout,
    ledger: Ledger,
    scan: Scan,
    fingerprint: Fingerprint,
    rebuild: bool = False,
) -> Plan:
    """Compare what a table holds with what its inputs are now.

    A table is made anew when its model, a unit that it holds, or an input other than the driving one
    has changed; otherwise the units that it lacks are applied.

    Raises:
        ConfigError: the SQL reads no table.
        UsageError: see `own_version`.
        NotFoundError: nothing was staged yet.
    """
    node = f"{model.layer}.{model.name}"
    if query.driver is None:
        raise ConfigError("the SQL reads no table", place=model.path or node)
    if query.driver == node:
        raise ConfigError("the SQL reads the table that it makes", place=model.path or node)
    units = units_of(query.driver, layout=layout, ledger=ledger, scan=scan, fingerprint=fingerprint)
    base, version = own_version(model, layout=layout, ledger=ledger)
    applied = ledger.applied(model.layer, model.name)
    inputs = {name: fingerprint(name) for name in query.others}
    digests = {u.id: u.digest for u in units}
    if version is None:
        mode, why, chosen = "append", "there is no table yet", units
    elif rebuild:
        mode, why, chosen = "rebuild", "asked for", units
    elif version.model != model.digest:
        mode, why, chosen = "rebuild", "the model changed", units
    elif any(u not in digests for u in applied):
        mode, why, chosen = "rebuild", f"a part of {query.driver} is gone", units
    elif any(digests[u] != digest for u, digest in applied.items()):
        mode, why, chosen = "rebuild", f"{query.driver} changed", units
    elif changed := [n for n, text in inputs.items() if version.inputs.get(n) != text]:
        mode, why, chosen = "rebuild", f"{', '.join(changed)} changed", units
    else:
        chosen = [u for u in units if u.id not in applied]
        mode, why = (
            ("append", f"{len(chosen)} new {'part' if len(chosen) == 1 else 'parts'}")
            if chosen
            else ("nothing", "up to date")
        )
    return Plan(mode, why, tuple(chosen), tuple(units), applied, inputs, base, version)


def own_version(model: Model, *, layout: Layout, ledger: Ledger) -> tuple[int | None, TableVersion | None]:
    """Return a table's newest Delta version, and what the ledger says of the newest that dwkit made.

    Raises:
        UsageError: the table's folder holds a Delta table that dwkit did not make.
    """
    base = Table(layout.table(model.layer, model.name)).version()
    version = ledger.version(model.layer, model.name)
    if base is not None and version is None:
        raise UsageError(
            f"{model.layer}.{model.name} is a Delta table that dwkit did not make",
            hint=f"move {model.layer}/{model.name} elsewhere",
        )
    return base, version


def require_parts(node: str, why: str, units: Sequence[Unit], layout: Layout) -> None:
    """Check that the staged parts among the units are there.

    Raises:
        PartsNeeded: some were purged, or their files are gone.
    """
    gone = missing_parts([u.part for u in units if u.part is not None], layout)
    if gone:
        raise PartsNeeded(node, why, gone)


def missing_parts(parts: Sequence[Part], layout: Layout) -> list[Part]:
    """Return the parts whose files are not in the staging area."""
    return [p for p in parts if p.purged_at or not layout.part(p.dataset, p.id).is_file()]
