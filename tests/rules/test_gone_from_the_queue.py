"""What ends in the queue: what it is dated, and who finds it or goes on without it (R1, R10, R11, R14)."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from reactive_dag.model.times import HOUR, SECOND
from tests.support.dying import DyingLog
from tests.support.engines import kill, live, opened
from tests.support.volatile import VolatileLog
from tests.support.world import World

TICK = "2026-11-23T01:00:00+00:00"


def nothing() -> None:
    """A body."""


def job(on: rd.Trigger, **options: object) -> rd.Dag:
    dag = rd.Dag("job", on=on, deadline="9h", **options)
    dag.add(nothing, id="t")
    return dag


def graph_of(on: rd.Trigger, declared: bool = True) -> rd.Graph:
    graph = rd.Graph("gone")
    graph.dag("other").add(nothing, id="t")
    graph.dataset("orders", partitions=rd.day())
    if declared:
        graph.register(job(on))
    return graph


def queued(on: rd.Trigger, store: object) -> rd.Engine:
    """An engine in which a run of job is queued: it executes nothing."""
    engine = opened(graph_of(on), store, runner=None)
    engine.run_until_idle()
    engine.publish("orders", partition="2026-11-20")
    engine.advance("90m")
    (run,) = engine.runs("job")
    assert run.state == "queued"
    return engine


@pytest.mark.parametrize("dies", [False, True])
@pytest.mark.parametrize(
    ("on", "date", "partition"),
    [
        (rd.cron("0 1 * * *"), TICK, None),
        (rd.updated("orders"), "2026-11-20T00:00:00+00:00", "2026-11-20"),
        (rd.updated("orders").by(rd.day()), "2026-11-20T00:00:00+00:00", "2026-11-20"),
        ((rd.cron("0 1 * * *") & rd.updated("orders")), TICK, "2026-11-20"),
    ],
)
def test_R1_a_run_that_its_dags_removal_cancelled_in_the_queue_has_its_date(tmp_path, on, date, partition, dies):
    engine = queued(on, tmp_path / "s.db")
    if dies:
        kill(engine)
        engine = opened(graph_of(on, declared=False), tmp_path / "s.db", runner=None, start="2026-11-23T01:30Z")
    else:
        engine.graph.remove("job")
    engine.run_until_idle()
    (run,) = engine.runs("job")
    assert (run.state, run.logical_date.isoformat(), run.partition) == ("cancelled", date, partition)
    assert [each.key for each in engine.runs("job", logical_date=run.logical_date)] == [run.key]
    engine.close()


@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_R11_what_a_removal_cancelled_in_the_queue_is_queued_for_nobody(tmp_path, store):
    graph = graph_of(rd.updated("orders"), declared=False)
    late = graph.dag("late")
    late.wait_for("job", timeout="1d", failed_states=["cancelled"], id="wait")
    graph.register(job(rd.updated("orders"), max_active_runs=1))
    world = World(graph, VolatileLog() if store == "memory" else DyingLog(tmp_path / "s.db"))
    world.engine.start("job")
    world.engine.start("job", logical_date="2026-11-23")
    world.settle()
    graph.remove("job")
    world.settle()
    graph.register(job(rd.updated("orders"), max_active_runs=1))
    run = world.engine.start("late", logical_date="2026-11-23")
    world.settle()
    assert run.state == "failed" and "cancelled" in run.tasks["wait"].error
    world.close()


def test_wait_runs_that_overlap_skips_together_are_each_found_until_their_ends_are_applied():
    graph = rd.Graph("skipped")
    graph.dag("job", on=rd.cron("0 * * * *"), max_active_runs=1, overlap="skip").add(nothing, id="t")
    late = graph.dag("late")
    hours = ["2026-11-23T01:00Z", "2026-11-23T02:00Z"]
    late.wait_for("job", logical_date=lambda date: hours, skipped_states=[], failed_states=[], timeout="1d", id="wait")
    world = World(graph)
    world.engine.start("job")
    run = world.engine.start("late", logical_date="2026-11-23")
    world.settle()
    world.clock.advance_to(world.clock.now() + 2 * HOUR + SECOND)
    world.settle()
    assert [each.state for each in world.engine.runs("job")] == ["skipped", "skipped", "running"]
    assert run.tasks["wait"].state == "waiting"
    world.close()


# ------------------------------------------------------------------------------------------------------ who waited


def gated(**options: object) -> rd.Graph:
    """A DAG whose `work` waits for its past, behind a wait for `gate`; another waits for that DAG."""
    graph = rd.Graph("gated")
    graph.dag("gate").add(nothing, id="t")
    dag = graph.dag("past", **options)
    dag.add(nothing, id="work", after=[dag.wait_for("gate", id="up", timeout="9h")], depends_on_past=True)
    graph.dag("after").wait_for("past", id="wait", timeout="9h")
    return graph


def on(engine: rd.Engine, dag: str, day: int) -> rd.Run:
    """A run of a DAG on a day of November, with all that can follow at once."""
    run = engine.start(dag, logical_date=f"2026-11-{day}")
    engine.run_until_idle()
    return run


@pytest.mark.parametrize("gone", ["cancelled", "removed"])
@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_R10_who_waited_for_a_round_that_does_not_happen_goes_on(tmp_path, store, gone):
    """The run is as it was: a wait for it (its newest round) succeeds, and a task with that past goes on (R14)."""
    with live(gated(), None if store == "memory" else tmp_path / "s.db") as engine:
        on(engine, "gate", 20)
        first, second = on(engine, "past", 20), on(engine, "past", 21)
        engine.pause("past")
        engine.rerun(first)
        late = on(engine, "after", 20)
        on(engine, "gate", 21)
        assert (first.state, second.state, late.state) == ("queued", "running", "running")
        assert second.tasks["work"].state == "waiting"
        if gone == "cancelled":
            engine.cancel(first)
        else:
            engine.graph.remove("past")
        engine.run_until_idle()
        assert (first.state, second.state) == ("success", "success")
        assert late.state == ("success" if gone == "cancelled" else "failed")


@pytest.mark.parametrize("state", ["success", "skipped", "failed"])
def test_R14_a_run_that_is_marked_in_the_queue_answers_who_waits_for_it_as_its_past(state):
    with live(gated()) as engine:
        second = on(engine, "past", 21)
        engine.pause("past")
        first = on(engine, "past", 20)
        on(engine, "gate", 21)
        assert second.tasks["work"].state == "waiting"
        engine.mark(first, None, state)
        engine.run_until_idle()
        assert (first.state, second.state) == (state, "running" if state == "failed" else "success")


def test_R14_a_run_that_overlap_skips_passes_the_question_on_to_who_asked_before():
    """`work` asks while the run of the day before is queued, and that is skipped at the same instant."""
    with live(gated(max_active_runs=1, overlap="skip")) as engine:
        second = on(engine, "past", 21)
        first = engine.start("past", logical_date="2026-11-20")
        engine.mark(second, "up", "success")
        engine.run_until_idle()
        assert (first.state, second.state) == ("skipped", "success")


def test_R30_an_undated_wait_of_a_run_whose_dag_is_removed_begins_anew():
    graph = rd.Graph("removed")
    a = graph.dataset("a")
    graph.dag("up", on=rd.updated(a)).add(nothing, id="t")
    graph.dag("job", on=rd.updated(a)).wait_for("up", id="wait", timeout="1h", retries=1)
    with live(graph) as engine:
        engine.pause("up")
        engine.publish(a)
        engine.run_until_idle()
        graph.remove("job")
        engine.advance("90m")
        engine.resume("up")
        engine.run_until_idle()
        (run,) = engine.runs("job")
        assert [each.state for each in run.tasks["wait"].attempts] == ["failed", "success"]
