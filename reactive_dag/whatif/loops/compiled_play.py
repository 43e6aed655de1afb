"""Plays of the compiled event loop: a window's arrays for it, made once, and one play for each future.

Owns `CompiledPlan` and `CompiledPlay`. Invariant: a play says what `EventLoop` says of the same draws, bit for bit. A
window in which runs are skipped, replaced or time out is left to that.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from reactive_dag.whatif.loops.compiled_loops import play
from reactive_dag.whatif.loops.loop_arrays import (
    ATTEMPTS,
    BEGIN,
    CAPACITY,
    DELAY,
    EAGER,
    END,
    FAILING,
    FREE,
    HAS_NUMBA,
    HEAD,
    LATER,
    LATER_STOP,
    LEFT,
    NEXT,
    OPEN,
    SPAN,
    STATE,
    WORKERS,
    LoopArrays,
    LoopState,
)
from reactive_dag.whatif.loops.states import SUCCESS
from reactive_dag.whatif.window.arrays import BEYOND, Ints

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reactive_dag.whatif.loops.attempts import Attempts
    from reactive_dag.whatif.loops.loop_plan import LoopPlan

NONE = -1


def can_play(plan: LoopPlan) -> bool:
    """Whether the compiled loop knows all that may happen in this window, and numba is there. O(DAGs)."""
    return HAS_NUMBA and knows(plan)


def knows(plan: LoopPlan) -> bool:
    """Whether nothing cancels or skips a run. O(DAGs)."""
    stays = all(limit is None or overlap == "queue" for limit, overlap in zip(plan.limit, plan.overlap))
    return stays and all(timeout is None for timeout in plan.run_timeout)


class CompiledPlan:
    """The arrays of a window for the compiled loop. O(nodes + edges) to make."""

    def __init__(self, plan: LoopPlan) -> None:
        self.plan = plan
        self.arrays = _arrays(plan)
        nodes = np.zeros((plan.size, 12), np.int64)
        nodes[:, BEGIN] = nodes[:, END] = BEYOND
        nodes[:, LEFT] = plan.needs
        runs = np.zeros((len(plan.run_dag), 4), np.int64)
        runs[:, OPEN] = plan.open_tasks
        runs[:, NEXT] = NONE
        dags = np.zeros((len(plan.limit), 4), np.int64)
        dags[:, HEAD] = NONE
        self.fresh = nodes, runs, dags
        retries = sum(len(plan.delays[subject]) for subject, kind in zip(plan.subject, plan.candidates) if kind)
        self.rooms = 2 * plan.size + retries + 8, 2 * plan.size + len(self.arrays.watching) + 8

    def play(
        self, delays: Ints, attempts: Attempts, tasks: Ints, column: int, capacity: Sequence[int], workers: int | None
    ) -> CompiledPlay:
        """Play the future in a column of the attempts of these tasks' nodes; `delays` by node. O(events * log)."""
        nodes, runs, dags = (each.copy() for each in self.fresh)
        nodes[:, DELAY] = delays
        again = _place(nodes, attempts, tasks, column)
        lines = np.zeros((len(capacity) + 1, 3), np.int64)
        lines[1:, FREE] = capacity
        lines[0, FREE] = BEYOND
        lines[:, CAPACITY] = lines[:, FREE]
        one = np.zeros(EAGER + 1, np.int64)
        one[EAGER] = workers is None
        one[WORKERS] = BEYOND if workers is None else workers
        events, todo = self.rooms
        state = LoopState(
            nodes, runs, dags, lines, np.empty((events, 3), np.int64),
            np.empty((int(self.arrays.line_ptr[-1]), 3), np.int64), np.empty(todo, np.int64),
            np.empty(len(dags), np.int64), again, one,
        )  # fmt: skip
        play(self.arrays, state)
        return CompiledPlay(self.plan, nodes)


def _place(nodes: Ints, attempts: Attempts, tasks: Ints, column: int) -> Ints:
    """Put the attempts of one column at the nodes; the delay before each further one, and its span. O(size)."""
    futures = attempts.first.shape[1]
    nodes[tasks, SPAN] = attempts.first[:, column]
    mine = np.flatnonzero(attempts.again % futures == column)
    rows, first, counts = np.unique(attempts.again[mine] // futures, return_index=True, return_counts=True)
    nodes[tasks[rows], LATER] = first
    nodes[tasks[rows], LATER_STOP] = first + counts
    failing = attempts.failing[attempts.failing % futures == column] // futures
    nodes[tasks[failing], FAILING] = 1
    return np.stack((attempts.delay[mine], attempts.span[mine]), axis=1)


class CompiledPlay:
    """What became of each node in one future, as `EventLoop` says it."""

    def __init__(self, plan: LoopPlan, nodes: Ints) -> None:
        self.plan = plan
        self._nodes = nodes

    @property
    def ends(self) -> Ints:
        """The ends of what succeeded, BEYOND of all else. O(nodes)."""
        return np.where(self._nodes[:, STATE] == SUCCESS, self._nodes[:, END], BEYOND)

    @cached_property
    def begin(self) -> list[int]:
        """When each node began. O(nodes) once."""
        return self._column(BEGIN)

    @cached_property
    def end(self) -> list[int]:
        """When each node ended. O(nodes) once."""
        return self._column(END)

    @cached_property
    def state(self) -> list[int]:
        """The state of each node. O(nodes) once."""
        return self._column(STATE)

    @cached_property
    def attempts(self) -> list[int]:
        """How many attempts each node had. O(nodes) once."""
        return self._column(ATTEMPTS)

    def _column(self, column: int) -> list[int]:
        found: list[int] = self._nodes[:, column].tolist()
        return found


def _arrays(plan: LoopPlan) -> LoopArrays:
    follow, followers = _flat(plan.followers)
    watch, watching = _flat(plan.watching)
    candidate, pairs = _flat([tuple(chain(*row or ())) for row in plan.candidates])
    retry, delays = _flat(plan.delays)
    last_ptr, last = _flat(plan.last)
    past = np.array([each in plan.past[n] for n, row in enumerate(plan.followers) for each in row], np.bool_)
    subject = np.array(plan.subject, np.int64)
    counted = np.array(plan.counted_in, np.int64)
    is_task = np.array([each >= 0 for each in plan.counted_in], np.bool_)
    of = np.where(is_task, subject, 0)
    timeout = np.array([NONE if each is None else each for each in plan.timeout] or [NONE], np.int64)
    soft = np.array(plan.soft or [False], np.int64)
    retry = retry if len(retry) > 1 else np.zeros(2, np.int64)
    nodes = _columns(
        plan.kind, plan.run, plan.line, plan.need, plan.priority, plan.rank, plan.start, counted, follow[:-1],
        follow[1:], watch[:-1], watch[1:], candidate[:-1] // 2, candidate[1:] // 2, timeout[of], soft[of],
        retry[of], retry[of + 1],
    )  # fmt: skip
    line = np.array(plan.line, np.int64)[is_task]
    lines = np.bincount(line, minlength=len(plan.window.pools) + 1)
    return LoopArrays(
        nodes, followers, past, watching, pairs[::2].copy(), pairs[1::2].copy(), delays,
        _columns(plan.run_dag, plan.run_start, plan.run_end, last_ptr[:-1], last_ptr[1:]),
        last, np.array([NONE if each is None else each for each in plan.limit], np.int64),
        np.array(plan.by_rank, np.int64), np.concatenate([[0], np.cumsum(lines)]).astype(np.int64),
        np.array(plan.roots, np.int64), plan.window.base,
    )  # fmt: skip


def _columns(*columns: Sequence[int] | Ints) -> Ints:
    """The columns as one table, a row beside the other."""
    return np.ascontiguousarray(np.stack([np.asarray(each, np.int64) for each in columns], axis=1))


def _flat(rows: Iterable[Sequence[int]]) -> tuple[Ints, Ints]:
    """Where each row begins among all, and all of them one after the other."""
    kept = [*rows]
    sizes = np.array([0, *map(len, kept)], np.int64)
    return np.cumsum(sizes), np.array([*chain(*kept)], np.int64)
