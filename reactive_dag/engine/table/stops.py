"""Runs that end before their time, and tasks that are given a state by hand (R5, R6, R17, R18, R19).

Owns whose bodies are to be told. Invariant: what a stop or a mark means for tasks follows as facts of their own.
O(tasks) a run.
"""

from __future__ import annotations

from collections.abc import Mapping

from reactive_dag.engine.runs.orphans import expand_orphan, mark_orphan
from reactive_dag.engine.runs.state import RunState
from reactive_dag.engine.table.marks import marked_text, stop_of
from reactive_dag.engine.tasks.flow import TaskFlow
from reactive_dag.log.history import TaskRow
from reactive_dag.model.records import Cancelled, Marked


def takes_mark(run: RunState, record: Marked, index: int) -> bool:
    """Whether a task (or the run, without one) has no end yet, and is to have none but by this mark. O(1)."""
    if not record.task:
        return not run.cancelled and run.unfinished > 0
    if index < 0 or run.final(index) or index in run.by_hand:
        return False
    return not run.cancelled or run.arrays.teardowns[index]


class Stops:
    """Stops the runs of one engine."""

    def __init__(self, flow: TaskFlow) -> None:
        self._flow = flow
        self.untold: list[int] = []
        """Live runs that were stopped and whose bodies are to be told."""

    def stop(self, run: RunState, record: Cancelled) -> None:
        """Cancel what has not ended; a teardown goes on, unless the run was cancelled before (R18). O(tasks)."""
        spared = [False] * len(run.results) if run.cancelled else run.arrays.teardowns
        run.stop(record)
        reason = record.reason or None
        if record.ends_by_itself:
            self.untold.append(run.run)
        for index, task in enumerate(run.plan.ids):
            if run.final(index) or spared[index] or index in run.by_hand:
                continue
            if run.arrays.teardowns[index]:
                run.decide_by_hand(index, "cancelled", reason)  # its end may be on its way: it counts no more
            self._flow.forget(run, index)
            self._flow.give(run, task, "cancelled", reason)

    def mark(self, run: RunState | None, orphan: RunState | None, record: Marked) -> bool:
        """Give a task, or a run, its state by hand; False where it has an end already, or is to have one. O(tasks)."""
        if run is None:
            return orphan is not None and self.mark_orphan(orphan, record)
        index = run.arrays.index.get(record.task, -1)
        if not takes_mark(run, record, index):
            return False
        if not record.task:
            self.stop(run, stop_of(record))
            return True
        for number in (*run.instances.get(index, ()), index):
            self._flow.forget(run, number)
        self._flow.mapped.mark(run, index, record.state, marked_text(record))
        return True

    def mark_orphan(self, run: RunState, record: Marked) -> bool:
        """A mark in a run whose DAG is declared no more: whether it counts; nothing follows. O(tasks)."""
        expand_orphan(run, record.task)
        index = run.arrays.index.get(record.task, -1)
        if not takes_mark(run, record, index):
            return False
        if record.task:
            mark_orphan(run, index, record.at, record.state, marked_text(record))
        else:
            run.stop(stop_of(record))
        return True

    def take_untold(self) -> list[int]:
        """The live runs that were stopped since this was last asked, and whose bodies are to be told. O(result)."""
        untold, self.untold = self.untold, []
        return untold

    def begin_round(self, run: RunState, kept: Mapping[str, TaskRow], mark: Marked | None) -> None:
        """Keep what a later round does not do again, and give what a mark says (R10, R19). O(tasks + edges)."""
        run.keep(kept)
        if mark is not None and not mark.task:
            self.stop(run, stop_of(mark))
        elif mark is not None and (index := run.plan.index.get(mark.task.partition("[")[0], -1)) >= 0:
            if run.arrays.overs[index] >= 0:
                self._flow.mapped.begin_marked(run, index, mark.task, mark.state, marked_text(mark))
            else:
                self._flow.mapped.mark(run, index, mark.state, marked_text(mark))

    def begin_orphan(self, run: RunState, kept: Mapping[str, TaskRow], mark: Marked | None) -> None:
        """A later round begins of a run whose DAG is declared no more. O(tasks + edges)."""
        run.keep(kept)
        if mark is not None:
            self.mark_orphan(run, mark)
