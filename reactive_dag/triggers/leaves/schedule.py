"""Triggers on the clock.

Owns `Scheduled`, a leaf around one schedule of `model.schedule`, the functions that make it, and `ScheduleCell`: when
the schedule ticks next, and which missed ticks are still to come (R9). The cell's state is `[next, end, missed, …]`:
the next tick, the last instant at which one may be, and the missed ticks that `catchup` let through, which step at
their own instants. Invariants: a tick is named by its due time alone (I3); missed ticks are ascending and lie before
the next one. The cell takes no items and holds none; a tick is pending in the cell behind it. Cost: to make, what the
schedule costs to check; one call of the schedule a tick; a gap its ticks; state: at most `max_catchup` instants a gap.
"""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Iterable
from typing import ClassVar, Protocol, TypeAlias

from attrs import frozen

from reactive_dag.model.clock.skipped import GivenSkip, skipped
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.records import AnyRecord, Mark
from reactive_dag.model.scalars import own
from reactive_dag.model.schedule import AtSchedule, CronSchedule, EverySchedule, Schedule, daily_at, weekly_at
from reactive_dag.model.text import seen
from reactive_dag.model.times import NEVER, GivenDuration, format_time, parse_duration, parse_time
from reactive_dag.triggers.base import DrawnAs, Trigger
from reactive_dag.triggers.cell import Cell, Opaque, State


@frozen(cache_hash=True)
class Scheduled(Trigger):
    """Fires at each tick of its schedule."""

    kind: ClassVar[str] = "clock"
    gathers: ClassVar[bool] = False
    emits: ClassVar[bool] = True
    holds_one: ClassVar[bool] = True
    needs_dated_key: ClassVar[bool] = True
    drawn_as: ClassVar[DrawnAs] = "clock"

    schedule: Schedule

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.schedule, CronSchedule | EverySchedule | AtSchedule):
            raise InvalidValue(
                f"a clock takes a schedule, not {seen(self.schedule)}; write rd.cron(...), rd.every(...)"
            )

    def came(self, fact: AnyRecord | Mark) -> bool:
        """Whether a tick is one of its schedule's. O(1)."""
        return isinstance(fact, Mark) and fact.kind == "tick" and self.schedule.has_tick(fact.due)

    def anchored(self, start: int) -> Scheduled:
        """An `every` without an anchor counts from `start`. O(1)."""
        schedule = self.schedule
        if isinstance(schedule, EverySchedule) and schedule.anchor == 0:
            return Scheduled(EverySchedule(schedule.period, start, schedule.skip))
        return self

    def __repr__(self) -> str:
        text, schedule = self.schedule.text, self.schedule
        if isinstance(schedule, EverySchedule) and schedule.anchor:
            return f"{text[:-1]}, anchor={format_time(schedule.anchor)!r})"
        return text


def cron(expr: str, tz: str | None = None, *, skip: GivenSkip | None = None) -> Scheduled:
    """Fire at each tick of a five-field cron expression, in an IANA zone (UTC without one). O(dates).

    Not on the dates to `skip`, which are days of that zone: holidays. Raises InvalidValue for an expression, a zone or
    a date that is none, with what is wrong.

    >>> cron("0 2 * * *", tz="Europe/Berlin", skip=["2026-12-25"])
    rd.cron('0 2 * * *', tz='Europe/Berlin', skip=['2026-12-25'])
    """
    place = "UTC" if tz is None else tz
    return Scheduled(CronSchedule(expr, place, skipped(skip, place)))


def every(
    period: GivenDuration, anchor: dt.datetime | str | None = None, *, skip: GivenSkip | None = None,
    tz: str | None = None,
) -> Scheduled:  # fmt: skip
    """Fire each time a whole number of periods has passed since `anchor` (1970-01-01 UTC without one). O(dates).

    Not on the dates to `skip`, which are days of `tz` (UTC without one). Raises InvalidValue for a period that is no
    positive duration, a naive anchor, a date that is none, and for `tz` without dates to skip.

    >>> every("15m")
    rd.every('15m')
    """
    if tz is not None and skip is None:
        raise InvalidValue(f"every(..., tz={seen(tz)}): an interval has no zone but for dates to skip; write skip= too")
    length = parse_duration(period, what="period")
    begin = 0 if anchor is None else parse_time(anchor, what="anchor")
    return Scheduled(EverySchedule(length, begin, skipped(skip, "UTC" if tz is None else tz)))


def daily(time: str, tz: str | None = None, *, skip: GivenSkip | None = None) -> Scheduled:
    """Fire each day at a time of day ("09:30"), in an IANA zone (UTC without one), but for dates to `skip`. O(dates).

    Raises InvalidValue for a time, a zone or a date that is none.

    >>> daily("09:30", tz="Europe/Berlin")
    rd.cron('30 9 * * *', tz='Europe/Berlin')
    """
    place = "UTC" if tz is None else tz
    return Scheduled(daily_at(time, place, skipped(skip, place)))


def weekly(day: str, time: str, tz: str | None = None, *, skip: GivenSkip | None = None) -> Scheduled:
    """Fire each week on a weekday ("mon" or "monday") at a time of day, in an IANA zone (UTC without one). O(dates).

    Not on the dates to `skip`. Raises InvalidValue for a day, a time, a zone or a date that is none.

    >>> weekly("mon", "08:00")
    rd.cron('0 8 * * mon')
    """
    place = "UTC" if tz is None else tz
    return Scheduled(weekly_at(day, time, place, skipped(skip, place)))


GivenInstant: TypeAlias = dt.datetime | dt.date | str


def at(
    time: GivenInstant | Iterable[GivenInstant], tz: str | None = None, *, skip: GivenSkip | None = None
) -> Scheduled:  # fmt: skip
    """Fire at a time, or at each of several; a bare date is that day's midnight in `tz` (UTC without one). O(n log n).

    Times are taken in order, each once, but for those on the dates to `skip`, which are days of `tz`. Raises
    InvalidValue for a naive time, a date that is none, and where no time is left.

    >>> at("2026-11-23T06:00:00Z")
    rd.at('2026-11-23T06:00:00Z')
    >>> at(["2026-12-01", "2026-11-01", "2026-12-01"], tz="Europe/Berlin")
    rd.at(['2026-10-31T23:00:00Z', '2026-11-30T23:00:00Z'])
    """
    time = own(time)
    if isinstance(time, str | dt.date):
        time = (time,)
    if not isinstance(time, Iterable):
        raise InvalidValue(f"time {seen(time)} is no time: give an aware datetime, a date, text, or a list of those")
    days = skipped(skip, "UTC" if tz is None else tz)
    instants = [parse_time(each, tz, what="time") for each in time]
    return Scheduled(AtSchedule([each for each in instants if days is None or not days.has(each)]))


# ------------------------------------------------------------------------------------------------- cell


class Ticks(Protocol):
    """What a cell asks of a schedule."""

    def after(self, ns: int, /) -> int | None:
        """The first tick strictly after an instant."""
        ...


class CountedTicks(Ticks, Protocol):
    """What is asked of a schedule of which ticks can be missed."""

    def before(self, ns: int, /) -> int | None:
        """The newest tick at or before an instant."""
        ...

    def count(self, first: int, until: int, /) -> int:
        """How many ticks there are from an instant on and before a later one."""
        ...


CATCHUPS: dict[str | bool, str] = {"one": "one", "all": "all", "none": "none", False: "one", True: "all"}


def kept(catchup: str | bool, most: int) -> int:
    """How many of the missed ticks may still run. Raises InvalidValue for another word."""
    word = CATCHUPS.get(catchup)
    if word is None:
        raise InvalidValue(f"catchup={catchup!r}: write 'one' (or False), 'all' (or True), or 'none'")
    return {"one": 1, "all": most, "none": 0}[word]


class ScheduleCell(Cell):
    """Steps at each tick of a schedule, once it is armed."""

    __slots__ = ("schedule",)

    def __init__(self, schedule: CountedTicks) -> None:
        super().__init__()
        self.schedule = schedule

    def fresh(self) -> State:
        """Not armed: no tick is due."""
        return [NEVER, NEVER]

    def begin(self, state: State, now: int, start: int | None, end: int | None, keep: int) -> int:
        """Tick from `now` on, strictly, and not before `start` nor after `end` (both included).

        The newest `keep` ticks between `start` and `now` are still to come. Gives how many others are missed.
        """
        state[:] = [NEVER, NEVER if end is None else end]
        if start is not None and start < now:
            state[0] = self._next(state, start - 1)
            missed = self._skip(state, now, keep)
            if state[0] == now:
                state[0] = self._next(state, now)
            return missed
        state[0] = self._next(state, now if start is None else max(now, start - 1))
        return 0

    def gap(self, state: State, since: int, until: int, keep: int) -> int:
        """Nobody was there: keep the newest `keep` ticks strictly in between; gives how many others are missed."""
        while state[0] <= since:
            state.append(state[0])
            state[0] = self._next(state, state[0])
        return self._skip(state, until, keep)

    def _skip(self, state: State, until: int, keep: int) -> int:
        """Pass over the ticks before `until` but the newest `keep`; gives how many. O(keep), and counting them."""
        first, last = state[0], min(until, state[1] + 1)
        if first >= last:
            return 0
        count = self.schedule.count(first, last)
        newest: deque[int] = deque()
        while len(newest) < min(keep, count):
            tick = self.schedule.before((newest[0] if newest else last) - 1)
            assert tick is not None, "there are as many as were counted"
            newest.appendleft(tick)
        state[0] = self._next(state, until - 1)
        state += newest
        return count - len(newest)

    def _next(self, state: State, now: int) -> int:
        tick = self.schedule.after(now)
        return NEVER if tick is None or tick > state[1] else tick

    def due(self, state: State) -> int:
        """The first missed tick that is still to come, else the next one."""
        due: int = state[2] if len(state) > 2 else state[0]
        return due

    def step(self, state: State, now: int) -> list[Opaque] | None:
        """The tick's instant, if one is due at `now`."""
        due = self.due(state)
        if due > now:
            return None
        if len(state) > 2:
            del state[2]
        else:
            state[0] = self._next(state, due)
        return [due]

    def is_idle(self, state: State, now: int) -> bool:
        """Whether no tick is due any more."""
        return self.due(state) == NEVER
