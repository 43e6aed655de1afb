"""A run of a course: what the engine holds of a run, and when its quick attempts began and ended.

Owns `CourseRun`. Of a quick task (lines.py) a course writes down two instants and its result, and leaves the rest of
what the engine keeps of a task to `unfold`. Invariant: after `unfold` the run is what the engine's own fold would have
made of it. Two stores an attempt; `unfold` costs O(tasks).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reactive_dag.engine.runstate import RunState
from reactive_dag.model.records import Published, TaskFinished

if TYPE_CHECKING:
    from reactive_dag.declare.dag import Dag
    from reactive_dag.engine.shape import Shape
    from reactive_dag.model.records import Item, RunStarted
    from reactive_dag.simulate.lines import Line

DONE = TaskFinished(0, -1, "", "success")
"""Stands for the result of a quick attempt whose record nobody has read yet."""


Kit = tuple[
    list[bool], list[tuple[int, ...]], list[int], bytearray, "list[int | None]", list[int],
    "list[TaskFinished | None]", list[int], tuple[str, ...], int, int, int,
]  # fmt: skip
"""What ending a quick attempt needs, to be had at once: see `CourseRun.join`."""


class CourseRun(RunState):
    """A run that a course plays. `name` is its offset; the compact rows of attempts that begin are numbered from `code`
    on, of those that end from `end_code` on.
    """

    __slots__ = ("began", "code", "end_code", "kit", "line", "name", "over")

    def __init__(
        self, started: RunStarted, dag: Dag, shape: Shape, causes: tuple[Item, ...], requested: int, label: str,
        payload: object, mapped: bool,
    ) -> None:  # fmt: skip
        super().__init__(started, dag, shape, causes, requested, label, payload, mapped)
        self.name = started.run

    def join(self, line: Line, code: int) -> None:
        """Take the line of its DAG. O(tasks)."""
        self.line = line
        self.code = code
        self.end_code = code + line.size
        self.began: list[int | None] = [None] * line.size
        self.over: list[int] = [0] * line.size
        self.kit: Kit = (
            line.simple, line.nexts, self.left, self.asked, self.began, self.over, self.results, line.spans, line.ids,
            self.name, code, self.end_code,
        )  # fmt: skip

    def unfold(self) -> None:
        """Work out what the engine keeps of each quick attempt. O(tasks)."""
        for index, began in enumerate(self.began):
            if began is not None and self.states[index] is None:
                self.unfold_one(index)

    def unfold_one(self, index: int) -> None:
        """The same for one quick attempt. O(1)."""
        began = self.began[index]
        assert began is not None
        self.asked[index] = self.attempt[index] = 1
        result = self.results[index]
        if result is None:
            self.states[index], self.open[index] = "running", began
        else:
            self.states[index] = "success"
            ended = self.over[index] if result is DONE else result.at
            self.attempts[index] = [(1, began, ended, "success", None)]

    def published(self, index: int, at: int, dataset: str, number: int) -> Published:
        """The event of a quick task's success. O(1)."""
        begun = self.started
        return Published(
            at, dataset, number, begun.partition, begun.logical_date, None, "updated", None, None, None, self.name,
            self.line.ids[index], begun.cascade,
        )  # fmt: skip
