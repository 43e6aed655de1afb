"""The fast path of simple tasks gives what the engine's own fold gives, record for record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import reactive_dag as rd
from reactive_dag.log.history import RunRow
from reactive_dag.model.records import AnyRecord
from reactive_dag.model.times import format_time
from reactive_dag.whatif.course import simple_tasks
from reactive_dag.whatif.question.interventions import Intervention
from tests.laws.test_same_graph import START, GraphSpec, build, graphs, trigger
from tests.support.profiles import examples

DURATIONS = ("0", "10m", rd.spread_durations("0", "3s"), rd.spread_durations("1m", "50m"))
"""Durations with many ends at one instant, and with few."""


@contextmanager
def no_fast_path() -> Iterator[None]:
    """Every attempt goes through the engine's fold."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simple_tasks, "_may_be_simple", lambda task: False)
        yield


def course(spec: GraphSpec, span: object, changes: tuple[Intervention, ...]) -> rd.Simulation:
    """A spec's course."""
    graph = build(spec)
    base = rd.simulate(
        graph, start=format_time(START), until="3h", default_duration=span,  # type: ignore[arg-type]
        sources={uri: trigger(clock) for uri, clock in spec.sources.items() if uri in graph.datasets},
    )  # fmt: skip
    return base.what_if(*changes) if changes else base


def records(found: rd.Simulation) -> list[AnyRecord]:
    log = found.trace.fold.log
    return log.read(0, log.next_offset)


def rows(found: rd.Simulation) -> list[RunRow]:
    return list(found.trace.rows.values())


@st.composite
def changes(draw: st.DrawFn) -> tuple[Intervention, ...]:
    """Some interventions on the first DAG, which every graph has."""
    choices = [
        rd.fail("d0.t0", p=0.5), rd.fail("d0.t0"), rd.delay("d0", "20m"), rd.delay("d0.t0", "7m"),
        rd.duration("d0.t0", "1m"), rd.delay("d0", "0"),
    ]  # fmt: skip
    return tuple(draw(st.lists(st.sampled_from(choices), max_size=2)))


@st.composite
def limited(draw: st.DrawFn) -> GraphSpec:
    """Graphs whose runs may be skipped, replaced or timed out."""
    spec = draw(graphs())
    overlaps = st.sampled_from(["queue", "skip", "replace"])
    timeouts = st.sampled_from([None, None, None, "25m"])
    dags = [
        evolve(dag, overlap="queue" if dag.limit is None else draw(overlaps), timeout=draw(timeouts))
        for dag in spec.dags
    ]
    return evolve(spec, dags=tuple(dags))


@settings(deadline=None, max_examples=examples(200), suppress_health_check=[HealthCheck.too_slow])
@given(limited(), st.sampled_from(DURATIONS), changes())
def test_law_the_fast_path_gives_the_same_records(
    spec: GraphSpec, span: object, changed: tuple[Intervention, ...]
) -> None:
    with no_fast_path():
        slow = course(spec, span, changed)
    found = course(spec, span, changed)
    assert records(found) == records(slow)
    assert msgspec.msgpack.encode(records(found)) == msgspec.msgpack.encode(records(slow))
    assert rows(found) == rows(slow)
    found.trace.fold.runs._check()
    found.trace.fold.log._check()  # type: ignore[attr-defined]


@settings(deadline=None, max_examples=examples(60), suppress_health_check=[HealthCheck.too_slow])
@given(graphs(), st.sampled_from(DURATIONS), changes())
def test_law_the_fast_path_answers_alike(spec: GraphSpec, span: object, changed: tuple[Intervention, ...]) -> None:
    with no_fast_path():
        slow = answers(spec, span, changed)
    assert answers(spec, span, changed) == slow


def answers(spec: GraphSpec, span: object, changed: tuple[Intervention, ...]) -> list[object]:
    """What one course says when it is asked everything."""
    base = course(spec, span, ())
    found = base.what_if(*changed)
    last = {run.dag: run for run in found.runs}
    return [
        found.timeline().to_json(), found.compare(base).to_json(), found.pending().to_json(),
        [found.critical_path(dag).to_json() for dag in last], [str(found.why(run)) for run in last.values()],
        [str(run.events) for run in last.values()], [repr(run.tasks) for run in last.values()],
    ]  # fmt: skip


def test_what_is_kept_of_a_graph_goes_with_its_version() -> None:
    graph = rd.Graph("one")
    dag = graph.dag("a", schedule="0 2 * * *")
    dag.add(lambda: None, "one")

    def ends() -> list[str]:
        found = rd.simulate(graph, start="2026-11-23T00:00Z", until="1d", default_duration="10m")
        return [f"{run.ended:%H:%M}" for run in found.runs]

    assert ends() == ends() == ["02:10"]
    dag.add(lambda: None, "two", after=["one"])
    assert ends() == ["02:20"]


def test_a_function_for_durations_is_asked_each_time() -> None:
    graph = rd.Graph("one")
    graph.dag("a", schedule="0 2 * * *").add(lambda: None, "one")
    durations = iter(["10m", "20m"])
    found = [
        rd.simulate(graph, start="2026-11-23T00:00Z", until="1d", durations=ask).runs[0].ended
        for ask in [lambda task: next(durations)] * 2
    ]
    assert [f"{ended:%H:%M}" for ended in found] == ["02:10", "02:20"]


# --------------------------------------------------------------------- waits for tasks, calendars, silences, priorities


@st.composite
def webs(draw: st.DrawFn) -> tuple[dict[str, int], list[tuple[int, ...]]]:
    """What shapes a web, and for each of its DAGs the tasks of the one before that it awaits."""
    durations = {f"t{n}": draw(st.sampled_from([0, 5, 5, 10])) for n in range(4)}
    awaited = [tuple(sorted(draw(st.sets(st.integers(0, 3), max_size=3)))) for _ in range(3)]
    return durations | {"every": draw(st.sampled_from([15, 30])), "limit": draw(st.integers(0, 2))}, awaited


def web(shape: dict[str, int], awaited: list[tuple[int, ...]]) -> rd.Graph:
    """A chain of DAGs on one clock: each awaits tasks of the one before; events with calendars, heard and unheard."""
    graph = rd.Graph("web")
    daily = graph.dataset("daily", partitions=rd.day())
    heard, quiet = graph.dataset("listened"), graph.dataset("quiet")
    for number, tasks in enumerate(awaited):
        dag = graph.dag(
            f"d{number}", on=rd.every(f"{shape['every']}m"), max_active_runs=shape["limit"] or None, outlets=["whole"]
        )
        first = [dag.wait_for(f"d{number - 1}", tasks=[f"t{n}" for n in tasks] or None, timeout="2h")] if number else []
        outlets: list[list[object]] = [[quiet, heard], [daily], [heard, quiet], []]
        for at, out in enumerate(outlets):
            after = first if at == 0 else ["t1", "t2"] if at == 3 else ["t0"]
            dag.add(lambda: None, f"t{at}", after=after, outlets=out, priority=at if number == 2 else 0)
    graph.dag("on_daily", on=rd.updated(daily)).add(lambda: None, "t")
    graph.dag("silent", on=rd.absent(rd.updated(heard), for_="10m", after=rd.updated(quiet))).add(lambda: None, "t")
    graph.dag("on_task", on=rd.completed("d0", task="t3")).add(lambda: None, "t")
    graph.dag("on_run", on=rd.completed("d1") & rd.completed("d2")).add(lambda: None, "t")
    return graph


@settings(deadline=None, max_examples=examples(60), suppress_health_check=[HealthCheck.too_slow])
@given(webs(), st.booleans())
def test_law_the_fast_path_among_waits_calendars_and_silences(
    shape: tuple[dict[str, int], list[tuple[int, ...]]], late: bool
) -> None:
    def played() -> rd.Simulation:
        found = rd.simulate(
            web(*shape), start=format_time(START), until="90m",
            durations=lambda name: f"{shape[0].get(name.partition('.')[2], 5)}m",
        )  # fmt: skip
        return found.what_if(rd.delay("d0.t1", "10m"), rd.fail("d1.t2")) if late else found

    with no_fast_path():
        slow = played()
    found = played()
    assert records(found) == records(slow)
    assert rows(found) == rows(slow)
    assert found.timeline().to_json() == slow.timeline().to_json()
    found.trace.fold.runs._check()
    found.trace.fold.waits._check()


def test_a_task_with_a_failed_need_does_not_begin_when_the_others_end_well() -> None:
    graph = rd.Graph("one")
    dag = graph.dag("a", schedule="0 2 * * *")
    for name, after in (("bad", []), ("good", []), ("long", []), ("last", ["bad", "good"])):
        dag.add(lambda: None, name, after=after)
    durations = {"bad": "5m", "good": "10m", "long": "1h", "last": "1m"}
    found = rd.simulate(graph, start="2026-11-23T00:00Z", until="1d", durations=durations).what_if(rd.fail("bad"))
    assert {id: task.state for id, task in found.runs[0].tasks.items()} == {
        "bad": "failed", "good": "success", "long": "success", "last": "upstream_failed",
    }  # fmt: skip


def test_R4_a_skip_beside_simple_tasks_that_end_later() -> None:
    """What follows a skipped task and a simple one is judged when the simple one has ended, on both paths."""

    def course() -> rd.Simulation:
        graph = rd.Graph("skip")
        dag = graph.dag("job", schedule="0 2 * * *")
        never = dag.wait_for("never", missing="wait", timeout="5m", soft_fail=True, id="never")
        dag.add(lambda: None, "first")
        dag.add(lambda: None, "slow", after=["first"])
        dag.add(lambda: None, "join", after=[never, "slow"])
        dag.add(lambda: None, "behind", after=["join", "first"])
        return rd.simulate(graph, start="2026-11-23T00:00Z", until="1d", default_duration="10m")

    found = course()
    (run,) = found.runs
    assert {id: task.state for id, task in run.tasks.items()} == {
        "never": "skipped", "first": "success", "slow": "success", "join": "skipped", "behind": "skipped",
    }  # fmt: skip
    assert f"{run.ended:%H:%M}" == "02:20"
    with no_fast_path():
        assert records(course()) == records(found)
