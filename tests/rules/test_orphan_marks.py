"""R11, R19: marks of runs whose DAG is gone as their process starts again; it is declared anew at once, or later."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from reactive_dag.model.records import Marked, RunStarted
from tests.rules.test_orphans import graph_of, job, process, ran, states
from tests.support.dying import DyingLog
from tests.support.engines import of_kind, parts
from tests.support.volatile import VolatileLog
from tests.support.world import World
from tests.support.zoo import give_up, succeed


@pytest.fixture(params=["memory", "sqlite"])
def log(request, tmp_path) -> object:
    return VolatileLog() if request.param == "memory" else DyingLog(tmp_path / "s.db")


def begun(log: object) -> World:
    """rows has succeeded; the three instances of each execute."""
    world = World(graph_of(lambda run: world.body(run)), log)
    world.engine.start("job")
    world.settle()
    world.finish(0, lambda run: ["a", "b", "c"])
    world.settle()
    return world


def gone_and_back(world: World) -> rd.Run:
    """It dies, the next process has no such DAG when it opens, and declares it before it decides anything."""
    world.die()
    world.graph = graph_of(lambda run: world.body(run), declared=False)
    world.open()
    world.graph.register(job(lambda run: world.body(run)))
    world.settle()
    world.check()
    (run,) = world.engine.runs("job")
    return run


@pytest.mark.parametrize("snapshot", [False, True])
@pytest.mark.parametrize("decided", [False, True])
@pytest.mark.parametrize("task", ["each[1]", "each", "last", None])
def test_R19_the_mark_of_a_live_run_is_no_round_after_a_start_without_its_dag(log, task, decided, snapshot) -> None:
    world = begun(log)
    (run,) = world.engine.runs("job")
    if snapshot:
        parts(world.engine).turn.snapshot_at = -(10**9)
    world.engine.mark(run, task, "success", "by hand")
    if decided:
        world.settle()
    run = gone_and_back(world)
    assert len(of_kind(world.engine, Marked)) == 1
    assert run.round == 1 and [record.round for record in of_kind(world.engine, RunStarted)] == [1]
    assert run.state in ("failed", "success")
    if task is not None:
        assert states(run)[task] == "success"


def test_R19_a_mark_counts_for_a_later_round_though_the_dag_was_gone_before_it_was_decided(log) -> None:
    world = begun(log)
    (run,) = world.engine.runs("job")
    world.engine.mark(run, "each[1]", "success", "by hand")
    process(world, declared=False)
    process(world, declared=True)
    (run,) = world.engine.runs("job")
    assert states(run)["each[1]"] == "success"
    assert [each.state for each in run.tasks["each"].instances[1].attempts] == ["success"]
    world.engine.rerun(run, only="failed")
    world.settle()
    assert ran(world) == ["each[0]", "each[2]", "last"] and run.state == "success"


def test_R19_an_end_recorded_before_the_mark_makes_it_a_round_which_needs_the_dag(log) -> None:
    world = begun(log)
    (run,) = world.engine.runs("job")
    for _ in range(3):
        world.finish(0, succeed)
    world.settle()
    world.finish(0, give_up)
    world.engine.mark(run, "last", "success", "by hand")
    run = gone_and_back(world)
    assert (run.round, run.state) == (2, "success") and run.tasks["last"].error == "marked success: by hand"


def test_R19_the_round_of_a_mark_that_a_crash_cut_off_keeps_it_though_the_dag_is_gone(log) -> None:
    world = begun(log)
    (run,) = world.engine.runs("job")
    for _ in range(3):
        world.finish(0, give_up)
    world.settle()
    assert run.state == "failed"
    world.engine.mark(run, "each[1]", "success", "by hand")
    world.settle()
    process(world, declared=False)
    (run,) = world.engine.runs("job")
    assert (run.round, run.state) == (2, "failed") and states(run)["each[1]"] == "success"
    process(world, declared=True)
    (run,) = world.engine.runs("job")
    world.engine.rerun(run, only="failed")
    world.settle()
    assert ran(world) == ["each[0]", "each[2]", "last"] and run.state == "success"
