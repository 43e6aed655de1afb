"""R10, R11: what a run keeps whose DAG was gone when its process started again, and is declared anew later."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import reactive_dag as rd
from tests.support.dying import DyingLog
from tests.support.engines import parts
from tests.support.volatile import VolatileLog
from tests.support.world import World
from tests.support.zoo import fail, give_up, succeed


def job(body: Callable[[rd.Run], object]) -> rd.Dag:
    dag = rd.Dag("job")
    dag.add(body, id="rows")
    dag.add(body, id="each", map_over="rows", retries=1, retry_delay="1h")
    dag.add(body, id="last", after=["each"])
    return dag


def graph_of(body: Callable[[rd.Run], object], declared: bool = True) -> rd.Graph:
    graph = rd.Graph("orphans")
    graph.dag("other").add(lambda: None, id="t")
    if declared:
        graph.register(job(body))
    return graph


def begun(log: object) -> World:
    """rows and one instance of each have succeeded, one failed once, one executes."""
    world = World(graph_of(lambda run: world.body(run)), log)
    world.engine.start("job")
    world.settle()
    world.finish(0, lambda run: ["a", "b", "c"])
    world.settle()
    world.finish(0, succeed)
    world.finish(0, fail)
    world.settle()
    return world


def process(world: World, declared: bool) -> None:
    """It dies, and the next one has the DAG or not."""
    world.die()
    world.graph = graph_of(lambda run: world.body(run), declared)
    world.open()
    world.settle()
    world.check()


def ran(world: World) -> list[str]:
    """What executes now, and ends well."""
    before = len(world.ran)
    while world.runner.jobs:
        world.finish(0, lambda run: ["a", "b", "c"] if run.task == "rows" else run.task)
        world.settle()
    return sorted(task for _, task, _ in world.ran[before:])


def states(run: rd.Run) -> dict[str, str]:
    return {task.id: task.state for top in run.tasks.values() for task in (top, *top.instances)}


@pytest.fixture(params=["memory", "sqlite"])
def log(request, tmp_path) -> object:
    return VolatileLog() if request.param == "memory" else DyingLog(tmp_path / "s.db")


@pytest.mark.parametrize("snapshot", ["none", "live", "orphan"])
def test_R10_only_failed_keeps_what_succeeded_before_the_dag_was_gone(log, snapshot: str) -> None:
    world = begun(log)
    if snapshot == "live":
        parts(world.engine).turn.snapshot_at = -(10**9)
        world.engine.start("other")
        world.settle()
        world.finish(1, succeed)
        world.settle()
    process(world, declared=False)
    if snapshot == "orphan":
        parts(world.engine).turn.snapshot_at = -(10**9)
        world.engine.start("other")
        world.settle()
    (run,) = world.engine.runs("job")
    assert run.state == "failed" and "TaskGone: DAG 'job' is not declared any more" in run.error
    assert " ".join(states(run).values()) == "success failed success failed failed"
    process(world, declared=True)
    (run,) = world.engine.runs("job")
    assert [attempt.state for attempt in run.tasks["rows"].attempts] == ["success"]
    world.runner.jobs.clear()
    world.engine.rerun(run, only="failed")
    world.settle()
    assert ran(world) == ["each[1]", "each[2]", "last"]
    assert (run.state, run.round, run.tasks["each"].output[1:]) == ("success", 2, ["each[1]", "each[2]"])


def test_R10_a_later_round_of_a_run_whose_dag_is_gone_keeps_what_it_kept(log) -> None:
    world = begun(log)
    world.finish(0, give_up)
    world.advance(10**13)
    world.finish(0, give_up)
    world.settle()
    (run,) = world.engine.runs("job")
    assert run.state == "failed"
    world.engine.rerun(run, only="failed")
    world.settle()
    process(world, declared=False)
    process(world, declared=True)
    (run,) = world.engine.runs("job")
    assert (run.state, run.round) == ("failed", 2)
    world.engine.rerun(run, only="failed")
    world.settle()
    assert ran(world) == ["each[1]", "each[2]", "last"] and run.state == "success"
