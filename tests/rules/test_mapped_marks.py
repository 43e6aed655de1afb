"""R19: marks of mapped tasks and of their instances, in a run that goes on and in one that has ended."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from reactive_dag.model.records import Published, TaskFinished
from tests.support.dying import DyingLog
from tests.support.engines import of_kind, parts
from tests.support.world import World
from tests.support.zoo import give_up, skip, succeed


def began(log: object = None, retries: int = 0) -> tuple[World, rd.Run]:
    """rows, each over it, inner over each: three instances of each have begun."""
    graph = rd.Graph("marks")
    dag = graph.dag("job")
    dag.add(lambda run: world.body(run), id="rows")
    dag.add(lambda run: world.body(run), id="each", map_over="rows", outlets=["out"], retries=retries)
    dag.add(lambda run: world.body(run), id="inner", map_over="each")
    world = World(graph, log)
    run = world.engine.start("job")
    world.settle()
    world.finish(0, lambda run: ["a", "b", "c"])
    world.settle()
    return world, run


def instances(run: rd.Run, task: str = "each") -> str:
    return " ".join(one.state for one in run.tasks[task].instances)


@pytest.mark.parametrize("state", ["success", "failed", "skipped"])
@pytest.mark.parametrize("ended", [False, True])
def test_R19_a_mapped_task_gets_the_state_and_so_do_its_instances_that_have_none(ended: bool, state: str) -> None:
    world, run = began()
    world.finish(0, succeed)
    world.finish(0, skip)
    if ended:
        world.finish(0, give_up)
    world.settle()
    before = len(of_kind(world.engine, TaskFinished))
    assert run.done == ended
    world.engine.mark(run, "each", state, "by hand")
    if not ended:
        world.finish(0, succeed)
    world.settle()
    assert instances(run) == f"success skipped {state}"
    assert (run.tasks["each"].state, run.tasks["each"].error) == (state, f"marked {state}: by hand")
    given = [each for each in of_kind(world.engine, TaskFinished)[before:] if each.task.startswith("each")]
    assert [(each.task, each.state) for each in given if each.error] == [("each[2]", state), ("each", state)]
    assert [each.task for each in given].count("each") == 1, "a task has one end"
    assert len(of_kind(world.engine, Published)) == (state == "success")
    if state == "success":
        assert instances(run, "inner") == "running skipped running"
    else:
        assert run.tasks["inner"].state == ("skipped" if state == "skipped" else "upstream_failed")
    world.check()


def test_R19_a_mapped_task_keeps_an_instance_that_has_failed_in_a_live_run() -> None:
    world, run = began()
    world.finish(0, give_up)
    world.settle()
    world.engine.mark(run, "each", "success")
    world.settle()
    assert (instances(run), run.tasks["each"].state) == ("failed success success", "success")
    assert instances(run, "inner") == "running running running"


@pytest.mark.parametrize("state", ["success", "failed", "skipped"])
def test_R19_a_mapped_task_whose_last_instance_ends_behind_the_mark_has_one_end(state: str) -> None:
    world, run = began()
    world.finish(0, succeed)
    world.finish(0, succeed)
    world.settle()
    world.engine.mark(run, "each", state)
    world.finish(0, succeed)
    world.settle()
    assert (instances(run), run.tasks["each"].state) == (f"success success {state}", state)
    assert sum(each.task == "each" for each in of_kind(world.engine, TaskFinished)) == 1


@pytest.mark.parametrize("state", ["success", "failed", "skipped"])
def test_R19_a_mapped_task_whose_last_instance_ends_before_the_mark_gets_the_state(state: str) -> None:
    world, run = began()
    world.finish(0, succeed)
    world.finish(0, succeed)
    world.finish(0, succeed)
    world.engine.mark(run, "each", state)
    world.settle()
    assert (instances(run), run.tasks["each"].state) == ("success success success", state)


def test_R19_a_mapped_task_that_has_no_list_yet_gets_the_state_and_no_instances() -> None:
    graph = rd.Graph("marks")
    dag = graph.dag("job")
    dag.add(lambda run: world.body(run), id="rows")
    dag.add(lambda run: world.body(run), id="each", map_over="rows")
    world = World(graph)
    run = world.engine.start("job")
    world.settle()
    world.engine.mark(run, "each", "skipped")
    world.finish(0, lambda run: ["a"])
    world.settle()
    assert (run.state, run.tasks["each"].state, run.tasks["each"].instances) == ("skipped", "skipped", [])


@pytest.mark.parametrize("retries", [0, 1])
def test_R19_a_live_instance_gets_the_state_and_its_task_ends_as_all_say(retries: int) -> None:
    world, run = began(retries=retries)
    world.engine.mark(run, "each[1]", "failed", "by hand")
    for _ in range(3):
        world.finish(0, succeed)
    world.settle()
    assert (instances(run), run.tasks["each"].state) == ("success failed success", "failed")
    assert run.tasks["each[1]"].error == "marked failed: by hand"
    assert run.tasks["each"].error == "1 of 3 instances failed: each[1]: marked failed: by hand"


@pytest.mark.parametrize("snapshot", [False, True])
@pytest.mark.parametrize("task", ["each", "each[2]"])
def test_R19_marks_of_mapped_tasks_outlive_a_crash(tmp_path, task: str, snapshot: bool) -> None:
    world, _ = began(DyingLog(tmp_path / "s.db"))
    world.finish(0, succeed)
    world.finish(0, succeed)
    world.settle()
    world.engine.mark(world.engine.runs("job")[0], task, "success")
    world.finish(0, give_up)
    if snapshot:
        parts(world.engine).turn.snapshot_at = -(10**9)
        world.settle()
    world.die()
    world.open()
    world.settle()
    run = world.engine.runs("job")[0]
    assert (instances(run), run.tasks["each"].state) == ("success success success", "success")
    assert instances(run, "inner") == "running running running"
    world.check()
