"""A run of a course: beside what the engine holds of it, when its quick attempts began and ended.

Owns `CourseRun`. Of a quick task (lines.py) a course writes down two instants and its result, and leaves the rest of
what the engine keeps of a task to `unfold`. Invariant: after `unfold` the engine's state of the run is what its own
fold would have made of it. `unfold` costs O(tasks).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reactive_dag.model.records import Published, TaskFinished

if TYPE_CHECKING:
    from reactive_dag.engine.runs.state import RunState
    from reactive_dag.whatif.course.simple_tasks import Line, Outlet
    from reactive_dag.whatif.question.names import TaskName

DONE = TaskFinished(0, -1, "", "success")
"""Stands for the result of a quick attempt whose record nobody has read yet."""

Kit = tuple[
    "RunState", list[bool], list[tuple[int, ...]], list[int], bytearray, "list[int | None]", list[int],
    "list[TaskFinished | None]", list[int], tuple[str, ...], int, int, int, "list[TaskName | None]",
    "list[tuple[Outlet, ...]]",
]  # fmt: skip
"""All that ending a quick attempt needs, to be had at once: see `CourseRun`."""


class CourseRun:
    """A run that a course plays. `name` is its offset; the compact rows of attempts that begin are numbered from `code`
    on, of those that end from `end_code` on. `began` and `over` hold the instants of quick attempts.
    """

    __slots__ = ("began", "code", "end_code", "kit", "line", "name", "over", "state")

    def __init__(self, state: RunState, line: Line) -> None:
        self.state = state
        self.name = state.started.run
        self.line = line
        self.began: list[int | None] = [None] * line.size
        self.over: list[int] = [0] * line.size

    def number(self, code: int) -> None:
        """Take the numbers of compact rows from `code` on. O(1)."""
        self.code = code
        self.end_code = code + self.line.size
        state, line = self.state, self.line
        self.kit: Kit = (
            state, line.simple, line.nexts, state.left, state.asked, self.began, self.over, state.results, line.spans,
            line.ids, self.name, code, self.end_code, line.awaited, line.outlets,
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
            ended = self.over[index] if result is DONE else result.at
            state.attempts[index] = [(1, began, ended, "success", None)]

    def published(self, index: int, at: int, dataset: str) -> Published:
        """The event of a quick task's success. O(1)."""
        begun = self.state.started
        return Published(
            at, dataset, 0, begun.partition, begun.logical_date, None, "updated", None, None, None, self.name,
            self.line.ids[index], begun.cascade,
        )  # fmt: skip
