"""Slack: how much later each task may end without moving the end of the whole, or a deadline.

Owns `SlackRow`, `Slack`, and the pass backwards: the total float of the critical path method (Kelley and Walker,
"Critical-Path Planning and Scheduling", 1959), on what happened. What a point followed is fixed as it was: which runs
share a window, who took whose slot, which run a wait saw. Invariant: something has no slack exactly if all of the way
from its end to what it is measured by is without a gap. O(tasks + edges).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING, TypeAlias, overload

from attrs import frozen

from reactive_dag.model.times import repr_of
from reactive_dag.whatif.answers.followed import Edges, Followed, Spot, followed_by_nodes, followed_by_points
from reactive_dag.whatif.answers.show import Answer, clock_text, duration_text, iso, to_moment, to_timedelta
from reactive_dag.whatif.outcome.points import Point
from reactive_dag.whatif.outcome.window_outcome import WindowOutcome

if TYPE_CHECKING:
    from reactive_dag.whatif.outcome.outcome import Outcome
    from reactive_dag.whatif.question.effects import Effects

Room: TypeAlias = tuple[int, str]
"""How much later a point may end (ns), and the DAG whose run or deadline would move then."""


@frozen(repr=False)
class SlackRow:
    """One task of one run. `slack`: how much later it may end until the whole ends later; None where it bears on
    nothing. `deadline`: the same until a deadline is missed, negative where one is; `deadline_of` is its DAG.
    """

    dag: str
    run: str
    task: str
    end: datetime
    slack: timedelta | None
    deadline: timedelta | None
    deadline_of: str

    def __repr__(self) -> str:
        return repr_of(self, "dag", "run", "task", "end", "slack", "deadline", "deadline_of")

    def to_json(self) -> dict[str, object]:
        """Plain data. O(1)."""
        return {
            "dag": self.dag, "run": self.run, "task": self.task, "end": iso(self.end), "slack_s": _seconds(self.slack),
            "deadline_s": _seconds(self.deadline), "deadline_of": self.deadline_of,
        }  # fmt: skip


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()


class Slack(Answer[SlackRow]):
    """The slack of each task that ended, the least first."""

    columns = ("task", "end", "slack", "to a deadline", "of")
    _row_type = SlackRow
    _unit = "task"
    right = frozenset({"slack", "to a deadline"})

    def __init__(self, rows: Sequence[SlackRow], whole: str, end: datetime | None, effects: Effects) -> None:
        self._effects = effects if rows else None
        self._zone = effects.zone
        self.rows = rows
        self.whole = whole
        self.end = end

    @property
    def critical(self) -> list[SlackRow]:
        """The tasks without slack. O(those)."""
        return list(takewhile(lambda row: row.slack == timedelta(0), self.rows))

    @property
    def title(self) -> str:
        """What it is measured by."""
        return f"slack to the end of {self.whole}, {clock_text(self.end)}" if self.rows else "slack: no task ended"

    def _cells_of(self, rows: Sequence[SlackRow]) -> list[tuple[str, ...]]:
        return [
            (
                f"{row.dag}.{row.task}", clock_text(row.end), _text(row.slack), _text(row.deadline), row.deadline_of,
            )
            for row in rows
        ]  # fmt: skip


def _text(span: timedelta | None) -> str:
    return "" if span is None else duration_text(span) or "none"


def slack_of(outcome: Outcome, run: int | None = None) -> Slack:
    """The slack of each task that ended, to the end of the whole or of one run. O(tasks log tasks + edges)."""
    ends = {each: end for each in outcome.runs if (end := outcome.ended(each)) is not None}
    if isinstance(outcome, WindowOutcome):
        return _slack(outcome, followed_by_nodes(outcome, ends), ends, run)
    return _slack(outcome, followed_by_points(outcome, ends), ends, run)


def _slack(outcome: Outcome, followed: Followed[Spot], ends: dict[int, int], run: int | None) -> Slack:
    """The slack by what each spot followed."""
    wanted = ends if run is None else {each: end for each, end in ends.items() if each == run}
    last = max(wanted.values(), default=0)
    order = _backwards(followed.edges)
    rooms = _passed(
        order, followed.edges, {followed.ends[each]: (last - end, outcome.dag(each)) for each, end in wanted.items()}
    )
    dues = {
        followed.ends[due.run]: (due.due - ends[due.run], due.dag)
        for due in outcome.deadlines()
        if due.run is not None and due.run in ends and outcome.state(due.run) == "success"
    }
    deadlines = _passed(order, followed.edges, dues) if dues else {}
    points = [(point, rooms.get(spot), deadlines.get(spot)) for spot, point in followed.tasks.items()]
    whole = "the whole" if run is None else outcome.dag(run)
    rows = SlackRows(outcome, points)
    return Slack(rows, whole, to_moment(last) if points else None, outcome.effects)


class SlackRows(Sequence[SlackRow]):
    """The rows of tasks and the rooms that they have, the least first; each is made when it is read."""

    def __init__(self, outcome: Outcome, found: Iterable[tuple[Point, Room | None, Room | None]]) -> None:
        self._outcome = outcome
        self._found = sorted(found, key=self._place)

    def _place(self, found: tuple[Point, Room | None, Room | None]) -> tuple[bool, int, int, str, str]:
        point, room, _ = found
        end = self._outcome.interval(point.of, point.task)[1] or 0
        return room is None, 0 if room is None else room[0], end, self._outcome.dag(point.of), point.task

    def __len__(self) -> int:
        return len(self._found)

    @overload
    def __getitem__(self, at: int) -> SlackRow: ...

    @overload
    def __getitem__(self, at: slice) -> list[SlackRow]: ...

    def __getitem__(self, at: int | slice) -> SlackRow | list[SlackRow]:
        return [self._row(*each) for each in self._found[at]] if isinstance(at, slice) else self._row(*self._found[at])

    def _row(self, point: Point, room: Room | None, due: Room | None) -> SlackRow:
        outcome = self._outcome
        end = to_moment(outcome.interval(point.of, point.task)[1])
        assert end is not None, point
        return SlackRow(
            outcome.dag(point.of), outcome.key(point.of), point.task, end,
            None if room is None else to_timedelta(room[0]), None if due is None else to_timedelta(due[0]),
            "" if due is None else due[1],
        )  # fmt: skip


def _passed(order: list[Spot], edges: Edges[Spot], at_ends: dict[Spot, Room]) -> dict[Spot, Room]:
    """How much later each spot may end, from how much later some may; of equal ones the first DAG by name. O(edges)."""
    found = dict(at_ends)
    for spot in order:
        room = found.get(spot)
        if room is not None:
            for before, gap in edges[spot]:
                here = room[0] + gap, room[1]
                if before not in found or here < found[before]:
                    found[before] = here
    return found


def _backwards(edges: Edges[Spot]) -> list[Spot]:
    """The spots, each after all that followed it. O(edges)."""
    left = dict.fromkeys(edges, 0)
    for row in edges.values():
        for before, _ in row:
            left[before] += 1
    order = [spot for spot in edges if not left[spot]]
    for spot in order:
        for before, _ in edges[spot]:
            left[before] -= 1
            if not left[before]:
                order.append(before)
    return order
