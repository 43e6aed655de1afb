"""Futures that the reference plays, all of them or the rest of a graph: of what is not static, or left to it.

Owns `CourseFutures` and `PlayedChunk`. Invariant: what a graph that is static in part says of a future is what a course
of the whole says. O(records) a future; of one in parts O(nodes + records of the rest).
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

from attrs import evolve, frozen

from reactive_dag.whatif.answers.critical_path import hops
from reactive_dag.whatif.course.player import CoursePlayer
from reactive_dag.whatif.outcome.trace import Trace
from reactive_dag.whatif.parts.answering import answer_in_parts
from reactive_dag.whatif.parts.mixed_outcome import MixedOutcome
from reactive_dag.whatif.parts.static_part import part_of
from reactive_dag.whatif.window.arrays import BEYOND, END, SOURCE, START
from reactive_dag.whatif.window.white_list import NotStatic

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reactive_dag.whatif.course.prepared import PreparedGraph
    from reactive_dag.whatif.outcome.outcome import Outcome
    from reactive_dag.whatif.question.effects import Effects
    from reactive_dag.whatif.question.names import TaskName
    from reactive_dag.whatif.question.question import Question
    from reactive_dag.whatif.window.arrays import Window

Point: TypeAlias = tuple[str, int | None, str | None, str]
"""A task of a run, or a run ("" for the task): DAG, logical date, partition, task."""

EndsByPoint: TypeAlias = dict[Point, int]
"""When each ended with success (ns); what is not there did not. Of several runs of one date the last end counts."""

DatedDag: TypeAlias = tuple[str, int | None]
"""A DAG, and the logical date of its last run that succeeded."""


@frozen(eq=False)
class PlayedChunk:
    """The ends in some futures, and in how many of them each task is on the path to a DAG's last run.

    `in_parts` of them were answered by arrays for the static part of the graph, and by the reference for the rest.
    """

    ends: list[EndsByPoint]
    paths: dict[DatedDag, Counter[TaskName]]
    in_parts: int


class CourseFutures:
    """Plays the futures of one question."""

    def __init__(self, question: Question, prepared: PreparedGraph, effects: Effects, seed: int) -> None:
        self.question = evolve(question, seed=seed)
        self.prepared = prepared
        self.effects = effects
        self._points: tuple[Window, list[tuple[int, Point]]] | None = None

    def prepare(self) -> None:
        """Make what all futures share, before processes are forked. O(nodes + edges), once for a version."""
        with suppress(NotStatic):
            part_of(self.question)

    def chunk(self, futures: range) -> PlayedChunk:
        """Evaluate these futures. O(records + DAGs * steps of a path) each."""
        ends: list[EndsByPoint] = []
        paths: dict[DatedDag, Counter[TaskName]] = {}
        in_parts = 0
        for future in futures:
            outcome = self._outcome(future, NotStatic(""))
            in_parts += isinstance(outcome, MixedOutcome)
            ends.append(self._ends(outcome))
            for about, tasks in self._paths(outcome):
                paths.setdefault(about, Counter()).update(tasks)
        return PlayedChunk(ends, paths, in_parts)

    def play(self, future: int) -> EndsByPoint:
        """When everything ended in one future, as the reference plays it. O(records)."""
        return self._ends(self._trace(future))

    def answer(self, future: int, why: NotStatic) -> EndsByPoint:
        """As `play`, of a future of which a window is no answer; in parts where that does. O(records)."""
        return self._ends(self._outcome(future, why))

    def paths(self, future: int) -> dict[DatedDag, set[TaskName]]:
        """The tasks on the path to each DAG's last run that succeeded in one future. O(records + DAGs * steps)."""
        return dict(self._paths(self._outcome(future, NotStatic(""))))

    def _outcome(self, future: int, why: NotStatic) -> Trace | MixedOutcome:
        """A future in parts, or as the reference plays it."""
        played = cache(lambda: self._trace(future))
        try:
            return answer_in_parts(self.question, self.effects, self.prepared, None, played, why, future).outcome
        except NotStatic:
            return played()

    def _trace(self, future: int) -> Trace:
        player = CoursePlayer(self.question, self.prepared, self.effects, future)
        return Trace(player.run(), self.prepared.played, player.draws)

    def _paths(self, outcome: Trace | MixedOutcome) -> Iterator[tuple[DatedDag, set[TaskName]]]:
        """Of each DAG's last run (date, end, key) that succeeded: its date, and the tasks on its critical path."""
        for dag, runs in outcome.by_dag.items():
            heads = [(outcome.head(run), run) for run in runs if outcome.state(run) == "success"]
            done = [((_by_date(head.logical_date), head.ended or 0, head.key), run) for head, run in heads]
            if done:
                run = max(done)[1]
                on_it = [hop.point for hop in hops(outcome, run) if hop.point.kind == "task"]
                tasks = {(outcome.dag(point.of), point.task.partition("[")[0]) for point in on_it}
                yield (dag, outcome.head(run).logical_date), tasks

    def _ends(self, outcome: Trace | MixedOutcome) -> EndsByPoint:
        if isinstance(outcome, Trace):
            return self._ends_of(outcome, outcome.runs)
        found: EndsByPoint = {}
        static = outcome.static
        ends: list[int] = static.succeeded.tolist()
        for node, point in self._points_of(static.window):
            if ends[node] < BEYOND:
                found[point] = max(found.get(point, 0), ends[node])
        return found | self._ends_of(outcome, outcome.runs_of_rest)

    def _points_of(self, window: Window) -> list[tuple[int, Point]]:
        """The tasks and ends of runs of a window, and what they are called. O(nodes), again where it is another."""
        if self._points is None or self._points[0] is not window:
            found: list[tuple[int, Point]] = []
            nodes = enumerate(zip(window.kind, window.run.tolist(), window.subject.tolist()))
            for node, (kind, run, subject) in nodes:
                if kind not in (SOURCE, START):
                    about = window.dags[window.run_dag[run]], int(window.run_date[run]), window.run_partition[run]
                    found.append((node, (*about, "" if kind == END else window.tasks[subject][1])))
            self._points = window, found
        return self._points[1]

    def _ends_of(self, outcome: Outcome, runs: Sequence[int]) -> EndsByPoint:
        found: EndsByPoint = {}
        for run in runs:
            head = outcome.head(run)
            about = head.dag, head.logical_date, head.partition
            done = [task for task, row in outcome.tasks(run).items() if row.state == "success"]
            ends = {task: outcome.interval(run, task)[1] for task in done}
            if head.state == "success":
                ends[""] = head.ended
            for task, end in ends.items():
                point = (*about, task)
                found[point] = max(found.get(point, 0), BEYOND if end is None else end)
        return found


def _by_date(date: int | None) -> int:
    """A date to compare with others; none comes before all."""
    return -BEYOND if date is None else date
