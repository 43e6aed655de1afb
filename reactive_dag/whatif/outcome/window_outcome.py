"""What a window's evaluator came to: the outcome of a static question, read from arrays.

Owns `WindowOutcome`; a run's number is its place in the window, an event's its node. What is asked of few, and what
arrays do not hold (texts of waits, what triggers hold), is asked of the reference, played when it is first needed.
Invariant: every answer is the one that the reference gives. O(1) where nothing else is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, overload

import numpy as np
from attrs import evolve
from msgspec.structs import replace

from reactive_dag.log.history import RunRow, TaskRow
from reactive_dag.model.times import format_time
from reactive_dag.whatif.outcome.points import Point, Predecessor, Relation
from reactive_dag.whatif.window.arrays import BEYOND, END, SOURCE, START, WAIT

if TYPE_CHECKING:
    from reactive_dag.declare.task import AnyTask
    from reactive_dag.model.records import Json
    from reactive_dag.whatif.course.prepared import PreparedGraph
    from reactive_dag.whatif.outcome.outcome import EventName, Outcome, TimeSpan
    from reactive_dag.whatif.outcome.rows import Due, Left, Unfinished
    from reactive_dag.whatif.outcome.window_runs import WindowRuns
    from reactive_dag.whatif.question.effects import Effects
    from reactive_dag.whatif.window.arrays import Ends, NodeValues


class WindowOutcome:
    """One future of a window. An `Outcome`.

    `effects` are what the question means, `prepared` is the version of the graph that it was asked of, `reference`
    gives the same future as the reference plays it.
    """

    def __init__(
        self, runs: WindowRuns, values: NodeValues, ends: Ends, effects: Effects, prepared: PreparedGraph,
        reference: Callable[[], Outcome],
    ) -> None:  # fmt: skip
        self.of = runs
        self.window = runs.window
        self.values = values
        self.begin = ends.begin
        self.end = ends.end
        self.prepared = prepared
        self.effects = effects
        self.reference = reference

    # ------------------------------------------------------------------------------------- runs

    @property
    def numbering(self) -> object:
        """The window: all its outcomes number its runs alike."""
        return self.window

    @cached_property
    def ends(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """When each node ended. O(nodes) once."""
        return np.array(self.end, np.int64)

    @cached_property
    def over(self) -> int:
        """The instant of the last thing that happened. O(nodes) once."""
        happened = self.ends[self.ends < BEYOND]
        return int(happened.max()) if len(happened) else self.window.begin

    @cached_property
    def runs(self) -> list[int]:
        """Every run that was requested, in the order of the requests. O(runs log runs) once."""
        window = self.window
        requested = self.ends[window.run_start] - np.array(self.values.delay, np.int64)[window.run_start]
        triggered = window.cause_ptr[1:] > window.cause_ptr[:-1]
        order = np.lexsort((window.run_date, window.rank[window.run_dag], triggered, requested))
        found: list[int] = order[self.ends[window.run_start[order]] < BEYOND].tolist()
        return found

    @cached_property
    def by_dag(self) -> dict[str, list[int]]:
        """The runs of each DAG in the order of their requests. O(runs log runs) once."""
        found: dict[str, list[int]] = {}
        for run in self.runs:
            found.setdefault(self.dag(run), []).append(run)
        return found

    @cached_property
    def by_key(self) -> dict[str, int]:
        """Each run by its key. O(runs + causes) once."""
        return {self.key(run): run for run in self.runs}

    def key(self, run: int) -> str:
        """The key of a run. O(causes) once."""
        return self._keys.get(run) or self.of.key(run, self._event_numbers, self._keys)

    @cached_property
    def _keys(self) -> dict[int, str]:
        return self.of.keys(self._event_numbers)

    @cached_property
    def _event_numbers(self) -> list[int]:
        """The number of each outside event in its dataset, in the order in which they came. O(events log events)."""
        events = len(self.of.usual_numbers)
        return self.of.event_numbers(np.argsort(self.ends[:events], kind="stable")) if events else []

    def dag(self, run: int) -> str:
        """The id of a run's DAG. O(1)."""
        return self.window.dags[self.of.run_dag[run]]

    def state(self, run: int) -> str:
        """How a run ended, or stands. O(1)."""
        return "success" if self.end[self.of.end[run]] < BEYOND else "running"

    def ended(self, run: int) -> int | None:
        """When a run ended. O(1)."""
        return self._instant(self.end[self.of.end[run]])

    def head(self, run: int) -> RunRow:
        """A run as a row, without its tasks. O(1), and its key once."""
        window, start = self.window, self.of.start[run]
        begun = self.begin[start]
        return RunRow(
            run, self.dag(run), self.state(run), self.key(run), window.labels[window.run_label[run]],
            int(window.run_date[run]), window.run_partition[run], requested=begun - self.values.delay[start],
            started=begun, ended=self.ended(run),
        )  # fmt: skip

    def row(self, run: int) -> RunRow:
        """A run as a row. O(tasks); where arrays do not hold what its waits saw, O(records) once."""
        if self.state(run) == "success":
            try:
                outputs = self._outputs(self.of.tasks(run))
            except _OrderDecides:
                pass
            else:
                tasks = [replace(row, output=outputs.get(name)) for name, row in self.tasks(run).items()]
                return replace(self.head(run), tasks=tuple(tasks))
        known = self.reference()
        return replace(known.row(known.by_key[self.key(run)]), run=run, cascade="", sources=())

    def _outputs(self, nodes: Iterable[int]) -> dict[str, Json]:
        """What tasks and waits that have ended gave, those that gave something. O(nodes). Raises _OrderDecides."""
        found: dict[str, Json] = {}
        for node in nodes:
            name = self.of.task(node)
            output = self._seen(node) if self.of.kind[node] == WAIT else self.effects.outputs.get(name)
            if output is not None:
                found[name[1]] = output
        return found

    def _seen(self, wait: int) -> Json:
        """What a wait gives: the run that it awaited. O(tasks of that run). Raises _OrderDecides."""
        awaited, now = self._awaited(wait), self.end[wait]
        if awaited is None:
            return None
        run, window = awaited.point.of, self.window
        whole, ended = awaited.point.kind == "end", self.end[self.of.end[run]]
        if ended == now and not whole:
            raise _OrderDecides
        nodes = self.of.tasks(run) if whole else [self._node(awaited.point)]
        return {
            "key": self.key(run), "logical_date": format_time(int(window.run_date[run])),
            "partition": window.run_partition[run], "state": "success" if whole or ended < now else "running",
            "results": self._outputs(nodes),
        }  # fmt: skip

    def changed_runs(self, base: Outcome) -> tuple[list[int], int] | None:
        """Which runs end otherwise than in `base`, and how many there are; None if that has other numbers. O(runs)."""
        if not isinstance(base, WindowOutcome) or base.window is not self.window:
            return None
        first, last = self.window.run_start, self.window.run_end
        here, there = self.ends[first] < BEYOND, base.ends[first] < BEYOND
        changed = (here != there) | (self.ends[last] != base.ends[last])
        return np.flatnonzero(changed).tolist(), int((here | there).sum())

    # ------------------------------------------------------------------------------------- tasks

    def begun(self, runs: Sequence[int]) -> Sequence[Point]:
        """The tasks of these runs that began, in the order of time. O(tasks log tasks)."""
        ptr, places = self.window.run_ptr, np.asarray(runs, np.int64)
        counts = ptr[places + 1] - ptr[places]
        offsets = np.repeat(ptr[places] - np.concatenate(([0], np.cumsum(counts)[:-1])), counts)
        nodes = self.window.run_nodes[np.arange(int(counts.sum())) + offsets]
        begin = np.array(self.begin, np.int64)[nodes]
        order = np.argsort(begin, kind="stable")
        return WindowPoints(self.of, nodes[order][begin[order] < BEYOND].tolist())

    def tasks(self, run: int) -> dict[str, TaskRow]:
        """The tasks of a run that began, by id, without outputs and texts. O(tasks)."""
        found = {}
        for node in self.of.tasks(run):
            begin, end = self.begin[node], self.end[node]
            if begin < BEYOND:
                name, state = self.of.task(node)[1], self._state(node)
                found[name] = TaskRow(name, state, ((1, begin, end if end < BEYOND else begin, state, None),))
        return found

    def task(self, point: Point) -> AnyTask:
        """The declaration of a point's task. O(1)."""
        return self.prepared.task(self.dag(point.of), point.task)

    def needs(self, point: Point) -> list[str]:
        """The tasks of its DAG that a point's task follows. O(their number)."""
        return [self.of.task(node)[1] for node in self._needs(self._node(point), point.of)]

    def _needs(self, node: int, run: int) -> list[int]:
        """The tasks of the same run that a node needs, in the order of the plan."""
        kind, run_of = self.of.kind, self.of.run_of
        found = [need for need in self.window.needs[node] if run_of[need] == run and kind[need] != START]
        return sorted(found, key=self.of.subject.__getitem__)

    def task_state(self, point: Point) -> str:
        """How a task ended, or stands. O(1)."""
        return self._state(self._node(point))

    def _state(self, node: int) -> str:
        if self.end[node] < BEYOND:
            return "success"
        return "waiting" if self.of.kind[node] == WAIT else "running"

    def interval(self, run: int, task: str) -> TimeSpan:
        """When a task began and ended. O(1)."""
        node = self.of.node(run, task)
        if node is None or self.begin[node] >= BEYOND:
            return None, None
        return self.begin[node], self._instant(self.end[node])

    def _node(self, point: Point) -> int:
        found = self.of.node(point.of, point.task)
        assert found is not None, point
        return found

    def _instant(self, at: int) -> int | None:
        return at if at < BEYOND else None

    # ------------------------------------------------------------------------------------- what each followed

    def before(self, point: Point) -> Predecessor | None:
        """What ended last before a point began, and so decided when it could; None if nothing did. O(needs)."""
        if point.kind == "task":
            node = self._node(point)
            awaited = self._awaited(node)
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
        return self._awaited(self._node(point))

    def _awaited(self, node: int) -> Predecessor | None:
        pairs = self.window.candidates[node]
        at = self.end[node]
        if not pairs or at >= BEYOND:
            return None
        requested = BEYOND
        for awaited, start in pairs:
            if max(self.end[awaited], self.begin[node]) == at <= requested:
                return Predecessor(self._point(awaited), "awaits", self.end[awaited])
            requested = min(requested, self.end[start])
        return None

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
        return self.window.sources[self.of.subject[point.of]], self._event_numbers[point.of]

    def event_at(self, name: EventName) -> int | None:
        """When an event from outside came, by its name. O(events) once."""
        return self._events.get(name)

    @cached_property
    def _events(self) -> dict[EventName, int]:
        nodes = range(len(self.of.usual_numbers))
        return {self.event(Point("event", node)): self.end[node] for node in nodes}

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
        """What is unfinished at the end, and why. O(runs); where something may be, O(records) once."""
        return [] if self._nothing_is_left else self.reference().unfinished()

    @cached_property
    def _nothing_is_left(self) -> bool:
        """Whether each run has ended, and no trigger keeps what it is given."""
        last = self.ends[self.window.run_end[self.runs]]
        return not self.prepared.has_joins and bool((last < BEYOND).all())

    def deadlines(self) -> Sequence[Due]:
        """The deadlines of runs, and those for which no run came. O(runs); where there are any, O(records) once."""
        if not self.prepared.has_deadlines:
            return []
        known = self.reference()
        return [
            evolve(due, run=None if due.run is None else self.by_key[known.head(due.run).key])
            for due in known.deadlines()
        ]  # fmt: skip

    def left(self) -> Sequence[Left]:
        """The items that no run took. O(runs); where there may be some, O(records) once."""
        return [] if self._nothing_is_left else self.reference().left()


class _OrderDecides(Exception):
    """What a wait saw depends on what happened first at one instant."""


class WindowPoints(Sequence[Point]):
    """Tasks of a window as points, each made when it is read."""

    def __init__(self, of: WindowRuns, nodes: list[int]) -> None:
        self._of = of
        self._nodes = nodes

    def __len__(self) -> int:
        return len(self._nodes)

    @overload
    def __getitem__(self, at: int) -> Point: ...

    @overload
    def __getitem__(self, at: slice) -> list[Point]: ...

    def __getitem__(self, at: int | slice) -> Point | list[Point]:
        if isinstance(at, slice):
            return [self._point(node) for node in self._nodes[at]]
        return self._point(self._nodes[at])

    def _point(self, node: int) -> Point:
        return Point("task", self._of.run_of[node], self._of.task(node)[1])
