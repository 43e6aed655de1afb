"""Schedules (R9): the ticks of cron, intervals and one-offs, across clock changes and from any instant."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from reactive_dag.model.calendar import day
from reactive_dag.model.clock.skipped import SkippedDates
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.schedule import (
    AtSchedule,
    CronSchedule,
    EverySchedule,
    Schedule,
    daily_at,
    from_word,
    schedule_from_json,
    shares_tick,
    weekly_at,
)
from reactive_dag.model.times import DAY, HOUR, MINUTE, SECOND, format_time, parse_time, to_datetime, wall_clock, zone
from tests.support.profiles import examples
from tests.support.ticks import between

calm = settings(deadline=None)  # the machine may be busy
BERLIN = "Europe/Berlin"
SPRING, AUTUMN = "2026-03-29", "2026-10-25"


def ticks_of(day: str, expr: str, tz: str = BERLIN) -> list[str]:
    """The ticks of one local day, as local ISO text."""
    begin = parse_time(day, tz)
    schedule = CronSchedule(expr, tz)
    return [format_time(tick, tz)[11:] for tick in between(schedule, begin - 1, _next_midnight(begin, tz))]


def _next_midnight(begin: int, tz: str) -> int:
    return parse_time((to_datetime(begin, tz).date() + timedelta(days=1)), tz)


# ------------------------------------------------------------------------------------- clock changes


def test_R9_a_0230_job_runs_at_the_first_instant_after_the_gap() -> None:
    assert ticks_of(SPRING, "30 2 * * *") == ["03:00:00+02:00"]


def test_R9_a_0230_job_runs_at_the_first_of_two_0230() -> None:
    assert ticks_of(AUTUMN, "30 2 * * *") == ["02:30:00+02:00"]


@pytest.mark.parametrize(("day", "runs"), [(SPRING, 23), (AUTUMN, 25), ("2026-11-22", 24)])
def test_R9_an_hourly_schedule_follows_real_time(day: str, runs: int) -> None:
    assert len(ticks_of(day, "0 * * * *")) == runs
    assert len(ticks_of(day, "*/15 * * * *")) == runs * 4


@pytest.mark.parametrize("hours", ["*/2", "0-23/2", "0/2"])
def test_R9_a_stepped_hour_follows_real_time_however_it_is_written(hours: str) -> None:
    assert ticks_of(AUTUMN, f"0 {hours} * * *")[:4] == [
        "00:00:00+02:00",
        "02:00:00+02:00",
        "02:00:00+01:00",
        "04:00:00+01:00",
    ]
    assert ticks_of(SPRING, f"0 {hours} * * *")[:2] == ["00:00:00+01:00", "04:00:00+02:00"]


@pytest.mark.parametrize("minutes", ["*/15", "0,15,30,45", "0-45/15"])
def test_R9_a_fixed_hour_runs_each_minute_once_however_they_are_written(minutes: str) -> None:
    assert ticks_of(AUTUMN, f"{minutes} 2 * * *") == [f"02:{m:02d}:00+02:00" for m in (0, 15, 30, 45)]
    assert ticks_of(SPRING, f"{minutes} 2 * * *") == ["03:00:00+02:00"]


def test_R9_two_wall_times_that_fall_on_one_instant_are_one_tick() -> None:
    assert ticks_of(SPRING, "0,30 2,3 * * *") == ["03:00:00+02:00", "03:30:00+02:00"]


def test_R9_ranges_and_lists_of_hours_are_fixed() -> None:
    assert ticks_of(AUTUMN, "0 1-3 * * *") == ["01:00:00+02:00", "02:00:00+02:00", "03:00:00+01:00"]


def test_R9_a_gap_across_a_whole_day() -> None:
    # Samoa went from the end of 2011-12-29 to 2011-12-31
    apia = CronSchedule("0 9 * * *", "Pacific/Apia")
    begin = parse_time("2011-12-29", "Pacific/Apia")
    assert [format_time(t, "Pacific/Apia")[:16] for t in between(apia, begin, begin + 2 * DAY)] == [
        "2011-12-29T09:00",
        "2011-12-31T00:00",
        "2011-12-31T09:00",
    ]


def test_R9_asking_between_the_two_0230_gives_the_next_day() -> None:
    job = CronSchedule("30 2 * * *", BERLIN)
    second = parse_time("2026-10-25T02:10:00+01:00")
    assert format_time(job.after(second) or 0, BERLIN) == "2026-10-26T02:30:00+01:00"
    assert format_time(job.before(second) or 0, BERLIN) == "2026-10-25T02:30:00+02:00"
    assert not job.has_tick(parse_time("2026-10-25T02:30:00+01:00"))


# ------------------------------------------------------------------------------------------- reading


@pytest.mark.parametrize(
    ("expr", "same"),
    [
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@hourly", "0 * * * *"),
        ("@weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 jan *"),
        ("0 0 * * sun", "0 0 * * 7"),
        ("0 0 * * 0", "0 0 * * 7"),
        ("0 0 * * mon-fri", "0 0 * * 1,2,3,4,5"),
        ("0 0 * JAN,mar *", "0 0 * 1,3 *"),
        ("*/20 * * * *", "0,20,40 * * * *"),
        ("10-30/10 * * * *", "10,20,30 * * * *"),
        ("0 1/3 * * *", "0 1,4,7,10,13,16,19,22 * * *"),
        ("0 0 * * fri-sun", "0 0 * * 5,6,0"),
        ("0 0 * * 5-7", "0 0 * * 0,5,6"),
        ("  0   0 * * * ", "0 0 * * *"),
    ],
)
def test_R9_names_ranges_steps_lists_sundays_and_macros(expr: str, same: str) -> None:
    start = parse_time("2026-01-01")
    assert list(between(CronSchedule(expr), start, start + 400 * DAY)) == list(
        between(CronSchedule(same), start, start + 400 * DAY)
    )


def test_R9_day_of_month_and_day_of_week_mean_either() -> None:
    begin = parse_time("2026-11-01")
    days = [format_time(t)[8:10] for t in between(CronSchedule("0 0 13 * fri"), begin - 1, begin + 30 * DAY)]
    assert days == ["06", "13", "20", "27"]
    days = [format_time(t)[8:10] for t in between(CronSchedule("0 0 10 * fri"), begin - 1, begin + 30 * DAY)]
    assert days == ["06", "10", "13", "20", "27"]


def test_R9_29_february_comes_in_leap_years_only() -> None:
    leap = CronSchedule("0 0 29 2 *")
    assert format_time(leap.after(parse_time("2096-03-01")) or 0) == "2104-02-29T00:00:00Z"
    assert format_time(leap.before(parse_time("2104-02-28")) or 0) == "2096-02-29T00:00:00Z"


@pytest.mark.parametrize(
    ("expr", "says"),
    [
        ("0 24 * * *", "the hour '24' .* 0-23"),
        ("60 * * * *", "the minute '60'"),
        ("0 0 0 * *", "the day of month '0'"),
        ("0 0 * 13 *", "the month '13'"),
        ("0 0 * foo *", "the month 'foo'"),
        ("0 0 * * 8", "the day of week '8'"),
        ("*/0 * * * *", "the minute '.*/0'"),
        ("-5 * * * *", "the minute '-5'"),
        ("a b c d e", "the minute 'a'"),
        ("0 22-2 * * *", "the hour '22-2'.*write 22-23,0-2"),
        ("* * * *", "has 4 fields"),
        ("* * * * * *", "has 6 fields"),
        ("", "has 0 fields"),
        ("0 0 30 2 *", "never comes due"),
        ("0 0 31 4,6 *", "never comes due"),
        ("@reboot", "no known macro"),
        ("1, * * * *", "the minute '1,'"),
        (None, "is no text"),
        (5, "is no text"),
    ],
)
def test_R15_a_bad_cron_says_which_field(expr: str, says: str) -> None:
    with pytest.raises(InvalidValue, match=says) as caught:
        CronSchedule(expr)
    assert repr(expr) in str(caught.value)


def test_R15_a_bad_zone_is_refused() -> None:
    with pytest.raises(InvalidValue, match="did you mean 'Europe/Berlin'"):
        CronSchedule("0 2 * * *", "Europe/Berlim")


@pytest.mark.parametrize("period", [0, -1, True, 1.5, None])
def test_R15_an_interval_that_is_none_is_refused(period: int) -> None:
    with pytest.raises(InvalidValue, match="above zero"):
        EverySchedule(period)


# -------------------------------------------------------------------------- the same ticks, however asked

ZONES = ["UTC", BERLIN, "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Havana", "Pacific/Apia"]
minutes = st.sampled_from(["0", "30", "*", "*/15", "1,2,59", "10-20/5"])
hours = st.sampled_from(["*", "2", "0", "*/3", "1-3", "23", "0-23/5"])
days = st.sampled_from(["*", "29", "31", "1,15"])
months = st.sampled_from(["*", "3,10", "*/2"])
weekdays = st.sampled_from(["*", "sun", "mon-fri", "7"])
crons = st.builds(
    lambda m, h, d, mo, w, tz: CronSchedule(f"{m} {h} {d} {mo} {w}", tz),
    minutes,
    hours,
    days,
    months,
    weekdays,
    st.sampled_from(ZONES),
)
CHANGES = [
    parse_time(text)
    for text in (
        "2026-03-29T01:00Z",
        "2026-10-25T01:00Z",
        "2006-10-29T02:31Z",
        "2006-04-02T03:31Z",
        "2026-04-04T15:00Z",
    )
] + [parse_time(text) for text in ("2011-12-30T10:00Z", "2026-11-01T05:00Z", "2026-03-08T05:00Z", "2028-02-28T12:00Z")]
instants = st.builds(
    lambda at, minute, ns: at + minute * MINUTE + ns,
    st.sampled_from(CHANGES),
    st.integers(-4000, 4000),
    st.sampled_from([0, 0, 1, -1, SECOND]),
)


def skipping(schedule: CronSchedule | EverySchedule, days: list[int], tz: str) -> CronSchedule | EverySchedule:
    """A schedule that does not tick on the days, in its zone, in which some instants lie."""
    place = schedule.tz if isinstance(schedule, CronSchedule) else tz
    return evolve(schedule, skip=SkippedDates([day(place).of(each) for each in days], place))


some_days = st.lists(instants, min_size=1, max_size=4)
intervals = st.builds(EverySchedule, st.integers(HOUR, 40 * DAY), st.integers(-DAY, DAY))
schedules: st.SearchStrategy[Schedule] = st.one_of(
    crons,
    intervals,
    st.builds(skipping, crons | intervals, some_days, st.sampled_from(ZONES)),
    st.builds(AtSchedule, st.lists(instants, min_size=1, max_size=4)),
)


@calm
@given(schedules, instants)
def test_R9_after_and_before_are_the_neighbours(schedule: Schedule, ns: int) -> None:
    after, before = schedule.after(ns), schedule.before(ns)
    if after is not None:
        assert after > ns
        assert schedule.has_tick(after)
        assert schedule.before(after - 1) == before
    if before is not None:
        assert before <= ns
        assert schedule.has_tick(before)
        assert schedule.after(before) == after
        assert schedule.after(before - 1) == before
    assert schedule.has_tick(ns) == (before == ns)


@calm
@given(crons | intervals, some_days, st.sampled_from(ZONES), st.integers(-2 * DAY, 2 * DAY))
def test_R9_dates_that_are_skipped_have_no_tick_and_others_all(
    plain: CronSchedule | EverySchedule, days: list[int], tz: str, early: int
) -> None:
    found, first, until = skipping(plain, days, tz), days[0] - early, days[0] + 3 * DAY
    assert found.skip is not None
    place, dates = day(found.skip.tz), found.skip.dates
    left = [tick for tick in between(plain, first - 1, until) if place.of(tick) not in dates]
    assert list(between(found, first - 1, until)) == left
    assert found.count(first, until) == len(left)
    assert schedule_from_json(found.to_json()) == found != plain


@calm
@given(crons, instants, st.lists(instants, max_size=5))
def test_R9_answers_do_not_depend_on_what_was_asked_before(schedule: CronSchedule, ns: int, earlier: list[int]) -> None:
    from reactive_dag.model.clock.cron import Cron, read_cron

    for other in earlier:
        schedule.after(other)
        schedule.before(other)
    fresh = Cron(read_cron(schedule.expr), schedule.tz)
    assert (schedule.after(ns), schedule.before(ns)) == (fresh.after(ns), fresh.before(ns))


@settings(deadline=None, max_examples=examples(60))
@given(crons, instants)
def test_R9_cron_agrees_with_looking_at_every_minute(schedule: CronSchedule, ns: int) -> None:
    begin = ns // MINUTE * MINUTE
    found = list(between(schedule, begin - 1, begin + 2 * DAY))
    assert found == list(_by_the_wall(schedule, begin, begin + 2 * DAY))


def _by_the_wall(schedule: CronSchedule, begin: int, end: int) -> Iterator[int]:
    """R9 read word for word: walk through real time and look at the clock on the wall."""
    place, rule = zone(schedule.tz), CronSim(schedule.expr, datetime(2026, 1, 1))
    real_time = "*" in schedule.expr.split()[1][:1] or "/" in schedule.expr.split()[1]
    last = wall_clock(begin - 30 * HOUR, place)  # the latest time that the wall has shown
    for ns in range(begin - 30 * HOUR, end, MINUTE):
        wall = wall_clock(ns, place)
        if real_time:
            due = _named(rule, wall)
        else:
            new = (last + timedelta(minutes=n) for n in range(1, int((wall - last) / timedelta(minutes=1)) + 1))
            due = any(_named(rule, time) for time in new)
            last = max(last, wall.replace(fold=0))
        if due and ns >= begin:
            yield ns


def _named(rule: CronSim, wall: datetime) -> bool:
    in_day = wall.minute in rule.minutes and wall.hour in rule.hours
    return in_day and wall.month in rule.months and bool(rule.match_day(wall.date()))


@calm
@given(minutes, hours, days, months, weekdays, instants)
def test_R9_cron_in_utc_agrees_with_cronsim(m: str, h: str, d: str, mo: str, w: str, ns: int) -> None:
    peer = CronSim(f"{m} {h} {d} {mo} {w}", to_datetime(ns // SECOND * SECOND))
    tick: int | None = ns
    for _, expected in zip(range(20), peer, strict=False):
        tick = CronSchedule(f"{m} {h} {d} {mo} {w}").after(tick or 0)
        assert to_datetime(tick or 0) == expected.astimezone(UTC)


def test_R9_every_counts_from_its_anchor_both_ways() -> None:
    every = EverySchedule(15 * MINUTE, anchor=7 * MINUTE)
    assert every.after(0) == 7 * MINUTE
    assert every.after(7 * MINUTE) == 22 * MINUTE
    assert every.before(0) == -8 * MINUTE
    assert every.before(7 * MINUTE - 1) == -8 * MINUTE
    assert EverySchedule(15 * MINUTE).has_tick(0)


def test_R9_instants_of_a_list_tick_in_order_and_once() -> None:
    several = AtSchedule((300, 100, 300))
    assert several.times == (100, 300) and schedule_from_json(several.to_json()) == several
    assert list(between(several, 0, 400)) == [100, 300]
    assert [several.count(0, 400), several.count(101, 300), several.count(100, 301)] == [2, 0, 2]
    assert several.before(99) is several.after(300) is None
    assert shares_tick(several, EverySchedule(300)) and not shares_tick(several, EverySchedule(7))


def test_R9_a_one_off_ticks_once() -> None:
    once = AtSchedule(100)
    assert list(between(once, 0, 200)) == [100]
    assert (once.after(100), once.before(99)) == (None, None)


# ------------------------------------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("hourly", CronSchedule("0 * * * *")),
        ("daily", CronSchedule("0 0 * * *")),
        ("weekly", CronSchedule("0 0 * * 0")),
        ("Monthly", CronSchedule("0 0 1 * *")),
        ("1h", EverySchedule(HOUR)),
        ("3h", EverySchedule(3 * HOUR)),
        ("90m", EverySchedule(90 * MINUTE)),
        ("30 4,13,22 * * *", CronSchedule("30 4,13,22 * * *")),
        ("@daily", CronSchedule("@daily")),
        ("40 12 * * 7", CronSchedule("40 12 * * 7")),
    ],
)
def test_words_of_estates(word: str, expected: Schedule) -> None:
    assert from_word(word) == expected


def test_words_take_a_zone() -> None:
    assert from_word("daily", BERLIN) == CronSchedule("0 0 * * *", BERLIN)


@pytest.mark.parametrize("word", ["once", "", "fortnightly", "0h", "-1h", "3x", "0 25 * * *", None, 3])
def test_R15_other_words_are_refused(word: str) -> None:
    with pytest.raises(InvalidValue):
        from_word(word)


def test_daily_and_weekly() -> None:
    assert daily_at("09:30", BERLIN) == CronSchedule("30 9 * * *", BERLIN)
    assert weekly_at("mon", "8:00") == weekly_at("Monday", "08:00") == CronSchedule("0 8 * * mon")
    assert [weekly_at(d, "08:00").expr[-3:] for d in ("tuesday", "wednesday", "thursday", "saturday")] == [
        "tue",
        "wed",
        "thu",
        "sat",
    ]


@pytest.mark.parametrize("time", ["24:00", "9", "09:60", "9.30", "", None, 9])
def test_R15_a_bad_time_of_day_is_refused(time: str) -> None:
    with pytest.raises(InvalidValue, match="no time of day"):
        daily_at(time)


@pytest.mark.parametrize("day", ["", "monkey", "montag", "1", None])
def test_R15_a_bad_day_of_the_week_is_refused(day: str) -> None:
    with pytest.raises(InvalidValue, match="no day of the week"):
        weekly_at(day, "08:00")


@calm
@given(schedules)
def test_a_schedule_is_a_value(schedule: Schedule) -> None:
    twin = schedule_from_json(json.loads(json.dumps(schedule.to_json())))
    assert twin == schedule
    assert hash(twin) == hash(schedule)
    assert pickle.loads(pickle.dumps(schedule)) == schedule
    assert schedule.text.startswith("rd.")


@pytest.mark.parametrize("data", [None, {}, {"at": "noon"}, {"cron": "x"}, {"every": "0s"}, {"cron": None}, []])
def test_R15_other_json_is_no_schedule(data: object) -> None:
    with pytest.raises(InvalidValue):
        schedule_from_json(data)


# ------------------------------------------------------------------------------------------- meeting


@pytest.mark.parametrize(
    ("a", "b", "meet"),
    [
        (CronSchedule("0 * * * *"), CronSchedule("0 2 * * *"), True),
        (CronSchedule("0 3 * * *"), CronSchedule("0 2 * * *"), False),
        (CronSchedule("0 2 * * *"), CronSchedule("0 2 1 * *"), True),
        (CronSchedule("0 2 1 * *"), CronSchedule("0 2 2 * *"), False),
        (CronSchedule("0 0 1 * *"), CronSchedule("0 0 * * mon"), True),
        (CronSchedule("0 2 * * *", BERLIN), CronSchedule("0 1 * * *"), True),
        (CronSchedule("0 0 1 1 *"), CronSchedule("0 0 1 1 *", BERLIN), False),
        (EverySchedule(3 * HOUR), CronSchedule("0 1/3 * * *"), False),
        (EverySchedule(3 * HOUR), CronSchedule("0 */6 * * *"), True),
        (EverySchedule(3 * HOUR), EverySchedule(2 * HOUR, anchor=HOUR), True),
        (EverySchedule(4 * HOUR), EverySchedule(2 * HOUR, anchor=HOUR), False),
        (AtSchedule(5 * DAY), CronSchedule("0 0 * * *"), True),
        (AtSchedule(5 * DAY + 1), CronSchedule("0 0 * * *"), False),
        (AtSchedule(5), AtSchedule(5), True),
    ],
)
def test_schedules_that_share_a_tick_in_a_year(a: Schedule, b: Schedule, meet: bool) -> None:
    assert shares_tick(a, b) is meet
    assert shares_tick(b, a) is meet


sparse = st.builds(
    lambda h, d, w, tz: CronSchedule(f"30 {h} {d} * {w}", tz),
    st.sampled_from(["2", "1-3", "0-23/5"]),
    days,
    weekdays,
    st.sampled_from(ZONES),
)


@settings(deadline=None, max_examples=examples(25))
@given(sparse, sparse)
def test_sharing_agrees_with_comparing_all_ticks(a: CronSchedule, b: CronSchedule) -> None:
    start = parse_time("2026-01-01")
    ticks = [set(between(s, start - 1, start + 366 * DAY)) for s in (a, b)]
    assert shares_tick(a, b) == bool(ticks[0] & ticks[1])
