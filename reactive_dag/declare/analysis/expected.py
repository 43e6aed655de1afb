"""Which partitions there should be of a dataset, from one time to another (T19).

Owns nothing. A bound is a time, or a partition of the dataset's calendar; a bare day as the end means all of it. Cost:
O(result).
"""

from __future__ import annotations

from itertools import islice

from reactive_dag.model.calendar import day
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.partitions.products import Partitions, Periods
from reactive_dag.model.times import GivenTime, format_time, is_bare_day, parse_time

MOST_PARTITIONS = 100_000
"""So many at most are listed at once."""


def first_instant_of(start: GivenTime, calendar: Periods) -> int:
    """The first instant that `start` means (ns). O(1). Raises InvalidValue."""
    if isinstance(start, str) and calendar.fits(start):
        return calendar.span(start)[0]
    return parse_time(start, calendar.tz, what="start")


def last_instant_of(end: GivenTime, calendar: Periods) -> int:
    """The last instant that `end` means (ns). O(1). Raises InvalidValue."""
    if isinstance(end, str) and calendar.fits(end):
        return calendar.span(end)[1] - 1
    last = parse_time(end, calendar.tz, what="end")
    if is_bare_day(end):
        whole = day(calendar.tz)
        return whole.span(whole.of(last))[1] - 1
    return last


def partitions_within(of: Partitions, first: int, last: int, where: str) -> list[str]:
    """All partitions whose period begins from `first` to `last` (ns): by time, then by value. O(result).

    Raises InvalidValue for more than MOST_PARTITIONS.
    """
    found = list(islice(of.within(first, last), MOST_PARTITIONS + 1))
    if len(found) > MOST_PARTITIONS:
        raise InvalidValue(f"{where}: more than {MOST_PARTITIONS} partitions lie in that span; ask for a shorter one")
    return found


def expected_partitions(of: Partitions, start: GivenTime | None, end: GivenTime | None, where: str) -> list[str]:
    """The partitions that there should be from `start` to `end`, both included. O(result). Raises InvalidValue."""
    calendar = of.calendar
    if calendar is None:
        refuse_dates(of, start, end, where)
        return of.of_instant(0)
    if start is None or end is None:
        raise InvalidValue(f"{where}: give start and end; {of!r} has partitions without end")
    try:
        first, last = first_instant_of(start, calendar), last_instant_of(end, calendar)
    except InvalidValue as error:
        raise InvalidValue(f"{where}: {error}") from None
    if last < first:
        raise InvalidValue(f"{where}: end {format_time(last)} lies before start {format_time(first)}")
    return partitions_within(of, first, last, where)


def refuse_dates(of: Partitions, start: GivenTime | None, end: GivenTime | None, where: str) -> None:
    """Refuse bounds of what has no dates. O(1). Raises InvalidValue."""
    if start is not None or end is not None:
        raise InvalidValue(f"{where}: {of!r} has no dates; leave start and end out")
