"""How a scenario writes instants: as times of day, in its zone, from its start on.

Owns `Moments`. Invariant: `parse(text(t)) == t`, exactly. O(1) each.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, tzinfo

from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.scalars import own
from reactive_dag.model.text import exact, seen
from reactive_dag.model.times import (
    SECOND,
    GivenDuration,
    GivenTime,
    first_instant,
    format_time,
    parse_duration,
    parse_time,
    to_datetime,
    wall_clock,
    zone,
)

_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?", re.ASCII)
_WALL = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?))?", re.ASCII)
_DAY = timedelta(days=1)


class Moments:
    """Reads and writes the instants of one scenario, in its zone: that of `tz`, else the offset of its start."""

    def __init__(self, start: GivenTime, tz: str | None) -> None:
        """Raises InvalidValue for a start that names no instant, or an unknown zone."""
        self.start = parse_time(start, tz, what="the start of a scenario")
        self.place: tzinfo = UTC if tz is None else zone(tz)
        if tz is None and isinstance(start, datetime):
            self.place = start.tzinfo or UTC
        elif tz is None and isinstance(start, str):
            with suppress(ValueError):
                self.place = datetime.fromisoformat(exact(start).strip()).tzinfo or UTC

    def parse(self, given: GivenTime | GivenDuration, what: str) -> int:
        """An instant, from a time of day (the first at or after the start), a date and time, or a time after the start.

        Raises InvalidValue, which begins with `what`.

        >>> moments = Moments("2026-11-23T22:00+01:00", None)
        >>> given = ("23:00", "01:00", "3h", "2026-11-24", "2026-11-24T01:00", "2026-11-24T00:00Z")
        >>> [moments.text(moments.parse(each, "at")) for each in given]
        ['23:00', '01:00', '01:00', '00:00', '01:00', '01:00']
        """
        given = own(given)
        if isinstance(given, timedelta):
            return self.start + parse_duration(given, what=what, zero_ok=True)
        if isinstance(given, datetime):
            return parse_time(given, what=what)
        text = given.isoformat() if isinstance(given, date) else exact(given).strip() if isinstance(given, str) else ""
        try:
            if found := _CLOCK.fullmatch(text):
                return self._time_of_day(found)
            if found := _WALL.fullmatch(text):
                clock = _CLOCK.fullmatch(found[2] or "0:00")
                assert clock is not None
                return self._instant(date.fromisoformat(found[1]), clock)
        except ValueError as error:
            raise InvalidValue(f"{what} {text!r} is no time: {error}") from None
        if "-" in text:
            return parse_time(text, what=what)
        with suppress(InvalidValue):
            return self.start + parse_duration(text, what=what, zero_ok=True)
        raise InvalidValue(
            f"{what} {seen(given)} is no moment: write a time of day such as '01:30', a date with one such as "
            "'2026-11-24T01:30', or a time after the start such as '26h'"
        )

    def text(self, instant: int) -> str:
        """An instant as it is read back: a time of day where that is enough, else with its date, else its offset.

        >>> moments = Moments("2026-10-25", "Europe/Berlin")
        >>> [moments.text(moments.start + hours * 3600 * SECOND) for hours in (1, 2, 3, 26)]
        ['01:00', '02:00', '2026-10-25T02:00:00+01:00', '2026-10-26T01:00']
        """
        wall, part = wall_clock(instant, self.place), instant % SECOND
        clock = f"{wall:%H:%M:%S}" if wall.second or part else f"{wall:%H:%M}"
        clock += f".{part:09d}".rstrip("0") if part else ""
        for text in (clock, f"{wall:%Y-%m-%d}T{clock}"):
            if self.parse(text, "moment") == instant:
                return text
        return to_datetime(instant).astimezone(self.place).isoformat() if not part else format_time(instant)

    def date_text(self, instant: int | None) -> str:
        """A logical date: a bare date where it is midnight in the zone, "-" for none."""
        if instant is None:
            return "-"
        day = f"{wall_clock(instant, self.place):%Y-%m-%d}"
        return day if self.parse(day, "date") == instant else self.text(instant)

    def _time_of_day(self, found: re.Match[str]) -> int:
        day = wall_clock(self.start, self.place).date()
        first = self._instant(day, found)
        return first if first >= self.start else self._instant(day + _DAY, found)

    def _instant(self, day: date, clock: re.Match[str]) -> int:
        hour, minute, second = int(clock[1]), int(clock[2]), int(clock[3] or 0)
        wall = datetime(day.year, day.month, day.day, hour, minute, second)
        return first_instant(wall, self.place) + int((clock[4] or "").ljust(9, "0"))
