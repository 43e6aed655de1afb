"""An engine's questions asked of a course that is over: what has an answer answers, all else says what to do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

import reactive_dag as rd
from reactive_dag.engine.inspect.queries import Queries
from reactive_dag.model.errors import UsageError
from reactive_dag.whatif.answers.inspector import inspector_of


def nothing() -> None:
    """A body."""


@pytest.fixture
def course() -> rd.Simulation:
    """ingest at 1 and 2 publishes orders -> report; join lacks users; late waits for ever."""
    graph = rd.Graph("shop")
    orders, users = graph.dataset("orders"), graph.dataset("users")
    graph.dag("ingest", schedule="0 1,2 * * *", outlets=[orders], params={"full": False}).add(nothing, "load")
    graph.dag("report", on=orders).add(nothing, "t")
    graph.dag("join", on=orders & users).add(nothing, "t")
    graph.dag("late", schedule="0 3 * * *").wait_for("join", id="w")
    return rd.simulate(graph, start="2026-11-23T00:00Z", until="1d", default_duration="10m")


@pytest.fixture
def inspector(course: rd.Simulation) -> Queries:
    return inspector_of(course.trace.fold)


def test_runs_by_dag_state_date_and_key(inspector: Queries) -> None:
    assert [run.dag for run in inspector.runs()] == ["late", "report", "ingest", "report", "ingest"]
    assert [run.state for run in inspector.runs(state="running")] == ["running"]
    dated = inspector.runs("ingest", logical_date="2026-11-23T02:00Z")
    assert [f"{run.ended:%H:%M}" for run in dated] == ["02:10"]
    assert inspector.run(dated[0].key[:10]) == dated[0]


def test_events_and_what_caused_a_run(inspector: Queries) -> None:
    makers = [event.run for event in inspector.events("orders")]
    assert makers == [run.key for run in inspector.runs("ingest")]
    report = inspector.runs("report")[0]
    text = str(inspector.why(report))
    assert "ingest" in text and "tick" in text
    assert inspector.why("join").missing == ["rd.updated('users')"]


def test_what_a_trigger_holds_and_what_waits(inspector: Queries) -> None:
    held = inspector.pending("join")
    assert [(part.text, part.delivered, part.pending) for part in held.parts] == [
        ("rd.updated('orders')", 2, 2), ("rd.updated('users')", 0, 0),
    ]  # fmt: skip
    assert [(wait.dag, wait.task) for wait in inspector.pending("late").waits] == [("join", "w")]
    assert inspector.pending("report").undecided == 0


def test_records_from_an_offset_are_handed_over(course: rd.Simulation, inspector: Queries) -> None:
    seen: list[object] = []
    inspector.records_from(0).subscribe(lambda entry: seen.append(entry.record))
    log = course.trace.fold.log
    assert inspector.observers.wait_idle(log.committed, 10.0)
    inspector.observers.close(10.0)
    assert seen == log.read(0, log.next_offset)


def test_ready_is_what_stands_at_the_end(inspector: Queries) -> None:
    seen: list[frozenset[str]] = []
    inspector.ready.subscribe(seen.append)
    assert seen == [frozenset({"join", "late"})]


@pytest.mark.parametrize(
    "ask",
    [
        lambda asked: asked.records,
        lambda asked: asked.updates("orders"),
        lambda asked: asked.completions("ingest"),
        lambda asked: asked.completions("ingest", task="load"),
        lambda asked: asked.firings("report"),
    ],
)
def test_streams_of_what_is_to_come_are_refused(inspector: Queries, ask: Callable[[Queries], object]) -> None:
    with pytest.raises(UsageError, match=r"nothing more happens in a finished course.*\.runs, \.timeline\(\)"):
        ask(inspector)


def test_waiting_for_a_run_is_refused(course: rd.Simulation) -> None:
    run = course.runs_of("late")[0]
    with pytest.raises(UsageError, match=r"nothing more happens in a finished course: its \.pending\(\) says"):
        run.wait("1h")

    async def awaited() -> None:
        await run

    with pytest.raises(UsageError, match="nothing more happens in a finished course"):
        asyncio.run(awaited())


def test_a_run_of_a_course_answers_what_a_run_of_an_engine_answers(course: rd.Simulation) -> None:
    ingest, report = course.runs_of("ingest")[1], course.runs_of("report")[1]
    assert (ingest.params, ingest.previous, ingest.results) == ({"full": False}, course.runs_of("ingest")[0], {})
    assert [f"{bound:%H:%M}" for bound in ingest.data_interval if bound is not None] == ["01:00", "02:00"]
    assert report.payload == report.events[0] and report.events[0].dataset == "orders"
    assert {id: task.state for id, task in report.tasks.items()} == {"t": "success"}
    assert report.done and not course.runs_of("late")[0].done


@pytest.mark.parametrize(
    "use",
    [
        lambda run: run.publish("orders"),
        lambda run: run.unchanged("orders"),
        lambda run: run.once("x", nothing),
        lambda run: run.log,
    ],
)
def test_what_belongs_into_a_body_is_refused(course: rd.Simulation, use: Callable[[rd.Run], object]) -> None:
    with pytest.raises(UsageError, match="belongs into a task's body"):
        use(course.runs[0])
