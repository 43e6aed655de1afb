"""A partition as somebody gives it: its text, or a date that lies in it.

Owns no state. Invariant: a date stands for the day of that name in the calendar's own zone, a time for its instant, so
neither can name another partition than it reads as. O(1).
"""

from __future__ import annotations

from datetime import date, datetime
from typing import TypeAlias

from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.partitions.products import Partitions, Periods
from reactive_dag.model.scalars import own
from reactive_dag.model.text import seen, text_in
from reactive_dag.model.times import parse_time

GivenPartition: TypeAlias = datetime | date | str
"""A partition as people write it: text, or of a calendar a date or an aware `datetime` that lies in it."""


def partition_text(given: object, of: Partitions | None, what: str) -> str:
    """A given partition as text; judged where it is known how its dataset is divided. Raises InvalidValue.

    >>> from reactive_dag.model.calendar import day, month
    >>> partition_text(date(2026, 11, 23), day("Asia/Tokyo"), "partition"), partition_text("2026-11", month(), "")
    ('2026-11-23', '2026-11')
    """
    given = own(given)
    if isinstance(given, date):
        calendar = None if of is None else of.calendar
        if of is None or calendar is None or not of.is_dated:
            about = "a dataset without partitions=" if of is None else repr(of)
            raise InvalidValue(f"{what} {seen(given)} is a date, which names no partition of {about}; give its text")
        return calendar.of(instant_in(given, calendar, what))
    text = text_in(given, what)
    if of is not None:
        of.check(text)
    return text


def instant_in(given: date, calendar: Periods, what: str) -> int:
    """An instant of the partition that a date or a time stands for. Raises InvalidValue, for a day of hours too."""
    if calendar.name == "hour" and not isinstance(given, datetime):
        raise InvalidValue(f"{what} {seen(given)} names no hour of {calendar!r}; give its text, or an aware datetime")
    return parse_time(given, calendar.tz, what=what)
