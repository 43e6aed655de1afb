"""What a graph that is static in part came to: the outcome of its window, and that of the course of the rest, as one.

Owns `MixedOutcome`. A run of the static part has its number in the window, any other its offset in the course behind
those. What the course played of the static part beside the rest is the window's to tell. Invariant: every answer is the
one that a course of the whole gives. A question costs what it costs of the part that it is about.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from attrs import evolve
from msgspec.structs import replace

from reactive_dag.whatif.outcome.outcome import latest_of
from reactive_dag.whatif.outcome.points import Point, Predecessor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reactive_dag.declare.task import AnyTask
    from reactive_dag.log.history import RunRow, TaskRow
    from reactive_dag.whatif.outcome.outcome import EventName, Outcome, TimeSpan
    from reactive_dag.whatif.outcome.rows import Due, Left, Unfinished
    from reactive_dag.whatif.outcome.trace import Trace
    from reactive_dag.whatif.outcome.window_outcome import WindowOutcome
    from reactive_dag.whatif.parts.static_part import StaticPart
    from reactive_dag.whatif.question.effects import Effects

OF_A_NUMBER = frozenset({"task", "start", "end", "event"})
"""The kinds of points that are of a run or an event; those of others are instants."""


class MixedOutcome:
    """One future of a graph that is static in part. An `Outcome`.

    `numbers` are the runs of the static part that the course played too: by offset, their numbers.
    """

    def __init__(self, static: WindowOutcome, rest: Trace, numbers: Mapping[int, int], part: StaticPart) -> None:
        self.static = static
        self.rest = rest
        self._numbers = numbers
        self._part = part
        self._dags = part.dags
        self._first = static.window.size + 1

    # ------------------------------------------------------------------------------------- numbers

    def _there(self, number: int) -> tuple[Outcome, int]:
        """Whose a run or an event is, and its number there."""
        return (self.static, number) if number < self._first else (self.rest, number - self._first)

    def _here(self, run: int) -> int:
        """The number of a run of the course."""
        found = self._numbers.get(run)
        return run + self._first if found is None else found

    def _inside(self, point: Point) -> tuple[Outcome, Point]:
        if point.kind not in OF_A_NUMBER:
            return self.rest, point
        whose, number = self._there(point.of)
        return whose, point if whose is self.static else evolve(point, of=number)

    def _outside(self, found: Predecessor) -> Predecessor:
        """What the course says, in the numbers of here."""
        point = found.point
        if point.kind not in OF_A_NUMBER:
            return found
        of = point.of + self._first if point.kind == "event" else self._here(point.of)
        return evolve(found, point=evolve(point, of=of))

    # ------------------------------------------------------------------------------------- runs

    @property
    def effects(self) -> Effects:
        """What the question means: durations, delays, limits. O(1)."""
        return self.static.effects

    @property
    def numbering(self) -> object:
        """Its own: another course has other offsets."""
        return self

    def changed_runs(self, base: Outcome) -> None:
        """Which runs end otherwise than in `base`: they must be paired first, by key."""

    @cached_property
    def runs_of_rest(self) -> list[int]:
        """Those of what is not static. O(runs) once."""
        return [run + self._first for run in self.rest.runs if run not in self._numbers]

    @cached_property
    def runs(self) -> list[int]:
        """Every run, in the order of the requests. O(runs) once."""
        return [*heapq.merge(self.static.runs, self.runs_of_rest, key=lambda run: self.head(run).requested or 0)]

    @cached_property
    def by_dag(self) -> dict[str, list[int]]:
        """The runs of each DAG in the order of their requests. O(runs)."""
        others = [(dag, runs) for dag, runs in self.rest.by_dag.items() if dag not in self._dags]
        return {**self.static.by_dag, **{dag: [run + self._first for run in runs] for dag, runs in others}}

    @cached_property
    def by_key(self) -> dict[str, int]:
        """Each run by its key. O(runs + causes) once."""
        return {**self.static.by_key, **{self.key(run): run for run in self.runs_of_rest}}

    @property
    def over(self) -> int:
        """The instant of the last thing that happened. O(nodes) once."""
        return max(self.static.over, self.rest.over)

    def row(self, run: int) -> RunRow:
        """A run as a row. O(tasks)."""
        whose, number = self._there(run)
        row = whose.row(number)
        return row if whose is self.static else replace(row, run=run, cascade="", sources=())

    def head(self, run: int) -> RunRow:
        """A run as a row; its tasks may be left out. O(1)."""
        whose, number = self._there(run)
        return whose.head(number) if whose is self.static else self.row(run)

    def key(self, run: int) -> str:
        """The key of a run. O(1), the first time O(causes)."""
        whose, number = self._there(run)
        return whose.key(number)

    def dag(self, run: int) -> str:
        """The id of a run's DAG. O(1)."""
        whose, number = self._there(run)
        return whose.dag(number)

    def state(self, run: int) -> str:
        """How a run ended, or stands. O(1)."""
        whose, number = self._there(run)
        return whose.state(number)

    def ended(self, run: int) -> int | None:
        """When a run ended. O(1)."""
        whose, number = self._there(run)
        return whose.ended(number)

    # ------------------------------------------------------------------------------------- tasks

    def begun(self, runs: Sequence[int]) -> list[Point]:
        """The tasks of these runs that began, of a mapped one each instance, in the order of time. O(tasks)."""
        static = self.static.begun([run for run in runs if run < self._first])
        rest = self.rest.begun([run - self._first for run in runs if run >= self._first])
        there = [evolve(point, of=point.of + self._first) for point in rest]
        return [*heapq.merge(static, there, key=lambda point: self.interval(point.of, point.task)[0] or 0)]

    def latest(self, points: Sequence[Point]) -> int:
        """When the last of these ended, or began where it goes on. O(points)."""
        return latest_of(self.interval, points)

    def tasks(self, run: int) -> Mapping[str, TaskRow]:
        """The tasks of a run that were touched, by id. O(tasks)."""
        whose, number = self._there(run)
        return whose.tasks(number)

    def task(self, point: Point) -> AnyTask:
        """The declaration of a point's task. O(1)."""
        whose, inside = self._inside(point)
        return whose.task(inside)

    def needs(self, point: Point) -> Sequence[str]:
        """The tasks of its DAG that a point's task follows. O(result)."""
        whose, inside = self._inside(point)
        return whose.needs(inside)

    def task_state(self, point: Point) -> str:
        """How a task, or an instance of one, ended, or stands. O(1)."""
        whose, inside = self._inside(point)
        return whose.task_state(inside)

    def interval(self, run: int, task: str) -> TimeSpan:
        """When a task, or an instance, began and ended; one that never ran began and ended at once. O(1)."""
        whose, number = self._there(run)
        return whose.interval(number, task)

    # ------------------------------------------------------------------------------------- what each followed

    def at(self, point: Point) -> int:
        """When a mark or an event from outside happened. O(1)."""
        whose, inside = self._inside(point)
        return whose.at(inside)

    def ready(self, point: Point) -> int | None:
        """When all had ended that a task needs, slots and places aside; None if it has not begun. O(needs)."""
        whose, inside = self._inside(point)
        return whose.ready(inside)

    def lateness(self, point: Point) -> int:
        """How much later (ns) than it could a task, or the start of a run, was told to come. O(1)."""
        whose, inside = self._inside(point)
        return whose.lateness(inside)

    def before(self, point: Point) -> Predecessor | None:
        """What ended last before a point began, and so decided when it could; None if nothing did. O(needs)."""
        whose, inside = self._inside(point)
        found = whose.before(inside)
        return found if found is None or whose is self.static else self._outside(found)

    def awaited(self, point: Point) -> Predecessor | None:
        """What a wait that has ended had waited for: of the runs it saw, what ended last. O(tasks awaited)."""
        whose, inside = self._inside(point)
        found = whose.awaited(inside)
        return found if found is None or whose is self.static else self._outside(found)

    def causes(self, run: int) -> Sequence[Predecessor]:
        """What caused a run. O(causes)."""
        whose, number = self._there(run)
        found = whose.causes(number)
        return found if whose is self.static else [self._outside(each) for each in found]

    def event(self, point: Point) -> EventName:
        """The name of an event from outside. O(1)."""
        whose, inside = self._inside(point)
        return whose.event(inside)

    def event_at(self, name: EventName) -> int | None:
        """When an event from outside came, by its name. O(1)."""
        return self.static.event_at(name)

    def name(self, point: Point) -> str:
        """What a point is called. O(1)."""
        whose, inside = self._inside(point)
        return whose.name(inside)

    # ------------------------------------------------------------------------------------- the end

    @property
    def _is_left(self) -> bool:
        """Whether the static part may keep something that nobody took, or has not ended."""
        return self._part.joins or not self.static.has_ended

    def unfinished(self) -> Sequence[Unfinished]:
        """What is unfinished at the end, and why. O(live runs + items pending); of the static part O(records) once."""
        if self._is_left:
            return self.static.reference().unfinished()
        return [each for each in self.rest.unfinished() if each.dag not in self._dags]

    def left(self) -> Sequence[Left]:
        """The items that no run took. O(items pending + parts); of the static part O(records) once."""
        if self._is_left:
            return self.static.reference().left()
        return [each for each in self.rest.left() if each.dag not in self._dags]

    def deadlines(self) -> Sequence[Due]:
        """The deadlines of runs, and those for which no run came. O(records)."""
        dues = self.static.dues
        if dues is None:
            known = self.static.reference()
            return [
                evolve(due, run=None if due.run is None else self.by_key[known.key(due.run)])
                for due in known.deadlines()
            ]  # fmt: skip
        found = [due for due in self.rest.deadlines() if due.dag not in self._dags]
        others = [evolve(due, run=None if due.run is None else due.run + self._first) for due in found]
        places = {run: place for place, run in enumerate(self.runs)} if dues else {}
        return sorted([*dues, *others], key=lambda due: places[due.run or 0]) if dues else others
