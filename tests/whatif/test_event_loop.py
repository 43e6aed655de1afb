"""The event loop over a window gives what the reference gives: begin, end, state and attempts of each instance."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reactive_dag as rd
from reactive_dag.interop.examples import open_example
from reactive_dag.whatif.loops.checks import what_misleads
from reactive_dag.whatif.window.white_list import NotStatic
from tests.support.loops import limited_question, of_course, of_loop, played, window_of
from tests.support.profiles import examples
from tests.support.windows import last_question


def compared(simulation: rd.Simulation | None) -> str:
    """Whether one question is answered equally; else why it was not asked."""
    if simulation is None:
        return "refused"
    try:
        window = window_of(simulation)
    except NotStatic:
        return "not static"
    loop = played(window, simulation)
    if what_misleads(loop):
        return "misled"
    got, want = of_loop(window, loop), of_course(simulation)
    differ = [(key, want.get(key), got.get(key)) for key in want.keys() | got.keys() if want.get(key) != got.get(key)]
    assert not differ, differ[:3]
    return "equal"


@settings(max_examples=examples(80), deadline=None)
@given(seed=st.integers(0, 10**9))
def test_W40_the_event_loop_equals_the_reference(seed: int) -> None:
    compared(limited_question(seed))


@settings(max_examples=examples(40), deadline=None)
@given(seed=st.integers(0, 10**9))
def test_W40_with_joins_sources_and_partitions(seed: int) -> None:
    simulation = last_question(seed)
    if simulation is not None:
        compared(simulation)


def test_W40_a_window_with_a_wait_that_is_lost_as_it_begins_is_not_the_loops() -> None:
    """Here the loop left waits open that the reference ended at once."""
    assert compared(last_question(1076901)) == "misled"


def test_W40_most_drawn_questions_are_asked() -> None:
    found = Counter(compared(limited_question(seed)) for seed in range(40))
    assert found["equal"] > 30, found


def single(**task: object) -> rd.Graph:
    """One task, on a clock."""
    graph = rd.Graph("single")
    graph.dag("d", schedule="0 0 * * *").add(lambda: None, id="t", **task)  # type: ignore[arg-type]
    return graph


def asked(graph: rd.Graph, *changes: object, until: str = "1h", span: object = "10m") -> rd.Simulation:
    """A simulation of an hour."""
    base = rd.simulate(graph, start="2026-11-23T00:00Z", until=until, default_duration=span)  # type: ignore[arg-type]
    return base.what_if(*changes)  # type: ignore[arg-type]


def soft() -> rd.Graph:
    """A DAG that only waits, in vain."""
    graph = rd.Graph("soft")
    graph.dag("up", schedule="30 0 * * *").add(lambda: None, id="t")
    graph.dag("d", schedule="0 0 * * *").wait_for(
        "up", logical_date=timedelta(minutes=-30), timeout="5m", soft_fail=True
    )
    return graph


CASES = {
    "a run of nothing but a wait that is skipped": asked(soft()),
    "a failure that is tried again at once": asked(single(retries=2), rd.fail("d.t")),
    "an end at the instant of its timeout": asked(single(timeout="10m")),
    "a timeout that is not tried again": asked(single(timeout="5m", retries=3, retry_on=[ValueError])),
    "what takes no time": asked(single(), span="0s"),
}


@pytest.mark.parametrize("name", CASES)
def test_W40_smallest_cases(name: str) -> None:
    assert compared(CASES[name]) == "equal"


def test_W40_a_retry_without_delay_goes_before_what_waits_behind_it() -> None:
    graph = rd.Graph("pool")
    graph.pool("p", 1)
    dag = graph.dag("d", schedule="0 0 * * *")
    dag.add(lambda: None, id="first", pool="p", retries=1, priority=1)
    dag.add(lambda: None, id="second", pool="p")
    simulation = asked(graph, rd.fail("d.first"))
    assert compared(simulation) == "equal"
    begun = {row.task: row.start for row in simulation.timeline()}
    assert (begun["second"] - begun["first"]).total_seconds() == 20 * 60


def test_W40_an_attempt_that_is_cancelled_at_the_head_of_its_line_lets_the_others_go() -> None:
    graph = rd.Graph("pool")
    graph.pool("p", 3)
    graph.dag("long", schedule="0 0 * * *").add(lambda: None, id="t", pool="p", slots=2)
    graph.dag("wide", schedule="0 0 * * *", timeout="30m").add(lambda: None, id="t", pool="p", slots=3, priority=1)
    graph.dag("wide2", schedule="10 0 * * *", timeout="30m").add(lambda: None, id="t", pool="p", slots=3, priority=1)
    graph.dag("small", schedule="20 0 * * *").add(lambda: None, id="t", pool="p")
    simulation = asked(graph, span="2h")
    assert compared(simulation) == "equal"
    assert [f"{run.started:%H:%M}" for run in simulation.runs_of("small")] == ["00:20"]
    assert [f"{row.start:%H:%M}" for row in simulation.timeline("small")] == ["00:40"]


def test_W40_a_run_timeout_counts_when_nothing_else_is_left() -> None:
    graph = rd.Graph("late")
    graph.dag("up", schedule="0 12 * * *").add(lambda: None, id="t")
    graph.dag("down", schedule="0 0 * * *", timeout="90m").wait_for("up", match="same_day", id="w")
    simulation = asked(graph)
    assert simulation.runs_of("down")[0].state == "failed"
    assert compared(simulation) == "equal"


def test_W40_the_estate_with_failures_pools_and_workers() -> None:
    graph = open_example("mozilla").graph
    tasks = [f"{dag.id}.{task.id}" for dag in graph.dags.values() for task in dag.tasks.values() if task.kind == "task"]
    base = rd.simulate(graph, start="2026-11-23T00:00Z", until="1d", default_duration=rd.spread_durations("5m", "40m"))
    draw = Random(4)
    changes = [rd.fail(task, 0.3) for task in draw.sample(tasks, 60)]
    assert compared(base.what_if(*changes)) == "equal"
