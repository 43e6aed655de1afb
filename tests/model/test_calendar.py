"""Calendars: the spans of one calendar tile time, whatever the clocks of its zone do."""

from __future__ import annotations

import json
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reactive_dag.model.calendar import Calendar, Unit, day, hour, month, week
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.times import DAY, HOUR, MINUTE, format_time, parse_time

calm = settings(deadline=None)  # the machine may be busy
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/St_Johns",  # clocks went back at 00:01, across midnight
    "Australia/Lord_Howe",  # by half an hour
    "Asia/Kathmandu",  # +05:45
    "Pacific/Apia",  # skipped 2011-12-30
    "Africa/Cairo",  # skips midnight
    "America/Havana",  # has 00:00 twice
]
UNITS: list[Unit] = ["hour", "day", "week", "month"]
plain = st.builds(Calendar, st.sampled_from(UNITS), st.sampled_from(ZONES))
calendars = plain | st.builds(week, st.sampled_from(ZONES), st.sampled_from(["sun", "sat", "wed", "mon"]))

CHANGES = [
    parse_time(text)
    for text in (
        "2026-03-29T01:00Z",
        "2026-10-25T01:00Z",
        "2006-10-29T02:31Z",
        "2006-04-02T03:31Z",
        "2026-04-04T15:00Z",
        "2026-10-03T15:30Z",
        "2011-12-30T10:00Z",
        "2026-04-23T22:00Z",
        "2026-10-29T21:00Z",
        "2026-11-01T05:00Z",
    )
]
near_changes = st.builds(lambda at, off: at + off * MINUTE, st.sampled_from(CHANGES), st.integers(-3000, 3000))
instants = st.one_of(near_changes, st.integers(parse_time("1990-01-01"), parse_time("2040-01-01")))


@calm
@given(calendars, instants)
def test_law_partitions_tile_time(calendar: Calendar, ns: int) -> None:
    partition = calendar.of(ns)
    start, end = calendar.span(partition)
    assert start <= ns < end
    assert calendar.of(start) == calendar.of(end - 1) == partition
    assert calendar.span(calendar.next(partition))[0] == end
    assert calendar.span(calendar.previous(partition))[1] == start
    assert calendar.next(calendar.previous(partition)) == partition


@calm
@given(calendars, instants, instants)
def test_answers_do_not_depend_on_what_was_asked_before(calendar: Calendar, first: int, ns: int) -> None:
    calendar.of(first)
    assert calendar.of(ns) == Calendar(calendar.unit, calendar.tz, calendar.starts).of(ns)


@calm
@given(calendars, instants, st.integers(0, 60))
def test_between_has_both_ends_and_no_gap(calendar: Calendar, ns: int, steps: int) -> None:
    expected = [calendar.of(ns)]
    for _ in range(steps):
        expected.append(calendar.next(expected[-1]))
    assert calendar.between(expected[0], expected[-1]) == expected
    assert calendar.between(expected[-1], expected[0]) == ([] if steps else expected)


@pytest.mark.parametrize(("text", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-22", 24)])
def test_a_day_has_as_many_hours_as_it_has(text: str, hours: int) -> None:
    start, end = day("Europe/Berlin").span(text)
    assert end - start == hours * HOUR
    names = hour("Europe/Berlin")
    assert len(names.between(names.of(start), names.of(end - 1))) == hours


def test_the_hour_that_comes_twice_has_two_names() -> None:
    found = hour("Europe/Berlin").between("2026-10-25T01+02:00", "2026-10-25T03+01:00")
    assert found == ["2026-10-25T01+02:00", "2026-10-25T02+02:00", "2026-10-25T02+01:00", "2026-10-25T03+01:00"]


def test_an_hour_is_cut_where_clocks_change_within_it() -> None:
    lord_howe = hour("Australia/Lord_Howe")
    assert lord_howe.span("2026-04-05T01+11:00") == _span("2026-04-04T14:00Z", 60)
    assert lord_howe.span("2026-04-05T01+10:30") == _span("2026-04-04T15:00Z", 30)
    assert lord_howe.span("2026-10-04T02+11:00") == _span("2026-10-03T15:30Z", 30)


def _span(start: str, minutes: int) -> tuple[int, int]:
    return parse_time(start), parse_time(start) + minutes * MINUTE


def test_what_comes_again_after_midnight_belongs_to_the_new_day() -> None:
    # St. John's, 2006-10-29: at 00:01 back to 23:01 of the day before
    again = parse_time("2006-10-29T02:45Z")
    assert format_time(again, "America/St_Johns").startswith("2006-10-28T23:15")
    assert day("America/St_Johns").of(again) == "2006-10-29"


def test_names_are_those_of_the_tour() -> None:
    at = parse_time("2026-11-22T05:30+01:00")
    assert [Calendar(unit, "Europe/Berlin").of(at) for unit in UNITS] == [
        "2026-11-22T05+01:00",
        "2026-11-22",
        "2026-W47",
        "2026-11",
    ]
    assert hour().of(at) == "2026-11-22T04+00:00"


def test_weeks_are_iso_weeks() -> None:
    assert week().of(parse_time("2027-01-03")) == "2026-W53"
    assert week("Europe/Berlin").span("2026-W13")[1] - week("Europe/Berlin").span("2026-W13")[0] == 7 * DAY - HOUR


def test_T19_weeks_from_another_day_are_named_by_it() -> None:
    sundays = week("Europe/Berlin", starts="Sunday")
    assert (sundays, sundays.starts, sundays.name) == (week("Europe/Berlin", starts="sun"), "sun", "week")
    assert sundays.of(parse_time("2026-11-22T00:00+01:00")) == "2026-11-22W"
    assert sundays.of(parse_time("2026-11-28T23:59+01:00")) == "2026-11-22W"
    assert sundays.of(parse_time("2026-11-29T00:00+01:00")) == "2026-11-29W"
    start, end = sundays.span("2026-03-29W")  # the clocks change on its first day
    assert (start, end - start) == (parse_time("2026-03-29T00:00+01:00"), 7 * DAY - HOUR)
    assert week(starts="mon") == week() and week().to_json() == {"unit": "week", "tz": "UTC"}
    assert sundays.to_json() == {"unit": "week", "tz": "Europe/Berlin", "starts": "sun"}


@pytest.mark.parametrize(
    ("calendar", "text", "says"),
    [
        (week(starts="sun"), "2026-11-23W", "the week of that day is '2026-11-22W'"),
        (week(starts="sun"), "2026-W47", "write it like '2026-11-22W'"),
        (week(starts="sun"), "2026-11-22", "write it like '2026-11-22W'"),
        (week(starts="sun"), "2026-02-30W", "there is no such week"),
        (week(), "2026-11-22W", "write it like '2026-W47'"),
        (day(), "2026-02-30", "there is no such day"),
        (day(), "2026-2-3", "write it like '2026-11-22'"),
        (day(), "2026-11", "write it like '2026-11-22'"),
        (day(), "1500-01-01", "the years go from"),
        (day(), 20261122, "write it like '2026-11-22'"),
        (day("Pacific/Apia"), "2011-12-30", "skipped it"),
        (week(), "2026-W54", "there is no such week"),
        (week(), "2026-W00", "there is no such week"),
        (week(), "2026-11-22", "write it like '2026-W47'"),
        (month(), "2026-13", "there is no such month"),
        (hour("Europe/Berlin"), "2026-11-22T05+02:00", "this hour is '2026-11-22T04.01:00'"),
        (hour("Europe/Berlin"), "2026-03-29T02+01:00", "this hour is '2026-03-29T03.02:00'"),
        (hour(), "2026-11-22T05Z", "write it like '2026-11-22T05.01:00'"),
        (hour(), "2026-11-22T24+00:00", "there is no such hour"),
        (hour("Asia/Kolkata"), "2026-11-22T05+99:00", "there is no such hour"),
    ],
)
def test_R15_text_that_is_no_partition_is_refused(calendar: Calendar, text: str, says: str) -> None:
    with pytest.raises(InvalidValue, match=says) as caught:
        calendar.check(text)
    assert repr(text) in str(caught.value)
    assert repr(calendar) in str(caught.value)
    with pytest.raises(InvalidValue):
        calendar.span(text)


@pytest.mark.parametrize(("unit", "tz"), [("year", "UTC"), ("day", "Berlin"), ("day", None), (["day"], "UTC")])
def test_R15_nonsense_calendars_are_refused(unit: Unit, tz: str) -> None:
    with pytest.raises(InvalidValue):
        Calendar(unit, tz)


@calm
@given(calendars)
def test_a_calendar_is_a_value(calendar: Calendar) -> None:
    calendar.of(0)
    twin = Calendar.from_json(json.loads(json.dumps(calendar.to_json())))
    assert twin == calendar
    assert hash(twin) == hash(calendar)
    assert pickle.loads(pickle.dumps(calendar)) == calendar
    assert eval(repr(calendar), {"rd": __import__("reactive_dag.model.calendar", fromlist=["day"])}) == calendar


@pytest.mark.parametrize("starts", ["", "so", 3, None, "sundays"])
def test_R15_nonsense_days_of_the_week_are_refused(starts: str) -> None:
    with pytest.raises(InvalidValue, match="is no day of the week"):
        week(starts=starts)
    with pytest.raises(InvalidValue, match="is for weeks"):
        Calendar("day", "UTC", "sun")


@pytest.mark.parametrize("data", [None, {}, {"tz": "UTC"}, {"unit": "day", "x": 1}, "day"])
def test_R15_other_json_is_no_calendar(data: object) -> None:
    with pytest.raises(InvalidValue, match="is no calendar"):
        Calendar.from_json(data)
