"""Attempts: retries and their delays, timeouts, what a body may raise, attempts that a crash cut off (R5)."""

from __future__ import annotations

import threading

import pytest

import reactive_dag as rd
from reactive_dag.model.records import TaskFinished, TaskRetry, TaskStarted
from reactive_dag.model.times import format_duration
from tests.support.engines import kill, live, ns, of_kind, opened, parts, states
from tests.support.interrupts import ctrl_c


def failing(until: int = 99):
    def job(run):
        if run.attempt < until:
            raise ValueError(f"attempt {run.attempt}")
        return run.attempt

    return job


def delays(engine):
    """How long each retry waited."""
    ends = [at for run in engine.runs() for at in (attempt.ended for attempt in run.tasks["job"].attempts)]
    begins = [attempt.started for run in engine.runs() for attempt in run.tasks["job"].attempts]
    return [format_duration(int((b - e).total_seconds()) * 10**9) for e, b in zip(ends, begins[1:], strict=False)]


def ran(**options):
    graph = rd.Graph("retries")
    graph.dag(**options)(failing())
    engine = opened(graph)
    run = engine.start("job")
    engine.run_until_idle()
    return engine, run


def test_R5_n_retries_are_n_plus_one_attempts():
    engine, run = ran(retries=2)
    assert (run.state, [attempt.state for attempt in run.tasks["job"].attempts]) == ("failed", ["failed"] * 3)
    assert [attempt.number for attempt in run.tasks["job"].attempts] == [1, 2, 3]
    assert run.error.startswith("job: ValueError: attempt 3")
    engine.close()


@pytest.mark.parametrize(
    ("options", "waited"),
    [
        ({"retries": 2, "retry_delay": "30s"}, ["30s", "30s"]),
        ({"retries": 4, "retry_delay": "30s", "backoff": "exponential"}, ["30s", "1m", "2m", "4m"]),
        (
            {"retries": 4, "retry_delay": "30s", "backoff": "exponential", "max_delay": "90s"},
            ["30s", "1m", "1m30s", "1m30s"],
        ),
        ({"retries": 3, "retry_delay": lambda attempt: f"{attempt}m"}, ["1m", "2m", "3m"]),
    ],
)  # fmt: skip
def test_R5_delays_are_fixed_exponential_or_a_callable_of_the_attempt(options, waited):
    engine, _ = ran(**options)
    assert delays(engine) == waited
    engine.close()


def test_R5_jitter_is_seeded_and_only_shortens():
    def retried(graph_id):
        graph = rd.Graph(graph_id)
        graph.dag(retries=3, retry_delay="100s", jitter=True)(failing())
        with live(graph) as engine:
            engine.start("job")
            engine.run_until_idle()
            asked = of_kind(engine, TaskRetry)
            return [record.due - record.at for record in asked]

    first, again, other = retried("a"), retried("a"), retried("b")
    assert first == again != other
    assert all(50 * 10**9 <= delay <= 100 * 10**9 for delay in first)
    assert len(set(first)) == 3


def test_R5_doubling_for_ever_stays_a_time():
    engine, run = ran(retries=1, retry_delay="36500d", backoff="exponential")
    assert run.state == "failed"
    engine.close()


def test_R5_a_retry_delay_that_raises_fails_its_task_and_not_the_engine():
    def delay(attempt):
        raise KeyError("no table")

    engine, run = ran(retries=3, retry_delay=delay)
    assert run.state == "failed" and "raised KeyError" in run.error and "test_retries.py:" in run.error
    engine.close()
    engine, run = ran(retries=3, retry_delay=lambda attempt: "soon")
    assert run.state == "failed" and "soon" in run.error and "test_retries.py:" in run.error
    engine.close()


def test_R5_a_retry_survives_a_crash_and_comes_at_the_right_time(tmp_path):
    def declared():
        graph = rd.Graph("retries")
        graph.dag(retries=1, retry_delay="1h")(failing(2))
        return graph

    engine = opened(declared(), tmp_path / "s.db")
    engine.start("job")
    parts(engine).loop.settle()
    assert engine.runs("job")[0].tasks["job"].state == "retrying"
    kill(engine)
    with live(declared(), tmp_path / "s.db", "2026-11-23T00:10Z") as engine:
        engine.advance("49m")
        assert states(engine, "job") == ["running"]
        engine.advance("1m")
        assert states(engine, "job") == ["success"]
        first, second = engine.runs("job")[0].tasks["job"].attempts
        assert (second.started - first.ended).total_seconds() == 3600


def test_R5_a_body_that_raises_shows_the_users_frames_only():
    graph = rd.Graph("retries")

    def helper():
        raise RuntimeError("inside")

    @graph.dag
    def job(run):
        helper()

    with live(graph) as engine:
        run = engine.start(job)
        engine.run_until_idle()
        error = run.tasks["job"].error
        assert error.startswith("RuntimeError: inside\n") and "test_retries.py" in error
        assert "in job" in error and "in helper" in error and "execution.py" not in error


def test_R5_an_error_of_ours_shows_where_the_user_called():
    graph = rd.Graph("retries")
    graph.dataset("x")

    @graph.dag
    def job(run):
        run.publish("x")

    with live(graph) as engine:
        run = engine.start(job)
        engine.run_until_idle()
        assert run.tasks["job"].error.startswith("UndeclaredOutlet: job.job published to 'x'")
        assert "in job" in run.tasks["job"].error and "context.py" not in run.tasks["job"].error


@pytest.mark.parametrize(
    ("raised", "state", "attempts"),
    [
        (rd.FailTask("bad file"), "failed", 1),
        (rd.SkipTask("no rows"), "skipped", 1),
        (rd.RetryTask(after="5m"), "failed", 3),
        (rd.RetryTask(after="nonsense"), "failed", 1),
        (SystemExit(3), "failed", 3),
        (ValueError("\ud800"), "failed", 3),
        (TimeoutError("theirs"), "failed", 3),
    ],
    ids=lambda value: getattr(type(value), "__name__", None) if isinstance(value, BaseException) else None,
)
def test_R5_what_a_body_may_raise(raised, state, attempts, tmp_path):
    graph = rd.Graph("retries")

    @graph.dag(retries=2, retry_delay="1m")
    def job(run):
        raise raised

    with live(graph, tmp_path / "s.db") as engine:
        run = engine.start(job)
        engine.run_until_idle()
        assert (run.state, len(run.tasks["job"].attempts)) == (state, attempts)
        if isinstance(raised, rd.RetryTask):
            assert (run.tasks["job"].error or "").startswith(f"RetryTask: after {raised.after}")
        waited = parts(engine).fold.clock.now() - ns("2026-11-23T00:00Z")
        assert waited == (attempts - 1) * (300 if isinstance(raised, rd.RetryTask) else 60) * 10**9


def test_R5_an_inline_timeout_is_judged_when_the_body_returns():
    graph = rd.Graph("retries")
    took = iter(["11m", "9m"])

    @graph.dag(timeout="10m", retries=1)
    def job(run):
        parts(engine).fold.clock.advance_to(parts(engine).fold.clock.now() + rd.model.times.parse_duration(next(took)))
        return "done"

    with live(graph) as engine:
        run = engine.start(job)
        engine.run_until_idle()
        first, second = run.tasks["job"].attempts
        assert (first.state, first.error, second.state) == ("failed", "timed out after 10m", "success")


def test_R5_the_time_of_an_inline_attempt_does_not_begin_while_others_execute():
    graph = rd.Graph("retries")
    a = graph.dataset("a")

    @graph.dag(on=a, timeout="10m")
    def job(run):
        parts(engine).fold.clock.advance_to(parts(engine).fold.clock.now() + 6 * 60 * 10**9)

    with live(graph) as engine:
        engine.publish_many([(a, {}) for _ in range(5)])
        engine.run_until_idle()
        assert [run.state for run in engine.runs()] == ["success"] * 5


def test_R5_what_a_long_inline_body_did_is_recorded_before_the_next_one_begins(tmp_path):
    graph = rd.Graph("retries")
    a = graph.dataset("a")
    recorded = []

    @graph.dag(on=a)
    def job(run):
        log = parts(engine).fold.log
        done = [r for r in log.read(0, log.committed) if isinstance(r, TaskFinished)]
        recorded.append(len(done))
        parts(engine).fold.clock.advance_to(parts(engine).fold.clock.now() + 60 * 10**9)

    with live(graph, tmp_path / "s.db") as engine:
        engine.publish_many([(a, {}) for _ in range(4)])
        engine.run_until_idle()
        assert recorded == [0, 1, 2, 3]


def test_R5_a_timed_out_thread_counts_as_failed_at_once_and_the_next_attempt_waits_for_it():
    graph = rd.Graph("retries")
    started, release, overlapping = threading.Event(), threading.Event(), []
    inside = threading.Lock()

    @graph.dag(timeout="10m", retries=1)
    def job(run):
        overlapping.append(not inside.acquire(blocking=False))
        try:
            if run.attempt == 1:
                started.set()
                assert release.wait(10)
            return run.attempt
        finally:
            inside.release()

    with live(graph, runner=rd.ThreadRunner(2)) as engine:
        run = engine.start(job)
        parts(engine).loop.settle()
        assert started.wait(10)
        parts(engine).fold.clock.advance_to(ns("2026-11-23T00:10Z"))
        parts(engine).loop.settle()
        assert [attempt.state for attempt in run.tasks["job"].attempts] == ["failed"]
        assert len(of_kind(engine, TaskStarted)) == 1, "the thread has not returned"
        release.set()
        engine.run_until_idle(timeout=10)
        assert run.tasks["job"].output == 2
        assert overlapping == [False, False]


def test_R5_a_coroutine_times_out_on_its_loop():
    graph = rd.Graph("retries")
    cancelled = threading.Event()

    @graph.dag(timeout="100ms")
    async def job(run):
        import asyncio

        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with rd.Engine(graph) as engine:
        run = engine.start(job).wait(10)
        assert run.state == "failed" and "timed out" in run.tasks["job"].error
        assert cancelled.wait(10)


def test_R5_workers_are_free_between_attempts():
    graph = rd.Graph("retries")
    order = []

    @graph.dag(retries=1, retry_delay="1h")
    def job(run):
        order.append(("job", run.attempt))
        if run.attempt == 1:
            raise ValueError("again")

    @graph.dag
    def other(run):
        order.append("other")

    with live(graph, runner=rd.ThreadRunner(1)) as engine:
        engine.start(job)
        engine.start(other)
        engine.run_until_idle(timeout=10)
    assert order == [("job", 1), "other", ("job", 2)]


def crashing(store, times):
    """A process that dies `times` times while the body executes."""

    def declared():
        graph = rd.Graph("retries")
        graph.dag(retries=1)(failing(0))
        return graph

    for _ in range(times):
        engine = opened(declared(), store, runner=rd.InlineRunner())
        if not engine.runs():
            engine.start("job")
        while parts(engine).turn.run():
            pass  # handed to the runner, and never executed
        kill(engine)
    return declared()


def test_R5_a_lost_attempt_uses_no_retry(tmp_path):
    graph = crashing(tmp_path / "s.db", 2)
    with live(graph, tmp_path / "s.db") as engine:
        engine.run_until_idle()
        (run,) = engine.runs("job")
        assert run.state == "success"
        assert [attempt.state for attempt in run.tasks["job"].attempts] == ["lost", "lost", "success"]
        assert run.tasks["job"].output == 3


def test_R5_three_lost_in_a_row_fail_the_task(tmp_path):
    graph = crashing(tmp_path / "s.db", 3)
    with live(graph, tmp_path / "s.db") as engine:
        engine.run_until_idle()
        (run,) = engine.runs("job")
        assert run.state == "failed" and "lost 3 times in a row" in run.error
        assert [attempt.state for attempt in run.tasks["job"].attempts] == ["lost"] * 3


def test_R5_ctrl_c_in_an_inline_body_loses_that_attempt():
    graph = rd.Graph("retries")

    @graph.dag
    def job(run):
        if run.attempt == 1:
            ctrl_c()
        return "done"

    with live(graph) as engine:
        run = engine.start(job)
        with pytest.raises(KeyboardInterrupt):
            engine.run_until_idle()
        assert run.state == "running"
        engine.run_until_idle()
        assert [attempt.state for attempt in run.tasks["job"].attempts] == ["lost", "success"]
