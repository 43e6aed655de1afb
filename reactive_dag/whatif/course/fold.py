"""The fold of a course: the engine's, of whose records a course may apply some itself as it appends them.

Owns `CourseFold`. Invariant: every record below `cursor` is applied, once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reactive_dag.engine.fold.fold import Fold

if TYPE_CHECKING:
    from reactive_dag.engine.runs.state import RunState
    from reactive_dag.model.records import TaskFinished
    from reactive_dag.whatif.course.log import CourseLog


class CourseFold(Fold):
    """A fold whose cursor a course moves past the records that it applied itself."""

    log: CourseLog

    def skip_to(self, offset: int) -> None:
        """Take the records below an offset as applied. O(1)."""
        self.cursor = offset

    def _task_settled(self, offset: int, run: RunState, index: int, record: TaskFinished) -> None:
        if record.state == "skipped" and run.run in self.log.playing:
            self.log.playing[run.run].note_skip()
        super()._task_settled(offset, run, index, record)
