"""Timeouts of attempts (R5): each counts from the beginning of its attempt.

Owns the timers. Invariant: an open attempt of a task with a timeout has its timer. O(log timers) each.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from reactive_dag.declare.settings.error_names import TIMED_OUT, is_among
from reactive_dag.engine.items.timers import RUNS_FIRST, WAKE
from reactive_dag.model.records import TaskFinished
from reactive_dag.model.times import format_duration

if TYPE_CHECKING:
    from reactive_dag.engine.facts.outbox import Outbox
    from reactive_dag.engine.items.timers import Timer, Timers
    from reactive_dag.engine.runs.state import RunState


class AttemptTimeouts:
    """The timers of open attempts, by run and number of the task."""

    def __init__(self, outbox: Outbox, timers: Timers) -> None:
        self.outbox = outbox
        self.timers = timers
        self.of_task: dict[tuple[int, int], Timer] = {}

    def watch(self, run: RunState, index: int) -> None:
        """Set the timer of an open attempt's timeout, if its task has one. O(log timers)."""
        timeout, attempt = run.arrays.timeouts[index], run.attempt[index]
        if timeout is None:
            return

        def wake(now: int) -> None:
            if index in run.open and run.attempt[index] == attempt and not run.final(index):
                self.outbox.fact(lambda at: timed_out(at, run, index, attempt, timeout))

        due, task = run.open[index] + timeout, run.plan.ids[index]
        self.of_task[run.run, index] = self.timers.set(due, RUNS_FIRST, run.dag.id, task, wake)

    def ended_in_log(self, run: int, index: int) -> None:
        """The end of an attempt is recorded: a timeout that has passed is not due again. O(1)."""
        if (timer := self.of_task.get((run, index))) is not None and timer[WAKE] is None:
            self.drop(run, index)

    def recovered(self, live: Mapping[int, RunState]) -> None:
        """The log was read back: those that passed meanwhile, and had another length then, are due. O(attempts)."""
        for run, index in [place for place, timer in self.of_task.items() if timer[WAKE] is None]:
            self.watch(live[run], index)

    def drop(self, run: int, index: int) -> None:
        """An attempt ended. O(1) amortised."""
        self.timers.drop(self.of_task.pop((run, index), None))


def timed_out(at: int, run: RunState, index: int, attempt: int, timeout: int) -> TaskFinished:
    """The end of an attempt that took longer than its task may; one that looks may fail softly (R29)."""
    error = f"timed out after {format_duration(timeout)}"
    task, began, retry = run.plan.ids[index], run.open.get(index), is_among(TIMED_OUT, run.tasks[index].retry_on)
    until, last = run.arrays.untils[index], not retry or run.fails[index] >= run.arrays.retries[index]
    state = "skipped" if until is not None and until.soft_fail and last else "failed"
    return TaskFinished(at, run.run, task, state, attempt, error=error, began=began, retry=retry)
