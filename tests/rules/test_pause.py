"""Pauses: firings are held and let go as `catchup` says, what runs goes on (T12)."""

from __future__ import annotations

import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

import reactive_dag as rd
from reactive_dag.model.records import RunRequested
from reactive_dag.model.times import SECOND
from tests.support.engines import dates, kill, live, of_kind, opened, outputs, part, parts, states
from tests.support.profiles import examples
from tests.support.strategies import triggers
from tests.support.twins import Twins


def extras(run):
    return [event.extra for event in run.events]


def given(on, **options):
    graph = rd.Graph("pauses")
    graph.dataset("a")
    graph.dataset("b")
    graph.dag("job", on=on, **options)(extras)
    return graph


def test_T12_firings_are_held_and_count_as_pending():
    with live(given(rd.updated("a"))) as engine:
        engine.pause("job")
        for extra in (1, 2):
            engine.publish("a", extra=extra)
        engine.run_until_idle()
        shown = engine.pending("job")
        assert (states(engine), shown.held, shown.paused) == ([], 2, True)
        assert (shown.parts[0].delivered, shown.parts[0].consumed, shown.parts[0].pending) == (2, 0, 2)
        assert "paused" in str(shown) and "2 firings held" in str(shown)


@pytest.mark.parametrize(
    ("catchup", "expected", "dropped"),
    [("all", [[1], [2], [3]], {}), ("one", [[1, 2, 3]], {}), ("none", [], {"paused": 3})],
)
def test_T12_on_resume_catchup_says_what_is_requested(catchup, expected, dropped):
    with live(given(rd.updated("a"), catchup=catchup)) as engine:
        engine.pause("job")
        for extra in (1, 2, 3):
            engine.publish("a", extra=extra)
            engine.run_until_idle()
        engine.resume("job")
        engine.run_until_idle()
        assert outputs(engine, "job", "extras") == expected
        held = part(engine, "job")
        assert (held.pending, held.dropped) == (0, dropped)


def test_T12_one_run_for_each_key_of_the_trigger():
    with live(given((rd.updated("a") & rd.updated("b")).by("partition"))) as engine:
        engine.pause("job")
        for extra, (name, where) in enumerate(["ax", "bx", "ay", "by", "bx", "ax"], 1):
            engine.publish(name, partition=where, extra=extra)
        engine.resume("job")
        engine.run_until_idle()
        assert outputs(engine, "job", "extras") == [[1, 2, 5, 6], [3, 4]]
        assert [run.partition for run in engine.runs("job")] == ["y", "x"]


def test_T12_of_several_ticks_of_one_part_only_the_newest_runs():
    with live(given(rd.cron("0 * * * *") | rd.cron("30 * * * *") | rd.updated("a"))) as engine:
        engine.pause("job")
        engine.advance("90m")
        engine.publish("a", extra="x")
        engine.advance("30m")
        engine.resume("job")
        engine.run_until_idle()
        (run,) = engine.runs("job")
        ticks = [f"{event.logical_date:%H:%M}" for event in run.events if event.kind == "tick"]
        assert (ticks, [event.kind for event in run.events]) == (["01:30", "02:00"], ["tick", "updated", "tick"])
        dropped = {each.text: each.dropped for each in engine.pending("job").parts}
        assert dropped["rd.cron('0 * * * *')"] == dropped["rd.cron('30 * * * *')"] == {"paused": 1}


def test_T12_a_tick_of_two_parts_stays_if_it_is_the_newest_of_one():
    with live(given(rd.cron("0 * * * *") | rd.cron("0 1 * * *"))) as engine:
        engine.pause("job")
        engine.advance("2h")  # 01:00 of both, 02:00 of the first
        engine.resume("job")
        engine.run_until_idle()
        (run,) = engine.runs("job")
        assert [f"{event.logical_date:%H:%M}" for event in run.events] == ["01:00", "02:00"]


def test_T12_ticks_that_one_firing_gathered():
    with live(given(rd.cron("0 * * * *").batch(count=2))) as engine:
        engine.pause("job")
        engine.advance("4h")
        engine.resume("job")
        engine.run_until_idle()
        (run,) = engine.runs("job")
        assert [f"{event.logical_date:%H:%M}" for event in run.events] == ["04:00"]
        assert part(engine, "job").dropped == {"paused": 3}


@pytest.mark.parametrize(("catchup", "expected"), [("all", ["01", "02", "03"]), ("one", ["03"]), ("none", [])])
def test_T12_a_paused_schedule(catchup, expected):
    with live(given(rd.cron("0 * * * *"), catchup=catchup)) as engine:
        engine.pause("job")
        engine.advance("3h")
        engine.resume("job")
        engine.advance("30m")
        assert [each[11:13] for each in dates(engine, "job")] == expected


def test_T12_queued_runs_do_not_start_and_what_runs_goes_on():
    graph = rd.Graph("pauses")

    @graph.dag(max_active_runs=1, retries=1, retry_delay="1h")
    def job(run):
        if run.attempt == 1:
            raise ValueError("again")

    with live(graph) as engine:
        first, second = engine.start(job), engine.start(job)
        parts(engine).loop.settle()
        engine.pause(job)
        manual = engine.start(job)
        engine.run_until_idle()
        assert (first.state, second.state, manual.state) == ("success", "queued", "queued")
        engine.resume(job)
        engine.run_until_idle()
        assert (second.state, manual.state) == ("success", "success")


def test_T12_paused_counts_at_the_first_registration_only(tmp_path):
    store = tmp_path / "s.db"
    engine = opened(given(rd.updated("a"), paused=True), store)
    engine.publish("a", extra=1)
    engine.run_until_idle()
    assert states(engine) == [] and engine.pending("job").paused
    engine.resume("job")
    engine.run_until_idle()
    assert states(engine) == ["job success"]
    kill(engine)
    with live(given({"x": rd.updated("a"), "y": rd.updated("a").batch(count=2)}, paused=True), store) as engine:
        engine.publish("a", extra=2)
        engine.run_until_idle()
        assert not engine.pending("job").paused
        assert outputs(engine, "job", "extras") == [[1], [2]]


def test_T12_a_pause_and_what_it_holds_outlive_a_restart(tmp_path):
    store = tmp_path / "s.db"
    engine = opened(given(rd.updated("a")), store)
    engine.pause("job")
    engine.publish("a", extra=1)
    engine.run_until_idle()
    kill(engine)
    with live(given(rd.updated("a")), store) as engine:
        engine.publish("a", extra=2)
        engine.run_until_idle()
        assert (engine.pending("job").held, states(engine)) == (2, [])
        engine.resume("job")
        engine.run_until_idle()
        assert outputs(engine, "job", "extras") == [[1, 2]]


def test_T12_the_trigger_steps_as_always_while_paused():
    with live(given(rd.updated("a").batch(count=5, max_wait="1h"), catchup="all")) as engine:
        engine.pause("job")
        engine.publish("a", extra=1)
        engine.advance("2h")
        engine.publish("a", extra=2)
        engine.resume("job")
        engine.run_until_idle()
        assert outputs(engine, "job", "extras") == [[1]], "the window closed an hour after its first item"
        assert part(engine, "job").pending == 1


def test_T12_a_held_firing_that_is_let_go_may_be_a_duplicate():
    graph = given(rd.cron("0 * * * *"), catchup="all", start="2026-11-23T00:00Z")
    with live(graph) as engine:
        engine.advance("2h")
        engine.pause("job")
        graph.dag("job", on=rd.cron("0 */1 * * *"), catchup="all", start="2026-11-23T00:00Z")(extras)
        engine.advance("1h")
        engine.resume("job")
        engine.run_until_idle()
        assert sorted(each[11:13] for each in dates(engine, "job")) == ["00", "01", "02", "03"]
        assert part(engine, "job").dropped == {"duplicate": 1}


def test_pause_and_resume_name_a_dag_and_repeat_without_harm():
    with live(given(rd.updated("a"))) as engine:
        for call in (engine.pause, engine.resume, engine.pending):
            with pytest.raises(rd.UnknownId, match="nope"):
                call("nope")
        engine.resume("job")
        engine.pause("job")
        engine.pause(engine.graph.dags["job"])
        engine.publish("a", extra=1)
        engine.resume("job")
        engine.resume("job")
        engine.run_until_idle()
        assert len(of_kind(engine, RunRequested)) == 1


def test_T12_a_tick_belongs_to_the_clock_part_that_gave_it():
    """01:00 to 20:00 came by the first part alone, midnight by the second: the first has no tick of midnight."""
    with live(given(rd.every("1h").batch(count=5) & rd.cron("0 0 * * *"))) as engine:
        engine.pause("job")
        engine.advance("1d")
        engine.resume("job")
        engine.run_until_idle()
        (run,) = engine.runs("job")
        assert [f"{event.logical_date:%d %H:%M}" for event in run.events] == ["23 20:00", "24 00:00"]
        assert [each.dropped for each in engine.pending("job").parts] == [{"paused": 19}, {}]


def test_T12_a_tick_that_one_part_drops_stays_where_it_is_the_newest_of_another():
    with live(given(rd.cron("0 * * * *") | rd.cron("0 1 * * *"))) as engine:
        engine.pause("job")
        engine.advance("2h")
        engine.resume("job")
        engine.run_until_idle()
        rows = [(each.consumed, each.dropped) for each in engine.pending("job").parts]
        assert rows == [(1, {"paused": 1}), (1, {})] and len(engine.runs("job")[0].events) == 2


def test_T12_a_resume_after_days_harms_no_later_engine(tmp_path):
    graph = given(rd.every("1h").batch(count=5) & rd.cron("0 0 * * *"))
    engine = opened(graph, tmp_path / "s.db")
    engine.pause("job")
    engine.advance("3d")
    engine.resume("job")
    kill(engine)
    with live(graph, tmp_path / "s.db", "2026-11-26T00:00Z") as engine:
        engine.run_until_idle()
        (run,) = engine.runs("job")
        assert [f"{event.logical_date:%d %H:%M}" for event in run.events] == ["25 22:00", "26 00:00"]


@pytest.mark.parametrize("restart", [False, True])
def test_T12_T13_the_payload_of_what_a_resume_unites_is_one_flat_list(tmp_path, restart):
    graph = rd.Graph("payloads")
    graph.dataset("a"), graph.dataset("b")
    graph.dag("job", on=rd.updated("a").map(extra_of) & rd.updated("b"))(payload)
    engine = opened(graph, tmp_path / "s.db")
    engine.pause("job")
    for extra in range(4):
        engine.publish("ab"[extra % 2], extra=extra)
        engine.run_until_idle()
    if restart:
        engine = killed_behind_a_snapshot(engine, graph)
    engine.resume("job")
    engine.run_until_idle()
    (given_to_body,) = outputs(engine, "job", "payload")
    assert [each["extra"] if isinstance(each, dict) else each for each in given_to_body] == [0, 1, 2, 3]
    engine.close()


def test_T12_what_a_pause_holds_is_kept_whole_by_a_snapshot(tmp_path):
    graph = rd.Graph("riders")
    graph.dataset("a"), graph.dataset("b")
    graph.dag("job", on=rd.updated("a").with_latest(rd.updated("b")))(extras)
    engine = opened(graph, tmp_path / "s.db")
    engine.pause("job")
    engine.publish("b", logical_date="2026-11-23")
    engine.publish("a", logical_date="2026-11-01")
    engine.run_until_idle()
    engine = killed_behind_a_snapshot(engine, graph)
    engine.resume("job")
    engine.run_until_idle()
    assert dates(engine, "job") == ["2026-11-01T00:00Z"], "b only rides: no date comes of it (T17)"
    engine.close()


def test_T12_ticks_that_a_resume_drops_leave_no_payload():
    graph = rd.Graph("payloads")
    graph.dag("job", on=rd.cron("0 * * * *").map(hour_of))(payload)
    with live(graph) as engine:
        engine.pause("job")
        engine.advance("3h")
        engine.resume("job")
        engine.run_until_idle()
        assert outputs(engine, "job", "payload") == [3]


def extra_of(event):
    return event.extra


def hour_of(event):
    return event.logical_date.hour


def payload(run):
    return run.payload


def killed_behind_a_snapshot(engine, graph):
    parts(engine).turn.snapshot_at = -(10**9)
    engine.publish("b" if "b" in graph.datasets else "a", extra=9, kind="deleted")
    engine.run_until_idle()
    kill(engine)
    return opened(graph, parts(engine).log.path)


LEAVES = (rd.every("3s"), rd.every("5s"), rd.every("15s"), rd.updated("a"))
STEPS = st.one_of(
    st.sampled_from([("publish", "a", {}), ("snapshot",), ("die",), ("resume", "x1"), ("pause", "x1")]),
    st.sampled_from([7, 16, 19, 33]).map(lambda seconds: ("advance", seconds * SECOND)),
)


@drawn(triggers(1, leaves=LEAVES), st.lists(STEPS, min_size=3, max_size=8))
@settings(max_examples=examples(150), deadline=None)
def test_T12_a_resume_lets_go_what_the_model_does(trigger, steps):
    """Clock parts of every shape, paused and let go: each part's newest tick, and the engine starts again after it."""
    twins = Twins()
    twins.redefine("x1", trigger)
    twins.settle()
    twins.pause("x1")
    for name, *arguments in [*steps, ("resume", "x1"), ("settle",), ("die",), ("settle",)]:
        getattr(twins, name)(*arguments)
        twins.compare()
    twins.close()
