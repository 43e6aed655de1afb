"""The clocks: the only place that reads what time it is (law `time_only_from_clock`).

Owns the instant "now", as integer nanoseconds since 1970 UTC. Whoever needs the time is given a `Clock`, so the same
code runs live and in virtual time. Invariant: a clock never goes back. Cost: two system calls, some 0.1 to 0.4 µs; a
virtual clock is one attribute.
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import Protocol, runtime_checkable

from reactive_dag.model.errors import InvalidValue, UsageError
from reactive_dag.model.times import format_time, parse_time


@runtime_checkable
class Clock(Protocol):
    """Says what time it is. One protocol for the whole project. Cost: O(1)."""

    def now(self) -> int:
        """The instant, in nanoseconds since 1970 UTC."""
        ...


class MonotonicWall:
    """The wall clock made fit for timers: it never goes back. Cost: two system calls.

    When the wall is ahead (set forward, or the machine slept) this clock follows at once. When the wall was set back,
    it goes on at half speed until the wall has caught up, so that timers neither stall nor fire early for ever.

    >>> clock = MonotonicWall()
    >>> clock.now() <= clock.now()
    True
    """

    __slots__ = ("_anchor",)

    def __init__(self) -> None:
        self._anchor = (time.time_ns(), time.monotonic_ns())

    def now(self) -> int:
        """The instant, in nanoseconds since 1970 UTC; never less than the one before it."""
        said, then = self._anchor
        wall, here = time.time_ns(), time.monotonic_ns()
        slow = said + (here - then) // 2
        if wall < slow:
            wall = slow
        # One tuple is replaced at once: threads may race here, and each still sees two readings that belong together.
        self._anchor = (wall, here)
        return wall

    def __repr__(self) -> str:
        return "MonotonicWall()"


class VirtualClock:
    """A clock that stands still until it is told to move. Cost: O(1).

    `start` is an aware `datetime`, ISO text with an offset or `Z`, or integer nanoseconds since 1970 UTC; a naive time
    raises `InvalidValue`.

    >>> clock = VirtualClock("2026-11-23T00:00Z")
    >>> clock.advance_to(clock.now() + 90 * 10**9)
    >>> clock
    rd.VirtualClock('2026-11-23T00:01:30Z')
    """

    __slots__ = ("_now",)

    def __init__(self, start: str | datetime | int) -> None:
        self._now = instant(start, what="the start of a virtual clock")

    def now(self) -> int:
        """The instant, in nanoseconds since 1970 UTC."""
        return self._now

    def advance_to(self, time_ns: int) -> None:
        """Move to `time_ns`, in nanoseconds since 1970 UTC; an earlier instant raises `UsageError`. Cost: O(1)."""
        if time_ns < self._now:
            there, here = format_time(time_ns), format_time(self._now)
            raise UsageError(f"a virtual clock never goes back: it is {here}, and was told to move to {there}")
        self._now = time_ns

    def __repr__(self) -> str:
        return f"rd.VirtualClock({format_time(self._now)!r})"


def instant(value: str | datetime | int, *, what: str = "a time") -> int:
    """The nanoseconds since 1970 UTC that `value` names; naive times raise `InvalidValue`. Cost: O(1).

    >>> instant("1970-01-01T00:00:01Z")
    1000000000
    """
    if isinstance(value, bool):
        raise InvalidValue(f"{what}: {value!r} is no time; give an aware datetime or ISO text with an offset")
    return value if isinstance(value, int) else parse_time(value, what=what)
