"""Triggers on the clock.

Owns `Scheduled`, a leaf around one schedule of `model.schedule`, and the functions that make it. A tick is named by its
due time alone (I3, R9). Making one costs what its schedule costs to check.
"""

from __future__ import annotations

import datetime as dt
from typing import ClassVar

from attrs import frozen

from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.schedule import AtSchedule, CronSchedule, EverySchedule, Schedule, daily_at, weekly_at
from reactive_dag.model.times import GivenDuration, format_time, parse_duration, parse_time
from reactive_dag.triggers.base import Trigger


@frozen(cache_hash=True)
class Scheduled(Trigger):
    """Fires at each tick of its schedule."""

    kind: ClassVar[str] = "clock"

    schedule: Schedule

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.schedule, CronSchedule | EverySchedule | AtSchedule):
            raise InvalidValue(f"a clock takes a schedule, not {self.schedule!r}; write rd.cron(...) or rd.every(...)")

    def __repr__(self) -> str:
        text, schedule = self.schedule.text, self.schedule
        if isinstance(schedule, EverySchedule) and schedule.anchor:
            return f"{text[:-1]}, anchor={format_time(schedule.anchor)!r})"
        return text


def cron(expr: str, tz: str | None = None) -> Scheduled:
    """Fire at each tick of a five-field cron expression, in an IANA zone (UTC without one). O(1).

    Raises InvalidValue for an expression or a zone that is none, with what is wrong.

    >>> cron("0 2 * * *", tz="Europe/Berlin")
    rd.cron('0 2 * * *', tz='Europe/Berlin')
    """
    return Scheduled(CronSchedule(expr, "UTC" if tz is None else tz))


def every(period: GivenDuration, anchor: dt.datetime | str | None = None) -> Scheduled:
    """Fire each time a whole number of periods has passed since `anchor` (1970-01-01 UTC without one). O(1).

    Raises InvalidValue for a period that is no positive duration, and for a naive anchor.

    >>> every("15m")
    rd.every('15m')
    """
    return Scheduled(
        EverySchedule(parse_duration(period, what="period"), 0 if anchor is None else parse_time(anchor, what="anchor"))
    )


def daily(time: str, tz: str | None = None) -> Scheduled:
    """Fire each day at a time of day ("09:30"), in an IANA zone (UTC without one). O(1).

    Raises InvalidValue for a time or a zone that is none.

    >>> daily("09:30", tz="Europe/Berlin")
    rd.cron('30 9 * * *', tz='Europe/Berlin')
    """
    return Scheduled(daily_at(time, "UTC" if tz is None else tz))


def weekly(day: str, time: str, tz: str | None = None) -> Scheduled:
    """Fire each week on a weekday ("mon" or "monday") at a time of day, in an IANA zone (UTC without one). O(1).

    Raises InvalidValue for a day, a time or a zone that is none.

    >>> weekly("mon", "08:00")
    rd.cron('0 8 * * mon')
    """
    return Scheduled(weekly_at(day, time, "UTC" if tz is None else tz))


def at(time: dt.datetime | dt.date | str, tz: str | None = None) -> Scheduled:
    """Fire once, at a time; a bare date is that day's midnight in `tz` (UTC without one). O(1).

    Raises InvalidValue for a naive time.

    >>> at("2026-11-23T06:00:00Z")
    rd.at('2026-11-23T06:00:00Z')
    """
    return Scheduled(AtSchedule(parse_time(time, tz, what="time")))
