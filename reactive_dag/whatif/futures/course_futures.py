"""Futures that the reference plays: of graphs that are not static, and of what a window leaves to it.

Owns `CourseFutures` and `PlayedChunk`. O(records) a future.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, TypeAlias

from attrs import evolve, frozen

from reactive_dag.whatif.answers.critical_path import hops
from reactive_dag.whatif.course.player import CoursePlayer
from reactive_dag.whatif.outcome.trace import Trace
from reactive_dag.whatif.window.arrays import BEYOND

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reactive_dag.whatif.course.prepared import PreparedGraph
    from reactive_dag.whatif.question.effects import Effects
    from reactive_dag.whatif.question.names import TaskName
    from reactive_dag.whatif.question.question import Question

Point: TypeAlias = tuple[str, int | None, str | None, str]
"""A task of a run, or a run ("" for the task): DAG, logical date, partition, task."""

EndsByPoint: TypeAlias = dict[Point, int]
"""When each ended with success (ns); what is not there did not. Of several runs of one date the last end counts."""

DatedDag: TypeAlias = tuple[str, int | None]
"""A DAG, and the logical date of its last run that succeeded."""


@frozen(eq=False)
class PlayedChunk:
    """The ends in some futures, and in how many of them each task is on the path to a DAG's last run."""

    ends: list[EndsByPoint]
    paths: dict[DatedDag, Counter[TaskName]]


class CourseFutures:
    """Plays the futures of one question."""

    def __init__(self, question: Question, prepared: PreparedGraph, effects: Effects, seed: int) -> None:
        self.question = evolve(question, seed=seed)
        self.prepared = prepared
        self.effects = effects

    def chunk(self, futures: range) -> PlayedChunk:
        """Play these futures. O(records + DAGs * steps of a path) each."""
        ends: list[EndsByPoint] = []
        paths: dict[DatedDag, Counter[TaskName]] = {}
        for future in futures:
            trace = self._trace(future)
            ends.append(self._ends(trace))
            for about, tasks in self._paths(trace):
                paths.setdefault(about, Counter()).update(tasks)
        return PlayedChunk(ends, paths)

    def play(self, future: int) -> EndsByPoint:
        """When everything ended in one future. O(records)."""
        return self._ends(self._trace(future))

    def _trace(self, future: int) -> Trace:
        player = CoursePlayer(self.question, self.prepared, self.effects, future)
        return Trace(player.run(), self.prepared.played, player.draws)

    def _paths(self, trace: Trace) -> Iterator[tuple[DatedDag, set[TaskName]]]:
        """Of each DAG's last run (by date, then end) that succeeded: its date, and the tasks on its critical path."""
        for dag, runs in trace.by_dag.items():
            heads = [(trace.head(run), run) for run in runs]
            done = [
                ((_by_date(head.logical_date), head.ended or 0), run) for head, run in heads if head.state == "success"
            ]
            if done:
                run = max(done)[1]
                on_it = [hop.point for hop in hops(trace, run) if hop.point.kind == "task"]
                tasks = {(trace.dag(point.of), point.task.partition("[")[0]) for point in on_it}
                yield (dag, trace.head(run).logical_date), tasks

    def _ends(self, trace: Trace) -> EndsByPoint:
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


def _by_date(date: int | None) -> int:
    """A date to compare with others; none comes before all."""
    return -BEYOND if date is None else date
