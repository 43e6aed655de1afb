"""When the next attempt of a failed task comes (R5): fixed, exponential, or as a callable says.

Owns `PendingRetries`. Invariant: each retry that is to come has its timer. O(log retries) each.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import cast

from sortedcontainers import SortedList

from reactive_dag.declare.task import AnyTask
from reactive_dag.engine.items.timers import RUNS_FIRST, Timer, Timers
from reactive_dag.model.callables import Call
from reactive_dag.model.records import TaskRetry
from reactive_dag.model.text import writable
from reactive_dag.model.times import DAY, parse_duration
from reactive_dag.triggers.faults import asked

LONGEST = 100 * 366 * DAY
"""No delay is longer, however often it was doubled."""

WAITED = "waited as the engine was closed"
"""How the error ends of an attempt that is lost since its body waited for a run: it is none of those in a row (R5)."""


def retry_delay(task: AnyTask, attempt: int, seed: str) -> int:
    """The delay (ns) after attempt number `attempt` of a task failed. O(1).

    The factor of `exponential` is 2, capped by `max_delay`; jitter takes a share of the delay that `seed` decides, so
    that a replay draws the same.
    """
    given = task.retry_delay
    if isinstance(given, Call):
        what = writable(f"the answer of {given.text} ({given.place})")
        return parse_duration(cast("str", asked(given, attempt)), what=what, zero_ok=True)
    delay = declared_delay(given, task.backoff, task.max_delay, attempt)
    if task.jitter:
        delay = int(delay * random.Random(f"{seed}/{task.id}/{attempt}").uniform(0.5, 1.0))
    return min(delay, LONGEST)


def declared_delay(first: int, backoff: str, most: int | None, attempt: int) -> int:
    """The delay (ns) after attempt number `attempt` failed, where no function says it, without jitter. O(1)."""
    delay = first * 2 ** min(attempt - 1, 62) if backoff == "exponential" else first
    return delay if most is None else min(delay, most)


class PendingRetries:
    """The retries that are to come, by run and number of the task."""

    def __init__(self, timers: Timers) -> None:
        self.timers = timers
        self.of_task: dict[tuple[int, int], TaskRetry] = {}
        self._timers: dict[tuple[int, int], Timer] = {}
        self._due: SortedList = SortedList()

    def __bool__(self) -> bool:
        return bool(self.of_task)

    def add(self, dag: str, index: int, record: TaskRetry, come: Callable[[], None]) -> None:
        """Take the retry of task number `index`; `come` is called when it is due. O(log timers)."""

        def wake(now: int) -> None:
            if self.of_task.get((record.run, index)) is record:
                self.drop(record.run, index)
                come()

        self._due.add(record.due)
        self.of_task[record.run, index] = record
        self._timers[record.run, index] = self.timers.set(record.due, RUNS_FIRST, dag, record.task, wake)

    def drop(self, run: int, index: int) -> None:
        """A retry came, or is needed no more. O(log retries)."""
        record = self.of_task.pop((run, index), None)
        if record is not None:
            self._due.remove(record.due)
            self.timers.drop(self._timers.pop((run, index)))

    def next_due(self) -> int | None:
        """When the next one is due; None without any. O(1)."""
        return self._due[0] if self._due else None

    def in_order(self) -> list[TaskRetry]:
        """All, the next first. O(n log n)."""
        return sorted(self.of_task.values(), key=lambda retry: retry.due)

    def snapshot(self) -> list[TaskRetry]:
        """What a restored engine needs of it. O(retries)."""
        return list(self.of_task.values())

    def _check(self) -> None:
        """Each has its due instant and its timer. O(retries * timers)."""
        due = Counter(retry.due for retry in self.of_task.values())
        assert due == Counter(self._due), (due, self._due)
        assert self.of_task.keys() == self._timers.keys()
