"""What made room on a critical path: the end of an attempt, which need not be the last one of its task."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from reactive_dag.whatif.answers.critical_path import hops, steps_of
from reactive_dag.whatif.outcome.loop_outcome import LoopOutcome
from tests.whatif.test_window_answers import told_alike

TICK = "tick 2026-11-23T01:00:00Z"


def _told(simulation: rd.Simulation, dag: str) -> list[tuple[str, str, str]]:
    """The path to a DAG's run: step, link, from when to when; the same from arrays and from the reference."""
    assert isinstance(simulation.outcome, LoopOutcome)
    told_alike(simulation.outcome, simulation.trace)
    path = simulation.critical_path(dag)
    run = simulation.trace.by_key[path.run.key]
    assert list(path) == steps_of(simulation.trace, hops(simulation.trace, run))
    return [(step.name, step.link, f"{step.start:%H:%M}-{step.end:%H:%M}") for step in path]


def _retried(limit: str) -> rd.Simulation:
    """`first` fails 01:00 to 01:20 and has 30 minutes until it is tried again; `second` waits for its place."""
    graph = rd.Graph("room")
    pool = {"pool": "p"} if limit == "pool" else {}
    graph.pool("p", 1)
    graph.dag("first", schedule="0 1 * * *").add(lambda: None, "t", retries=1, retry_delay="30m", **pool)
    graph.dag("second", schedule="10 1 * * *").add(lambda: None, "t", **pool)
    base = rd.simulate(graph, start="2026-11-23T00:00Z", until="1d", default_duration="20m")
    return base.what_if(rd.fail("first.t", 1), *([rd.workers(1)] if limit == "workers" else []))


@pytest.mark.parametrize("limit", ["pool", "workers"])
def test_W50_an_attempt_that_is_tried_again_made_room(limit: str) -> None:
    late = _retried(limit)
    assert _told(late, "second") == [
        (TICK, "", "01:00-01:00"), ("first.t", "caused by", "01:00-01:20"), ("second.t", "slot", "01:20-01:40"),
    ]  # fmt: skip
    assert _told(late, "first") == [(TICK, "", "01:00-01:00"), ("first.t", "caused by", "01:00-02:10")]
    (row,) = [row for row in late.timeline() if row.dag == "second"]
    assert row.waited_for == "first.t (its place)"


def test_W50_the_second_attempt_made_room_after_another_had_the_place() -> None:
    """`second` has the place from 01:20 to 01:40, `first` again from 01:50 to 02:10, and then `third`."""
    graph = rd.Graph("room")
    graph.pool("p", 1)
    for dag, schedule in (("first", "0 1 * * *"), ("second", "10 1 * * *"), ("third", "55 1 * * *")):
        graph.dag(dag, schedule=schedule).add(lambda: None, "t", retries=1, retry_delay="30m", pool="p")
    base = rd.simulate(graph, start="2026-11-23T00:00Z", until="1d", default_duration="20m")
    late = base.what_if(rd.fail("first.t", 1))
    assert _told(late, "third") == [
        (TICK, "", "01:00-01:00"), ("first.t", "caused by", "01:00-02:10"), ("third.t", "slot", "02:10-02:30"),
    ]  # fmt: skip


def test_W50_what_takes_no_time_made_no_room() -> None:
    """At 01:20 `first` ends; `none` has the place for no time, and `second` begins at the same instant."""
    graph = rd.Graph("room")
    graph.pool("p", 1)
    for dag, minute in (("first", 0), ("none", 5), ("second", 10)):
        graph.dag(dag, schedule=f"{minute} 1 * * *").add(lambda: None, "t", pool="p")
    late = rd.simulate(graph, start="2026-11-23T00:00Z", until="1d", default_duration="20m", durations={"none": "0s"})
    assert _told(late, "second") == [
        (TICK, "", "01:00-01:00"), ("first.t", "caused by", "01:00-01:20"), ("second.t", "slot", "01:20-01:40"),
    ]  # fmt: skip
    assert {row.task: row.slack for row in late.slack()} and len(late.slack()) == 3


def test_W50_a_wait_that_holds_nothing_made_no_room() -> None:
    """`watch` ends at 01:20 as `first` does, the last by name; the worker came from `first`."""
    graph = rd.Graph("room")
    first = graph.dag("first", schedule="0 1 * * *")
    first.add(lambda: None, "t")
    graph.dag("watch", schedule="0 1 * * *").wait_for(first, id="w")
    graph.dag("second", schedule="10 1 * * *").add(lambda: None, "t")
    base = rd.simulate(graph, start="2026-11-23T00:00Z", until="1d", default_duration="20m")
    assert _told(base.what_if(rd.workers(1)), "second")[1:] == [
        ("first.t", "caused by", "01:00-01:20"), ("second.t", "slot", "01:20-01:40"),
    ]  # fmt: skip
