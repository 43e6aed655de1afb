"""A run of a course: what the engine keeps of it, and when the attempts of its simple tasks began.

Owns `CourseRun`. Of a simple task (simple_tasks.py) a course keeps its beginning and its result, and leaves the rest of
the engine's state of a task to `unfold`. Invariant: after `unfold` the engine's state of the run is what the engine's
own fold would have made of it. `unfold` costs O(tasks).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from reactive_dag.model.records import Published

if TYPE_CHECKING:
    from reactive_dag.engine.runs.state import RunState
    from reactive_dag.model.records import TaskFinished
    from reactive_dag.whatif.course.simple_tasks import SimpleTasks
    from reactive_dag.whatif.question.names import TaskName

FastPathFields = tuple[
    "RunState", list[bool], list[tuple[int, ...]], list[int], bytearray, "list[int | None]",
    "Callable[[int, TaskFinished], None]", list[int], Sequence[str], int, "list[TaskName | None]",
    list[tuple[str, ...]],
]  # fmt: skip
"""All that the fast path needs of a run, in one tuple: unpacking it costs less than a look-up for each."""


class CourseRun:
    """A run that a course plays. `offset` is that of its request; `began` holds when its simple attempts began."""

    __slots__ = ("began", "fields", "offset", "state", "tasks")

    def __init__(self, state: RunState, tasks: SimpleTasks) -> None:
        self.state = state
        self.offset = state.started.run
        self.tasks = tasks
        self.began: list[int | None] = [None] * tasks.size
        self.fields: FastPathFields = self._fields(tasks.quiet if state.skipped is state.arrays.zeros else None)

    def _fields(self, quiet: list[bool] | None) -> FastPathFields:
        state, tasks = self.state, self.tasks
        return (
            state, quiet or [False] * tasks.size, tasks.followers, state.left, state.asked, self.began,
            state.note_success, tasks.durations, tasks.ids, self.offset, tasks.awaited, tasks.outlets,
        )  # fmt: skip

    def number(self, index: int) -> int:
        """The number of a task in the plan; of an instance, that of its mapped task. O(1)."""
        return index if index < self.tasks.size else self.state.instance(index)[0]

    def is_simple(self, index: int) -> bool:
        """Whether a task, or an instance, is a simple task. O(1)."""
        return index < self.tasks.size and self.tasks.simple[index]

    def note_skip(self) -> None:
        """A task was skipped: the engine judges what follows it when its other needs have ended (R4). O(tasks)."""
        self.fields = self._fields(None)

    def unfold(self) -> None:
        """Complete the engine's state of each simple task. O(tasks)."""
        for index, began in enumerate(self.began):
            if began is not None and self.state.states[index] is None:
                self.unfold_one(index, began)

    def unfold_one(self, index: int, began: int) -> None:
        """Complete the engine's state of one simple task. O(1)."""
        state = self.state
        state.asked[index] = state.attempt[index] = 1
        result = state.results[index]
        if result is None:
            state.states[index], state.open[index] = "running", began
        else:
            state.states[index] = "success"
            state.attempts[index] = [(1, began, result.at, "success", None)]

    def published(self, index: int, at: int, dataset: str) -> Published:
        """The event that a simple task's success publishes to a dataset. O(1)."""
        begun = self.state.started
        return Published(
            at, dataset, 0, begun.partition, begun.logical_date, None, "updated", None, None, None, self.offset,
            self.tasks.ids[index], begun.cascade,
        )  # fmt: skip
