"""The log of a course: a log in memory that makes the history row of an ended run when it is first read.

Owns `CourseLog`. Invariant: reading gives what a log that keeps every row would give. A row costs O(tasks) once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reactive_dag.engine.runs.history_rows import row_of
from reactive_dag.log.memory import MemoryLog

if TYPE_CHECKING:
    from reactive_dag.engine.runs.state import RunState
    from reactive_dag.log.history import RunRow
    from reactive_dag.model.records import RunFinished
    from reactive_dag.whatif.course.run import CourseRun


class CourseLog(MemoryLog):
    """A MemoryLog whose records are `rows`."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = self._tail[1]
        self.playing: dict[int, CourseRun] = {}
        self._ended: dict[int, tuple[CourseRun, RunFinished]] = {}

    def count_rows(self) -> None:
        """Take up the records that were appended to `rows` itself. O(1)."""
        self.next_offset = len(self.rows)

    def move_time(self, now: int) -> None:
        """Let `now` be the instant of the newest record. O(1)."""
        self.last_at = now

    def keep_ended(self, state: RunState, ended: RunFinished) -> None:
        """Keep a run that ended; its row is made when it is first read. O(1), for one without an attempt O(tasks)."""
        run = self.playing.pop(ended.run, None)
        if run is None:
            self.note_run(row_of(state, ended))
        else:
            self._ended[run.offset] = run, ended

    def run(self, offset: int) -> RunRow | None:
        """The row of a run that ended. O(tasks) the first time."""
        ended = self._ended.pop(offset, None)
        if ended is not None:
            ended[0].unfold()
            self.note_run(row_of(ended[0].state, ended[1]))
        return super().run(offset)

    def runs(
        self, dag: str | None = None, state: str | None = None, logical_date: int | None = None,
        partition: str | None = None, key: str | None = None, limit: int | None = None, before: int | None = None,
        cascade: str | None = None, source: int | None = None,
    ) -> list[RunRow]:  # fmt: skip
        """Rows of ended runs, newest request first. O(log n + rows looked at), and what was not asked for before."""
        self._all_rows()
        return super().runs(dag, state, logical_date, partition, key, limit, before, cascade)

    def latest_date(self, dag: str, high: int) -> int | None:
        """The highest logical date of a DAG's ended runs that is not above `high`. O(log n) after the same."""
        self._all_rows()
        return super().latest_date(dag, high)

    def _all_rows(self) -> None:
        for offset in list(self._ended):
            self.run(offset)

    def _check(self) -> None:
        """The invariants of the whole."""
        self._all_rows()
        super()._check()
