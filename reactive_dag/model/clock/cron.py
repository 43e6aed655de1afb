"""Five-field cron, read: which minutes of which days of a zone it names, right across clock changes (R9).

Owns the reading of the text (the field rules are `cronsim`'s) and the instants of one stretch of time. Invariant: what
is given back depends on text, zone and instants alone; the cache only saves work. Clock changes: a schedule with fixed
hours runs each wall time once, what a gap swallows at the first instant after the gap, what comes twice at its first;
one whose hour is `*` or stepped follows real time. Cost: 3 to 10 µs a day for building, 0.5 µs for asking again.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from cronsim.cronsim import RANGES, Field

from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.text import seen
from reactive_dag.model.times import DAY, SECOND, first_instant, from_datetime, wall_clock, zone

_MACROS: Final = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}  # fmt: skip
_FIELDS: Final = (
    (Field.MINUTE, "minute", "0-59"), (Field.HOUR, "hour", "0-23"), (Field.DAY, "day of month", "1-31"),
    (Field.MONTH, "month", "1-12 or jan-dec"), (Field.DOW, "day of week", "0-7 or sun-sat"),
)  # fmt: skip
_UNTIL_SUNDAY = re.compile(r"-SUN\b")
_STEPPED_RANGE = re.compile(r"(\w+)-(\w+)/\w+")
_EPOCH: Final = datetime(1970, 1, 1)
_EPOCH_DAY: Final = _EPOCH.toordinal()
_DAY: Final = 86400
_GIVE_UP: Final = 50 * 366  # days without a tick after which there is none
_DENSE: Final = 100  # ticks a day; below it a stretch is 32 days, else one
_KEPT: Final = 64  # stretches kept


class Cron:
    """A cron text in a zone: the ticks of any stretch of time. Made by `compile_cron`, shared by equal schedules.

    State: at most 64 stretches of one or 32 days. Cost: asking within a stretch asked before O(log ticks) in it.
    """

    __slots__ = ("_days", "_months", "_offsets", "_place", "_real_time", "_rule", "_size", "_stretches")

    def __init__(self, fields: tuple[str, ...], tz: str) -> None:
        self._rule = CronSim(" ".join(fields), datetime(2026, 1, 1))
        self._months = frozenset(self._rule.months)
        self._offsets = [h * 3600 + m * 60 for h in sorted(self._rule.hours) for m in sorted(self._rule.minutes)]
        self._real_time = fields[1].startswith("*") or "/" in fields[1]
        self._place = zone(tz)
        self._days = 1 if len(self._offsets) > _DENSE else 32
        self._size = self._days * DAY
        self._stretches: dict[int, list[int]] = {}

    def ever(self) -> bool:
        """Whether there is any day that it names. O(days to the first)."""
        first = date(2000, 1, 1).toordinal()
        return any(self._names(date.fromordinal(day)) for day in range(first, first + _GIVE_UP))

    def after(self, ns: int) -> int | None:
        """The first tick strictly after an instant; None if there is none in fifty years. O(log ticks), amortised."""
        number = ns // self._size
        ticks = self._stretch(number)
        at = bisect_right(ticks, ns)
        if at < len(ticks):
            return ticks[at]
        for later in range(number + 1, number + 2 + _GIVE_UP // self._days):
            if ticks := self._stretch(later):
                return ticks[0]
        return None

    def before(self, ns: int) -> int | None:
        """The newest tick at or before an instant; None if there is none in fifty years. O(log ticks), amortised."""
        number = ns // self._size
        ticks = self._stretch(number)
        at = bisect_right(ticks, ns)
        if at:
            return ticks[at - 1]
        for earlier in range(number - 1, number - 2 - _GIVE_UP // self._days, -1):
            if ticks := self._stretch(earlier):
                return ticks[-1]
        return None

    def count(self, first: int, until: int) -> int:
        """How many ticks there are from an instant on and before another. O(days between)."""
        begin, end = first // DAY, until // DAY
        if begin == end:
            return self._count_within(first, until)
        edges = self._count_within(first, (begin + 1) * DAY) + self._count_within(end * DAY, until)
        return edges + sum(self._count_day(day) for day in range(begin + 1, end))

    def _count_within(self, first: int, until: int) -> int:
        """How many ticks there are between two instants of one UTC day."""
        ticks = self._stretch(first // self._size)
        return bisect_left(ticks, until) - bisect_left(ticks, first)

    def _count_day(self, day: int) -> int:
        """How many ticks a UTC day has, without working out which."""
        shift = _shift(self._place, day)
        if shift is not None:
            return self._count_wall(day * _DAY + shift, (day + 1) * _DAY + shift)
        if not self._real_time:
            return self._count_within(day * DAY, (day + 1) * DAY)
        return self._count_real(day * _DAY, (day + 1) * _DAY)

    def _count_real(self, begin: int, end: int) -> int:
        """How often the wall shows a time that it names, from one second to another, halved until it is steady."""
        shift = _ahead_at(self._place, begin)
        if end - begin == 1 or shift == _ahead_at(self._place, end - 1):
            return self._count_wall(begin + shift, end + shift)
        middle = (begin + end) // 2
        return self._count_real(begin, middle) + self._count_real(middle, end)

    def _count_wall(self, first: int, until: int) -> int:
        """How many times it names between two seconds on the wall."""
        found = 0
        for day in range(first // _DAY, (until - 1) // _DAY + 1):
            if self._names(date.fromordinal(day + _EPOCH_DAY)):
                low, high = max(first - day * _DAY, 0), min(until - day * _DAY, _DAY)
                found += bisect_left(self._offsets, high) - bisect_left(self._offsets, low)
        return found

    def _stretch(self, number: int) -> list[int]:
        ticks = self._stretches.get(number)
        if ticks is None:
            ticks = self._build(number * self._days)
            if len(self._stretches) >= _KEPT:
                self._stretches.clear()
            self._stretches[number] = ticks
        return ticks

    def _build(self, first: int) -> list[int]:
        """The ticks of a stretch that begins with a UTC day (counted from 1970), ascending."""
        last = first + self._days
        named = [day for day in range(first - 2, last + 2) if self._names(date.fromordinal(day + _EPOCH_DAY))]
        if not named:
            return []
        ticks: list[int] = []
        for day in range(first, last):
            shift = _shift(self._place, day)
            ticks += self._plain(day, named, shift) if shift is not None else self._at_change(day, named)
        return ticks

    def _names(self, day: date) -> bool:
        return day.month in self._months and bool(self._rule.match_day(day))

    def _plain(self, day: int, named: list[int], shift: int) -> list[int]:
        """The ticks of one UTC day around which the wall is `shift` seconds ahead."""
        begin = day * _DAY + shift
        end = begin + _DAY
        walls = (
            wall * _DAY + offset
            for wall in range(begin // _DAY, (end - 1) // _DAY + 1)
            if wall in named
            for offset in self._offsets
        )
        return [(wall - shift) * SECOND for wall in walls if begin <= wall < end]

    def _at_change(self, day: int, named: list[int]) -> list[int]:
        """The ticks of one UTC day near a change of the offset: each wall time is converted by itself."""
        found: set[int] = set()
        for wall in (_EPOCH + timedelta(days=n, seconds=s) for n in named if abs(n - day) <= 2 for s in self._offsets):
            found.update(_every_instant(wall, self._place) if self._real_time else (first_instant(wall, self._place),))
        return sorted(tick for tick in found if day * DAY <= tick < (day + 1) * DAY)


def _shift(place: ZoneInfo, day: int) -> int | None:
    """Seconds that the wall is ahead of UTC around a UTC day; None if that changes within a day of it."""
    if place.key == "UTC":
        return 0
    shift = _ahead(place, day)
    steady = _ahead(place, day - 1) == shift == _ahead(place, day + 1) == _ahead(place, day + 2)
    return shift if steady else None


@lru_cache(maxsize=65536)
def _ahead(place: ZoneInfo, day: int) -> int:
    """Seconds that the wall is ahead of UTC when a UTC day begins."""
    return _ahead_at(place, day * _DAY)


def _ahead_at(place: ZoneInfo, second: int) -> int:
    """Seconds that the wall is ahead of UTC at a second."""
    return (wall_clock(second * SECOND, place) - _EPOCH) // timedelta(seconds=1) - second


def _every_instant(wall: datetime, place: ZoneInfo) -> list[int]:
    """All instants at which the wall shows this time: none in a gap, two where it comes twice."""
    ticks = (from_datetime(wall.replace(tzinfo=place, fold=fold)) for fold in (0, 1))
    return [tick for tick in ticks if wall_clock(tick, place).replace(fold=0) == wall]


def read_cron(text: str) -> tuple[str, ...]:
    """The five fields of a cron text, macros resolved. O(text). Raises `InvalidValue` naming the field that is wrong.

    >>> read_cron("@daily")
    ('0', '0', '*', '*', '*')
    """
    if not isinstance(text, str):
        raise InvalidValue(f"cron {seen(text)} is no text: write five fields like '0 2 * * *'")
    if text.strip().startswith("@") and text.strip().lower() not in _MACROS:
        raise InvalidValue(f"cron {seen(text)} is no known macro: write one of {', '.join(_MACROS)}, or five fields")
    fields = tuple(_MACROS.get(text.strip().lower(), text).split())
    if len(fields) != 5:
        raise InvalidValue(
            f"cron {seen(text)} has {len(fields)} fields instead of 5: minute, hour, day of month, month, day of week"
        )
    for given, (field, name, allowed) in zip(fields, _FIELDS, strict=True):
        _check_field(given, field, name, allowed, text)
    return tuple(_tidied(given.upper(), field) for given, (field, _, _) in zip(fields, _FIELDS, strict=True))


def _tidied(given: str, field: Field) -> str:
    """A field as `cronsim` is to read it: Sunday at the end of a range is 7, and `5-5/10` is 5."""

    def one(part: str) -> str:
        found = _STEPPED_RANGE.fullmatch(part)
        if found and field.int(found[1]) == field.int(found[2]):
            return found[1]
        return _UNTIL_SUNDAY.sub("-7", part)

    return ",".join([one(part) for part in given.split(",")])


def _check_field(given: str, field: Field, name: str, allowed: str, text: str) -> None:
    try:
        field.parse(_UNTIL_SUNDAY.sub("-7", given.upper()))
    except (CronSimError, AssertionError, TypeError):
        hint = _range_hint(given, field) or f"it takes {allowed}, *, lists (1,2), ranges (1-5), steps (*/2)"
        raise InvalidValue(f"cron {seen(text)}: the {name} {given!r} cannot be read: {hint}") from None


def _range_hint(given: str, field: Field) -> str:
    """What to write for a range that runs backwards, such as 22-2."""
    found = re.fullmatch(r"(\w+)-(\w+)", given)
    try:
        first, last = (field.int(part.upper()) for part in found.groups()) if found else (0, 0)
    except CronSimError:
        return ""
    if not found or first <= last:
        return ""
    return f"the range runs backwards: write {first}-{max(RANGES[field])},{min(RANGES[field])}-{last}"


@lru_cache(maxsize=4096)
def compile_cron(text: str, tz: str) -> Cron:
    """The ticks of a cron text in a zone; one object for equal texts. O(text), once.

    Raises `InvalidValue` for a text that cannot be read, one that names no day there is, an unknown zone.

    >>> compile_cron("0 2 * * *", "UTC").after(0) == 2 * 3600 * SECOND
    True
    """
    fields = read_cron(text)
    try:
        cron = Cron(fields, tz)
        possible = cron.ever()
    except CronSimError:
        possible = False
    if not possible:
        raise InvalidValue(f"cron {seen(text)} never comes due: no month it names has the day of month {fields[2]!r}")
    return cron
