"""The records of one future of a window, and which record is which run's.

Owns `WrittenRecords`. Invariant: they are those that the reference would write, one by one. O(records), made when
somebody reads them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reactive_dag.log.memory import MemoryLog
from reactive_dag.model.collector import calm_collector
from reactive_dag.whatif.course.player import CoursePlayer
from reactive_dag.whatif.records.planning import record_plan
from reactive_dag.whatif.records.record_state import NOBODY, NOT_YET
from reactive_dag.whatif.records.writer import RecordWriter

if TYPE_CHECKING:
    from reactive_dag.model.records import AnyRecord, RunStarted
    from reactive_dag.whatif.course.prepared import PreparedGraph
    from reactive_dag.whatif.outcome.window_outcome import WindowOutcome
    from reactive_dag.whatif.question.question import Question


class WrittenRecords:
    """The records of a question that a pass over a window answered. Raises NotStatic where arrays do not tell them."""

    def __init__(self, question: Question, prepared: PreparedGraph, outcome: WindowOutcome) -> None:
        plan = record_plan(outcome.of, question.graph)
        plans = {id: arrays.declared(id) for id, arrays in prepared.played.items()}
        with calm_collector():
            clocked, others = CoursePlayer(question, prepared, outcome.effects).registrations()
            writer = RecordWriter(outcome, plan, plans, clocked, others)
            self.records: list[AnyRecord] = writer.write()
        self.outcome = outcome
        self.requests = writer.requests
        """The offset of each run's request."""
        self.numbers = {offset: run for run, offset in enumerate(writer.requests) if offset != NOT_YET}
        self._begun = writer.begun

    def begun(self, run: int) -> RunStarted:
        """The record that a run began with. O(1)."""
        found = self._begun[run]
        assert found is not NOBODY, run
        return found

    def log(self) -> MemoryLog:
        """A log that holds them. O(records)."""
        log = MemoryLog()
        with log.lock:
            log.push_many(self.records)
        log.commit()
        return log
