"""Lists of instants, and dates on which a clock does not tick (R9), and all that asks of ticks."""

from __future__ import annotations

from datetime import date, datetime

import pytest

import reactive_dag as rd
from tests.support.engines import dates, live, opened, verify

BERLIN = "Europe/Berlin"
HOLIDAYS = ["2026-12-25", date(2026, 12, 26)]


def nothing(run):
    pass


def graph_of(on, **options):
    graph = rd.Graph("clocks")
    graph.dag("job", on=on, **options)(nothing)
    return graph


# ------------------------------------------------------------------------------------------------ at([...])


def test_R9_at_takes_a_list_sorted_and_each_once():
    listed = rd.at([datetime.fromisoformat("2026-11-23T03:00+01:00"), "2026-11-24", "2026-11-23T02:00Z"], tz=BERLIN)
    assert repr(listed) == "rd.at(['2026-11-23T02:00:00Z', '2026-11-23T23:00:00Z'])"
    assert listed == rd.at(iter(["2026-11-23T23:00Z", "2026-11-23T02:00Z"]))
    assert eval(repr(listed)) == listed == rd.Trigger.from_json(listed.to_json())
    assert rd.at(["2026-11-23"]) == rd.at("2026-11-23") != rd.at(["2026-11-23", "2026-11-24"])


def test_R9_a_list_of_times_runs_at_each(tmp_path):
    graph = graph_of(rd.at(["2026-11-23T02:00Z", "2026-11-25", "2026-11-23T01:00Z"]))
    clock = rd.VirtualClock("2026-11-23T00:00Z")
    with live(graph, tmp_path / "store.db", clock=clock) as engine:
        engine.advance("1h")
    with live(graph, tmp_path / "store.db", clock=clock) as engine:
        engine.advance("5d")
        assert dates(engine, "job") == ["2026-11-23T01:00Z", "2026-11-23T02:00Z", "2026-11-25T00:00Z"]
        assert engine.runs("job")[0].data_interval.start == datetime.fromisoformat("2026-11-23T02:00Z")


@pytest.mark.parametrize("bad", [[], [5], ["2026-11-23T06:00"], 5, ["2026-11-23", None]])
def test_R15_at_refuses_what_is_no_list_of_times(bad):
    with pytest.raises(rd.InvalidValue, match="time"):
        rd.at(bad)


# ---------------------------------------------------------------------------------------------------- skip=


@pytest.mark.parametrize(
    ("clock", "hours"),
    [
        (rd.cron("0 2 * * *", tz=BERLIN, skip=HOLIDAYS), 24),
        (rd.daily("02:00", tz=BERLIN, skip=HOLIDAYS), 24),
        (rd.every("8h", anchor="2026-12-24T01:00Z", tz=BERLIN, skip=HOLIDAYS), 8),
        (rd.at([f"2026-12-{day}T01:00Z" for day in range(24, 29)], tz=BERLIN, skip=HOLIDAYS), 24),
    ],
)
def test_R9_skipped_dates_have_no_tick_in_the_zone_of_the_clock(clock, hours, tmp_path):
    store, time = tmp_path / "store.db", rd.VirtualClock("2026-12-23T23:30Z")
    graph = graph_of(clock)
    with live(graph, store, clock=time) as engine:
        engine.advance("30h")
        first = dates(engine, "job")
    with live(rd.Graph.from_json(graph.to_json()), store, clock=time) as engine:
        engine.advance("3d")
        later = dates(engine, "job")
    assert first == [f"2026-12-24T{hour:02}:00Z" for hour in range(1, 24, hours) if hour < 23]
    assert {date[:10] for date in later if date > "2026-12-24T23"} == {"2026-12-27", "2026-12-28"}
    assert eval(repr(clock)) == clock == rd.Trigger.from_json(clock.to_json())


def test_R9_weekly_skips_too():
    with live(graph_of(rd.weekly("mon", "08:00", skip="2026-11-30"))) as engine:
        engine.advance("15d")
        assert dates(engine, "job") == ["2026-11-23T08:00Z", "2026-12-07T08:00Z"]


def test_R9_skipped_dates_are_content_of_the_trigger():
    plain, skipping = rd.cron("0 2 * * *"), rd.cron("0 2 * * *", skip=HOLIDAYS)
    assert plain.digest != skipping.digest and plain != skipping
    assert skipping == rd.cron("0 2 * * *", skip=reversed(["2026-12-25", "2026-12-26", "2026-12-26"]))
    assert rd.cron("0 2 * * *", skip=[]) == plain == rd.cron("0 2 * * *", skip=None)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: rd.cron("0 2 * * *", skip=["2026-02-30"]), "'2026-02-30' is no date"),
        (lambda: rd.cron("0 2 * * *", skip=[7]), "is no date"),
        (lambda: rd.cron("0 2 * * *", skip=7), "gives no dates"),
        (lambda: rd.cron("0 2 * * *", skip=[datetime(2026, 12, 25, 8)]), "whole dates"),
        (lambda: rd.every("1h", tz=BERLIN), "write skip= too"),
        (lambda: rd.at("2026-12-25", skip=HOLIDAYS), "not skipped"),
        (lambda: rd.absent(rd.updated("d"), at=rd.cron("0 2 * * *").where(bool)), "skip="),
        (lambda: rd.Graph("g").dag("d", deadline=rd.cron("0 2 * * *").where(bool)), "skip="),
    ],
)
def test_R15_what_is_no_date_to_skip_is_refused(make, words):
    with pytest.raises(rd.ReactiveDagError, match=words):
        make()


def test_R1_the_data_interval_begins_at_the_tick_before_the_skipped_dates():
    with live(graph_of(rd.cron("0 2 * * *", tz=BERLIN, skip=HOLIDAYS)), start="2026-12-26T22:00Z") as engine:
        engine.advance("4h")
        (run,) = engine.runs("job")
        assert [f"{edge:%d.%H}" for edge in run.data_interval] == ["24.01", "27.01"]


# ------------------------------------------------------------------------------------------- who asks of ticks


def waiting(**options):
    graph = graph_of(rd.cron("0 2 * * *", skip=HOLIDAYS))
    after = graph.dag("after", on=rd.cron("0 3 * * *"))
    after.wait_for("job", id="up", timeout="5d", **options)
    return graph


def test_wait_a_date_that_is_skipped_is_no_date_of_the_upstream():
    graph = waiting(logical_date="1h")
    (problem,) = [each for each in graph.problems() if each.kind == "not_every_date"]
    assert "skip=['2026-12-25', '2026-12-26']" in problem.text and "2 of 366" in problem.text


def test_wait_latest_awaits_the_tick_before_the_skipped_dates():
    with live(waiting(match="latest"), start="2026-12-24T00:00Z") as engine:
        engine.advance("2d 4h")
        found = [run.tasks["up"].output["logical_date"] for run in engine.runs("after")]
        assert found == ["2026-12-24T02:00:00Z"] * 3


def test_R26_a_backfill_asks_for_no_skipped_date():
    with live(graph_of(rd.cron("0 2 * * *", skip=HOLIDAYS)), start="2026-12-28T00:00Z") as engine:
        backfill = engine.backfill("job", start="2026-12-24", end="2026-12-27")
        engine.run_until_idle()
        assert [f"{each:%d}" for each in backfill.dates] == ["24", "27"]


def test_R13_nothing_is_missed_on_a_skipped_date(tmp_path):
    graph = graph_of(
        rd.cron("0 2 * * *", skip=HOLIDAYS), paused=False, deadline=rd.cron("0 6 * * *"), start="2026-12-24"
    )
    graph.dag("alert", on=rd.missed("job"))(nothing)
    engine = opened(graph, tmp_path / "store.db", start="2026-12-24T00:00Z", runner=None)
    with engine:
        engine.advance("3d 8h")
        verify(engine)
        assert dates(engine, "alert") == ["2026-12-24T02:00Z", "2026-12-27T02:00Z"]


def test_R13_a_deadline_that_skips_dates_is_judged_on_the_others():
    graph = graph_of(rd.cron("0 2 * * *"), deadline=rd.cron("0 6 * * *", skip=HOLIDAYS))
    graph.dag("alert", on=rd.missed("job"))(nothing)
    with live(graph, start="2026-12-24T03:00Z", runner=None) as engine:
        engine.advance("3d 8h")
        assert [f"{run.events[0].at:%d}" for run in reversed(engine.runs("alert"))] == ["27"]


def test_T8_clocks_that_share_no_tick_but_on_skipped_dates():
    graph = rd.Graph("joins")
    for id, on in [("a", rd.cron("0 2 25 12 *")), ("b", rd.cron("0 2 * * *", skip=["2026-12-25", "2027-12-25"]))]:
        graph.dag(id, on=on)(nothing)
    graph.dag("c", on=rd.completed("a") & rd.completed("b"))(nothing)
    assert "never_meets" in {each.kind for each in graph.problems()}
    graph.dag("b", on=rd.cron("0 2 * * *"))(nothing)
    assert "never_meets" not in {each.kind for each in graph.problems()}


def test_R9_a_simulation_knows_lists_and_skipped_dates():
    graph = rd.Graph("sim")
    d = graph.dataset("d", partitions=rd.day())
    graph.dag("job", on=rd.cron("0 2 * * *", skip=HOLIDAYS))(nothing)
    graph.dag("reads", on=rd.updated(d))(nothing)
    graph.dag("once", on=rd.at(["2026-12-25", "2026-12-27T01:00Z"]))(nothing)
    sources = {d: rd.daily("01:00", skip=HOLIDAYS)}
    sim = rd.simulate(graph, start="2026-12-24T00:00Z", until="4d", sources=sources, default_duration="1m")
    found = {id: [f"{run.logical_date:%d}" for run in sim.runs if run.dag == id] for id in graph.dags}
    assert found == {"job": ["24", "27"], "reads": ["24", "27"], "once": ["25", "27"]}
