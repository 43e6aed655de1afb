"""`FoldHost`: the host of runs, read from a fold. Owns whether it is closed; an answer costs the look-up behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reactive_dag.declare.graph import Graph
from reactive_dag.engine.deciding.backfills import BackfillRow
from reactive_dag.engine.fold.fold import Fold
from reactive_dag.engine.inspect.attempt_logs import AttemptLogs
from reactive_dag.engine.items.events import event_of
from reactive_dag.log.history import RunRow
from reactive_dag.model.errors import EngineClosed, raise_fault
from reactive_dag.model.event import Event
from reactive_dag.model.payload import copied
from reactive_dag.model.records import AnyRecord, Item, Json, RunRequested, RunStarted
from reactive_dag.model.times import GivenDuration

CLOSED = "this engine was closed; open another with rd.Engine(graph, store=...), or use the one opened since"


class FoldHost:
    """Reads a fold for `Run` and `Queries`. `wait` waits for the end of a run, or raises where nothing more happens."""

    def __init__(
        self, fold: Fold, wait: Callable[[int, GivenDuration | float | None], None], logs: AttemptLogs | None = None
    ) -> None:
        self._fold = fold
        self._wait = wait
        self._logs = logs
        self.closed = False

    def close(self) -> None:
        """Answer nothing any more: the log is about to be closed."""
        self.closed = True

    @property
    def failed(self) -> bool:
        """Whether the log has failed."""
        return self._fold.log.fault is not None

    @property
    def fold(self) -> Fold:
        """The fold, while it may be read. Raises EngineClosed, StoreError (the log has failed)."""
        if self.closed:
            raise EngineClosed(CLOSED)
        if self._fold.log.fault is not None:
            raise_fault(self._fold.log.fault)
        return self._fold

    @property
    def graph(self) -> Graph:
        """The graph that the runs belong to."""
        return self.fold.graph

    def row(self, run: int) -> RunRow:
        """How a run and its tasks stand. O(tasks)."""
        return self.fold.runs.row(run)

    def head(self, run: int) -> RunRow:
        """How a run stands. O(tasks)."""
        return self.fold.runs.row(run)

    def request(self, run: int) -> RunRequested:
        """The request of a run, with its causes. O(1)."""
        return self.fold.runs.request(run)

    def causes(self, run: int) -> tuple[Item, ...]:
        """The items that caused a run; in a later round those that took their places (R10). O(causes)."""
        return self.fold.runs.rows.causes(run)

    def params(self, run: int) -> dict[str, Any]:
        """The params of a run: the DAG's, with what the start gave. O(params)."""
        return self.fold.runs.rows.params(run)

    def interval(self, run: int) -> tuple[int | None, int | None]:
        """The span of time (ns) that a run stands for (R1). O(tasks)."""
        runs = self.fold.runs
        return runs.logical_dates.interval(runs.row(run), runs.row)

    def dimensions(self, run: int) -> dict[str, str]:
        """What a run's partition has in each dimension, by name (T19). O(causes)."""
        runs = self.fold.runs
        return runs.logical_dates.dimensions(runs.request(run), runs.row(run).partition)

    def previous(self, run: int) -> int | None:
        """The run of the same DAG before this one. O(log n)."""
        return self.fold.by_date.previous(self.fold.runs.row(run))

    def with_key(self, dag: str, key: str, date: int | None) -> int | None:
        """The run of a DAG that has a key and a logical date. O(log n)."""
        return self.fold.by_date.with_key(dag, key, date)

    def run_of(self, run: int) -> RunStarted:
        """The record that a run began with. O(1) while it is live."""
        return self.fold.run_of(run)

    def record(self, offset: int) -> AnyRecord:
        """The record at an offset. O(1)."""
        return self.fold.identities.record(offset)

    def event(self, item: Item) -> Event:
        """A cause as the event that users see. O(1)."""
        return event_of(self.fold.identities, item)

    def value(self, name: str) -> Json:
        """What a shared value holds now; None where it holds nothing (R22). O(1) in memory."""
        fold = self.fold
        found = fold.values.get(name, fold.clock.now())
        return None if found is None else copied(found.value)

    def log_text(self, attempt: str) -> str:
        """What an attempt logged and printed, by its key; "" if nothing. O(its length)."""
        assert self.fold is not None, "it may be read"
        return "" if self._logs is None else self._logs.text(attempt)

    def backfill(self, number: int) -> BackfillRow:
        """How a backfill stands. O(dates)."""
        return self.fold.backfills.row(number)

    def wait_for_run(self, run: int, timeout: GivenDuration | float | None) -> None:
        """Return once a run has ended. Raises NotIdle after `timeout`."""
        self._wait(run, timeout)
