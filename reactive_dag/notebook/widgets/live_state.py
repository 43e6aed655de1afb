"""What an engine's records come to, as far as the live view shows it: runs by state, events, last records.

Owns `LiveState`. Invariants: hearing a record twice changes nothing but the counts of events; what a record does not
tell (a run that was taken out of a queue) is set right by `set_live`. O(1) a record, O(DAGs that ran) a picture.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from attrs import Factory, define

from reactive_dag.model.recorded.decisions import DeadlineMissed, TriggerFault
from reactive_dag.model.records import (
    AnyRecord,
    Published,
    RunFinished,
    RunRequested,
    RunStarted,
    TaskFinished,
)
from reactive_dag.model.times import MILLISECOND

if TYPE_CHECKING:
    from reactive_dag.engine.inspect.run import Run

SHOWN_RECORDS = 14
TOLD = (Published, RunRequested, RunStarted, RunFinished, TaskFinished, DeadlineMissed, TriggerFault)
"""The records that are shown; the others (plans, what was decided) are the engine's own."""


@define
class DagNow:
    """A DAG's runs that have not ended, and how and when the last one did."""

    queued: set[int] = Factory(set)
    running: set[int] = Factory(set)
    state: str = ""
    at: int = 0


class LiveState:
    """The state at the last record that was heard."""

    def __init__(self, heard: int) -> None:
        self.heard = heard
        """How many records there were up to the last one."""
        self._dags: dict[str, DagNow] = {}
        self._datasets: dict[str, list[int]] = {}
        self._last: deque[tuple[int, AnyRecord]] = deque(maxlen=SHOWN_RECORDS)
        self._dag_of: dict[int, str] = {}

    def hear(self, offset: int, record: AnyRecord) -> None:
        """Take a record in. O(1)."""
        self.heard = offset + 1
        if isinstance(record, RunRequested):
            self._of(record.dag).queued.add(offset)
        elif isinstance(record, RunStarted):
            self._begin(record.run, record.dag)
        elif isinstance(record, RunFinished):
            self._end(record)
        elif isinstance(record, Published):
            known = self._datasets.setdefault(record.dataset, [0, 0])
            known[0] += 1
            known[1] = record.at
        if isinstance(record, TOLD):
            self._last.append((offset, record))

    def _of(self, dag: str) -> DagNow:
        return self._dags.setdefault(dag, DagNow())

    def _begin(self, run: int, dag: str) -> None:
        now = self._of(dag)
        now.queued.discard(run)
        now.running.add(run)
        self._dag_of[run] = dag

    def _end(self, record: RunFinished) -> None:
        now = self._of(record.dag)
        now.queued.discard(record.run)
        now.running.discard(record.run)
        now.state, now.at = record.state, record.at

    def set_live(self, runs: Iterable[Run]) -> None:
        """Set which runs have not ended. O(runs + DAGs)."""
        for now in self._dags.values():
            now.queued.clear()
            now.running.clear()
        for run in runs:
            now = self._of(run.dag)
            (now.running if run.state == "running" else now.queued).add(run._offset)
            self._dag_of[run._offset] = run.dag

    def set_last(self, dag: str, state: str, at: int) -> None:
        """Set how the last run of a DAG ended, which was before anything was heard. O(1)."""
        self._of(dag).state = state
        self._of(dag).at = at

    # ------------------------------------------------------------------------------------- as plain data

    def dags(self) -> dict[str, list[object]]:
        """Of each DAG that ran: how many runs are queued, how many run, how the last one ended, and when (ms)."""
        return {
            id: [len(now.queued), len(now.running), now.state, now.at // MILLISECOND] for id, now in self._dags.items()
        }

    def datasets(self) -> dict[str, list[int]]:
        """Of each dataset how many events were heard, and when the last one came (ms). O(datasets)."""
        return {uri: [count, at // MILLISECOND] for uri, (count, at) in list(self._datasets.items())}

    def last(self) -> list[list[object]]:
        """The last records, newest first: offset, instant (ms), state, what. O(records shown)."""
        return [
            [offset, record.at // MILLISECOND, *self._told(record)] for offset, record in reversed(list(self._last))
        ]

    def _told(self, record: AnyRecord) -> tuple[str, str]:
        about = getattr(record, "partition", None)
        more = f" {about}" if about else ""
        if isinstance(record, Published):
            return record.kind, f"{record.dataset}{more}"
        if isinstance(record, RunRequested):
            return "queued", record.dag
        if isinstance(record, RunStarted):
            return "running", f"{record.dag}{more}"
        if isinstance(record, RunFinished):
            return record.state, f"{record.dag}{more}"
        if isinstance(record, TaskFinished):
            return record.state, f"{self._dag_of.get(record.run, record.run)}.{record.task}"
        if isinstance(record, DeadlineMissed):
            return "missed", f"{record.dag}{more}"
        assert isinstance(record, TriggerFault), record
        return "error", f"{record.dag}: {record.function} raised {record.error}"
