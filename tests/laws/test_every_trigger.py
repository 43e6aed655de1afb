"""Every kind of trigger there is does one thing, wherever it runs.

Each registered kind has an example here, and a kind without one fails. The example gives equal firings in an engine,
through JSON, across a restart in the middle, in a simulation and, where there is an operator, in a stream.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
from reactivex.subject import Subject

import reactive_dag as rd
import reactive_dag.operators as rops
from reactive_dag.model.times import MINUTE, parse_time, to_datetime
from reactive_dag.streams.scheduler import VirtualScheduler
from reactive_dag.triggers.base import Trigger
from tests.support.engines import kill, live, opened

BEGIN = "2026-11-23T00:00Z"
PLAN = "a-b-aa--b-c--ab---c-b-a-"
"""A minute a character: which dataset has an event, 30 seconds into that minute."""
LENGTH = 40


def is_late(event: rd.Event) -> bool:
    return event is not None and len(str(event)) > 0


def number_of(payload: object) -> int:
    return len(payload) if isinstance(payload, list) else 1


@attrs.frozen
class Example:
    """A trigger of a kind; what makes its operator, given the other sources, where there is one; when it begins."""

    trigger: Trigger
    operator: Callable[..., object] | None = None
    others: str = ""
    begin: str = BEGIN


a, b, c = map(rd.updated, "abc")
EXAMPLES = {
    "updated": Example(a),
    "feedback": Example(rd.updated("a", feedback=True, max_depth=0)),
    "completed": Example(rd.completed("up")),
    "clock": Example(rd.every("7m")),
    "missed": Example(rd.missed("up")),
    "absent": Example(rd.absent(a, for_="3m"), lambda: rops.absent("3m")),
    "all_of": Example(a & b, rops.all_of, "b"),
    "any_of": Example(a | b),
    "at_least": Example(rd.at_least(2, a, b, c), lambda *others: rops.at_least(2, *others), "bc"),
    "sequence": Example(rd.sequence(a, b), rops.sequence, "b"),
    "with_latest": Example(a.with_latest(b), rops.with_latest, "b"),
    "batch": Example(a.batch(count=2, max_wait="5m"), lambda: rops.batch(count=2, max_wait="5m")),
    "debounce": Example(a.debounce("2m"), lambda: rops.debounce("2m")),
    "throttle": Example(a.throttle("5m"), lambda: rops.throttle("5m")),
    "within": Example((a & b).within("90s"), lambda other: rops.all_of(other, within="90s"), "b"),
    "reset": Example(
        a.batch(count=2).reset(at=rd.every("3m")), lambda: rops.reset(rops.batch(count=2), at=rd.every("3m"))
    ),
    "where": Example(a.where(is_late)),
    "map": Example((a & b).map(number_of)),
    "by": Example(
        (a & b).by(rd.hour()), lambda other: rops.by(lambda item: "hour", rops.all_of(other)), "b"
    ),
    "rollup": Example(
        a.rollup(rd.day(), of=rd.hour(), wait="5m"),
        lambda: rops.rollup(rd.day(), rd.hour(), key=rd.hour().of, wait="5m"), begin="2026-11-22T23:50Z",
    ),
}  # fmt: skip
OPERATORS = [kind for kind, example in EXAMPLES.items() if example.operator is not None]


def events(begin: str = BEGIN) -> list[tuple[int, str]]:
    """The instants of the plan, with what is updated then."""
    return [(parse_time(begin) + MINUTE * at + MINUTE // 2, uri) for at, uri in enumerate(PLAN) if uri != "-"]


def graph_of(trigger: Trigger) -> rd.Graph:
    """A graph with the trigger on the DAG "d", and the DAG "up" for those that hear of runs and of their deadlines."""
    graph = rd.Graph("every")
    for uri in "abc":
        graph.dataset(uri)
    graph.dag("up", on=rd.updated("a"), deadline=rd.every("3m")).task(id="t")(lambda run: None)
    graph.dag("d", on=trigger).task(id="t")(lambda run: None)
    return graph


def firings(runs: list[rd.Run]) -> list[tuple[object, ...]]:
    """When runs of "d" were requested, and by what: oldest first, without what a log numbers."""
    return [
        (run.requested, [(event.kind, event.dataset, event.dag, event.at) for event in run.events])
        for run in runs[::-1]
    ]


def play(engine: rd.Engine, facts: list[tuple[int, str]]) -> None:
    """Publish them, each at its instant."""
    for at, uri in facts:
        engine.advance(to=to_datetime(at))
        engine.publish(uri, logical_date=to_datetime(at))
        engine.run_until_idle()


def in_an_engine(trigger: Trigger, begin: str) -> list[tuple[object, ...]]:
    with live(graph_of(trigger), start=begin) as engine:
        play(engine, events(begin))
        engine.advance(to=to_datetime(parse_time(begin) + LENGTH * MINUTE))
        return firings(engine.runs("d"))


@pytest.mark.parametrize("kind", sorted(Trigger.by_kind))
def test_law_every_kind_has_an_example_that_fires(kind: str) -> None:
    assert EXAMPLES[kind].trigger.kind == kind
    assert in_an_engine(EXAMPLES[kind].trigger, EXAMPLES[kind].begin)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_law_every_kind_through_json(kind: str) -> None:
    trigger, begin = EXAMPLES[kind].trigger, EXAMPLES[kind].begin
    again = Trigger.from_json(trigger.to_json())
    assert again == trigger and again.digest == trigger.digest and repr(again) == repr(trigger)
    if not any(found in repr(trigger) for found in ("is_late", "number_of")):
        assert in_an_engine(again, begin) == in_an_engine(trigger, begin)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_law_every_kind_across_a_restart_in_the_middle(kind: str, tmp_path: Path) -> None:
    trigger, begin = EXAMPLES[kind].trigger, EXAMPLES[kind].begin
    facts = events(begin)
    for cut in (3, 7):
        store = f"sqlite:///{tmp_path}/{cut}.db"
        engine = opened(graph_of(trigger), store, start=begin)
        play(engine, facts[:cut])
        now = facts[cut - 1][0]
        kill(engine)
        with live(graph_of(trigger), store, start=to_datetime(now).isoformat()) as engine:
            play(engine, facts[cut:])
            engine.advance(to=to_datetime(parse_time(begin) + LENGTH * MINUTE))
            assert firings(engine.runs("d")) == in_an_engine(trigger, begin), cut


@pytest.mark.parametrize("kind", EXAMPLES)
def test_law_every_kind_in_a_simulation(kind: str) -> None:
    begin = EXAMPLES[kind].begin
    graph = graph_of(EXAMPLES[kind].trigger)
    sources = {
        graph.dataset(uri): rd.any_of(*[rd.at(to_datetime(at)) for at, each in events(begin) if each == uri])
        for uri in "abc"
    }
    simulated = rd.simulate(
        graph, start=begin, until=f"{LENGTH}m", sources=sources, durations={"up.t": "1ns", "d.t": "1ns"}
    )
    got = [run.requested for run in simulated.runs if run.dag == "d"]
    expected = [at for at, _ in in_an_engine(EXAMPLES[kind].trigger, begin)]
    assert [at.replace(microsecond=0) for at in sorted(got)] == [at.replace(microsecond=0) for at in expected]


@pytest.mark.parametrize("kind", OPERATORS)
def test_law_every_kind_as_an_operator(kind: str) -> None:
    example = EXAMPLES[kind]
    engine = [at for at, _ in in_an_engine(example.trigger, example.begin)]
    scheduler = VirtualScheduler(parse_time(example.begin))
    sources = {uri: scheduled(scheduler, uri, example.begin) for uri in "abc"}
    seen: list[int] = []
    stream = sources["a"].pipe(example.operator(*[sources[uri] for uri in example.others]))
    stream.subscribe(lambda item: seen.append(scheduler.now_ns()), scheduler=scheduler)
    scheduler.advance(to=parse_time(example.begin) + LENGTH * MINUTE)
    assert [to_datetime(at) for at in seen] == engine


def scheduled(scheduler: VirtualScheduler, uri: str, begin: str) -> Subject[int]:
    """A source that is fed as the plan says."""
    subject: Subject[int] = Subject()
    for at, each in events(begin):
        if each == uri:
            scheduler.call_at(at, lambda at=at: subject.on_next(at))
    return subject
