"""The order in which slots are given out (R5): priority, request, height, DAG id, position; live and simulated."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from reactive_dag.model.records import AnyRecord, RunStarted, TaskStarted
from tests.support.engines import live, of_kind, parts, records_of

START = "2026-11-23T00:00Z"


def nothing() -> None:
    """A body."""


def busy_hour() -> rd.Graph:
    """All begins at the full hour: `b` has a task of high priority, `deep` stands higher than `z`."""
    graph = rd.Graph("hour")
    hour = rd.every("1h")
    graph.dag("z", on=hour).add(nothing, id="t")
    for name in ("b", "a"):
        dag = graph.dag(name, on=hour)
        for task, priority in (("second", 0), ("first", 0), ("urgent", 5 if name == "b" else 0)):
            dag.add(nothing, id=task, priority=priority)
    graph.dag("deep", on=hour | rd.completed("never"))
    graph.dags["deep"].add(nothing, id="t")
    graph.dag("never", on=rd.completed("z", states="cancelled")).add(nothing, id="t")
    return graph


EXPECTED = [
    ("b", "urgent"), ("a", "second"), ("a", "first"), ("a", "urgent"), ("b", "second"), ("b", "first"), ("z", "t"),
    ("deep", "t"),
]  # fmt: skip


def begun(records: list[AnyRecord]) -> list[tuple[str, str]]:
    """Each attempt in the order in which it was given its slot."""
    dags = {record.run: record.dag for record in records if isinstance(record, RunStarted)}
    return [(dags[record.run], record.task) for record in records if isinstance(record, TaskStarted)]


def test_R5_slots_are_given_out_by_priority_request_height_dag_and_position() -> None:
    with live(busy_hour(), start=START, runner=rd.InlineRunner()) as engine:
        engine.advance("61m")
        assert begun(records_of(engine)) == EXPECTED


def test_R5_a_simulation_gives_out_slots_in_the_same_order() -> None:
    found = rd.simulate(busy_hour(), start="2026-11-23T00:30Z", until="1h", default_duration="1m")
    log = found.trace.fold.log
    assert begun(log.read(0, log.next_offset)) == EXPECTED


def test_R5_slots_are_given_out_when_all_of_an_instant_is_decided() -> None:
    """The event that reaches the higher DAG comes first; the lower one has the slot first."""
    graph = rd.Graph("wave")
    x, y = graph.dataset("x"), graph.dataset("y")
    graph.dag("low", on=y).add(nothing, id="t")
    graph.dag("a high", on=rd.updated(x) | rd.completed("low", states="cancelled")).add(nothing, id="t")
    with live(graph, runner=rd.InlineRunner()) as engine:
        engine.publish_many([(x, {}), (y, {})])
        engine.run_until_idle()
        assert begun(records_of(engine)) == [("low", "t"), ("a high", "t")]
        assert [record.dag for record in of_kind(engine, RunStarted)] == ["low", "a high"]


def test_R5_an_earlier_request_goes_first_and_a_pause_holds_runs_back() -> None:
    graph = rd.Graph("pauses")
    a, b = graph.dataset("a"), graph.dataset("b")
    graph.dag("early", on=b, paused=True).add(nothing, id="t")
    graph.dag("a late", on=a).add(nothing, id="t")
    with live(graph, runner=rd.InlineRunner()) as engine:
        engine.start("early")
        engine.advance("1m")
        assert begun(records_of(engine)) == [] and parts(engine).fold.slots.queued("early")
        engine.publish(a)
        engine.resume("early")
        engine.run_until_idle()
        assert begun(records_of(engine)) == [("early", "t"), ("a late", "t")]


@pytest.mark.parametrize("runner", [rd.InlineRunner(), rd.ThreadRunner(1)], ids=["inline", "thread"])
def test_R5_a_priority_that_is_declared_counts_before_its_first_run(runner: rd.InlineRunner | rd.ThreadRunner) -> None:
    graph = rd.Graph("priorities")
    x = graph.dataset("x")
    graph.dag("p", on=x).add(nothing, id="t")
    graph.dag("q", on=rd.completed("p")).add(nothing, id="t", priority=5)
    with live(graph, runner=runner) as engine:
        engine.publish_many([(x, {}) for _ in range(3)])
        engine.run_until_idle()
        assert begun(records_of(engine)) == [("p", "t"), ("q", "t")] * 3
