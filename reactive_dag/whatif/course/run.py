"""A run of a course: beside what the engine holds of it, when its quick attempts began.

Owns `CourseRun`. Of a quick task (simple_tasks.py) a course writes down when it began and its result, and leaves the
rest of what the engine keeps of a task to `unfold`. Invariant: after `unfold` the engine's state of the run is what its
own fold would have made of it. `unfold` costs O(tasks).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reactive_dag.model.records import Published

if TYPE_CHECKING:
    from reactive_dag.engine.runs.state import RunState
    from reactive_dag.model.records import TaskFinished
    from reactive_dag.whatif.course.simple_tasks import Line
    from reactive_dag.whatif.question.names import TaskName

Kit = tuple[
    "RunState", list[bool], list[tuple[int, ...]], list[int], bytearray, "list[int | None]",
    "list[TaskFinished | None]", list[int], tuple[str, ...], int, "list[TaskName | None]", list[tuple[str, ...]],
]  # fmt: skip
"""All that ending a quick attempt needs, to be had at once: see `CourseRun`."""


class CourseRun:
    """A run that a course plays. `name` is its offset; `began` holds when its quick attempts began."""

    __slots__ = ("began", "kit", "line", "name", "state")

    def __init__(self, state: RunState, line: Line) -> None:
        self.state = state
        self.name = state.started.run
        self.line = line
        self.began: list[int | None] = [None] * line.size
        self.kit: Kit = (
            state, line.simple, line.nexts, state.left, state.asked, self.began, state.results, line.spans, line.ids,
            self.name, line.awaited, line.outlets,
        )  # fmt: skip

    def unfold(self) -> None:
        """Work out what the engine keeps of each quick attempt. O(tasks)."""
        for index, began in enumerate(self.began):
            if began is not None and self.state.states[index] is None:
                self.unfold_one(index, began)

    def unfold_one(self, index: int, began: int) -> None:
        """The same for one quick attempt. O(1)."""
        state = self.state
        state.asked[index] = state.attempt[index] = 1
        result = state.results[index]
        if result is None:
            state.states[index], state.open[index] = "running", began
        else:
            state.states[index] = "success"
            state.attempts[index] = [(1, began, result.at, "success", None)]

    def published(self, index: int, at: int, dataset: str) -> Published:
        """The event of a quick task's success. O(1)."""
        begun = self.state.started
        return Published(
            at, dataset, 0, begun.partition, begun.logical_date, None, "updated", None, None, None, self.name,
            self.line.ids[index], begun.cascade,
        )  # fmt: skip
