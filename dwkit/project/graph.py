"""The graph of a project: which table is made from which, from the SQL itself, and parts of it by selector."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from dwkit.errors import ConfigError, NotFoundError, UsageError
from dwkit.model.header import Model
from dwkit.model.names import LAYERS

__all__ = ["Graph", "GraphNode"]


@dataclass(frozen=True)
class GraphNode:
    """A table of a layer and the tables that it is made from.

    ``name`` is ``layer.table``; ``inputs`` are names of nodes.
    """

    name: str
    inputs: tuple[str, ...] = ()
    model: Model | None = None
    tags: tuple[str, ...] = ()

    @property
    def layer(self) -> str:
        """The layer's name."""
        return self.name.split(".", 1)[0]

    @property
    def table(self) -> str:
        """The table's name within its layer."""
        return self.name.split(".", 1)[1]


class Graph:
    """All nodes of a project, in dependency order.

    Raises:
        ConfigError: tables that are made from each other.
    """

    def __init__(self, nodes: Iterable[GraphNode]) -> None:
        self.nodes: dict[str, GraphNode] = {n.name: n for n in nodes}
        wanted = {n.name: [i for i in n.inputs if i in self.nodes] for n in self.nodes.values()}
        try:
            order = list(TopologicalSorter(wanted).static_order())
        except CycleError as error:
            cycle = " → ".join(reversed(error.args[1]))
            raise ConfigError(
                f"these tables are made from each other: {cycle}", hint="take one FROM out"
            ) from None
        rank: dict[str, int] = {layer: n for n, layer in enumerate(LAYERS)}
        depth: dict[str, int] = {}
        for name in order:
            depth[name] = max((depth[i] + 1 for i in wanted[name]), default=0)
        self.order = sorted(order, key=lambda n: (depth[n], rank[self.nodes[n].layer], n))
        self._inputs = wanted

    def inputs(self, name: str) -> list[str]:
        """Return the nodes that a node is made from."""
        return self._inputs[name]

    def upstream(self, names: Iterable[str]) -> set[str]:
        """Return the nodes and all that they are made from."""
        return self._closure(names, self._inputs)

    def downstream(self, names: Iterable[str]) -> set[str]:
        """Return the nodes and all that is made from them."""
        outputs: dict[str, list[str]] = {n: [] for n in self.nodes}
        for name, inputs in self._inputs.items():
            for one in inputs:
                outputs[one].append(name)
        return self._closure(names, outputs)

    def select(self, selectors: Sequence[str], states: Mapping[str, set[str]] | None = None) -> list[str]:
        """Return the nodes that any selector names, in dependency order; all without a selector.

        A selector is a name (``sales``, ``marts.sales``, ``dim_*``), ``tag:x``, ``team:x``, ``layer:x``,
        ``state:modified`` or ``result:error``; ``+`` before it adds what it is made from, ``+`` after it
        what is made from it; ``a,b`` is what both name.

        Args:
            states: what ``state:`` and ``result:`` selectors stand for, such as ``state:modified``.

        Raises:
            NotFoundError: a name, tag, team or layer that no node has.
        """
        if not selectors:
            return self.order
        chosen: set[str] = set()
        for selector in selectors:
            sets = [self._select_one(piece, states or {}) for piece in selector.split(",") if piece]
            if sets:
                chosen |= set.intersection(*sets)
        return [n for n in self.order if n in chosen]

    def _select_one(self, selector: str, states: Mapping[str, set[str]]) -> set[str]:
        core = selector.removeprefix("+").removesuffix("+")
        if core in states:
            found = set(states[core])
        elif ":" in core:
            found = self._by_method(core, states)
        else:
            found = {n for n in self.nodes if fnmatch.fnmatchcase(n, core)}
            found = found or {n.name for n in self.nodes.values() if fnmatch.fnmatchcase(n.table, core)}
            if core in {n.table for n in self.nodes.values()}:
                # One word may name a dataset in the lake and in staging: the last of its kind is meant.
                found = {max(found, key=self.order.index)} if not any(c in core for c in "*?[") else found
        if not found and ":" not in core:
            known = {n.table for n in self.nodes.values()} | set(self.nodes)
            raise NotFoundError("table", core, known)
        result = set(found)
        if selector.startswith("+"):
            result |= self.upstream(found)
        if selector.endswith("+"):
            result |= self.downstream(found)
        return result

    def _by_method(self, core: str, states: Mapping[str, set[str]]) -> set[str]:
        method, value = core.split(":", 1)
        if method == "tag":
            return self._having(method, value, {n.name: set(n.tags) for n in self.nodes.values()})
        if method == "team":
            teams = {n.name: {n.model.header.team} - {""} for n in self.nodes.values() if n.model}
            return self._having(method, value, teams)
        if method == "layer":
            return self._having(method, value, {n.name: {n.layer} for n in self.nodes.values()}, LAYERS)
        if method in ("state", "result"):
            if states and core not in states:
                known = ", ".join(sorted(s for s in states if s.startswith(method)))
                raise UsageError(f"no selector {core!r}", hint=f"there are: {known}")
            return set()
        raise UsageError(f"no selector method {method!r}", hint="tag:, team:, layer:, state: or result:")

    @staticmethod
    def _having(
        method: str, value: str, values: Mapping[str, set[str]], known: Iterable[str] = ()
    ) -> set[str]:
        """Return the nodes with a value; one that none has is a slip of the pen, not an empty selection."""
        known = set(known).union(*values.values())
        if value not in known:
            raise NotFoundError(method, value, known, hint="" if known else f"no table has a {method}")
        return {name for name, have in values.items() if value in have}

    @staticmethod
    def _closure(names: Iterable[str], edges: Mapping[str, Sequence[str]]) -> set[str]:
        found: set[str] = set()
        todo = list(names)
        while todo:
            name = todo.pop()
            if name not in found:
                found.add(name)
                todo += edges.get(name, ())
        return found
