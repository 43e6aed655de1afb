"""Our scheduler behind reactivex's scheduler interface: live, and in virtual time.

Owns which timer runs next: the one that is due first, at one instant the one scheduled earlier. Invariants: actions of
one scheduler never overlap; the live one uses one thread for all timers, which ends when there are none; the virtual
one moves only inside `advance`, has no limit of actions at one instant, and stops when told. Times inside are integer
nanoseconds (`now_ns`, `call_at`); reactivex's own methods take its datetimes, timedeltas and seconds, to the
microsecond. Cost: O(log n) for each action.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from reactivex import abc, typing
from reactivex.disposable import MultipleAssignmentDisposable
from reactivex.scheduler.periodicscheduler import PeriodicScheduler

from reactive_dag.model.ctrl_c import raise_ctrl_c, traceback_of
from reactive_dag.model.errors import UsageError
from reactive_dag.model.times import NEVER, SECOND, format_time, from_datetime, parse_duration, to_datetime
from reactive_dag.streams.clock import Clock, MonotonicWall, VirtualClock, instant
from reactive_dag.streams.heap import HeapTimer, TimerHeap

_S = TypeVar("_S")

_LOOK_AGAIN = 1.0  # seconds; a wall clock that is set forward, or a machine that slept, is noticed this soon
_LINGER = 5.0  # seconds; the thread waits this long for another timer before it ends


class HeapScheduler(PeriodicScheduler):
    """What both schedulers share: reactivex's interface on a heap of timers and a clock."""

    def __init__(self, clock: Clock, heap: TimerHeap) -> None:
        super().__init__()
        self.clock = clock
        self._heap = heap

    @property
    def now(self) -> datetime:
        """The instant as an aware datetime, cut to microseconds."""
        return to_datetime(self.clock.now())

    def now_ns(self) -> int:
        """The instant, in nanoseconds since 1970 UTC. Cost: O(1)."""
        return self.clock.now()

    @property
    def pending(self) -> int:
        """How many timers wait. Cost: O(1)."""
        return len(self._heap)

    def call_at(self, time_ns: int, run: Callable[[], object]) -> HeapTimer:
        """Call `run` at `time_ns` (at once if past), at one instant in the order of the calls. O(log n)."""
        return self._heap.push(time_ns, run)

    def schedule(self, action: abc.ScheduledAction[_S], state: _S | None = None) -> abc.DisposableBase:
        """Run `action` now, after what was scheduled for now before. Cost: O(log n)."""
        return self.call_at(self.clock.now(), lambda: action(self, state))

    def schedule_relative(
        self, duetime: typing.RelativeTime, action: abc.ScheduledAction[_S], state: _S | None = None
    ) -> abc.DisposableBase:
        """Run `action` after `duetime` (a timedelta, or seconds; a negative one is now). Cost: O(log n)."""
        return self.call_at(self.clock.now() + max(0, duration_ns(duetime)), lambda: action(self, state))

    def schedule_absolute(
        self, duetime: typing.AbsoluteTime, action: abc.ScheduledAction[_S], state: _S | None = None
    ) -> abc.DisposableBase:
        """Run `action` at `duetime` (an aware datetime, or seconds since 1970). Cost: O(log n)."""
        return self.call_at(instant_ns(duetime), lambda: action(self, state))

    def schedule_periodic(
        self, period: typing.RelativeTime, action: typing.ScheduledPeriodicAction[_S], state: _S | None = None
    ) -> abc.DisposableBase:
        """Run `action` each `period`, without drift; what a late process missed is not made up. Cost: O(log n) each."""
        step = max(0, duration_ns(period))
        due = self.clock.now() + step
        current = MultipleAssignmentDisposable()
        order = threading.Lock()  # the first timer may run before it is noted

        def periodic() -> None:
            nonlocal due, state
            state = action(state)
            due = max(due + step, self.clock.now())
            note()

        def note() -> None:
            with order:
                if not current.is_disposed:
                    current.disposable = self.call_at(due, periodic)

        note()
        return current


class VirtualScheduler(HeapScheduler):
    """A scheduler whose time stands still between two calls of `advance`; for tests and simulation.

    `start` is an aware `datetime`, ISO text, integer nanoseconds, or a `VirtualClock` to be shared. An action that
    raises ends `advance` at its instant; call it again to go on.

    >>> scheduler, seen = VirtualScheduler("2026-11-23T00:00Z"), []
    >>> timer = scheduler.schedule_relative(90, lambda scheduler, state: seen.append(scheduler.now.isoformat()))
    >>> scheduler.advance("1m"); seen
    []
    >>> scheduler.advance("1m"); seen
    ['2026-11-23T00:01:30+00:00']
    """

    clock: VirtualClock

    def __init__(self, start: str | datetime | int | VirtualClock = 0) -> None:
        super().__init__(start if isinstance(start, VirtualClock) else VirtualClock(start), TimerHeap())
        self._running = self._stopped = False

    def advance(self, by: timedelta | str | None = None, *, to: datetime | str | int | None = None) -> None:
        """Move the clock `by` a duration or `to` an instant, and run all that is due on the way and at the end.

        Neither given: what is due now. An earlier instant, both at once, or a call from inside an action raise
        `UsageError`. Cost: O(log n) for each action.
        """
        if by is not None and to is not None:
            raise UsageError(f"advance(by={by!r}, to={to!r}): give one of the two")
        here = self.clock.now()
        length = 0 if by is None else parse_duration(by, what="advance(by=)", zero_ok=True)
        self._advance(here + length if to is None else instant(to, what="advance(to=)"))

    def stop(self) -> None:
        """End the `advance` that is running, after the present action; the clock stays where it is. Cost: O(1)."""
        self._stopped = True

    def _advance(self, until: int) -> None:
        if self._running:
            raise UsageError("advance() was called from inside an action of the same scheduler; schedule it instead")
        if until < self.clock.now():
            raise UsageError(f"advance(to={format_time(until)}): it is {format_time(self.clock.now())} already")
        self._running, self._stopped = True, False
        try:
            self._run(until)
        finally:
            self._running = False

    def _run(self, until: int) -> None:
        clock, pop = self.clock, self._heap.pop
        while not self._stopped:
            timer = pop(until)
            if timer is None:
                clock.advance_to(max(until, clock.now()))
                return
            if timer.time_ns > clock.now():
                clock.advance_to(timer.time_ns)
            timer.run()

    def __repr__(self) -> str:
        return f"VirtualScheduler({format_time(self.clock.now())!r}, {self.pending} timers)"


class LiveScheduler(HeapScheduler):
    """A scheduler on the wall clock, with one thread for all its timers.

    The thread starts with the first timer and ends some seconds after the last. The exception of an action goes to
    `threading.excepthook`, and the others go on.

    >>> with LiveScheduler() as scheduler:
    ...     done = threading.Event()
    ...     timer = scheduler.schedule_relative(0.001, lambda scheduler, state: done.set())
    ...     done.wait(10)
    True
    """

    def __init__(self, clock: Clock | None = None) -> None:
        lock = threading.Lock()
        super().__init__(clock or MonotonicWall(), TimerHeap(lock))
        self._condition = threading.Condition(lock)
        self._thread: threading.Thread | None = None
        self._until = NEVER  # what the thread sleeps for; only an earlier timer has to wake it
        self._closed = False

    def call_at(self, time_ns: int, run: Callable[[], object]) -> HeapTimer:
        """Call `run` at `time_ns`, on the scheduler's thread; once closed it raises `UsageError`. Cost: O(log n)."""
        if self._closed:
            raise UsageError("this scheduler was closed; make another")
        timer = super().call_at(time_ns, run)
        with self._condition:
            if self._thread is None or not self._thread.is_alive():  # a forked child has no thread of ours
                self._thread = threading.Thread(target=self._serve, name="reactive_dag timers", daemon=True)
                self._thread.start()
            elif time_ns < self._until:
                self._condition.notify_all()
        return timer

    def close(self) -> None:
        """Drop all timers and end the thread; what runs is waited for, unless it is the caller. Cost: O(n)."""
        with self._condition:
            self._closed, thread = True, self._thread
            self._condition.notify_all()
        self._heap.clear()
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _serve(self) -> None:
        while not self._closed:
            timer = self._heap.pop(self.clock.now())
            if timer is not None:
                self._run(timer)
            elif not self._rest():
                return

    def _run(self, timer: HeapTimer) -> None:
        try:
            timer.run()
        except BaseException as error:  # the thread serves other timers too
            report_uncaught(error)

    def _rest(self) -> bool:
        """Sleep until the next timer is due; false if there is none and none came, so that the thread may end."""
        with self._condition:
            self._until = self._heap.first()
            left = (self._until - self.clock.now()) / SECOND
            if left > 0 and not self._closed:
                self._condition.wait(_LINGER if self._until == NEVER else min(left, _LOOK_AGAIN))
            idle = self._until == NEVER and self._heap.first() == NEVER
            self._until = -1  # awake: it looks at the heap before it sleeps again
            if idle or self._closed:
                self._thread = None
                return False
            return True

    def __enter__(self) -> LiveScheduler:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"LiveScheduler({self.clock!r}, {self.pending} timers)"


_live: LiveScheduler | None = None
_live_lock = threading.Lock()


def live() -> LiveScheduler:
    """The scheduler of this process, for operators that were given none. Cost: O(1)."""
    global _live
    with _live_lock:
        if _live is None:
            _live = LiveScheduler()
        return _live


def duration_ns(value: typing.RelativeTime) -> int:
    """A timedelta, or seconds, in nanoseconds.

    >>> duration_ns(0.1), duration_ns(timedelta(minutes=1))
    (100000000, 60000000000)
    """
    if isinstance(value, timedelta):
        return (value.days * 86_400 + value.seconds) * SECOND + value.microseconds * 1_000
    return round(value * SECOND)


def instant_ns(value: typing.AbsoluteTime) -> int:
    """An aware datetime, or seconds since 1970, in nanoseconds; seconds are rounded to what a float can hold, 1 µs.

    >>> instant_ns(0.25)
    250000000
    """
    return from_datetime(value) if isinstance(value, datetime) else round(value * 1_000_000) * 1_000


def report_uncaught(error: BaseException) -> None:
    """Give an exception that nobody can catch to `threading.excepthook`, which by default prints it. O(1)."""
    told = threading.ExceptHookArgs((type(error), error, traceback_of(error), threading.current_thread()))
    try:
        threading.excepthook(told)
    except BaseException as second:  # a hook of the user's own
        raise_ctrl_c(second)
        threading.__excepthook__(told)
