"""Selectors and order of the graph."""

from __future__ import annotations

import pytest

from dwkit.errors import ConfigError, NotFoundError, UsageError
from dwkit.project.graph import Graph, GraphNode


@pytest.fixture
def graph() -> Graph:
    return Graph(
        [
            GraphNode("marts.sales", ("warehouse.fact",), tags=("daily",)),
            GraphNode("warehouse.fact", ("staging.orders", "warehouse.dim")),
            GraphNode("warehouse.dim", ("staging.people",)),
            GraphNode("staging.orders", ("lake.orders",)),
            GraphNode("staging.people", ("lake.people",)),
            GraphNode("lake.orders"),
            GraphNode("lake.people"),
        ]
    )


def test_order_puts_inputs_first(graph: Graph) -> None:
    for name in graph.order:
        assert all(graph.order.index(i) < graph.order.index(name) for i in graph.inputs(name))


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("sales", ["marts.sales"]),
        ("+dim", ["lake.people", "staging.people", "warehouse.dim"]),
        ("staging.orders+", ["staging.orders", "warehouse.fact", "marts.sales"]),
        ("tag:daily", ["marts.sales"]),
        ("layer:lake", ["lake.orders", "lake.people"]),
        ("+fact+,layer:warehouse", ["warehouse.dim", "warehouse.fact"]),
        ("state:modified+", ["warehouse.fact", "marts.sales"]),
        ("warehouse.*", ["warehouse.dim", "warehouse.fact"]),
        ("orders", ["staging.orders"]),
    ],
)
def test_selectors(graph: Graph, selector: str, names: list[str]) -> None:
    assert graph.select([selector], {"state:modified": {"warehouse.fact"}}) == names


def test_no_selector_is_everything(graph: Graph) -> None:
    assert graph.select([]) == graph.order


def test_a_wrong_name_gets_the_nearest(graph: Graph) -> None:
    with pytest.raises(NotFoundError) as caught:
        graph.select(["sale"])
    assert caught.value.hint == "did you mean 'sales'?"


@pytest.mark.parametrize(
    ("selector", "hint"),
    [
        ("tag:dayly", "did you mean 'daily'?"),
        ("team:sales", "no table has a team"),
        ("layer:mart", "did you mean 'marts'?"),
    ],
)
def test_a_value_that_no_table_has_is_refused(graph: Graph, selector: str, hint: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        graph.select([selector])
    assert caught.value.hint == hint


def test_a_wrong_method_is_refused(graph: Graph) -> None:
    with pytest.raises(UsageError, match="no selector method 'tags'"):
        graph.select(["tags:daily"])


def test_a_cycle_is_named() -> None:
    with pytest.raises(ConfigError, match=r"marts\.a.*marts\.b"):
        Graph([GraphNode("marts.a", ("marts.b",)), GraphNode("marts.b", ("marts.a",))])
