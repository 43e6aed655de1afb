"""The graph: edges, cycles, bulk, changes, and what it can be asked (tour 4; G1, G4)."""

from __future__ import annotations

import itertools

import pytest

import reactive_dag as rd
from reactive_dag.declare.analysis.edges import Edge
from reactive_dag.declare.graph import Graph
from reactive_dag.declare.internals import analysis_of, subscribe, version_of
from reactive_dag.model.errors import CycleError, GraphError, UnknownId
from reactive_dag.triggers.leaves.dataset import Dataset


@pytest.fixture
def graph() -> Graph:
    return Graph("sales")


def task(dag, id="t", **options):
    return dag.add(lambda run: 1, id=id, **options)


def everything(graph):
    """All that a refused change must leave as it was."""
    graph._check()
    return (
        {id: (dag, dict(dag.tasks), dag.outlets, dag.triggers) for id, dag in graph.dags.items()},
        dict(graph.datasets),
        graph.edges,
        graph.order(),
    )


# --------------------------------------------------------------------------------------------------- G1


def test_G1_edges(graph):
    orders, mart = graph.dataset("orders"), graph.dataset("mart")
    ingest = graph.dag("ingest", schedule="0 2 * * *")
    task(ingest, "extract")
    task(ingest, "load", after="extract", outlets=[orders])
    build = graph.dag("build", on=orders, outlets=[mart])
    build.wait_for(ingest, task="load")
    graph.dag("report", on=rd.completed(build) & rd.completed(ingest, task="load"))
    graph.dag("alert", on=rd.absent(mart, at=rd.cron("0 6 * * *"), after=rd.completed("build")) | rd.completed("*"))
    assert graph.edges == [
        Edge("clock", "rd.cron('0 2 * * *')", "ingest", "clock"),
        Edge("task", "ingest.extract", "ingest.load", "task", "task"),
        Edge("outlet", "ingest.load", "orders", "task", "dataset"),
        Edge("updated", "orders", "build", "dataset"),
        Edge("outlet", "build", "mart", "dag", "dataset"),
        Edge("wait", "ingest.load", "build.wait_ingest_load", "task", "task"),
        Edge("completed", "build", "report"),
        Edge("completed", "ingest.load", "report", "task"),
        Edge("absent", "mart", "alert", "dataset"),
        Edge("absent", "build", "alert"),
        Edge("clock", "rd.cron('0 6 * * *')", "alert", "clock"),
        Edge("completed", "*", "alert"),
    ]
    graph._check()


def test_G1_a_cycle_through_datasets_is_refused_with_its_whole_path(graph):
    x, y = graph.dataset("s3://x"), graph.dataset("s3://y")
    graph.dag("a", on=x, outlets=[y])
    graph.dag("b", on=y)
    before = everything(graph)
    with pytest.raises(CycleError) as caught:
        graph.dag("c", on=rd.completed("b"), outlets=[x])
    path = caught.value.path
    assert path[0] == path[-1] and set(path) == {"s3://x", "a", "s3://y", "b", "c"} and len(path) == 6
    following = {("s3://x", "a"), ("a", "s3://y"), ("s3://y", "b"), ("b", "c"), ("c", "s3://x")}
    assert set(itertools.pairwise(path)) == following
    assert "test_graph.py:" in str(caught.value) and " -> ".join(path) in str(caught.value)
    assert everything(graph) == before and "c" not in graph.dags


def test_G1_a_cycle_through_a_tasks_outlet(graph):
    x = graph.dataset("x")
    a = graph.dag("a", on=x)
    task(a, "one")
    before = everything(graph)
    with pytest.raises(CycleError) as caught:
        task(a, "two", outlets=[x])
    assert set(caught.value.path) == {"a", "x"} and everything(graph) == before
    with pytest.raises(CycleError):
        graph.dag("b", on=rd.completed("b"))
    with pytest.raises(CycleError):

        @graph.dag(on=Dataset("new"), outlets=["new"])
        def loop(run): ...

    assert everything(graph) == before


def test_G1_dags_that_wait_for_each_others_tasks_are_fine(graph):
    a, b = graph.dag("a", schedule="@daily"), graph.dag("b", schedule="@daily")
    task(a, "a1")
    b.wait_for(a, task="a1")
    task(b, "b1", after="wait_a_a1")
    a.wait_for(b, task="b1")
    task(a, "a2", after="wait_b_b1")
    assert graph.height("a") == graph.height("b") == 0 and graph.levels() == [["a", "b"]]
    before = everything(graph)
    with pytest.raises(CycleError) as caught:  # a1 would follow a2
        task(a, "a1", after="a2")
    assert set(caught.value.path) == {"a.a1", "b.wait_a_a1", "b.b1", "a.wait_b_b1", "a.a2"}
    assert everything(graph) == before
    b.wait_for("a")  # b1 does not follow it: fine
    before = everything(graph)
    with pytest.raises(CycleError) as caught:
        task(b, "b1", after=["wait_a_a1", "wait_a"])
    assert set(caught.value.path) == {"a.wait_b_b1", "a.a2", "b.wait_a", "b.b1"} and everything(graph) == before


def test_G1_waiting_for_the_whole_run_that_waits_is_a_cycle(graph):
    a, b = graph.dag("a"), graph.dag("b")
    task(a)
    task(b)
    a.wait_for(b)
    before = everything(graph)
    with pytest.raises(CycleError) as caught:
        b.wait_for(a)
    assert set(caught.value.path) == {"b.wait_a", "b", "a.wait_b", "a"} or "b.wait_a" in caught.value.path
    assert everything(graph) == before


def test_G1_a_wait_turns_what_listens_to_its_dag_to_its_end(graph):
    """A DAG that splits into tasks takes along the edges that others laid from it, and back."""
    a = graph.dag("a")
    task(a, "a1")
    graph.dag("b", on=rd.completed(a, task="a1"))
    graph.dag("c", on=rd.completed(a))
    a.wait_for("b", id="w")  # after a1, which b follows: fine
    everything(graph)
    with pytest.raises(CycleError) as caught:
        a.wait_for("c", id="w2")
    assert caught.value.path[0] == caught.value.path[-1] and "a.w2" in caught.value.path
    everything(graph)
    graph.dag("a")  # no waits any more
    everything(graph)


def test_G1_a_task_that_is_named_before_it_is_there(graph):
    graph.dag("a", on=rd.completed("b", task="later"))
    b = graph.dag("b")
    b.wait_for("c")
    everything(graph)
    task(b, "later", after="wait_c")
    with pytest.raises(CycleError):
        graph.dag("c", on=rd.completed("a"))
    graph.remove("b")
    graph.dag("c", on=rd.completed("a"))
    everything(graph)


def test_G1_a_trigger_on_a_dag_that_waits_for_what_it_fires(graph):
    a = graph.dag("a", on=graph.dataset("x"))
    graph.dag("b", on=rd.completed(a), outlets=["y"])
    with pytest.raises(CycleError) as caught:
        a.wait_for("b")
    assert {"a.wait_b", "a", "b"} >= set(caught.value.path)
    everything(graph)


def test_G1_time_breaks_circles(graph):
    mart = graph.dataset("mart")
    graph.dag("build", on=rd.absent(mart, for_="26h") | graph.dataset("x"), outlets=[mart])
    a = graph.dag("a", on=rd.absent(rd.completed("a"), for_="1h", after=rd.completed("b")))
    graph.dag("b", on=rd.completed("a"))
    yesterday = a.wait_for("a", logical_date="1d")
    assert yesterday.wait.looks_back and graph.height("build") == 0 and (graph.height("a"), graph.height("b")) == (0, 1)
    assert "a" in graph.downstream("b") and "build" not in graph.upstream("build")
    everything(graph)


def test_G1_heights_are_longest_paths_of_triggers_and_waits(graph):
    for at in range(4):
        graph.dag(f"d{at}", on=rd.completed(f"d{at - 1}") if at else None, outlets=[f"x{at}"])
    graph.dag("late", on=Dataset("x0") | Dataset("x3") | rd.cron("@hourly"))
    waits = graph.dag("waits", schedule="@daily")
    waits.wait_for("late")
    graph.dag("alarm", on=rd.absent(Dataset("x3"), for_="1h"))
    heights = {id: graph.height(id) for id in graph.dags}
    assert heights == {"d0": 0, "d1": 1, "d2": 2, "d3": 3, "late": 4, "waits": 5, "alarm": 0}
    assert graph.order() == ["d0", "alarm", "d1", "d2", "d3", "late", "waits"]
    assert graph.levels() == [["d0", "alarm"], ["d1"], ["d2"], ["d3"], ["late"], ["waits"]]
    with pytest.raises(UnknownId, match="no DAG 'lat'; did you mean 'late'"):
        graph.height("lat")


def test_G1_a_chain_of_10_000_is_no_matter(graph):
    with graph.bulk():
        for at in range(10_000):
            graph.dag(f"d{at}", on=rd.completed(f"d{at - 1}") if at else None)
    assert graph.height("d9999") == 9999 and len(graph.downstream("d0")) == 9999
    with pytest.raises(CycleError) as caught:
        graph.dag("d0", on=rd.completed("d9999"))
    assert len(caught.value.path) == 10_001 and len(str(caught.value)) < 1000
    graph._check()


# -------------------------------------------------------------------------------------------------- "*"


def test_star_hears_all_but_itself_and_what_follows_from_it(graph):
    graph.dag("a", tags="tier1")
    graph.dag("b", on=rd.completed("a"))
    graph.dag("alert", on=rd.completed("*", states="failed"))
    graph.dag("after", on=rd.completed("alert"))
    graph.dag("tier", on=rd.completed("*", states="failed", tags={"tier1"}))
    heard = analysis_of(graph).heard
    assert heard("alert") == {"a", "b", "tier"} and heard("tier") == {"a"} == heard("tier", {"tier1"})
    assert heard("a") == frozenset()
    assert graph.height("alert") == 2 and graph.height("after") == 3
    assert graph.downstream("b") == {"alert", "after"} and graph.upstream("alert") == {"a", "b", "tier"}
    assert "a" in graph.upstream("after")


def test_two_stars_do_not_hear_each_other_round(graph):
    graph.dag("z", on=rd.completed("*"))
    graph.dag("y", on=rd.completed("*"))
    assert analysis_of(graph).heard("y") == {"z"} and analysis_of(graph).heard("z") == frozenset()
    assert graph.height("y") == 1


# -------------------------------------------------------------------------------------------------- bulk


def test_bulk_checks_once_and_is_rolled_back_as_a_whole(graph):
    x = graph.dataset("x")
    old = graph.dag("old", on=x)
    task(old, "keep")
    gone = graph.dag("gone")
    before = everything(graph)
    with pytest.raises(CycleError) as caught, graph.bulk():
        graph.dag("a", on=rd.completed("b"), outlets=["y"])
        graph.dag("b", on=rd.completed("a"))
        task(old, "more", outlets=["z"])
        graph.remove(gone)
        graph.dag("old2")
    assert set(caught.value.path) == {"a", "b"} and everything(graph) == before
    assert gone.graph == graph.id and graph.dags["old"] is old and list(old.tasks) == ["keep"]
    with pytest.raises(ZeroDivisionError), graph.bulk():
        graph.dag("old")
        _ = 1 / 0
    assert everything(graph) == before and old.graph == graph.id
    task(old, "keep2", outlets=["w"])
    assert "w" in graph.datasets and graph.producers("w") == ("old",)


def test_bulk_takes_any_order_and_nests(graph):
    told = []
    subscribe(graph, told.append)
    with graph.bulk():
        for at in reversed(range(100)):
            with graph.bulk():
                graph.dag(f"d{at}", on=rd.completed(f"d{at - 1}") if at else None)
        assert graph.height("d99") == 99
    graph._check()
    assert told == [None] and graph.height("d99") == 99
    with graph.bulk():
        pass
    assert told == [None]


def test_a_bulk_that_closes_a_cycle_says_so_when_asked(graph):
    with pytest.raises(CycleError), graph.bulk():
        graph.dag("a", on=rd.completed("b"))
        graph.dag("b", on=rd.completed("a"))
        found = [each for each in graph.problems() if each.kind == "cycle"]
        assert set(found[0].ids) == {"a", "b"} and "a" in found[0].text and ".py:" in found[0].place
        with pytest.raises(CycleError):
            graph.check()
        graph.dag("c")
    assert not graph.dags
    with graph.bulk():
        graph.dag("a", on=rd.completed("b"))
        graph.dag("b", on=rd.completed("a"))
        graph.dag("b")  # mended before the end
    graph._check()


# ----------------------------------------------------------------------------------------------- changes


def test_a_live_engine_hears_of_each_change(graph):
    told, version = [], version_of(graph)
    stop = subscribe(graph, told.append)
    a = graph.dag("a", on=graph.dataset("x"))
    task(a)
    graph.dag("b", on=rd.completed(a))
    with pytest.raises(CycleError):
        graph.dag("a", on=rd.completed("b"))
    graph.remove("b")
    assert told == ["a", "a", "b", "b"] and version_of(graph) > version
    stop()
    stop()
    graph.remove(a)
    assert len(told) == 4 and not graph.dags


def test_remove(graph):
    graph.dag("a", on=graph.dataset("x"), outlets=["y"])
    graph.dag("b", on=Dataset("y"))
    graph.remove("a")
    graph.dag("c", on=rd.completed("b"), outlets=["x"])
    everything(graph)
    with pytest.raises(UnknownId, match="no DAG 'a'"):
        graph.remove("a")
    assert graph.producers("y") == () and graph.consumers("y") == ("b",) and graph.consumers(Dataset("x")) == ()


# --------------------------------------------------------------------------------------------------- ask


def test_upstream_downstream_impact(graph):
    raw, clean, other = (graph.dataset(n) for n in ("raw", "clean", "other"))
    graph.dag("a", on=raw, outlets=[clean])
    graph.dag("b", on=clean & other)
    b2 = graph.dag("c", on=rd.completed("b"), outlets=["mart"])
    graph.dag("d", schedule="@daily").wait_for("c")
    assert graph.upstream("d") == {"a", "b", "c"} and graph.downstream("a") == {"b", "c", "d"}
    assert graph.upstream(b2) == {"a", "b"} and graph.downstream("d") == frozenset() == graph.upstream("a")
    assert graph.impact(raw).dags == ("a", "b", "c", "d") and graph.impact("raw").datasets == ("clean", "mart")
    assert graph.impact("b").dags == ("c", "d") and graph.impact("b").datasets == ("mart",)
    assert "mart" in graph.impact("a") and "d" in graph.impact("a") and "a" not in graph.impact("a")
    assert graph.upstream(clean) == {"a"} and graph.downstream(other) == {"b", "c", "d"}
    with pytest.raises(UnknownId, match="did you mean 'clean'"):
        graph.impact("clea")


def test_a_dataset_may_be_called_like_a_dag(graph):
    x = graph.dataset("x")
    graph.dag("x", on=x, outlets=["y"])
    graph.dag("y", on=Dataset("y"))
    assert graph.upstream("y") == {"x"} and graph.height("y") == 1 and graph.downstream(x) == {"x", "y"}
    found = graph.to_networkx()
    assert {("dag", "x"), ("dataset", "x"), ("dag", "y"), ("dataset", "y")} == set(found.nodes)


def test_to_networkx(graph):
    networkx = pytest.importorskip("networkx")
    orders = graph.dataset("orders")
    task(graph.dag("ingest", schedule="@daily"), "load", outlets=[orders])
    graph.dag("mart", on=orders)
    found = graph.to_networkx()
    assert found.nodes["ingest.load"] == {"kind": "task", "name": "ingest.load"}
    assert networkx.has_path(found, "ingest.load", "mart") and found.name == "sales"
    assert ("orders", "mart", "updated") in found.edges(keys=True)


def test_G4_ready(graph):
    orders, users = graph.dataset("orders"), graph.dataset("users")
    graph.dag("a", on=rd.cron("@daily"), outlets=[orders])
    graph.dag("b", on=users)  # nobody produces users
    graph.dag("both", on=orders & rd.completed("b") & rd.cron("@hourly"))
    graph.dag("any", on=(orders | rd.completed("b")).batch(count=10))
    graph.dag("two", on=rd.at_least(2, rd.completed("a"), rd.completed("b"), rd.completed("both"), users).by(None))
    graph.dag("named", on={"one": rd.completed("both"), "other": rd.completed("any").debounce("1m")})
    assert graph.ready() == {"a", "b"}
    assert graph.ready(["a"]) == {"b", "any"}
    assert graph.ready(["a", "b"]) == {"both", "any", "two"}
    assert graph.ready(["a", "b", "any"]) == {"both", "two", "named"}
    assert graph.ready(["a", "b", "both", "two", "any"]) == {"named"}
    assert graph.ready(["a", "b", "a", "both", "a"]) == {"any", "two", "named"}
    with pytest.raises(UnknownId):
        graph.ready(["nobody"])


def test_G4_ready_takes_runs(graph):
    class Run:
        def __init__(self, dag, state):
            self.dag, self.state = dag, state

    graph.dag("a")
    graph.dag("b", on=rd.completed("a"))
    assert graph.ready([Run("a", "failed")]) == {"a"} and graph.ready([Run("a", "success")]) == {"b"}


def test_G4_star_is_any_of_those_it_hears(graph):
    graph.dag("a")
    graph.dag("b")
    graph.dag("alert", on=rd.completed("*"))
    assert graph.ready(["a"]) == {"b", "alert"} and graph.ready(["a", "alert"]) == {"b"}


def test_a_notebook_gets_what_is_registered(graph):
    from reactive_dag.model import pictures

    assert graph._repr_mimebundle_()["text/plain"] == "Graph('sales', dags=0, datasets=0)"
    dag = graph.dag("a")
    pictures.register("Dag", "text/x-test", "reactive_dag.declare.jsonform:written")
    try:
        pictures.register("Dag", "text/x-test", lambda thing: thing.id)
        assert dag._repr_mimebundle_()["text/x-test"] == "a"
        assert "text/x-test" not in graph._repr_mimebundle_(include=None)
    finally:
        pictures._pictures.pop(("Dag", "text/x-test"))


def test_a_graph_has_an_id():
    with pytest.raises(rd.InvalidValue, match="id of a graph"):
        Graph("")
    with pytest.raises(GraphError, match="partitions"):
        g = Graph("g")
        g.dataset("x", partitions=rd.day())
        g.dataset("x", partitions=rd.hour())
