"""What a lifted cell asks of a scheduler: the time and a timer, in nanoseconds; from ours and from any of reactivex's.

Invariant: no timer comes before its instant, by the clock of the same scheduler. Cost: O(1) beside the scheduler's own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from reactivex import abc

from reactive_dag.model.times import from_datetime, to_datetime
from reactive_dag.streams.scheduler import HeapScheduler, live


class Timing(Protocol):
    """What a lifted cell asks of a scheduler."""

    def now_ns(self) -> int:
        """The instant."""
        ...

    def call_at(self, time_ns: int, run: Callable[[], object]) -> abc.DisposableBase:
        """Call `run` at `time_ns`."""
        ...


class _ForeignScheduler:
    """A scheduler of reactivex that is not ours, to the microsecond."""

    __slots__ = ("_scheduler",)

    def __init__(self, scheduler: abc.SchedulerBase) -> None:
        self._scheduler = scheduler

    def now_ns(self) -> int:
        return from_datetime(self._scheduler.now)

    def call_at(self, time_ns: int, run: Callable[[], object]) -> abc.DisposableBase:
        # Rounded up: a timer that comes early would find nothing due, and ask again for ever.
        def action(scheduler: abc.SchedulerBase, state: object) -> None:
            run()

        return self._scheduler.schedule_absolute(to_datetime(-(-time_ns // 1_000) * 1_000), action)


def timing(scheduler: abc.SchedulerBase | None) -> Timing:
    """The clock and the timers of `scheduler`; those of this process for None. Cost: O(1)."""
    if scheduler is None:
        return live()
    return scheduler if isinstance(scheduler, HeapScheduler) else _ForeignScheduler(scheduler)
