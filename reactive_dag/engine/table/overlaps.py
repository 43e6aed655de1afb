"""Runs that end before they begin, or before their time, because of others of their DAG (R6).

Owns nothing: which runs these are the slots say (limits/slots.py) when all of an instant is decided, and it is recorded
at once: of a queued run its end, of one that runs its cancellation. O(1) each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from reactive_dag.engine.facts.outbox import Outbox
from reactive_dag.engine.runs.by_date import RunsByDate
from reactive_dag.engine.runs.history_rows import REPLACED, SKIPPED
from reactive_dag.engine.runs.statuses import ENDING, RunStatuses
from reactive_dag.log.history import RunRow
from reactive_dag.model.records import Cancelled, RunFinished, RunRequested, RunStarted


class Queues(Protocol):
    """Where runs wait until they may begin."""

    def unqueue(self, dag: str, run: int) -> None:
        """A queued run will not begin here."""


class Overlaps:
    """Ends runs of one engine that are not to be beside others."""

    def __init__(
        self, outbox: Outbox, statuses: RunStatuses, queues: Queues, by_date: RunsByDate,
        request: Callable[[int], RunRequested], row: Callable[[int], RunRow], key_of: Callable[[RunRequested], str],
    ) -> None:  # fmt: skip
        self._outbox = outbox
        self._statuses = statuses
        self._queues = queues
        self._by_date = by_date
        self._request = request
        self._row = row
        self._key_of = key_of

    def settle(self, run: int, by: int | None) -> None:
        """As many runs are active as may be: skip a queued one, or have run `by` take the place of one."""
        if by is None:
            self.give_up(run, "skipped", SKIPPED)
            return
        key = self._key_of(self._request(by))
        if run in self._statuses.live:
            self._outbox.fact(lambda at: Cancelled(at, run, f"{REPLACED}{key}", "cancelled", key))
        else:
            self.give_up(run, "cancelled", f"{REPLACED}{key}")

    def give_up(self, run: int, state: str, error: str | None = None) -> None:
        """End a run that stands in no queue any more; its end is applied when the cursor reaches the record.

        Until then it is found as it is dated now: its draft may be older than what the graph is now.
        """
        dag, row, queued = self._request(run).dag, self._row(run), self._statuses.get(run)
        about = row.logical_date, row.partition, row.cascade or row.key
        draft = None if queued is None else queued.begun
        if draft is not None and (draft.logical_date, draft.cascade) != (about[0], about[2]):
            self._by_date.forget(dag, run, draft.logical_date, draft.cascade)
            self._by_date.add(dag, run, about[0], about[2])
        self._statuses.move(run, dag, ENDING)
        begun = RunStarted(row.requested or 0, run, dag, row.key, *about)
        self._outbox.fact(lambda at: RunFinished.of(begun, state, at, error))

    def ended_in_log(self, record: RunFinished) -> None:
        """The end of a queued run stands beyond the decided part of the log: it must not end a second time."""
        status = self._statuses.get(record.run)
        if status is not None and status.name == "queued":
            self._queues.unqueue(record.dag, record.run)
            self._statuses.move(record.run, record.dag, ENDING)
