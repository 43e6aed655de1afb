"""The topology: refused cycles, rollback, heights; against networkx on random changes."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reactive_dag.model.errors import CycleError, UnknownId
from reactive_dag.resolve.topology import Topology

Pair = tuple[str, str]


def whole(topology: Topology[str]) -> object:
    """All that can be seen of a topology, and its ranks."""
    topology._check()
    ranks = dict(sorted(topology._ranks.rank.items()))
    return list(topology), list(topology.edges()), topology.order(), topology.levels(), ranks


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
    assert list(topology) == ["b", "a", "c"]


def test_G1_a_refused_edge_leaves_the_graph_as_it_was() -> None:
    topology: Topology[str] = Topology(free=("clock",))
    topology.add_edges([("a", "b"), ("b", "c")])
    topology.add_edges([("c", "a")], kind="clock")
    before = whole(topology)
    with pytest.raises(CycleError):
        topology.add_edges([("x", "a"), ("c", "y"), ("y", "x")])
    assert whole(topology) == before


def test_G1_a_refused_bulk_leaves_the_graph_as_it_was() -> None:
    topology: Topology[str] = Topology()
    topology.add_edges(chain(5))
    before = whole(topology)
    with pytest.raises(CycleError) as caught, topology.bulk():
        topology.remove_node("n2")
        topology.add_edges([("n4", "n0"), ("new", "n0")])
        assert topology.height("n0") == 2 and topology.upstream("n0") == {"n3", "n4", "new"}
        topology.add_edges([("n0", "n2"), ("n2", "n3")])
    path = caught.value.path
    assert path[0] == path[-1] and set(path) == {"n0", "n2", "n3", "n4"}
    assert whole(topology) == before


def test_G1_a_change_is_undone_by_any_exception_and_by_itself_only() -> None:
    topology: Topology[str] = Topology()
    with topology.change():
        topology.add_edges([("a", "b")])
        with pytest.raises(ZeroDivisionError), topology.change():
            topology.remove_node("a")
            topology.add_edges([("b", "a")])
            raise ZeroDivisionError
    assert list(topology.edges()) == [("a", "b", "")]
    with pytest.raises(CycleError):
        topology.add_edges([("b", "a")])


def test_G1_a_change_undone_after_a_look_inside_a_bulk_puts_the_check_off_again() -> None:
    topology: Topology[str] = Topology()
    with topology.bulk():
        topology.add_edges(chain(20))
    with topology.bulk():
        topology.add_edges([("n19", "next")])
        with pytest.raises(ZeroDivisionError), topology.change():
            topology.add_edges([("next", "other")])
            assert topology.height("other") == 21
            raise ZeroDivisionError
    assert topology.order() == [*(f"n{i}" for i in range(20)), "next"]
    topology._check()
    with pytest.raises(CycleError):
        topology.add_edges([("next", "n0")])


def test_G1_a_removal_undone_after_a_look_gives_the_heights_back() -> None:
    topology: Topology[str] = Topology()
    topology.add_edges(chain(5))
    before = whole(topology)
    with pytest.raises(ZeroDivisionError), topology.change():
        topology.remove_edges([("n1", "n2")])
        assert topology.height("n4") == 2
        raise ZeroDivisionError
    assert whole(topology) == before


def test_G1_free_edges_make_no_cycle_and_no_height() -> None:
    topology: Topology[str] = Topology(free=("clock", "absent"))
    topology.add_edges([("a", "b")])
    topology.add_edges([("b", "a")], kind="absent")
    topology.add_edges([("a", "a")], kind="clock")
    assert topology.levels() == [["a"], ["b"]]
    assert topology.upstream("a") == frozenset() and topology.upstream("a", free=True) == {"b"}
    assert topology.children("b") == () and topology.children("b", free=True) == ("a",)
    assert list(topology.edges()) == [("a", "a", "clock"), ("a", "b", ""), ("b", "a", "absent")]
    assert list(topology.edges("absent")) == [("b", "a", "absent")]
    topology.remove_node("b")
    assert list(topology.edges()) == [("a", "a", "clock")]


def test_G1_kinds_between_the_same_nodes_are_edges_of_their_own() -> None:
    topology: Topology[str] = Topology()
    topology.add_edges([("a", "b"), ("a", "b")], kind="trigger")
    topology.add_edges([("a", "b")], kind="wait")
    topology.remove_edges([("a", "b")], kind="trigger")
    topology.remove_edges([("a", "b"), ("b", "q")], kind="trigger")
    assert list(topology.edges()) == [("a", "b", "wait")]
    with pytest.raises(CycleError):
        topology.add_edges([("b", "a")])
    topology.remove_edges([("a", "b")], kind="wait")
    topology.add_edges([("b", "a")])
    assert topology.order() == ["b", "a"]


def test_find_cycle_changes_nothing() -> None:
    topology: Topology[str] = Topology()
    topology.add_edges(chain(4))
    before = whole(topology)
    assert topology.find_cycle() is None
    assert topology.find_cycle([("n3", "q"), ("q", "r")]) is None
    assert topology.find_cycle([("n3", "q"), ("q", "n1")]) == ("q", "n1", "n2", "n3", "q")
    assert whole(topology) == before


def test_an_unknown_node_is_named() -> None:
    topology: Topology[str] = Topology()
    looks: list[Callable[[str], object]] = [
        topology.height,
        topology.parents,
        topology.upstream,
        topology.downstream,
        topology.remove_node,
    ]
    for look in looks:
        with pytest.raises(UnknownId, match="nobody is no node"):
            look("nobody")


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
    assert topology.height("n9999") == 9_999 and len(topology.downstream("n0")) == 9_999
    topology.add_edges([("start", "n0")])
    assert topology.height("n9999") == 10_000
    topology._check()


def test_law_acyclic_or_declared_in_bulk() -> None:
    edges = random.Random(5).sample(chain(10_000), 9_999)
    topology: Topology[str] = Topology()
    with pytest.raises(CycleError) as caught, topology.bulk():
        topology.add_edges([*edges, ("n9999", "n0")])
    assert len(caught.value.path) == 10_001 and len(topology) == 0
    with topology.bulk():
        topology.add_edges(edges)
    assert topology.order() == [f"n{i}" for i in range(10_000)]


# --------------------------------------------------------------------------- against networkx, on random changes

nodes = st.sampled_from("abcdefgh")
pairs = st.lists(st.tuples(nodes, nodes), min_size=1, max_size=4)
step = st.one_of(
    st.tuples(st.sampled_from(["add", "add", "add", "remove", "free", "find"]), pairs),
    st.tuples(st.sampled_from(["node", "drop", "look"]), nodes),
)
steps = st.lists(step, max_size=12)
plan = st.lists(
    st.tuples(st.sampled_from(["each", "change", "bulk", "bulk_in_change"]), steps, st.booleans()), max_size=6
)


class Abandoned(Exception):
    """Raised by a test inside a change."""


def copy(graph: nx.MultiDiGraph) -> nx.MultiDiGraph:
    return graph.copy()


def counted(graph: nx.MultiDiGraph) -> nx.DiGraph:
    found = nx.DiGraph()
    found.add_nodes_from(graph)
    found.add_edges_from((tail, head) for tail, head, kind in graph.edges(keys=True) if kind != "free")
    return found


def is_acyclic(graph: nx.MultiDiGraph) -> bool:
    return bool(nx.is_directed_acyclic_graph(counted(graph)))


def do(topology: Topology[str], graph: nx.MultiDiGraph, what: str, given: object) -> None:
    """One step on both; raises CycleError as the topology does."""
    if what in ("add", "free"):
        kind = "free" if what == "free" else "data"
        graph.add_edges_from((tail, head, kind) for tail, head in given)  # type: ignore[attr-defined]
        topology.add_edges(given, kind=kind)  # type: ignore[arg-type]
    elif what == "remove":
        graph.remove_edges_from((tail, head, "data") for tail, head in given)  # type: ignore[attr-defined]
        topology.remove_edges(given, kind="data")  # type: ignore[arg-type]
    elif what == "find":
        trial = counted(graph)
        trial.add_edges_from(given)
        assert (topology.find_cycle(given) is None) == nx.is_directed_acyclic_graph(trial)  # type: ignore[arg-type]
    elif what == "node":
        graph.add_node(given)
        topology.add_node(given)  # type: ignore[arg-type]
    elif given in graph:
        if what == "drop":
            graph.remove_node(given)
            topology.remove_node(given)  # type: ignore[arg-type]
        else:
            depth = topology.height(given)  # type: ignore[arg-type]
            assert depth == nx.dag_longest_path_length(
                counted(graph).subgraph({*nx.ancestors(counted(graph), given), given})
            )


def compare(topology: Topology[str], graph: nx.MultiDiGraph) -> None:
    topology._check()
    plain = counted(graph)
    assert set(topology) == set(graph) and sorted(topology.edges()) == sorted(graph.edges(keys=True))
    assert [set(level) for level in topology.levels()] == [set(level) for level in nx.topological_generations(plain)]
    for node in graph:
        assert topology.upstream(node) == nx.ancestors(plain, node)
        assert topology.downstream(node, free=True) == nx.descendants(graph, node)


def one_by_one(topology: Topology[str], graph: nx.MultiDiGraph, steps: Iterable[tuple[str, object]]) -> nx.MultiDiGraph:
    for what, on in steps:
        before, seen = copy(graph), whole(topology)
        try:
            do(topology, graph, what, on)
        except CycleError as error:
            tried = counted(graph)
            assert not nx.is_directed_acyclic_graph(tried) and error.path[0] == error.path[-1]
            assert all(tried.has_edge(*edge) for edge in zip(error.path, error.path[1:]))
            assert whole(topology) == seen
            graph = before
        else:
            assert is_acyclic(graph)
    return graph


def together(
    topology: Topology[str], graph: nx.MultiDiGraph, how: str, steps: Iterable[tuple[str, object]], give_up: bool
) -> nx.MultiDiGraph:
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


@settings(deadline=None, max_examples=200)
@given(plan)
def test_G1_random_changes_agree_with_networkx(plan: list[tuple[str, list[tuple[str, object]], bool]]) -> None:
    topology: Topology[str] = Topology(free=("free",))
    graph = nx.MultiDiGraph()
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
