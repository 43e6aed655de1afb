"""What a simulation came to, as all answers read it: runs, their tasks, when they were, and what each followed.

Owns the protocol `Outcome`. The reference's trace implements it on a finished fold, the
window on its arrays; an answer asks for no more than what stands here. Invariants: an outcome never changes; a run is
named by a number that means something only in its outcome, and in those with the same numbering; rows, keys
and names are made when they are read. Times are ns UTC; costs are those of the first reading.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from reactive_dag.declare.task import AnyTask
    from reactive_dag.log.history import RunRow, TaskRow
    from reactive_dag.whatif.outcome.points import Point, Predecessor
    from reactive_dag.whatif.outcome.rows import Due, Left, Unfinished
    from reactive_dag.whatif.question.effects import Effects

TimeSpan: TypeAlias = tuple[int | None, int | None]
"""When something began and ended (ns); None where it has not."""

EventName: TypeAlias = tuple[str, int]
"""An event from outside: its dataset, and its number there; ("", 0) for a start by hand."""


class Outcome(Protocol):
    """One future of a simulation."""

    # ------------------------------------------------------------------------------------- runs

    @property
    def numbering(self) -> object:
        """Two outcomes with one and the same numbering give a run the same number. O(1)."""
        ...

    @property
    def runs(self) -> Sequence[int]:
        """Every run, in the order of the requests. O(runs)."""
        ...

    @property
    def by_dag(self) -> Mapping[str, Sequence[int]]:
        """The runs of each DAG that ran, in the order of their requests. O(runs)."""
        ...

    @property
    def by_key(self) -> Mapping[str, int]:
        """Each run by its key. O(runs)."""
        ...

    @property
    def over(self) -> int:
        """The instant of the last thing that happened. O(1)."""
        ...

    def row(self, run: int) -> RunRow:
        """A run as a row, its tasks included. O(tasks)."""
        ...

    def head(self, run: int) -> RunRow:
        """A run as a row; its tasks may be left out. O(1)."""
        ...

    @property
    def effects(self) -> Effects:
        """What the question means: durations, delays, limits. O(1)."""
        ...

    def key(self, run: int) -> str:
        """The key of a run. O(1), the first time O(causes)."""
        ...

    def dag(self, run: int) -> str:
        """The id of a run's DAG. O(1)."""
        ...

    def state(self, run: int) -> str:
        """How a run ended, or stands. O(1)."""
        ...

    def ended(self, run: int) -> int | None:
        """When a run ended. O(1)."""
        ...

    def changed_runs(self, base: Outcome) -> tuple[Sequence[int], int] | None:
        """Which runs end otherwise than in `base`, and how many there are in all; None if that numbers runs otherwise.

        O(runs).
        """
        ...

    # ------------------------------------------------------------------------------------- tasks

    def begun(self, runs: Sequence[int]) -> Sequence[Point]:
        """The tasks of these runs that began, of a mapped one each instance, in the order of time. O(tasks)."""
        ...

    def latest(self, points: Sequence[Point]) -> int:
        """When the last of these ended, or began where it goes on; they are such as `begun` gives. O(points)."""
        ...

    def tasks(self, run: int) -> Mapping[str, TaskRow]:
        """The tasks of a run that were touched, by id. O(tasks)."""
        ...

    def task(self, point: Point) -> AnyTask:
        """The declaration of a point's task. O(1)."""
        ...

    def needs(self, point: Point) -> Sequence[str]:
        """The tasks of its DAG that a point's task follows. O(result)."""
        ...

    def task_state(self, point: Point) -> str:
        """How a task, or an instance of one, ended, or stands. O(1)."""
        ...

    def interval(self, run: int, task: str) -> TimeSpan:
        """When a task, or an instance, began and ended; one that never ran began and ended at once. O(1)."""
        ...

    # ------------------------------------------------------------------------------------- what each followed

    def at(self, point: Point) -> int:
        """When a mark or an event from outside happened. O(1)."""
        ...

    def ready(self, point: Point) -> int | None:
        """When all had ended that a task needs, slots and places aside; None if it has not begun. O(needs)."""
        ...

    def lateness(self, point: Point) -> int:
        """How much later (ns) than it could a task, or the start of a run, was told to come. O(1)."""
        ...

    def before(self, point: Point) -> Predecessor | None:
        """What ended last before a point began, and so decided when it could; None if nothing did. O(needs)."""
        ...

    def awaited(self, point: Point) -> Predecessor | None:
        """What a wait that has ended had waited for: of the runs it saw, what ended last. O(tasks awaited)."""
        ...

    def causes(self, run: int) -> Sequence[Predecessor]:
        """What caused a run. O(causes)."""
        ...

    def event(self, point: Point) -> EventName:
        """The name of an event from outside. O(1)."""
        ...

    def event_at(self, name: EventName) -> int | None:
        """When an event from outside came, by its name. O(1)."""
        ...

    def name(self, point: Point) -> str:
        """What a point is called. O(1)."""
        ...

    def unfinished(self) -> Sequence[Unfinished]:
        """What is unfinished at the end, and why. O(live runs + items pending)."""
        ...

    def deadlines(self) -> Sequence[Due]:
        """The deadlines of runs, and those for which no run came. O(runs)."""
        ...

    def left(self) -> Sequence[Left]:
        """The items that no run took: pending at the end, parked, or dropped by a policy. O(items pending + parts)."""
        ...


def latest_of(interval: Callable[[int, str], TimeSpan], points: Sequence[Point]) -> int:
    """When the last of these points ended, or began where it goes on, one by one. O(points)."""
    spans = (interval(point.of, point.task) for point in points)
    return max((end or begin or 0 for begin, end in spans), default=0)
