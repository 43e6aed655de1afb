"""A static question in which something fails or a limit binds: runs, states, attempts, what made room for each.

Owns `LoopOutcome`, the window's outcome with states and attempts, and with what made room for each. What the texts of
waits say, and what a run that goes on still waits for, is asked of the reference. Invariant: every answer is the one
that the reference gives. O(1) where nothing else is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from reactive_dag.log.history import RunRow, TaskRow
from reactive_dag.model.times import format_duration
from reactive_dag.whatif.course.attempts import FAILURE
from reactive_dag.whatif.loops.states import FAILED, NEVER_BEGUN, READY, RUNNING, SUCCESS, UPSTREAM_FAILED, WORDS
from reactive_dag.whatif.outcome.points import Point, Predecessor, Relation
from reactive_dag.whatif.outcome.window_outcome import WindowOutcome
from reactive_dag.whatif.window.arrays import BEYOND, START, TASK, Ends

if TYPE_CHECKING:
    from reactive_dag.log.history import AttemptRow
    from reactive_dag.model.records import Json
    from reactive_dag.whatif.course.prepared import PreparedGraph
    from reactive_dag.whatif.loops.checks import Play
    from reactive_dag.whatif.outcome.outcome import Outcome
    from reactive_dag.whatif.outcome.rows import Left, Unfinished
    from reactive_dag.whatif.outcome.window_runs import WindowRuns
    from reactive_dag.whatif.question.effects import Effects
    from reactive_dag.whatif.window.arrays import Ints, NodeValues


class LoopOutcome(WindowOutcome):
    """One future of a window, as the event loop played it. An `Outcome`."""

    def __init__(
        self, runs: WindowRuns, values: NodeValues, play: Play, effects: Effects, prepared: PreparedGraph,
        reference: Callable[[], Outcome],
    ) -> None:  # fmt: skip
        super().__init__(runs, values, Ends(play.begin, play.end), effects, prepared, reference)
        self.play = play
        self.states = play.state

    # ------------------------------------------------------------------------------------- runs

    @cached_property
    def run_states(self) -> np.ndarray[tuple[int], np.dtype[np.int8]]:
        """How each run ended, or stands, as a number (states.py). O(nodes) once."""
        states, window = np.array(self.states, np.int8), self.window
        first, last = states[window.run_start], states[window.run_end]
        return np.where(last != NEVER_BEGUN, last, np.where(first == READY, READY, RUNNING)).astype(np.int8)

    def state(self, run: int) -> str:
        """How a run ended, or stands. O(1)."""
        if self.end[self.of.end[run]] < BEYOND:
            return WORDS[self.states[self.of.end[run]]]
        return "queued" if self.states[self.of.start[run]] == READY else "running"

    def head(self, run: int) -> RunRow:
        """A run as a row, without its tasks. O(1), and its key once; of one that failed O(tasks)."""
        found = super().head(run)
        return replace(found, error=self._error(run)) if found.state == "failed" else found

    def _error(self, run: int) -> str | None:
        """What failed first in the plan of a run that failed, and why."""
        bad = next((node for node in self.of.tasks(run) if self.states[node] == FAILED), None)
        if bad is not None and self.of.kind[bad] == TASK:
            return f"{self.of.task(bad)[1]}: {self._text(bad, len(self.spans(bad)) - 1)}"
        known = self.reference()
        return known.head(known.by_key[self.key(run)]).error

    def outputs_of(self, nodes: Iterable[int]) -> dict[str, Json]:
        """What tasks and waits that succeeded gave, those that gave something. O(nodes). Raises OrderDecides."""
        return super().outputs_of([node for node in nodes if self.states[node] == SUCCESS])

    @property
    def succeeded(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """When each node that succeeded ended; BEYOND for others. O(nodes)."""
        return np.array(self.play.ends, np.int64)

    # ------------------------------------------------------------------------------------- tasks

    def tasks(self, run: int) -> dict[str, TaskRow]:
        """The tasks of a run that were touched, by id, without outputs. O(tasks); of some runs O(records) once."""
        if self._is_untold(run):
            known = self.reference()
            return dict(known.tasks(known.by_key[self.key(run)]))
        found = {}
        for node in self.of.tasks(run):
            if self.begin[node] < BEYOND:
                attempts = self._attempts(node)
                error = attempts[-1][-1] if attempts else None
                name = self.of.task(node)[1]
                found[name] = TaskRow(name, self._state(node), attempts, error=error)
        return found

    def _is_untold(self, run: int) -> bool:
        """Whether a run goes on, or a wait of it failed once: what they lacked is said in words. O(tasks)."""
        if self.ended(run) is None:
            return True
        nodes, kind = self.of.tasks(run), self.of.kind
        return any(kind[n] != TASK and (self.states[n] == FAILED or n in self.play.again) for n in nodes)

    def _state(self, node: int) -> str:
        return WORDS[self.states[node]]

    def spans(self, node: int) -> list[tuple[int, int]]:
        """When each attempt of a task that ended began and ended. O(attempts)."""
        if self.states[node] == UPSTREAM_FAILED:
            return []
        begun, drawn = [self.begin[node], *self.play.again.get(node, ())], self.play.drawn
        lasts = [drawn.first[node], *[span for _, span in drawn.later.get(node, ())]]
        ends = [begin + span for begin, span in zip(begun, lasts[: len(begun) - 1])]
        return list(zip(begun, [*ends, self.end[node]]))

    def _attempts(self, node: int) -> tuple[AttemptRow, ...]:
        spans, good = self.spans(node), self.states[node] == SUCCESS
        rows: list[AttemptRow] = []
        for at, (begin, end) in enumerate(spans):
            well = good and at == len(spans) - 1
            state, text = ("success", None) if well else ("failed", self._text(node, at))
            rows.append((at + 1, begin, end, state, text))
        return tuple(rows)

    def _text(self, node: int, at: int) -> str:
        """What an attempt of a task failed with. O(attempts)."""
        begin, end = self.spans(node)[at]
        timeout = self.window.settings[self.of.subject[node]].timeout
        return FAILURE if timeout is None or end - begin < timeout else f"timed out after {format_duration(timeout)}"

    # ------------------------------------------------------------------------------------- the end

    def _unfinished(self) -> list[Unfinished] | None:
        """Nothing where all runs have ended; else the reference tells what goes on."""
        return [] if self.has_ended and not self.prepared.has_joins else None

    def left(self) -> Sequence[Left]:
        """The items that no run took. O(runs); where there may be some, O(records) once."""
        return [] if self.has_ended and not self.prepared.has_joins else self.reference().left()

    # ------------------------------------------------------------------------------------- what each followed

    def before(self, point: Point) -> Predecessor | None:
        """What ended last before a point began, and so decided when it could; None if nothing did. O(needs).

        Where something made room for it, that; O(attempts log attempts) once.
        """
        if point.kind == "start":
            return self._place(point.of) or super().before(point)
        found = super().before(point)
        if point.kind == "task" and found is not None and found.link != "awaits":
            node = self._node(point)
            if self.begin[node] > found.at + self.lateness(point):
                freed = self._freed(node, self.begin[node])
                return found if freed is None else Predecessor(self._point(freed), "slot", self.begin[node])
        return found

    def _place(self, run: int) -> Predecessor | None:
        """The run whose end made room for a run, if one did. O(runs of its DAG)."""
        started, head = (
            self.end[self.of.start[run]],
            self.begin[self.of.start[run]] - self.lateness(Point("start", run)),
        )
        limit = self.window.dag_settings[self.of.run_dag[run]].max_active_runs
        if limit is None or not head < started < BEYOND:
            return None
        line = self.by_dag[self.dag(run)]
        freed = [other for other in line[: line.index(run)] if self.end[self.of.end[other]] == started]
        if not freed:
            return None
        last = max(freed, key=lambda other: int(self.window.run_date[other]))
        return Predecessor(Point("end", last), "slot", started)

    def _freed(self, node: int, at: int) -> int | None:
        """Whose attempt ended at an instant and so made room in a node's pool, or freed a worker where few are.

        O(log attempts + attempts that ended then).
        """
        ends, whose = self._attempts_over
        first, last = np.searchsorted(ends, (at, at + 1)).tolist()
        ended = whose[first:last].tolist()
        pool = self._pool(node)
        same = [] if pool is None else [each for each in ended if self._pool(each) == pool]
        if not same and self.effects.workers is None:
            return None
        return max(same or ended, key=self._name, default=None)

    @cached_property
    def _attempts_over(self) -> tuple[Ints, Ints]:
        """When attempts of tasks ended, in order, and whose they were. O(attempts log attempts) once.

        Without those that took no time: who was before them had made that room.
        """
        states, begin = np.array(self.states, np.int8), np.array(self.begin, np.int64)
        over = (self.window.kind == TASK) & ((states == SUCCESS) | (states == FAILED)) & (begin < self.ends)
        again = [each for each in self.play.again if self.of.kind[each] == TASK]
        over[again] = False
        once = np.flatnonzero(over)
        more = [(end, each) for each in again for begun, end in self.spans(each) if begun < end < BEYOND]
        ends = np.concatenate((self.ends[once], np.array([end for end, _ in more], np.int64)))
        whose = np.concatenate((once, np.array([each for _, each in more], np.int64)))
        order = np.argsort(ends, kind="stable")
        return ends[order], whose[order]

    def _pool(self, node: int) -> str | None:
        pool: str | None = self.window.settings[self.of.subject[node]].pool
        return pool

    def _name(self, node: int) -> tuple[str, int, str, int]:
        """The place of a task among those that end at one instant: DAG, date, partition, place in the plan."""
        run = self.of.run_of[node]
        return (
            self.dag(run), int(self.window.run_date[run]), self.window.run_partition[run] or "", self.of.subject[node]
        )  # fmt: skip

    def _needed(self, node: int, run: int) -> Predecessor:
        """What ended last of all that a task needs, before it began: one that never ran may have needed more."""
        begin, end = self.begin[node], self.end
        best, found = (end[self.of.start[run]], 0, -1), self.of.start[run]
        for need in self.window.needs[node]:
            if self.of.kind[need] != START and end[need] <= begin and end[need] < BEYOND:
                rank = end[need], 1 if self.of.run_of[need] == run else 2, self.of.subject[need]
                if rank > best:
                    best, found = rank, need
        links: tuple[Relation, ...] = ("", "needs", "past")
        return Predecessor(self._point(found), links[best[1]], best[0])

    def began_last(self, node: int) -> int:
        """When the last attempt of a node began. O(1)."""
        again = self.play.again.get(node)
        return again[-1] if again else self.begin[node]

    def awaited_by(self, node: int) -> Predecessor | None:
        """As of any window; a wait that timed out had seen nothing that decided it."""
        wait = self.window.waits[self.of.subject[node]]
        timeout = None if wait is None else wait.timeout
        late = timeout is not None and self.began_last(node) + timeout == self.end[node]
        return None if late and self.states[node] == FAILED else super().awaited_by(node)
