"""The whole graph, or a part of it, in dependency order and in parallel."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from dwkit.errors import DataError, DwkitError
from dwkit.ledger import RunRecorder
from dwkit.project.graph import Graph, GraphNode
from dwkit.project.steps import Done, Steps

if TYPE_CHECKING:
    from dwkit.project.project import Project

__all__ = ["Outcome", "View", "run_graph", "states"]


class View(Protocol):
    """What shows the progress of a run."""

    def start(self, node: str) -> None:
        """A node's step has begun."""

    def update(self, node: str, *, rows: int, bytes: int) -> None:  # noqa: A002
        """So many rows have passed, and bytes of their source."""

    def finish(
        self,
        node: str,
        state: str,
        *,
        rows_in: int,
        rows_out: int,
        quarantined: int,
        seconds: float,
        why: str,
    ) -> None:
        """A node's step has ended."""


@dataclass(frozen=True)
class Outcome:
    """How one node of a run ended: done, skipped, failed or blocked."""

    node: str
    state: str
    why: str = ""
    rows_in: int = 0
    rows_out: int = 0
    quarantined: int = 0
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    error: Exception | None = None


def run_graph(
    project: Project,
    chosen: Sequence[str],
    run: RunRecorder,
    view: View,
    *,
    force: bool = False,
    rebuild: bool = False,
    jobs: int | None = None,
    quarantine_limit: str | None = None,
) -> list[Outcome]:
    """Bring the chosen nodes up to date.

    A node starts when all chosen nodes that it is made from have ended; one that fails blocks what
    is made from it and nothing else.

    Args:
        chosen: nodes in dependency order, as `Graph.select` gives them.
        jobs: nodes at work at the same time; as many as there are processors when None.

    Returns:
        One outcome a node, in the order in which they ended.
    """
    graph = project.graph
    steps = Steps(project, run, force=force, rebuild=rebuild, quarantine_limit=quarantine_limit)
    waiting = list(chosen)
    ended: dict[str, Outcome] = {}
    working: dict[Future[Outcome], str] = {}
    with ThreadPoolExecutor(max_workers=jobs or os.cpu_count() or 2, thread_name_prefix="step") as pool:
        try:
            while waiting or working:
                _start_ready(graph, waiting, ended, working, pool, steps, view, run)
                if not working:
                    continue
                finished, _ = wait(working, return_when=FIRST_COMPLETED)
                for future in finished:
                    node = working.pop(future)
                    ended[node] = future.result()
                    _show(view, ended[node])
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return list(ended.values())


def _start_ready(
    graph: Graph,
    waiting: list[str],
    ended: dict[str, Outcome],
    working: dict[Future[Outcome], str],
    pool: ThreadPoolExecutor,
    steps: Steps,
    view: View,
    run: RunRecorder,
) -> None:
    part = {*waiting, *ended, *working.values()}
    for node in list(waiting):
        inputs = [i for i in graph.inputs(node) if i in part]
        broken = [i for i in inputs if i in ended and ended[i].state in ("failed", "blocked")]
        if broken:
            why = f"{broken[0]} {ended[broken[0]].state}"
            ended[node] = Outcome(node, "blocked", why)
            run.block(_VERBS[graph.nodes[node].layer], node, why)
            _show(view, ended[node])
            waiting.remove(node)
        elif all(i in ended for i in inputs):
            waiting.remove(node)
            working[pool.submit(_do, steps, graph, node, view)] = node


_VERBS = {"lake": "ingest", "staging": "stage", "warehouse": "load", "marts": "mart"}


def _do(steps: Steps, graph: Graph, node: str, view: View) -> Outcome:
    view.start(node)
    start = time.perf_counter()
    try:
        done: Done = steps.do(
            graph.nodes[node], lambda seen: view.update(node, rows=seen.rows, bytes=seen.bytes)
        )
    except Exception as caught:  # whatever a step meets: only what is made from its table has to wait
        error = _named(caught, graph.nodes[node])
        why = error.message if isinstance(error, DwkitError) else f"{type(error).__name__}: {error}"
        return Outcome(node, "failed", why, seconds=time.perf_counter() - start, error=error)
    return Outcome(
        node,
        done.state,
        done.why,
        done.rows_in,
        done.rows_out,
        done.quarantined,
        time.perf_counter() - start,
        done.notes,
    )


def _named(error: Exception, node: GraphNode) -> Exception:
    """Return what came up while rows were computed as an error of the data, with the model it came from."""
    import polars as pl

    if not isinstance(error, pl.exceptions.PolarsError):
        return error
    reason = str(error).strip().split("\n")[0]
    place = f"{node.model.path}: " if node.model is not None and node.model.path else ""
    casts = "conversion" in reason
    hint = "TRY_CAST gives NULL where a value does not fit" if casts else f"dwkit lineage {node.name}"
    made = DataError(f"{place}{reason}", hint=hint)
    made.__cause__ = error
    return made


def _show(view: View, outcome: Outcome) -> None:
    view.finish(
        outcome.node,
        outcome.state,
        rows_in=outcome.rows_in,
        rows_out=outcome.rows_out,
        quarantined=outcome.quarantined,
        seconds=outcome.seconds,
        why=outcome.why,
    )


def states(project: Project) -> Mapping[str, set[str]]:
    """Return what the selectors ``state:...`` and ``result:...`` stand for now.

    ``state:modified``: models whose SQL or header is not what made their table. ``state:new``: models
    without a table. ``result:error``: nodes whose last step failed or was blocked.
    """
    ledger = project.ledger
    versions = {f"{v.layer}.{v.name}": v for v in ledger.versions()}
    modified, new = set[str](), set[str]()
    for key, model in project.models.items():
        if model.layer == "staging":
            continue
        if key not in versions:
            new.add(key)
        elif versions[key].model != model.digest:
            modified.add(key)
    failed = set[str]()
    for name, node in project.graph.nodes.items():
        step = ledger.last_step(_VERBS[node.layer], name)
        if step is not None and step.state in ("failed", "blocked", "interrupted", "running"):
            failed.add(name)
    return {"state:modified": modified | new, "state:new": new, "result:error": failed}
