"""Timeouts of attempts: one end each, whoever finds it late first (R25), and what a restart makes of them (R11)."""

from __future__ import annotations

import threading

import pytest

import reactive_dag as rd
from reactive_dag.engine.execute.runners import LocalRunner
from reactive_dag.model.records import TaskFinished, ValueSet
from tests.support.engines import kill, live, ns, of_kind, opened, parts, states


def ends(engine):
    """How often each attempt ended in the log, and with which error."""
    return [(record.attempt, record.state, record.error) for record in of_kind(engine, TaskFinished)]


TIMED_OUT = "timed out after 10m"


def in_time(run):
    return run.attempt


@pytest.mark.parametrize("runner", [rd.InlineRunner, lambda: rd.ThreadRunner(2)])
@pytest.mark.parametrize("store", [None, "s.db"])
def test_R25_a_body_that_ends_as_its_timeout_passes_ends_once(tmp_path, store, runner):
    graph = rd.Graph("retries")
    graph.dag("job").add(in_time, id="job", retries=1, timeout="10m")
    stubs = {"job": rd.takes("10m")}
    with live(graph, None if store is None else tmp_path / store, stubs=stubs, runner=runner()) as engine:
        engine.start("job")
        engine.advance("1h")
        assert ends(engine) == [(1, "failed", TIMED_OUT), (2, "failed", TIMED_OUT)]


def test_R25_an_inline_body_that_ends_late_ends_once():
    graph = rd.Graph("retries")

    @graph.dag(timeout="10m")
    def job(run):
        parts(engine).fold.clock.advance_to(ns("2026-11-23T00:10Z"))

    with live(graph) as engine:
        engine.start(job)
        engine.run_until_idle()
        assert ends(engine) == [(1, "failed", TIMED_OUT)]


@pytest.mark.parametrize("first", ["timer", "thread"])
def test_R25_of_a_timeout_and_the_end_of_a_thread_one_is_recorded(first):
    graph = rd.Graph("retries")
    started, release = threading.Event(), threading.Event()

    @graph.dag(timeout="10m")
    def job(run):
        started.set()
        assert release.wait(10)

    with live(graph, runner=rd.ThreadRunner(1)) as engine:
        core = parts(engine)
        engine.start(job)
        core.loop.settle()
        assert started.wait(10)
        core.fold.clock.advance_to(ns("2026-11-23T00:10Z"))
        if first == "timer":  # which has said so in a record that is not applied yet
            core.fold.timers.step(core.fold.clock.now())
        release.set()
        while core.turn.inflight:
            threading.Event().wait(0.001)
        engine.run_until_idle(timeout=10)
        assert ends(engine) == [(1, "failed", TIMED_OUT)]


class Elsewhere(LocalRunner):
    """Executes nothing by itself, and still has after a restart what it was given."""

    inline, workers, ahead = False, 4, 4

    def __init__(self):
        self.given = []

    def submit(self, assignment):
        self.given.append(assignment)

    def adopt(self, under_way):
        self.given = list(under_way)
        return []

    def run_next(self):
        return False

    def close(self, grace):
        return None


@pytest.mark.parametrize("snapshot", [False, True])
def test_R25_an_end_that_a_crash_left_undecided_is_the_only_one(tmp_path, snapshot, monkeypatch):
    if snapshot:
        monkeypatch.setattr("reactive_dag.engine.drive.turn.SNAPSHOT_EVERY", 1)
    graph = rd.Graph("retries")
    graph.dag("job").add(in_time, id="job", timeout="10m")
    runner = Elsewhere()
    engine = opened(graph, tmp_path / "s.db", runner=runner)
    engine.start("job")
    core = parts(engine)
    core.loop.settle()
    core.fold.clock.advance_to(ns("2026-11-23T00:10Z"))
    runner.given[0].execute()
    core.log.commit()  # the end is durable, and nothing was decided about it
    assert ends(engine) == [(1, "failed", TIMED_OUT)]
    kill(engine)
    with live(graph, tmp_path / "s.db", clock=rd.VirtualClock("2026-11-23T00:20Z")) as engine:
        engine.run_until_idle()
        assert ends(engine) == [(1, "failed", TIMED_OUT)] and states(engine) == ["job failed"]


def declared(timeout):
    graph = rd.Graph("retries")
    graph.dag("job").add(in_time, id="job", retries=1, timeout=timeout)
    return graph


@pytest.mark.parametrize("snapshot", [False, True])
@pytest.mark.parametrize(
    ("before", "now"), [("10m", "10m"), ("1h", "10m"), ("10m", "1h"), (None, "10m"), ("10m", None)]
)
def test_R5_an_attempt_that_a_crash_cut_off_is_lost_however_long_nobody_was_there(
    tmp_path, snapshot, before, now, monkeypatch
):
    if snapshot:
        monkeypatch.setattr("reactive_dag.engine.drive.turn.SNAPSHOT_EVERY", 1)
    engine = opened(declared(before), tmp_path / "s.db", stubs={"job": rd.takes("2h")})
    engine.start("job")
    engine.advance("1m")
    kill(engine)
    with live(declared(now), tmp_path / "s.db", clock=rd.VirtualClock("2026-11-23T00:30Z")) as engine:
        engine.run_until_idle()
        assert ends(engine) == [(1, "lost", None), (2, "success", None)]


def test_R5_what_was_recorded_behind_a_timeout_steps_it_before_a_crash_loses_the_attempt(tmp_path):
    graph = declared("10m")
    graph.dataset("a")
    engine = opened(graph, tmp_path / "s.db", stubs={"job": rd.takes("2h")})
    engine.start("job")
    engine.advance("1m")
    core = parts(engine)
    core.fold.clock.advance_to(ns("2026-11-23T00:12Z"))
    core.fold.outbox.fact(lambda at: ValueSet(at, "name", "1"))
    core.log.commit()  # an engine that was there until then, and did not come to the timeout
    kill(engine)
    with live(graph, tmp_path / "s.db", clock=rd.VirtualClock("2026-11-23T00:30Z")) as engine:
        engine.run_until_idle()
        assert ends(engine) == [(1, "failed", TIMED_OUT), (2, "success", None)]


@pytest.mark.parametrize("snapshot", [False, True])
@pytest.mark.parametrize(
    ("before", "now", "told"),
    [("1h", "10m", "failed"), ("10m", "1h", "success"), ("10m", None, "success"), (None, "10m", "failed")],
)
def test_R11_an_attempt_that_outlives_the_engine_has_the_timeout_that_is_declared_then(
    tmp_path, snapshot, before, now, told, monkeypatch
):
    if snapshot:
        monkeypatch.setattr("reactive_dag.engine.drive.turn.SNAPSHOT_EVERY", 1)
    runner = Elsewhere()
    engine = opened(declared(before), tmp_path / "s.db", runner=runner)
    engine.start("job")
    parts(engine).loop.settle()
    kill(engine)
    with live(declared(now), tmp_path / "s.db", clock=rd.VirtualClock("2026-11-23T00:30Z"), runner=runner) as engine:
        parts(engine).loop.settle()
        runner.given[0].execute()
        parts(engine).loop.settle()
        assert ends(engine)[0] == (1, told, TIMED_OUT if told == "failed" else None)
        assert [each.attempt for each in of_kind(engine, TaskFinished)] == [1]


def test_R11_an_attempt_under_way_keeps_the_timeout_that_it_began_with():
    graph = rd.Graph("retries")
    graph.dag("job").add(in_time, id="job", timeout="1h")
    with live(graph, stubs={"job": rd.takes("30m")}) as engine:
        engine.start("job")
        engine.advance("1m")
        graph.dag("job").add(in_time, id="job", timeout="10m")
        engine.advance("1h")
        assert ends(engine) == [(1, "success", None)]
