"""Of what one instant decides: in which order waits and attempts begin (R5), and waits end (R27), in every life."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from reactive_dag.model.records import RunStarted, TaskFinished, TaskStarted
from reactive_dag.model.times import SECOND
from tests.support.engines import live, of_kind, parts, records_of
from tests.support.world import World

TEN = "2026-11-23T00:00:10Z"
LIVES = [("same life", False), ("next life", False), ("next life", True)]


def ended(world):
    """The waits that ended, in order."""
    return [each.task for each in of_kind(world.engine, TaskFinished) if each.task in ("late", "early")]


def next_life(world, snapshot, change=lambda: None):
    """The process dies, and another begins with a changed graph."""
    if snapshot:
        parts(world.engine).turn.snapshot_at = -(10**9)
        world.engine.publish("x")
    world.settle()
    world.die()
    change()
    world.open()
    world.settle()
    world.check()


def waiters(graph, **options):
    """A first DAG whose wait begins after that of the second; they await the DAGs that come in the other order."""
    first, second = rd.Dag("first"), rd.Dag("second")
    gate = first.add(lambda run: None, id="gate")
    first.wait_for("up 2", id="late", after=gate, **options)
    second.wait_for("up 1", id="early", **options)
    with graph.bulk():
        graph.register(first, replace=True)
        graph.register(second, replace=True)


def begun(graph):
    """Both wait, the one that was asked for first since a little later."""
    world = World(graph)
    for id in ("first", "second"):
        world.engine.start(id, logical_date=TEN)
    world.settle()
    world.advance(SECOND)
    world.finish(0, lambda run: None)
    world.settle()
    assert [each.task for each in of_kind(world.engine, TaskStarted)] == ["early", "gate", "late"]
    return world


@pytest.mark.parametrize("snapshot", [False, True])
def test_R27_of_waits_that_a_start_decides_the_first_requested_run_is_first(snapshot):
    """The tick that both await, of two DAGs, was missed."""
    graph = rd.Graph("order")
    graph.dataset("x")
    for id in ("up 1", "up 2"):
        graph.dag(id, on=rd.every("10s")).add(lambda run: None, id="t")
    waiters(graph)
    world = begun(graph)
    next_life(world, snapshot, lambda: world.clock.advance_to(world.clock.now() + 100 * SECOND))
    assert ended(world) == ["late", "early"]
    world.close()


@pytest.mark.parametrize(("life", "snapshot"), LIVES)
def test_R27_of_waits_that_a_change_decides_the_first_requested_run_is_first(life, snapshot):
    """What ended already, of two DAGs, is what both want by now."""
    graph = rd.Graph("order")
    graph.dataset("x")
    for id in ("up 1", "up 2"):
        graph.dag(id).add(lambda run: None, id="t")
    waiters(graph, states="failed")
    world = begun(graph)
    for id in ("up 1", "up 2"):
        world.engine.start(id, logical_date=TEN)
    world.settle()
    for _ in range(2):
        world.finish(0, lambda run: None)
    world.settle()
    assert not ended(world)
    if life == "next life":
        next_life(world, snapshot, lambda: waiters(graph))
    else:
        waiters(graph)
        world.settle()
    assert ended(world) == ["late", "early"]
    world.close()


def test_R5_waits_and_attempts_begin_in_one_order():
    """A wait that holds a worker, and a function that looks, stand among the attempts of their instant."""
    graph = rd.Graph("order")
    graph.dataset("x")
    graph.dag("up").add(lambda run: None, id="t")
    dag = graph.dag("job", on=rd.updated("x"))
    dag.add(lambda run: None, id="a")
    dag.wait_for(rd.Dataset("x"), id="b", partition="k", mode="poke", poll="1m")
    dag.add(lambda run: None, id="c")
    dag.wait_until(lambda run: None, id="d", poll="1m")
    dag.wait_for(rd.Dataset("x"), id="e", partition="k", mode="poke", poll="1m", priority=1)
    world = World(graph)
    world.engine.publish("x")
    world.settle()
    assert [each.task for each in of_kind(world.engine, TaskStarted)] == ["e", "a", "b", "c", "d"]
    assert [job.name for job in world.runner.jobs] == ["job.a", "job.c", "job.d"]
    world.close()
    sources = {"x": rd.at([TEN])}
    simulated = rd.simulate(graph, start="2026-11-23", until="1m", sources=sources, default_duration="1s")
    log = simulated.trace.fold.log
    started = [each.task for each in log.read(0, log.next_offset) if isinstance(each, TaskStarted)]
    assert started == ["e", "a", "b", "c", "d"]


@pytest.mark.parametrize("kind", ["task", "wait"])
def test_R5_a_retry_without_a_delay_is_due_before_slots_are_given_out(kind):
    """All that is due at an instant is decided first: of a wait the retry begins, of a task it is in its place."""
    graph = rd.Graph("order")
    graph.dataset("x")
    dag = graph.dag("job")
    if kind == "wait":
        dag.wait_for(rd.Dataset("x"), id="t", timeout="5s", retries=1, retry_delay="0s")
    else:
        dag.add(lambda run: None, id="t", timeout="5s", retries=1, retry_delay="0s")
    graph.dag("other", on=rd.every("5s")).add(lambda run: None, id="u")
    world = World(graph)
    world.engine.start("job")
    world.settle()
    if kind == "task":
        world.clock.advance_to(world.clock.now() + 5 * SECOND)
        world.finish(0, lambda run: None)  # it took too long
    world.advance(5 * SECOND if kind == "wait" else 0)
    told = [each for each in records_of(world.engine) if isinstance(each, RunStarted | TaskStarted)]
    found = [each.dag if isinstance(each, RunStarted) else f"{each.task} {each.attempt}" for each in told]
    assert found == ["job", "t 1", *(["t 2", "other", "u 1"] if kind == "wait" else ["other", "t 2", "u 1"])]
    world.close()


def test_R27_a_wait_that_needs_no_worker_any_more_begins_without_one():
    graph = rd.Graph("order")
    graph.dataset("x")

    def declare(mode):
        dag = rd.Dag("job")
        dag.wait_for(rd.Dataset("x"), id="t", partition="k", mode=mode, poll="1m")
        graph.register(dag, replace=True)

    graph.dag("other").wait_for(rd.Dataset("x"), id="u", partition="k", mode="poke", poll="1m")
    declare("poke")
    with live(graph, runner=rd.ThreadRunner(1)) as engine:
        for id in ("other", "job"):
            engine.start(id)
            engine.run_until_idle("10s")
        assert [each.task for each in of_kind(engine, TaskStarted)] == ["u"]
        declare("push")
        engine.run_until_idle("10s")
        assert [each.task for each in of_kind(engine, TaskStarted)] == ["u", "t"]


@pytest.mark.parametrize("how", ["cancel", "mark"])
@pytest.mark.parametrize("kind", ["task", "wait"])
def test_R5_a_cancellation_runs_no_retry_that_is_due_before_the_next_record(kind, how):
    """Nobody is awake from the cancellation on until the retry is past."""
    graph = rd.Graph("order")
    graph.dataset("x")
    dag = graph.dag("job")
    if kind == "wait":
        dag.wait_for(rd.Dataset("x"), id="t", timeout="5s", retries=1, retry_delay="5s")
    else:
        dag.add(lambda run: None, id="t", timeout="5s", retries=1, retry_delay="5s")
    world = World(graph)
    run = world.engine.start("job")
    world.settle()
    world.advance(6 * SECOND)
    assert run.tasks["t"].state == "retrying"
    if how == "cancel":
        world.engine.cancel(run)
    else:
        world.engine.mark(run, "t", "success")
    world.clock.advance_to(world.clock.now() + 10 * SECOND)
    world.settle()
    assert [each.attempt for each in of_kind(world.engine, TaskStarted)] == [1]
    assert run.state == ("cancelled" if how == "cancel" else "success")
    world.check()
    world.close()
