"""Tasks that look until their function gives something true (R29): when they look, what they hold, how they end."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from reactive_dag.model.records import Looked, TaskStarted
from tests.support import engines
from tests.support.engines import kill, of_kind, parts, states

D = "2026-11-23"
POLLED = pytest.mark.parametrize("mode", ["poke", "reschedule"])


def opened(graph, *args, **options):
    """An engine with workers enough for waits that hold one."""
    return engines.opened(graph, *args, **{"runner": rd.ThreadRunner(4), **options})


def live(graph, *args, **options):
    """The same until the end of a block."""
    return engines.live(graph, *args, **{"runner": rd.ThreadRunner(4), **options})


class World:
    """What the function sees, and how often it looked."""

    def __init__(self):
        self.there, self.looks = None, 0

    def graph(self, mode="reschedule", **options):
        graph = rd.Graph("until")
        job = graph.dag("job", params={"file": "a.csv"})

        def ready(run, file):
            self.looks += 1
            run.log.info("look %d for %s", self.looks, file)
            if isinstance(self.there, Exception):
                raise self.there
            return self.there

        job.wait_until(ready, mode=mode, poll="10m", **{"timeout": "9d", **options})
        job.add(lambda ready: ready, id="after")
        graph.dag("other").add(lambda run: 1, id="t")
        return graph


@pytest.fixture
def world():
    return World()


def task(engine):
    return engine.runs("job")[0].tasks["ready"]


def looks(engine):
    return [
        (f"{rd.model.times.to_datetime(each.at):%H:%M}", each.number, each.seen) for each in of_kind(engine, Looked)
    ]


# ------------------------------------------------------------------------------------------------ looks


@POLLED
def test_wait_until_looks_at_once_and_every_poll_until_it_gives_something_true(world, mode):
    with live(world.graph(mode)) as engine:
        engine.start("job")
        engine.advance("25m")
        assert looks(engine) == [(f"00:{at}0", at + 1, "it gave None") for at in range(3)] and world.looks == 3
        world.there = {"rows": 3}
        engine.advance("4m")
        assert task(engine).state == "waiting"
        engine.advance("1m")
        run = engine.runs("job")[0]
        assert (run.state, run.tasks["after"].output, world.looks) == ("success", {"rows": 3}, 4)
        (attempt,) = task(engine).attempts
        assert (f"{attempt.started:%H:%M}", f"{attempt.ended:%H:%M}") == ("00:00", "00:30")
        assert len([each for each in of_kind(engine, TaskStarted) if each.task == "ready"]) == 1


@pytest.mark.parametrize("value", [None, False, 0, "", [], {}])
def test_R29_what_is_not_true_is_no_end(world, value):
    world.there = value
    with live(world.graph()) as engine:
        engine.start("job")
        engine.run_until_idle("10s")
        assert task(engine).state == "waiting" and f"it gave {value!r}" in str(engine.pending("job"))


@POLLED
def test_R29_it_has_the_parameters_of_a_body_and_its_log_is_the_last_looks(world, mode):
    with live(world.graph(mode)) as engine:
        engine.start("job", params={"file": "b.csv"})
        engine.advance("10m")
        world.there = True
        engine.advance("10m")
        assert "look 3 for b.csv" in task(engine).log


@POLLED
def test_R29_a_look_that_takes_longer_than_poll_is_the_look_of_these_instants_too(world, mode):
    with live(world.graph(mode), stubs={"job.ready": rd.takes("25m", then=lambda: None)}) as engine:
        engine.start("job")
        engine.advance("60m")
        assert [each[:2] for each in looks(engine)] == [("00:25", 3), ("00:55", 6)], "30 is the first after 25"


def test_R29_push_is_refused_and_so_is_what_is_no_option(world):
    job = rd.Graph("g").dag("job")
    with pytest.raises(rd.InvalidValue, match=r"wait in DAG 'job' \(.*test_wait_until.py:.*mode='push'"):
        job.wait_until(len, mode="push")
    with pytest.raises(rd.InvalidValue, match="poll"):
        job.wait_until(lambda run: 1, id="x", poll="-1m")
    with pytest.raises(TypeError, match="'time_out'"):
        job.wait_until(lambda run: 1, id="x", time_out="1m")
    with pytest.raises(rd.InvalidValue, match="id="):
        job.wait_until(lambda run: 1)
    assert not job.tasks


def test_R29_as_a_decorator_and_in_json():
    graph = rd.Graph("until")
    job = graph.dag("job")

    @job.wait_until(poll="5m", mode="poke", timeout="1h", retries=2, soft_fail=True)
    def ready(run): ...

    assert (ready.kind, ready.retries, ready.until.mode) == ("until", 2, "poke")
    read = rd.Graph.from_json(graph.to_json())
    again = read.dags["job"].tasks["ready"]
    assert read.to_json() == graph.to_json() and (again.kind, again.until) == ("until", ready.until)
    assert graph.problems() == []
    job.wait_until(lambda run: 1, id="endless")
    assert [each.kind for each in graph.problems()] == ["no_timeout"]


# ------------------------------------------------------------------------------------------------ what is held


@pytest.mark.parametrize(
    ("mode", "runner", "expected"),
    [("poke", rd.ThreadRunner, "running"), ("reschedule", rd.ThreadRunner, "success"), ("poke", None, "running"),
     ("reschedule", None, "success")],
)  # fmt: skip
def test_R29_poke_holds_its_worker_between_looks_and_reschedule_frees_it(world, mode, runner, expected):
    with live(world.graph(mode), runner=rd.InlineRunner() if runner is None else runner(1)) as engine:
        engine.start("job")
        engine.run_until_idle("10s")
        other = engine.start("other")
        engine.advance("30m")
        assert (other.state, world.looks) == (expected, 4)
        world.there = 1
        engine.advance("10m")
        assert (task(engine).state, other.state) == ("success", "success")


def test_R29_a_look_waits_for_a_worker_and_a_slot_of_its_pool(world):
    graph = world.graph("reschedule", pool="one")
    graph.pool("one", slots=1)
    graph.dag("busy").add(lambda run: 1, id="t", pool="one")
    with live(graph, stubs={"busy.t": rd.takes("25m")}) as engine:
        engine.start("job")
        engine.advance("5m")
        engine.start("busy")
        engine.advance("20m")
        assert world.looks == 1 and "pool 'one'" in str(engine.pending("job"))
        engine.advance("5m")
        assert [each[0] for each in looks(engine)] == ["00:00", "00:30"]


# ------------------------------------------------------------------------------------------------ how it ends


@POLLED
def test_R29_an_exception_fails_the_attempt_and_a_retry_begins_anew(world, mode):
    world.there = ValueError("no access")
    with live(world.graph(mode, retries=1, retry_delay="15m", timeout="1h")) as engine:
        engine.start("job")
        parts(engine).loop.settle()
        engine.advance("1m")
        assert task(engine).state == "retrying" and "no access" in task(engine).attempts[0].error
        world.there = None
        engine.advance("1h")
        assert task(engine).state == "waiting", "the timeout counts from the new beginning"
        engine.advance("15m")
        assert task(engine).state == "failed" and "timed out after 1h" in task(engine).error


@POLLED
def test_R29_a_timeout_ends_it_and_gives_back_what_it_holds(world, mode):
    with live(world.graph(mode, timeout="25m"), runner=rd.ThreadRunner(1)) as engine:
        engine.start("job")
        engine.run_until_idle("10s")
        engine.start("other")
        engine.advance("30m")
        assert (task(engine).state, states(engine, "other"), world.looks) == ("failed", ["success"], 3)


def test_R29_a_timeout_with_soft_fail_skips_when_no_retry_is_left(world):
    with live(world.graph(timeout="15m", soft_fail=True, retries=1)) as engine:
        engine.start("job")
        engine.advance("15m")
        assert task(engine).state == "waiting"
        engine.advance("15m")
        assert task(engine).state == "skipped"


@POLLED
@pytest.mark.parametrize("how", ["cancel", "mark"])
def test_R29_one_that_is_cancelled_or_marked_looks_no_more(world, mode, how):
    with live(world.graph(mode), runner=rd.ThreadRunner(1)) as engine:
        run = engine.start("job")
        engine.advance("5m")
        engine.start("other")
        if how == "cancel":
            engine.cancel(run)
        else:
            engine.mark(run, "ready", "success", "it is there")
        engine.advance("1h")
        assert world.looks == 1 and states(engine, "other") == ["success"]
        assert run.state == ("cancelled" if how == "cancel" else "success")


def test_R29_skipping_failing_and_retrying_by_hand(world):
    world.there = rd.SkipTask("nothing today")
    with live(world.graph()) as engine:
        engine.start("job")
        engine.run_until_idle("10s")
        assert task(engine).state == "skipped"
    world.there = rd.FailTask("never")
    with live(world.graph(retries=3)) as engine:
        engine.start("job")
        engine.run_until_idle("10s")
        assert task(engine).state == "failed" and len(task(engine).attempts) == 1


# ------------------------------------------------------------------------------------------------ restarts, changes


@POLLED
@pytest.mark.parametrize("snapshot", [False, True])
def test_R29_after_a_restart_looks_and_timeout_count_from_the_first(world, mode, snapshot, tmp_path, monkeypatch):
    if snapshot:
        monkeypatch.setattr("reactive_dag.engine.drive.turn.SNAPSHOT_EVERY", 1)
    store = tmp_path / "s.db"
    engine = opened(world.graph(mode, timeout="1h"), store)
    engine.start("job")
    engine.advance("13m")
    kill(engine)
    with live(world.graph(mode, timeout="1h"), store, "2026-11-23T00:34Z", runner=rd.ThreadRunner(1)) as engine:
        engine.start("other")
        engine.run_until_idle("10s")
        assert world.looks == 3 and states(engine, "other") == ["running" if mode == "poke" else "success"]
        engine.advance("6m")
        assert [each[:2] for each in looks(engine)] == [("00:00", 1), ("00:10", 2), ("00:34", 4), ("00:40", 5)]
        engine.advance("20m")
        assert task(engine).state == "failed" and len(task(engine).attempts) == 1


@POLLED
@pytest.mark.parametrize("snapshot", [False, True])
def test_R29_a_look_that_a_crash_cut_off_is_made_again(world, mode, snapshot, tmp_path, monkeypatch):
    if snapshot:
        monkeypatch.setattr("reactive_dag.engine.drive.turn.SNAPSHOT_EVERY", 1)
    store = tmp_path / "s.db"
    engine = opened(world.graph(mode), store, stubs={"job.ready": rd.takes("1h")})
    engine.start("job")
    parts(engine).loop.settle()
    assert task(engine).state == "waiting" and not of_kind(engine, Looked)
    kill(engine)
    world.there = 7
    with live(world.graph(mode), store, "2026-11-23T00:01Z") as engine:
        engine.run_until_idle("10s")
        assert (task(engine).output, world.looks, len(task(engine).attempts)) == (7, 1, 1)


@pytest.mark.parametrize(("before", "after"), [("poke", "reschedule"), ("reschedule", "poke")])
def test_R29_a_changed_mode_holds_from_the_change_on(world, before, after):
    graph = world.graph(before)
    with live(graph, runner=rd.ThreadRunner(1)) as engine:
        engine.start("job")
        engine.advance("5m")
        graph.dags["job"].wait_until(
            graph.dags["job"].tasks["ready"].fn, id="ready", mode=after, poll="4m", timeout="1d"
        )
        other = engine.start("other")
        engine.run_until_idle("10s")
        assert other.state == ("running" if after == "poke" else "success")
        engine.advance("5m")
        assert [each[0] for each in looks(engine)] == ["00:00", "00:08"]


# ------------------------------------------------------------------------------------------------ elsewhere


def is_there(run, file):
    return {"file": file, "by": run.dag} if file == "b.csv" else None


@POLLED
def test_R29_in_worker_processes(mode):
    graph = rd.Graph("until")
    job = graph.dag("job", params={"file": "a.csv"})
    job.wait_until(is_there, mode=mode, poll="10m", timeout="1d")
    with live(graph, runner=rd.ProcessRunner(1)) as engine:
        for file in ("a.csv", "b.csv"):
            engine.start("job", params={"file": file})
            engine.advance("1m") if mode == "reschedule" else engine.run_until_idle("20s")
            if mode == "poke":
                break
        found = [run.tasks["is_there"].state for run in reversed(engine.runs("job"))]
        assert found == (["waiting"] if mode == "poke" else ["waiting", "success"])


@pytest.mark.parametrize(
    ("given", "state", "ended"),
    [
        ({}, "success", "00:00"), ({"durations": {"job.ready": "20m"}}, "success", "00:20"),
        ({"outputs": {"job.ready": False}}, "failed", "01:00"), ({"outputs": {"job.ready": [1]}}, "success", "00:00"),
    ],
)  # fmt: skip
@POLLED
def test_R29_in_a_simulation_it_is_true_at_the_first_look_unless_told(mode, given, state, ended):
    graph = rd.Graph("until")
    job = graph.dag("job", schedule="0 0 * * *")
    job.wait_until(lambda run: 1 / 0, id="ready", mode=mode, poll="10m", timeout="1h")
    job.add(lambda ready: ready, id="after")
    found = rd.simulate(graph, start="2026-11-23T00:00Z", until="1d", default_duration="5m", **given)
    (run,) = found.runs
    task = run.tasks["ready"]
    assert (run.state, f"{task.attempts[0].ended:%H:%M}") == (state, ended)
    assert task.output == (given.get("outputs", {}).get("job.ready", True) if state == "success" else None)
