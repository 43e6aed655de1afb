"""The timers of an engine: a heap in the order of semantics I1 (due, height, DAG id, label, then order of setting).

Invariant: `due` is the instant of the first timer that was not dropped. Who has no more use for a timer drops it; who
may need it later than it is set says so when asked (`look`). Setting and taking cost O(log n), dropping O(1) amortised:
a dropped timer holds nothing, and the heap is swept when half of it is dropped.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any, TypeAlias

from reactive_dag.model.times import NEVER

WakeFunction = Callable[[int], None]
DueCheck = Callable[[], int]
"""When a timer is really due: at its own instant or later, or NEVER."""

Timer: TypeAlias = list[Any]
"""`[due, height, dag, label, number, wake, look]`; `wake` is None once it was dropped."""

WAKE, LOOK = 5, 6

RUNS_FIRST = -1
"""The height of timers that belong to runs: a timeout comes before what a trigger does at the same instant."""


class Timers:
    """A heap of wakes; `due` is the first instant at which one is due, `NEVER` without any.

    While they step, `until` is the instant up to which they do.
    """

    __slots__ = ("_dropped", "_heap", "_number", "due", "until")

    def __init__(self) -> None:
        self._heap: list[Timer] = []
        self._number = 0
        self._dropped = 0
        self.due = NEVER
        self.until = 0

    def set(
        self, due: int, height: int, dag: str, label: str, wake: WakeFunction, look: DueCheck | None = None
    ) -> Timer:
        """Wake at `due` (ns). O(log n)."""
        self._number += 1
        timer: Timer = [due, height, dag, label, self._number, wake, look]
        heapq.heappush(self._heap, timer)
        if due < self.due:
            self.due = due
        return timer

    def drop(self, timer: Timer | None) -> None:
        """A timer is needed no more; dropping none, or one that has woken, does nothing. O(1) amortised."""
        if timer is None or timer[WAKE] is None:
            return
        timer[WAKE] = timer[LOOK] = None
        self._dropped += 1
        if self._dropped > 64 and self._dropped * 2 > len(self._heap):
            self._heap = [each for each in self._heap if each[WAKE] is not None]
            heapq.heapify(self._heap)
            self._dropped = 0
        self._trim()

    def _trim(self) -> None:
        """Have a timer at the top that was not dropped, and know when it is due."""
        heap = self._heap
        while heap and heap[0][WAKE] is None:
            heapq.heappop(heap)
            self._dropped -= 1
        self.due = heap[0][0] if heap else NEVER

    def is_due(self, now: int) -> bool:
        """Whether a timer is really due at or before `now`; those that are due later are set anew. O(log n) each."""
        while self.due <= now:
            timer = self._heap[0]
            due = timer[0] if timer[LOOK] is None else timer[LOOK]()
            if due <= timer[0]:
                return True
            heapq.heappop(self._heap)
            if due < NEVER:
                timer[0] = due
                heapq.heappush(self._heap, timer)
            else:
                timer[WAKE] = timer[LOOK] = None
            self._trim()
        return False

    def step(self, until: int) -> None:
        """Wake everything due at or before `until`, in order; what is set meanwhile takes its place. O(log n) each."""
        self.until = until
        while self.due <= until:
            timer = heapq.heappop(self._heap)
            wake, timer[WAKE], timer[LOOK] = timer[WAKE], None, None
            self._trim()
            wake(timer[0])

    def has(self, due: int, dag: str, label: str) -> bool:
        """Whether a timer of this name is set for `due`. O(timers)."""
        return any(each[0] == due and each[2:4] == [dag, label] and each[WAKE] is not None for each in self._heap)

    def clear(self) -> None:
        """Forget all timers."""
        self._heap.clear()
        self._dropped = 0
        self.due = NEVER

    def _check(self) -> None:
        """The top is not dropped, and the count of those that are is right."""
        assert self.due == (self._heap[0][0] if self._heap else NEVER)
        assert not self._heap or self._heap[0][WAKE] is not None
        assert self._dropped == sum(each[WAKE] is None for each in self._heap)
