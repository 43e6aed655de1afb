"""Futures that the reference plays: of graphs that are not static, and of what a window leaves to it.

Owns `CourseFutures`. O(records) a future.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from attrs import evolve

from reactive_dag.whatif.course.player import CoursePlayer
from reactive_dag.whatif.outcome.trace import Trace
from reactive_dag.whatif.window.arrays import BEYOND

if TYPE_CHECKING:
    from reactive_dag.whatif.course.prepared import PreparedGraph
    from reactive_dag.whatif.question.effects import Effects
    from reactive_dag.whatif.question.question import Question

Point: TypeAlias = tuple[str, int | None, str | None, str]
"""A task of a run, or a run ("" for the task): DAG, logical date, partition, task."""

EndsByPoint: TypeAlias = dict[Point, int]
"""When each ended with success (ns); what is not there did not. Of several runs of one date the last end counts."""


class CourseFutures:
    """Plays the futures of one question."""

    def __init__(self, question: Question, prepared: PreparedGraph, effects: Effects, seed: int) -> None:
        self.question = evolve(question, seed=seed)
        self.prepared = prepared
        self.effects = effects

    def chunk(self, futures: range) -> list[EndsByPoint]:
        """Play these futures. O(records) each."""
        return [self.play(future) for future in futures]

    def play(self, future: int) -> EndsByPoint:
        """When everything ended in one future. O(records)."""
        player = CoursePlayer(self.question, self.prepared, self.effects, future)
        trace = Trace(player.run(), self.prepared.played, player.draws)
        found: EndsByPoint = {}
        for run in trace.runs:
            head = trace.head(run)
            about = head.dag, head.logical_date, head.partition
            done = [task for task, row in trace.tasks(run).items() if row.state == "success"]
            ends = {task: trace.interval(run, task)[1] for task in done}
            if head.state == "success":
                ends[""] = head.ended
            for task, end in ends.items():
                point = (*about, task)
                found[point] = max(found.get(point, 0), BEYOND if end is None else end)
        return found
