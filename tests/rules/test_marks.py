"""R19: a state that somebody gives a task or a run by hand."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from reactive_dag.model.records import Marked, Published
from tests.support.engines import kill, live, of_kind, opened, verify
from tests.support.world import World
from tests.support.zoo import give_up

SWITCH: set[str] = set()


def job() -> rd.Graph:
    """a → b → c, where what is named in `SWITCH` fails; b publishes; a DAG that follows, and one that reads."""
    graph = rd.Graph("marks")
    mart = graph.dataset("mart")
    dag = graph.dag("job", max_active_runs=1)
    dag.add(lambda run: gives("a"), id="a")
    dag.add(lambda run: gives("b"), id="b", after=["a"], outlets=[mart], retries=1, retry_delay="10m")
    dag.add(lambda run: gives("c"), id="c", after=["b"])
    graph.dag("after", on=rd.completed("job")).add(lambda run: None, id="t")
    graph.dag("reads", on=mart).add(lambda run: None, id="t")
    return graph


def gives(name: str) -> str:
    if name in SWITCH:
        raise ValueError(f"{name} fails")
    return name


@pytest.fixture(autouse=True)
def nothing_fails():
    SWITCH.clear()
    yield
    SWITCH.clear()


def task_states(run: rd.Run) -> str:
    return " ".join(f"{task.id}:{task.state}" for task in run.tasks.values())


def test_R19_a_task_of_a_live_run_gets_the_state_and_its_followers_go_on() -> None:
    SWITCH.add("b")
    with live(job()) as engine:
        run = engine.start("job")
        engine.advance("1m")
        assert task_states(run) == "a:success b:retrying"
        engine.mark(run, "b", "success", "loaded by hand")
        engine.run_until_idle()
        assert (run.state, task_states(run)) == ("success", "a:success b:success c:success")
        assert run.tasks["b"].error == "marked success: loaded by hand"
        assert len(of_kind(engine, Published)) == 1 and len(engine.runs("reads")) == len(engine.runs("after")) == 1
        assert "b: marked success: loaded by hand" in str(engine.why(run))
        engine.advance("1h")
        assert [attempt.state for attempt in run.tasks["b"].attempts] == ["failed"]


@pytest.mark.parametrize(
    ("state", "follower", "ended"), [("failed", "upstream_failed", "failed"), ("skipped", "skipped", "skipped")]
)
def test_R19_a_task_that_is_marked_decides_what_follows_by_the_rules(state: str, follower: str, ended: str) -> None:
    SWITCH.add("b")
    with live(job()) as engine:
        run = engine.start("job")
        engine.advance("1m")
        engine.mark(run, "b", state)
        engine.run_until_idle()
        assert (run.state, task_states(run)) == (ended, f"a:success b:{state} c:{follower}")


def test_R19_a_task_of_a_run_that_has_ended_gets_it_in_a_round_that_keeps_the_rest() -> None:
    SWITCH.add("b")
    with live(job()) as engine:
        run = engine.start("job")
        engine.advance("1h")
        assert (run.state, task_states(run)) == ("failed", "a:success b:failed c:upstream_failed")
        assert engine.mark(run, "b", "success", "loaded by hand").wait() == run
        engine.run_until_idle()
        assert (run.state, run.round, task_states(run)) == ("success", 2, "a:success b:success c:success")
        assert [(each.round, each.state) for each in run.tasks["b"].attempts] == [(1, "failed"), (1, "failed")]
        assert len(engine.runs("after")) == len(engine.runs("reads")) == 1
        engine.mark(run, "a", "failed", "wrong day").wait()
        assert (run.state, run.round, task_states(run)) == ("failed", 3, "a:failed b:success c:success")


def test_R19_a_live_run_ends_in_the_state_and_what_has_not_ended_in_it_is_cancelled() -> None:
    SWITCH.add("b")
    with live(job()) as engine:
        run = engine.start("job")
        engine.advance("1m")
        engine.mark(run, None, "success", "good enough")
        engine.run_until_idle()
        assert (run.state, run.error) == ("success", "marked success: good enough")
        assert task_states(run) == "a:success b:cancelled c:cancelled"
        assert len(engine.runs("after")) == 1
        assert "marked success: good enough" in str(engine.why(run))


def test_R19_a_queued_run_ends_in_the_state_without_beginning() -> None:
    SWITCH.add("b")
    with live(job()) as engine:
        first, second = engine.start("job"), engine.start("job")
        engine.advance("1m")
        engine.mark(second, None, "skipped", "not needed")
        engine.advance("1m")
        assert (first.state, second.state, second.tasks, second.error) == (
            "running", "skipped", {}, "marked skipped: not needed",
        )  # fmt: skip


def test_R19_a_round_that_is_queued_gives_way_to_the_mark() -> None:
    with live(job()) as engine:
        run = engine.start("job").wait()
        engine.pause("job")
        engine.rerun(run)
        engine.run_until_idle()
        engine.mark(run, None, "failed", "leave it")
        engine.resume("job")
        engine.run_until_idle()
        assert (run.state, run.round, run.error) == ("failed", 2, "marked failed: leave it")
        assert [attempt.round for attempt in run.tasks["a"].attempts] == [1]


def test_R19_a_run_that_is_ending_has_the_mark_when_its_teardown_is_done() -> None:
    graph = rd.Graph("ending")
    dag = graph.dag("job")
    dag.add(lambda run: gives("a"), id="a", retries=1, retry_delay="10m")
    dag.add(lambda run: gives("b"), id="clean", after=["a"], teardown=True, retries=1, retry_delay="10m")
    SWITCH.update("ab")
    with live(graph) as engine:
        run = engine.start("job")
        engine.advance("1m")
        engine.cancel(run)
        engine.advance("1m")
        assert task_states(run) == "a:cancelled clean:retrying"
        engine.mark(run, None, "success", "it is fine")
        SWITCH.clear()
        engine.advance("1h")
        assert (run.state, run.round, run.error) == ("success", 2, "marked success: it is fine")
        assert task_states(run) == "a:cancelled clean:success"


def test_R19_a_run_that_has_ended_gets_the_state_in_a_round_that_does_nothing() -> None:
    with live(job()) as engine:
        run = engine.start("job").wait()
        engine.mark(run, None, "failed", "the numbers are wrong").wait()
        assert (run.state, run.round, run.error) == ("failed", 2, "marked failed: the numbers are wrong")
        assert task_states(run) == "a:success b:success c:success"
        assert [attempt.round for attempt in run.tasks["a"].attempts] == [1]


def test_R19_a_mapped_task_gives_the_state_to_its_instances_that_have_not_ended() -> None:
    graph = rd.Graph("marks")
    dag = graph.dag("job")

    @dag.task
    def items(run):
        return [1, 2, 3]

    @dag.task(map_over=items, retries=1, retry_delay="1h")
    def each(items, run):
        if items == 2:
            raise ValueError("not two")
        return items

    with live(graph) as engine:
        run = engine.start("job")
        engine.advance("1m")
        engine.mark(run, "each", "skipped", "two is odd")
        engine.run_until_idle()
        assert [one.state for one in run.tasks["each"].instances] == ["success", "skipped", "success"]
        assert run.done


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (("b", "done"), rd.InvalidValue, "state='done' is none that can be given"),
        (("bb", "success"), rd.UnknownId, "no task 'bb'.*did you mean 'b'"),
        (("a", "failed"), rd.UsageError, "has ended; mark it when the run has ended"),
        (("b", "success", 7), rd.InvalidValue, "reason"),
    ],
)
def test_R19_nonsense_is_refused_at_the_call(arguments: tuple, error: type, text: str) -> None:
    SWITCH.add("b")
    with live(job()) as engine:
        run = engine.start("job")
        engine.advance("1m")
        with pytest.raises(error, match=text):
            engine.mark(run, *arguments)
        queued = engine.start("job")
        with pytest.raises(rd.UsageError, match="is queued and has no tasks yet"):
            engine.mark(queued, "a", "success")
        assert not of_kind(engine, Marked)


def test_R19_a_success_needs_the_partition_that_its_outlet_has() -> None:
    graph = rd.Graph("marks")
    daily = graph.dataset("daily", partitions=rd.day())
    dag = graph.dag("job", on=graph.dataset("raw"))

    @dag.task(outlets=[daily])
    def load(run):
        raise rd.FailTask("no")

    @dag.task
    def other(run):
        return None

    with live(graph) as engine:
        engine.publish("raw")
        engine.run_until_idle()
        (run,) = engine.runs("job")
        with pytest.raises(rd.UndatedOutlet):
            engine.mark(run, load, "success")
        engine.mark(run, load, "skipped").wait()
        assert run.tasks["load"].state == "skipped"


def test_R19_a_mark_outlives_a_crash(tmp_path) -> None:
    SWITCH.add("b")
    graph, path = job(), f"sqlite:///{tmp_path}/marks.db"
    engine = opened(graph, path)
    run = engine.start("job")
    engine.advance("1h")
    key = run.key
    engine.mark(run, "b", "success", "by hand")
    kill(engine)
    with live(graph, path, start="2026-11-23T01:00Z") as engine:
        engine.run_until_idle()
        run = engine.run(key)
        assert (run.state, run.round, task_states(run)) == ("success", 2, "a:success b:success c:success")
        verify(engine)


def test_R19_a_branch_that_is_marked_while_its_body_executes_chooses_all() -> None:
    graph = rd.Graph("marks")
    dag = graph.dag("job")
    dag.add(lambda run: world.body(run), id="pick", branch=True)
    dag.add(lambda run: world.body(run), id="left", after=["pick"])
    world = World(graph)
    run = world.engine.start("job")
    world.settle()
    world.engine.mark(run, "pick", "success")
    world.settle()
    assert task_states(run) == "pick:success left:running"
    world.finish(0, lambda run: None)
    world.finish(0, give_up)
    world.settle()
    world.engine.rerun(run, only="failed")
    world.settle()
    assert (run.round, task_states(run)) == (2, "pick:success left:running")
    world.close()


def test_R19_bodies_of_the_instances_of_a_mapped_task_are_told() -> None:
    graph, told = rd.Graph("marks"), []
    dag = graph.dag("job")
    dag.add(lambda: [1], id="items")

    def each(items: int, run: rd.Run) -> None:
        engine.mark(run, "each", "skipped")
        told.append(run.cancelled)

    dag.add(each, map_over="items")
    with live(graph, runner=rd.ThreadRunner(1)) as engine:
        run = engine.start("job")
        engine.run_until_idle("10s")
        assert run.done and told == [True]


def test_R4_R19_a_round_that_keeps_what_was_cancelled_is_no_success() -> None:
    SWITCH.add("b")
    with live(job()) as engine:
        run = engine.start("job")
        engine.advance("1m")
        engine.cancel(run)
        engine.run_until_idle()
        engine.mark(run, "c", "success", "done elsewhere").wait()
        assert (run.state, run.round, task_states(run)) == ("failed", 2, "a:success b:cancelled c:success")
