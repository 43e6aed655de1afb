"""`Observers`: who watches the log, and how far each has come.

Owns one cursor for each subscription on a source of records, and the one thread on which callbacks run (R12).
Invariants: a subscription is handed every committed record from its start on, in order, each once, and none before it
is committed; its cursor passes a record only when its callback has returned; a callback that raises is reported, and it
and the others are handed all that follows. So a slow observer delays the other observers and never a writer. Memory:
one piece of the log, whatever the number of subscriptions. Cost: O(1) a record and subscription; a commit without
subscriptions costs one look.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from reactivex import Observable, abc
from reactivex.disposable import Disposable
from reactivex.scheduler import VirtualTimeScheduler

from reactive_dag.model.ctrl_c import raise_ctrl_c
from reactive_dag.model.errors import InvalidValue, UsageError
from reactive_dag.model.records import Decided, ObserverFault
from reactive_dag.streams.scheduler import VirtualScheduler, report_uncaught

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")

_PIECE = 256  # records handed to one subscription before the next has its turn


class CommittedLog(Protocol[R_co]):
    """A log, as far as watching it needs one."""

    @property
    def committed(self) -> int:
        """Every record with a smaller offset is durable, and may be shown."""
        ...

    def read(self, start: int, stop: int) -> Sequence[R_co]:
        """The records of a range of offsets."""
        ...


Projection: TypeAlias = Callable[[int, R], T | None]
"""What a subscription makes of an offset and its record; None is not emitted."""


class Observers(Generic[R]):
    """The observables of a log: each subscription reads for itself, from its own offset on.

    `on_fault(error, offset)` hears of a callback that raised for the record of that offset; for an `ObserverFault` or a
    `Decided` that goes to `threading.excepthook`, since a record of it would make the callback raise again.

    >>> class Log(list):
    ...     committed = property(len)
    ...     def read(self, start, stop): return self[start:stop]
    >>> log, seen = Log(["a", "b"]), []
    >>> with Observers(log) as observers:
    ...     subscription = observers.observe(lambda offset, record: (offset, record), start=1).subscribe(seen.append)
    ...     observers.wait_idle(len(log))
    True
    >>> seen
    [(1, 'b')]
    """

    def __init__(self, log: CommittedLog[R], *, on_fault: Callable[[BaseException, int], None] | None = None) -> None:
        self._log = log
        self._on_fault = on_fault
        self._condition = threading.Condition()
        self._cursors: tuple[_Cursor[R, Any], ...] = ()  # replaced, never changed: whoever walks it sees a whole one
        self._thread: threading.Thread | None = None
        self._sleeping = self._closed = False
        self._busy = 0  # pieces that are being handed over just now
        self._piece: tuple[int, int, Sequence[R]] = (0, 0, ())

    # ------------------------------------------------------------------------------------------ observables

    def observe(self, projection: Projection[R, T], start: int | None = None) -> Observable[T]:
        """What `projection(offset, record)` gives for each record from offset `start` on, unless it is None.

        `start=None`: of what is committed after the subscription. Callbacks run on the observers' thread, or on the
        scheduler that `subscribe` is given. O(1) a record. Raises InvalidValue for a negative `start`.
        """
        if start is not None and start < 0:
            raise InvalidValue(f"records from offset {start}: the first offset of a log is 0")

        def subscribe(observer: abc.ObserverBase[T], scheduler: abc.SchedulerBase | None = None) -> abc.DisposableBase:
            at = self._log.committed if start is None else start
            cursor = _Cursor(self, projection, observer, at, scheduler)
            self._add(cursor)
            return Disposable(lambda: self.forget(cursor))

        return Observable(subscribe)

    @property
    def watched(self) -> bool:
        """Whether anybody has subscribed. Cost: O(1)."""
        return bool(self._cursors)

    # ---------------------------------------------------------------------------------------------- driving

    def notify(self) -> None:
        """Say that something was committed. One look without subscriptions, or where the thread is awake already."""
        if self._sleeping:
            with self._condition:
                self._condition.notify_all()
        for cursor in self._cursors:
            cursor.schedule()

    def wait_idle(self, offset: int, timeout: float | None = None) -> bool:
        """True once every subscription was handed all records below `offset`; false after `timeout` seconds.

        One on a virtual scheduler does not count: its time moves only when somebody says so. Raises UsageError from
        inside a callback, for it would wait for itself.
        """
        if threading.current_thread() is self._thread:
            raise UsageError("waiting for the observers from inside an observer's callback would never end")
        with self._condition:
            return self._condition.wait_for(lambda: self.idle(offset), timeout)

    def idle(self, offset: int) -> bool:
        """Whether every subscription was handed all records below `offset`, and no callback runs. O(subscriptions)."""
        return not self._busy and all(cursor.at >= offset for cursor in self._cursors if cursor.counts)

    def close(self, timeout: float | None = None) -> None:
        """Hand over what is committed, complete every subscription and end the thread, waiting `timeout` seconds."""
        with self._condition:
            self._closed, thread = True, self._thread
            self._condition.notify_all()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)
        elif thread is None:
            self._complete()

    def __enter__(self) -> Observers[R]:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # ---------------------------------------------------------------------------------------- for the cursors

    def read(self, start: int, stop: int) -> Sequence[R]:
        """A piece of the log; subscriptions that are equally far share one reading of it."""
        first, last, records = self._piece
        if (first, last) != (start, stop):
            records = self._log.read(start, stop)
            self._piece = (start, stop, records)
        return records

    def committed(self) -> int:
        """Every record with a smaller offset may be handed over. O(1)."""
        return self._log.committed

    def begin(self) -> None:
        """Count a piece that is being handed over: until its `end` the observers are not idle. O(1)."""
        with self._condition:
            self._busy += 1

    def end(self) -> None:
        """Count a piece as handed over. O(1)."""
        with self._condition:
            self._busy -= 1
            self._condition.notify_all()

    def fault(self, error: BaseException, offset: int, record: object = None) -> None:
        """Report a callback that raised for a record; an `on_fault` that raises must not end the thread either."""
        # A record of this fault would bring more of these two, and the same callback to raise again, for ever.
        if self._on_fault is None or isinstance(record, ObserverFault | Decided):
            report_uncaught(error)
            return
        try:
            self._on_fault(error, offset)
        except Exception as second:
            report_uncaught(second)

    def forget(self, cursor: _Cursor[R, Any]) -> None:
        """Remove a subscription that has ended. O(subscriptions)."""
        with self._condition:
            cursor.ended = True
            self._cursors = tuple(other for other in self._cursors if other is not cursor)
            self._condition.notify_all()

    # ------------------------------------------------------------------------------------------------- inside

    def _add(self, cursor: _Cursor[R, Any]) -> None:
        with self._condition:
            closed = self._closed
            if not closed:
                self._cursors = (*self._cursors, cursor)
                if cursor.scheduler is None and self._thread is None:
                    self._thread = threading.Thread(target=self._serve, name="reactive_dag observers", daemon=True)
                    self._thread.start()
        if closed:
            cursor.finish()
        else:
            self.notify()

    def _serve(self) -> None:
        while self._sleep():
            self._hand_over()
        self._hand_over(self._log.committed)
        self._complete()
        self._thread = None

    def _sleep(self) -> bool:
        """Sleep until there is something to hand over; False when the observers were closed."""
        with self._condition:
            self._sleeping = True  # said before looking: a commit either is seen here or sees this
            while not self._closed and not self._behind():
                self._condition.wait()
            self._sleeping = False
            return not self._closed

    def _behind(self, upto: int | None = None) -> bool:
        upto = self._log.committed if upto is None else upto
        return any(cursor.at < upto for cursor in self._cursors if cursor.scheduler is None)

    def _hand_over(self, upto: int | None = None) -> None:
        """Hand over piece by piece, in turn, what is committed below `upto` (None: also what comes meanwhile)."""
        while self._behind(upto):
            stop = self._log.committed if upto is None else upto
            for cursor in self._cursors:
                if cursor.scheduler is None:
                    cursor.hand(stop)
        self._piece = (0, 0, ())

    def _complete(self) -> None:
        for cursor in self._cursors:
            cursor.finish()


class _Cursor(Generic[R, T]):
    """One subscription: how far it has come. With a scheduler of its own, at most one action of it waits there."""

    __slots__ = (
        "_last",
        "_lock",
        "_observer",
        "_observers",
        "_projection",
        "_scheduled",
        "at",
        "counts",
        "ended",
        "scheduler",
    )

    def __init__(
        self,
        observers: Observers[R],
        projection: Projection[R, T],
        observer: abc.ObserverBase[T],
        at: int,
        scheduler: abc.SchedulerBase | None,
    ) -> None:
        self._observers, self._projection, self._observer = observers, projection, observer
        self.at, self.scheduler = at, scheduler
        self.counts = not isinstance(scheduler, VirtualScheduler | VirtualTimeScheduler)
        self.ended = self._scheduled = self._last = False
        self._lock = threading.Lock()

    def hand(self, committed: int) -> None:
        """Hand the next piece of what is committed to the observer. O(records of a piece)."""
        start = self.at
        stop = min(committed, start + _PIECE)
        if start >= stop or self.ended:
            return
        if self.counts:
            self._observers.begin()
        try:
            self._show_piece(start, stop)
        finally:
            if self.counts:
                self._observers.end()

    def _show_piece(self, start: int, stop: int) -> None:
        try:
            records = self._observers.read(start, stop)
        except Exception as error:
            self._fail(error)
            return
        for record in records:
            if self.ended:
                break
            self._show(record)

    def _show(self, record: R) -> None:
        offset = self.at
        try:
            value = self._projection(offset, record)
            if value is not None:
                self._observer.on_next(value)
        except BaseException as error:  # the thread serves other observers too
            raise_ctrl_c(error)
            self._observers.fault(error, offset, record)
        self.at = offset + 1

    def schedule(self) -> None:
        """Have a piece handed over on the scheduler, if there is one and none is under way."""
        with self._lock:
            idle = self.at >= self._observers.committed() and not self._last
            if self.scheduler is None or self._scheduled or self.ended or idle:
                return
            self._scheduled = True
        self.scheduler.schedule(self._act)

    def finish(self) -> None:
        """Complete; on a scheduler, behind what it has yet to hand over."""
        if self.scheduler is None:
            self._end(self._observer.on_completed)
        else:
            self._last = True
            self.schedule()

    def _act(self, scheduler: abc.SchedulerBase, state: object) -> None:
        try:
            self.hand(self._observers.committed())
            if self._last and self.at >= self._observers.committed():
                self._end(self._observer.on_completed)
        finally:
            with self._lock:
                self._scheduled = False
        self.schedule()

    def _fail(self, error: Exception) -> None:
        self._end(lambda: self._observer.on_error(error))

    def _end(self, say: Callable[[], None]) -> None:
        if self.ended:
            return
        try:
            say()
        except BaseException as error:
            raise_ctrl_c(error)
            self._observers.fault(error, self.at)
        self._observers.forget(self)
