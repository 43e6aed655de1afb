"""The attempts that stubs hold until their time is over (R23).

Owns `HeldAttempts`. Invariant: what is held was handed out and has not ended; a thread may add to it at any time, and
only the thread that drives releases. A look costs O(held).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping

from reactive_dag.engine.execute.assignment import Assignment
from reactive_dag.model.times import NEVER


class HeldAttempts:
    """Those of one engine, in the order in which they began; `inflight` has all that did not come back."""

    def __init__(self, inflight: Mapping[tuple[int, int], Assignment]) -> None:
        self._inflight = inflight
        self._held: list[Assignment] = []
        self._fresh: deque[Assignment] = deque()
        """Those since the last look."""
        self._ending: list[Assignment] = []
        """Those that were released and have not come back."""

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
            self._ending.append(job)
            job.release()

    @property
    def any_ends_now(self) -> bool:
        """Whether the time of some is over that have not come back, nor wait for runs (R3). O(held)."""
        self._ending = [job for job in self._ending if self._inflight.get((job.run.run, job.index)) is job]
        return any(not job.waits for job in self._ending) or any(job.over for job in self._held)

    @property
    def next_end(self) -> int:
        """When the end of the next one is due; NEVER without any."""
        return min([job.held_until or NEVER for job in list(self._held)], default=NEVER)
