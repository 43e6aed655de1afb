"""Timeouts of attempts (R5): each counts from the beginning of its attempt.

Owns the timers, and which of these attempts have an end in the log that is not applied yet. Invariants: an open attempt
of a task with a timeout has its timer; what would end it a second time is not recorded. O(log timers) each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from reactive_dag.declare.settings.error_names import TIMED_OUT, is_among
from reactive_dag.engine.items.timers import RUNS_FIRST, WAKE
from reactive_dag.model.records import Looked, TaskFinished
from reactive_dag.model.times import format_duration

if TYPE_CHECKING:
    from reactive_dag.engine.facts.outbox import Outbox
    from reactive_dag.engine.items.timers import Timer, Timers
    from reactive_dag.engine.runs.state import RunState


class Executed(Protocol):
    """An attempt that was handed out."""

    run: RunState
    index: int
    attempt: int

    @property
    def timeout(self) -> int | None:
        """How long (ns) it may take, as it was declared when it began."""


class AttemptTimeouts:
    """The timers of open attempts, by run and number of the task."""

    def __init__(self, outbox: Outbox, timers: Timers) -> None:
        self.outbox = outbox
        self.timers = timers
        self.of_task: dict[tuple[int, int], Timer] = {}
        self._recorded: dict[tuple[int, int], int] = {}
        """The attempts whose end is in the log and not applied, by run and number of the task."""

    def end(self, at: int, job: Executed, report: Callable[[int], TaskFinished | Looked]) -> bool:
        """Record what an attempt came back with, unless its timeout came first; whether it took too long. O(1).

        The log's lock is held.
        """
        run, index, timeout = job.run, job.index, job.timeout
        assert timeout is not None, job
        late = at >= run.open[index] + timeout
        end = timed_out(at, run, index, job.attempt, timeout) if late else report(at)
        if type(end) is not TaskFinished or self._first_end(run, index, job.attempt):
            self.outbox.log.push(end)
        return late

    def cut_off(self, job: Executed, report: Callable[[int], TaskFinished | Looked]) -> None:
        """Record that an attempt was cut off with the process: what passed since is no timeout of it (R5). O(1)."""
        if job.timeout is not None:
            self._recorded[job.run.run, job.index] = job.attempt
        self.outbox.fact(report)

    def _first_end(self, run: RunState, index: int, attempt: int) -> bool:
        """Whether an end of an attempt that is recorded now is its first (the log's lock is held). O(1).

        The timer of an attempt and the thread that executes it may both find that it took too long.
        """
        place = run.run, index
        if self._recorded.get(place) == attempt:
            return False
        self._recorded[place] = attempt
        return True

    def watch(self, run: RunState, index: int) -> None:
        """Set the timer of an open attempt's timeout, if its task has one. O(log timers)."""
        timeout, attempt = run.arrays.timeouts[index], run.attempt[index]
        if timeout is None:
            return

        def wake(now: int) -> None:
            if index not in run.open or run.attempt[index] != attempt or run.final(index) or self.outbox.replaying:
                return
            with self.outbox.log.lock:
                if self._first_end(run, index, attempt):
                    self.outbox.fact(lambda at: timed_out(at, run, index, attempt, timeout))

        due, task = run.open[index] + timeout, run.plan.ids[index]
        self.of_task[run.run, index] = self.timers.set(due, RUNS_FIRST, run.dag.id, task, wake)

    def ended_in_log(self, run: int, index: int, attempt: int) -> None:
        """The end of an attempt is recorded: a timeout that passes, or has passed, is not another. O(1)."""
        self._recorded[run, index] = attempt
        if (timer := self.of_task.get((run, index))) is not None and timer[WAKE] is None:
            self.drop(run, index)

    def recovered(self, live: Mapping[int, RunState]) -> None:
        """The log was read back: those that passed meanwhile, and had another length then, are due. O(attempts)."""
        for run, index in [place for place, timer in self.of_task.items() if timer[WAKE] is None]:
            self.watch(live[run], index)

    def renew(self, run: RunState, index: int) -> None:
        """The timeout of an open attempt may be another: have its timer, if it has one now. O(log timers)."""
        self.timers.drop(self.of_task.pop((run.run, index), None))
        self.watch(run, index)

    def drop(self, run: int, index: int) -> None:
        """An attempt ended. O(1) amortised."""
        self.timers.drop(self.of_task.pop((run, index), None))
        self._recorded.pop((run, index), None)


def timed_out(at: int, run: RunState, index: int, attempt: int, timeout: int) -> TaskFinished:
    """The end of an attempt that took longer than its task may; one that looks may fail softly (R29)."""
    error = f"timed out after {format_duration(timeout)}"
    task, began, retry = run.plan.ids[index], run.open.get(index), is_among(TIMED_OUT, run.tasks[index].retry_on)
    last = not retry or run.cancelled or run.fails[index] >= run.arrays.retries[index]
    until = run.arrays.untils[index]
    state = "skipped" if until is not None and until.soft_fail and last else "failed"
    return TaskFinished(at, run.run, task, state, attempt, error=error, began=began, retry=retry)
