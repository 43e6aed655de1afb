"""`lift` makes an ordinary reactivex operator of a trigger's cell.

Owns the order in which one subscription's sources and timers reach its cell. Invariants: the cell is fed by one thread
at a time and never from within itself, so a downstream that publishes upstream queues and does not recurse; what is due
steps before what arrives, at its own instant, however late the timer's thread comes; after `dispose`, an error or the
completion nothing is emitted and no timer is left. Cost: O(1) beside the cell's own, some 0.1 µs for an item; a cell
without windows reads no clock and keeps no timer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from attrs import field, frozen
from reactivex import Observable, abc
from reactivex.disposable import CompositeDisposable, Disposable

from reactive_dag.model.times import NEVER
from reactive_dag.streams.serializer import Serializer, emit_all
from reactive_dag.streams.timing import timing
from reactive_dag.triggers.cell import NOTHING_HEARD, Cell

A = TypeVar("A")
B = TypeVar("B")


class Subscription:
    """One subscription of a lifted cell: its state, its serializer, and which of its sources have ended."""

    __slots__ = (
        "_feed",
        "_left",
        "_need",
        "_next",
        "_open",
        "_parts",
        "_told",
        "_whole",
        "cell",
        "ended",
        "observer",
        "serializer",
        "state",
    )

    def __init__(self, lifted: Lifted[Any, Any], observer: abc.ObserverBase[Any]) -> None:
        made = lifted.make()
        self._told = made.drop
        self.cell, self.observer = made.telling(self._drop), observer
        self.state = self.cell.fresh()
        self.serializer = Serializer()
        self.ended = False
        self._feed = self.cell.feed
        self._parts = 1 + len(lifted.others)
        self._need = lifted.need or self._parts
        self._open = set(range(self._parts))
        self._whole = True  # no source has ended
        self._left: Counter[int] = Counter()  # once one has: what each part that has ended still holds
        self._next = observer.on_next

    def start(self) -> None:
        """The subscription begins."""

    def receiver(self, part: int) -> Callable[[Any], None]:
        """What the source of `part` calls with each item."""
        serializer, feed, state = self.serializer, self._feed, self.state

        def take(item: object, now: int) -> None:
            try:
                released = feed(state, part, item, 0)
            except Exception as error:
                self.fail(error, now)
                return
            if released:
                self.emit(released)
            elif not self._whole:  # what was dropped may have been the last that an ended source left
                self._judge()

        def on_next(item: object) -> None:
            serializer.serve(take, item, 0)

        return on_next

    def emit(self, released: Sequence[object]) -> None:
        """Emit what the cell released, and complete if it can release no more."""
        if len(released) == 1 and self._whole:
            self._next(released[0])
            return
        try:
            emit_all(self._next, released)
        finally:
            if not self._whole:
                spread, rides = self.cell.spread, self.cell.rides
                self._left.subtract(p for release in released for p, _ in spread(release) if not rides >> p & 1)
                self._judge()

    def completed(self, part: int) -> None:
        """A source has ended."""
        self.serializer.submit(self._complete, part, self.now())

    def failed(self, error: Exception) -> None:
        """A source has failed: that passes on at once, behind what came before it."""
        self.serializer.submit(self.fail, error, 0)

    def stop(self) -> None:
        """Nothing more is emitted."""
        self.ended = True
        self.serializer.queue.clear()

    def now(self) -> int:
        """The instant; a cell without windows has none."""
        return 0

    def _complete(self, part: int, now: int) -> None:
        self._open.discard(part)
        self._whole = False
        self._recount()

    def _recount(self) -> None:
        self._left = Counter(part for part, _ in self.cell.held(self.state))
        self._judge()

    def _drop(self, policy: str, part: int, item: object) -> None:
        self._left[part] -= 1  # counted anew when a source ends
        self._told(policy, part, item)

    def _judge(self) -> None:
        """Complete if too few parts are left that have, or may still get, an item."""
        if not self.ended and (not self._open or self._alive() < self._need):
            rest = self.cell.flush(self.state) or ()
            self.stop()
            try:
                emit_all(self._next, rest)
            finally:
                self.observer.on_completed()

    def _alive(self) -> int:
        return sum(part in self._open or self._left[part] > 0 for part in range(self._parts))

    def fail(self, error: Exception, now: int) -> None:
        """A source has failed, or a function that the cell asks."""
        if not self.ended:
            self.stop()
            self.observer.on_error(error)


class TimedSubscription(Subscription):
    """A subscription whose cell asks for the time: `due` is when it must step next, `_wake` when a timer will say so.

    Invariant outside the serializer: there is a timer, at or before `due`, exactly if something is due.
    """

    __slots__ = ("_due", "_last", "_step", "_timer", "_timing", "_wake")

    def __init__(
        self, lifted: Lifted[Any, Any], observer: abc.ObserverBase[Any], scheduler: abc.SchedulerBase | None
    ) -> None:
        super().__init__(lifted, observer)
        self._timing = timing(scheduler)
        self._step = self.cell.step
        self._last = 0
        self._due = self._wake = NEVER
        self._timer: abc.DisposableBase | None = None

    def start(self) -> None:
        """Arm what a fresh state has due."""
        self.serializer.submit(self._arm, None, self.now())

    def now(self) -> int:
        """The instant, as the scheduler has it."""
        return self._timing.now_ns()

    def receiver(self, part: int) -> Callable[[Any], None]:
        """What the source of `part` calls with each item."""
        serializer, feed, state, now_ns = self.serializer, self._feed, self.state, self._timing.now_ns

        def take(item: object, now: int) -> None:
            late = self._steps(now)
            try:
                released = feed(state, part, item, self._last)
            except Exception as error:
                self.fail(error, now)
                return
            self._rearm()
            if late:
                self.emit([*late, *(released or ())])
            elif released:
                self.emit(released)
            elif not self._whole:
                self._judge()

        def on_next(item: object) -> None:
            serializer.serve(take, item, now_ns())

        return on_next

    def stop(self) -> None:
        """Nothing more is emitted, and no timer is left."""
        super().stop()
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.dispose()

    def _arm(self, what: object, now: int) -> None:
        self._last = now
        self.cell.arm(self.state, now, NOTHING_HEARD)
        self._rearm()

    def _steps(self, now: int) -> Sequence[object]:
        """Step at each instant that is due by `now`; what arrived on another thread meanwhile is not before it."""
        if now > self._last:
            self._last = now
        if self._due > self._last:
            return ()
        released: list[object] = []
        while self._due <= self._last:
            released += self._step(self.state, self._due) or ()
            self._due = self.cell.due(self.state)
        return released

    def _rearm(self) -> None:
        """Have a timer at or before the next due instant; a later one than the timer's is looked at when it comes."""
        self._due = due = self.cell.due(self.state)
        if due < self._wake or (due == NEVER and self._timer is not None):
            timer, self._timer, self._wake = self._timer, None, due
            if timer is not None:
                timer.dispose()
            if due != NEVER:
                self._timer = self._timing.call_at(due, self._ring)
                if self.ended:
                    self.stop()

    def _ring(self) -> None:
        self.serializer.submit(self._woken, None, self.now())

    def _woken(self, what: object, now: int) -> None:
        if not self.ended:
            self._timer, self._wake = None, NEVER
            late = self._steps(now)
            self._rearm()
            if late:
                self.emit(late)
            elif not self._whole:
                self._recount()

    def _complete(self, part: int, now: int) -> None:
        late = self._steps(now)
        self._rearm()
        if late:
            self.emit(late)
        super()._complete(part, now)


@frozen(eq=False)
class Lifted(Generic[A, B]):
    """A combinator as a reactivex operator: call it with a source, or give it to `pipe`.

    `make` builds the cell (once for each subscription), `others` are the sources of its parts 1, 2, …; `timed` says
    that it asks for the time; fewer than `need` parts (default: all) that hold or may get an item complete it.
    """

    make: Callable[[], Cell]
    others: tuple[abc.ObservableBase[Any], ...] = ()
    timed: bool = True
    need: int | None = None
    scheduler: abc.SchedulerBase | None = None
    text: str = field(default="lift(…)", kw_only=True)

    def __call__(self, source: abc.ObservableBase[A]) -> Observable[B]:
        """The observable of what the cell releases. Cost: O(parts) for each subscription."""
        sources = (source, *self.others)

        def subscribe(observer: abc.ObserverBase[B], scheduler: abc.SchedulerBase | None = None) -> abc.DisposableBase:
            run = (
                TimedSubscription(self, observer, self.scheduler or scheduler)
                if self.timed
                else Subscription(self, observer)
            )
            run.start()
            group = CompositeDisposable(Disposable(run.stop))
            for part, each in enumerate(sources):
                group.add(_listen(run, part, each, scheduler))
            return group

        return Observable(subscribe)

    def __repr__(self) -> str:
        return self.text


def _listen(
    run: Subscription, part: int, source: abc.ObservableBase[Any], scheduler: abc.SchedulerBase | None
) -> abc.DisposableBase:
    return source.subscribe(run.receiver(part), run.failed, lambda: run.completed(part), scheduler=scheduler)
