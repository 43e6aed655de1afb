"""Where each unfinished run stands: one status a run, changed in one place (R3, R6, R11).

Owns `RunStatuses`. Invariant: a run has one status from when its `RunRequested` (or, in a log that is read back, its
`RunStarted`) is applied until its `RunFinished` is: it stands in one of three tables. `active` counts those that take a
place in `max_active_runs`. A change costs O(1).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import msgspec

from reactive_dag.engine.runs.state import RunOrder, RunState
from reactive_dag.engine.runs.task_arrays import TaskArrays
from reactive_dag.log.protocol import EventLog
from reactive_dag.model.errors import StoreDamaged
from reactive_dag.model.records import Cancelled, RunRequested, RunStarted

if TYPE_CHECKING:
    from reactive_dag.declare.dag import Dag


class RunStatus(msgspec.Struct, frozen=True, gc=False):
    """Where an unfinished run stands; `active` says that it takes a place in `max_active_runs`.

    `begun` is how a run began that nobody here can execute, or how a queued one would begin, as of `version` of the
    drafts. `request`, `order` and `arrays` are at hand for a run that begins here; a queued round has its `order`.
    `stopped` says that the run is to be cancelled as soon as it begins. `orphan` is what is recorded of the tasks
    of one whose DAG is declared no more.
    """

    name: str
    active: bool = False
    begun: RunStarted | None = None
    version: int = -1
    request: RunRequested | None = None
    order: RunOrder | None = None
    arrays: TaskArrays | None = None
    stopped: Cancelled | None = None
    orphan: RunState | None = None


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


StartingRun = tuple[RunOrder, "Dag", TaskArrays, RunRequested, RunStatus]
"""A run that begins now: its place among others, its DAG, its tasks, its request, and its status until now."""


class RunStatuses:
    """The unfinished runs of one engine, by the offset of their request: `queued`, `live`, and what lies `between`."""

    def __init__(self, log: EventLog) -> None:
        self.log = log
        self.queued: dict[int, RunStatus] = {}
        self.between: dict[int, RunStatus] = {}
        self.live: dict[int, RunState] = {}
        self.active: dict[str, int] = {}
        self.parked: set[int] = set()
        """Live runs that gave their place back (R14)."""

    def get(self, run: int) -> RunStatus | None:
        """The status of a run; None before its request and after its end. O(1)."""
        return RUNNING if run in self.live else self.between.get(run) or self.queued.get(run)

    def enter(self, run: int, status: RunStatus) -> None:
        """Queue a run that has no status yet, or a delayed one. O(1)."""
        if self.between:
            self.between.pop(run, None)
        self.queued[run] = status

    def begin(self, run: int, dag: str, status: RunStatus) -> None:
        """A queued run gets its place, and is about to begin. O(1)."""
        del self.queued[run]
        self.between[run] = status
        self.active[dag] = self.active.get(dag, 0) + 1

    def run(self, dag: str, state: RunState) -> None:
        """A run is running from here on. O(1)."""
        before = self.between.pop(state.run, None)
        self.live[state.run] = state
        if before is None or not before.active:
            self.active[dag] = self.active.get(dag, 0) + 1

    def may_be_live(self, dags: Iterable[str]) -> bool:
        """Whether some of these DAGs may have live runs. O(DAGs)."""
        return bool(self.parked) or any(self.active.get(dag) for dag in dags)

    def park(self, run: int, dag: str) -> None:
        """A live run gives its place back. O(1)."""
        self.parked.add(run)
        self.active[dag] -= 1

    def take_back(self, run: int, dag: str) -> None:
        """A live run takes a place again. O(1)."""
        self.parked.remove(run)
        self.active[dag] += 1

    def move(self, run: int, dag: str, status: RunStatus | None) -> None:
        """Give a run a status between `queued` and `live`, or after them; None: it ended. O(1)."""
        was_active = False
        if self.live.pop(run, None) is not None:
            was_active = run not in self.parked
            self.parked.discard(run)
        elif self.queued.pop(run, None) is None:
            before = self.between.pop(run, None)
            was_active = before is not None and before.active
        if status is not None:
            self.between[run] = status
        now_active = status is not None and status.active
        if now_active != was_active:
            self.active[dag] = self.active.get(dag, 0) + (1 if now_active else -1)

    def started_of(self, run: int) -> RunStarted | None:
        """How a run began, if it began and has not ended. O(1)."""
        live = self.live.get(run)
        if live is not None:
            return live.started
        status = self.between.get(run)
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
        """Whether a run will be queued later. O(runs between)."""
        return any(status is DELAYED for status in self.between.values())

    def beginning(self) -> list[int]:
        """The runs that were requested, are queued no more, and have not begun. O(runs between)."""
        return [run for run, status in list(self.between.items()) if status.name not in ("orphan", "ahead")]

    def orphans(self) -> dict[int, RunState]:
        """The runs that began and that nobody here can execute. O(runs between)."""
        found = list(self.between.items())
        return {run: status.orphan for run, status in found if status.orphan is not None}

    def orphan(self, run: int) -> RunState | None:
        """What is recorded of a run that nobody here can execute. O(1)."""
        status = self.between.get(run)
        return None if status is None else status.orphan

    def _check(self, dag_of: Callable[[int], str]) -> None:
        """A run has one status; as many count as active as are. `dag_of` names the DAG of a run. O(runs)."""
        assert not self.live.keys() & self.between.keys(), "a run is running and not"
        assert not self.queued.keys() & (self.live.keys() | self.between.keys()), "a run is queued and not"
        active = Counter([dag_of(run) for run, status in self.between.items() if status.active])
        active.update([dag_of(run) for run in self.live if run not in self.parked])
        assert self.parked <= self.live.keys(), "a run gave its place back and does not run"
        assert active == +Counter(self.active), (active, self.active)
        for run in self.live.values():
            run._check()
