"""In which of many futures a limit binds, so that levels are not right there: limits.py, in arrays.

Owns no state. O(what is limited) a future, O(n log n) where slots, workers or runs are counted.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from reactive_dag.whatif.window.arrays import BEYOND, TASK, Ints, Numbers
from reactive_dag.whatif.window.limits import limited_of, most_at_once

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reactive_dag.whatif.loops.attempts import Flags
    from reactive_dag.whatif.question.effects import Effects
    from reactive_dag.whatif.window.arrays import Window

NodeTimes: TypeAlias = Callable[["Numbers | Ints"], Ints]
"""When these nodes begin, or end: a row a node, a column a future."""


def where_it_binds(
    window: Window, effects: Effects, n: int, begins: NodeTimes, ends: NodeTimes, dags: Container[str] | None = None
) -> Flags:
    """Whether a limit binds, in each of `n` futures. O(what is limited * futures).

    Limits of runs are looked at only of these `dags`, where they are given: the runs of others are as they were.
    """
    limited = limited_of(window)
    found = np.zeros(n, np.bool_)
    for dag, runs in limited.in_order:
        if dags is not None and dag not in dags:
            continue
        requested = ends(window.run_start[runs])
        found |= ((requested[1:] <= requested[:-1]) & (requested[1:] < BEYOND)).any(axis=0)
    if len(limited.timed):
        found |= _late(begins(limited.timed), ends(limited.timed), limited.timeouts[:, None])
    for dag, runs, timeout in limited.run_timeouts:
        if dags is None or dag in dags:
            found |= _late(begins(window.run_start[runs]), ends(window.run_end[runs]), timeout)
    for first, last, slots, room, stays in _counted(window, effects, begins, ends, dags):
        for at in np.flatnonzero(~found).tolist():
            found[at] = most_at_once(first[:, at], last[:, at], slots, stays) > room
    return found


def _late(begins: Ints, ends: Ints, most: Ints | int) -> Flags:
    late: Flags = (begins < BEYOND) & (ends - begins >= most)
    found: Flags = np.logical_or.reduce(late)
    return found


CountedSlots: TypeAlias = tuple[Ints, Ints, Ints, int, bool]


def _counted(
    window: Window, effects: Effects, begins: NodeTimes, ends: NodeTimes, dags: Container[str] | None
) -> Iterator[CountedSlots]:
    """What is counted: from when to when, how many slots it takes, how many there are, whether an end still counts."""
    limited = limited_of(window)
    for dag, runs, limit, stays in limited.runs:
        if dags is None or dag in dags:
            yield ends(window.run_start[runs]), ends(window.run_end[runs]), np.ones(len(runs), np.int64), limit, stays
    for pool, (nodes, slots) in limited.pooled.items():
        room = effects.capacities.get(pool, window.pools[pool].slots)
        yield begins(nodes), ends(nodes), slots, room, False
    if effects.workers is not None:
        tasks = np.flatnonzero(window.kind == TASK)
        yield begins(tasks), ends(tasks), np.ones(len(tasks), np.int64), effects.workers, False
