"""Triggers on the clock.

Owns `Clock`, a leaf around one schedule of `model.schedule`, and the functions that make it. A tick is named by its
due time alone (I3, R9). Making one costs what its schedule costs to check.
"""

from __future__ import annotations

import datetime as dt
from typing import ClassVar, TypeAlias

from attrs import frozen

from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.schedule import AtSchedule, CronSchedule, EverySchedule
from reactive_dag.model.times import format_duration, format_time, parse_duration, parse_time
from reactive_dag.triggers.trigger import Span, Trigger

Schedule: TypeAlias = CronSchedule | EverySchedule | AtSchedule

WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
LONG_WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")


@frozen(cache_hash=True)
class Clock(Trigger):
    """Fires at each tick of its schedule."""

    kind: ClassVar[str] = "clock"

    schedule: Schedule

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.schedule, CronSchedule | EverySchedule | AtSchedule):
            raise InvalidValue(f"a clock takes a schedule, not {self.schedule!r}; write rd.cron(...) or rd.every(...)")

    def __repr__(self) -> str:
        schedule = self.schedule
        if isinstance(schedule, CronSchedule):
            zone = "" if schedule.tz == "UTC" else f", tz={schedule.tz!r}"
            return f"rd.cron({schedule.expr!r}{zone})"
        if isinstance(schedule, EverySchedule):
            anchor = "" if schedule.anchor == 0 else f", anchor={format_time(schedule.anchor)!r}"
            return f"rd.every({format_duration(schedule.period)!r}{anchor})"
        return f"rd.at({format_time(schedule.time)!r})"


def cron(expr: str, tz: str | None = None) -> Clock:
    """Fire at each tick of a five-field cron expression, in an IANA zone (UTC without one). O(1).

    Raises InvalidValue for an expression or a zone that is none, with what is wrong.

    >>> cron("0 2 * * *", tz="Europe/Berlin")
    rd.cron('0 2 * * *', tz='Europe/Berlin')
    """
    return Clock(CronSchedule(expr, "UTC" if tz is None else tz))


def every(period: Span, anchor: dt.datetime | str | None = None) -> Clock:
    """Fire each time a whole number of periods has passed since `anchor` (1970-01-01 UTC without one). O(1).

    Raises InvalidValue for a period that is no positive duration, and for a naive anchor.

    >>> every("15m")
    rd.every('15m')
    """
    return Clock(EverySchedule(parse_duration(period, what="period"), 0 if anchor is None else _time(anchor, "anchor")))


def daily(time: str | dt.time, tz: str | None = None) -> Clock:
    """Fire each day at a time of day ("09:30"), in an IANA zone (UTC without one). O(1).

    Raises InvalidValue for a time or a zone that is none.

    >>> daily("09:30", tz="Europe/Berlin")
    rd.cron('30 9 * * *', tz='Europe/Berlin')
    """
    hour, minute = _time_of_day(time, "daily")
    return cron(f"{minute} {hour} * * *", tz)


def weekly(day: str, time: str | dt.time, tz: str | None = None) -> Clock:
    """Fire each week on a weekday ("mon" or "monday") at a time of day, in an IANA zone (UTC without one). O(1).

    Raises InvalidValue for a day, a time or a zone that is none.

    >>> weekly("mon", "08:00")
    rd.cron('0 8 * * 1')
    """
    hour, minute = _time_of_day(time, "weekly")
    return cron(f"{minute} {hour} * * {_weekday(day)}", tz)


def at(time: dt.datetime | dt.date | str, tz: str | None = None) -> Clock:
    """Fire once, at a time; a bare date is that day's midnight in `tz` (UTC without one). O(1).

    Raises InvalidValue for a naive time.

    >>> at("2026-11-23T06:00:00Z")
    rd.at('2026-11-23T06:00:00Z')
    """
    return Clock(AtSchedule(_time(time, "time", tz)))


def _time(value: dt.datetime | dt.date | str, what: str, tz: str | None = None) -> int:
    return parse_time(value, tz, what=what)


def _weekday(day: str) -> int:
    name = day.strip().lower() if isinstance(day, str) else ""
    for names in (WEEKDAYS, LONG_WEEKDAYS):
        if name in names:
            return names.index(name)
    raise InvalidValue(f"weekly(): {day!r} is no weekday; write one of {', '.join(WEEKDAYS)}")


def _time_of_day(value: str | dt.time, what: str) -> tuple[int, int]:
    """Hour and minute of "HH:MM"; seconds and zones are refused, since a schedule has minutes and its own zone."""
    try:
        found = dt.time.fromisoformat(value) if isinstance(value, str) and ":" in value else value
    except ValueError:
        found = value
    if not isinstance(found, dt.time) or found.second or found.microsecond or found.tzinfo:
        raise InvalidValue(
            f'{what}(): {value!r} is no time of day; write hours and minutes like "09:30", and tz= apart'
        )
    return found.hour, found.minute
