"""Law same_graph_everywhere, with time: attempts take some, and workers and pools are limited.

The engine runs on a virtual clock with stubs that take as long as the course is told; both give out workers and slots
when all that is due at an instant is decided, in one order: the same attempts begin and end at the same instants.
"""

from __future__ import annotations

from attrs import evolve, field, frozen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import reactive_dag as rd
from reactive_dag.model.times import MINUTE, SECOND, format_time
from reactive_dag.testing.workers import InlineWorkers
from tests.laws.test_same_graph import (
    START,
    GraphSpec,
    TaskSpec,
    Told,
    build,
    graphs,
    publish_all,
    told,
)
from tests.support.engines import parts
from tests.support.profiles import examples

SPANS = (0, 5, 10, 25)
"""Minutes: many ends fall on one instant, and on ticks of clocks."""
OUTSIDE = {
    uri: [START + at * MINUTE + (3 * place + number) * SECOND for number, at in enumerate(minutes, 1)]
    for place, (uri, minutes) in enumerate({"users": (7, 61, 127), "orders": (28, 84, 159)}.items())
}
"""When outside publishes: never when something else is due, which is at whole minutes, or so long after another."""


@frozen
class TimedSpec:
    """A graph, and how many minutes each task takes by DAG and place."""

    graph: GraphSpec
    spans: dict[str, int] = field(factory=dict)
    workers: int | None = None


@st.composite
def timed(draw: st.DrawFn) -> TimedSpec:
    """Graphs with pools, instances, retries and limits, whose tasks take time."""
    spec = draw(graphs())
    dags = [
        evolve(
            dag,
            overlap="queue" if dag.limit is None else draw(st.sampled_from(["queue", "skip", "replace"])),
            timeout=draw(st.sampled_from([None, None, None, "25m"])),
            tasks=tuple(evolve(task, delay=draw(st.sampled_from(["0", "5m", "7m"]))) for task in dag.tasks),
        )
        for dag in spec.dags
    ]
    spec = evolve(spec, dags=tuple(dags))
    spans = {
        f"d{number}.t{at}": draw(st.sampled_from(SPANS))
        for number, dag in enumerate(spec.dags)
        for at in range(len(dag.tasks))
    }
    return TimedSpec(evolve(spec, sources={}), spans, draw(st.sampled_from([None, 1, 2, 3])))


def tasks_of(spec: TimedSpec) -> dict[str, TaskSpec]:
    return {f"d{number}.t{at}": task for number, dag in enumerate(spec.graph.dags) for at, task in enumerate(dag.tasks)}


def stub(task: TaskSpec, span: int) -> object:
    """A body that takes so many minutes."""

    def then() -> object:
        if task.fails:
            raise ValueError("no")
        return task.gives

    return rd.takes(f"{span}m", then=then) if span else then


def live(spec: TimedSpec) -> set[Told]:
    """The runs of an engine on a virtual clock."""
    stubs = {name: stub(task, spec.spans[name]) for name, task in tasks_of(spec).items()}
    runner = InlineWorkers(spec.workers or 1_000_000)
    with rd.Engine(build(spec.graph), runner=runner, clock=rd.VirtualClock(START - 1), stubs=stubs) as engine:
        parts(engine).fold.waits.done_before = START
        events = sorted((at, 0, uri) for uri, ats in OUTSIDE.items() for at in ats)
        publish_all(engine, events)
        engine.advance("60d")
        return {told(parts(engine).fold.runs.row(run._offset)) for run in engine.runs()}


def played(spec: TimedSpec) -> rd.Simulation:
    """The same, played."""
    graph = build(spec.graph)
    sources = {uri: rd.at([format_time(at) for at in ats]) for uri, ats in OUTSIDE.items() if uri in graph.datasets}
    tasks = tasks_of(spec)
    base = rd.simulate(
        graph, start=format_time(START), until="3h", sources=sources,
        durations={name: f"{span}m" for name, span in spec.spans.items()},
        outputs={name: task.gives for name, task in tasks.items() if task.gives is not None},
    )  # fmt: skip
    limit = [] if spec.workers is None else [rd.workers(spec.workers)]
    return base.what_if(*limit, *[rd.fail(name) for name, task in tasks.items() if task.fails])


@st.composite
def static(draw: st.DrawFn) -> TimedSpec:
    """Graphs of which a window can be compiled: clocks, what follows from one thing, and plain tasks and waits."""
    spec = draw(graphs(("clock", "clock", "leaf", "any")))
    dags = [
        evolve(
            dag, limit=None, waits=tuple((at, "exact") for at, _ in dag.waits),
            tasks=tuple(TaskSpec(task.after, task.outlets, priority=task.priority) for task in dag.tasks),
        )
        for dag in spec.dags
    ]  # fmt: skip
    spans = {
        f"d{number}.t{at}": draw(st.sampled_from(SPANS))
        for number, dag in enumerate(dags)
        for at in range(len(dag.tasks))
    }
    return TimedSpec(evolve(spec, dags=tuple(dags), sources={}), spans)


@settings(deadline=None, max_examples=examples(200), suppress_health_check=[HealthCheck.too_slow])
@given(timed())
def test_law_same_graph_everywhere_with_durations_and_workers(spec: TimedSpec) -> None:
    found = played(spec)
    assert {told(row) for row in found.trace.rows.values()} == live(spec)
    found.trace.fold.runs._check()


@settings(deadline=None, max_examples=examples(60), suppress_health_check=[HealthCheck.too_slow])
@given(static())
def test_law_same_graph_everywhere_in_a_window(spec: TimedSpec) -> None:
    """What answers are read from, arrays where a window could be compiled, is what the engine does."""
    found = played(spec).outcome
    assert {told(found.row(run)) for run in found.runs} == live(spec)
