"""Building marts: as a table, a view, or incrementally."""

from __future__ import annotations

from dataclasses import dataclass

from dwkit.errors import ConfigError
from dwkit.ledger import Ledger, StepRecorder
from dwkit.ledger.runs import now
from dwkit.marts.incremental import refresh_incremental
from dwkit.marts.views import read_view, remove_view, write_view
from dwkit.model.batch import TableVersion
from dwkit.model.header import Model
from dwkit.storage.layout import Layout
from dwkit.storage.locks import writing
from dwkit.tables.plan import Fingerprint
from dwkit.tables.query import ModelQuery, Scan
from dwkit.tables.reconcile import reconcile
from dwkit.tables.refresh import Refreshed, changed_why, inputs_of, refresh_table

__all__ = ["MartResult", "build_mart"]


@dataclass(frozen=True)
class MartResult:
    """What building a mart did.

    Attributes:
        name: the mart, without its layer.
        mode: ``nothing``, ``rebuild``, ``append`` or ``merge`` (incremental), ``view``.
        why: the reason.
        version: the Delta version, or the number of the view's definition; None after a dry run.
        rows_in: rows of the inputs; rows_out: rows written; rows_total: rows of the mart (0 for a view).
        notes: what a person should know.
    """

    name: str
    mode: str
    why: str = ""
    version: int | None = None
    rows_in: int = 0
    rows_out: int = 0
    rows_total: int = 0
    notes: tuple[str, ...] = ()


def build_mart(
    model: Model,
    *,
    layout: Layout,
    ledger: Ledger,
    run: str,
    step: StepRecorder,
    dialect: str,
    scan: Scan,
    fingerprint: Fingerprint,
    force: bool = False,
) -> MartResult:
    """Bring one mart up to date: it is left alone when neither its model nor an input has changed.

    Args:
        scan: gives all rows of an input.
        fingerprint: tells whether an input has changed.
        force: build it anew in any case.

    Raises:
        SqlError: the SQL does not parse, bind or lower.
        PartsNeeded: staged parts that were purged are needed.
        CheckError: a test of the header failed; nothing was committed.
        ConflictError: another process writes the mart.
    """
    if model.kind not in ("table", "view", "incremental"):
        raise ConfigError(
            f"kind {model.kind!r} is none of a mart's", place=model.path or f"marts.{model.name}"
        )
    with writing(layout.locks, f"marts.{model.name}"):
        _take_over(model, layout, ledger)
        if model.kind == "view":
            result = _build_view(model, layout, ledger, run, dialect, scan, fingerprint, force=force)
        else:
            refresh = refresh_incremental if model.kind == "incremental" else refresh_table
            done: Refreshed = refresh(
                model,
                layout=layout,
                ledger=ledger,
                run=run,
                dialect=dialect,
                scan=scan,
                fingerprint=fingerprint,
                force=force,
            )
            result = MartResult(
                model.name, done.mode, done.why, done.version, done.rows_in, done.rows_out, done.rows_total
            )
            remove_view(layout, model.name)
    step.count(rows_in=result.rows_in, rows_out=result.rows_out)
    if result.mode == "nothing":
        step.skip(result.why)
    return result


def _take_over(model: Model, layout: Layout, ledger: Ledger) -> None:
    """Bring the ledger in line with the files; forget a view that is to become a table."""
    known = ledger.version("marts", model.name)
    was_view = known is not None and known.kind == "view"
    if was_view and model.kind != "view":
        ledger.forget_table("marts", model.name)
    if not was_view or model.kind != "view":
        reconcile("marts", model.name, layout=layout, ledger=ledger)


def _build_view(
    model: Model,
    layout: Layout,
    ledger: Ledger,
    run: str,
    dialect: str,
    scan: Scan,
    fingerprint: Fingerprint,
    *,
    force: bool,
) -> MartResult:
    """Keep a view's SQL, after checking that it binds; its rows are computed when it is read."""
    known = ledger.version("marts", model.name)
    query = ModelQuery(model, dialect=dialect, ledger=ledger)
    why = changed_why(model, known, {}, force=force)
    if not why and read_view(layout, model.name) is None:
        why = "its file is gone"
    if not why:
        assert known is not None
        return MartResult(model.name, "nothing", "up to date", known.version)
    query.all(scan).collect_schema()
    notes: tuple[str, ...] = ()
    if known is not None and known.kind != "view":
        notes = (f"the versions of the table it was stay in marts/{model.name}",)
    number = known.version + 1 if known is not None else 0
    write_view(layout, model)
    entry = TableVersion(
        layer="marts",
        name=model.name,
        version=number,
        model=model.digest,
        kind="view",
        rows=0,
        bytes=0,
        mode="view",
        inputs=inputs_of(query, fingerprint),
        run=run,
        created_at=now(),
    )
    ledger.add_version(entry, {}, rebuilt=True)
    return MartResult(model.name, "view", why, number, notes=notes)
