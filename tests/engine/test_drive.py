"""How an engine is driven: idle, timeouts, threads, the event loop, the background (tour, section 3)."""

from __future__ import annotations

import threading
import time
from itertools import count

import pytest

import reactive_dag as rd
from tests.support.engines import driven, fails_first, live, ns, offset_of, opened, outputs, parts, states


def nothing(run):
    return None


def gated(runner_waits_for):
    """A DAG whose body says that it began, and waits."""
    graph = rd.Graph("driving")
    began = threading.Event()

    @graph.dag
    def job(run):
        began.set()
        assert runner_waits_for.wait(10)
        return "done"

    return graph, began


# ------------------------------------------------------------------------------------------------------ idle


def test_idle_does_not_count_waits_limits_pauses_or_timers_of_triggers_to_come():
    graph = driven()
    dag = graph.dag("waits", schedule="0 * * * *")
    dag.add(nothing, id="after", after=[dag.wait_for("job", timeout="9d")])
    graph.dag("limited", max_active_runs=1).wait_for("job", timeout="9d")
    graph.dag("window", on=rd.updated("a").batch(count=5, max_wait="1h"))(nothing)
    with live(graph) as engine:
        for dag_id in ("waits", "limited", "limited"):
            engine.start(dag_id, logical_date="2026-11-20")
        engine.pause("job")
        engine.publish("a")
        engine.run_until_idle("5s")
        assert sorted(states(engine)) == ["limited queued", "limited running", "waits running"]
        assert parts(engine).fold.clock.now() == ns("2026-11-23T00:00Z")


def test_idle_counts_attempts_that_execute_and_names_them():
    release = threading.Event()
    graph, began = gated(release)
    with live(graph, runner=rd.ThreadRunner(1)) as engine:
        engine.start("job")
        with pytest.raises(rd.NotIdle, match=r"job\.job \(attempt 1\) executes"):
            engine.run_until_idle(timeout=0)
        assert began.wait(10)
        with pytest.raises(rd.NotIdle, match="executes"):
            engine.run_until_idle("1ms")
        release.set()
        engine.run_until_idle("10s")
        assert states(engine) == ["job success"]


def test_idle_counts_retries_to_come_on_a_real_clock():
    graph = rd.Graph("driving")
    graph.dag("job", retries=1, retry_delay="1h")(lambda_fails)
    with rd.Engine(graph, runner=rd.InlineRunner()) as engine:
        engine.start("job")
        with pytest.raises(rd.NotIdle, match=r"job\.lambda_fails is tried again at"):
            engine.run_until_idle("1ms")
        assert engine.runs("job")[0].tasks["lambda_fails"].state == "retrying"


def lambda_fails(run):
    raise ValueError("no")


def test_idle_counts_observers_that_were_not_handed_all():
    hold, entered = threading.Event(), threading.Event()
    with live(driven()) as engine:
        engine.updates("a").subscribe(lambda event: (entered.set(), hold.wait(10)))
        engine.publish("a")
        assert entered.wait(10)
        with pytest.raises(rd.NotIdle, match="observers"):
            engine.run_until_idle("1ms")
        assert states(engine) == ["job success"]
        hold.set()
        engine.run_until_idle("10s")


def test_idle_means_that_nothing_could_start_now():
    graph = rd.Graph("driving")
    graph.dag("job", max_active_runs=3)(nothing)
    with live(graph) as engine:
        runs = [engine.start("job") for _ in range(20)]
        engine.run_until_idle()
        assert {run.state for run in runs} == {"success"}


def test_without_a_runner_everything_is_decided_and_nothing_starts():
    with live(driven(), runner=None) as engine:
        engine.publish("a")
        engine.start("job")
        engine.run_until_idle()
        engine.resume("job")
        engine.graph.dag("other", on=rd.completed("job"))(nothing)
        engine.run_until_idle()
        assert states(engine) == ["job queued", "job queued"]


def test_a_store_that_was_decided_without_a_runner_is_worked_off_later(tmp_path):
    with live(driven(), tmp_path / "s.db", runner=None) as engine:
        engine.publish("a", extra=1)
        engine.run_until_idle()
    with live(driven(), tmp_path / "s.db") as engine:
        engine.run_until_idle()
        assert outputs(engine, "job", "gives_extra") == [1]


# -------------------------------------------------------------------------------------------- Run.wait, threads


def test_run_wait_drives_when_nothing_else_does():
    with live(driven()) as engine:
        run = engine.start("job", payload=1)
        assert run.wait("10s") is run and run.state == "success" and run.done
        assert run.wait() is run, "it has ended"


def test_run_wait_out_of_time_names_what_it_waits_for():
    graph = rd.Graph("driving")
    graph.dag("job").wait_for("other", timeout="9d")
    graph.dag("other")(nothing)
    with live(graph) as engine:
        run = engine.start("job", logical_date="2026-11-23")
        with pytest.raises(rd.NotIdle, match="'job'"):
            run.wait("1ms")


def test_waiting_inside_a_body_that_the_driving_thread_executes_is_refused():
    graph = rd.Graph("driving")
    errors = []

    @graph.dag
    def job(run):
        for call in (engine.run_until_idle, engine.start("other").wait, lambda: engine.advance("1h")):
            try:
                call()
            except rd.UsageError as error:
                errors.append(str(error))

    graph.dag("other")(nothing)
    with live(graph) as engine:
        engine.start(job)
        engine.run_until_idle()
        assert len(errors) == 3 and all("body" in error for error in errors)


def test_a_body_on_a_worker_may_wait_for_another_run_and_not_for_the_engine():
    graph = rd.Graph("driving")

    @graph.dag
    def job(run):
        for wait in (engine.run_until_idle, lambda: engine.advance("1h")):
            with pytest.raises(rd.UsageError, match=r"job\.job"):
                wait()
        return engine.start("other").wait("10s").state

    graph.dag("other")(nothing)
    with live(graph, runner=rd.ThreadRunner(2)) as engine:
        engine.start(job)
        engine.run_until_idle("20s")
        assert outputs(engine, "job") == ["success"]


def test_two_threads_may_wait_for_one_engine():
    release = threading.Event()
    graph, began = gated(release)
    with live(graph, runner=rd.ThreadRunner(1)) as engine:
        run = engine.start("job")
        ends = []
        waiting = [threading.Thread(target=lambda: ends.append(run.wait("10s").state)) for _ in range(3)]
        for thread in waiting:
            thread.start()
        assert began.wait(10)
        release.set()
        engine.run_until_idle("10s")
        for thread in waiting:
            thread.join(10)
        assert ends == ["success"] * 3


def test_publishing_from_many_threads_loses_nothing(tmp_path):
    with live(driven(), tmp_path / "s.db") as engine:

        def publisher(n):
            for i in range(20):
                engine.publish("a", extra=[n, i])

        threads = [threading.Thread(target=publisher, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        engine.run_until_idle("20s")
        for thread in threads:
            thread.join(20)
        engine.run_until_idle("20s")
        told = outputs(engine, "job", "gives_extra")
        assert len(told) == 80
        for n in range(4):
            assert [i for m, i in told if m == n] == list(range(20)), "each publisher's own order is kept"


# ----------------------------------------------------------------------------------------------- background


def test_background_drives_on_a_thread_of_its_own(tmp_path):
    with rd.Engine(driven(), tmp_path / "s.db") as engine:
        with engine.background() as same:
            assert same is engine
            engine.publish("a", extra=1)
            engine.run_until_idle("10s")
            assert outputs(engine, "job", "gives_extra") == [1]
            assert engine.start("job").wait("10s").state == "success"
            with pytest.raises(rd.UsageError, match="already"), engine.background():
                pass
        engine.publish("a", extra=2)
        assert len(states(engine, "job")) == 2
        engine.run_until_idle("10s")
        assert len(states(engine, "job")) == 3


def test_background_wakes_for_timers_of_a_real_clock():
    graph = rd.Graph("driving")
    fired = threading.Event()
    graph.dag("job", on=rd.every("50ms"))(lambda_sets(fired))
    with rd.Engine(graph) as engine, engine.background():
        assert fired.wait(20)


def lambda_sets(event):
    def job(run):
        event.set()

    return job


def test_virtual_time_moves_beside_a_background_thread():
    graph = rd.Graph("driving")
    graph.dag("job", schedule="0 * * * *", retries=1, retry_delay="10m")(fails_first)
    with live(graph) as engine, engine.background():
        engine.advance("1h")
        engine.run_until_idle("10s")
        assert states(engine, "job") == ["success"]
        engine.advance("1h")
        engine.run_until_idle("10s")
        assert states(engine, "job") == ["success", "success"]


def test_a_commit_that_fails_stops_the_background_and_says_so(tmp_path):
    engine = opened(driven(), tmp_path / "s.db")

    def broken(batch):
        raise OSError("disk full")

    with pytest.raises(rd.StoreError, match="disk full"), engine.background():
        parts(engine).log._write_pending = broken
        with pytest.raises(rd.StoreError, match="disk full"):
            engine.publish("a")
        engine.run_until_idle("10s")
    with pytest.raises(rd.StoreError):
        engine.publish("a")
    del parts(engine).log._write_pending
    engine.close()
    with live(driven(), tmp_path / "s.db") as engine:
        engine.run_until_idle()
        assert states(engine) == []


def test_nothing_is_written_by_a_timeout_that_makes_no_sense():
    with live(driven()) as engine:
        before = offset_of(engine)
        for timeout in ("-1s", "soon", object()):
            with pytest.raises(rd.InvalidValue):
                engine.run_until_idle(timeout)
        assert offset_of(engine) == before
        began = time.monotonic()
        engine.run_until_idle(5)
        assert time.monotonic() - began < 4, "a number is seconds, and nobody waits for them"


@pytest.mark.parametrize("question", ["idle", "run"])
def test_what_another_thread_drives_is_judged_between_two_turns(question):
    """In a turn all facts may be applied, and the runs that they let begin not begun; or an end not yet durable."""
    graph = driven()
    inside, asked = threading.Event(), threading.Event()
    with rd.Engine(graph, runner=rd.ThreadRunner(1)) as engine:
        run = engine.start("job", payload=1)
        turn = parts(engine).turn
        dispatch, commit = turn._dispatch, turn._commit

        def held():
            inside.set()
            assert asked.wait(10)

        turn._dispatch = lambda: (held() if question == "idle" else None, dispatch())[1]
        turn._commit = lambda: (held() if run.done else None, commit())[1]
        with engine.background():
            assert inside.wait(10)
            with pytest.raises(rd.NotIdle):
                engine.run_until_idle(0) if question == "idle" else run.wait(0)
            asked.set()
            engine.run_until_idle("10s")
            assert run.state == "success"


def again_and_again() -> rd.Graph:
    """A DAG whose runs start each other without an end."""
    graph = rd.Graph("endless")

    @graph.dag
    def again(run):
        run.start("again")

    return graph


def test_a_timeout_counts_while_runs_start_runs_without_an_end() -> None:
    with rd.Engine(again_and_again(), runner=rd.InlineRunner()) as engine:
        engine.start("again")
        with pytest.raises(rd.NotIdle, match="in vain"):
            engine.run_until_idle(timeout="50ms")
        assert len(engine.runs("again", state="success")) > 1


def test_the_background_thread_is_stopped_while_runs_start_runs_without_an_end() -> None:
    with rd.Engine(again_and_again(), runner=rd.InlineRunner()) as engine:
        with engine.background():
            engine.start("again").wait("30s")
        assert engine.runs("again", state="success")


def test_waiting_for_a_run_that_only_time_can_end_says_so_at_once_under_a_virtual_clock():
    graph = rd.Graph("stands")
    graph.dag("up").add(lambda run: 1, id="work")
    dag = graph.dag("down")
    dag.wait_for("up", timeout="2h", soft_fail=True)
    with rd.Engine(graph, clock=rd.VirtualClock("2026-11-23T00:00Z")) as engine:
        run = engine.start("down", logical_date="2026-11-23")
        with pytest.raises(rd.NotIdle, match=r"nothing is left to do at 2026-11-23T00:00:00Z.*engine\.advance"):
            run.wait()
        engine.advance("2h")
        assert run.wait().state == "skipped"


def test_what_came_true_while_nothing_was_left_to_do_is_no_notidle():
    """Observers, and what is waited for, may finish between the two looks (CI saw it once)."""
    with rd.Engine(rd.Graph("idle"), clock=rd.VirtualClock("2026-11-23T00:00Z")) as engine:
        looks = count()
        engine._parts.drive.until(lambda: next(looks) > 0, None, "the second look")
        with pytest.raises(rd.NotIdle, match="in vain"):
            engine._parts.drive.until(lambda: False, None, "what never comes")
