"""Times and durations: what is read, what is refused (R15), and that text and numbers say exactly the same."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.times import (
    DAY,
    HOUR,
    MILLISECOND,
    MINUTE,
    NEVER,
    SECOND,
    WEEK,
    first_instant,
    format_duration,
    format_time,
    from_datetime,
    parse_duration,
    parse_time,
    to_datetime,
    wall_clock,
    zone,
)

calm = settings(deadline=None)  # the machine may be busy
ZONES = ["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Apia"]
instants = st.integers(-(2**62), 2**62)


@calm
@given(instants, st.sampled_from([None, *ZONES]))
def test_law_time_text_is_exact(ns: int, tz: str | None) -> None:
    assert parse_time(format_time(ns, tz)) == ns


@calm
@given(instants, st.sampled_from(ZONES))
def test_datetimes_keep_every_microsecond(ns: int, tz: str) -> None:
    assert from_datetime(to_datetime(ns, tz)) == ns // 1000 * 1000


@calm
@given(st.integers(0, NEVER - 1))
def test_law_duration_text_is_exact(ns: int) -> None:
    assert parse_duration(format_duration(ns), zero_ok=True) == ns


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("2026-11-23T00:00Z", 0),
        ("2026-11-23T00:00+01:00", -1),
        ("2026-11-23 02:00:00+0100", 1),
        ("2026-11-23T00:00-05", 5),
        ("2026-11-23", 0),
        ("2026-11-23t00:00z", 0),
        (" 2026-11-23T00:00:00.000Z ", 0),
    ],
)
def test_times_are_read(text: str, hour: int) -> None:
    assert parse_time(text) == from_datetime(datetime(2026, 11, 23, tzinfo=UTC)) + hour * HOUR


def test_a_bare_date_is_midnight_in_the_zone() -> None:
    assert format_time(parse_time("2026-11-23", "Europe/Berlin")) == "2026-11-22T23:00:00Z"
    assert parse_time(date(2026, 11, 23), "Europe/Berlin") == parse_time("2026-11-22T23:00Z")


@pytest.mark.parametrize(
    ("day", "tz", "begins"),
    [
        ("2026-04-24", "Africa/Cairo", "2026-04-24T01:00:00+03:00"),
        ("2026-03-08", "America/Havana", "2026-03-08T01:00:00-04:00"),
        ("2026-11-01", "America/Havana", "2026-11-01T00:00:00-04:00"),
    ],
)
def test_a_day_without_midnight_begins_after_the_gap(day: str, tz: str, begins: str) -> None:
    assert format_time(parse_time(day, tz), tz) == begins


def test_a_gap_in_the_middle_of_the_wall_time_ends_the_same() -> None:
    toronto = zone("America/Toronto")  # 1919-03-30: from 23:30 to 00:30
    assert wall_clock(first_instant(datetime(1919, 3, 31), toronto), toronto) == datetime(1919, 3, 31, 0, 30)


@calm
@given(
    st.datetimes(datetime(1950, 1, 1), datetime(2040, 1, 1)),
    st.timedeltas(timedelta(0), timedelta(days=2)),
    st.sampled_from(ZONES),
)
def test_first_instant_never_decreases(wall: datetime, step: timedelta, tz: str) -> None:
    place = zone(tz)
    wall = wall.replace(microsecond=0)
    assert first_instant(wall, place) <= first_instant(wall + step, place)


def test_the_second_of_two_equal_wall_times_is_told_apart_by_fold() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    twice = [from_datetime(datetime(2026, 10, 25, 2, 30, tzinfo=berlin, fold=fold)) for fold in (0, 1)]
    assert twice[1] - twice[0] == HOUR
    assert format_time(twice[1], "Europe/Berlin") == "2026-10-25T02:30:00+01:00"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (datetime(2026, 11, 23), "has no zone"),
        ("2026-11-23T00:00", "add Z or an offset"),
        ("tomorrow", "is no time"),
        ("", "is no time"),
        (1_700_000_000, "is no time"),
        (True, "is no time"),
        (None, "is no time"),
        ("2026-02-30", "is no day"),
        ("2026-02-30T00:00Z", "is no time"),
        ("2026-11-23T25:00Z", "is no time"),
        ("2026-11-23T00:00+99:00", "is no time"),
        ("2026-11-23T00:00+01:99", "is no time"),
        ("1500-01-01", "outside the years"),
        ("2500-01-01T00:00Z", "outside the years"),
        (datetime.max.replace(tzinfo=UTC), "outside the years"),
        ("٢٠٢٦-11-23", "is no time"),
    ],
)
def test_R15_nonsense_times_are_refused(value: object, says: str) -> None:
    with pytest.raises(InvalidValue, match=f"^start.*{says}") as caught:
        parse_time(value, what="start")  # type: ignore[arg-type]
    assert str(value)[:4] in str(caught.value)


@pytest.mark.parametrize(
    ("value", "ns"),
    [
        ("90s", 90 * SECOND),
        ("10m", 10 * MINUTE),
        ("2h", 2 * HOUR),
        ("1d", DAY),
        ("1w", WEEK),
        ("1h30m", 90 * MINUTE),
        ("1h 30m", 90 * MINUTE),
        ("250ms", 250 * MILLISECOND),
        ("1m5ms", MINUTE + 5 * MILLISECOND),
        ("1.5h", 90 * MINUTE),
        ("0.25s", 250 * MILLISECOND),
        (timedelta(minutes=1), MINUTE),
        (timedelta(microseconds=1), 1000),
    ],
)
def test_durations_are_read(value: timedelta | str, ns: int) -> None:
    assert parse_duration(value) == ns


@pytest.mark.parametrize(
    "value",
    [
        "",
        "5",
        "-5m",
        "0s",
        "0",
        "1x",
        "1m1h",
        "1h1h",
        "NaN",
        "inf",
        "1.5h30m",
        "0.0000000001s",
        "999999999999d",
        5,
        5.0,
        True,
        float("nan"),
        None,
        timedelta(0),
        timedelta(seconds=-1),
        timedelta.max,
    ],
)
def test_R15_nonsense_durations_are_refused(value: object) -> None:
    with pytest.raises(InvalidValue, match=r"^timeout "):
        parse_duration(value, what="timeout")  # type: ignore[arg-type]


def test_zero_is_a_duration_only_where_it_means_something() -> None:
    assert (
        parse_duration("0s", zero_ok=True)
        == parse_duration("0", zero_ok=True)
        == parse_duration(timedelta(0), zero_ok=True)
        == 0
    )
    with pytest.raises(InvalidValue, match="zero or more"):
        parse_duration("-1s", zero_ok=True)


@pytest.mark.parametrize(
    "name", ["Europe/Berln", "europe/berlin", "Berlin", "", "../etc", "Europe", "localtime", None, 3, ["UTC"]]
)
def test_R15_an_unknown_zone_is_refused(name: object) -> None:
    with pytest.raises(InvalidValue, match="time zone"):
        zone(name)  # type: ignore[arg-type]


def test_R15_an_unknown_zone_names_the_nearest() -> None:
    with pytest.raises(InvalidValue, match="did you mean 'Europe/Berlin'"):
        zone("Europe/Berln")


def test_never_is_later_than_everything() -> None:
    assert format_time(NEVER) == "never"
    assert parse_time("2261-12-31") < NEVER


def test_offsets_with_seconds_are_kept() -> None:
    odd = datetime(1900, 1, 1, tzinfo=timezone(timedelta(minutes=19, seconds=32)))
    assert parse_time(odd.isoformat()) == from_datetime(odd)
