"""Dates on which a schedule does not tick: holidays (R9).

Owns `SkippedDates`. Invariant: the dates are ascending, each once, and days of their zone; a tick is skipped if the
clock on the wall there shows one of them. Cost: to make O(dates); to ask O(log dates), and one leap a date passed over.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import TypeAlias

import attrs

from reactive_dag.model.calendar import Calendar
from reactive_dag.model.callables import shown
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.records import Json
from reactive_dag.model.scalars import own
from reactive_dag.model.text import exact, seen

MOST_SKIPPED = 100_000
"""So many dates at most are taken."""

Neighbour: TypeAlias = Callable[[int], int | None]
"""The tick after an instant, or the one at or before it."""

GivenSkip: TypeAlias = Iterable[date | str] | date | str
"""What people write: dates, or their texts; one date may stand by itself."""


def _texts(given: GivenSkip) -> tuple[str, ...]:
    """The dates as text, ascending, each once."""
    given = own(given)
    if isinstance(given, str | date):
        given = (given,)
    if not isinstance(given, Iterable):
        raise InvalidValue(
            f"skip={shown(given)} gives no dates; write skip=['2026-12-25', date(2026, 12, 26)], or .where(fn) of the "
            "clock for a function of the tick"
        )
    found: set[str] = set()
    for each in given:
        found.add(_text(each))
        if len(found) > MOST_SKIPPED:
            raise InvalidValue(f"skip= gives more than {MOST_SKIPPED} dates")
    return tuple(sorted(found))


def _text(given: object) -> str:
    given = own(given)
    if isinstance(given, datetime):
        if (given.hour, given.minute, given.second, given.microsecond, given.tzinfo) != (0, 0, 0, 0, None):
            raise InvalidValue(f"skip={seen(given)} is a time, and whole dates are skipped: write a date")
        return given.date().isoformat()
    if isinstance(given, date):
        return given.isoformat()
    if isinstance(given, str):
        return exact(given).strip()
    raise InvalidValue(f"skip={seen(given)} is no date; write date(2026, 12, 25) or '2026-12-25'")


@attrs.frozen
class SkippedDates:
    """Dates of a zone on which a schedule does not tick. Equal by dates and zone.

    Raises `InvalidValue` for what is no date, and for an unknown zone.

    >>> SkippedDates(["2026-12-26", date(2026, 12, 25)], "Europe/Berlin").dates
    ('2026-12-25', '2026-12-26')
    """

    dates: tuple[str, ...] = attrs.field(converter=_texts)
    tz: str = "UTC"
    _begins: list[int] = attrs.field(init=False, eq=False, repr=False)
    _ends: list[int] = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        spans = [_span(each, self.tz) for each in self.dates]
        object.__setattr__(self, "_begins", [begin for begin, _ in spans])
        object.__setattr__(self, "_ends", [end for _, end in spans])

    def has(self, ns: int) -> bool:
        """Whether an instant lies in one of the dates. O(log dates)."""
        at = bisect_right(self._begins, ns)
        return at > 0 and ns < self._ends[at - 1]

    def after(self, ns: int, after: Neighbour) -> int | None:
        """The first tick strictly after an instant that is not skipped, where `after` gives the next of any."""
        tick = after(ns)
        while tick is not None and self.has(tick):
            tick = after(self._ends[bisect_right(self._begins, tick) - 1] - 1)
        return tick

    def before(self, ns: int, before: Neighbour) -> int | None:
        """The newest tick at or before an instant that is not skipped, where `before` gives the newest of any."""
        tick = before(ns)
        while tick is not None and self.has(tick):
            tick = before(self._begins[bisect_right(self._begins, tick) - 1] - 1)
        return tick

    def count(self, first: int, until: int, count: Callable[[int, int], int]) -> int:
        """How many ticks there are from `first` on and before `until` that are not skipped, where `count` counts any.

        O(dates in between), and counting.
        """
        found = count(first, until)
        for begin, end in zip(self._begins, self._ends, strict=True):
            low, high = max(begin, first), min(end, until)
            if low < high:
                found -= count(low, high)
        return found

    def to_json(self) -> list[Json]:
        """The dates as JSON. O(dates)."""
        return list(self.dates)


def skipped(dates: GivenSkip | None, tz: str) -> SkippedDates | None:
    """The dates that are given; None if there are none. O(dates). Raises `InvalidValue`.

    >>> skipped([], "UTC") is None
    True
    """
    if dates is None:
        return None
    found = SkippedDates(dates, tz)
    return found if found.dates else None


def _span(text: str, tz: str) -> tuple[int, int]:
    try:
        return Calendar("day", tz).span(text)
    except InvalidValue as error:
        raise InvalidValue(f"skip={seen(text)} is no date: {str(error).split(': ', 1)[-1]}") from None
