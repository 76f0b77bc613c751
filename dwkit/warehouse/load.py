"""Loading a warehouse table: what is new is applied, exactly once, and committed with its tests passed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace

import msgspec
import polars as pl

from dwkit.ledger import Ledger, StepRecorder
from dwkit.model.batch import Part
from dwkit.model.header import Model
from dwkit.storage.delta import Table, rows_of
from dwkit.storage.layout import Layout
from dwkit.storage.locks import writing
from dwkit.storage.types import fitted, for_delta, unified
from dwkit.tables.inputs import fingerprint_of, missing_inputs
from dwkit.tables.plan import (
    Fingerprint,
    PartsNeeded,
    Plan,
    make_plan,
    missing_parts,
    own_version,
    require_parts,
)
from dwkit.tables.publish import Change, publish
from dwkit.tables.query import ModelQuery, Scan
from dwkit.tables.reconcile import reconcile
from dwkit.tables.refresh import changed_why, inputs_of, refresh_table
from dwkit.tables.units import Unit
from dwkit.warehouse.dates import date_dimension
from dwkit.warehouse.dimension import Rules, rules_of
from dwkit.warehouse.fact import fact_change, stale_lookups
from dwkit.warehouse.lookup import Dimension, dimensions_of
from dwkit.warehouse.merge import Merge

__all__ = ["LoadResult", "load_table", "needs"]


@dataclass(frozen=True)
class LoadResult:
    """What a load did.

    Attributes:
        name: the table, without its layer.
        mode: ``nothing``; ``append`` (rows were added), ``merge`` (rows there were replaced too),
            ``rebuild`` (the table was made anew).
        why: the reason.
        version: the Delta version; None when there is no table yet (a dry run).
        rows_in: rows of the units that were applied.
        rows_out: rows that are new or changed.
        rows_total: rows of the table.
        parts: units applied.
        notes: what a person should know, such as rows that point at the unknown member.
    """

    name: str
    mode: str
    why: str = ""
    version: int | None = None
    rows_in: int = 0
    rows_out: int = 0
    rows_total: int = 0
    parts: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class _Load:
    """What every part of one load needs."""

    model: Model
    layout: Layout
    ledger: Ledger
    run: str
    step: StepRecorder | None
    dialect: str
    scan: Scan
    fingerprint: Fingerprint

    @property
    def node(self) -> str:
        return f"{self.model.layer}.{self.model.name}"

    @property
    def table(self) -> Table:
        return Table(self.layout.table(self.model.layer, self.model.name))


def needs(
    model: Model, *, layout: Layout, ledger: Ledger, dialect: str, fingerprint: Fingerprint | None = None
) -> list[Part]:
    """Return the staged parts that a load of the model would read and that were purged.

    Stage them again from the lake before the load.

    Raises:
        SqlError: the model's SQL does not parse.
        NotFoundError: nothing was staged yet.
    """
    if model.kind == "date_dimension":
        return []
    print_of = fingerprint or (lambda name: fingerprint_of(name, layout=layout, ledger=ledger))
    reconcile("warehouse", model.name, layout=layout, ledger=ledger)
    query = ModelQuery(model, dialect=dialect, ledger=ledger)
    if model.kind == "table":
        inputs = inputs_of(query, print_of)
        known = ledger.version(model.layer, model.name)
        changed = changed_why(model, known, inputs, force=False)
        return missing_inputs(inputs, layout=layout, ledger=ledger) if changed else []
    plan = make_plan(
        model, query, layout=layout, ledger=ledger, scan=lambda _: pl.LazyFrame(), fingerprint=print_of
    )
    plan = _with_lookups(model, plan, dimensions_of(model, layout=layout, ledger=ledger))
    if plan.mode == "nothing":
        return []
    parts = missing_parts([u.part for u in plan.units if u.part is not None], layout)
    return parts + missing_inputs(query.others, layout=layout, ledger=ledger)


def load_table(
    model: Model,
    *,
    layout: Layout,
    ledger: Ledger,
    run: str,
    step: StepRecorder | None,
    dialect: str,
    scan: Scan,
    fingerprint: Fingerprint | None = None,
    force: bool = False,
    rebuild: bool = False,
    dry_run: bool = False,
) -> LoadResult:
    """Bring one warehouse table up to date.

    Args:
        scan: gives all rows of an input that does not drive the model.
        fingerprint: tells whether such an input has changed; by default its parts, batches or version do.
        force: make the table anew, even if it is up to date; so does ``rebuild``.
        step: where rows are counted; None with ``dry_run``.
        dry_run: only say what would be done; nothing is locked or written.

    Raises:
        PartsNeeded: staged parts that were purged are needed.
        CheckError: rows contradict each other, or a test of the header failed; nothing was committed.
        UsageError: the header does not fit the SQL's columns.
        ConflictError: another process writes the table.
    """
    print_of = fingerprint or (lambda name: fingerprint_of(name, layout=layout, ledger=ledger))
    load = _Load(model, layout, ledger, run, step, dialect, scan, print_of)
    with nullcontext() if dry_run else writing(layout.locks, load.node):
        reconcile("warehouse", model.name, layout=layout, ledger=ledger)
        if model.kind == "date_dimension":
            result = _dates(load, force or rebuild, dry_run)
        elif model.kind == "table":
            result = _table(load, force or rebuild, dry_run)
        else:
            result = _incremental(load, force or rebuild, dry_run)
    if step is not None and not dry_run:
        step.count(rows_in=result.rows_in, rows_out=result.rows_out)
        if result.mode == "nothing":
            step.skip(result.why)
    return result


def _table(load: _Load, rebuild: bool, dry_run: bool) -> LoadResult:
    done = refresh_table(
        load.model,
        layout=load.layout,
        ledger=load.ledger,
        run=load.run,
        dialect=load.dialect,
        scan=load.scan,
        fingerprint=load.fingerprint,
        force=rebuild,
        dry_run=dry_run,
    )
    return LoadResult(
        load.model.name, done.mode, done.why, done.version, done.rows_in, done.rows_out, done.rows_total
    )


def _incremental(load: _Load, rebuild: bool, dry_run: bool) -> LoadResult:
    model = load.model
    query = ModelQuery(model, dialect=load.dialect, ledger=load.ledger)
    plan = make_plan(
        model,
        query,
        layout=load.layout,
        ledger=load.ledger,
        scan=load.scan,
        fingerprint=load.fingerprint,
        rebuild=rebuild,
    )
    dimensions = dimensions_of(model, layout=load.layout, ledger=load.ledger)
    plan = _with_lookups(model, plan, dimensions)
    stale = stale_lookups(plan, dimensions) if plan.mode != "rebuild" and plan.version else []
    if stale and plan.mode == "nothing":
        plan = replace(plan, why=f"{', '.join(d.node for d in stale)} changed")
    if dry_run or (plan.mode == "nothing" and not stale):
        return _result(load, replace(plan, mode="merge") if stale and plan.mode == "nothing" else plan)
    require_parts(load.node, plan.why, plan.units, load.layout)
    gone = missing_inputs(query.others, layout=load.layout, ledger=load.ledger) if plan.units else []
    if gone:
        raise PartsNeeded(load.node, plan.why, gone)
    notes: Sequence[str] = ()
    if model.kind == "dimension":
        change = _dimension(load, query, plan)
    else:
        done = fact_change(
            model, query, plan, table=load.table, scan=load.scan, dimensions=dimensions, stale=stale
        )
        if done is None:
            return _looked_up(load, plan, stale)
        change, notes = done.change, done.notes
    inputs = plan.inputs | {d.node: str(d.version) for d in dimensions}
    version = publish(
        model,
        change,
        layout=load.layout,
        ledger=load.ledger,
        run=load.run,
        dialect=load.dialect,
        base=plan.base,
        parts={u.id: u.digest for u in plan.units},
        inputs=inputs,
        driver=query.driver or "",
    )
    if load.step is not None:
        load.step.count(bytes_out=sum(a.size for a in change.adds))
    return LoadResult(
        model.name,
        change.mode,
        plan.why,
        version.version,
        plan.rows_in,
        change.rows,
        version.rows,
        tuple(u.id for u in plan.units),
        tuple(notes),
    )


def _result(load: _Load, plan: Plan) -> LoadResult:
    known = plan.version
    rows_in, parts = (plan.rows_in, tuple(u.id for u in plan.units)) if plan.mode != "nothing" else (0, ())
    return LoadResult(
        load.model.name,
        plan.mode,
        plan.why,
        known.version if known else None,
        rows_in,
        rows_total=known.rows if known else 0,
        parts=parts,
    )


def _with_lookups(model: Model, plan: Plan, dimensions: Sequence[Dimension]) -> Plan:
    """Return the plan, turned into a rebuild where rows cannot be looked up again.

    That is so when a dimension changed whose natural key the fact does not keep.
    """
    lost = [d for d in stale_lookups(plan, dimensions) if d.lookup.drop] if plan.version else []
    if not lost or plan.mode == "rebuild":
        return plan
    why = f"{', '.join(d.node for d in lost)} changed, and {model.name} does not keep its natural key"
    return replace(plan, mode="rebuild", why=why, units=plan.all_units)


def _looked_up(load: _Load, plan: Plan, stale: Sequence[Dimension]) -> LoadResult:
    """Note that no row needs another key, so that the next load need not look again."""
    assert plan.version is not None
    inputs = plan.version.inputs | {d.node: str(d.version) for d in stale}
    load.ledger.add_version(msgspec.structs.replace(plan.version, inputs=inputs), {}, rebuilt=False)
    return _result(load, plan)


# -- dimensions -----------------------------------------------------------------------------------


def _dimension(load: _Load, query: ModelQuery, plan: Plan) -> Change:
    """Apply units to a dimension and write what changed.

    Versions that end or change are in files among others: those files are written again. Where nothing
    but new versions came, they are only added.
    """
    model, table = load.model, load.table
    anew = plan.mode == "rebuild" or plan.base is None
    base = None if anew else plan.base
    schema = unified(query.over(u, load.scan).collect_schema() for u in plan.units)
    held = {} if base is None else dict(table.scan(base).collect_schema())
    own = {n: t for n, t in held.items() if n in _attributes(model, held)}
    rules = rules_of(model, unified([own, schema]))
    wanted = rules.table_schema
    # Another type or one more column: all files are written again, so that the columns keep their order.
    widened = base is not None and list(wanted.items()) != list(held.items())
    merge = Merge(
        rules,
        None if base is None else fitted(table.scan(base), wanted),
        units=plan.all_units,
        applied=() if anew else plan.applied,
        highest=0 if anew else _highest(table),
        frame=lambda unit: fitted(_rows(load, query, unit, rules), _unit_schema(rules)),
    )
    for unit in plan.units:
        merge.apply(unit)
    change = merge.change()
    gone, new = change.gone, pl.concat([change.opened, change.replaced])
    rewrite: list[str] = []
    if base is not None:
        rewrite = table.files(base) if widened else table.holding(gone, [rules.surrogate], base)
    frames = [new.lazy()]
    if rewrite:
        kept = table.scan_files(rewrite, held)
        frames.insert(0, fitted(kept.join(gone.lazy(), on=rules.surrogate, how="anti"), wanted))
    adds = table.write(pl.concat(frames)) if rewrite or new.height else []
    return Change(
        mode="rebuild" if plan.mode == "rebuild" else "merge" if rewrite else "append",
        adds=adds,
        schema=wanted,
        removes=() if widened else rewrite,
        overwrite=plan.mode == "rebuild" or widened,
        rows=new.height if base is not None else rows_of(adds),
        facts=_dimension_facts(model, rules.versioned, merge.highest),
    )


def _attributes(model: Model, held: Sequence[str] | dict[str, pl.DataType]) -> list[str]:
    made = {model.surrogate_key, "valid_from", "valid_to", "is_current", "row_hash", "_batch", "_row"}
    return [n for n in held if n not in made]


def _unit_schema(rules: Rules) -> dict[str, pl.DataType]:
    return {**rules.schema, "_batch": pl.String(), "_row": pl.Int64()}


def _rows(load: _Load, query: ModelQuery, unit: Unit, rules: Rules) -> pl.LazyFrame:
    require_parts(load.node, f"rows of {rules.name} came late", [unit], load.layout)
    rows = query.over(unit, load.scan)
    # A query that is more than a projection is computed once, though the merge reads its rows twice.
    return rows if query.is_plain else rows.collect(engine="streaming").lazy()


def _dimension_facts(model: Model, versioned: bool, highest: int = 0) -> dict[str, object]:
    """Return what a fact that looks the dimension up, and the next load of it, need to know."""
    key = ["date"] if model.kind == "date_dimension" else list(model.header.key)
    facts = {"surrogate_key": model.surrogate_key, "key": key, "versioned": versioned, "highest": highest}
    return {"dimension": facts}


def _highest(table: Table) -> int:
    latest = table.latest()
    facts = latest.facts.get("dimension", {}) if latest else {}
    return int(facts.get("highest", 0))


def _dates(load: _Load, rebuild: bool, dry_run: bool) -> LoadResult:
    model, table = load.model, load.table
    base, known = own_version(model, layout=load.layout, ledger=load.ledger)
    if known is not None and known.model == model.digest and not rebuild:
        return LoadResult(model.name, "nothing", "up to date", known.version, rows_total=known.rows)
    frame = date_dimension(model)
    why = (
        "there is no table yet"
        if known is None
        else "asked for"
        if known.model == model.digest
        else "the model changed"
    )
    if dry_run:
        return LoadResult(model.name, "rebuild", why)
    rows = for_delta(frame.lazy(), dict(frame.schema))
    adds = table.write(rows)
    change = Change(
        "rebuild",
        adds,
        dict(rows.collect_schema()),
        overwrite=True,
        rows=frame.height,
        facts=_dimension_facts(model, versioned=False),
    )
    version = publish(
        model,
        change,
        layout=load.layout,
        ledger=load.ledger,
        run=load.run,
        dialect=load.dialect,
        base=base,
        parts={},
        inputs={},
    )
    return LoadResult(model.name, "rebuild", why, version.version, 0, frame.height, version.rows)
