"""`Feed`: who watches the log, and how far each has come.

Owns one cursor for each subscription on a source of records, and the one thread on which callbacks run (R12).
Invariants: a subscription is handed every committed record from its start on, in order, each once, and none before it
is committed; its cursor passes a record only when its callback has returned; a callback that raises is reported and
keeps nothing from anybody, not even from itself. So a slow observer delays the other observers and never who writes.
Memory: one piece of the log, whatever the number of subscriptions. Cost: O(1) a record and subscription; a commit that
nobody watches costs one look.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

from reactivex import Observable, abc
from reactivex.disposable import Disposable
from reactivex.scheduler import VirtualTimeScheduler

from reactive_dag.model.errors import InvalidValue, UsageError
from reactive_dag.model.records import Decided, ObserverFault
from reactive_dag.streams.scheduler import VirtualScheduler

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")

_PIECE = 256  # records handed to one subscription before the next has its turn


class Source(Protocol[R_co]):
    """A log, as far as watching it needs one."""

    @property
    def committed(self) -> int:
        """Every record with a smaller offset is durable, and may be shown."""
        ...

    def read(self, start: int, stop: int) -> Sequence[R_co]:
        """The records of a range of offsets."""
        ...


View = Callable[[int, R], T | None]
"""What a subscription makes of an offset and its record; None is not emitted."""


class Feed(Generic[R]):
    """The observables of a log: each subscription reads for itself, from its own offset on.

    `on_fault(error, offset)` hears of a callback that raised for the record of that offset; for an `ObserverFault` or a
    `Decided` that goes to `threading.excepthook`, since a record of it would make the callback raise again. With
    `inline=True` there is no thread, and callbacks run inside `pump` and `wait_idle`.

    >>> class Log(list):
    ...     committed = property(len)
    ...     def read(self, start, stop): return self[start:stop]
    >>> log, seen = Log(["a", "b"]), []
    >>> feed = Feed(log, inline=True)
    >>> subscription = feed.records(start=1).subscribe(seen.append)
    >>> log.append("c"); feed.pump(), seen
    (2, ['b', 'c'])
    """

    def __init__(
        self, source: Source[R], *, on_fault: Callable[[Exception, int], None] | None = None, inline: bool = False
    ) -> None:
        self._source = source
        self._on_fault = on_fault or _report
        self._inline = inline
        self._condition = threading.Condition()
        self._cursors: tuple[_Cursor[R, Any], ...] = ()  # replaced, never changed: whoever walks it sees a whole one
        self._thread: threading.Thread | None = None
        self._serving: int | None = None  # the thread that hands records over just now
        self._sleeping = self._closed = False
        self._busy = 0  # pieces that are being handed over just now
        self._piece: tuple[int, int, Sequence[R]] = (0, 0, ())

    # ------------------------------------------------------------------------------------------ observables

    def records(self, start: int | None = None) -> Observable[R]:
        """Every record from offset `start` on (None: what is committed after the subscription). Cost: O(1) a record."""
        return self.observe(lambda offset, record: record, start)

    def observe(self, view: View[R, T], start: int | None = None) -> Observable[T]:
        """What `view(offset, record)` gives for each record from `start` on, unless it is None. Cost: O(1) a record.

        Callbacks run on the feed's thread, or on the scheduler that `subscribe` is given. A negative `start` raises
        `InvalidValue`.
        """
        if start is not None and start < 0:
            raise InvalidValue(f"records from offset {start}: the first offset of a log is 0")

        def subscribe(observer: abc.ObserverBase[T], scheduler: abc.SchedulerBase | None = None) -> abc.DisposableBase:
            at = self._source.committed if start is None else start
            cursor = _Cursor(self, view, observer, at, scheduler)
            self._add(cursor)
            return Disposable(lambda: self.forget(cursor))

        return Observable(subscribe)

    @property
    def watched(self) -> bool:
        """Whether anybody has subscribed. Cost: O(1)."""
        return bool(self._cursors)

    @property
    def low(self) -> int | None:
        """The lowest offset that a subscription still has to be handed; None without subscriptions. Cost: O(n)."""
        return min((cursor.at for cursor in self._cursors), default=None)

    # ---------------------------------------------------------------------------------------------- driving

    def notify(self) -> None:
        """Something was committed. Cost: one look where nobody watches, or where the thread is at it already."""
        if self._sleeping:
            with self._condition:
                self._condition.notify_all()
        for cursor in self._cursors:
            cursor.schedule()

    def pump(self) -> int:
        """Hand over, on the calling thread, all that is committed; how many records were. For `inline=True`.

        From inside a callback, and while another thread pumps, it does nothing. Cost: O(records and subscriptions).
        """
        with self._condition:
            if self._serving is not None:
                return 0
            self._serving = threading.get_ident()
        try:
            return self._pump()
        finally:
            if self._closed:  # perhaps by a callback just now
                self._complete()
            with self._condition:
                self._serving = None
                self._condition.notify_all()

    def wait_idle(self, offset: int, timeout: float | None = None) -> bool:
        """True once every subscription was handed all records below `offset`; false after `timeout` seconds.

        One on a virtual scheduler does not count: its time moves only when somebody says so. With `inline=True` it
        pumps. From inside a callback it raises `UsageError`, for it would wait for itself.
        """
        if self._serving == threading.get_ident():
            raise UsageError("waiting for the observers from inside an observer's callback would never end")
        if self._inline:
            self.pump()
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
            self.pump()

    def __enter__(self) -> Feed[R]:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # ---------------------------------------------------------------------------------------- for the cursors

    def read(self, start: int, stop: int) -> Sequence[R]:
        """A piece of the log; subscriptions that are equally far share one reading of it."""
        first, last, records = self._piece
        if (first, last) != (start, stop):
            records = self._source.read(start, stop)
            self._piece = (start, stop, records)
        return records

    def committed(self) -> int:
        """How far records may be shown."""
        return self._source.committed

    def begin(self) -> None:
        """A piece is being handed over: who is busy is not idle, even if he has just unsubscribed."""
        with self._condition:
            self._busy += 1

    def end(self) -> None:
        """It was."""
        with self._condition:
            self._busy -= 1
            self._condition.notify_all()

    def fault(self, error: Exception, offset: int, record: object = None) -> None:
        """A callback raised for a record; so may the hook, which must not end the thread either."""
        # A record of this fault would bring more of these two, and the same callback to raise again, for ever.
        hook = _report if isinstance(record, ObserverFault | Decided) else self._on_fault
        try:
            hook(error, offset)
        except Exception as second:
            _report(second, offset)

    def forget(self, cursor: _Cursor[R, Any]) -> None:
        """A subscription has ended."""
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
                if not self._inline and cursor.scheduler is None and self._thread is None:
                    self._thread = threading.Thread(target=self._serve, name="reactive_dag observers", daemon=True)
                    self._thread.start()
        if closed:
            cursor.finish()
        else:
            self.notify()

    def _serve(self) -> None:
        self._serving = threading.get_ident()
        while self._rest():
            self._pump()
        self._pump(self._source.committed)
        self._complete()
        self._thread = self._serving = None

    def _rest(self) -> bool:
        """Sleep until there is something to hand over; false when the feed was closed."""
        with self._condition:
            self._sleeping = True  # said before looking: a commit either is seen here or sees this
            while not self._closed and not self._behind():
                self._condition.wait()
            self._sleeping = False
            return not self._closed

    def _behind(self, upto: int | None = None) -> bool:
        upto = self._source.committed if upto is None else upto
        return any(cursor.at < upto for cursor in self._cursors if cursor.scheduler is None)

    def _pump(self, upto: int | None = None) -> int:
        """Hand over piece by piece, in turn, what is committed below `upto` (None: also what comes meanwhile)."""
        handed = 0
        while self._behind(upto):
            stop = self._source.committed if upto is None else upto
            for cursor in self._cursors:
                if cursor.scheduler is None:
                    handed += cursor.hand(stop)
        self._piece = (0, 0, ())
        return handed

    def _complete(self) -> None:
        for cursor in self._cursors:
            cursor.finish()


class _Cursor(Generic[R, T]):
    """One subscription: how far it has come. With a scheduler of its own, at most one action of it waits there."""

    __slots__ = ("_feed", "_last", "_lock", "_observer", "_scheduled", "_view", "at", "counts", "ended", "scheduler")

    def __init__(
        self,
        feed: Feed[R],
        view: View[R, T],
        observer: abc.ObserverBase[T],
        at: int,
        scheduler: abc.SchedulerBase | None,
    ) -> None:
        self._feed, self._view, self._observer = feed, view, observer
        self.at, self.scheduler = at, scheduler
        self.counts = not isinstance(scheduler, VirtualScheduler | VirtualTimeScheduler)
        self.ended = self._scheduled = self._last = False
        self._lock = threading.Lock()

    def hand(self, committed: int) -> int:
        """Hand the next piece of what is committed to the observer; how many records that were."""
        start = self.at
        stop = min(committed, start + _PIECE)
        if start >= stop or self.ended:
            return 0
        if self.counts:
            self._feed.begin()
        try:
            self._show_piece(start, stop)
        finally:
            if self.counts:
                self._feed.end()
        return self.at - start

    def _show_piece(self, start: int, stop: int) -> None:
        try:
            records = self._feed.read(start, stop)
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
            value = self._view(offset, record)
            if value is not None:
                self._observer.on_next(value)
        except Exception as error:
            self._feed.fault(error, offset, record)
        self.at = offset + 1

    def schedule(self) -> None:
        """Have a piece handed over on the scheduler, if there is one and none is under way."""
        with self._lock:
            idle = self.at >= self._feed.committed() and not self._last
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
            self.hand(self._feed.committed())
            if self._last and self.at >= self._feed.committed():
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
        except Exception as error:
            self._feed.fault(error, self.at)
        self._feed.forget(self)


def _report(error: Exception, offset: int) -> None:
    thread = threading.current_thread()
    threading.excepthook(threading.ExceptHookArgs((type(error), error, error.__traceback__, thread)))
