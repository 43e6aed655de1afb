"""The attempts of a course: which are under way, when each ends, and with what.

Owns the heap of ends. Invariant: an attempt is under way from the record of its beginning to its end, its timeout or
its cancellation, whichever comes first; what these records mean is the fold's. An attempt costs O(log attempts); where
slots or workers are limited, giving out costs O(attempts that hold some).
"""

from __future__ import annotations

import sys
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

from attrs import define

from reactive_dag.declare.settings.looking import POKE
from reactive_dag.engine.facts.publish import outlet_events
from reactive_dag.model.errors import UndatedOutlet, said
from reactive_dag.model.records import TaskFinished, TaskStarted
from reactive_dag.model.times import NEVER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reactive_dag.engine.fold.fold import Fold
    from reactive_dag.engine.limits.pools import UnderWay
    from reactive_dag.engine.limits.slots import AttemptKey
    from reactive_dag.engine.runs.state import RunState
    from reactive_dag.engine.runs.task_arrays import TaskArrays
    from reactive_dag.model.records import OutletEvent
    from reactive_dag.whatif.course.outcomes import Outcomes

FAILURE = "fails, as the simulation was told"


@define(eq=False)
class OpenAttempt:
    """An attempt under way, until it ends, times out or is cancelled; `waits` as a body that waits for a run has it."""

    run: RunState
    index: int
    number: int
    arrays: TaskArrays
    waits: int = 0

    @property
    def is_open(self) -> bool:
        """Whether it has not ended. O(1)."""
        return self.index in self.run.open and self.run.attempt[self.index] == self.number


class CourseAttempts:
    """The attempts under way in one course; `workers` is how many there may be at once, None without a limit."""

    def __init__(self, core: Fold, outcomes: Outcomes, workers: int | None) -> None:
        self.core = core
        self.outcomes = outcomes
        self._workers = sys.maxsize if workers is None else workers
        self._ends: list[tuple[int, int, OpenAttempt]] = []
        self._number = count()
        self._holding: dict[AttemptKey, OpenAttempt] = {}
        """Those that hold what is limited."""

    # ------------------------------------------------------------------------------------- begin

    def begin_some(self) -> bool:
        """Begin the attempts that slots and workers are free for, in order; whether there were any (R5, R16)."""
        slots, workers = self.core.slots, self._workers
        taken = slots.take_attempts(self._under_way(), workers, workers) if slots.startable else []
        for run, index in taken:
            if run.tasks[index].wait is not None:
                self.core.waits.start(run, index)
            else:
                self._begin(run, index)
        return bool(taken)

    def _begin(self, run: RunState, index: int) -> None:
        """Say that an attempt begins, and note when it ends."""
        core, arrays = self.core, run.arrays
        attempt = OpenAttempt(run, index, run.attempt[index] + 1, arrays)
        now = core.outbox.stamp()
        core.log.push(TaskStarted(now, run.run, arrays.ids[index], attempt.number))
        until = arrays.untils[index]
        if until is not None:
            core.drain(sys.maxsize)
            core.waits.looks.end((run.run, index))  # its duration is that of all its looks
        if (until is None or until.mode == POKE) and (self._workers < sys.maxsize or arrays.pools[index] is not None):
            self._holding[run.run, index] = attempt
        span = self.outcomes.duration(run, index, attempt.number)
        if span is not None:
            heappush(self._ends, (now + span, next(self._number), attempt))

    def _under_way(self) -> Mapping[AttemptKey, UnderWay]:
        """What holds workers and slots: attempts that have not ended, and waits between their looks. O(result)."""
        self._holding = {key: attempt for key, attempt in self._holding.items() if attempt.is_open}
        waits = self.core.waits.looks.holding
        return {**waits, **self._holding} if waits else self._holding

    # ------------------------------------------------------------------------------------- end

    def next_end(self) -> int:
        """When the next attempt ends; NEVER without one. O(1) amortised."""
        while self._ends and not self._ends[0][2].is_open:
            heappop(self._ends)  # it was cut short
        return self._ends[0][0] if self._ends else NEVER

    def end(self, now: int) -> None:
        """Record the ends that are due, in the order in which the attempts began. O(attempts that end)."""
        while self._ends and self._ends[0][0] == now:
            attempt = heappop(self._ends)[2]
            if attempt.is_open:
                self.core.log.push(self._finished(attempt, now))

    def _finished(self, attempt: OpenAttempt, now: int) -> TaskFinished:
        run, index, number = attempt.run, attempt.index, attempt.number
        id = run.plan.ids[index]
        if self.outcomes.fails(run, index, number):
            return TaskFinished(now, run.run, id, "failed", number, error=FAILURE)
        error, published = self._undated(run, index)
        if error is not None:
            return TaskFinished(now, run.run, id, "failed", number, error=error, retry=False)
        output = self.outcomes.output(run, index)
        return TaskFinished(now, run.run, id, "success", number, output, publishes=published)

    def _undated(self, run: RunState, index: int) -> tuple[str | None, list[OutletEvent] | None]:
        """The error of an attempt whose outlets its run cannot date (R3), and what it publishes where it says more.

        Of an outlet whose static values the run does not say it publishes each, as a body would (T19). O(outlets).
        """
        task, publishing = run.tasks[index], self.core.publishing
        if not task.outlets and not run.dag.outlets:
            return None, None
        events = outlet_events(task.outlets)
        said_of = events if task.map_over is not None else publishing.each_value(run.started, events)
        try:
            publishing.check_dated(run.started, [*said_of, *outlet_events(run.dag.outlets)])
        except UndatedOutlet as error:
            return said(error), None
        return None, None if said_of == events else said_of
