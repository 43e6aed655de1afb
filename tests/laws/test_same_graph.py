"""Law same_graph_everywhere: a course in virtual time is what the engine does with bodies that take no time.

Random graphs (clocks, datasets, completions, windows, joins; several tasks with rules, retries and failures; waits;
limits; tasks with a past) are run by an engine on a virtual clock and played by `rd.simulate` with no durations: the
same runs under the same keys, in the same states, at the same instants, with the same attempts.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from attrs import evolve, field, frozen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import reactive_dag as rd
from reactive_dag.log.history import RunRow, TaskRow
from reactive_dag.model.times import HOUR, format_time, parse_time
from reactive_dag.triggers.base import Trigger
from tests.support.engines import parts
from tests.support.profiles import examples
from tests.support.ticks import between

START = parse_time("2026-11-23T00:00Z")
UNTIL = START + 3 * HOUR
RULES = ("all_success", "all_done", "one_success", "one_failed", "none_failed", "all_failed")
CLOCKS = ("rd.every('1h')", "rd.every('25m')", "rd.cron('30 * * * *')", "rd.cron('0 1 * * *')")
OUTSIDE = ("users", "orders")


@frozen
class TaskSpec:
    after: tuple[int, ...] = ()
    outlets: tuple[str, ...] = ()
    fails: bool = False
    retries: int = 0
    rule: str = "all_success"
    past: bool = False
    priority: int = 0
    gives: tuple[object, ...] | None = None
    over: int | None = None
    branch: bool = False
    teardown: bool = False
    delay: str = "7m"
    """From a failed attempt to the next one."""
    slots: int = 0
    """How many of the pool; 0 for a task that is in none."""


@frozen
class DagSpec:
    """Triggers and waits name earlier DAGs by number; `on` makes the trigger."""

    on: str
    tasks: tuple[TaskSpec, ...]
    waits: tuple[tuple[int, str], ...] = ()
    limit: int | None = None
    catchup: str = "one"
    overlap: str = "queue"
    timeout: str | None = None


@frozen
class GraphSpec:
    dags: tuple[DagSpec, ...]
    sources: dict[str, str] = field(factory=dict)


def bodies(task: TaskSpec) -> Callable[[object], object]:
    """A body that takes no time."""

    def body(run: object) -> object:
        if task.fails:
            raise ValueError("no")
        return task.gives

    return body


def build(spec: GraphSpec) -> rd.Graph:
    """The graph of a spec; clocks stop before UNTIL, as they do in a course that ends there."""
    graph = rd.Graph("law")
    graph.pool("pool", 2)
    for number, dag_spec in enumerate(spec.dags):
        dag = graph.dag(
            f"d{number}", on=trigger(dag_spec.on), max_active_runs=dag_spec.limit, end=format_time(UNTIL - 1),
            outlets=[f"whole{number}"], overlap=dag_spec.overlap, timeout=dag_spec.timeout,
        )  # fmt: skip
        waits = [dag.wait_for(f"d{at}", match=match, id=f"w{at}", timeout="4h") for at, match in dag_spec.waits]
        for at, task in enumerate(dag_spec.tasks):
            dag.add(
                bodies(task), f"t{at}", after=[f"t{n}" for n in task.after] + (waits if at == 0 else []),
                outlets=[f"set{number}{n}" for n in task.outlets], retries=task.retries, retry_delay=task.delay,
                priority=task.priority, branch=task.branch, teardown=task.teardown,
                pool="pool" if task.slots else None, slots=task.slots or 1,
                **({} if task.over is None else {"map_over": f"t{task.over}"}),
                **({} if task.teardown else {"trigger_rule": task.rule, "depends_on_past": task.past}),
            )  # fmt: skip
    return graph


def trigger(text: str) -> Trigger:
    """What a spec's text makes."""
    made = eval(text, {"rd": rd})  # the text comes from the strategies below
    assert isinstance(made, Trigger)
    return made


# ------------------------------------------------------------------------------------------------- strategies


@st.composite
def task_lists(draw: st.DrawFn) -> tuple[TaskSpec, ...]:
    """One to four tasks, each after some of those before it."""
    found: list[TaskSpec] = []
    for at in range(draw(st.integers(1, 4))):
        after = draw(st.sets(st.integers(0, at - 1), max_size=2)) if at else set()
        found.append(
            TaskSpec(
                tuple(sorted(after)),
                tuple(draw(st.sets(st.sampled_from("xyz"), max_size=1))),
                draw(st.integers(0, 5)) == 0,
                draw(st.sampled_from([0, 0, 0, 1, 2])),
                draw(st.sampled_from(RULES)) if after else "all_success",
                draw(st.integers(0, 7)) == 0,
                draw(st.sampled_from([0, 0, 5])),
                slots=draw(st.sampled_from([0, 0, 0, 1, 2])),
            )
        )
    return tuple(draw(special(found)))


@st.composite
def special(draw: st.DrawFn, tasks: list[TaskSpec]) -> list[TaskSpec]:
    """Some of them mapped over one that they follow, a branch, or a teardown."""
    for at, task in enumerate(tasks):
        kind = draw(st.sampled_from(["plain", "plain", "over", "branch", "teardown"]))
        followers = [n for n, each in enumerate(tasks) if at in each.after]
        if kind == "over" and task.after:
            over = draw(st.sampled_from(task.after))
            tasks[at] = evolve(task, over=over)
            if tasks[over].over is None and not tasks[over].branch:
                items = draw(st.one_of(st.none(), st.integers(0, 3)))
                tasks[over] = evolve(tasks[over], gives=None if items is None else tuple(range(items)))
        elif kind == "branch" and followers and task.gives is None:
            chosen = draw(st.sets(st.sampled_from(followers)))
            tasks[at] = evolve(task, branch=True, gives=tuple(f"t{n}" for n in sorted(chosen)))
        elif kind == "teardown" and task.after:
            tasks[at] = evolve(task, teardown=True)
    return [evolve(each, gives=(0,)) if _must_give(tasks, at) else each for at, each in enumerate(tasks)]


def _must_give(tasks: list[TaskSpec], at: int) -> bool:
    """Whether others map over a task that gives no list, as none does in a simulation."""
    return tasks[at].gives is None and any(each.over == at for each in tasks)


def leaf_texts(number: int, made: list[str]) -> st.SearchStrategy[str]:
    """Triggers without parts that DAG `number` may have: nothing that follows from it."""
    choices = [f"rd.updated({uri!r})" for uri in (*OUTSIDE, *made)]
    for before in range(number):
        choices += [f"rd.completed('d{before}')", f"rd.completed('d{before}', states='any')"]
        choices += [f"rd.completed('d{before}', task='t0')", f"rd.updated('whole{before}')"]
    return st.sampled_from(choices)


ALL = ("clock", "clock", "leaf", "leaf", "any", "all", "by", "batch", "debounce", "throttle")


@st.composite
def triggers_of(draw: st.DrawFn, number: int, made: list[str], shapes: tuple[str, ...]) -> str:
    """The text of a trigger."""
    leaf = leaf_texts(number, made)
    shape = draw(st.sampled_from(shapes))
    if shape == "clock":
        return draw(st.sampled_from(CLOCKS))
    if shape == "leaf":
        return draw(leaf)
    if shape in ("any", "all", "by"):
        parts = sorted(draw(st.sets(leaf, min_size=2, max_size=3)))
        joined = f"rd.{'any' if shape == 'any' else 'all'}_of({', '.join(parts)})"
        return joined if shape == "any" else f"{joined}.by({repr('logical_date') if shape == 'by' else None})"
    window = {"batch": ".batch(3, max_wait='20m')", "debounce": ".debounce('10m')", "throttle": ".throttle('45m')"}
    return draw(leaf) + window[shape]


@st.composite
def graphs(draw: st.DrawFn, shapes: tuple[str, ...] = ALL) -> GraphSpec:
    """Some DAGs, each following from earlier ones or from outside."""
    dags: list[DagSpec] = []
    made: list[str] = []
    for number in range(draw(st.integers(1, 5))):
        on = draw(triggers_of(number, list(made), shapes))
        tasks = draw(task_lists())
        awaited = sorted(draw(st.sets(st.integers(0, number - 1), max_size=1))) if number else []
        waits = tuple((at, draw(st.sampled_from(["exact", "latest", "same_day"]))) for at in awaited)
        dags.append(DagSpec(on, tasks, waits, draw(st.sampled_from([None, None, 1, 2]))))
        made += [f"set{number}{uri}" for task in tasks for uri in task.outlets]
    return GraphSpec(tuple(dags), {uri: draw(st.sampled_from(CLOCKS)) for uri in OUTSIDE})


# --------------------------------------------------------------------------------------------------- both ways


Told = tuple[object, ...]


class Wide(rd.InlineRunner):
    """As many attempts as can begin at one instant do so before one of them ends: a course has no fewer workers."""

    workers = ahead = 1_000_000


def told_task(task: TaskRow) -> Told:
    attempts = tuple((n, began, ended, state) for n, began, ended, state, _ in task.attempts)
    return task.task, task.state, attempts, tuple(told_task(each) for each in task.instances or ())


def told(row: RunRow) -> Told:
    """What must agree of a run: all but offsets, outputs, cascades and the wording of errors."""
    tasks = tuple(told_task(task) for task in row.tasks)
    dates = (row.logical_date, row.partition, row.requested, row.started, row.ended)
    return (row.dag, row.key, row.label, row.state, *dates, tasks)


def publish_all(engine: rd.Engine, events: list[tuple[int, int, str]]) -> None:
    """Publish events at their instants, before slots are given out there, as outside does in a course."""
    for tick, _, uri in events:
        if parts(engine).fold.clock.now() < tick:
            engine.advance(to=format_time(tick - 1))
            parts(engine).fold.clock.advance_to(tick)
        if uri in engine.graph.datasets:
            engine.publish(uri, logical_date=format_time(tick))


def live(spec: GraphSpec, runner: rd.InlineRunner) -> set[Told]:
    """The runs of an engine on a virtual clock, with a publisher beside it."""
    events = sorted(
        (tick, at, uri)
        for at, (uri, clock) in enumerate(spec.sources.items())
        for tick in between(trigger(clock).schedule, START - 1, UNTIL)  # type: ignore[attr-defined]
    )
    with rd.Engine(build(spec), runner=runner, clock=rd.VirtualClock(START - 1)) as engine:
        parts(engine).fold.waits.done_before = START  # the one thing that a course assumes and an engine does not
        publish_all(engine, events)
        engine.advance("60d")  # one run at a time, each with a wait of hours
        parts(engine).fold.runs._check()
        return {told(parts(engine).fold.runs.row(run._offset)) for run in engine.runs()}


def played(spec: GraphSpec) -> rd.Simulation:
    """The same, played."""
    graph = build(spec)
    base = rd.simulate(
        graph, start=format_time(START), until="3h", default_duration="0",
        sources={uri: trigger(clock) for uri, clock in spec.sources.items() if uri in graph.datasets},
        outputs={
            f"d{number}.t{at}": task.gives
            for number, dag in enumerate(spec.dags)
            for at, task in enumerate(dag.tasks)
            if task.gives is not None
        },
    )  # fmt: skip
    fails = [
        rd.fail(f"d{number}.t{at}")
        for number, dag in enumerate(spec.dags)
        for at, task in enumerate(dag.tasks)
        if task.fails
    ]
    return base.what_if(*fails)


@settings(deadline=None, max_examples=examples(150), suppress_health_check=[HealthCheck.too_slow])
@given(graphs())
def test_law_same_graph_everywhere(spec: GraphSpec) -> None:
    found = played(spec)
    assert {told(row) for row in found.trace.rows.values()} == live(spec, Wide())
    found.trace.fold.runs._check()


@settings(deadline=None, max_examples=examples(100), suppress_health_check=[HealthCheck.too_slow])
@given(graphs(("clock", "leaf", "any")))
def test_law_same_graph_everywhere_whatever_the_workers(spec: GraphSpec) -> None:
    """X6: one worker changes the order of completions, and for such triggers no key and no state."""
    one = {(row[0], row[1], row[3]) for row in live(spec, rd.InlineRunner())}
    assert {(row.dag, row.key, row.state) for row in played(spec).trace.rows.values()} == one


@pytest.mark.parametrize("match", ["exact", "latest", "same_day"])
def test_law_same_graph_everywhere_with_waits(match: str) -> None:
    up = DagSpec(CLOCKS[1], (TaskSpec(outlets=("x",)), TaskSpec((0,), retries=1)))
    down = DagSpec(CLOCKS[1], (TaskSpec(),), waits=((0, match),), limit=1)
    spec = GraphSpec((up, down), {"users": CLOCKS[2]})
    assert {told(row) for row in played(spec).trace.rows.values()} == live(spec, Wide())
