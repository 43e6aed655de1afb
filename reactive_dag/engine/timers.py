"""The timers of an engine: a heap in the order of semantics I1 (due, height, DAG id, label, then order of setting).

Invariant: a timer is in the heap once for each setting; whoever owns it ignores a wake that is no longer due. Setting
and taking cost O(log n).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

from reactive_dag.model.times import NEVER

Wake = Callable[[int], None]
_Entry = tuple[int, int, str, str, int, Wake]

RUNS_FIRST = -1
"""The height of timers that belong to runs: a timeout comes before what a trigger does at the same instant."""


class Timers:
    """A heap of wakes; `due` is the first instant at which one is due, `NEVER` without any."""

    __slots__ = ("_heap", "_number", "due")

    def __init__(self) -> None:
        self._heap: list[_Entry] = []
        self._number = 0
        self.due = NEVER

    def set(self, due: int, height: int, dag: str, label: str, wake: Wake) -> None:
        """Wake at `due` (ns). O(log n)."""
        self._number += 1
        heapq.heappush(self._heap, (due, height, dag, label, self._number, wake))
        if due < self.due:
            self.due = due

    def step(self, until: int) -> None:
        """Wake everything due at or before `until`, in order; what is set meanwhile takes its place. O(log n) each."""
        heap = self._heap
        while heap and heap[0][0] <= until:
            entry = heapq.heappop(heap)
            self.due = heap[0][0] if heap else NEVER
            entry[5](entry[0])

    def has(self, due: int, dag: str, label: str) -> bool:
        """Whether a timer of this name is set for `due`. O(timers)."""
        return any(entry[0] == due and entry[2:4] == (dag, label) for entry in self._heap)

    def clear(self) -> None:
        """Forget all timers."""
        self._heap.clear()
        self.due = NEVER

    def _check(self) -> None:
        assert self.due == (self._heap[0][0] if self._heap else NEVER)
