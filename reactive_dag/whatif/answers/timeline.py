"""The timeline: every task of every run, when it began and ended, and what it had waited for.

Owns `TimelineRow` and `Timeline`. Each row has a bar over the span of all rows. O(tasks) to
build; a row is made when it is read, O(needs).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, overload

from attrs import frozen

from reactive_dag.model.text import counted
from reactive_dag.model.times import repr_of, to_datetime
from reactive_dag.whatif.answers.assumptions import is_assumed
from reactive_dag.whatif.answers.show import Answer, Bar, clipped, clock_text, iso, to_moment, zone_text

if TYPE_CHECKING:
    from reactive_dag.whatif.outcome.outcome import Outcome
    from reactive_dag.whatif.outcome.points import Point
    from reactive_dag.whatif.question.effects import Effects

BAR = 32
"""The width of a bar in a terminal, in characters."""


@frozen(repr=False)
class TimelineRow:
    """One task of one run. `end` is None if it had not ended; `waited_for` names what had to end before it began, or,
    for a wait, before it ended. `assumed`: how long it takes is assumed.
    """

    dag: str
    run: str
    task: str
    start: datetime
    end: datetime | None
    state: str
    waited_for: str
    assumed: bool = False

    def __repr__(self) -> str:
        return repr_of(self, "dag", "run", "task", "start", "end", "state", "waited_for")

    def to_json(self) -> dict[str, object]:
        """Plain data. O(1)."""
        return {
            "dag": self.dag, "run": self.run, "task": self.task, "start": iso(self.start), "end": iso(self.end),
            "state": self.state, "waited_for": self.waited_for, "assumed": self.assumed,
        }  # fmt: skip


class Timeline(Answer[TimelineRow]):
    """The rows in the order in which they began. It prints with bars, and is a sequence of its rows."""

    columns = ("start", "end", "task", "", "state", "waited for")
    _row_type = TimelineRow

    def __init__(self, rows: Sequence[TimelineRow], effects: Effects | None = None) -> None:
        self.rows = rows
        self._effects = effects
        self._zone = "UTC" if effects is None else effects.zone

    @cached_property
    def _bounds(self) -> tuple[datetime, datetime]:
        """When the first of the rows began, and when the last one ended; there is one. O(rows) once."""
        if isinstance(self.rows, TimelineRows):
            return self.rows.bounds
        return self.rows[0].start, max(row.end or row.start for row in self.rows)

    @property
    def title(self) -> str:
        """How many tasks, from when to when."""
        if not self.rows:
            return "timeline: nothing ran"
        first, last = self._bounds
        return f"timeline of {counted(len(self.rows), 'task')}, {clock_text(first)} to {clock_text(last)} {zone_text()}"

    def _cells_of(self, rows: Sequence[TimelineRow]) -> list[tuple[str, ...]]:
        if not rows:
            return []
        first, last = self._bounds
        return [
            (
                clock_text(row.start), clock_text(row.end), clipped(f"{row.dag}.{row.task}"), _bar(row, first, last),
                row.state, clipped(row.waited_for),
            )
            for row in rows
        ]  # fmt: skip


class TimelineRows(Sequence[TimelineRow]):
    """The rows of points of an outcome; each is made when it is read."""

    def __init__(self, outcome: Outcome, points: Sequence[Point]) -> None:
        self.outcome = outcome
        self.points = points

    def __len__(self) -> int:
        return len(self.points)

    @overload
    def __getitem__(self, at: int) -> TimelineRow: ...

    @overload
    def __getitem__(self, at: slice) -> list[TimelineRow]: ...

    def __getitem__(self, at: int | slice) -> TimelineRow | list[TimelineRow]:
        if isinstance(at, slice):
            return [_row(self.outcome, point) for point in self.points[at]]
        return _row(self.outcome, self.points[at])

    @cached_property
    def bounds(self) -> tuple[datetime, datetime]:
        """When the first of the rows began, and when the last one ended; there is one. O(rows) once."""
        first = self.outcome.interval(self.points[0].of, self.points[0].task)[0]
        return to_datetime(first or 0), to_datetime(self.outcome.latest(self.points))


def timeline_of(outcome: Outcome, runs: Sequence[int]) -> Timeline:
    """The timeline of these runs. O(tasks log tasks), and what its rows followed when they are read."""
    return Timeline(TimelineRows(outcome, outcome.begun(runs)), outcome.effects)


def _row(outcome: Outcome, point: Point) -> TimelineRow:
    start, end = outcome.interval(point.of, point.task)
    begun = to_moment(start)
    assert begun is not None, point
    return TimelineRow(
        outcome.dag(point.of), outcome.key(point.of), point.task, begun, to_moment(end), outcome.task_state(point),
        waited_for(outcome, point), is_assumed(outcome, point),
    )  # fmt: skip


def waited_for(outcome: Outcome, point: Point) -> str:
    """The name of what a task waited for; "" if of nothing. O(needs)."""
    before = outcome.before(point)
    if before is not None and before.point.kind == "start":
        before = outcome.before(before.point)
    if before is None:
        return ""
    slot = " (its place)" if before.link == "slot" else ""
    return outcome.name(before.point) + slot


def _position(row: TimelineRow, first: datetime, last: datetime) -> tuple[float, float]:
    whole = (last - first) / timedelta(microseconds=1) or 1.0
    begin = (row.start - first) / timedelta(microseconds=1) / whole
    return begin, ((row.end or last) - first) / timedelta(microseconds=1) / whole


def _bar(row: TimelineRow, first: datetime, last: datetime) -> str:
    begin, end = _position(row, first, last)
    left = min(int(begin * BAR), BAR - 1)
    size = max(min(round(end * BAR), BAR) - left, 1)
    mark = "·" if row.end is None or row.state == "waiting" else "█"
    return Bar(" " * left + mark * size + " " * (BAR - left - size), begin, end, row.state if row.end else "running")
