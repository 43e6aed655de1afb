"""The layout of a graph as plain data: nothing overlaps, it is the same each time, and many parts fill a page."""

from __future__ import annotations

import subprocess
import sys
from itertools import combinations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import reactive_dag as rd
from reactive_dag.notebook.graphs.layout import layout, placed_selection
from reactive_dag.notebook.graphs.shown import GraphLayout, PlacedNode, Selection, ShownEdge, ShownNode
from reactive_dag.notebook.layers import layered
from tests.support.profiles import examples


def inside(node: PlacedNode, x: float, y: float, by: float = 0.6) -> bool:
    """Whether a point lies in a node, further in than its border."""
    return node.x + by < x < node.x + node.width - by and node.y + by < y < node.y + node.height - by


def check(found: GraphLayout) -> None:
    """What every layout is."""
    nodes = {node.id: node for node in found.nodes}
    for one, other in combinations(found.nodes, 2):
        apart = one.x + one.width <= other.x or other.x + other.width <= one.x
        assert apart or one.y + one.height <= other.y or other.y + other.height <= one.y, (one, other)
    for node in found.nodes:
        assert node.x >= 0 and node.y >= 0 and node.x + node.width <= found.width
        assert node.y + node.height <= found.height
    for edge in found.edges:
        for end, point in ((nodes[edge.source], edge.points[0]), (nodes[edge.target], edge.points[-1])):
            assert end.x - 1 <= point[0] <= end.x + end.width + 1 and end.y - 1 <= point[1] <= end.y + end.height + 1
        for (x, y), (x2, y2) in zip(edge.points, edge.points[1:]):
            assert x == x2 or y == y2, "at right angles"


@pytest.fixture(params=["graphlay", "plain"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to lay out: with the package of the extra, and without it."""
    if request.param == "plain":
        monkeypatch.setitem(sys.modules, "graphlay", None)
    return str(request.param)


def drawn(nodes: int, edges: list[tuple[int, int]]) -> Selection:
    shapes = tuple(ShownNode("dag", f"d{n}", "x" * (1 + n * 7 % 30), note="n" * (n % 3)) for n in range(nodes))
    links = dict.fromkeys(ShownEdge("completed", f"dag d{a % nodes}", f"dag d{b % nodes}") for a, b in edges)
    return Selection("test", shapes, tuple(links))


@pytest.mark.usefixtures("engine")
@given(st.integers(1, 14), st.lists(st.tuples(st.integers(0, 13), st.integers(0, 13)), max_size=20))
@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_overlaps_whatever_the_graph(nodes: int, edges: list[tuple[int, int]]) -> None:
    check(placed_selection(drawn(nodes, edges)))


@pytest.mark.usefixtures("engine")
def test_300_small_dags_fill_a_page_and_not_a_strip() -> None:
    pairs = placed_selection(drawn(300, [(n, n + 1) for n in range(0, 300, 2)]))
    alone = placed_selection(drawn(300, []))
    for found in (pairs, alone):
        check(found)
        assert 0.5 < found.width / found.height < 4


def test_an_edge_goes_from_left_to_right_and_no_line_crosses_a_node() -> None:
    found = placed_selection(drawn(40, [(a, a + step) for a in range(30) for step in (1, 3, 9)]))
    check(found)
    for edge in found.edges:
        assert edge.points[0][0] < edge.points[-1][0]
        for (x, y), (x2, y2) in zip(edge.points, edge.points[1:]):
            assert not any(inside(node, (x + x2) / 2, (y + y2) / 2) for node in found.nodes)


def test_a_layout_is_the_same_in_each_process() -> None:
    asked = (
        "import reactive_dag as rd; from reactive_dag.notebook.graphs.layout import layout; g = rd.Graph('g'); "
        "[g.dag(f'd{n}', on=rd.completed(f'd{n // 3}') & rd.updated(f's{n % 5}') if n else None) for n in range(30)]; "
        "print(layout(g).to_json())"
    )
    first, second = (
        subprocess.run(
            [sys.executable, "-c", asked], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    )
    assert first == second and "dag d29" in first


def test_what_graphlay_refuses_is_laid_out_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layered, "LAYOUT_OPTIONS", {"limits": {"max_nodes": 2}})
    check(placed_selection(drawn(3, [(0, 1), (1, 2)])))


def test_the_plain_data_has_ids_kinds_places_and_points() -> None:
    graph = rd.Graph("sales")
    orders = graph.dataset("orders")
    graph.dag("ingest", schedule="0 2 * * *", tz="Europe/Berlin", outlets=[orders])
    graph.dag("report", on=(orders & rd.updated("users")).by("partition").batch(count=10, max_wait="5m"))
    found = layout(graph)
    check(found)
    shown = {(node.kind, node.label, node.node.note) for node in found.nodes}
    assert shown == {
        ("dag", "ingest", ""), ("dag", "report", ""), ("dataset", "orders", ""), ("dataset", "users", ""),
        ("clock", "0 2 * * *", "Europe/Berlin"), ("join", "all of", "by('partition')"),
        ("window", "batch of 10 or 5m", ""),
    }  # fmt: skip
    data = found.to_json()
    assert data["nodes"][0]["id"] == "clock ingest#1" and data["edges"][0]["points"]
