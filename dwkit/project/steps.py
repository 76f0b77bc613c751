"""One step for each layer: how a node of the graph is brought up to date."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dwkit.config import placed
from dwkit.config.edit import write_contract
from dwkit.errors import ConfigError, NotFoundError, UsageError
from dwkit.ledger import RunRecorder
from dwkit.model.header import Model
from dwkit.model.run import Seen
from dwkit.model.source import ReadOptions
from dwkit.project.dependencies import model_inputs, only_objects, resolve
from dwkit.project.graph import GraphNode

if TYPE_CHECKING:
    from dwkit.lake.ingest import Ingested
    from dwkit.project.project import Project
    from dwkit.staging import StageResult

__all__ = ["Done", "Steps"]

Watch = Callable[[Seen], None]


@dataclass(frozen=True)
class Done:
    """What a step did: ``state`` is ``done`` or ``skipped`` (there was nothing to do, ``why`` says why)."""

    node: str
    state: str
    why: str = ""
    rows_in: int = 0
    rows_out: int = 0
    quarantined: int = 0
    notes: tuple[str, ...] = field(default=())


def _counted(dataset: str, watch: Watch) -> Callable[[int], None]:
    """Return what adds up numbers of rows and tells ``watch`` how many there are."""
    rows, lock = 0, threading.Lock()

    def add(more: int) -> None:
        nonlocal rows
        with lock:
            rows += more
            watch(Seen(source=dataset, rows=rows))

    return add


class Steps:
    """The steps of one run.

    Args:
        project: the project.
        run: where the steps are recorded.
        force: do the work even where everything is up to date. What `ingest_declared` brings stays the
            same: the lake has those bytes, and a second batch of them would double what is made from it.
        rebuild: make warehouse tables anew from all batches.
        quarantine_limit: overrides the contracts' limits.
    """

    def __init__(
        self,
        project: Project,
        run: RunRecorder,
        *,
        force: bool = False,
        rebuild: bool = False,
        quarantine_limit: str | None = None,
    ) -> None:
        self._project = project
        self._run = run
        self._force = force
        self._rebuild = rebuild
        self._limit = quarantine_limit
        self._config_lock = threading.Lock()

    def do(self, node: GraphNode, watch: Watch | None = None) -> Done:
        """Bring one node up to date.

        Raises:
            DwkitError: the step failed; the node is as it was.
        """
        if node.layer == "lake":
            return self.ingest_declared(node.table, watch)
        if node.layer == "staging":
            read = any(node.name in self._project.graph.inputs(n) for n in self._project.graph.nodes)
            if node.model is None and not read and only_objects(self._project, node.table):
                return Done(node.name, "skipped", "objects have nothing to be typed")
            return self.stage(node.table, watch)
        if node.model is None:
            return Done(node.name, "skipped", "no model file")
        return self.load(node.model) if node.layer == "warehouse" else self.mart(node.model)

    # -- lake ---------------------------------------------------------------------------------

    def ingest_declared(self, dataset: str, watch: Watch | None = None) -> Done:
        """Ingest what ``dwkit.toml`` says a dataset comes from."""
        declared = self._project.config.datasets.get(dataset)
        if declared is None or not declared.sources:
            return Done(f"lake.{dataset}", "skipped", "no source in dwkit.toml")
        found = self.ingest(declared.sources, dataset, declared.read, cwd=self._project.root, watch=watch)
        new = [i for i in found if i.new]
        if not new:
            return Done(f"lake.{dataset}", "skipped", "no new files")
        rows = sum(i.batch.rows for i in new)
        malformed = sum(i.batch.malformed for i in new)
        notes = tuple(f"{Path(i.source).name}: {note}" for i in new for note in i.batch.notes)
        return Done(
            f"lake.{dataset}", "done", f"{len(new)} new files", rows + malformed, rows, malformed, notes
        )

    def ingest(
        self,
        sources: Sequence[str],
        into: str | None,
        options: ReadOptions,
        *,
        cwd: Path,
        watch: Watch | None = None,
        keep_original: bool = False,
        limit: int | None = None,
        stdin_file: Path | None = None,
        force: bool = False,
        tell: Callable[[Ingested], None] | None = None,
    ) -> list[Ingested]:
        """Bring sources into the lake (see `dwkit.lake.ingest.ingest`)."""
        from dwkit.lake.ingest import Request, ingest

        request = Request(
            sources=sources,
            into=into,
            options=options,
            force=force,
            keep_original=keep_original,
            limit=limit,
            stdin_file=stdin_file,
        )
        project = self._project
        return ingest(
            request,
            layout=project.layout,
            ledger=project.ledger,
            run=self._run,
            cwd=cwd,
            watch=watch,
            tell=tell,
        )

    # -- staging ------------------------------------------------------------------------------

    def stage(self, dataset: str, watch: Watch | None = None, *, bring_back: bool = False) -> Done:
        """Stage the batches of a dataset that are not staged yet, and keep the contract.

        Args:
            bring_back: stage those again too that retention has purged.

        Raises:
            NotFoundError: the lake has no such dataset.
            CheckError: more rows were quarantined than the limit allows.
        """
        from dwkit.lake.manifest import adopt
        from dwkit.staging import pending, stage_dataset

        project = self._project
        node = f"staging.{dataset}"
        adopt(project.layout, project.ledger, dataset)
        model = project.models.get(node)
        if model is None and not project.ledger.batch_ids(dataset):
            known = project.ledger.datasets()
            raise NotFoundError(
                "dataset", dataset, known, hint="" if known else f"dwkit ingest FILE --into {dataset}"
            )
        declared = project.config.datasets.get(dataset)
        if self._force or pending(
            dataset,
            ledger=project.ledger,
            layout=project.layout,
            contract=declared.contract if declared else None,
            sql_step=model,
            dialect=project.config.dialect,
        ):
            self._bring_back_inputs(node)
        with self._run.step("stage", node) as step, self._placed(dataset):
            result = stage_dataset(
                dataset,
                layout=project.layout,
                ledger=project.ledger,
                run=self._run.id,
                step=step,
                contract=declared.contract if declared else None,
                sql_step=model,
                tables=self._scan,
                dialect=project.config.dialect,
                force=self._force,
                bring_back=bring_back,
                limit=self._limit,
                watch=_counted(dataset, watch) if watch is not None else None,
            )
            if result.contract_changed:
                self._keep_contract(dataset, result)
            if result.nothing_to_do:
                step.skip("up to date")
        self._edges(node, [f"lake.{dataset}"] if model is None else self._inputs(model))
        if result.nothing_to_do:
            return Done(node, "skipped", "up to date", notes=tuple(result.notes))
        why = f"{len(result.parts)} parts"
        return Done(
            node, "done", why, result.rows_in, result.rows_out, result.quarantined, notes=tuple(result.notes)
        )

    def replay(self, dataset: str) -> Done:
        """Put the held-back rows of a dataset, with their fixes, through its contract again.

        Raises:
            ConfigError: the dataset has no contract yet.
        """
        from dwkit.model.contract import Contract
        from dwkit.staging import replay

        project = self._project
        node = f"staging.{dataset}"
        declared = project.config.datasets.get(dataset)
        contract = declared.contract if declared else None
        self._bring_back_inputs(node)
        with self._run.step("replay", node) as step, self._placed(dataset):
            result = replay(
                dataset,
                layout=project.layout,
                ledger=project.ledger,
                run=self._run.id,
                contract=contract or Contract(columns={}),
                tables=self._scan,
                step=step,
                sql_step=project.models.get(node),
                dialect=project.config.dialect,
            )
        notes = tuple(result.notes)
        return Done(node, "done", "", result.rows_in, result.rows_out, result.quarantined, notes)

    def _bring_back_inputs(self, node: str) -> None:
        """Stage again what retention has purged of the datasets that rules and the SQL step look into."""
        graph, ledger = self._project.graph, self._project.ledger
        for name in graph.inputs(node) if node in graph.nodes else ():
            layer, _, other = name.partition(".")
            if layer == "staging" and any(p.purged_at for p in ledger.parts(other)):
                self.stage(other, bring_back=True)

    @contextmanager
    def _placed(self, dataset: str) -> Iterator[None]:
        """Let errors in the dataset's contract name the line of ``dwkit.toml``."""
        try:
            yield
        except ConfigError as error:
            if error.place or not error.keys:
                raise
            raise placed(error, self._project.layout.config, dataset) from None

    def _keep_contract(self, dataset: str, result: StageResult) -> None:
        with self._config_lock:
            write_contract(self._project.layout.config, dataset, result.contract)
            self._project.__dict__.pop("config", None)

    # -- warehouse ----------------------------------------------------------------------------

    def load(self, model: Model) -> Done:
        """Bring a warehouse table up to date, staging again from the lake what retention has purged."""
        from dwkit.warehouse import load_table, needs

        project = self._project
        node = f"warehouse.{model.name}"
        missing = needs(model, ledger=project.ledger, layout=project.layout, dialect=project.config.dialect)
        for dataset in dict.fromkeys(part.dataset for part in missing):
            self.stage(dataset, bring_back=True)
        with self._run.step("load", node) as step:
            result = load_table(
                model,
                layout=project.layout,
                ledger=project.ledger,
                run=self._run.id,
                step=step,
                dialect=project.config.dialect,
                scan=self._scan,
                fingerprint=project.catalog.fingerprint,
                force=self._force,
                rebuild=self._rebuild,
            )
            if result.mode == "nothing":
                step.skip("up to date")
        self._edges(node, self._inputs(model))
        if result.mode == "nothing":
            return Done(node, "skipped", "up to date")
        return Done(node, "done", result.why, result.rows_in, result.rows_out, notes=tuple(result.notes))

    # -- marts --------------------------------------------------------------------------------

    def mart(self, model: Model) -> Done:
        """Bring a mart up to date, staging again from the lake what retention has purged."""
        from dwkit.marts import PartsNeeded

        try:
            return self._mart(model)
        except PartsNeeded as needed:
            for dataset in dict.fromkeys(part.dataset for part in needed.parts):
                self.stage(dataset, bring_back=True)
        return self._mart(model)

    def _mart(self, model: Model) -> Done:
        from dwkit.marts import build_mart

        project = self._project
        node = f"marts.{model.name}"
        with self._run.step("mart", node) as step:
            result = build_mart(
                model,
                layout=project.layout,
                ledger=project.ledger,
                run=self._run.id,
                step=step,
                dialect=project.config.dialect,
                scan=self._scan,
                fingerprint=project.catalog.fingerprint,
                force=self._force,
            )
            if result.mode == "nothing":
                step.skip("up to date")
        self._edges(node, self._inputs(model))
        if result.mode == "nothing":
            return Done(node, "skipped", "up to date")
        return Done(node, "done", result.why, result.rows_in, result.rows_out, notes=tuple(result.notes))

    # -- shared -------------------------------------------------------------------------------

    def _scan(self, name: str):  # type: ignore[no-untyped-def]
        schema, _, table = name.rpartition(".")
        if "/" in name or schema.count(".") > 0:
            return self._project.catalog.scan(name)
        catalog = self._project.catalog
        known = catalog.names()
        if name in known:
            return catalog.scan(name)
        try:
            return catalog.scan(resolve(schema or None, table, known))
        except UsageError:
            if (self._project.root / name).exists():
                return catalog.scan(name)
            raise

    def _inputs(self, model: Model) -> list[str]:
        project = self._project
        known = project.catalog.names() | set(project.models)
        return list(model_inputs(model, project.config.dialect, known))

    def _edges(self, node: str, inputs: Sequence[str]) -> None:
        from dwkit.ledger.ledger import Edge

        edges = [Edge(node=node, input=i, run=self._run.id) for i in inputs]
        self._project.ledger.set_edges(node, edges)
