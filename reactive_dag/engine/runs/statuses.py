"""Where each unfinished run stands: one status a run, changed in one place (R3, R6, R11).

Owns `RunStatuses`. Invariant: a run has one status from when its `RunRequested` (or, in a log that is read back, its
`RunStarted`) is applied until its `RunFinished` is; `live` holds the state of those that are running, `active` counts
those that take a place in `max_active_runs`. A change costs O(1).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import msgspec

from reactive_dag.engine.runs.state import RunOrder, RunState
from reactive_dag.engine.runs.task_arrays import TaskArrays
from reactive_dag.log.protocol import EventLog
from reactive_dag.model.errors import StoreDamaged
from reactive_dag.model.records import RunRequested, RunStarted


class RunStatus(msgspec.Struct, frozen=True, gc=False):
    """Where an unfinished run stands; `active` says that it takes a place in `max_active_runs`.

    `begun` is how a run began that nobody here can execute, or how a queued one would begin, as of `version` of the
    drafts. `request`, `order` and `arrays` are at hand for a run that begins here. `cancelled` says that the run is
    to be cancelled as soon as it begins, for `reason`.
    """

    name: str
    active: bool = False
    begun: RunStarted | None = None
    version: int = -1
    request: RunRequested | None = None
    order: RunOrder | None = None
    arrays: TaskArrays | None = None
    cancelled: bool = False
    reason: str | None = None


DELAYED = RunStatus("delayed")
"""Requested, and queued later (in a simulation)."""
QUEUED = RunStatus("queued")
"""Requested: it begins when it may."""
AHEAD = RunStatus("ahead")
"""Its `RunStarted` stands in a log that is read back, and its `RunRequested` is not applied yet."""
BEGINNING = RunStatus("beginning", active=True)
"""Its `RunStarted` is in the log and not applied yet."""
RUNNING = RunStatus("running", active=True)
ORPHAN = RunStatus("orphan", active=True)
"""It began, and its DAG is declared no more."""
ENDING = RunStatus("ending")
"""It was cancelled in the queue: its `RunFinished` is in the log and not applied yet."""


class RunStatuses:
    """The unfinished runs of one engine, by the offset of their request."""

    def __init__(self, log: EventLog) -> None:
        self.log = log
        self.by_run: dict[int, RunStatus] = {}
        self.live: dict[int, RunState] = {}
        self.active: dict[str, int] = {}

    def enter(self, run: int, status: RunStatus) -> None:
        """Give a run that has none yet, or a delayed one, a status that takes no place. O(1)."""
        self.by_run[run] = status

    def move(self, run: int, dag: str, status: RunStatus | None) -> None:
        """Give a run another status; None: it ended. O(1)."""
        if status is None:
            before = self.by_run.pop(run, None)
            self.live.pop(run, None)
            now_active = False
        else:
            before = self.by_run.get(run)
            self.by_run[run] = status
            now_active = status.active
        if before is not None and before.active:
            if not now_active:
                self.active[dag] -= 1
        elif now_active:
            self.active[dag] = self.active.get(dag, 0) + 1

    def started_of(self, run: int) -> RunStarted | None:
        """How a run began, if it began and has not ended. O(1)."""
        live = self.live.get(run)
        if live is not None:
            return live.started
        status = self.by_run.get(run)
        return None if status is None or status.name != "orphan" else status.begun

    def run_of(self, run: int) -> RunStarted:
        """The `RunStarted` of a run, live or ended. O(1) live. Raises StoreDamaged."""
        begun = self.started_of(run)
        if begun is not None:
            return begun
        row = self.log.run(run)
        if row is None:
            raise StoreDamaged(f"run {run} is named by a record, but neither live nor in the history")
        return RunStarted(row.started or 0, run, row.dag, row.key, row.logical_date, row.partition, row.cascade)

    def has_delayed(self) -> bool:
        """Whether a run will be queued later. O(unfinished runs)."""
        return any(status.name == "delayed" for status in self.by_run.values())

    def orphans(self) -> dict[int, RunStarted]:
        """The runs that began and that nobody here can execute. O(unfinished runs)."""
        found = list(self.by_run.items())
        return {run: status.begun for run, status in found if status.name == "orphan" and status.begun}

    def _check(self, dags: Mapping[int, str]) -> None:
        """Live runs are running; as many count as active as are. `dags` names the DAG of each run. O(runs)."""
        running = {run for run, status in self.by_run.items() if status is RUNNING}
        assert running == self.live.keys(), running ^ self.live.keys()
        active = Counter(dags[run] for run, status in self.by_run.items() if status.active)
        assert active == Counter(self.active), (active, self.active)
        for run in self.live.values():
            run._check()
