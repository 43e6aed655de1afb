"""`Host`: what a `Run` asks of whatever holds it, an engine or a course that is over.

Owns the protocol alone, in types of the wings below, so that nothing under `engine.py` imports `Engine`.
`inspect/fold_host.py` implements it.
"""

from __future__ import annotations

from typing import Any, Protocol

from reactive_dag.declare.graph import Graph
from reactive_dag.log.history import RunRow
from reactive_dag.model.event import Event
from reactive_dag.model.records import AnyRecord, Item, Json, RunRequested, RunStarted
from reactive_dag.model.times import GivenDuration


class Host(Protocol):
    """Answers a run's questions. Every answer but `closed` and `failed` raises EngineClosed once the log is closed."""

    @property
    def closed(self) -> bool:
        """Whether the log is closed."""

    @property
    def failed(self) -> bool:
        """Whether the log has failed."""

    @property
    def graph(self) -> Graph:
        """The graph that the run belongs to."""

    def row(self, run: int) -> RunRow:
        """How a run and its tasks stand. O(tasks)."""

    def head(self, run: int) -> RunRow:
        """How a run stands; its tasks may be left out. O(tasks)."""

    def request(self, run: int) -> RunRequested:
        """The request of a run, with its causes. O(1)."""

    def causes(self, run: int) -> tuple[Item, ...]:
        """The items that caused a run; in a later round those that took their places (R10). O(causes)."""

    def params(self, run: int) -> dict[str, Any]:
        """The params of a run: the DAG's, with what the start gave. O(params)."""

    def interval(self, run: int) -> tuple[int | None, int | None]:
        """The span of time (ns) that a run stands for (R1). O(tasks)."""

    def dimensions(self, run: int) -> dict[str, str]:
        """What a run's partition has in each dimension, by name (T19). O(causes)."""

    def previous(self, run: int) -> int | None:
        """The run of the same DAG before this one. O(log n)."""

    def with_key(self, dag: str, key: str, date: int | None) -> int | None:
        """The run of a DAG that has a key and a logical date. O(log n)."""

    def run_of(self, run: int) -> RunStarted:
        """The record that a run began with. O(1) while it is live."""

    def record(self, offset: int) -> AnyRecord:
        """The record at an offset. O(1)."""

    def event(self, item: Item) -> Event:
        """A cause as the event that users see. O(1)."""

    def value(self, name: str) -> Json:
        """What a shared value holds now; None where it holds nothing (R22). O(1) in memory."""

    def log_text(self, attempt: str) -> str:
        """What an attempt logged and printed, by its key; "" if nothing. O(its length)."""

    def wait_for_run(self, run: int, timeout: GivenDuration | float | None) -> None:
        """Return once a run has ended. Raises NotIdle after `timeout`."""
