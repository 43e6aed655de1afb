"""A wait for a tick that will never be requested fails at once, and says so (the wait table)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reactive_dag as rd
from reactive_dag.model.times import HOUR, format_time, to_datetime
from tests.support.engines import drop, kill, live, ns, opened, parts
from tests.support.profiles import examples
from tests.support.volatile import VolatileLog


def nothing(run):
    return None


def graph_of(on="0 * * * *", match="exact", missing="error", soft_fail=False, offset=None, **options):
    """`up` on a clock, and `job`, which waits for it and is started by hand."""
    graph = rd.Graph("ticks")
    graph.dag("up", on=rd.cron(on) if isinstance(on, str) else on, **options)(nothing)
    dag = graph.dag("job")
    about = {} if offset is None else {"logical_date": offset}
    dag.wait_for("up", id="up", match=match, missing=missing, soft_fail=soft_fail, **about)
    return graph


def slept(clock, hours):
    clock.advance_to(clock.now() + int(hours * HOUR))


def wait_of(engine, date=None):
    runs = engine.runs("job") if date is None else engine.runs("job", logical_date=date)
    return runs[0].tasks["up"]


def asked(engine, date):
    engine.start("job", logical_date=date)
    engine.run_until_idle()
    return wait_of(engine, date)


@pytest.mark.parametrize(
    ("date", "options"),
    [
        ("2026-11-22T22:00Z", {}),
        ("2026-11-23T00:00Z", {}),  # the tick at the registration
        ("2026-11-23T03:00Z", {"start": "2026-11-23T04:00Z"}),
        ("2026-11-22T22:00Z", {"start": "2026-11-22T20:00Z"}),  # missed: catchup="one" runs the newest
        ("2026-11-22T20:00Z", {"start": "2026-11-22T20:00Z", "catchup": "none"}),
        ("2026-11-22T19:00Z", {"start": "2026-11-22T20:00Z", "catchup": "all"}),
        ("2026-11-23T09:00Z", {"end": "2026-11-23T08:00Z"}),
    ],
)
def test_wait_a_tick_that_is_never_requested_fails_at_once(date, options):
    with live(graph_of(**options)) as engine:
        engine.run_until_idle()
        task = asked(engine, date)
        assert task.state == "failed" and 'missing="wait"' in task.error and "no run of up will have" in task.error
        assert engine.runs("job")[0].state == "failed"


@pytest.mark.parametrize(
    ("date", "options"),
    [
        ("2026-11-23T01:00Z", {}),
        ("2026-11-23T00:30Z", {}),  # no tick at all: a start by hand can come
        ("2026-11-23T04:00Z", {"start": "2026-11-23T04:00Z"}),
        ("2026-11-22T23:00Z", {"start": "2026-11-22T20:00Z", "paused": True}),
        ("2026-11-23T08:00Z", {"end": "2026-11-23T08:00Z"}),
    ],
)
def test_wait_a_tick_that_may_still_be_requested_is_waited_for(date, options):
    with live(graph_of(**options)) as engine:
        engine.run_until_idle()
        assert asked(engine, date).state == "waiting"


def test_wait_a_tick_that_is_never_requested_with_missing_wait_goes_on_and_a_start_by_hand_ends_it():
    with live(graph_of(missing="wait")) as engine:
        assert asked(engine, "2026-11-22T22:00Z").state == "waiting"
        engine.start("up", logical_date="2026-11-22T22:00Z")
        engine.run_until_idle()
        assert wait_of(engine).state == "success"


def test_wait_a_tick_that_is_never_requested_was_started_by_hand():
    with live(graph_of()) as engine:
        engine.start("up", logical_date="2026-11-22T22:00Z")
        assert asked(engine, "2026-11-22T22:00Z").state == "success"


def test_wait_a_tick_that_is_never_requested_soft_fail_skips():
    with live(graph_of(soft_fail=True)) as engine:
        assert asked(engine, "2026-11-22T22:00Z").state == "skipped"


def test_wait_a_tick_that_is_never_requested_since_it_is_dropped_as_missed(tmp_path):
    """The wait was under way when the process died, over the tick that it awaits."""
    clock = rd.VirtualClock("2026-11-23T00:00Z")
    graph = graph_of(catchup="none")
    engine = opened(graph, tmp_path / "store.db", clock=clock)
    assert asked(engine, "2026-11-23T02:00Z").state == "waiting"
    kill(engine)
    slept(clock, 5)
    with live(graph, tmp_path / "store.db", clock=clock) as engine:
        engine.run_until_idle()
        assert wait_of(engine).state == "failed" and "dropped" in wait_of(engine).error


@pytest.mark.parametrize(("catchup", "state"), [("all", "success"), ("one", "failed"), ("none", "failed")])
def test_wait_a_tick_that_is_never_requested_since_it_is_dropped_as_paused(catchup, state):
    with live(graph_of(catchup=catchup)) as engine:
        engine.pause("up")
        assert asked(engine, "2026-11-23T02:00Z").state == "waiting"
        engine.advance("4h")
        assert wait_of(engine).state == "waiting"
        engine.resume("up")
        engine.run_until_idle()
        assert wait_of(engine).state == state


@pytest.mark.parametrize("on", [rd.cron("0 * * * *").where(lambda tick: tick.logical_date.hour % 2 == 0)])
def test_wait_a_tick_that_is_never_requested_since_it_is_filtered(on):
    with live(graph_of(on)) as engine:
        assert asked(engine, "2026-11-23T03:00Z").state == "waiting"
        engine.advance("3h")
        assert wait_of(engine).state == "failed"
        assert asked(engine, "2026-11-23T02:00Z").state == "success"


def test_wait_a_tick_that_is_never_requested_since_it_is_filtered_once_its_fault_is_mended():
    faulty = [True]

    def where(tick):
        if faulty:
            raise ValueError("not yet")
        return False

    with live(graph_of(rd.cron("0 * * * *").where(rd.model.callables.Call(where)))) as engine:
        engine.advance("1h")
        assert asked(engine, "2026-11-23T01:00Z").state == "waiting", "the tick is parked"
        faulty.clear()
        engine.retry_faults("up")
        engine.run_until_idle()
        assert wait_of(engine).state == "failed"


def test_wait_a_tick_that_is_held_in_a_join_is_waited_for_until_another_supersedes_it():
    graph = rd.Graph("ticks")
    graph.dag("up", on=rd.all_of(rd.cron("0 * * * *"), rd.updated("d")).by(None))(nothing)
    graph.dag("job").wait_for("up", id="up")
    with live(graph) as engine:
        engine.advance("1h")
        assert asked(engine, "2026-11-23T01:00Z").state == "waiting"
        engine.publish("d")
        engine.run_until_idle()
        assert wait_of(engine).state == "success"
        engine.advance("1h")
        assert asked(engine, "2026-11-23T02:00Z").state == "waiting"
        engine.advance("1h")
        assert wait_of(engine).state == "failed", "the tick of 03:00 superseded it"


# ------------------------------------------------------------------------------------------- latest, same_day


def test_wait_latest_passes_over_ticks_that_are_never_requested():
    with live(graph_of(match="latest", end="2026-11-23T02:00Z")) as engine:
        engine.advance("4h")
        task = asked(engine, "2026-11-25T00:00Z")
        assert task.state == "success" and task.output["logical_date"] == "2026-11-23T02:00:00Z"


def test_wait_latest_waits_for_the_last_tick_before_the_end():
    with live(graph_of(match="latest", end="2026-11-23T02:00Z")) as engine:
        assert asked(engine, "2026-11-25T00:00Z").state == "waiting"
        engine.advance("1h")
        assert wait_of(engine).state == "waiting"
        engine.advance("1h")
        assert wait_of(engine).output["logical_date"] == "2026-11-23T02:00:00Z"


def test_wait_latest_without_any_tick_or_run_fails_at_once():
    with live(graph_of(match="latest")) as engine:
        assert asked(engine, "2026-11-23T00:30Z").state == "failed", "only the tick at the registration is before it"
        engine.start("up", logical_date="2026-11-22")
        engine.run_until_idle()
        assert asked(engine, "2026-11-23T00:40Z").output["logical_date"] == "2026-11-22T00:00:00Z"


def test_wait_latest_that_passes_over_a_tick_takes_what_ran_between_it_and_the_date():
    with live(graph_of(match="latest")) as engine:
        engine.start("up", logical_date="2026-11-23T00:20Z")
        engine.run_until_idle()
        assert asked(engine, "2026-11-23T00:30Z").output["logical_date"] == "2026-11-23T00:20:00Z"
        assert asked(engine, "2026-11-23T00:10Z").state == "failed"


def test_wait_latest_over_a_gap_takes_what_ran_before_it(tmp_path):
    clock = rd.VirtualClock("2026-11-23T00:00Z")
    graph = graph_of(match="latest", catchup="none")
    engine = opened(graph, tmp_path / "store.db", clock=clock)
    engine.advance("1h")
    assert asked(engine, "2026-11-23T03:30Z").state == "waiting"
    kill(engine)
    slept(clock, 5.5)
    with live(graph, tmp_path / "store.db", clock=clock) as engine:
        engine.run_until_idle()
        assert wait_of(engine).output["logical_date"] == "2026-11-23T01:00:00Z"


def test_wait_same_day_of_a_day_whose_ticks_are_all_over_fails_at_once():
    with live(graph_of(match="same_day")) as engine:
        assert asked(engine, "2026-11-22T10:00Z").state == "failed"
        assert asked(engine, "2026-11-23T10:00Z").state == "waiting"


# ------------------------------------------------------------------------------------------- whatever comes first

STEPS = st.lists(
    st.sampled_from(["pause", "resume", "advance", "advance", "advance", "crash", "sleep", "publish", "by hand"]),
    max_size=8,
)


@settings(deadline=None, max_examples=examples(60))
@given(
    STEPS, st.sampled_from(["one", "all", "none"]), st.sampled_from(["clock", "joined", "batch"]),
    st.sampled_from([None, "2026-11-23T03:00Z"]), st.integers(-1, 6),
)  # fmt: skip
def test_wait_a_tick_that_is_never_requested_never_hangs(steps, catchup, shape, end, hour):
    """Whatever happens: a wait for a tick that has passed is waiting only if the tick is there, or its run is."""
    clock = rd.VirtualClock("2026-11-22T23:30Z")
    on = {
        "clock": rd.cron("0 * * * *"), "joined": rd.all_of(rd.cron("0 * * * *"), rd.updated("d")).by(None),
        "batch": rd.cron("0 * * * *").batch(2),
    }[shape]  # fmt: skip
    date = format_time(ns("2026-11-23T00:00Z") + hour * HOUR)
    graph, log = graph_of(on, catchup=catchup, end=end), VolatileLog()
    engine = opened(graph, log, clock=clock)
    engine.start("job", logical_date=date)
    for step in steps:
        if step in ("crash", "sleep"):
            drop(engine)
            log = log.survivor()
            slept(clock, 2 if step == "sleep" else 0.001)
            engine = opened(graph, log, clock=clock)
        elif step == "publish":
            engine.publish("d") if shape == "joined" else None
        elif step == "by hand":
            engine.start("up", logical_date=date)
        elif step == "advance":
            engine.advance("1h")
        else:
            getattr(engine, step)("up")
        engine.run_until_idle()
        parts(engine).fold._check()
        (task,) = engine.runs("job")[0].tasks.values()
        run = engine.runs("up", logical_date=date)
        there = [e.logical_date for part in engine.pending("up").parts for e in part.items]
        there += [to_datetime(t) for a in parts(engine).fold.router.triggers.values()
                  for f in a.held for t in [item.due for item in f.items if hasattr(item, "due")]]  # fmt: skip
        passed = clock.now() >= ns(date)
        wanted = to_datetime(ns(date))
        beyond = end is not None and ns(date) > ns(end)
        if run:
            assert task.state == ("success" if run[0].state == "success" else "waiting")
        elif wanted in there or not (passed or beyond):
            assert task.state == "waiting", (step, there)
        else:
            assert task.state == "failed", (step, there)
        if task.state != "waiting":
            break  # it is not judged again
