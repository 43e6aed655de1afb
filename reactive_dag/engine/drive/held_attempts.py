"""The attempts that stubs hold until their time is over (R23).

Owns `HeldAttempts`. Invariant: what is held was handed out and has not ended; a thread may add to it at any time, and
only the thread that drives releases. A look costs O(held).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from reactive_dag.engine.execute.assignment import Assignment
from reactive_dag.model.times import NEVER


class HeldAttempts:
    """Those of one engine, in the order in which they began."""

    def __init__(self) -> None:
        self._held: list[Assignment] = []
        self._fresh: deque[Assignment] = deque()
        """Those since the last look."""

    def __bool__(self) -> bool:
        return bool(self._fresh or self._held)

    def __contains__(self, job: object) -> bool:
        """Whether it is known when an attempt's end is due: it was looked at since it began to be held."""
        return job in self._held

    def __iter__(self) -> Iterator[Assignment]:
        return iter((*self._fresh, *self._held))

    def add(self, job: Assignment) -> None:
        """Hold an attempt; any thread. O(1)."""
        self._fresh.append(job)

    def release_due(self, now: int) -> None:
        """Release what is due, and what counts no more."""
        while self._fresh:
            self._held.append(self._fresh.popleft())
        for job in [job for job in self._held if (job.held_until or 0) <= now or job.over]:
            self._held.remove(job)
            job.release()

    @property
    def next_end(self) -> int:
        """When the end of the next one is due; NEVER without any."""
        return min([job.held_until or NEVER for job in list(self._held)], default=NEVER)
