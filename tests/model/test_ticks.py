"""Ticks that are counted and not walked, stepped ranges of one value, times before 1970 (R9)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reactive_dag as rd
from reactive_dag.model.clock.cron import read_cron
from reactive_dag.model.schedule import AtSchedule, CronSchedule, EverySchedule
from reactive_dag.model.times import DAY, HOUR, MINUTE, SECOND
from reactive_dag.triggers.leaves.schedule import ScheduleCell
from tests.support.engines import dates, live, ns, part

BERLIN = "Europe/Berlin"
SCHEDULES = [
    CronSchedule("*/7 * * * *", BERLIN), CronSchedule("30 2 * * *", BERLIN), CronSchedule("0 * * * *", BERLIN),
    CronSchedule("0 0 29 2 *"), CronSchedule("15 3,9 * * mon", "America/New_York"),
    CronSchedule("0 0 * * *", "Australia/Lord_Howe"), CronSchedule("*/30 1-4 * * *", "Pacific/Apia"),
    EverySchedule(7 * HOUR), EverySchedule(HOUR + SECOND, anchor=5 * MINUTE), AtSchedule(ns("2026-10-25T01:30Z")),
]  # fmt: skip
MARKS = [ns("2026-03-29T01:00Z"), ns("2026-10-25T00:30Z"), ns("1969-12-31T23:00Z"), ns("2011-12-30T10:00Z"), 0]


def walked(schedule, first, until):
    ticks, at = [], schedule.after(first - 1)
    while at is not None and at < until:
        ticks.append(at)
        at = schedule.after(at)
    return ticks


INSTANTS = st.tuples(st.sampled_from(MARKS), st.integers(-40 * DAY, 40 * DAY)).map(sum)


@given(st.sampled_from(SCHEDULES), INSTANTS, st.sampled_from([0, 1, MINUTE, 3 * HOUR, DAY, 3 * DAY, 40 * DAY]))
def test_R9_ticks_are_counted_as_they_are_walked(schedule, first, span):
    assert schedule.count(first, first + span) == len(walked(schedule, first, first + span))


@given(
    st.sampled_from(SCHEDULES), INSTANTS, st.sampled_from([0, 1, HOUR, 3 * DAY]), st.sampled_from([0, 1, 3, 10_000]),
    st.none() | st.integers(-DAY, 3 * DAY),
)  # fmt: skip
def test_R9_the_newest_missed_ticks_are_to_come_and_the_rest_is_counted(schedule, first, span, keep, end):
    cell, now = ScheduleCell(schedule), first + span
    last = None if end is None else first + end
    state = cell.fresh()
    missed = cell.begin(state, now, first, last, keep)
    ticks = [tick for tick in walked(schedule, first, now) if last is None or tick <= last]
    assert missed == max(0, len(ticks) - keep)
    assert state[2:] == ticks[missed:]
    following = schedule.after(now)
    late = following is None or (last is not None and following > last)
    assert state[0] == (cell.fresh()[0] if late else following)


@pytest.mark.parametrize(
    ("on", "missed"), [(rd.every("1s"), 1_795_392_000 - 1), (rd.cron("* * * * *", tz=BERLIN), 1_795_392_000 // 60 - 1)]
)
def test_R9_what_was_missed_since_1970_is_not_walked(on, missed):
    graph = rd.Graph("old")
    graph.dag("job", on=on, start="1970-01-01T00:00:01Z")(nothing)
    with live(graph) as engine:
        engine.run_until_idle()
        assert len(engine.runs("job")) == 1 and part(engine, "job").dropped["missed"] >= missed - 60


def nothing(run):
    return None


# ------------------------------------------------------------------------------------------ stepped ranges


@pytest.mark.parametrize(
    ("stepped", "meant"),
    [
        ("5-5/10 * * * *", "5 * * * *"), ("0 3-3/5 * * *", "0 3 * * *"), ("0 0 5-5/3 * *", "0 0 5 * *"),
        ("0 0 * jan-jan/2 *", "0 0 * 1 *"), ("0 0 * * mon-mon/2", "0 0 * * 1"), ("0 0 * * sun-sun/2", "0 0 * * 0"),
        ("0 0 * * 7-7/3", "0 0 * * 0"), ("1-1/2,30 * * * *", "1,30 * * * *"), ("05-5/7 * * * *", "5 * * * *"),
        ("0 3-3/1 * * *", "0 3 * * *"),
    ],
)  # fmt: skip
def test_R9_a_stepped_range_of_one_value_is_that_value(stepped, meant):
    one, other = CronSchedule(stepped, BERLIN), CronSchedule(meant, BERLIN)
    first = ns("2026-10-20T00:00Z")
    assert walked(one, first, first + 60 * DAY) == walked(other, first, first + 60 * DAY)


def test_R9_other_stepped_ranges_stay_as_they_are():
    assert read_cron("5-6/10 0-23/2 */5 1-12/3 sun-sat/2") == ("5-6/10", "0-23/2", "*/5", "1-12/3", "SUN-SAT/2")
    assert read_cron("5/10 * * * mon-sun/2")[4] == "MON-7/2"


# ------------------------------------------------------------------------------------------- before 1970


@pytest.mark.parametrize("on", [rd.cron("0 0 * * *"), rd.every("1d")])
def test_R9_schedules_before_1970(on, tmp_path):
    def graph():
        found = rd.Graph("old")
        found.dag("job", on=on, catchup="all")(nothing)
        return found

    with live(graph(), tmp_path / "s.db", start="1969-12-29T12:00Z") as engine:
        engine.advance("2d")
        assert dates(engine, "job") == ["1969-12-30T00:00Z", "1969-12-31T00:00Z"]
        assert f"{engine.runs('job')[0].requested:%Y-%m-%d}" == "1969-12-31"
    with live(graph(), tmp_path / "s.db", start="1970-01-02T12:00Z") as engine:
        engine.run_until_idle()
        assert dates(engine, "job")[2:] == ["1970-01-01T00:00Z", "1970-01-02T00:00Z"]
        first = engine.runs("job", logical_date="1970-01-01T00:00Z")[0]
        assert first.logical_date is not None and first.data_interval.end == first.logical_date
