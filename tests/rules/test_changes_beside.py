"""Changes of a graph beside a running engine: a bulk that is taken back, and what is not taken up yet (G1, T11)."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from tests.support.engines import live, states


def extras(run):
    return [event.extra for event in run.events]


def test_T11_a_bulk_that_is_taken_back_leaves_a_running_engine_the_graph_that_it_looks_into():
    graph = rd.Graph("bulk")
    graph.dag("job", on=graph.dataset("a"))(extras)
    tables = graph.dags, graph.datasets, graph.pools
    with live(graph) as engine:
        with pytest.raises(ZeroDivisionError), graph.bulk():
            graph.remove("job")
            graph.dag("other", on=graph.dataset("new"))(extras)
            graph.pool("p", slots=1)
            raise ZeroDivisionError
        assert (graph.dags, graph.datasets, graph.pools) == tables
        assert all(now is then for now, then in zip((graph.dags, graph.datasets, graph.pools), tables, strict=True))
        graph.dag("late", on=rd.updated("a"))(extras)
        graph.remove("job")
        engine.publish("a")
        engine.run_until_idle()
        assert states(engine) == ["late success"]


def test_T11_a_bulk_that_is_taken_back_leaves_the_order_of_declaration():
    graph = rd.Graph("ordered")
    for id in "abc":
        graph.dag(id)(extras)
    with pytest.raises(ZeroDivisionError), graph.bulk():
        graph.remove("a")
        graph.dag("a")(extras)
        raise ZeroDivisionError
    graph._check()
    assert list(graph.dags) == [*"abc"] == graph.order()


def test_T11_pending_of_a_trigger_that_is_replaced_and_not_taken_up_yet():
    graph = rd.Graph("named")
    a, b = graph.dataset("a"), graph.dataset("b")
    graph.dag("job", on={"one": a & b, "two": rd.updated(b)})(extras)
    with live(graph) as engine:
        engine.publish("a")
        engine.run_until_idle()
        graph.dag("job", on=rd.updated(a).batch(count=2))(extras)
        assert engine.pending("job").joins == {"one": "", "two": ""}
        graph.dag("job")(extras)
        assert [part.pending for part in engine.pending("job").parts] == [1, 0, 0]
        engine.run_until_idle()
        assert not engine.pending("job").parts
