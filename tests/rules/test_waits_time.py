"""Waiting for another DAG, row by row of the table (mode push): when, for how long, for what is not there, restarts."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from reactive_dag.model.records import Tick
from tests.support.engines import kill, live, of_kind, opened, parts, states
from tests.support.waiting import D, end, started, state_of, upstream, waiting

# --------------------------------------------------------------------------------- when, and for how long


def test_wait_a_timeout_fails_with_what_was_awaited_and_last_seen():
    engine = started(waiting(ends={"a": "success"}, timeout="1h"), upstream=False)
    assert state_of(engine) == "waiting"
    engine.advance("1h")
    assert state_of(engine) == "failed"
    error = engine.runs("job")[0].tasks["up"].error
    assert error == "timed out after 1h of waiting for DAG 'up'; last seen: 2026-11-22T00:00:00Z: no run yet"
    engine.close()


def test_wait_a_timeout_with_soft_fail_skips():
    engine = started(waiting(ends={"a": "success"}, timeout="1h", soft_fail=True), upstream=False)
    engine.advance("2h")
    assert state_of(engine) == "skipped"
    engine.close()


def test_wait_at_one_instant_the_timeout_comes_first():
    engine = started(waiting(ends={"a": "success"}, timeout="1h"), upstream=False)
    parts(engine).fold.clock.advance_to(parts(engine).fold.clock.now() + 3600 * 10**9)
    engine.start("up", logical_date=D)
    engine.run_until_idle()
    assert state_of(engine) == "failed"
    assert not of_kind(engine, Tick)
    engine.close()


def test_wait_what_was_complete_before_succeeds_at_once():
    with live(waiting(ends={"a": "success"})) as engine:
        engine.start("up", logical_date=D)
        engine.run_until_idle()
        engine.start("job", logical_date=D)
        engine.run_until_idle()
        assert state_of(engine) == "success"


def test_wait_since_start_counts_only_what_ends_after_it_began():
    with live(waiting(ends={"a": "success"}, since="start")) as engine:
        engine.start("up", logical_date=D)
        engine.run_until_idle()
        engine.start("job", logical_date=D)
        engine.run_until_idle()
        assert state_of(engine) == "waiting"
        engine.start("up", logical_date=D)
        engine.run_until_idle()
        assert state_of(engine) == "success"


def test_wait_each_date_is_judged_by_its_newest_requested_run():
    graph = rd.Graph("waits")

    @graph.dag("up", max_active_runs=1)
    def a(run):
        if run.events[0].key == "first":
            raise ValueError("broken")

    waiting(graph, failed_states=())
    with live(graph) as engine:
        engine.start("up", logical_date=D, key="first")
        engine.start("job", logical_date=D)
        engine.run_until_idle()
        assert state_of(engine) == "waiting"
        engine.start("up", logical_date=D, key="second")
        engine.run_until_idle()
        assert state_of(engine) == "success"


def test_wait_a_newer_run_that_is_only_queued_stands_for_its_date():
    graph = rd.Graph("waits")
    graph.dag("up")(end("success"))
    waiting(graph)
    with live(graph) as engine:
        engine.start("up", logical_date=D)
        engine.run_until_idle()
        engine.pause("up")
        engine.start("up", logical_date=D)
        engine.start("job", logical_date=D)
        engine.run_until_idle()
        assert state_of(engine) == "waiting" and "queued" in engine.pending("job").waits[0].why
        engine.resume("up")
        engine.run_until_idle()
        assert state_of(engine) == "success"


def test_wait_that_has_ended_is_not_judged_again():
    graph = rd.Graph("waits")

    @graph.dag("up")
    def a(run):
        if run.events[0].key == "second":
            raise ValueError("broken")

    waiting(graph)
    with live(graph) as engine:
        engine.start("up", logical_date=D)
        engine.start("job", logical_date=D)
        engine.run_until_idle()
        engine.start("up", logical_date=D, key="second")
        engine.run_until_idle()
        assert (state_of(engine), states(engine, "job")) == ("success", ["success"])


# ----------------------------------------------------------------------------------- what is there, restarts


def test_wait_an_unknown_dag_or_task_is_an_error_at_once():
    for options in ({"dag": "nope"}, {"dag": "up", "task": "nope"}):
        graph = rd.Graph("waits")
        upstream(graph, a="success")
        graph.dag("job").wait_for(options["dag"], options.get("task"), timeout="1h")
        with pytest.raises(rd.GraphError, match="nope"):
            opened(graph)


@pytest.mark.parametrize("task", [None, "a"])
def test_wait_missing_wait_waits_for_it_to_be_registered(task):
    graph = waiting(missing="wait", task=task, timeout="9d")
    with live(graph) as engine:
        engine.start("job", logical_date=D)
        engine.run_until_idle()
        assert state_of(engine) == "waiting"
        upstream(graph, a="success")
        engine.start("up", logical_date=D)
        engine.run_until_idle()
        assert state_of(engine) == "success"


def test_wait_for_a_dag_that_is_removed_meanwhile_fails_at_once_saying_so():
    graph = waiting(ends={"a": "success"})
    with live(graph) as engine:
        engine.start("job", logical_date=D)
        engine.run_until_idle()
        graph.remove("up")
        engine.run_until_idle()
        assert state_of(engine) == "failed" and "removed" in engine.runs("job")[0].tasks["up"].error


def test_wait_the_timeout_counts_from_the_first_over_a_restart(tmp_path):
    store = tmp_path / "s.db"
    engine = opened(waiting(ends={"a": "success"}, timeout="1h"), store)
    engine.start("job", logical_date=D)
    engine.run_until_idle()
    kill(engine)
    with live(waiting(ends={"a": "success"}, timeout="1h"), store, "2026-11-23T00:59Z") as engine:
        engine.run_until_idle()
        assert state_of(engine) == "waiting" and "no run yet" in engine.pending("job").waits[0].why
        engine.advance("1m")
        assert state_of(engine) == "failed"


def test_wait_goes_on_after_a_restart(tmp_path):
    store = tmp_path / "s.db"
    engine = opened(waiting(ends={"a": "success"}, since="start"), store)
    engine.start("up", logical_date=D)
    engine.run_until_idle()
    engine.start("job", logical_date=D)
    engine.run_until_idle()
    kill(engine)
    with live(waiting(ends={"a": "success"}, since="start"), store) as engine:
        engine.run_until_idle()
        assert state_of(engine) == "waiting"
        engine.start("up", logical_date=D)
        engine.run_until_idle()
        assert state_of(engine) == "success"


def test_wait_a_replay_does_not_judge_with_what_came_later(tmp_path):
    """Two runs of the awaited date overlap: the wait goes on while the newer one runs, in a replay too."""

    def declared():
        graph = rd.Graph("waits")
        dag = graph.dag("up")
        gate = dag.wait_for("gate", logical_date=lambda date: "2026-01-01", timeout="900d")
        dag.add(end("success"), id="a", after=[gate])
        graph.dag("gate")(end("success"))
        return waiting(graph)

    store = tmp_path / "s.db"
    engine = opened(declared(), store)
    engine.start("up", logical_date=D)
    engine.start("job", logical_date=D)
    engine.run_until_idle()
    newer = engine.start("up", logical_date=D)
    engine.run_until_idle()
    engine.cancel(engine.runs("up")[1])
    engine.run_until_idle()
    assert (state_of(engine), newer.state) == ("waiting", "running")
    kill(engine)
    with live(declared(), store) as engine:
        engine.run_until_idle()
        assert state_of(engine) == "waiting"
        engine.start("gate", logical_date="2026-01-01")
        engine.run_until_idle()
        assert state_of(engine) == "success"


def test_wait_holds_no_worker():
    graph = waiting(ends={"a": "success"})
    with live(graph, runner=rd.ThreadRunner(1)) as engine:
        jobs = [engine.start("job", logical_date=D) for _ in range(3)]
        engine.run_until_idle("10s")
        engine.start("up", logical_date=D)
        engine.run_until_idle("10s")
        assert [run.state for run in jobs] == ["success"] * 3


def test_wait_two_dags_wait_for_each_others_tasks():
    graph = rd.Graph("waits")
    left, right = graph.dag("left"), graph.dag("right")
    first = left.add(end("success"), id="first")
    middle = right.add(end("success"), id="middle", after=[right.wait_for("left", task="first", timeout="1d")])
    left.add(end("success"), id="last", after=[first, left.wait_for("right", task="middle", timeout="1d")])
    assert middle.id == "middle"
    with live(graph) as engine:
        for dag in ("right", "left"):
            engine.start(dag, logical_date=D)
        engine.run_until_idle()
        assert states(engine) == ["right success", "left success"]
