"""The host of runs by their offsets, of a course whose records were written from arrays.

Owns `RecordHost`: rows from arrays, causes and events from records. O(1) where nothing else is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from msgspec.structs import replace

from reactive_dag.engine.items.events import event_of
from reactive_dag.engine.items.identity import Identities
from reactive_dag.engine.runs.logical_dates import LogicalDates
from reactive_dag.model.errors import UsageError
from reactive_dag.model.records import RunRequested

if TYPE_CHECKING:
    from reactive_dag.declare.graph import Graph
    from reactive_dag.log.history import RunRow
    from reactive_dag.model.event import Event
    from reactive_dag.model.records import AnyRecord, Item, Json, RunStarted
    from reactive_dag.whatif.course.prepared import PreparedGraph
    from reactive_dag.whatif.records.written import WrittenRecords


class RecordHost:
    """Answers the questions of runs of written records."""

    closed = False
    failed = False

    def __init__(self, graph: Graph, prepared: PreparedGraph, written: WrittenRecords) -> None:
        self.graph = graph
        self.written = written
        self.outcome = written.outcome
        self._identities = Identities(written.log(), self.run_of)
        self._dates = LogicalDates(self._identities, graph, prepared.caches.calendars)

    def row(self, run: int) -> RunRow:
        """How a run and its tasks stand. O(tasks)."""
        return self._as_recorded(self.outcome.row(self.written.numbers[run]), run)

    def head(self, run: int) -> RunRow:
        """How a run stands, without its tasks. O(1)."""
        return self._as_recorded(self.outcome.head(self.written.numbers[run]), run)

    def _as_recorded(self, row: RunRow, run: int) -> RunRow:
        begun = self.run_of(run)
        return replace(row, run=run, cascade=begun.cascade, sources=begun.sources)

    def request(self, run: int) -> RunRequested:
        """The request of a run, with its causes. O(1)."""
        return self._identities.request(run)

    def causes(self, run: int) -> tuple[Item, ...]:
        """The items that caused a run. O(1)."""
        return self.request(run).causes

    def params(self, run: int) -> dict[str, Any]:
        """The params of a run: its DAG's. O(params)."""
        return dict(self.graph.dags[self.request(run).dag].params)

    def interval(self, run: int) -> tuple[int | None, int | None]:
        """The span of time (ns) that a run stands for (R1). O(causes)."""
        return self._dates.interval(self.head(run), self.head)

    def dimensions(self, run: int) -> dict[str, str]:
        """What a run's partition has in each dimension, by name (T19). O(causes)."""
        return self._dates.dimensions(self.request(run), self.run_of(run).partition)

    def previous(self, run: int) -> int | None:
        """The run of the same DAG before this one, by date. O(runs of the DAG)."""
        own = self.run_of(run)
        others = [(row.logical_date or 0, row.run) for row in map(self._begun, self.outcome.by_dag[own.dag])]
        return max([each for each in others if each[0] < (own.logical_date or 0)], default=(0, None))[1]

    def _begun(self, number: int) -> RunStarted:
        return self.written.begun(number)

    def with_key(self, dag: str, key: str, date: int | None) -> int | None:
        """The run of a DAG that has a key and a logical date. O(runs) once."""
        found = self.outcome.by_key.get(key)
        return None if found is None else self.written.requests[found]

    def run_of(self, run: int) -> RunStarted:
        """The record that a run began with. O(1)."""
        return self.written.begun(self.written.numbers[run])

    def record(self, offset: int) -> AnyRecord:
        """The record at an offset. O(1)."""
        return self._identities.record(offset)

    def event(self, item: Item) -> Event:
        """A cause as the event that users see. O(1)."""
        return event_of(self._identities, item)

    def value(self, name: str) -> Json:
        """What a shared value holds: nothing, since no body ran. O(1)."""

    def log_text(self, attempt: str) -> str:
        """What an attempt logged and printed: nothing, since no body ran. O(1)."""
        return ""

    def wait_for_run(self, run: int, timeout: object) -> NoReturn:
        """Nothing more happens. Raises UsageError."""
        raise UsageError("nothing more happens in a finished course: its .pending() says what this run waits for")
