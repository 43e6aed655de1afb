"""The tour's section 4: what a graph says of itself."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from tests.support.engines import live
from tests.support.sales import sales


@pytest.fixture
def graph() -> rd.Graph:
    return sales()


def test_upstream_and_downstream_are_transitive(graph):
    assert graph.upstream("report") == {"build_mart", "ingest"}
    assert graph.downstream("ingest") == {"build_mart", "report", "alert"}


def test_order_and_levels(graph):
    assert graph.order() == ["ingest", "build_mart", "report", "alert"]
    assert graph.levels() == [["ingest"], ["build_mart"], ["report"], ["alert"]]


def test_edges_go_through_triggers_outlets_and_tasks(graph):
    edges = {(edge.kind, edge.source, edge.target) for edge in graph.edges}
    assert edges >= {
        ("outlet", "ingest.ingest", "s3://lake/orders"), ("updated", "s3://lake/orders", "build_mart"),
        ("task", "build_mart.extract", "build_mart.load"), ("completed", "report", "alert"),
        ("absent", "s3://lake/mart", "alert"),
    }  # fmt: skip


def test_impact_of_a_dataset_or_a_dag(graph):
    orders = graph.datasets["s3://lake/orders"]
    assert graph.impact(orders).dags == ("build_mart", "report", "alert")
    assert graph.impact("ingest").datasets == ("s3://lake/orders", "s3://lake/mart")


def test_ready_takes_a_history_of_ids_or_runs(graph):
    assert graph.ready([]) == {"ingest"}
    assert graph.ready(["ingest"]) == {"build_mart"}
    with live(graph) as engine:
        engine.start("ingest", logical_date="now").wait()
        assert graph.ready(engine.runs()) == {"build_mart"}


def test_to_networkx(graph):
    networkx = pytest.importorskip("networkx")
    drawn = graph.to_networkx()
    assert networkx.has_path(drawn, "ingest", "report") and networkx.is_directed_acyclic_graph(drawn)
    assert networkx.ancestors(drawn, "build_mart") >= {"ingest", "ingest.ingest", "s3://lake/orders", "s3://lake/users"}


def test_cycles_go_through_datasets_and_waits():
    graph = rd.Graph("g")
    first = graph.dag("first", on=rd.completed("second"))
    with pytest.raises(rd.CycleError) as refused:
        second = graph.dag("second")
        second.add(lambda run: 1, id="t", after=[second.wait_for(first)])
    assert {"first", "second"} <= {name.partition(".")[0] for name in refused.value.path}


def test_dags_that_wait_for_each_others_tasks_are_no_cycle():
    graph = rd.Graph("g")
    one, two = graph.dag("one"), graph.dag("two")
    one.add(lambda run: 1, id="a")
    two.add(lambda run: 1, id="b", after=[two.wait_for("one", task="a", timeout="1h")])
    one.add(lambda run: 1, id="c", after=[one.wait_for("two", task="b", timeout="1h")])
    graph.check()
