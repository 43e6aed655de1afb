"""Which dates a wait is for: whole days on the wall clock, in all zones and over all changes of clocks."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reactive_dag as rd
from reactive_dag.declare.wait import Wait
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.schedule import CronSchedule
from reactive_dag.model.times import DAY, HOUR, parse_time, zone
from tests.support.engines import live
from tests.support.profiles import examples

BERLIN = "Europe/Berlin"


def known(name):
    try:
        return bool(zone(name))
    except InvalidValue:
        return False


ZONES = sorted(name for name in available_timezones() if known(name))


def nothing(run):
    return None


def daily(offset, schedule="30 2 * * *", tz=BERLIN, own=None):
    graph = rd.Graph("days")
    graph.dag("up", schedule=schedule, tz=tz, catchup="all")(nothing)
    dag = graph.dag("down", schedule=own or schedule, tz=tz, catchup="all")
    dag.wait_for("up", id="up", logical_date=offset, timeout="40d")
    return graph


@pytest.mark.parametrize("spec", [timedelta(days=1), "1d", "24h", timedelta(hours=24)], ids=str)
@pytest.mark.parametrize(
    ("start", "schedule"),
    [
        ("2026-03-27T12:00Z", "30 2 * * *"), ("2026-03-27T12:00Z", "0 3 * * *"), ("2026-03-27T12:00Z", "0 0 * * *"),
        ("2026-10-23T12:00Z", "30 2 * * *"), ("2026-10-23T12:00Z", "0 3 * * *"), ("2026-03-27T12:00Z", "0 12 * * *"),
    ],
)  # fmt: skip
def test_wait_whole_days_on_the_wall_clock_over_a_change_of_clocks(spec, start, schedule):
    with live(daily(spec, schedule), start=start) as engine:
        engine.advance("5d")
        runs = sorted(engine.runs("down"), key=lambda run: run.logical_date)[1:]
        assert [run.tasks["up"].state for run in runs] == ["success"] * 4
        for run in runs:
            shown = run.logical_date.astimezone(zone(BERLIN)).date()
            seen = rd.model.times.parse_time(run.tasks["up"].output["logical_date"])
            assert rd.model.times.to_datetime(seen, BERLIN).date() == shown - timedelta(days=1)


def test_wait_whole_days_on_the_wall_clock_of_a_run_that_inherits_a_moved_tick():
    graph = daily("1d")
    dag = graph.dag("behind", on=rd.completed("up"), tz=BERLIN)
    dag.wait_for("up", id="up", logical_date="1d", timeout="40d")
    with live(graph, start="2026-03-27T12:00Z") as engine:
        engine.advance("4d")
        moved = engine.runs("behind", logical_date="2026-03-29T03:00:00+02:00")[0]
        assert moved.tasks["up"].output["logical_date"] == "2026-03-28T01:30:00Z", "the tick of 02:30, not of 03:00"


def test_wait_other_offsets_are_elapsed_time():
    with live(daily("23h", "0 3 * * *"), start="2026-03-26T12:00Z") as engine:
        engine.advance("5d")
        states = {f"{run.logical_date:%d}": run.tasks["up"].state for run in engine.runs("down")}
        assert states["29"] == "success", "on the day that has 23 hours"
        assert states["28"] != "success" and states["30"] != "success"


@settings(deadline=None, max_examples=examples(150))
@given(
    st.sampled_from(ZONES), st.integers(0, 23), st.sampled_from([0, 1, 15, 30, 59]), st.integers(-3, 8),
    st.integers(1971, 2035),
)  # fmt: skip
def test_wait_whole_days_on_the_wall_clock_find_the_tick_of_that_day(tz, hour, minute, days, year):
    """In every zone, a year long: a daily schedule's tick awaits the tick that stands so many places before it."""
    schedule = CronSchedule(f"{minute} {hour} * * *", tz)
    wait = Wait("w", "up", logical_date=days * DAY)
    ticks, tick = [], parse_time(f"{year}-01-01T00:00Z")
    while len(ticks) < 380:
        tick = schedule.after(tick)
        ticks.append(tick)
    assert len(set(ticks)) == len(ticks)
    walls = [schedule.named_wall(each) for each in ticks]
    by_day = {wall.date(): each for wall, each in zip(walls, ticks, strict=True)}
    for tick, wall in zip(ticks, walls, strict=True):
        assert (wall.hour, wall.minute) == (hour, minute)
        wanted = by_day.get(wall.date() - timedelta(days=days))
        if wanted is not None:
            assert wait.awaited_from(tick, tz, wall) == wanted
    assert abs(wait.awaited_from(ticks[9], tz, walls[9]) - (ticks[9] - days * DAY)) <= 24 * HOUR


# ------------------------------------------------------------------------------------------- problems


def found(graph):
    return {each.kind: each.text for each in graph.problems() if each.kind in ("no_such_date", "not_every_date")}


@pytest.mark.parametrize("schedule", ["30 2 * * *", "0 3 * * *", "0 0 * * 1-5", "*/15 * * * *"])
def test_T8_problems_prove_a_year_of_dates_over_both_changes(schedule):
    days = "7d" if schedule.endswith("1-5") else "1d"
    assert not {"no_such_date"} & found(daily(days, schedule)).keys()
    if schedule[0] != "*":
        assert not found(daily(days, schedule))


def test_T8_problems_name_the_dates_of_a_year_that_the_upstream_has_not():
    graph = daily(timedelta(0), "0 2 * * *", tz="UTC", own="0 * * * *")
    assert "has not 8418 of 8784 such dates, the first 2026-01-01T03:00:00" in found(graph)["not_every_date"]
    assert found(daily("1d", "0 2 * * 1-5"))["not_every_date"].count("such dates") == 1, "on Mondays and Sundays"
    assert "never has that date" in found(daily("1d", "0 2 * * 1"))["no_such_date"]
    assert not found(daily("7d", "0 2 * * 1"))
    assert found(daily("23h", "0 2 * * *")), "elapsed time"


def test_T8_a_dag_whose_dates_are_not_known_each_is_not_warned_of():
    graph = rd.Graph("days")
    graph.dag("up", schedule="0 2 * * *")(nothing)
    graph.dag("slow", schedule="0 2 1 * *")(nothing)
    dag = graph.dag("down", on=rd.any_of(rd.cron("0 * * * *"), rd.completed("slow")))
    dag.wait_for("up", id="up", timeout="1d")
    assert not found(graph)
