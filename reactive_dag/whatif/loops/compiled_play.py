"""Plays of the compiled event loop: a window's arrays for it, made once, and one play for each future.

Owns `CompiledPlan` and `CompiledPlay`. Invariant: a play says what `EventLoop` says of the same draws, bit for bit. A
window in which runs are skipped, replaced or time out is left to that.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reactive_dag.whatif.loops.attempts import AttemptLists
from reactive_dag.whatif.loops.compiled_loops import play
from reactive_dag.whatif.loops.loop_arrays import (
    ANEW,
    ATTEMPTS,
    BEGUN,
    CAPACITY,
    EAGER,
    ELSEWHERE,
    ENDED,
    FIRST,
    FREE,
    HEAD,
    HERE,
    LATER,
    LOOK,
    MADE_OF,
    MOST,
    NONE,
    PAST,
    ROOT,
    ROOTS_STOP,
    STATE,
    WAITERS,
    WORKERS,
    Further,
    LoopArrays,
    LoopState,
)
from reactive_dag.whatif.loops.machine_code import HAS_NUMBA
from reactive_dag.whatif.loops.states import SUCCESS
from reactive_dag.whatif.window.arrays import BEYOND, LOST, MET, START, WAIT, Ints

if TYPE_CHECKING:
    from reactive_dag.whatif.loops.attempts import Attempts
    from reactive_dag.whatif.loops.loop_plan import LoopPlan

WAITS = WAIT, MET, LOST

MOST_SLOTS = 2**31


def can_play(plan: LoopPlan) -> bool:
    """Whether the compiled loop knows all that may happen in this window, and numba is there. O(DAGs)."""
    return HAS_NUMBA and knows(plan)


def is_loaded() -> bool:
    """Whether the machine code is there, so that playing does not wait for it. O(1)."""
    return HAS_NUMBA and bool(play.signatures)  # type: ignore[attr-defined]  # what numba made of it


def knows(plan: LoopPlan) -> bool:
    """Whether nothing cancels or skips a run, and no task takes more slots than can be counted here. O(nodes)."""
    stays = all(limit is None or overlap == "queue" for limit, overlap in zip(plan.limit, plan.overlap))
    small = max(plan.need, default=0) < MOST_SLOTS
    return stays and small and all(timeout is None for timeout in plan.run_timeout)


class CompiledPlan:
    """The arrays of a window for the compiled loop. O(nodes + edges) to make."""

    def __init__(self, plan: LoopPlan) -> None:
        self.plan = plan
        rows, edges = _edges(plan)
        self.arrays = LoopArrays(_nodes(plan, rows), edges)
        last = rows[-len(plan.run_dag) - 2 : -1]
        none = np.zeros(len(plan.run_dag), np.int64)
        runs = _columns(
            plan.run_dag, plan.run_start, plan.run_end, last[:-1], last[1:], plan.open_tasks, none, none, none + NONE
        )
        dags = np.zeros((len(plan.limit), LOOK + 1), np.int64)
        dags[:, MOST] = [NONE if each is None else each for each in plan.limit]
        dags[:, HEAD] = NONE
        in_line = np.bincount(np.array(plan.line, np.int64)[_is_task(plan)], minlength=len(plan.window.pools) + 1)
        lines = np.zeros((len(in_line), WAITERS + 1), np.int64)
        lines[:, FIRST] = np.cumsum(in_line) - in_line
        one = np.zeros(MADE_OF + 1, np.int64)
        one[[ROOT, ROOTS_STOP]] = rows[-2:]
        self._fresh = runs, dags, lines, one
        self._retries = sum(len(plan.delays[of]) for of, kind in zip(plan.subject, plan.kind) if kind in WAITS)
        self._rooms = (
            2 * plan.size + self._retries + 8, int(in_line.sum()), 2 * plan.size + sum(map(len, plan.watching)) + 8
        )  # fmt: skip

    def play(
        self, late: Ints, attempts: Attempts, tasks: Ints, column: int, capacity: Sequence[int], workers: int | None
    ) -> CompiledPlay:
        """Play the future in a column of the attempts of these tasks' nodes; `late` by node. O(events * log)."""
        runs, dags, lines, one = (each.copy() for each in self._fresh)
        size = self.plan.size
        times, nodes = np.empty((size, ENDED + 1), np.int64), np.empty((size, LATER + 1), np.int32)
        spans = np.empty(size, np.int64)
        spans[tasks] = attempts.first[:, column]
        further = _further(attempts, tasks, column)
        lines[:, FREE] = lines[:, CAPACITY] = BEYOND, *[min(each, BEYOND) for each in capacity]
        one[EAGER] = workers is None
        one[WORKERS] = BEYOND if workers is None else min(workers, BEYOND)
        events, attempts_of_all, todo = self._rooms
        state = LoopState(
            times, nodes, late, spans, runs, dags, lines, np.empty((events, 2), np.int64),
            np.empty((attempts_of_all, 3), np.int64), np.empty(todo, np.int64),
            np.empty((2 * len(further.rows) + len(further.failing) + 1, 2), np.int64),
            np.empty((len(further.rows) + self._retries, 2), np.int64), one,
        )  # fmt: skip
        play(self.arrays, further, state)
        return CompiledPlay(self.plan, state, AttemptColumn(attempts, tasks, column))


class AttemptColumn(NamedTuple):
    """One future of what was drawn, whose rows are these tasks' nodes."""

    attempts: Attempts
    tasks: Ints
    column: int


def _further(attempts: Attempts, tasks: Ints, column: int) -> Further:
    """What comes after first attempts in one column. O(failures)."""
    futures = attempts.first.shape[1]
    mine, failing = slice(None), attempts.failing
    if futures > 1:
        mine, failing = attempts.again % futures == column, failing[failing % futures == column]
    return Further(
        tasks, attempts.again[mine] // futures, attempts.delay[mine], attempts.span[mine], failing // futures
    )  # fmt: skip


class CompiledPlay:
    """What became of each node in one future, as `EventLoop` says it."""

    def __init__(self, plan: LoopPlan, played: LoopState, drawn: AttemptColumn) -> None:
        self.plan = plan
        self._times = played.times
        self._nodes = played.nodes
        self._anew = played.anew[: played.one[ANEW]]
        self._drawn = drawn

    @property
    def ends(self) -> Ints:
        """The ends of what succeeded, BEYOND of all else. O(nodes)."""
        return np.where(self._nodes[:, STATE] == SUCCESS, self._times[:, ENDED], BEYOND)

    @cached_property
    def begin(self) -> list[int]:
        """When each node began. O(nodes) once."""
        found: list[int] = self._times[:, BEGUN].tolist()
        return found

    @cached_property
    def end(self) -> list[int]:
        """When each node ended. O(nodes) once."""
        found: list[int] = self._times[:, ENDED].tolist()
        return found

    @cached_property
    def state(self) -> list[int]:
        """The state of each node. O(nodes) once."""
        return self._column(STATE)

    @cached_property
    def attempts(self) -> list[int]:
        """How many attempts each node had. O(nodes) once."""
        return self._column(ATTEMPTS)

    @cached_property
    def again(self) -> dict[int, list[int]]:
        """When the further attempts of nodes began, of those with several. O(those) once."""
        found: dict[int, list[int]] = {}
        for node, now in self._anew.tolist():
            found.setdefault(node, []).append(now)
        return found

    @cached_property
    def drawn(self) -> AttemptLists:
        """What was drawn of the attempts of tasks. O(nodes) once."""
        attempts, tasks, column = self._drawn
        return AttemptLists.of(attempts, tasks, self.plan.size, column)

    def _column(self, column: int) -> list[int]:
        found: list[int] = self._nodes[:, column].tolist()
        return found


def _is_task(plan: LoopPlan) -> NDArray[np.bool_]:
    return np.array(plan.counted_in, np.int64) >= 0


def _edges(plan: LoopPlan) -> tuple[Ints, Ints]:
    """What the nodes lead to, one after the other, then last tasks of runs, and roots; where each part begins."""
    parts: list[Sequence[int]] = []
    for node, followers in enumerate(plan.followers):
        past, kind, subject = plan.past[node], plan.kind, plan.subject[node]
        what = [PAST if each in past else ELSEWHERE if kind[each] == START else HERE for each in followers]
        parts.append([each << 2 | is_a for each, is_a in zip(followers, what)])
        parts += plan.watching[node], [*chain(*plan.candidates[node] or ())]
        timeout = plan.timeout[subject] if kind[node] in WAITS else None
        parts.append((NONE if timeout is None else timeout, *plan.delays[subject]) if kind[node] in WAITS else ())
    parts += plan.last
    base: list[int] = plan.window.base.tolist()
    parts.append([*chain(*sorted([(node, base[node]) for node in plan.roots], key=lambda root: root[::-1]))])
    return np.cumsum([0, *map(len, parts)]), np.array([*chain(*parts)], np.int64)


def _nodes(plan: LoopPlan, rows: Ints) -> NDArray[np.int32]:
    """What stands of each node in columns; `rows` are where its parts of `edges` begin."""
    of = np.where(_is_task(plan), np.array(plan.subject, np.int64), 0)
    soft = np.array(plan.soft or [False], np.int64)
    places = {each: place for place, each in enumerate(sorted({*plan.priority}))}
    priority = [places[each] for each in plan.priority]
    first = rows[: 4 * plan.size].reshape(plan.size, 4)
    columns = _columns(
        plan.kind, plan.run, plan.line, plan.need, priority, plan.rank, plan.start, *first.T,
        rows[4 : 4 * plan.size + 1 : 4], soft[of], plan.needs,
    )  # fmt: skip
    return columns.astype(np.int32)


def _columns(*columns: Sequence[int] | Ints) -> Ints:
    """The columns as one table, a row beside the other."""
    return np.ascontiguousarray(np.stack([np.asarray(each, np.int64) for each in columns], axis=1))
