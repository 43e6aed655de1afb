"""Runs that began and have not ended: those that are executed here, and those whose DAG is declared no more.

Invariant: a run is in one of the two from when its `RunStarted` is applied until its `RunFinished` is. O(1).
"""

from __future__ import annotations

from reactive_dag.engine.runs.state import RunState
from reactive_dag.log.protocol import EventLog
from reactive_dag.model.errors import StoreDamaged
from reactive_dag.model.records import RunStarted


class LiveRuns:
    """Live runs by the offset of their request."""

    __slots__ = ("log", "orphans", "runs")

    def __init__(self, log: EventLog) -> None:
        self.log = log
        self.runs: dict[int, RunState] = {}
        self.orphans: dict[int, RunStarted] = {}

    def started_of(self, run: int) -> RunStarted | None:
        """How a run began, if it has not ended. O(1)."""
        live = self.runs.get(run)
        return self.orphans.get(run) if live is None else live.started

    def run_of(self, run: int) -> RunStarted:
        """The `RunStarted` of a run, live or ended. O(1) live. Raises StoreDamaged."""
        begun = self.started_of(run)
        if begun is not None:
            return begun
        row = self.log.run(run)
        if row is None:
            raise StoreDamaged(f"run {run} is named by a record, but neither live nor in the history")
        return RunStarted(row.started or 0, run, row.dag, row.key, row.logical_date, row.partition, row.cascade)
