"""Answers from arrays are those of the reference: runs, timelines, critical paths, comparisons, slack (W59)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from random import Random

import pytest
from msgspec.structs import replace

import reactive_dag as rd
from reactive_dag.log.history import TaskRow
from reactive_dag.whatif.answers.critical_path import hops, steps_of
from reactive_dag.whatif.answers.deadlines import deadlines_of
from reactive_dag.whatif.answers.slack import slack_of
from reactive_dag.whatif.answers.timeline import timeline_of
from reactive_dag.whatif.answers.usage import WORKERS, usage_of
from reactive_dag.whatif.comparison.compare import compared
from reactive_dag.whatif.loops.machine_code import HAS_NUMBA
from reactive_dag.whatif.outcome.loop_outcome import LoopOutcome
from reactive_dag.whatif.outcome.outcome import Outcome
from reactive_dag.whatif.outcome.window_outcome import WindowOutcome
from tests.support.loops import limited_question
from tests.support.profiles import examples
from tests.support.windows import last_question, question


def runs_of(outcome: Outcome) -> list[object]:
    """Every run as a row, under no number, in the order of time."""
    rows = [replace(outcome.row(run), run=0, cascade="", sources=()) for run in outcome.runs]
    assert [row.requested for row in rows] == sorted(row.requested or 0 for row in rows)
    return sorted(rows, key=lambda row: (row.requested or 0, row.key))


def paths_of(outcome: Outcome) -> dict[str, object]:
    """The critical path to each run."""
    return {outcome.head(run).key: steps_of(outcome, hops(outcome, run)) for run in outcome.runs}


def told_alike(mine: WindowOutcome, reference: Outcome) -> None:
    """Every answer about one outcome is the same."""
    assert runs_of(mine) == runs_of(reference)
    assert mine.by_key.keys() == reference.by_key.keys()
    assert paths_of(mine) == paths_of(reference)
    rows, others = timeline_of(mine, mine.runs), timeline_of(reference, reference.runs)
    assert Counter(rows) == Counter(others) and [row.start for row in rows] == [row.start for row in others]
    assert list(mine.unfinished()) == list(reference.unfinished()) and list(mine.left()) == list(reference.left())
    slack, other = slack_of(mine), slack_of(reference)
    assert Counter(slack) == Counter(other) and slack.title == other.title
    assert mine.over == reference.over
    for run in mine.runs:
        other = reference.by_key[mine.key(run)]
        head = replace(mine.head(run), run=0, cascade="", sources=(), tasks=())
        assert head == replace(reference.head(other), run=0, cascade="", sources=(), tasks=())
        if isinstance(mine, LoopOutcome):
            assert _plain(mine.tasks(run)) == _plain(reference.tasks(other))


def _plain(tasks: Mapping[str, TaskRow]) -> dict[str, TaskRow]:
    return {name: replace(row, output=None) for name, row in tasks.items()}


def usage_alike(simulation: rd.Simulation) -> None:
    """The use of every limit is the same, and who waited for it."""
    slots = {id: pool.slots for id, pool in simulation.graph.pools.items()} | simulation.effects.capacities
    active = {id: dag.max_active_runs for id, dag in simulation.graph.dags.items()}
    mine, other = (
        usage_of(each, {WORKERS: simulation.effects.workers, **slots}, active)
        for each in (simulation.outcome, simulation.trace)
    )
    assert mine.to_json() == other.to_json() and mine.waiting.to_json() == other.waiting.to_json()


def compared_alike(base: rd.Simulation, late: rd.Simulation) -> None:
    """The comparison of two simulations is the same, chains included."""
    names = ("late", "base", late.question.graph, True)
    found = compared(base.outcome, late.outcome, base.effects, late.effects, *names)
    assert found.to_json() == compared(base.trace, late.trace, base.effects, late.effects, *names).to_json()


@pytest.mark.parametrize("seed", range(examples(100)))
def test_W59_answers_of_the_event_loop_are_those_of_the_reference(seed: int) -> None:
    late = limited_question(seed)
    if late is None:
        return
    for each in (late, late.parent or late):
        if isinstance(each.outcome, WindowOutcome):
            told_alike(each.outcome, each.trace)
            usage_alike(each)
    if late.parent is not None:
        compared_alike(late.parent, late)


def test_W59_the_event_loop_answers_where_something_fails_or_a_limit_binds() -> None:
    questions = [each for seed in range(30) if (each := limited_question(seed)) is not None]
    assert sum(each.method.evaluator == "event loop" for each in questions) > 10


@pytest.mark.skipif(not HAS_NUMBA, reason="numba is not installed (extra fast)")
def test_W44_answers_of_the_compiled_loop_are_those_of_the_reference() -> None:
    pooled = asked_of_pool()
    assert pooled.futures(64).n == 64  # loads the compiled loop where it is not yet
    compiled = 0
    for seed in range(100, 100 + examples(75)):
        late = limited_question(seed)
        if late is None or not late.method.compiled:
            continue
        compiled += 1
        assert isinstance(late.outcome, LoopOutcome)
        told_alike(late.outcome, late.trace)
        usage_alike(late)
    assert compiled > 3, compiled


def asked_of_pool(*changes: object, **task: object) -> rd.Simulation:
    """Two DAGs that share a pool of one slot; the second needs it while the first has it."""
    graph = rd.Graph("places")
    graph.pool("p", 1)
    graph.dag("first", schedule="0 1 * * *").add(lambda: None, "t", pool="p", **task)  # type: ignore[arg-type]
    graph.dag("second", schedule="10 1 * * *").add(lambda: None, "t", pool="p")
    base = rd.simulate(graph, start="2026-11-23T00:00Z", until="1d", default_duration="20m")
    return base.what_if(*changes) if changes else base  # type: ignore[arg-type]


def test_W59_who_made_room_in_a_pool_stands_on_the_critical_path_of_the_event_loop() -> None:
    simulation = asked_of_pool()
    assert (simulation.method.evaluator, simulation.method.why) == ("event loop", "pool 'p' has no more than 1 slots")
    path = simulation.critical_path("second")
    assert [(step.name, step.link) for step in path] == [
        ("tick 2026-11-23T01:00:00Z", ""), ("first.t", "caused by"), ("second.t", "slot")
    ]  # fmt: skip
    assert "trace" not in vars(simulation)  # nothing played the reference


def test_W59_attempts_of_the_event_loop_have_their_own_times_and_errors() -> None:
    simulation = asked_of_pool(rd.fail("first.t"), retries=1, retry_delay="5m")
    (run,) = simulation.runs_of("first")
    assert (run.state, run.error) == ("failed", "t: fails, as the simulation was told")
    spans = [(f"{each.started:%H:%M}", f"{each.ended:%H:%M}", each.state) for each in run.tasks["t"].attempts]
    assert spans == [("01:00", "01:20", "failed"), ("01:40", "02:00", "failed")]  # the second had to wait
    assert "trace" not in vars(simulation)


def test_W32_a_failure_that_is_not_drawn_costs_no_event_loop() -> None:
    simulation = asked_of_pool(rd.capacity("p", 2), rd.fail("first.t", 1e-9))
    assert repr(simulation.method) == "incremental"
    assert simulation.what_if(rd.fail("first.t", 1)).method.why == "tasks fail"


@pytest.mark.parametrize("seed", range(examples(150)))
def test_W59_answers_from_arrays_are_those_of_the_reference(seed: int) -> None:
    random = Random(seed)
    asked = question(random)
    if asked is None:
        return
    base, further = asked
    late = base
    for changes in further:
        late = late.what_if(*changes)  # type: ignore[arg-type]
    for each in (base, late):
        if isinstance(each.outcome, WindowOutcome):
            told_alike(each.outcome, each.trace)
            usage_alike(each)
    compared_alike(base, late)


def test_W56_of_what_ended_at_one_instant_the_path_goes_on_by_name_and_place() -> None:
    graph = rd.Graph("ties")
    first, second = graph.dag("b", schedule="0 1 * * *"), graph.dag("a", schedule="0 1 * * *")
    for dag in (first, second):
        dag.add(lambda: None, "one")
        dag.add(lambda: None, "two")
        dag.add(lambda: None, "three", after=["two", "one"])
    graph.dag("both", on=rd.completed("a") & rd.completed("b")).add(lambda: None, "t")
    course = rd.simulate(graph, start="2026-11-23T00:00Z", until="1d", default_duration="10m")
    names = [step.name for step in course.critical_path("both")]
    assert names == ["tick 2026-11-23T01:00:00Z", "b.two", "b.three", "both.t"]


@pytest.mark.parametrize("limited", [False, True], ids=["pass", "loop"])
@pytest.mark.parametrize("seed", range(examples(40)))
def test_W53_deadlines_from_arrays_are_those_of_the_reference(
    seed: int, limited: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    random, declared = Random(seed), rd.Graph.dag

    def with_deadline(graph: rd.Graph, id: str, **options: object) -> rd.Dag:
        due = {"deadline": random.choice(["1m", "40m", "3h", "2d"])} if random.random() < 0.6 else {}
        return declared(graph, id, **{**due, **options})  # type: ignore[arg-type]

    monkeypatch.setattr(rd.Graph, "dag", with_deadline)
    late = limited_question(seed) if limited else last_question(seed)
    if late is None or not isinstance(late.outcome, WindowOutcome):
        return
    dues = deadlines_of(late.outcome).to_json()
    over = late.outcome.over
    assert "trace" not in vars(late)
    assert dues == deadlines_of(late.trace).to_json() and over == late.trace.over
    slack, other = slack_of(late.outcome), slack_of(late.trace)
    assert Counter(slack) == Counter(other)


def test_W53_a_clock_that_is_a_deadline_is_asked_of_the_reference() -> None:
    graph = rd.Graph("clocked")
    graph.dag("d", schedule="0 1 * * *", deadline=rd.cron("30 1 * * *")).add(lambda: None, "t")
    base = rd.simulate(graph, start="2026-11-23T00:00Z", until="2d", default_duration="40m")
    assert base.outcome.dues is None  # type: ignore[union-attr]
    assert [(row.run == "", row.state) for row in base.deadlines()] == [(False, "missed")] * 2
