"""Schedules end to end: ticks, what is missed, start and end, clock changes, edits (R9)."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

import reactive_dag as rd
from reactive_dag.model.records import Duplicate, EngineStarted, RunRequested
from tests.support.engines import dates, kill, live, ns, of_kind, opened, part, parts, states

ALL = ["01:00", "02:00", "03:00", "04:00", "05:00"]


def nothing(run):
    return None


def clocked(on, **options):
    graph = rd.Graph("clocks")
    graph.dataset("a")
    graph.dag("job", on=on, **options)(nothing)
    return graph


def hours(engine):
    return [each[11:16] for each in dates(engine, "job")]


# ------------------------------------------------------------------------------------------------- the tick


def test_R9_a_tick_exactly_at_the_registration_is_neither_run_nor_missed():
    with live(clocked(rd.cron("0 0 * * *")), start="2026-11-23T00:00Z") as engine:
        engine.run_until_idle()
        assert states(engine) == [] and part(engine, "job").delivered == 0
        engine.advance("1d")
        assert dates(engine, "job") == ["2026-11-24T00:00Z"]


def test_R9_two_cron_parts_due_at_one_instant_are_one_firing():
    with live(clocked(rd.cron("0 2 * * *") | rd.cron("0 */2 * * *"))) as engine:
        engine.advance("4h")
        assert hours(engine) == ["02:00", "04:00"]
        assert [each.consumed for each in engine.pending("job").parts] == [1, 2]


def test_R9_every_counts_from_1970_or_the_dags_start():
    with live(clocked(rd.every("7h"))) as engine:
        engine.advance("1d")
        seconds = [run.logical_date.timestamp() for run in engine.runs("job")]
        assert [second % (7 * 3600) for second in seconds] == [0] * 4
    with live(clocked(rd.every("7h"), start="2026-11-23T01:30Z")) as engine:
        engine.advance("1d")
        assert hours(engine) == ["01:30", "08:30", "15:30", "22:30"]


def test_R9_no_tz_means_utc_and_schedule_takes_the_dags():
    graph = rd.Graph("clocks")
    graph.dag("utc", on=rd.cron("0 6 * * *"), tz="Europe/Berlin")(nothing)
    graph.dag("berlin", schedule="0 6 * * *", tz="Europe/Berlin")(nothing)
    with live(graph) as engine:
        engine.advance("1d")
        assert dates(engine, "utc") == ["2026-11-23T06:00Z"]
        assert dates(engine, "berlin") == ["2026-11-23T05:00Z"]


def test_R9_one_off():
    with live(clocked(rd.at("2026-11-23T05:00+01:00"))) as engine:
        engine.advance("2d")
        assert dates(engine, "job") == ["2026-11-23T04:00Z"]


def test_R9_start_and_end_are_included():
    options = {"start": "2026-11-23T02:00Z", "end": "2026-11-23T04:00Z"}
    with live(clocked(rd.cron("0 * * * *"), **options)) as engine:
        engine.advance("1d")
        assert hours(engine) == ["02:00", "03:00", "04:00"]


@pytest.mark.parametrize(
    ("expr", "day", "expected"),
    [
        ("30 2 * * *", "2026-03-29", ["01:00"]),  # the gap: at the first instant after it
        ("30 2 * * *", "2026-10-25", ["00:30"]),  # twice 02:30: at the first
        ("30 1 * * *", "2026-10-25", ["23:30"]),
    ],
)
def test_R9_a_job_runs_once_on_both_switch_days(expr, day, expected):
    first = f"{day}T00:00+0{1 if day.startswith('2026-03') else 2}:00"
    with live(clocked(rd.cron(expr, tz="Europe/Berlin")), start=first) as engine:
        engine.advance("23h")
        assert hours(engine) == expected


@pytest.mark.parametrize(
    ("first", "last", "runs"),
    [
        ("2026-03-29T00:00+01:00", "2026-03-30T00:00+02:00", 23),
        ("2026-10-25T00:00+02:00", "2026-10-26T00:00+01:00", 25),
        ("2026-06-01T00:00+02:00", "2026-06-02T00:00+02:00", 24),
    ],
)
def test_R9_an_hourly_schedule_follows_real_time(first, last, runs):
    with live(clocked(rd.cron("0 * * * *", tz="Europe/Berlin")), start=first) as engine:
        engine.advance(to=last)
        assert len(hours(engine)) == runs
        ticks = [run.logical_date for run in reversed(engine.runs("job"))]
        assert {later - earlier for earlier, later in pairwise(ticks)} == {timedelta(hours=1)}


# ----------------------------------------------------------------------------------------------- what is missed


def down(tmp_path, catchup, on="0 * * * *", until="2026-11-23T05:30Z", **options):
    """An engine that ran until 01:30, and one that is opened at `until`."""
    store = tmp_path / "s.db"
    engine = opened(clocked(rd.cron(on), catchup=catchup, **options), store)
    engine.advance("90m")
    kill(engine)
    return opened(clocked(rd.cron(on), catchup=catchup, **options), store, until)


@pytest.mark.parametrize(
    ("catchup", "expected", "missed"),
    [
        ("one", ["01:00", "05:00"], 3), (False, ["01:00", "05:00"], 3), ("none", ["01:00"], 4),
        ("all", ALL, 0), (True, ALL, 0),
    ],
)  # fmt: skip
def test_R9_ticks_of_the_gap_are_missed(tmp_path, catchup, expected, missed):
    engine = down(tmp_path, catchup)
    engine.run_until_idle()
    assert hours(engine) == expected
    assert part(engine, "job").dropped.get("missed", 0) == missed
    engine.advance("30m")
    assert hours(engine) == [*expected, "06:00"]
    started = of_kind(engine, EngineStarted)[-1]
    assert (started.at, started.until) == (ns("2026-11-23T01:30Z"), ns("2026-11-23T05:30Z"))
    engine.close()


def test_R9_what_catchup_lets_through_steps_at_its_due_instant(tmp_path):
    engine = down(tmp_path, "all")
    engine.publish("a")
    engine.run_until_idle()
    asked = [record.at for record in of_kind(engine, RunRequested)]
    assert asked == [ns(f"2026-11-23T0{hour}:00Z") for hour in range(1, 6)]
    engine.close()


def test_R9_all_is_the_last_max_catchup(tmp_path):
    engine = down(tmp_path, "all", max_catchup=2)
    engine.run_until_idle()
    assert hours(engine) == ["01:00", "04:00", "05:00"]
    assert part(engine, "job").dropped == {"missed": 2}
    engine.close()


def test_R9_a_tick_at_the_end_of_the_gap_is_due_and_not_missed(tmp_path):
    engine = down(tmp_path, "none", until="2026-11-23T03:00Z")
    engine.run_until_idle()
    assert hours(engine) == ["01:00", "03:00"]
    engine.close()


def test_R9_a_clean_close_is_a_gap_too(tmp_path):
    store = tmp_path / "s.db"
    with live(clocked(rd.cron("0 * * * *")), store) as engine:
        engine.advance("90m")
    with live(clocked(rd.cron("0 * * * *")), store, "2026-11-23T05:30Z") as engine:
        engine.run_until_idle()
        assert hours(engine) == ["01:00", "05:00"]


def test_R9_lateness_of_a_live_process_misses_nothing():
    with live(clocked(rd.cron("0 * * * *"), catchup="none")) as engine:
        parts(engine).fold.clock.advance_to(ns("2026-11-23T04:30Z"))
        engine.run_until_idle()
        assert hours(engine) == ["01:00", "02:00", "03:00", "04:00"]


@pytest.mark.parametrize(("catchup", "expected"), [("one", ["04:00"]), ("all", ["00:00", *ALL[:4]]), ("none", [])])
def test_R9_ticks_between_start_and_the_registration_are_missed(catchup, expected):
    graph = clocked(rd.cron("0 * * * *"), start="2026-11-23T00:00Z", catchup=catchup)
    with live(graph, start="2026-11-23T04:30Z") as engine:
        engine.run_until_idle()
        assert hours(engine) == expected
        engine.advance("30m")
        assert hours(engine) == [*expected, "05:00"]


def test_R9_silences_and_windows_of_the_gap_are_ordinary_log_time(tmp_path):
    def declared():
        graph = clocked(rd.absent(rd.updated("a"), for_="1h"))
        graph.dag("daily", on=rd.absent(rd.updated("a"), at=rd.cron("0 */2 * * *")))(nothing)
        return graph

    engine = opened(declared(), tmp_path / "s.db")
    engine.publish("a")
    engine.run_until_idle()
    kill(engine)
    with live(declared(), tmp_path / "s.db", "2026-11-23T05:00Z") as engine:
        engine.run_until_idle()
        asked = [(record.dag, record.at) for record in of_kind(engine, RunRequested)]
        assert asked == [
            ("job", ns("2026-11-23T01:00Z")),
            ("daily", ns("2026-11-23T04:00Z")),  # at 02:00 an event had come since the registration
        ]


# ------------------------------------------------------------------------------------------------------- edits


def test_R9_an_edited_schedule_never_runs_one_instant_twice(tmp_path):
    store = tmp_path / "s.db"
    options = {"start": "2026-11-23T00:00Z", "catchup": "all"}
    engine = opened(clocked(rd.cron("0 */2 * * *"), **options), store)
    engine.advance("5h")
    kill(engine)
    with live(clocked(rd.cron("0 * * * *"), **options), store, "2026-11-23T05:30Z") as engine:
        engine.run_until_idle()
        assert sorted(hours(engine)) == ["00:00", "01:00", "02:00", "03:00", "04:00", "05:00"]
        assert len(of_kind(engine, Duplicate)) == 2


def test_R9_an_edited_schedule_begins_at_its_registration():
    graph = clocked(rd.cron("0 2 * * *"))
    with live(graph) as engine:
        engine.advance("3h")
        graph.dag("job", on=rd.cron("0 1,4 * * *"))(nothing)
        engine.advance("2h")
        assert hours(engine) == ["02:00", "04:00"]


def test_R9_absent_at_a_tick_looks_at_the_time_since_the_tick_before():
    with live(clocked(rd.absent(rd.updated("a"), at=rd.cron("0 * * * *")))) as engine:
        engine.advance("30m")
        engine.publish("a")
        engine.advance("4h")
        assert [f"{run.requested:%H:%M}" for run in reversed(engine.runs("job"))] == ["02:00", "03:00", "04:00"]
        assert part(engine, "job").dropped == {"heard": 1}
