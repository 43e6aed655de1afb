"""The topology: refused cycles, rollback, heights; against networkx on random changes."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reactive_dag.model.errors import CycleError
from reactive_dag.resolve.topology import Topology
from tests.support.profiles import examples

Pair = tuple[str, str]


def whole(topology: Topology[str]) -> object:
    """All that can be seen of a topology, and its ranks."""
    topology._check()
    return sorted(topology.edges()), sorted(topology._ranks.rank.items())


def chain(n: int) -> list[Pair]:
    return [(f"n{i}", f"n{i + 1}") for i in range(n - 1)]


def test_G1_a_cycle_is_refused_with_the_whole_path() -> None:
    topology: Topology[str] = Topology()
    topology.add_edges([("ingest", "orders"), ("orders", "build"), ("build", "mart")])
    with pytest.raises(CycleError, match="mart -> ingest -> orders -> build -> mart") as caught:
        topology.add_edges([("mart", "ingest")])
    assert caught.value.path == ("mart", "ingest", "orders", "build", "mart")


def test_G1_the_path_is_a_shortest_one_and_a_long_one_is_cut_in_the_message_only() -> None:
    topology: Topology[str] = Topology()
    topology.add_edges([*chain(100), ("n0", "n99")])
    with pytest.raises(CycleError) as caught:
        topology.add_edges([("n99", "n0")])
    assert caught.value.path == ("n99", "n0", "n99")
    topology.remove_edges([("n0", "n99")])
    with pytest.raises(CycleError, match=r"\(61 more\)") as caught:
        topology.add_edges([("n99", "n0")])
    assert len(caught.value.path) == 101


def test_G1_a_node_that_follows_itself_is_a_cycle() -> None:
    topology: Topology[str] = Topology()
    for _ in range(2):
        with pytest.raises(CycleError) as caught:
            topology.add_edges([("a", "a")])
        assert caught.value.path == ("a", "a")
        topology = Topology()
        topology.add_edges([("b", "a"), ("a", "c")])
    with pytest.raises(CycleError), topology.bulk():
        topology.add_edges([("a", "a")])
    assert sorted(topology.edges()) == [("a", "c"), ("b", "a")]


def test_G1_a_refused_edge_leaves_the_graph_as_it_was() -> None:
    topology: Topology[str] = Topology()
    topology.add_edges([("a", "b"), ("b", "c")])
    before = whole(topology)
    with pytest.raises(CycleError):
        topology.add_edges([("x", "a"), ("c", "y"), ("y", "x")])
    assert whole(topology) == before


def test_G1_a_refused_bulk_leaves_the_graph_as_it_was() -> None:
    topology: Topology[str] = Topology()
    topology.add_edges(chain(5))
    before = whole(topology)
    with pytest.raises(CycleError) as caught, topology.bulk():
        topology.remove_edges([("n1", "n2"), ("n2", "n3")])
        topology.prune(["n2"])
        topology.add_edges([("n4", "n0"), ("new", "n0")])
        assert topology.find_cycle() is None and "n2" not in topology
        topology.add_edges([("n0", "n2"), ("n2", "n3")])
    path = caught.value.path
    assert path[0] == path[-1] and set(path) == {"n0", "n2", "n3", "n4"}
    assert whole(topology) == before


def test_G1_a_change_is_undone_by_any_exception_and_by_itself_only() -> None:
    topology: Topology[str] = Topology()
    with topology.change():
        topology.add_edges([("a", "b")])
        with pytest.raises(ZeroDivisionError), topology.change():
            topology.remove_edges([("a", "b")])
            topology.add_edges([("b", "a")])
            raise ZeroDivisionError
    assert list(topology.edges()) == [("a", "b")]
    with pytest.raises(CycleError):
        topology.add_edges([("b", "a")])


def test_G1_a_change_undone_inside_a_bulk_undoes_no_more() -> None:
    topology: Topology[str] = Topology()
    with topology.bulk():
        topology.add_edges(chain(20))
    with topology.bulk():
        topology.add_edges([("n19", "next")])
        with pytest.raises(ZeroDivisionError), topology.change():
            topology.add_edges([("next", "other")])
            raise ZeroDivisionError
    assert "next" in topology and "other" not in topology
    topology._check()
    with pytest.raises(CycleError):
        topology.add_edges([("next", "n0")])


def test_an_edge_is_there_once_and_a_node_goes_when_it_has_none() -> None:
    topology: Topology[str] = Topology()
    topology.add_edges([("a", "b"), ("a", "b")])
    topology.remove_edges([("a", "b"), ("a", "b"), ("b", "q")])
    assert list(topology.edges()) == [] and "a" in topology
    topology.add_edges([("b", "c")])
    topology.prune(["a", "b", "q"])
    assert "a" not in topology and "b" in topology and [*topology.children("b")] == ["c"]
    assert not topology.parents("b") and not topology.children("a")
    topology.add_edges([("c", "a")])
    topology._check()


def test_find_cycle_inside_a_bulk_says_what_it_would_be_refused_for() -> None:
    topology: Topology[str] = Topology()
    topology.add_edges(chain(4))
    with pytest.raises(CycleError) as caught, topology.bulk():
        assert topology.find_cycle() is None
        topology.add_edges([("n3", "q"), ("q", "n1")])
        found = topology.find_cycle()
        assert found is not None and set(found) == {"n1", "n2", "n3", "q"}
    assert caught.value.path == found and topology.find_cycle() is None


def test_nodes_may_be_any_values_and_have_names() -> None:
    topology: Topology[tuple[str, int]] = Topology(name=lambda node: f"{node[0]}[{node[1]}]")
    topology.add_edges([(("a", 1), ("b", 2))])
    with pytest.raises(CycleError, match=r"a\[1\] -> b\[2\]"):
        topology.add_edges([(("b", 2), ("a", 1))])


@pytest.mark.parametrize("arrange", [list, lambda e: e[::-1], lambda e: random.Random(3).sample(e, len(e))])
def test_law_acyclic_or_declared(arrange: Callable[[list[Pair]], list[Pair]]) -> None:
    edges = chain(10_000)
    topology: Topology[str] = Topology()
    for edge in arrange(edges):
        topology.add_edges([edge])
    with pytest.raises(CycleError) as caught:
        topology.add_edges([("n9999", "n0")])
    assert len(caught.value.path) == 10_001
    topology.add_edges([("start", "n0")])
    topology._check()


def test_law_acyclic_or_declared_in_bulk() -> None:
    edges = random.Random(5).sample(chain(10_000), 9_999)
    topology: Topology[str] = Topology()
    with pytest.raises(CycleError) as caught, topology.bulk():
        topology.add_edges([*edges, ("n9999", "n0")])
    assert len(caught.value.path) == 10_001 and "n0" not in topology
    with topology.bulk():
        topology.add_edges(edges)
    assert sorted(topology.edges()) == sorted(edges)


# --------------------------------------------------------------------------- against networkx, on random changes

nodes = st.sampled_from("abcdefgh")
pairs = st.lists(st.tuples(nodes, nodes), min_size=1, max_size=4)
step = st.tuples(st.sampled_from(["add", "add", "add", "remove", "prune"]), pairs)
steps = st.lists(step, max_size=12)
plan = st.lists(
    st.tuples(st.sampled_from(["each", "change", "bulk", "bulk_in_change"]), steps, st.booleans()), max_size=6
)


class Abandoned(Exception):
    """Raised by a test inside a change."""


def copy(graph: nx.DiGraph) -> nx.DiGraph:
    return graph.copy()


def is_acyclic(graph: nx.DiGraph) -> bool:
    return bool(nx.is_directed_acyclic_graph(graph))


def do(topology: Topology[str], graph: nx.DiGraph, what: str, given: list[Pair]) -> None:
    """One step on both; raises CycleError as the topology does."""
    if what == "add":
        graph.add_edges_from(given)
        topology.add_edges(given)
    elif what == "remove":
        graph.remove_edges_from(given)
        topology.remove_edges(given)
    else:
        some = [tail for tail, _ in given]
        graph.remove_nodes_from([node for node in set(some) if node in graph and not graph.degree(node)])
        topology.prune(some)


def compare(topology: Topology[str], graph: nx.DiGraph) -> None:
    topology._check()
    assert {node for node in "abcdefgh" if node in topology} == set(graph)
    assert set(topology.edges()) == set(graph.edges)
    for node in graph:
        assert set(topology.parents(node)) == set(graph.predecessors(node))
        assert set(topology.children(node)) == set(graph.successors(node))


def one_by_one(topology: Topology[str], graph: nx.DiGraph, steps: Iterable[tuple[str, list[Pair]]]) -> nx.DiGraph:
    for what, on in steps:
        before, seen = copy(graph), whole(topology)
        try:
            do(topology, graph, what, on)
        except CycleError as error:
            assert not is_acyclic(graph) and error.path[0] == error.path[-1]
            assert all(graph.has_edge(*edge) for edge in zip(error.path, error.path[1:]))
            assert whole(topology) == seen
            graph = before
        else:
            assert is_acyclic(graph)
    return graph


def together(
    topology: Topology[str], graph: nx.DiGraph, how: str, steps: Iterable[tuple[str, list[Pair]]], give_up: bool
) -> nx.DiGraph:
    before, seen = copy(graph), whole(topology)
    try:
        with topology.change():
            with topology.change() if how == "change" else topology.bulk():
                for what, on in steps:
                    do(topology, graph, what, on)
                if how != "bulk_in_change" and give_up:
                    raise Abandoned
            if give_up:
                raise Abandoned
    except (CycleError, Abandoned) as error:
        assert isinstance(error, Abandoned) or not is_acyclic(graph)
        assert whole(topology) == seen
        return before
    assert is_acyclic(graph)
    return graph


@settings(deadline=None, max_examples=examples(200))
@given(plan)
def test_G1_random_changes_agree_with_networkx(plan: list[tuple[str, list[tuple[str, list[Pair]]], bool]]) -> None:
    topology: Topology[str] = Topology()
    graph = nx.DiGraph()
    for how, steps, give_up in plan:
        if how == "each":
            graph = one_by_one(topology, graph, steps)
        else:
            graph = together(topology, graph, how, steps, give_up)
        compare(topology, graph)


@pytest.mark.parametrize("seed", range(3))
def test_G1_larger_random_graphs_agree_with_networkx(seed: int) -> None:
    """Enough edges for the ranks to part: refused exactly where networkx finds a way back."""
    chance = random.Random(seed)
    topology: Topology[str] = Topology()
    graph = nx.DiGraph()
    for _ in range(400):
        edges = [(f"n{chance.randrange(100)}", f"n{chance.randrange(100)}") for _ in range(chance.choice((1, 1, 5)))]
        trial, before = nx.DiGraph(graph), whole(topology)
        trial.add_edges_from(edges)
        try:
            topology.add_edges(edges)
        except CycleError:
            assert not nx.is_directed_acyclic_graph(trial)
            assert whole(topology) == before
        else:
            assert nx.is_directed_acyclic_graph(trial)
            graph = trial
    assert max(topology._ranks.rank.values()) > 3
