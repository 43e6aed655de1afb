"""Slack: how much later each task may end without moving the end of the whole, or a deadline.

Owns `SlackRow`, `Slack`, and the pass backwards: the total float of the critical path method (Kelley and Walker,
"Critical-Path Planning and Scheduling", 1959), on what happened. What a point followed is fixed as it was: which runs
share a window, who took whose slot, which run a wait saw. Invariant: something has no slack exactly if all of the way
from its end to what it is measured by is without a gap. O(tasks + edges).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

from attrs import frozen

from reactive_dag.model.times import repr_of
from reactive_dag.whatif.answers.show import Answer, clock_text, duration_text, iso, to_moment, to_timedelta
from reactive_dag.whatif.outcome.points import Point

if TYPE_CHECKING:
    from reactive_dag.whatif.outcome.outcome import Outcome
    from reactive_dag.whatif.question.effects import Effects

Followed: TypeAlias = tuple[Point, int]
"""What a point followed, and how long it need not have ended sooner (ns)."""

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
        self.rows = sorted(rows, key=lambda row: (row.slack is None, row.slack or timedelta(0), row.end))
        self.whole = whole
        self.end = end

    @property
    def critical(self) -> list[SlackRow]:
        """The tasks without slack. O(rows)."""
        return [row for row in self.rows if row.slack == timedelta(0)]

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
    """The slack of each task that ended, to the end of the whole or of one run. O(tasks + edges)."""
    ends = {each: end for each in outcome.runs if (end := outcome.ended(each)) is not None}
    wanted = ends if run is None else {each: end for each, end in ends.items() if each == run}
    last = max(wanted.values(), default=0)
    edges = _edges(outcome, ends)
    order = _backwards(edges)
    rooms = _passed(order, edges, {Point("end", each): (last - end, outcome.dag(each)) for each, end in wanted.items()})
    dues = {
        Point("end", due.run): (due.due - ends[due.run], due.dag)
        for due in outcome.deadlines()
        if due.run in ends and outcome.state(due.run) == "success"
    }
    deadlines = _passed(order, edges, dues) if dues else {}
    rows = list(_rows(outcome, order, rooms, deadlines))
    whole = "the whole" if run is None else outcome.dag(run)
    return Slack(rows, whole, to_moment(last) if rows else None, outcome.effects)


def _rows(
    outcome: Outcome, order: list[Point], rooms: dict[Point, Room], deadlines: dict[Point, Room]
) -> Iterator[SlackRow]:
    for point in order:
        end = to_moment(outcome.interval(point.of, point.task)[1]) if point.kind == "task" else None
        if end is not None:
            room, due = rooms.get(point), deadlines.get(point)
            yield SlackRow(
                outcome.dag(point.of), outcome.key(point.of), point.task, end,
                None if room is None else to_timedelta(room[0]), None if due is None else to_timedelta(due[0]),
                "" if due is None else due[1],
            )  # fmt: skip


def _passed(order: list[Point], edges: dict[Point, list[Followed]], at_ends: dict[Point, Room]) -> dict[Point, Room]:
    """How much later each point may end, from how much later some may. O(edges)."""
    found = dict(at_ends)
    for point in order:
        room = found.get(point)
        if room is not None:
            for before, gap in edges[point]:
                here = room[0] + gap, room[1]
                if before not in found or here[0] < found[before][0]:
                    found[before] = here
    return found


def _backwards(edges: dict[Point, list[Followed]]) -> list[Point]:
    """The points, each after all that followed it. O(edges)."""
    left = dict.fromkeys(edges, 0)
    for row in edges.values():
        for before, _ in row:
            left[before] = left.get(before, 0) + 1
    order = [point for point in edges if not left[point]]
    for point in order:
        for before, _ in edges.get(point, ()):
            left[before] -= 1
            if not left[before] and before in edges:
                order.append(before)
    return order


# ----------------------------------------------------------------------------------------------- what each followed


def _edges(outcome: Outcome, ends: dict[int, int]) -> dict[Point, list[Followed]]:
    """What each task, begin and end of the runs that ended had followed. O(tasks + edges)."""
    found: dict[Point, list[Followed]] = {}
    for run, end in ends.items():
        points = [Point("task", run, task) for task in outcome.tasks(run)]
        ended = [(point, outcome.interval(run, point.task)[1]) for point in points]
        found[Point("end", run)] = [
            (Point("start", run), 0), *((point, end - at) for point, at in ended if at is not None)
        ]  # fmt: skip
        found[Point("start", run)] = _of_start(outcome, run)
        for point in points:
            found[point] = _of_task(outcome, point)
    known = found.keys()
    return {point: [edge for edge in row if edge[0] in known] for point, row in found.items()}


def _of_start(outcome: Outcome, run: int) -> list[Followed]:
    """A run follows its causes: what decided without a gap, the others until they would have decided."""
    head, decided = outcome.head(run), outcome.before(Point("start", run))
    at = head.requested or 0
    if decided is not None and decided.link == "slot":
        at = head.started or at
    found = [(cause.point, max(at - cause.at, 0)) for cause in outcome.causes(run)]
    return found if decided is None else [*found, (decided.point, 0)]


def _of_task(outcome: Outcome, point: Point) -> list[Followed]:
    begin, end = outcome.interval(point.of, point.task)
    ready = outcome.ready(point)
    if begin is None or end is None or ready is None:
        return [(Point("start", point.of), 0)]
    of_wait = end - begin if outcome.task(point).wait is not None else 0
    found = [(Point("start", point.of), ready - (outcome.head(point.of).started or 0) + of_wait)]
    for need in outcome.needs(point):
        ended = outcome.interval(point.of, need)[1]
        if ended is not None and ended <= ready:
            found.append((Point("task", point.of, need), ready - ended + of_wait))
    awaited = outcome.awaited(point) if of_wait or outcome.task(point).wait is not None else None
    if awaited is not None:
        found.append((awaited.point, end - awaited.at))
    before = outcome.before(point)
    if before is not None and before.link in ("slot", "past"):
        found.append((before.point, 0))
    return found
