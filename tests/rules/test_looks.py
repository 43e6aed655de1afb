"""Waits that look each `poll` (R27), and waits that begin anew (R30): when they look, what they hold and record."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from reactive_dag.model.records import Looked, TaskFinished, TaskStarted
from tests.support import engines
from tests.support.engines import kill, ns, of_kind, parts, states
from tests.support.waiting import D, end, state_of, upstream, waiting

POLLED = pytest.mark.parametrize("mode", ["poke", "reschedule"])


def opened(graph, *args, **options):
    """An engine with workers enough for waits that hold one, unless told."""
    return engines.opened(graph, *args, **{"runner": rd.ThreadRunner(4), **options})


def live(graph, *args, **options):
    """The same until the end of a block, with what must hold."""
    return engines.live(graph, *args, **{"runner": rd.ThreadRunner(4), **options})


def looks(engine):
    """When each look was recorded that went on waiting, and its number."""
    return [(f"{rd.model.times.to_datetime(each.at):%H:%M}", each.number) for each in of_kind(engine, Looked)]


def begun(mode, **options):
    """A graph whose `job` waits for `up` and looks every ten minutes."""
    return waiting(ends={"a": "success"}, mode=mode, poll="10m", **options)


# ------------------------------------------------------------------------------------------------ when


@POLLED
def test_R27_it_looks_at_once_and_then_every_poll(mode):
    with live(begun(mode)) as engine:
        engine.start("job", logical_date=D)
        engine.advance("25m")
        assert looks(engine) == [("00:00", 1), ("00:10", 2), ("00:20", 3)]
        engine.start("up", logical_date=D)
        engine.advance("4m")
        assert state_of(engine) == "waiting", "nothing but a look decides"
        engine.advance("1m")
        assert state_of(engine) == "success" and len(looks(engine)) == 3


@POLLED
def test_R27_what_is_there_at_the_first_look_ends_it_without_another(mode):
    with live(begun(mode)) as engine:
        engine.start("up", logical_date=D)
        engine.run_until_idle()
        engine.start("job", logical_date=D)
        engine.run_until_idle()
        assert state_of(engine) == "success" and not looks(engine)


def test_R27_a_wait_that_reacts_records_no_look():
    with live(waiting(ends={"a": "success"}, poll="10m")) as engine:
        engine.start("job", logical_date=D)
        engine.advance("2h")
        assert state_of(engine) == "waiting" and not of_kind(engine, Looked)
        assert (engine.pending("job").waits[0].mode, engine.pending("job").waits[0].looked) == ("push", None)


@pytest.mark.parametrize("awaited", ["up", "a"])
def test_R27_of_waits_that_one_record_decides_the_first_requested_run_is_first(awaited):
    graph = rd.Graph("order")
    for id in ("up", "gate"):
        graph.dag(id).add(lambda run: None, id="t")
    what = graph.dataset("a") if awaited == "a" else "up"
    first, second = graph.dag("first"), graph.dag("second")
    first.wait_for(what, id="late", after=first.wait_for("gate"))
    second.wait_for(what, id="early")
    with live(graph) as engine:
        for id in ("first", "second", "gate"):
            engine.start(id, logical_date=D)
            engine.advance("1m")
        if awaited == "a":
            engine.publish("a")
        else:
            engine.start("up", logical_date=D)
        engine.run_until_idle()
        ended = [each.task for each in of_kind(engine, TaskFinished)]
        assert ended.index("late") < ended.index("early")


@POLLED
def test_R27_a_look_that_sees_the_same_says_only_that(mode):
    with live(begun(mode)) as engine:
        engine.start("job", logical_date=D)
        engine.advance("20m")
        engine.pause("up")
        engine.start("up", logical_date=D)
        engine.advance("20m")
        seen = [each.seen for each in of_kind(engine, Looked)]
        assert ["no run yet" in (each or "") for each in seen[:3]] == [True, False, False] and seen[1:3] == [None, None]
        assert "queued" in seen[3] and seen[4] is None


@POLLED
def test_R27_pending_shows_the_looks_and_what_the_last_one_saw(mode):
    with live(begun(mode)) as engine:
        engine.start("job", logical_date=D)
        engine.advance("25m")
        (wait,) = engine.pending("job").waits
        assert (wait.mode, wait.looks, f"{wait.looked:%H:%M}") == (mode, 3, "00:20") and "no run yet" in wait.why
        assert f"({mode}: look 3 at 2026-11-23T00:20:00Z)" in str(engine.pending("job"))
        assert engine.pending("job").to_json()["waits"][0]["looks"] == 3


@POLLED
@pytest.mark.parametrize("snapshot", [False, True])
def test_R27_looks_and_timeout_count_from_the_first_over_a_restart(mode, snapshot, tmp_path, monkeypatch):
    if snapshot:
        monkeypatch.setattr("reactive_dag.engine.drive.turn.SNAPSHOT_EVERY", 1)
    store, options = tmp_path / "s.db", {"timeout": "1h", "states": "any", "failed_states": ()}
    engine = opened(begun(mode, **options), store)
    engine.start("job", logical_date=D)
    engine.advance("13m")
    assert (parts(engine).log.load_snapshot() is not None) == snapshot
    kill(engine)
    with live(begun(mode, **options), store, "2026-11-23T00:34:30Z") as engine:
        engine.run_until_idle()
        assert state_of(engine) == "waiting"
        (wait,) = engine.pending("job").waits
        assert (wait.looks, wait.why) == (4, "2026-11-22T00:00:00Z: no run yet"), "the looks between saw the same"
        engine.advance("15m")
        assert looks(engine)[-1] == ("00:40", 5)
        engine.advance("10m30s")
        assert state_of(engine) == "failed" and "timed out after 1h" in engine.runs("job")[0].tasks["up"].error


@POLLED
def test_R27_between_two_lives_it_is_as_if_nobody_had_been_away(mode, tmp_path):
    """Looks and records step in the order of their instants: the run that ends a wait is seen in time."""
    store = tmp_path / "s.db"
    engine = opened(begun(mode), store)
    engine.start("job", logical_date=D)
    engine.advance("5m")
    engine.start("up", logical_date=D)
    engine.run_until_idle()
    kill(engine)
    with live(begun(mode), store, "2026-11-23T03:00Z") as engine:
        engine.run_until_idle()
        assert state_of(engine) == "success" and len(looks(engine)) == 1


@POLLED
def test_R27_a_look_is_before_what_is_recorded_at_its_instant(mode):
    with live(begun(mode)) as engine:
        engine.start("job", logical_date=D)
        engine.run_until_idle()
        parts(engine).fold.clock.advance_to(ns("2026-11-23T00:10Z"))
        engine.start("up", logical_date=D)
        engine.run_until_idle()
        assert state_of(engine) == "waiting"
        engine.advance("10m")
        assert state_of(engine) == "success"


# ------------------------------------------------------------------------------------------------ what is held


def narrow(mode, **options):
    """One worker: `job` waits, and `other` has something to do."""
    graph = begun(mode, **options)
    graph.dag("other")(end("success"))
    return graph


@pytest.mark.parametrize(
    ("runner", "mode", "expected"),
    [
        (rd.ThreadRunner, "poke", "running"), (rd.ThreadRunner, "reschedule", "success"),
        (None, "poke", "running"), (None, "reschedule", "success"),
    ],
)  # fmt: skip
def test_wait_poke_holds_the_one_worker_and_reschedule_lets_others_run_between(runner, mode, expected):
    one = rd.InlineRunner() if runner is None else runner(1)
    with live(narrow(mode, timeout="1h"), runner=one) as engine:
        engine.start("job", logical_date=D)
        engine.run_until_idle("10s")
        other = engine.start("other")
        engine.advance("30m")
        assert (state_of(engine), other.state) == ("waiting", expected)
        engine.advance("30m")
        assert (state_of(engine), other.state) == ("failed", "success"), "the timeout gives the worker back"


def test_wait_poke_holds_a_worker_and_never_the_engine():
    with live(narrow("poke"), runner=rd.ThreadRunner(2)) as engine:
        engine.start("job", logical_date=D)
        engine.start("other")
        engine.run_until_idle("10s")
        assert states(engine, "other") == ["success"], "an engine is idle although it waits"


def test_wait_reschedule_holds_nothing_however_many_there_are():
    with live(narrow("reschedule"), runner=rd.ThreadRunner(1)) as engine:
        for _ in range(20):
            engine.start("job", logical_date=D)
        engine.start("other")
        engine.run_until_idle("10s")
        assert states(engine, "other") == ["success"] and len(engine.pending("job").waits) == 20


def test_R27_pending_names_the_waits_that_hold_the_workers():
    with live(narrow("poke", timeout="1h"), runner=rd.ThreadRunner(1)) as engine:
        engine.start("job", logical_date=D)
        engine.run_until_idle("10s")
        engine.start("other")
        engine.start("job", logical_date=D)
        engine.run_until_idle("10s")
        (wait,) = engine.pending("other").waits
        assert wait.why == "a worker; waits in mode 'poke' hold some: job.up"
        assert [each.why.partition(";")[0] for each in engine.pending("job").waits][1] == "a worker"


def test_R27_a_wait_that_pokes_has_the_slots_of_its_pool():
    graph = rd.Graph("waits")
    upstream(graph, a="success")
    graph.pool("one", slots=1)
    waiting(graph, mode="poke", poll="10m", pool="one")
    graph.dag("other").add(end("success"), id="t", pool="one")
    with live(graph, runner=rd.ThreadRunner(8)) as engine:
        engine.start("job", logical_date=D)
        engine.run_until_idle("10s")
        other = engine.start("other")
        engine.run_until_idle("10s")
        assert other.state == "running"
        assert "a slot of pool 'one' (1 of 1 taken)" in engine.pending("other").waits[0].why
        engine.start("up", logical_date=D)
        engine.advance("10m")
        assert (state_of(engine), other.state) == ("success", "success")


@pytest.mark.parametrize("snapshot", [False, True])
def test_R27_the_slot_is_held_after_a_restart_too(snapshot, tmp_path, monkeypatch):
    if snapshot:
        monkeypatch.setattr("reactive_dag.engine.drive.turn.SNAPSHOT_EVERY", 1)
    store = tmp_path / "s.db"
    engine = opened(narrow("poke"), store, runner=rd.ThreadRunner(1))
    engine.start("job", logical_date=D)
    engine.run_until_idle("10s")
    engine.start("other")
    engine.run_until_idle("10s")
    kill(engine)
    with live(narrow("poke"), store, "2026-11-23T00:05Z", runner=rd.ThreadRunner(1)) as engine:
        engine.advance("1h")
        assert (state_of(engine), states(engine, "other")) == ("waiting", ["running"])
        engine.cancel(engine.runs("job")[0])
        engine.run_until_idle("10s")
        assert states(engine, "other") == ["success"], "who is cancelled holds nothing"


def test_R27_the_order_of_what_waits_for_a_worker_holds_for_waits():
    graph = narrow("poke", timeout="1h", priority=5)
    busy = graph.dag("busy")
    busy.add(end("success"), id="t", priority=9)
    with live(graph, runner=rd.InlineRunner()) as engine:
        engine.start("other")
        engine.start("busy")
        engine.start("job", logical_date=D)
        engine.run_until_idle()
        assert [each.task for each in of_kind(engine, TaskStarted)] == ["t", "up"]
        assert states(engine, "other") == ["running"]


def test_R27_a_wait_takes_the_pool_of_its_dags_defaults_and_not_their_retries():
    graph = rd.Graph("waits")
    graph.pool("one", slots=1)
    upstream(graph, a="success")
    job = graph.dag("job", defaults={"pool": "one", "retries": 3, "timeout": "1m"})
    up = job.wait_for("up", id="up", mode="poke", poll="10m", timeout="20m")
    assert (up.pool, up.retries, up.timeout) == ("one", 0, None)
    other = job.wait_for("up", id="own", mode="poke", pool=None, retries=2)
    assert (other.pool, other.retries) == (None, 2)


# ------------------------------------------------------------------------------------------------ changes (R11)


@pytest.mark.parametrize(("before", "after"), [("poke", "push"), ("push", "poke"), ("reschedule", "push")])
def test_R27_a_wait_goes_on_in_the_mode_that_is_declared_now(before, after):
    graph = begun(before)
    graph.dag("other")(end("success"))
    with live(graph, runner=rd.ThreadRunner(1)) as engine:
        engine.start("job", logical_date=D)
        engine.advance("5m")
        waiting(graph, mode=after, poll="10m")
        other = engine.start("other")
        engine.run_until_idle("10s")
        assert other.state == ("running" if after == "poke" else "success")
        if after == "push":
            engine.start("up", logical_date=D)
            engine.run_until_idle("10s")
            assert state_of(engine) == "success"
        else:
            engine.advance("5m")
            assert looks(engine) == [("00:10", 2)], "they count from its beginning"


# ------------------------------------------------------------------------------------------------ retries (R30)


@pytest.mark.parametrize("mode", ["push", "poke", "reschedule"])
def test_R30_a_wait_that_timed_out_begins_anew_with_its_own_timeout(mode):
    with live(begun(mode, timeout="1h", retries=1, retry_delay="30m")) as engine:
        engine.start("job", logical_date=D)
        engine.advance("1h")
        task = engine.runs("job")[0].tasks["up"]
        assert task.state == "retrying" and "timed out after 1h" in task.attempts[0].error
        engine.advance("30m")
        assert state_of(engine) == "waiting"
        engine.advance("59m")
        assert state_of(engine) == "waiting"
        engine.advance("1m")
        task = engine.runs("job")[0].tasks["up"]
        assert task.state == "failed" and [each.number for each in task.attempts] == [1, 2]


@pytest.mark.parametrize("mode", ["push", "poke", "reschedule"])
def test_R30_a_wait_that_failed_begins_anew_and_sees_what_is_there_then(mode):
    graph = rd.Graph("waits")

    @graph.dag("up")
    def a(run):
        if run.round == 1:
            raise ValueError("broken")

    waiting(graph, mode=mode, poll="10m", retries=2, retry_delay="1h")
    with live(graph) as engine:
        up = engine.start("up", logical_date=D)
        engine.run_until_idle()
        engine.start("job", logical_date=D)
        parts(engine).loop.settle()
        assert state_of(engine) == "retrying"
        engine.rerun(up)
        engine.advance("1h")
        task = engine.runs("job")[0].tasks["up"]
        assert (task.state, len(task.attempts)) == ("success", 2) and "up is failed" in task.attempts[0].error


def test_R30_it_fails_softly_only_when_no_retry_is_left():
    with live(begun("push", timeout="1h", soft_fail=True, retries=1)) as engine:
        engine.start("job", logical_date=D)
        engine.advance("1h")
        assert state_of(engine) == "waiting"
        engine.advance("1h")
        assert state_of(engine) == "skipped"


def test_R30_what_cannot_be_awaited_is_not_tried_again():
    graph = waiting(ends={"a": "success"}, logical_date=lambda date: [], retries=3)
    with live(graph) as engine:
        engine.start("job", logical_date=D)
        engine.run_until_idle()
        assert state_of(engine) == "failed" and not engine.runs("job")[0].tasks["up"].attempts


@pytest.mark.parametrize("mode", ["push", "poke", "reschedule"])
@pytest.mark.parametrize("snapshot", [False, True])
def test_R30_a_retry_comes_after_a_restart(mode, snapshot, tmp_path, monkeypatch):
    if snapshot:
        monkeypatch.setattr("reactive_dag.engine.drive.turn.SNAPSHOT_EVERY", 1)
    store, options = tmp_path / "s.db", {"timeout": "20m", "retries": 1, "retry_delay": "1h"}
    engine = opened(begun(mode, **options), store)
    engine.start("job", logical_date=D)
    engine.advance("30m")
    assert state_of(engine) == "retrying"
    kill(engine)
    with live(begun(mode, **options), store, "2026-11-23T00:40Z") as engine:
        engine.advance("40m")
        assert state_of(engine) == "waiting"
        engine.start("up", logical_date=D)
        engine.advance("10m")
        assert state_of(engine) == "success"


@pytest.mark.parametrize("mode", ["push", "poke", "reschedule"])
def test_R27_R30_waits_of_every_mode_in_a_simulation(mode):
    graph = rd.Graph("waits")
    graph.dag("up", schedule="0 2 * * *").add(end("success"), id="a")
    job = graph.dag("job", schedule="0 1 * * *")
    job.wait_for("up", id="up", mode=mode, poll="25m", timeout="40m", logical_date=lambda date: date.replace(hour=2),
                 retries=5, retry_delay="10m")  # fmt: skip
    graph.check()
    simulation = rd.simulate(graph, start="2026-11-23T00:00Z", until="1d", default_duration="5m")
    (run,) = [run for run in simulation.runs if run.dag == "job"]
    attempts = run.tasks["up"].attempts
    assert run.state == "success" and [each.state for each in attempts] == ["failed", "success"]
    assert f"{attempts[-1].ended:%H:%M}" == {"push": "02:05", "poke": "02:15", "reschedule": "02:15"}[mode]


# ------------------------------------------------------------------------------------------------ instances (R7)


def mapped(tasks, **options):
    """`job` waits for instances of `up.each`, which is mapped over as many items as the test says."""
    graph = rd.Graph("waits")
    up = graph.dag("up", params={"n": 3})
    up.add(lambda run: list(range(run.params["n"])), id="rows")

    def each(rows):
        if rows == 1:
            raise rd.FailTask("the second fails")
        return rows * 10

    up.add(each, id="each", map_over="rows")
    return waiting(graph, tasks=tasks, **options)


@pytest.mark.parametrize("mode", ["push", "poke", "reschedule"])
@pytest.mark.parametrize("first", ["up", "job"])
@pytest.mark.parametrize(
    ("tasks", "state", "why"),
    [
        (["each[2]"], "success", None), (["each[0]", "each[2]"], "success", None),
        (["each[0]", "each[1]"], "failed", "up.each[1] is failed"),
        (["each[7]"], "failed", "up.each[7] is not there: the mapped task has ended without it"),
    ],
)  # fmt: skip
def test_wait_an_instance_of_a_mapped_task(mode, first, tasks, state, why):
    with live(mapped(tasks, mode=mode, poll="10m")) as engine:
        for dag in (first, "job" if first == "up" else "up"):
            engine.start(dag, logical_date=D)
            engine.run_until_idle("10s")
        engine.advance("10m")
        task = engine.runs("job")[0].tasks["up"]
        assert task.state == state and (why is None or why in task.error)
        assert task.state != "success" or task.output["results"] == {each: int(each[5]) * 10 for each in tasks}


def test_wait_an_instance_of_a_task_that_is_not_mapped_is_refused():
    with pytest.raises(rd.GraphError, match=r"up\.rows\[1\]|'rows\[1\]' of DAG 'up', which has no such task: 'rows'"):
        mapped(["rows[1]"], timeout="1h").check()
    assert mapped(["each[1]"], timeout="1h").check() is None
    assert rd.Graph("g").dag("d").wait_for("up", task="each[1]").id == "wait_up_each_1"


@pytest.mark.parametrize("mode", ["push", "poke", "reschedule"])
def test_R27_why_of_a_run_says_what_its_waits_saw(mode):
    with live(begun(mode)) as engine:
        run = engine.start("job", logical_date=D)
        engine.run_until_idle("10s")
        assert engine.why(run).missing == ["up: 2026-11-22T00:00:00Z: no run yet"]
        assert run.tasks["up"].error == "2026-11-22T00:00:00Z: no run yet" and run.error is None
