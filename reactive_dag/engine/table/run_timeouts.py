"""The timeout of whole runs (R17): what has not ended by then is cancelled, and the run failed.

Owns their timers. Invariant: a live run with a timeout has one until it ends, due so long after it began; at one
instant the timeout comes before a result. O(log timers).
"""

from __future__ import annotations

from collections.abc import Mapping

from reactive_dag.engine.facts.outbox import Outbox
from reactive_dag.engine.items.timers import RUNS_FIRST, WAKE, Timer, Timers
from reactive_dag.engine.runs.state import RunState
from reactive_dag.model.records import Cancelled
from reactive_dag.model.times import NEVER, format_duration


class RunTimeouts:
    """The timers of the live runs of one engine, by run."""

    def __init__(self, outbox: Outbox, timers: Timers) -> None:
        self._outbox = outbox
        self._timers = timers
        self.timers: dict[int, Timer] = {}

    def watch(self, run: RunState, timeout: int) -> None:
        """A run may take so long (ns), from when it began. O(log timers)."""

        def wake(now: int) -> None:
            if run.unfinished and not run.cancelled:
                why = f"timed out after {format_duration(timeout)}"
                self._outbox.fact(lambda at: Cancelled(at, run.run, why, "failed"))

        due = min(run.started.at + timeout, NEVER - 1)
        self.timers[run.run] = self._timers.set(due, RUNS_FIRST, run.started.dag, "", wake)

    def renew(self, run: RunState) -> None:
        """The timeout of a run is what is declared now, from when it began (R17). O(log timers)."""
        self.drop(run.run)
        if run.arrays.run_timeout is not None:
            self.watch(run, run.arrays.run_timeout)

    def ended_in_log(self, run: int) -> None:
        """That a run is cancelled is recorded: a timeout that has passed is not due again. O(1)."""
        if (timer := self.timers.get(run)) is not None and timer[WAKE] is None:
            self.drop(run)

    def recovered(self, live: Mapping[int, RunState]) -> None:
        """The log was read back: those that passed meanwhile, and had another length then, are due. O(runs)."""
        for run in [run for run, timer in self.timers.items() if timer[WAKE] is None]:
            self.renew(live[run])

    def drop(self, run: int) -> None:
        """A run ended, or its end is in the log. O(1) amortised."""
        self._timers.drop(self.timers.pop(run, None))
