"""The runs of a window in one future, their tasks, and when those were: the plain half of the window's outcome.

Owns `ArrayRuns`; a run's number is its place in the window. O(nodes) once, then O(1) where nothing else is said.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, overload

import numpy as np

from reactive_dag.log.history import RunRow, TaskRow
from reactive_dag.model.times import NEVER
from reactive_dag.whatif.loops.states import RUNNING, SUCCESS
from reactive_dag.whatif.outcome.points import Point
from reactive_dag.whatif.outcome.rows import Due
from reactive_dag.whatif.window.arrays import BEYOND, START, WAIT

if TYPE_CHECKING:
    from reactive_dag.declare.task import AnyTask
    from reactive_dag.whatif.course.prepared import PreparedGraph
    from reactive_dag.whatif.outcome.outcome import Outcome, TimeSpan
    from reactive_dag.whatif.outcome.window_runs import WindowRuns
    from reactive_dag.whatif.question.effects import Effects
    from reactive_dag.whatif.window.arrays import Ends, NodeValues


class ArrayRuns:
    """The runs of one future of a window.

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
        """The window: its outcomes number its runs alike, where events from outside keep their order (and so keys)."""
        return self.window if self._event_numbers == self.of.usual_numbers else self

    @cached_property
    def ends(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """When each node ended. O(nodes) once."""
        return np.array(self.end, np.int64)

    @cached_property
    def requests(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """When each run was requested, its delay included. O(nodes) once."""
        found: np.ndarray[tuple[int], np.dtype[np.int64]] = np.array(self.begin, np.int64)[self.window.run_start]
        return found

    @cached_property
    def over(self) -> int:
        """The instant of the last thing that happened. O(nodes) once; where a clock is a deadline, O(records) once."""
        if self.dues is None:
            return self.reference().over
        missed = [max(due.due, self._requested(due.run)) for due in self.dues if due.missed and due.run is not None]
        return max([self.happened_last, *(at for at in missed if at < self.window.until)])  # later ones hold nothing up

    @cached_property
    def dues(self) -> list[Due] | None:
        """The deadlines of the runs (R13); None where a clock is one, by which no run may have come. O(runs) once."""
        spans = {dag: span for dag, span in self.prepared.deadlines.items() if isinstance(span, int)}
        if len(spans) < len(self.prepared.deadlines):
            return None
        dues = [self._due(run, spans[self.dag(run)]) for run in self.runs if self.dag(run) in spans] if spans else []
        return [due for due in dues if due.due < NEVER]

    def _due(self, run: int, span: int) -> Due:
        window, ended = self.window, self.ended(run)
        date = int(window.run_date[run])
        kept = ended is not None and ended < date + span and self.state(run) == "success"
        return Due(self.dag(run), run, date + span, date, window.run_partition[run], not kept)

    def _requested(self, run: int) -> int:
        start = self.of.start[run]
        requested: int = self.begin[start] - self.values.delay[start]
        return requested

    @cached_property
    def happened_last(self) -> int:
        """The instant of the last end, begin or tick. O(nodes) once."""
        happened = np.concatenate((self.ends, np.array(self.begin, np.int64)))
        return int(happened[happened < BEYOND].max(initial=self.window.last_tick))

    @cached_property
    def runs(self) -> list[int]:
        """Every run that was requested, in the order of the requests. O(runs log runs) once."""
        window = self.window
        requested = self.requests - np.array(self.values.delay, np.int64)[window.run_start]
        triggered = window.cause_ptr[1:] > window.cause_ptr[:-1]
        order = np.lexsort((window.run_date, window.rank[window.run_dag], triggered, requested))
        found: list[int] = order[self.requests[order] < BEYOND].tolist()
        return found

    @cached_property
    def by_dag(self) -> dict[str, list[int]]:
        """The runs of each DAG in the order of their requests. O(runs log runs) once."""
        found: dict[str, list[int]] = {}
        for run in self.runs:
            found.setdefault(self.dag(run), []).append(run)
        return found

    def runs_of(self, dag: str) -> list[int]:
        """The runs of one DAG that were requested, by date. O(result)."""
        number = self.window.dag_number.get(dag)
        if number is None:
            return []
        first, last = self.window.dag_runs[number : number + 2].tolist()
        return [run for run in range(first, last) if self.begin[self.of.start[run]] < BEYOND]

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
            started=self._instant(self.end[start]), ended=self.ended(run),
        )  # fmt: skip

    @property
    def run_states(self) -> np.ndarray[tuple[int], np.dtype[np.int8]]:
        """How each run ended, or stands, as a number (states.py). O(runs)."""
        ended = self.ends[self.window.run_end] < BEYOND
        return np.where(ended, SUCCESS, RUNNING).astype(np.int8)

    def changed_runs(self, base: Outcome) -> tuple[list[int], int] | None:
        """Which runs end otherwise than in `base`, and how many there are; None if that has other numbers. O(runs)."""
        if not isinstance(base, ArrayRuns) or base.numbering is not self.numbering:
            return None
        last = self.window.run_end
        here, there = self.requests < BEYOND, base.requests < BEYOND
        changed = (here != there) | (self.ends[last] != base.ends[last]) | (self.run_states != base.run_states)
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

    def latest(self, points: Sequence[Point]) -> int:
        """When the last of these ended, or began where it goes on. O(points)."""
        nodes = points.nodes if isinstance(points, WindowPoints) else list(map(self._node, points))
        ended = self.ends[nodes] if nodes else self.ends[:0]
        going_on = [self.begin[nodes[at]] for at in np.flatnonzero(ended >= BEYOND).tolist()]
        return max(int(ended[ended < BEYOND].max(initial=0)), *going_on, 0)

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


class WindowPoints(Sequence[Point]):
    """Tasks of a window as points, each made when it is read."""

    def __init__(self, of: WindowRuns, nodes: list[int]) -> None:
        self._of = of
        self.nodes = nodes

    def __len__(self) -> int:
        return len(self.nodes)

    @overload
    def __getitem__(self, at: int) -> Point: ...

    @overload
    def __getitem__(self, at: slice) -> list[Point]: ...

    def __getitem__(self, at: int | slice) -> Point | list[Point]:
        if isinstance(at, slice):
            return [self._point(node) for node in self.nodes[at]]
        return self._point(self.nodes[at])

    def _point(self, node: int) -> Point:
        return Point("task", self._of.run_of[node], self._of.task(node)[1])
