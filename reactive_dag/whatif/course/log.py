"""The log of a course: the log in memory, where records and history rows of quick attempts may be made when read.

Owns `CourseLog`. Where it is *compact*, a number stands for each record of a quick attempt: a run has numbers of its
own, first for the attempts that begin, then for those that end, then for their events. Invariant: what is read is
what a log with every record would give. A look costs O(log runs) for such a record, a history row O(tasks) once.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, TypeAlias, cast

from reactive_dag.engine.runs.history_rows import row_of
from reactive_dag.log.memory import MemoryLog
from reactive_dag.model.records import AnyRecord, TaskFinished, TaskStarted

if TYPE_CHECKING:
    from reactive_dag.log.history import RunRow
    from reactive_dag.model.records import RunFinished
    from reactive_dag.whatif.course.run import CourseRun

Row: TypeAlias = AnyRecord | int
"""A record, or the number that stands for one."""


class CourseLog(MemoryLog):
    """A MemoryLog whose records are `rows`; `compact` says that numbers may stand among them."""

    def __init__(self, compact: bool) -> None:
        super().__init__()
        self.compact = compact
        self.rows = cast("list[Row]", self._tail[1])
        self._firsts: list[int] = []
        self._runs: list[CourseRun] = []
        self._next_code = 0
        self._ended: dict[int, tuple[CourseRun, RunFinished]] = {}

    # ------------------------------------------------------------------------------------- write

    def numbers_for(self, run: CourseRun) -> int:
        """The first of the numbers for a run's compact rows. O(1)."""
        first = self._next_code
        self._firsts.append(first)
        self._runs.append(run)
        self._next_code = first + run.line.rows
        return first

    def note_ended(self, run: CourseRun, ended: RunFinished) -> None:
        """Keep a run that ended; its row is made when somebody asks. O(1)."""
        self._ended[run.name] = run, ended

    # ------------------------------------------------------------------------------------- read

    def _wide(self, row: int) -> AnyRecord:
        """The record that a number stands for."""
        at = bisect_right(self._firsts, row) - 1
        run, number = self._runs[at], row - self._firsts[at]
        kind, index = divmod(number, run.line.size)
        if kind == 0:
            return TaskStarted(cast(int, run.began[index]), run.name, run.line.ids[index])
        if kind == 1:
            return TaskFinished(run.over[index], run.name, run.line.ids[index], "success")
        return run.published(index, run.over[index], run.line.outlets[index][kind - 2][0])

    def read(self, start: int, stop: int) -> list[AnyRecord]:
        """The records of a range. O(n)."""
        return self._widened(self.rows[max(start, 0) : max(stop, 0)])

    def since(self, start: int) -> list[AnyRecord]:
        """The records from an offset on. O(n)."""
        return self._widened(self.rows[start:])

    def _widened(self, rows: list[Row]) -> list[AnyRecord]:
        if self.compact:
            return [self._wide(row) if isinstance(row, int) else row for row in rows]
        return cast("list[AnyRecord]", rows)

    def record(self, offset: int) -> AnyRecord:
        """One record. O(log runs)."""
        found = cast(Row, super().record(offset))
        return self._wide(found) if isinstance(found, int) else found

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
        cascade: str | None = None,
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
        assert self.rows is self._tail[1] and len(self.rows) == self.next_offset, "the tail is the whole log"
        assert all(record.at <= self.last_at for record in self.read(0, self.next_offset))
        self._all_rows()
        self._rows._check()
