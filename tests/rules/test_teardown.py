"""Teardowns run when what they follow has ended, whatever happened (R18)."""

from __future__ import annotations

import asyncio
import threading

import pytest

import reactive_dag as rd
from tests.support.engines import kill, live, opened, parts, states, verify


def ends(how: str):
    def body(run):
        if how == "failed":
            raise rd.FailTask("as asked")
        if how == "skipped":
            raise rd.SkipTask("as asked")
        return how

    return body


def tearing(work: str, clean: str = "success", **options: object) -> rd.Dag:
    """setup, work, clean: `clean` is the teardown, and alone last."""
    dag = rd.Dag("job")
    dag.add(ends("success"), id="setup")
    dag.add(ends(work), id="work", after="setup")
    dag.add(ends(clean), id="clean", after=["setup", "work"], teardown=True, **options)
    return dag


def ended(dag: rd.Dag) -> tuple[str, dict[str, str]]:
    graph = rd.Graph("teardowns")
    for task in dag.tasks.values():
        (graph.dags.get("job") or graph.dag("job")).add(task)
    with live(graph) as engine:
        run = engine.start("job")
        engine.run_until_idle()
        return run.state, {id: task.state for id, task in run.tasks.items()}


@pytest.mark.parametrize("work", ["success", "failed", "skipped"])
def test_R18_a_teardown_runs_whatever_happened(work):
    state, tasks = ended(tearing(work))
    assert state == work and tasks == {"setup": "success", "work": work, "clean": "success"}


def test_R18_a_teardown_runs_behind_what_never_ran():
    dag = tearing("failed")
    dag.add(ends("success"), id="never", after="work")
    dag.add(ends("success"), id="last_of_all", after="never", teardown=True)
    state, tasks = ended(dag)
    assert state == "failed" and tasks["never"] == "upstream_failed" and tasks["last_of_all"] == "success"


def test_R18_a_teardown_waits_for_all_that_it_follows():
    order = []
    dag = rd.Dag("job")
    dag.add(lambda run: order.append("first") or 1 / 0, id="first", priority=5)
    dag.add(lambda run: order.append("second"), id="second")
    dag.add(lambda run: order.append("clean"), id="clean", after=["first", "second"], teardown=True, priority=9)
    ended(dag)
    assert order == ["first", "second", "clean"]


def test_R18_its_failure_fails_the_run_only_if_it_alone_is_last():
    assert ended(tearing("success", "failed"))[0] == "failed"
    beside = tearing("success", "failed")
    beside.add(ends("success"), id="report", after="work")
    assert ended(beside)[0] == "success"
    two = tearing("success", "failed")
    two.add(ends("success"), id="clean_too", after="work", teardown=True)
    assert ended(two)[0] == "success"
    followed = tearing("success", "failed")
    followed.add(ends("success"), id="notify", after="clean")
    assert ended(followed) == (
        "failed", {"setup": "success", "work": "success", "clean": "failed", "notify": "upstream_failed"}
    )  # fmt: skip
    followed.add(ends("success"), id="notify", after="clean", trigger_rule="all_done")
    assert ended(followed)[0] == "success"


def test_R18_a_run_whose_work_was_skipped_is_skipped():
    beside = tearing("skipped")
    beside.add(ends("success"), id="report", after="work")
    assert ended(beside)[0] == "skipped"
    beside.add(ends("success"), id="other")
    assert ended(beside)[0] == "success"


def under_way(engine: rd.Engine) -> None:
    with parts(engine).loop.driving():
        parts(engine).loop.settle()


def cancelling() -> tuple[rd.Graph, list[str]]:
    """`work` waits to be retried; `clean` fails once and is retried, `slow` after it."""
    graph, ran = rd.Graph("teardowns"), []
    dag = graph.dag("job", max_active_runs=1)

    def work(run):
        raise ValueError("again")

    def clean(run):
        ran.append(f"clean {run.attempt}")
        if run.attempt == 1:
            raise ValueError("again")

    dag.add(work, retries=1, retry_delay="1h")
    dag.add(ends("success"), id="more", after="work")
    dag.add(clean, after="more", teardown=True, retries=1, retry_delay="1h")
    return graph, ran


def test_R18_a_cancelled_run_goes_on_until_its_teardown_has_ended():
    graph, ran = cancelling()
    with live(graph) as engine:
        run, queued = engine.start("job"), engine.start("job")
        under_way(engine)
        engine.cancel(run, "enough")
        under_way(engine)
        assert ran == ["clean 1"] and run.state == "running" and queued.state == "queued"
        engine.cancel(queued)
        engine.advance("2h")
        assert ran == ["clean 1", "clean 2"] and run.state == "cancelled"
        found = {id: task.state for id, task in run.tasks.items()}
        assert found == {"work": "cancelled", "more": "cancelled", "clean": "success"}


def test_R18_a_second_cancellation_ends_it_too():
    graph, ran = cancelling()
    with live(graph) as engine:
        run = engine.start("job")
        under_way(engine)
        engine.cancel(run)
        under_way(engine)
        engine.cancel(run)
        engine.run_until_idle()
        assert ran == ["clean 1"] and run.state == "cancelled" and run.tasks["clean"].state == "cancelled"


def test_R18_a_teardown_that_runs_is_told_by_the_second_cancellation_only():
    graph = rd.Graph("teardowns")
    dag, began, told = graph.dag("job"), threading.Event(), []

    async def clean(run):
        began.set()
        try:
            await asyncio.Event().wait()  # nobody sets it: only a cancellation ends this
        except asyncio.CancelledError:
            told.append(run.cancelled)
            raise

    dag.add(ends("success"), id="work")
    dag.add(clean, after="work", teardown=True)
    with rd.Engine(graph, runner=rd.ThreadRunner(2)) as engine, engine.background():
        run = engine.start("job")
        assert began.wait(10)
        engine.cancel(run)
        assert told == [] and run.state == "running"
        engine.cancel(run)
        engine.run_until_idle("10s")
        assert told == [True] and states(engine) == ["job cancelled"]
        verify(engine)


@pytest.mark.parametrize("snapshot", [False, True])
def test_R18_a_teardown_of_a_cancelled_run_survives_a_crash(tmp_path, snapshot):
    graph, ran = cancelling()
    store = f"sqlite:///{tmp_path / 's.db'}"
    engine = opened(graph, store)
    key = engine.start("job").key
    under_way(engine)
    engine.cancel(key)
    under_way(engine)
    if snapshot:
        parts(engine).turn.snapshot_at = -(10**9)
        engine.publish(graph.dataset("x"))
        under_way(engine)
    kill(engine)
    with live(graph, store) as again:
        assert again.run(key).state == "running"
        again.advance("2h")
        assert ran == ["clean 1", "clean 2"] and again.run(key).state == "cancelled"
        assert again.run(key).tasks["clean"].state == "success"


def test_R18_a_mapped_teardown_and_one_behind_a_branch():
    dag = rd.Dag("job")
    dag.add(lambda: ["a", "b"], id="made")
    dag.add(lambda run: [], id="pick", branch=True, after="made")
    dag.add(ends("failed"), id="work", after="made")
    dag.add(lambda made: made, id="drop", map_over="made", after=["work", "pick"], teardown=True)
    assert ended(dag)[1] == {"made": "success", "pick": "success", "work": "failed", "drop": "success"}


def test_R18_defaults_of_a_dag_change_nothing_of_a_teardown():
    dag = rd.Dag("job", defaults={"trigger_rule": "all_failed", "depends_on_past": True, "retries": 2})
    dag.add(ends("success"), id="work", trigger_rule="all_success")
    made = dag.add(ends("success"), id="clean", after="work", teardown=True)
    assert (made.trigger_rule, made.depends_on_past, made.retries) == ("all_done", False, 2)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"trigger_rule": "one_failed"}, "so it has no trigger_rule='one_failed'"),
        ({"depends_on_past": True}, "so it has no depends_on_past=True"),
    ],
)
def test_R15_a_teardown_with_a_rule_of_another_kind_is_refused(options, words):
    with pytest.raises(rd.InvalidValue, match=rf"task 't' \(.*test_teardown.py:\d+\).*{words}"):
        rd.Dag("job").add(ends("success"), id="t", teardown=True, **options)


def test_R15_a_teardown_that_follows_nothing_is_refused():
    graph = rd.Graph("teardowns")
    graph.dag("job").add(ends("success"), id="clean", teardown=True)
    with pytest.raises(rd.GraphError, match=r"'job.clean' is a teardown, and follows no task"):
        graph.check()


def test_R18_a_teardown_goes_through_json():
    graph = rd.Graph("teardowns")
    graph.register(tearing("success"))
    loaded = rd.Graph.from_json(graph.to_json()).dags["job"].tasks["clean"]
    assert loaded.teardown and loaded.trigger_rule == "all_done"


def test_R18_a_run_that_times_out_still_tears_down():
    graph, ran = rd.Graph("teardowns"), []
    dag = graph.dag("job", timeout="10m")

    def work():
        raise ValueError("again")

    dag.add(work, retries=1, retry_delay="1h")
    dag.add(lambda run: ran.append(run.task), id="clean", after="work", teardown=True)
    with live(graph) as engine:
        run = engine.start("job")
        engine.advance("2h")
        assert run.state == "failed" and "timed out after 10m" in run.error
        assert ran == ["clean"] and run.tasks["clean"].state == "success" and run.tasks["work"].state == "cancelled"


@pytest.mark.parametrize("how", ["failed", "mark"])
def test_R10_a_teardown_cleans_up_whatever_a_round_does_again(how):
    graph, done = rd.Graph("again"), []
    dag = graph.dag("job")

    @dag.task
    def setup(run):
        done.append("setup")

    @dag.task(after=[setup])
    def work(run):
        done.append("work")
        if run.round == 1:
            raise ValueError("no")

    @dag.task(after=[work])
    def more(run):
        done.append("more")

    @dag.task(after=[setup, work, more], teardown=True)
    def clean(run):
        done.append("clean")

    with live(graph) as engine:
        run = engine.start("job")
        engine.run_until_idle()
        if how == "failed":
            engine.rerun(run, only="failed")
        else:
            engine.mark(run, "work", "success")
        engine.run_until_idle()
        again = ["work", "more", "clean"] if how == "failed" else ["more", "clean"]
        assert done == ["setup", "work", "clean", *again] and run.state == "success"
        if how == "mark":
            engine.mark(run, "more", "success")  # nothing is done again
            engine.run_until_idle()
            assert done[-1:] == ["clean"] and len(done) == 5


def test_R18_a_task_that_was_cancelled_is_not_asked_again_when_a_teardown_that_it_follows_ends():
    """It is mapped over the teardown: it got instances although it was over, and its run never ended."""
    graph = rd.Graph("teardowns")
    job = graph.dag("job", timeout="15m")
    job.add(lambda: None, "work")
    job.add(lambda: [1, 2], "clean", after=["work"], teardown=True)
    job.add(lambda: None, "behind", after=["clean"], map_over="clean", trigger_rule="all_done")
    with live(graph, stubs={"job.clean": rd.takes("20m", then=lambda: [1, 2])}) as engine:
        run = engine.start("job")
        engine.advance("1h")
        assert run.state == "failed"
        assert {id: task.state for id, task in run.tasks.items()} == {
            "work": "success", "clean": "success", "behind": "cancelled",
        }  # fmt: skip


@pytest.mark.parametrize("how", ["cancel", "mark", "timeout", "instance"])
@pytest.mark.parametrize("again", [False, True], ids=["waits", "cancelled again"])
def test_R18_a_teardown_waits_for_a_thread_that_was_cut_off(how, again):
    graph, ran = rd.Graph("teardowns"), []
    begun, ended, go = (threading.Event() for _ in range(3))
    dag = graph.dag("job")
    dag.add(lambda run: [1, 2], id="items")

    def work(run, items):
        if items != 2:
            begun.set()
            go.wait(60)
            ran.append("returned")

    dag.add(work, **({"map_over": "items"} if how == "instance" else {}), timeout="1ms" if how == "timeout" else None)
    dag.add(ends("success"), id="more", after="work")
    dag.add(lambda run: ran.append("clean"), id="clean", after="more", teardown=True)
    dag.add(lambda run: ran.append("other"), id="other", after="items", teardown=True)
    graph.dag("next").add(ends("success"), id="t")
    with rd.Engine(graph, runner=rd.ThreadRunner(4)) as engine:
        engine.completions(dag, task="work").subscribe(lambda event: ended.set())
        run = engine.start("job")
        with engine.background():
            assert begun.wait(60)
            if how == "mark":
                engine.mark(run, "work", "failed", "as asked")
            elif how != "timeout":
                engine.cancel(run)
            assert ended.wait(60)
            engine.start("next").wait(60)
            assert run.state == "running" and run.tasks["clean"].state == "none" and ran == ["other"]
            assert (
                "clean: its turn, once a worker is free and every body that it follows has returned"
                in engine.why(run).missing
            )
            if again:
                engine.cancel(run)
                engine.cancel(run)
                assert run.wait(60).state == "cancelled"
            go.set()
            run.wait(60)
        engine.run_until_idle(60)
        assert ran == ["other", "returned", "clean"][: 2 if again else 3]


@pytest.mark.parametrize("how", ["retry", "round"])
def test_R18_a_teardown_waits_for_a_thread_whose_task_has_another_attempt_or_round_to_come(how):
    """`more` goes before `work` has ended, so `clean` may go while `work`, which took too long, is to be retried."""
    graph, ran = rd.Graph("teardowns"), []
    begun, ended, go = (threading.Event() for _ in range(3))

    def work(run):
        if not begun.is_set():
            begun.set()
            go.wait(60)
            ran.append("returned")

    dag = graph.dag("job")
    dag.add(work, timeout="1ms" if how == "retry" else None, retries=1, retry_delay="1h")
    dag.add(lambda run: begun.wait(60) and ended.wait(60), id="beside")
    dag.add(ends("success"), id="more", after=["work", "beside"], trigger_rule="one_success")
    dag.add(lambda run: ran.append("clean"), id="clean", after="more", teardown=True)
    graph.dag("next").add(ends("success"), id="t")
    with rd.Engine(graph, runner=rd.ThreadRunner(4)) as engine:
        run = engine.start("job")
        with engine.background():
            assert begun.wait(60)
            if how == "retry":
                while run.tasks["work"].state != "retrying":
                    engine.start("next").wait(60)
                ended.set()
                while run.tasks["more"].state != "success":
                    engine.start("next").wait(60)
            else:
                ended.set()
                engine.cancel(run)
                engine.cancel(run)
                assert run.wait(60).state == "cancelled"
                engine.rerun(run, tasks="more")
            engine.start("next").wait(60)
            assert run.state == "running" and run.tasks["clean"].state == "none" and ran == []
            go.set()
            while run.tasks["clean"].state != "success":
                engine.start("next").wait(60)
            engine.cancel(run)
            run.wait(60)
        assert ran == ["returned", "clean"]
