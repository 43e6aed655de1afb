"""Law same_graph_everywhere, on one web of all that can follow from what, with random durations and limits.

Up to the end of the span: from then on a course notices no silence, and an engine does.
"""

from __future__ import annotations

from attrs import frozen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import reactive_dag as rd
from reactive_dag.log.history import RunRow, TaskRow
from reactive_dag.model.records import FINAL_TASK_STATES
from reactive_dag.model.times import MINUTE, SECOND, format_time
from reactive_dag.testing.workers import InlineWorkers
from tests.laws.test_same_graph import START, UNTIL, Told, publish_all
from tests.support.engines import parts
from tests.support.profiles import examples

USERS = [START + at * MINUTE + number * SECOND for number, at in enumerate((7, 31, 52, 83, 109, 146), 1)]
"""When outside publishes: never when something else is due, which is at whole minutes, or so long after another."""


@frozen
class Web:
    """What of the web is drawn: minutes by task, and what its options are."""

    spans: dict[str, int]
    every: int
    slots: int
    workers: int | None
    limit: int | None
    mode: str
    overlap: str
    awaited: tuple[str, ...]


SPANS = {"t0": (5, 10), "t1": (0, 5, 10), "t2": (5, 15), "t3": (0, 5), "each": (5, 10), "t": (0, 5, 10)}


@st.composite
def webs(draw: st.DrawFn) -> Web:
    spans = {name: draw(st.sampled_from(choices)) for name, choices in SPANS.items()}
    limit = draw(st.sampled_from([None, 1, 2]))
    return Web(
        spans, draw(st.sampled_from([15, 30])), draw(st.integers(2, 4)), draw(st.sampled_from([None, 3, 6])), limit,
        draw(st.sampled_from(["push", "poke", "reschedule"])),
        "queue" if limit is None else draw(st.sampled_from(["queue", "skip", "replace"])),
        tuple(sorted(draw(st.sets(st.sampled_from(["t0", "t1", "t3"]), max_size=2)))),
    )  # fmt: skip


def fails(run: rd.Run) -> bool:
    """Whether an attempt fails: of d0.t2 all do, which none of the others needs."""
    return run.dag == "d0" and run.task == "t2"


def built(web: Web) -> rd.Graph:
    """Three DAGs on one clock that wait for each other, and DAGs that hear of them in every way."""
    graph = rd.Graph("web")
    graph.pool("pool", web.slots)
    daily = graph.dataset("daily", partitions=rd.day())
    users, heard, quiet, loop = (graph.dataset(name) for name in ("users", "heard", "quiet", "loop"))
    end = format_time(UNTIL - 1)
    clock = rd.every(f"{web.every}m")
    d0 = graph.dag("d0", on=clock, end=end, deadline="12m", max_active_runs=web.limit, overlap=web.overlap)
    d0.add(nothing, "t0", outlets=[quiet], priority=1)
    d0.add(nothing, "t1", after=["t0"], outlets=[daily, heard], timeout="8m", retries=1, retry_delay="5m")
    d0.add(nothing, "t2", after=["t0"], retries=1, retry_delay="10m", pool="pool")
    d0.add(nothing, "t3", after=["t1"], pool="pool", slots=2, trigger_rule="all_done")
    how = {"mode": web.mode} if web.mode == "push" else {"mode": web.mode, "poll": "5m"}
    d1 = graph.dag("d1", on=clock, end=end)
    d1.wait_for("d0", tasks=list(web.awaited) or None, id="w", timeout="25m", **how)  # type: ignore[arg-type]
    d1.add(nothing, "t0", outlets=[loop], after=["w"])
    d1.add(nothing, "each", after=["t0"], map_over="t0", pool="pool")
    d2 = graph.dag("d2", on=clock, end=end, outlets=["whole"], timeout="1h")
    d2.wait_for("d1", id="w", timeout="40m", soft_fail=True)
    d2.wait_for(users, partition=None, since="start", id="u", timeout="30m", soft_fail=True)
    d2.add(nothing, "t1", after=["w"], trigger_rule="none_failed")
    d2.add(nothing, "t2", after=["w", "u"], trigger_rule="all_done", depends_on_past=True)
    for name, on in {
        "on_daily": rd.updated(daily), "on_task": rd.completed("d0", task="t3"), "on_whole": rd.updated("whole"),
        "on_runs": rd.completed("d1") & rd.completed("d2"), "missed": rd.missed("d0"),
        "silent": rd.absent(rd.updated(heard), for_="10m", after=rd.updated(quiet)),
        "sequence": rd.sequence(rd.updated(users), rd.completed("d1")).within("45m"),
        "least": rd.at_least(2, rd.completed("d0", states="any"), rd.completed("d1"), rd.updated(users)).by(None),
        "latest": rd.completed("d1").with_latest(rd.updated(users)),
        "window": rd.updated(heard).batch(count=3, max_wait="20m"), "calm": rd.updated(heard).debounce("10m"),
        "back": rd.updated(loop, feedback=True, max_depth=2),
    }.items():  # fmt: skip
        outlets = [loop] if name == "back" else []
        graph.dag(name, on=on).add(nothing, "t", outlets=outlets, pool="pool" if name == "on_runs" else None)
    return graph


def nothing() -> None:
    """A body."""


def live(web: Web) -> set[Told]:
    """What an engine on a virtual clock has done by the end."""
    graph = built(web)

    def then(run: rd.Run) -> object:
        if fails(run):
            raise ValueError("no")
        return [1, 2, 3] if (run.dag, run.task) == ("d1", "t0") else None

    stubs = {}
    for dag in graph.dags.values():
        for task in dag.tasks.values():
            span = web.spans.get(task.id)
            if span is not None:
                stubs[f"{dag.id}.{task.id}"] = rd.takes(f"{span}m", then=then) if span else then
    runner = InlineWorkers(web.workers or 1_000_000)
    with rd.Engine(graph, runner=runner, clock=rd.VirtualClock(START - 1), stubs=stubs) as engine:
        parts(engine).fold.waits.done_before = START
        publish_all(engine, [(at, 0, "users") for at in USERS])
        engine.advance(to=format_time(UNTIL - 1))
        return {told(parts(engine).fold.runs.row(run._offset)) for run in engine.runs()}


def played(web: Web) -> rd.Simulation:
    """The same, played."""
    names = {f"{dag.id}.{id}": id for dag in built(web).dags.values() for id in dag.tasks if id in web.spans}
    base = rd.simulate(
        built(web), start=format_time(START), until="3h",
        sources={"users": rd.at([format_time(at) for at in USERS])},
        durations={name: f"{web.spans[id]}m" for name, id in names.items()}, outputs={"d1.t0": [1, 2, 3]},
    )  # fmt: skip
    return base.what_if(rd.fail("d0.t2"), rd.workers(web.workers))


def told(row: RunRow) -> Told:
    """What had happened of a run before the end."""
    is_over = row.ended is not None and row.ended < UNTIL
    tasks = tuple(each for task in row.tasks if (each := told_task(task))[1] or each[2])
    over = (row.state, row.ended) if is_over else None
    return (row.dag, row.key, row.label, over, row.logical_date, row.partition, row.requested, tasks)


def told_task(task: TaskRow) -> Told:
    """The attempts that had ended, of instances too."""
    over = [each for each in task.attempts if each[2] < UNTIL and each[3] in FINAL_TASK_STATES]
    attempts = tuple((n, began, ended, state) for n, began, ended, state, _ in over)
    instances = tuple(each for one in task.instances or () if (each := told_task(one))[1])
    return task.task, attempts, instances


@settings(deadline=None, max_examples=examples(30), suppress_health_check=[HealthCheck.too_slow])
@given(webs())
def test_law_same_graph_everywhere_on_a_web(web: Web) -> None:
    found = played(web)
    assert {told(row) for row in found.trace.rows.values() if row.requested < UNTIL} == live(web)
    found.trace.fold._check()
