"""Kahn's waves, heights over circles, components and origins; against networkx and brute force."""

from __future__ import annotations

from itertools import pairwise

import networkx as nx
from hypothesis import given, settings
from hypothesis import strategies as st

from reactive_dag.resolve.bulk import degrees, find_cycle, kahn
from reactive_dag.resolve.heights import components, heights
from reactive_dag.resolve.origins import origins
from reactive_dag.resolve.search import path, reach

NODES = range(8)
edges = st.sets(st.tuples(st.sampled_from(NODES), st.sampled_from(NODES)), max_size=20)
Rows = dict[int, list[int]]


def rows(edges: set[tuple[int, int]]) -> Rows:
    return {node: sorted(head for tail, head in edges if tail == node) for node in NODES}


def as_networkx(down: Rows) -> nx.DiGraph:
    graph = nx.DiGraph()
    graph.add_nodes_from(down)
    graph.add_edges_from((tail, head) for tail, heads in down.items() for head in heads)
    return graph


@settings(deadline=None)
@given(edges)
def test_G1_a_cycle_is_found_exactly_if_there_is_one(edges: set[tuple[int, int]]) -> None:
    down = rows(edges)
    graph = as_networkx(down)
    cycle = find_cycle(NODES, down)
    assert (cycle is None) == nx.is_directed_acyclic_graph(graph)
    if cycle is not None:
        assert cycle[0] == cycle[-1] and len(set(cycle)) == len(cycle) - 1
        assert all(graph.has_edge(*edge) for edge in pairwise(cycle))


@settings(deadline=None)
@given(edges)
def test_G1_waves_are_the_topological_generations(edges: set[tuple[int, int]]) -> None:
    down = rows({(tail, head) for tail, head in edges if tail < head})
    missing = degrees(down)
    waves = kahn(missing, down)
    assert [set(wave) for wave in waves] == [set(wave) for wave in nx.topological_generations(as_networkx(down))]
    assert not any(missing.values())


@settings(deadline=None)
@given(edges)
def test_G1_a_circle_of_waits_shares_one_height(edges: set[tuple[int, int]]) -> None:
    down = rows(edges)
    condensed = nx.condensation(as_networkx(down))
    expected = {}
    for height, generation in enumerate(nx.topological_generations(condensed)):
        for component in generation:
            expected.update(dict.fromkeys(condensed.nodes[component]["members"], height))
    found = heights(NODES, down)
    assert found == expected and list(found) == list(NODES)


@settings(deadline=None)
@given(edges)
def test_components_are_networkx_ones_upstream_first(edges: set[tuple[int, int]]) -> None:
    down = rows(edges)
    found = components(NODES, down)
    assert sorted(map(sorted, found)) == sorted(map(sorted, nx.strongly_connected_components(as_networkx(down))))
    place = {node: at for at, component in enumerate(found) for node in component}
    assert all(place[tail] <= place[head] for tail, head in edges)


@settings(deadline=None)
@given(edges, st.sets(st.sampled_from(NODES)))
def test_T8_origins_are_the_least_fixpoint(edges: set[tuple[int, int]], own: set[int]) -> None:
    up = rows(edges)
    inherits = {node: [] if node in own else heads for node, heads in up.items()}
    ends = set().union(*nx.attracting_components(as_networkx(inherits)))
    found = origins(NODES, up, own)
    for node in NODES:
        assert found[node] == {node, *reach([node], inherits)} & ends


def test_T8_a_circle_that_nothing_enters_is_its_own_origin() -> None:
    found = origins("abc", {"a": "b", "b": "a", "c": "b"})
    assert found == dict.fromkeys("abc", frozenset("ab"))


def test_T8_nodes_with_the_same_origins_share_the_set() -> None:
    found = origins("abcd", {"b": "a", "c": "a", "d": "bc"})
    assert found["d"] is found["b"] is found["a"] == {"a"}


@settings(deadline=None)
@given(edges, st.sampled_from(NODES), st.sampled_from(NODES))
def test_search_agrees_with_networkx(edges: set[tuple[int, int]], start: int, end: int) -> None:
    down = rows(edges)
    graph = as_networkx(down)
    way = path(start, end, down.__getitem__)
    assert (way is not None) == nx.has_path(graph, start, end)
    if way is not None:
        assert len(way) - 1 == nx.shortest_path_length(graph, start, end) and (way[0], way[-1]) == (start, end)
        assert all(graph.has_edge(*edge) for edge in pairwise(way))
    assert reach([start], down) - {start} == nx.descendants(graph, start)


def test_law_acyclic_or_declared_long_circles_use_no_stack() -> None:
    n = 10_000
    chain = {i: [i + 1] for i in range(n - 1)}
    assert heights(range(n), chain)[n - 1] == n - 1
    ring = {**chain, n - 1: [0, n], n: []}
    found = heights(range(n + 1), ring)
    assert set(found.values()) == {0, 1} and found[n] == 1
    assert [len(component) for component in components(ring, ring)] == [n, 1]
    cycle = find_cycle(ring, ring)
    assert cycle is not None and len(cycle) == n + 1
    assert origins(range(n), {i + 1: [i] for i in range(n - 1)})[n - 1] == {0}


def test_heads_without_a_row_count_as_nodes() -> None:
    assert heights(["a"], {"a": "bb"}) == {"a": 0, "b": 1}
    assert heights(["a"], {"a": "b", "b": "c"}) == {"a": 0, "b": 1, "c": 2}
    assert find_cycle([], {}) is None and components([], {}) == [] and heights([], {}) == {} and origins([], {}) == {}
