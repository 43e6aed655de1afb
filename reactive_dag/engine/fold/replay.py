"""How a fold takes up what is recorded: all that is decided is applied, the rest is taken note of (I6).

Owns no state but the fold's. Invariant: all that follows from a record below `Decided.upto` stands in the log, so while
it is applied what follows is thrown away. O(records).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING

from reactive_dag.model.errors import StoreDamaged
from reactive_dag.model.records import (
    AnyRecord,
    BackfillRequested,
    Cancelled,
    Decided,
    PlanDeclared,
    RunFinished,
    RunStarted,
    StartRequested,
    TaskFinished,
    ValueSet,
)

if TYPE_CHECKING:
    from reactive_dag.engine.deciding.backfills import Backfills
    from reactive_dag.engine.deciding.definitions import Definitions
    from reactive_dag.engine.deciding.recorded_calls import RecordedCalls
    from reactive_dag.engine.facts.outbox import Outbox
    from reactive_dag.engine.facts.publish import Publishing
    from reactive_dag.engine.facts.start import Starting
    from reactive_dag.engine.facts.values import Values
    from reactive_dag.engine.table.table import RunTable


class Replaying(ABC):
    """The replay of a fold. `_ahead_to` is the end of the group of records that is being applied."""

    outbox: Outbox
    publishing: Publishing
    starting: Starting
    values: Values
    calls: RecordedCalls
    definitions: Definitions
    runs: RunTable
    backfills: Backfills
    cursor: int
    decided: int
    _ahead_to: int

    @abstractmethod
    def apply_all(self, start: int, batch: Iterable[AnyRecord]) -> None:
        """Apply records in order."""

    def replay(self, start: int, segments: Iterable[tuple[int, list[AnyRecord]]]) -> None:
        """Apply what is recorded from `start` on, up to the last `Decided`; the rest is left to be decided.

        O(records). Invariant I6: all that follows from a record below `Decided.upto` stands in the log.
        """
        self.cursor = start
        held: list[AnyRecord] = []
        read = 0
        with self.outbox.replay():
            for _, records in segments:
                self.publishing.count(records)
                for record in records:
                    held.append(record)
                    if type(record) is Decided:
                        done = self._replay_group(held, read, record.upto)
                        del held[:done]
                        read = len(held)
        self.definitions.ahead(held[read:], self.cursor + read, self.cursor)
        for offset, record in enumerate(held, self.cursor):
            if type(record) is PlanDeclared:
                self.runs.plans.plan_declared(offset, record)
            elif type(record) is StartRequested:
                self.starting.on_start_requested(record)
            elif type(record) is RunStarted:
                self.runs.begun_in_log(record)
            elif type(record) is TaskFinished:
                self.runs.flow.waiting.ended_in_log(record)
            elif type(record) is Cancelled:
                self.runs.timeouts.ended_in_log(record.run)
            elif type(record) is RunFinished:
                self.runs.overlaps.ended_in_log(record)
            elif type(record) is ValueSet:
                self.values.note(offset, record)
            elif type(record) is BackfillRequested:
                self.backfills.note(record)
        self.runs.recovered()

    def _replay_group(self, held: list[AnyRecord], read: int, upto: int) -> int:
        """Apply what a `Decided` covers; `held[read:]` stands between the one before and it. How many those were."""
        start = self.cursor
        if upto < self.decided:
            raise StoreDamaged(f"a Decided record names offset {upto}, but {self.decided} were decided before it")
        self.decided = upto
        since = held[read:]
        self.definitions.ahead(since, start + read, start)
        if upto <= start:
            return 0  # the snapshot was taken while more was to be decided: this stands behind it, and is in it
        self.calls.recorded(since)
        self._ahead_to = start + len(held)
        group = held[: upto - start]
        self.apply_all(start, group)
        self.outbox.decisions.clear()
        self.cursor = upto
        return upto - start
