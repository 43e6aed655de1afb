"""What a window's evaluator came to: the outcome of a static question, read from arrays.

Owns `WindowOutcome`; a run's number is its place in the window, an event's its node. What is asked of few, and what
arrays do not hold (texts of waits, what triggers hold), is asked of the reference, played when it is first needed.
Invariant: every answer is the one that the reference gives. O(1) where nothing else is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from attrs import evolve
from msgspec.structs import replace

from reactive_dag.log.history import RunRow
from reactive_dag.model.times import format_time
from reactive_dag.whatif.outcome.array_runs import ArrayRuns
from reactive_dag.whatif.outcome.points import Point, Predecessor, Relation
from reactive_dag.whatif.outcome.unfinished_nodes import unfinished_of
from reactive_dag.whatif.window.arrays import BEYOND, END, SOURCE, START, WAIT

if TYPE_CHECKING:
    import numpy as np

    from reactive_dag.model.records import Json
    from reactive_dag.whatif.outcome.outcome import EventName
    from reactive_dag.whatif.outcome.rows import Due, Left, Unfinished


class WindowOutcome(ArrayRuns):
    """One future of a window. An `Outcome`."""

    def row(self, run: int) -> RunRow:
        """A run as a row. O(tasks); where arrays do not hold what its waits saw, O(records) once."""
        if not self._is_untold(run):
            try:
                outputs = self.outputs_of(self.of.tasks(run))
            except OrderDecides:
                pass
            else:
                tasks = [replace(row, output=outputs.get(name)) for name, row in self.tasks(run).items()]
                return replace(self.head(run), tasks=tuple(tasks))
        known = self.reference()
        return replace(known.row(known.by_key[self.key(run)]), run=run, cascade="", sources=())

    def _is_untold(self, run: int) -> bool:
        """Whether a run goes on: what it lacks is said in words. O(1)."""
        return self.ended(run) is None

    def outputs_of(self, nodes: Iterable[int]) -> dict[str, Json]:
        """What tasks and waits that have ended gave, those that gave something. O(nodes). Raises OrderDecides."""
        found: dict[str, Json] = {}
        for node in nodes:
            name = self.of.task(node)
            output = self._seen(node) if self.of.kind[node] == WAIT else self.effects.outputs.get(name)
            if output is not None:
                found[name[1]] = output
        return found

    def _seen(self, wait: int) -> Json:
        """What a wait gives: the run that it awaited. O(tasks of that run). Raises OrderDecides."""
        awaited, now = self.awaited_by(wait), self.end[wait]
        if awaited is None:
            return None
        run, window = awaited.point.of, self.window
        whole, ended = awaited.point.kind == "end", self.end[self.of.end[run]]
        if ended == now and not whole:
            raise OrderDecides
        nodes = self.of.tasks(run) if whole else [self._node(awaited.point)]
        return {
            "key": self.key(run), "logical_date": format_time(int(window.run_date[run])),
            "partition": window.run_partition[run], "state": self.state(run) if whole or ended < now else "running",
            "results": self.outputs_of(nodes),
        }  # fmt: skip

    @property
    def succeeded(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """When each node that succeeded ended; BEYOND for others. O(nodes) once."""
        return self.ends

    # ------------------------------------------------------------------------------------- what each followed

    def before(self, point: Point) -> Predecessor | None:
        """What ended last before a point began, and so decided when it could; None if nothing did. O(needs)."""
        if point.kind == "task":
            node = self._node(point)
            awaited = self.awaited_by(node)
            if awaited is not None and self.begin[node] < awaited.at:
                return awaited
            return self._needed(node, point.of)
        if point.kind == "end":
            return self._last(point.of)
        return max(self.causes(point.of), key=self._rank, default=None) if point.kind == "start" else None

    def _rank(self, cause: Predecessor) -> tuple[int, str, int]:
        point = cause.point
        date = int(self.window.run_date[point.of]) if point.kind in ("task", "end") else 0
        return cause.at, self.name(point), date

    def _last(self, run: int) -> Predecessor:
        """The task of a run that ended last, or one that has not ended."""
        best, found = (False, -1), Predecessor(Point("start", run), "", self.end[self.of.start[run]])
        for node in self.of.tasks(run):
            begin, end = self.begin[node], self.end[node]
            if begin < BEYOND and (rank := (end >= BEYOND, begin if end >= BEYOND else end)) >= best:
                best, found = rank, Predecessor(self._point(node), "", rank[1])
        return found

    def _needed(self, node: int, run: int) -> Predecessor:
        """What ended last of all that a task needs: its own past before others, then the later in the plan."""
        best, found = (-1, 0, -1), -1
        for need in self.window.needs[node]:
            if self.of.kind[need] == START:
                rank = self.end[need], 0, -1
            else:
                rank = self.end[need], 1 if self.of.run_of[need] == run else 2, self.of.subject[need]
            if rank > best:
                best, found = rank, need
        start = self.of.start[run]
        if self.end[start] > best[0]:
            best, found = (self.end[start], 0, -1), start
        links: tuple[Relation, ...] = ("", "needs", "past")
        return Predecessor(self._point(found), links[best[1]], best[0])

    def _point(self, node: int) -> Point:
        kind = self.of.kind[node]
        if kind == SOURCE:
            return Point("event", node)
        run = self.of.run_of[node]
        if kind in (START, END):
            return Point("start" if kind == START else "end", run)
        return Point("task", run, self.of.task(node)[1])

    def ready(self, point: Point) -> int | None:
        """When all had ended that a task needs, slots and places aside; None if it has not begun. O(needs)."""
        node = self._node(point)
        return self._needed(node, point.of).at if self.begin[node] < BEYOND else None

    def lateness(self, point: Point) -> int:
        """How much later (ns) than it could a task, or the start of a run, was told to come. O(1)."""
        return self.values.delay[self.of.start[point.of] if point.kind == "start" else self._node(point)]

    def awaited(self, point: Point) -> Predecessor | None:
        """What a wait that has ended had waited for. O(candidates)."""
        return self.awaited_by(self._node(point))

    def awaited_by(self, node: int) -> Predecessor | None:
        """What the wait of a node had waited for; None of what is no wait, or has not ended. O(candidates)."""
        pairs = self.window.candidates[node]
        at = self.end[node]
        if not pairs or at >= BEYOND:
            return None
        requested = BEYOND
        for awaited, start in pairs:
            if max(self.end[awaited], self.began_last(node)) == at <= requested:
                return Predecessor(self._point(awaited), "awaits", self.end[awaited])
            requested = min(requested, self.begin[start])
        return None

    def began_last(self, node: int) -> int:
        """When the last attempt of a node began. O(1)."""
        return self.begin[node]

    def causes(self, run: int) -> list[Predecessor]:
        """What caused a run. O(causes)."""
        found = [Predecessor(self._point(node), "caused by", self.end[node]) for node, _, _ in self.of.causes(run)]
        tick = int(self.window.base[self.of.start[run]])
        return [*found, Predecessor(Point("tick", tick), "caused by", tick)] if tick or not found else found

    # ------------------------------------------------------------------------------------- names and instants

    def at(self, point: Point) -> int:
        """When a tick or an event from outside happened. O(1)."""
        return self.end[point.of] if point.kind == "event" else point.of

    def event(self, point: Point) -> EventName:
        """The name of an event from outside. O(1), the first time O(events)."""
        return self.event_of(point.of)

    def event_of(self, node: int) -> EventName:
        """The name of the event of a node. O(1), the first time O(events)."""
        return self.window.sources[self.of.subject[node]], self._event_numbers[node]

    def event_at(self, name: EventName) -> int | None:
        """When an event from outside came, by its name. O(events) once."""
        return self._events.get(name)

    @cached_property
    def _events(self) -> dict[EventName, int]:
        nodes = range(len(self.of.usual_numbers))
        return {self.event_of(node): self.end[node] for node in nodes}

    def name(self, point: Point) -> str:
        """What a point is called. O(1)."""
        if point.kind == "tick":
            return f"tick {format_time(point.of)}"
        if point.kind == "event":
            return f"event of {self.window.sources[self.of.subject[point.of]]}"
        dag = self.dag(point.of)
        return f"{dag}.{point.task}" if point.kind == "task" else dag

    # ------------------------------------------------------------------------------------- the end

    def unfinished(self) -> Sequence[Unfinished]:
        """What is unfinished at the end, and why. O(runs + tasks of those that go on).

        Where triggers hold items, or it depends on when a wait looked last, O(records) once.
        """
        found = self._unfinished()
        return self.reference().unfinished() if found is None else found

    def _unfinished(self) -> list[Unfinished] | None:
        """What is unfinished; None where arrays do not tell it."""
        return None if self.prepared.has_joins else unfinished_of(self)

    @cached_property
    def has_ended(self) -> bool:
        """Whether each run that was requested has ended. O(runs) once."""
        return bool((self.ends[self.window.run_end[self.runs]] < BEYOND).all())

    def deadlines(self) -> Sequence[Due]:
        """The deadlines of runs, and those for which no run came. O(runs); where a clock is one, O(records) once."""
        if self.dues is not None:
            return self.dues
        known = self.reference()
        return [
            evolve(due, run=None if due.run is None else self.by_key[known.head(due.run).key])
            for due in known.deadlines()
        ]  # fmt: skip

    def left(self) -> Sequence[Left]:
        """The items that no run took. O(1); where a trigger may hold some, O(records) once."""
        return self.reference().left() if self.prepared.has_joins else []


class OrderDecides(Exception):
    """What a wait saw depends on what happened first at one instant."""
