"""Runs that end in the queue since their DAG is removed: what they are dated, and who finds them (R1, R11)."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from reactive_dag.model.times import HOUR, SECOND
from tests.support.dying import DyingLog
from tests.support.engines import kill, opened
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
