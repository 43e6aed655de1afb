"""Ticks that an engine comes to too late, since it was not open or not awake (R9)."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from reactive_dag.model.records import EngineStarted, Slept
from reactive_dag.model.times import HOUR, MINUTE
from reactive_dag.streams.clock import MonotonicWall
from tests.support.engines import dates, kill, live, ns, of_kind, opened, part, parts

HOURLY = rd.cron("0 * * * *")
EVENING = "2026-11-23T00:00Z"


def nothing(run):
    return None


def clocked(on=HOURLY, **options):
    graph = rd.Graph("late")
    graph.dataset("a")
    graph.dag("job", on=on, **options)(nothing)
    return graph


def times(engine, dag="job"):
    return [each[11:17] for each in dates(engine, dag)]


# -------------------------------------------------------------------------------------------------- not open


def again(tmp_path, at, **options):
    """An engine that ran until 00:59:59, and one that is opened later."""
    engine = opened(clocked(**options), tmp_path / "s.db")
    engine.advance(to="2026-11-23T00:59:59Z")
    kill(engine)
    return live(clocked(**options), tmp_path / "s.db", at)


@pytest.mark.parametrize("catchup", ["one", "all", "none"])
@pytest.mark.parametrize("at", ["2026-11-23T01:00:01Z", "2026-11-23T01:01:00Z"])
def test_R9_max_lateness_a_restart_across_a_tick_misses_none(tmp_path, at, catchup):
    with again(tmp_path, at, catchup=catchup) as engine:
        engine.run_until_idle()
        (run,) = engine.runs("job")
        assert run.requested == run.logical_date and part(engine, "job").dropped == {}


@pytest.mark.parametrize(("catchup", "expected"), [("one", ["01:00Z"]), ("all", ["01:00Z"]), ("none", [])])
def test_R9_max_lateness_more_of_it_misses_the_tick(tmp_path, catchup, expected):
    with again(tmp_path, "2026-11-23T01:01:01Z", catchup=catchup) as engine:
        engine.run_until_idle()
        assert times(engine) == expected
        assert part(engine, "job").dropped == ({} if expected else {"missed": 1})


def test_R9_max_lateness_concerns_each_tick_for_itself(tmp_path):
    """Of the ticks every twenty seconds the newest of those that were missed runs, and those that were not."""
    with again(tmp_path, "2026-11-23T01:03:10Z", on=rd.every("20s")) as engine:
        before = len(engine.runs("job"))
        engine.run_until_idle()
        asked = sorted(run.logical_date for run in engine.runs("job"))[before:]
        assert [f"{each:%H:%M:%S}" for each in asked] == ["01:02:00", "01:02:20", "01:02:40", "01:03:00"]
        assert part(engine, "job").dropped == {"missed": 6}


def test_R9_max_lateness_is_the_engines(tmp_path):
    engine = opened(clocked(catchup="none"), tmp_path / "s.db")
    engine.advance("90m")
    kill(engine)
    with live(clocked(catchup="none"), tmp_path / "s.db", "2026-11-23T05:30Z", max_lateness="100m") as engine:
        engine.run_until_idle()
        assert times(engine) == ["01:00Z", "04:00Z", "05:00Z"]
        assert of_kind(engine, EngineStarted)[-1].lateness == 100 * MINUTE


def test_R9_max_lateness_is_recorded_for_a_replay(tmp_path):
    """Another engine with another bound reads what the first decided, and decides nothing anew."""
    engine = opened(clocked(catchup="none"), tmp_path / "s.db")
    engine.advance("90m")
    kill(engine)
    engine = opened(clocked(catchup="none"), tmp_path / "s.db", "2026-11-23T05:30Z", max_lateness=1)
    engine.run_until_idle()
    kill(engine)
    with live(clocked(catchup="none"), tmp_path / "s.db", "2026-11-23T05:30Z", max_lateness="1d") as engine:
        engine.run_until_idle()
        assert times(engine) == ["01:00Z"] and part(engine, "job").dropped == {"missed": 4}


@pytest.mark.parametrize("given", [0, -1, "0s", "soon", None, True])
def test_R9_max_lateness_that_is_none_is_refused(given):
    with pytest.raises(rd.InvalidValue):
        rd.Engine(clocked(), max_lateness=given)


# -------------------------------------------------------------------------------------------------- not awake


class Wall(MonotonicWall):
    """A wall clock that the test sets."""

    def __init__(self):
        super().__init__()
        self.time = ns(EVENING)

    def now(self):
        return self.time


def driven(graph, **options):
    return rd.Engine(graph, clock=Wall(), **options)


def asleep(engine):
    """Wait until the driving thread sleeps, and all that there was is decided."""
    core = parts(engine)
    while not (core.driving_thread._asleep and core.fold.cursor == core.log.next_offset):
        core.driving_thread.wait_for_change(core.driving_thread.changes, 0.001)


def slept(engine, span, wake=lambda engine: parts(engine).driving_thread.wake()):
    """Let the machine sleep, and wake the engine; wait until it has done what there was, and sleeps again."""
    asleep(engine)
    clock, before = parts(engine).fold.clock, parts(engine).log.next_offset
    clock.time += span
    wake(engine)
    while parts(engine).log.next_offset == before:
        parts(engine).driving_thread.wait_for_change(parts(engine).driving_thread.changes, 0.001)
    asleep(engine)
    parts(engine).drive.stop()
    engine.run_until_idle()


@pytest.mark.parametrize(
    ("catchup", "expected", "missed"),
    [("one", ["05:00Z"], 4), ("all", ["01:00Z", "02:00Z", "03:00Z", "04:00Z", "05:00Z"], 0), ("none", [], 5)],
)
@pytest.mark.parametrize("wake", [lambda e: parts(e).driving_thread.wake(), lambda e: e.publish("a")])
def test_R9_max_lateness_a_machine_that_slept_missed_its_ticks(catchup, expected, missed, wake):
    """Whoever finds it first says so: the driving thread, or a publish of another one."""
    with driven(clocked(catchup=catchup)) as engine:
        parts(engine).drive.start(engine)
        slept(engine, 5 * HOUR + 2 * MINUTE, wake)
        (gap,) = of_kind(engine, Slept)
        assert (gap.at, gap.until) == (ns(EVENING), ns("2026-11-23T05:01Z"))
        assert times(engine) == expected
        assert part(engine, "job").dropped == ({"missed": missed} if missed else {})
        assert [f"{run.requested:%H:%MZ}" for run in reversed(engine.runs("job"))] == expected


def test_R9_max_lateness_less_of_it_misses_nothing():
    with driven(clocked(catchup="none")) as engine:
        parts(engine).drive.start(engine)
        slept(engine, HOUR + MINUTE)
        assert times(engine) == ["01:00Z"] and not of_kind(engine, Slept)


def test_R9_max_lateness_concerns_clock_parts_only():
    graph = clocked(catchup="none")
    graph.dag("quiet", on=rd.absent(rd.updated("a"), for_="1h"))(nothing)
    graph.dag("window", on=rd.updated("a").batch(max_wait="30m"))(nothing)
    with driven(graph) as engine:
        engine.publish("a")
        parts(engine).drive.start(engine)
        slept(engine, 5 * HOUR + 2 * MINUTE)
        assert [f"{run.dag} {run.requested:%H:%M}" for run in reversed(engine.runs())] == [
            "window 00:30",
            "quiet 01:00",
        ]


def test_R9_max_lateness_is_not_the_time_between_two_calls():
    with driven(clocked(catchup="none")) as engine:
        engine.run_until_idle()
        parts(engine).fold.clock.time += 3 * HOUR + 30 * MINUTE
        engine.run_until_idle()
        assert times(engine) == ["01:00Z", "02:00Z", "03:00Z"] and not of_kind(engine, Slept)


def test_R9_max_lateness_is_not_the_time_that_a_body_takes():
    graph = clocked(catchup="none")
    clock = Wall()

    def takes_hours(run):
        clock.time += 3 * HOUR + 30 * MINUTE

    graph.dag("slow", on=rd.updated("a"))(takes_hours)
    with rd.Engine(graph, clock=clock, runner=rd.InlineRunner()) as engine:
        engine.publish("a")
        engine.run_until_idle()
        assert times(engine) == ["01:00Z", "02:00Z", "03:00Z"] and not of_kind(engine, Slept)


def test_R9_max_lateness_a_virtual_clock_never_sleeps():
    with live(clocked(catchup="none")) as engine, engine.background():
        asleep(engine)
        parts(engine).fold.clock.advance_to(ns("2026-11-23T03:30Z"))
        engine.publish("a")
        engine.run_until_idle()
        assert times(engine) == ["01:00Z", "02:00Z", "03:00Z"]
