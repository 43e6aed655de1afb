"""The heap of timers behind both schedulers.

Owns what is to happen and when: entries `(time_ns, number, timer)`, so at one instant what was scheduled earlier goes
first. Invariants: a timer runs at most once; one that was disposed never runs; the entries of disposed timers are swept
when they are the larger part, so memory is proportional to the timers that are alive. Cost: O(log n) to schedule and to
take, amortised O(1) to dispose.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count
from threading import Lock

from reactivex.abc import DisposableBase

from reactive_dag.model.times import NEVER

_FEW = 64  # below so many dead entries sweeping is not worth the walk


class HeapTimer(DisposableBase):
    """One thing to be done at `time_ns`; disposing it before then means that it never is. Cost: O(1)."""

    __slots__ = ("_after", "_disposed", "_heap", "_run", "time_ns")

    def __init__(self, heap: TimerHeap, time_ns: int, run: Callable[[], object]) -> None:
        self.time_ns = time_ns
        self._heap: TimerHeap | None = heap
        self._run: Callable[[], object] | None = run
        self._after: DisposableBase | None = None
        self._disposed = False

    @property
    def waiting(self) -> bool:
        """Whether it neither ran nor was disposed."""
        return self._heap is not None

    def run(self) -> None:
        """Run the action, unless it was disposed; a disposable that it returns is disposed with the timer."""
        run, self._run = self._run, None
        if run is None or self._disposed:
            return
        after = run()
        if isinstance(after, DisposableBase):
            self._after = after
            if self._disposed:  # from inside the action, or from another thread meanwhile
                after.dispose()

    def dispose(self) -> None:
        """Never run the action; if it ran, dispose what it returned. Amortised O(1)."""
        self._disposed = True
        heap, after = self._heap, self._after
        self._run = self._after = None
        if heap is not None:
            heap.forget(self)
        if after is not None:
            after.dispose()

    def taken(self) -> None:
        """Note that it left the heap. O(1)."""
        self._heap = None


class TimerHeap:
    """Timers in the order in which they are due; safe for threads.

    >>> heap, done = TimerHeap(), []
    >>> late, soon = heap.push(20, lambda: done.append("late")), heap.push(10, lambda: done.append("soon"))
    >>> late.dispose()
    >>> heap.first(), len(heap)
    (10, 1)
    >>> heap.pop(15).run(); done
    ['soon']
    """

    __slots__ = ("_dead", "_entries", "_numbers", "lock")

    def __init__(self, lock: Lock | None = None) -> None:
        self.lock = lock if lock is not None else Lock()
        self._entries: list[tuple[int, int, HeapTimer]] = []
        self._numbers = count()
        self._dead = 0

    def push(self, time_ns: int, run: Callable[[], object]) -> HeapTimer:
        """Add a timer. Cost: O(log n)."""
        timer = HeapTimer(self, time_ns, run)
        with self.lock:
            heappush(self._entries, (time_ns, next(self._numbers), timer))
        return timer

    def pop(self, until: int) -> HeapTimer | None:
        """Take the first timer due at or before `until`; None if there is none. Cost: O(log n)."""
        with self.lock:
            if self.first() > until:
                return None
            timer = heappop(self._entries)[2]
            timer.taken()
            return timer

    def first(self) -> int:
        """When the first timer is due; NEVER if there is none. The lock held. Cost: amortised O(log n)."""
        entries = self._entries
        while entries and not entries[0][2].waiting:
            heappop(entries)
            self._dead -= 1
        return entries[0][0] if entries else NEVER

    def forget(self, timer: HeapTimer) -> None:
        """Drop a disposed timer; its entry is swept later. Cost: amortised O(1)."""
        with self.lock:
            if not timer.waiting:
                return
            timer.taken()
            self._dead += 1
            if self._dead > _FEW and 2 * self._dead > len(self._entries):
                self._sweep()

    def clear(self) -> None:
        """Drop everything. Cost: O(n)."""
        with self.lock:
            for entry in self._entries:
                entry[2].taken()
            self._entries.clear()
            self._dead = 0

    def __len__(self) -> int:
        return len(self._entries) - self._dead

    def _sweep(self) -> None:
        self._entries = [entry for entry in self._entries if entry[2].waiting]
        heapify(self._entries)
        self._dead = 0

    def _check(self) -> None:
        """Raise if what this heap promises does not hold. Cost: O(n)."""
        with self.lock:
            alive = sum(entry[2].waiting for entry in self._entries)
            assert alive == len(self._entries) - self._dead, "dead entries are miscounted"
            assert all(entry >= self._entries[0] for entry in self._entries), "the first entry is not the first"
