"""R19: what a mark says, whatever else becomes of the task between the call and its being applied."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

import reactive_dag as rd
from reactive_dag.model.records import Published, TaskFinished
from tests.support.dying import DyingLog
from tests.support.engines import live, of_kind, parts
from tests.support.world import World
from tests.support.zoo import OUTCOMES, give_up

STATES = {"success": "success", "failed": "upstream_failed", "skipped": "skipped"}
succeed = OUTCOMES["succeed"]


def graph_of(body: Callable[..., object], **options: object) -> rd.Graph:
    """a → b → c, where `body` is that of all, and `options` are b's."""
    graph = rd.Graph("races")
    dag = graph.dag("job")
    for id, after in (("a", []), ("b", ["a"]), ("c", ["b"])):
        dag.add(body, id=id, after=after, **(options if id == "b" else {}))
    return graph


def states(run: rd.Run) -> str:
    return " ".join(f"{task.id}:{task.state}" for task in run.tasks.values())


def ends_of(engine: rd.Engine, task: str) -> list[str]:
    return [each.state for each in of_kind(engine, TaskFinished) if each.task == task]


@pytest.fixture(params=["memory", "sqlite"])
def world(request, tmp_path) -> World:
    """A run of a → b → c in which b executes; b has retries and an outlet."""
    graph = graph_of(lambda run: world.body(run), retries=2, retry_delay="1m", outlets=["mart"])
    world = World(graph, DyingLog(tmp_path / "s.db") if request.param == "sqlite" else None)
    world.engine.start("job")
    world.settle()
    world.finish(0, succeed)
    world.settle()
    return world


def the_run(world: World) -> rd.Run:
    return world.engine.runs("job")[0]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("runner", ["inline", "threads", "asyncio"])
def test_R19_a_body_that_is_marked_and_ends_counts_no_more(runner: str, fails: bool, state: str) -> None:
    def body(run: rd.Run) -> str:
        if run.task != "b":
            return run.task
        engine.mark(run.key, "b", state, "by hand")
        if fails:
            raise ValueError("too late")
        return "too late"

    async def coroutine(run: rd.Run) -> str:
        await asyncio.sleep(0)
        return body(run)

    graph = graph_of(coroutine if runner == "asyncio" else body, retries=2)
    with live(graph, runner=rd.InlineRunner() if runner == "inline" else rd.ThreadRunner(2)) as engine:
        run = engine.start("job")
        engine.run_until_idle("60s")
        assert states(run) == f"a:success b:{state} c:{STATES[state]}"
        assert (run.tasks["b"].error, run.tasks["b"].output) == (f"marked {state}: by hand", None)
        assert len(run.tasks["b"].attempts) == 1


@pytest.mark.parametrize("outcome", ["succeed", "fail", "give_up", "later"])
@pytest.mark.parametrize("died", ["no", "before it is applied", "after"])
@pytest.mark.parametrize("snapshot", [False, True])
def test_R19_the_end_of_a_body_behind_a_mark_counts_no_more(world, outcome: str, died: str, snapshot: bool) -> None:
    world.engine.mark(the_run(world), "b", "skipped", "by hand")
    world.finish(0, OUTCOMES[outcome])
    if snapshot:
        parts(world.engine).turn.snapshot_at = -(10**9)
    if died == "before it is applied":
        world.die()
        world.open()
    world.settle()
    if died == "after":
        world.die()
        world.open()
        world.settle()
    world.check()
    run = the_run(world)
    assert (run.state, states(run)) == ("skipped", "a:success b:skipped c:skipped")
    assert not of_kind(world.engine, Published) and not world.runner.jobs
    world.advance(10**12)
    assert run.round == 1 and ends_of(world.engine, "b")[-1] == "skipped"


def test_R19_a_mark_behind_the_end_of_the_body_is_in_force_in_a_round(world) -> None:
    run = the_run(world)
    world.finish(0, succeed)
    world.engine.mark(run, "b", "failed", "wrong")
    world.settle()
    assert states(run) == "a:success b:success c:running"
    world.finish(0, give_up)
    world.settle()
    assert (run.state, run.round, states(run)) == ("failed", 2, "a:success b:failed c:upstream_failed")
    assert run.tasks["b"].error == "marked failed: wrong"


def test_R19_a_mark_of_a_run_behind_its_last_end_is_in_force_in_a_round(world) -> None:
    run = the_run(world)
    world.finish(0, succeed)
    world.settle()
    world.finish(0, succeed)
    world.engine.mark(run, None, "failed", "wrong")
    world.settle()
    assert (run.state, run.round, run.error) == ("failed", 2, "marked failed: wrong")
    assert states(run) == "a:success b:success c:success"


def test_R19_the_end_of_a_body_behind_the_mark_of_its_run_counts_no_more(world) -> None:
    run = the_run(world)
    world.engine.mark(run, None, "success", "enough")
    world.finish(0, succeed)
    world.settle()
    assert (run.state, run.round, states(run)) == ("success", 1, "a:success b:cancelled c:cancelled")


def test_R19_of_two_marks_the_first_is_in_force_at_once_and_the_second_in_a_round(world) -> None:
    run = the_run(world)
    world.engine.mark(run, "b", "success", "it is there")
    world.engine.mark(run, "b", "skipped", "it is not")
    world.settle()
    assert states(run) == "a:success b:success c:running"
    world.finish(1, succeed)
    world.finish(0, succeed)
    world.settle()
    assert (run.state, run.round, states(run)) == ("success", 2, "a:success b:skipped c:success")


def test_R19_a_mark_and_a_cancellation_take_effect_in_their_order(world) -> None:
    run, key = the_run(world), world.engine.start("job").key
    world.settle()
    world.engine.mark(run, "b", "success")
    world.engine.cancel(run)
    world.settle()
    assert (run.state, states(run)) == ("cancelled", "a:success b:success c:cancelled")
    other = world.engine.run(key)
    world.engine.cancel(other)
    world.engine.mark(other, "a", "success")
    world.settle()
    assert (other.round, states(other)) == (2, "a:success b:running")


def test_R19_what_its_needs_gave_a_task_does_not_overtake_its_mark(world) -> None:
    run = the_run(world)
    world.finish(0, give_up)
    world.engine.mark(run, "c", "success")
    world.settle()
    assert states(run) == "a:success b:failed c:success"


def test_R19_a_mark_drops_the_timeout_and_the_retry() -> None:
    graph = graph_of(lambda run: world.body(run), timeout="5m", retries=1, retry_delay="0s")
    world = World(graph)
    first, second = world.engine.start("job"), world.engine.start("job")
    world.settle()
    world.finish(0, succeed)
    world.finish(0, succeed)
    world.settle()
    world.engine.mark(first, "b", "success")
    world.clock.advance_to(world.clock.now() + 10**12)
    world.settle()
    assert [each.state for each in first.tasks["b"].attempts] == ["success"]
    world.finish(1, OUTCOMES["fail"])
    world.engine.mark(second, "b", "skipped")
    world.settle()
    world.advance(10**12)
    assert ends_of(world.engine, "b")[-1] == "skipped"
    world.check()


@pytest.mark.parametrize("again", [False, True])
def test_R18_a_second_cancellation_cancels_a_teardown_that_is_about_to_end(again: bool) -> None:
    graph = rd.Graph("torn")
    dag = graph.dag("job")
    dag.add(lambda run: world.body(run), id="a")
    dag.add(lambda run: world.body(run), id="clean", after=["a"], teardown=True)
    world = World(graph)
    run = world.engine.start("job")
    world.settle()
    world.finish(0, succeed)
    world.settle()
    world.engine.cancel(run)
    if again:
        world.engine.cancel(run)
    world.finish(0, succeed)
    world.settle()
    assert (run.state, run.tasks["clean"].state) == ("cancelled", "cancelled" if again else "success")


@pytest.mark.parametrize("state", STATES)
def test_R19_a_teardown_that_is_about_to_end_is_marked(state: str) -> None:
    graph = rd.Graph("torn")
    dag = graph.dag("job")
    dag.add(lambda run: world.body(run), id="a")
    dag.add(lambda run: world.body(run), id="clean", after=["a"], teardown=True)
    world = World(graph)
    run = world.engine.start("job")
    world.settle()
    world.engine.cancel(run)
    world.settle()
    world.engine.mark(run, "clean", state)
    world.finish(1, succeed)
    world.settle()
    assert (run.state, states(run)) == ("cancelled", f"a:cancelled clean:{state}")


def test_R19_a_task_that_waits_for_a_pool_gives_its_place_up() -> None:
    graph = rd.Graph("pools")
    graph.pool("one", 1)
    for id in ("x", "y"):
        graph.dag(id).add(lambda run: world.body(run), id="t", pool="one")
    world = World(graph)
    x, y, last = world.engine.start("x"), world.engine.start("y"), world.engine.start("y")
    world.settle()
    world.engine.mark(y, "t", "success")
    world.finish(0, succeed)
    world.settle()
    assert (x.state, y.state, last.state) == ("success", "success", "running")
    world.engine.mark(last, "t", "skipped")
    world.settle()
    assert last.state == "skipped" and "one" in parts(world.engine).fold.graph.pools
    other = world.engine.start("x")
    world.settle()
    assert not other.tasks, "a body holds its slots until it returns (R16)"
    world.finish(0, succeed)
    world.settle()
    assert other.tasks["t"].state == "running"


def test_R19_a_wait_that_is_about_to_succeed_is_marked() -> None:
    graph = rd.Graph("waits")
    graph.dag("up").add(lambda run: world.body(run), id="t")
    dag = graph.dag("job")
    w = dag.wait_for("up", id="w")
    dag.add(lambda run: world.body(run), id="t", after=[w])
    world = World(graph)
    run = world.engine.start("job", logical_date="2026-11-22")
    world.engine.start("up", logical_date="2026-11-22")
    world.settle()
    world.finish(0, succeed)
    world.engine.mark(run, "w", "skipped")
    world.settle()
    world.check()
    assert run.state == "skipped" and states(run) == "w:skipped t:skipped"
