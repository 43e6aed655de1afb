"""Schedules: when a clock ticks. Cron in a zone, an interval, or a list of instants.

Owns the three frozen forms and what can be asked of them. Invariant: a schedule's ticks are a fixed ascending set of
instants, whatever was asked before: `after(t)` is its least member above `t`, `before(t)` its greatest up to `t`
(R9). Nothing here reads a clock. Cost: `after` within a stretch asked before 0.5 µs, else 0.1 ms a month passed over
(a daily cron read from end to end: 3 to 10 µs a tick); intervals 0.1 µs; dates that are skipped O(log dates) more.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from math import gcd
from typing import Final, TypeAlias

import attrs

from .clock.cron import Cron, compile_cron
from .clock.skipped import SkippedDates, skipped
from .clock.weekdays import weekday
from .errors import InvalidValue
from .records import Json
from .text import exact, seen
from .times import (
    DAY,
    NEVER,
    format_duration,
    format_time,
    from_datetime,
    parse_duration,
    parse_time,
    to_datetime,
    wall_clock,
    zone,
)

_WORDS: Final = {
    "hourly": "0 * * * *", "daily": "0 0 * * *", "weekly": "0 0 * * 0", "monthly": "0 0 1 * *", "yearly": "0 0 1 1 *",
}  # fmt: skip
_INTERVAL = re.compile(r"\d+(\.\d+)?[a-z]", re.ASCII | re.IGNORECASE)
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})", re.ASCII)


class _Ticks(ABC):
    """What all schedules answer, from `after` and `before`."""

    __slots__ = ()

    @abstractmethod
    def after(self, ns: int) -> int | None:
        """The first tick strictly after an instant; None if there is none."""

    @abstractmethod
    def before(self, ns: int) -> int | None:
        """The newest tick at or before an instant; None if there is none."""

    @abstractmethod
    def count(self, first: int, until: int) -> int:
        """How many ticks there are from `first` on and before `until`, which is not earlier."""

    def has_tick(self, ns: int) -> bool:
        """Whether an instant is exactly a tick. Cost as `before`.

        >>> EverySchedule(10).has_tick(30), EverySchedule(10).has_tick(31)
        (True, False)
        """
        return self.before(ns) == ns


def _tidy(text: str) -> str:
    return " ".join(exact(text).split()) if isinstance(text, str) else text


@attrs.frozen
class CronSchedule(_Ticks):
    """A five-field cron text (or a macro) in an IANA zone, but for dates that it skips. Equal by text, zone and dates.

    Cost: reading it, once for equal ones. Raises `InvalidValue` for a bad text or zone, saying which field.

    >>> CronSchedule("30 2 * * *", "Europe/Berlin").text
    "rd.cron('30 2 * * *', tz='Europe/Berlin')"
    """

    expr: str = attrs.field(converter=_tidy)
    tz: str = "UTC"
    skip: SkippedDates | None = None
    _cron: Cron = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.expr, str):
            raise InvalidValue(f"cron {seen(self.expr)} is no text: write five fields like '0 2 * * *'")
        object.__setattr__(self, "tz", zone(self.tz).key)
        object.__setattr__(self, "_cron", compile_cron(self.expr, self.tz))

    def after(self, ns: int) -> int | None:
        """The first tick strictly after an instant; None if there is none in fifty years. O(log ticks), amortised.

        >>> format_time(CronSchedule("0 2 * * *").after(0))
        '1970-01-01T02:00:00Z'
        """
        return self._cron.after(ns) if self.skip is None else self.skip.after(ns, self._cron.after)

    def before(self, ns: int) -> int | None:
        """The newest tick at or before an instant; None if there is none in fifty years. O(log ticks), amortised.

        >>> CronSchedule("0 0 * * *").before(5)
        0
        """
        return self._cron.before(ns) if self.skip is None else self.skip.before(ns, self._cron.before)

    def named_wall(self, tick: int) -> datetime:
        """The time that the schedule names for one of its ticks: the wall shows another where a clock change moved it.

        O(log ticks), amortised.

        >>> moved = from_datetime(datetime.fromisoformat("2026-03-29T03:00+02:00"))
        >>> CronSchedule("30 2 * * *", "Europe/Berlin").named_wall(moved).isoformat()
        '2026-03-29T02:30:00'
        """
        shown = wall_clock(tick, zone(self.tz)).replace(fold=0)
        named = compile_cron(self.expr, "UTC").before(from_datetime(shown.replace(tzinfo=UTC)))
        return shown if named is None else to_datetime(named).replace(tzinfo=None)

    def count(self, first: int, until: int) -> int:
        """How many ticks there are from `first` on and before `until`, which is not earlier. O(days between).

        >>> CronSchedule("0 */6 * * *").count(0, 2 * DAY)
        8
        """
        count = self._cron.count
        return count(first, until) if self.skip is None else self.skip.count(first, until, count)

    @property
    def text(self) -> str:
        """The expression that makes it. O(1)."""
        tz = "" if self.tz == "UTC" else f", tz={self.tz!r}"
        return f"rd.cron({self.expr!r}{tz}{_skip_text(self.skip)})"

    def to_json(self) -> Json:
        """Plain JSON that `schedule_from_json` reads. O(1)."""
        return {"cron": self.expr, "tz": self.tz, **({} if self.skip is None else {"skip": self.skip.to_json()})}


@attrs.frozen
class EverySchedule(_Ticks):
    """An interval, counted both ways from an anchor (1970-01-01 UTC, or the DAG's start), but for dates that it skips.

    In nanoseconds. Cost: O(1). Raises `InvalidValue` for a period that is not more than zero.

    >>> EverySchedule(10, anchor=3).after(13), EverySchedule(10, anchor=3).before(12)
    (23, 3)
    """

    period: int = attrs.field()
    anchor: int = 0
    skip: SkippedDates | None = None

    @period.validator
    def _more_than_zero(self, _attribute: object, value: int) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < NEVER:
            raise InvalidValue(f"an interval of {seen(value)} ns cannot be: it must be a whole number above zero")

    def after(self, ns: int) -> int | None:
        """The first tick strictly after an instant. O(1)."""
        return self._after(ns) if self.skip is None else self.skip.after(ns, self._after)

    def before(self, ns: int) -> int | None:
        """The newest tick at or before an instant. O(1)."""
        return self._before(ns) if self.skip is None else self.skip.before(ns, self._before)

    def count(self, first: int, until: int) -> int:
        """How many ticks there are from `first` on and before `until`, which is not earlier. O(1).

        >>> EverySchedule(10).count(0, 30), EverySchedule(10).count(1, 31)
        (3, 3)
        """
        return self._count(first, until) if self.skip is None else self.skip.count(first, until, self._count)

    def _after(self, ns: int) -> int | None:
        tick = ns - (ns - self.anchor) % self.period + self.period
        return tick if tick < NEVER else None

    def _before(self, ns: int) -> int:
        return ns - (ns - self.anchor) % self.period

    def _count(self, first: int, until: int) -> int:
        return (until - 1 - self.anchor) // self.period - (first - 1 - self.anchor) // self.period

    @property
    def text(self) -> str:
        """The expression that makes it (its anchor is its DAG's). O(1)."""
        skip = self.skip
        tz = "" if skip is None or skip.tz == "UTC" else f", tz={skip.tz!r}"
        return f"rd.every({format_duration(self.period)!r}{_skip_text(skip)}{tz})"

    def to_json(self) -> Json:
        """Plain JSON that `schedule_from_json` reads. O(1)."""
        skip = {} if self.skip is None else {"skip": self.skip.to_json(), "tz": self.skip.tz}
        return {"every": format_duration(self.period), "anchor": format_time(self.anchor), **skip}


def _instants(given: int | Iterable[int]) -> tuple[int, ...]:
    return (given,) if isinstance(given, int) else tuple(sorted(set(given)))


@attrs.frozen
class AtSchedule(_Ticks):
    """Instants, nanoseconds UTC: ascending, each once, at least one.

    Raises `InvalidValue` for none.

    >>> AtSchedule(5).after(4), AtSchedule(5).after(5), AtSchedule((9, 5, 9)).times
    (5, None, (5, 9))
    """

    times: tuple[int, ...] = attrs.field(converter=_instants)

    @times.validator
    def _at_least_one(self, _attribute: object, value: tuple[int, ...]) -> None:
        if not value:
            raise InvalidValue("at() without a time never ticks: give at least one that is not skipped")

    def after(self, ns: int) -> int | None:
        """The first of its instants strictly after `ns`. O(log instants)."""
        at = bisect_right(self.times, ns)
        return self.times[at] if at < len(self.times) else None

    def before(self, ns: int) -> int | None:
        """The newest of its instants at or before `ns`. O(log instants)."""
        at = bisect_right(self.times, ns)
        return self.times[at - 1] if at else None

    def count(self, first: int, until: int) -> int:
        """How many of its instants lie from `first` on and before `until`. O(log instants)."""
        return bisect_left(self.times, until) - bisect_left(self.times, first)

    @property
    def text(self) -> str:
        """The expression that makes it. O(instants)."""
        return f"rd.at({self._given()!r})"

    def to_json(self) -> Json:
        """Plain JSON that `schedule_from_json` reads. O(instants)."""
        return {"at": self._given()}

    def _given(self) -> str | list[str]:
        texts = [format_time(time) for time in self.times]
        return texts[0] if len(texts) == 1 else texts


def _skip_text(skip: SkippedDates | None) -> str:
    return "" if skip is None else f", skip={list(skip.dates)!r}"


Schedule: TypeAlias = CronSchedule | EverySchedule | AtSchedule


def schedule_from_json(data: Json) -> Schedule:
    """The schedule that `to_json` wrote. O(1). Raises `InvalidValue` for other data.

    >>> schedule_from_json(CronSchedule("0 2 * * *").to_json()) == CronSchedule("0 2 * * *")
    True
    """
    if isinstance(data, dict):
        given, tz = data.get("skip"), data.get("tz", "UTC")
        if given is not None and not isinstance(given, list):
            raise InvalidValue(f"{seen(given)} is no list of dates")
        skip = skipped(given, tz)
        if "cron" in data:
            return CronSchedule(data["cron"], tz, skip)
        if "every" in data:
            anchor = parse_time(data.get("anchor", "1970-01-01T00:00Z"))
            return EverySchedule(parse_duration(data["every"]), anchor, skip)
        if "at" in data:
            times = data["at"] if isinstance(data["at"], list) else [data["at"]]
            return AtSchedule([parse_time(time) for time in times])
    raise InvalidValue(f"{seen(data)} is no schedule: it needs a 'cron', an 'every' or an 'at'")


def daily_at(time: str, tz: str = "UTC", skip: SkippedDates | None = None) -> CronSchedule:
    """Every day at a time of day such as "09:30". O(1). Raises `InvalidValue` for another text.

    >>> daily_at("09:30").expr
    '30 9 * * *'
    """
    hour, minute = _clock(time)
    return CronSchedule(f"{minute} {hour} * * *", tz, skip)


def weekly_at(day: str, time: str, tz: str = "UTC", skip: SkippedDates | None = None) -> CronSchedule:
    """Every week on a day ("mon" or "monday") at a time of day. O(1). Raises `InvalidValue` for other texts.

    >>> weekly_at("mon", "08:00").expr
    '0 8 * * mon'
    """
    short = weekday(day)
    hour, minute = _clock(time)
    return CronSchedule(f"{minute} {hour} * * {short}", tz, skip)


def _clock(time: str) -> tuple[int, int]:
    found = _CLOCK.fullmatch(exact(time).strip()) if isinstance(time, str) else None
    hour, minute = (int(found[1]), int(found[2])) if found else (99, 99)
    if hour > 23 or minute > 59:
        raise InvalidValue(f"{seen(time)} is no time of day: write it like '09:30'")
    return hour, minute


def from_word(word: str, tz: str = "UTC") -> Schedule:
    """The schedule that estates write as a word ("hourly", "daily", ...), an interval ("3h") or a cron text. O(text).

    Raises `InvalidValue` for anything else, "once" too: a DAG that is started by hand has no schedule.

    >>> from_word("daily") == from_word("0 0 * * *"), from_word("3h").text
    (True, "rd.every('3h')")
    """
    text = word.strip() if isinstance(word, str) else word
    if not isinstance(text, str) or text.lower() in ("", "once", "none", "@once"):
        raise InvalidValue(f"{word!r} is no schedule: a DAG started by hand is declared without one")
    if _INTERVAL.match(text) and " " not in text:
        return EverySchedule(parse_duration(text.lower(), what="interval"))
    if " " not in text and text.lower() not in _WORDS and not text.startswith("@"):
        raise InvalidValue(f"{word!r} is no schedule: write one of {', '.join(_WORDS)}, '3h', or five cron fields")
    return CronSchedule(_WORDS.get(text.lower(), text), tz)


@lru_cache(maxsize=4096)
def shares_tick(a: Schedule, b: Schedule, start: int = 1_767_225_600_000_000_000) -> bool:
    """Whether two schedules have a tick in common within a year (of 366 days) from `start`, by default 2026-01-01 UTC.

    Lists of instants and two intervals that skip nothing are compared for all time. Cost: O(1) for these, else O(ticks
    of the rarer one) to the first they share; two crons of every other minute that never meet take 0.3 s, once.

    >>> shares_tick(CronSchedule("0 * * * *"), CronSchedule("0 2 * * *"))
    True
    >>> shares_tick(CronSchedule("0 * * * *"), CronSchedule("30 2 * * *"))
    False
    """
    for one, other in ((a, b), (b, a)):
        if isinstance(one, AtSchedule):
            return any(other.has_tick(time) for time in one.times)
    if isinstance(a, EverySchedule) and isinstance(b, EverySchedule) and a.skip is b.skip is None:
        return (a.anchor - b.anchor) % gcd(a.period, b.period) == 0
    return _meet(a, b, start, start + 366 * DAY)


def _meet(a: Schedule, b: Schedule, start: int, end: int) -> bool:
    """Whether both tick at one instant in [start, end): leap from a tick of one to the next tick of the other."""
    tick = a.after(start - 1)
    while tick is not None and tick < end:
        other = b.after(tick - 1)
        if other == tick or other is None:
            return other == tick
        tick, a, b = other, b, a
    return False
