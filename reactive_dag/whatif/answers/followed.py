"""What each task, begin and end of the runs that ended had followed, and how long before it had to: the edges of slack.

Owns no state. Of an outcome in arrays the edges are those of the window, by the numbers of its nodes; of any other by
points. Both give the same edges. O(tasks + edges).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

from attrs import frozen

from reactive_dag.whatif.outcome.loop_outcome import LoopOutcome
from reactive_dag.whatif.outcome.points import Point
from reactive_dag.whatif.outcome.window_outcome import WindowOutcome
from reactive_dag.whatif.window.arrays import BEYOND

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reactive_dag.whatif.outcome.outcome import Outcome

Spot = TypeVar("Spot", Point, int)

Edges: TypeAlias = dict[Spot, list[tuple[Spot, int]]]
"""What each spot followed, and how long that need not have ended sooner (ns)."""


@frozen
class Followed(Generic[Spot]):
    """The edges between spots; `ends` has the spot of each run's end, `tasks` those of tasks that ended, as points."""

    edges: Edges[Spot]
    ends: dict[int, Spot]
    tasks: dict[Spot, Point]


# ----------------------------------------------------------------------------------------------- by points


def followed_by_points(outcome: Outcome, ends: dict[int, int]) -> Followed[Point]:
    """The edges of any outcome; `ends` says when runs ended. O(tasks + edges)."""
    found: Edges[Point] = {}
    tasks: dict[Point, Point] = {}
    for run, end in ends.items():
        points = [Point("task", run, task) for task in outcome.tasks(run)]
        ended = [(point, at) for point in points if (at := outcome.interval(run, point.task)[1]) is not None]
        found[Point("end", run)] = [(Point("start", run), 0), *((point, end - at) for point, at in ended)]
        found[Point("start", run)] = _of_start(outcome, run)
        found |= {point: _of_task(outcome, point) for point in points}
        tasks |= {point: point for point, _ in ended}
    known = {point: [edge for edge in row if edge[0] in found] for point, row in found.items()}
    return Followed(known, {run: Point("end", run) for run in ends}, tasks)


def _of_start(outcome: Outcome, run: int) -> list[tuple[Point, int]]:
    """A run follows its causes: what decided without a gap, the others until they would have decided."""
    head, decided = outcome.head(run), outcome.before(Point("start", run))
    at = head.requested or 0
    if decided is not None and decided.link == "slot":
        at = head.started or at
    found = [(cause.point, max(at - cause.at, 0)) for cause in outcome.causes(run)]
    return found if decided is None else [*found, (decided.point, 0)]


def _of_task(outcome: Outcome, point: Point) -> list[tuple[Point, int]]:
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


# ----------------------------------------------------------------------------------------------- by nodes


def followed_by_nodes(outcome: WindowOutcome, ends: dict[int, int]) -> Followed[int]:
    """The edges of a window's outcome; `ends` says when runs ended. O(nodes + edges)."""
    return _ByNodes(outcome).of(ends)


class _ByNodes:
    def __init__(self, outcome: WindowOutcome) -> None:
        self.outcome = outcome
        self.runs = outcome.of
        self.begin, self.end = outcome.begin, outcome.end
        self.delay = outcome.values.delay
        self.has_limits = isinstance(outcome, LoopOutcome)

    def of(self, ends: dict[int, int]) -> Followed[int]:
        runs, end = self.runs, self.end
        found: Edges[int] = {}
        tasks: dict[int, Point] = {}
        for run, at in ends.items():
            start, nodes = runs.start[run], [node for node in runs.tasks(run) if self.begin[node] < BEYOND]
            found[runs.end[run]] = [(start, 0), *((node, at - end[node]) for node in nodes if end[node] < BEYOND)]
            found[start] = [*self._of_start(run, start)]
            for node in nodes:
                found[node] = [*self._of_task(run, start, node)]
                if end[node] < BEYOND:
                    tasks[node] = Point("task", run, runs.task(node)[1])
        known = {node: [edge for edge in row if edge[0] in found] for node, row in found.items()}
        return Followed(known, {run: runs.end[run] for run in ends}, tasks)

    def _of_start(self, run: int, start: int) -> Iterator[tuple[int, int]]:
        requested, end = self.begin[start] - self.delay[start], self.end
        causes = [node for node, _, _ in self.runs.causes(run)]
        decided = max([end[node] for node in causes], default=0) == requested and not self._had_to_queue(start)
        before = None if decided or (not causes and not self.has_limits) else self.outcome.before(Point("start", run))
        at = end[start] if before is not None and before.link == "slot" else requested
        yield from ((node, max(at - end[node], 0)) for node in causes)
        if before is not None:
            yield from self._edge(before.point, 0)

    def _had_to_queue(self, start: int) -> bool:
        return self.has_limits and self.end[start] > self.begin[start]

    def _of_task(self, run: int, start: int, node: int) -> Iterator[tuple[int, int]]:
        begin, end, run_of = self.begin[node], self.end, self.runs.run_of
        if end[node] >= BEYOND:
            yield start, 0
            return
        needs = [need for need in self.outcome.window.needs[node] if end[need] <= begin]
        ready = max([end[start], *(end[need] for need in needs)])
        waits = self.outcome.window.waits[self.runs.subject[node]] is not None
        of_wait = end[node] - begin if waits else 0
        yield start, ready - end[start] + of_wait
        yield from ((need, ready - end[need] + of_wait) for need in needs if need != start and run_of[need] == run)
        awaited = self.outcome.awaited_by(node) if waits else None
        if awaited is not None:
            yield from self._edge(awaited.point, end[node] - awaited.at)
        if (self.has_limits and begin > ready + self.delay[node]) or any(run_of[need] != run for need in needs):
            before = self.outcome.before(Point("task", run, self.runs.task(node)[1]))
            if before is not None and before.link in ("slot", "past"):
                yield from self._edge(before.point, 0)

    def _edge(self, point: Point, gap: int) -> Iterator[tuple[int, int]]:
        if point.kind == "task":
            node = self.runs.node(point.of, point.task)
            assert node is not None, point
            yield node, gap
        elif point.kind in ("start", "end"):
            yield (self.runs.start if point.kind == "start" else self.runs.end)[point.of], gap
