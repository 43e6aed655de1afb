"""The host of runs that a window answered: rows from arrays, all else from the records of the same course.

Owns the translation of a run's number in the window to its offset in the log. What is not read costs nothing; the first
question for a record costs O(records).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from msgspec.structs import replace

from reactive_dag.declare.graph import Graph
from reactive_dag.engine.host import Host
from reactive_dag.log.history import RunRow
from reactive_dag.model.errors import UsageError
from reactive_dag.model.event import Event
from reactive_dag.model.records import AnyRecord, Item, Json, RunRequested, RunStarted
from reactive_dag.whatif.outcome.outcome import Outcome


class Recorded:
    """The records of a course: who answers by them, and the offset of each run."""

    def __init__(self, host: Host, offset: Callable[[int], int], number: Callable[[int], int]) -> None:
        self.host = host
        self.offset = offset
        self.number = number
        """The number of the run at an offset."""


class WindowHost:
    """Answers the questions of runs of an outcome; `known` gives the records of its course."""

    closed = False
    failed = False

    def __init__(self, graph: Graph, outcome: Outcome, known: Callable[[], Recorded]) -> None:
        self.graph = graph
        self.outcome = outcome
        self._known = known

    def _there(self, run: int) -> tuple[Host, int]:
        """Who answers by the records, and the offset of a run there."""
        known = self._known()
        return known.host, known.offset(run)

    def _here(self, offset: int | None) -> int | None:
        """The number of the run at an offset."""
        return None if offset is None else self._known().number(offset)

    def row(self, run: int) -> RunRow:
        """How a run and its tasks stand. O(tasks)."""
        return self.outcome.row(run)

    def head(self, run: int) -> RunRow:
        """How a run stands, without its tasks. O(1)."""
        return self.outcome.head(run)

    def request(self, run: int) -> RunRequested:
        """The request of a run, with its causes. O(records) once."""
        host, offset = self._there(run)
        return host.request(offset)

    def causes(self, run: int) -> tuple[Item, ...]:
        """The items that caused a run. O(records) once."""
        host, offset = self._there(run)
        return host.causes(offset)

    def params(self, run: int) -> dict[str, Any]:
        """The params of a run. O(records) once."""
        host, offset = self._there(run)
        return host.params(offset)

    def interval(self, run: int) -> tuple[int | None, int | None]:
        """The span of time (ns) that a run stands for (R1). O(records) once."""
        host, offset = self._there(run)
        return host.interval(offset)

    def dimensions(self, run: int) -> dict[str, str]:
        """What a run's partition has in each dimension, by name (T19). O(records) once."""
        host, offset = self._there(run)
        return host.dimensions(offset)

    def previous(self, run: int) -> int | None:
        """The run of the same DAG before this one. O(records) once."""
        host, offset = self._there(run)
        return self._here(host.previous(offset))

    def with_key(self, dag: str, key: str, date: int | None) -> int | None:
        """The run of a DAG that has a key and a logical date. O(records) once."""
        return self._here(self._known().host.with_key(dag, key, date))

    def run_of(self, run: int) -> RunStarted:
        """The record that a run began with. O(records) once."""
        host, offset = self._there(run)
        return replace(host.run_of(offset), run=run)

    def record(self, offset: int) -> AnyRecord:
        """The record at an offset; the run that it is of has its number here. O(records) once."""
        known = self._known()
        found = known.host.record(offset)
        run = getattr(found, "run", -1)
        return found if run < 0 else replace(found, run=known.number(run))

    def event(self, item: Item) -> Event:
        """A cause as the event that users see. O(records) once."""
        return self._known().host.event(item)

    def value(self, name: str) -> Json:
        """What a shared value holds: nothing, since no body ran. O(1)."""

    def log_text(self, attempt: str) -> str:
        """What an attempt logged and printed: nothing, since no body ran. O(1)."""
        return ""

    def wait_for_run(self, run: int, timeout: object) -> NoReturn:
        """Nothing more happens. Raises UsageError."""
        raise UsageError("nothing more happens in a finished course: its .pending() says what this run waits for")
