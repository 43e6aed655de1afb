"""Whether a pass is right: what it leaves out, failures and limits, must not have changed anything.

Owns no state. A pass begins everything as soon as it can, so it is right if nothing fails and no limit would have held
anything back: then the event loop gives the same. Where a limit might bind at one instant it counts as binding. O(1)
for a window without limits, else O(what they limit, sorted).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from weakref import WeakKeyDictionary

import numpy as np
from attrs import frozen

from reactive_dag.whatif.window.arrays import BEYOND, LOST, TASK, WAIT, Ends, Ints, NodeValues, Numbers, Window


@frozen(eq=False)
class Limited:
    """The nodes and runs of a window that limits are about; all empty for most windows.

    `timed` are tasks and waits with a timeout, `timeouts` theirs (ns); `pooled` are the nodes that take slots of each
    pool, and how many. `runs` are, of each DAG with `max_active_runs`, its runs, the limit, and whether a run that
    comes as another ends is beside it; `run_timeouts` the runs of each DAG with a timeout. `in_order` are the runs of
    each DAG whose tasks ask for the run before, by date.
    """

    lost: bool
    timed: Numbers
    timeouts: Ints
    pooled: dict[str, tuple[Numbers, Ints]]
    runs: list[tuple[str, Ints, int, bool]]
    run_timeouts: list[tuple[str, Ints, int]]
    in_order: list[tuple[str, Ints]]

    @property
    def binds(self) -> bool:
        """Whether there is a limit that may hold something back. O(1)."""
        return bool(len(self.timed) or self.pooled or self.runs or self.run_timeouts)

    @property
    def any(self) -> bool:
        """Whether anything is limited, the order of runs too. O(1)."""
        return self.binds or bool(self.in_order)

    @classmethod
    def of(cls, window: Window) -> Limited:
        """What is limited. O(tasks + DAGs), and the nodes of those that are."""
        inside = (window.kind == TASK) | (window.kind == WAIT)
        timeout = np.zeros(len(window.tasks) or 1, np.int64)
        pools: dict[str, list[int]] = {}
        for number, (settings, wait) in enumerate(zip(window.settings, window.waits)):
            timeout[number] = (settings.timeout if wait is None else wait.timeout) or 0
            if settings.pool is not None and wait is None:
                pools.setdefault(settings.pool, []).append(number)
        timed = np.flatnonzero(inside & (timeout[np.where(inside, window.subject, 0)] > 0))
        slots = np.array([settings.slots for settings in window.settings] or [1], np.int64)
        pooled = {}
        for pool, numbers in pools.items():
            nodes = np.flatnonzero((window.kind == TASK) & np.isin(window.subject, numbers))
            pooled[pool] = nodes.astype(np.int32), slots[window.subject[nodes]]
        runs: list[tuple[str, Ints, int, bool]] = []
        run_timeouts: list[tuple[str, Ints, int]] = []
        for number, of_dag in enumerate(window.dag_settings):
            if of_dag.max_active_runs is not None or of_dag.timeout is not None:
                own = np.flatnonzero(window.run_dag == number)
                if of_dag.max_active_runs is not None:
                    stays = of_dag.overlap in ("skip", "replace")
                    runs.append((window.dags[number], own, of_dag.max_active_runs, stays))
                if of_dag.timeout is not None:
                    run_timeouts.append((window.dags[number], own, of_dag.timeout))
        past = {dag for (dag, _), settings in zip(window.tasks, window.settings) if settings.depends_on_past}
        in_order = [
            (dag, np.arange(*window.dag_runs[[at, at + 1]])) for at, dag in enumerate(window.dags) if dag in past
        ]
        return cls(
            bool((window.kind == LOST).any()), timed.astype(np.int32), timeout[window.subject[timed]], pooled, runs,
            run_timeouts, in_order,
        )  # fmt: skip


_known: WeakKeyDictionary[Window, Limited] = WeakKeyDictionary()


def limited_of(window: Window) -> Limited:
    """What of a window is limited. O(1) after the first time."""
    found = _known.get(window)
    if found is None:
        found = _known[window] = Limited.of(window)
    return found


def what_binds(window: Window, values: NodeValues, ends: Ends) -> str:
    """What makes a pass in which nothing fails wrong, in words; "" where it is right.

    O(1), with limits O(what they limit, sorted).
    """
    limited = limited_of(window)
    if limited.lost:
        return "a wait awaits what never comes, and fails"
    late = _order(window, limited, ends.end)
    if late or (values.workers is None and not limited.binds):
        return late
    begin, end = np.array(ends.begin, np.int64), np.array(ends.end, np.int64)
    return (
        _timeouts(window, limited, begin, end)
        or _active_runs(window, limited, begin, end)
        or _pools(window, limited, values.capacity, begin, end)
        or _workers(window, values.workers, begin, end)
    )


def _order(window: Window, limited: Limited, end: list[int]) -> str:
    """A task asks for its past in the run before by date, which must have been requested by then (R14)."""
    for dag, runs in limited.in_order:
        if len(runs) < 2:
            continue
        requested = [end[start] for start in window.run_start[runs].tolist()]
        if any(later <= before and later < BEYOND for before, later in pairwise(requested)):
            return f"runs of {dag} are not requested in the order of their dates"
    return ""


def _timeouts(window: Window, limited: Limited, begin: Ints, end: Ints) -> str:
    late = _lasts(begin, end, limited.timed, limited.timed) >= limited.timeouts
    if late.any():
        return f"{'.'.join(window.tasks[window.subject[limited.timed[late.argmax()]]])} times out"
    for dag, runs, timeout in limited.run_timeouts:
        if (_lasts(begin, end, window.run_start[runs], window.run_end[runs]) >= timeout).any():
            return f"a run of {dag} times out"
    return ""


def _lasts(begin: Ints, end: Ints, first: Numbers, last: Numbers) -> Ints:
    """How long from the begin of one to the end of another; nothing for what never begins."""
    begun = begin[first]
    found: Ints = np.where(begun < BEYOND, end[last] - begun, -1)
    return found


def _active_runs(window: Window, limited: Limited, begin: Ints, end: Ints) -> str:
    for dag, runs, limit, stays in limited.runs:
        first, last = end[window.run_start[runs]], end[window.run_end[runs]]
        if most_at_once(first, last, np.ones(len(runs), np.int64), stays) > limit:
            return f"{dag} has more than {limit} runs at once"
    return ""


def _pools(window: Window, limited: Limited, capacity: Mapping[str, int], begin: Ints, end: Ints) -> str:
    for pool, (nodes, slots) in limited.pooled.items():
        room = capacity.get(pool, window.pools[pool].slots)
        if most_at_once(begin[nodes], end[nodes], slots) > room:
            return f"pool {pool!r} has no more than {room} slots"
    return ""


def _workers(window: Window, workers: int | None, begin: Ints, end: Ints) -> str:
    if workers is None:
        return ""
    nodes = np.flatnonzero(window.kind == TASK)
    if most_at_once(begin[nodes], end[nodes], np.ones(len(nodes), np.int64)) > workers:
        return f"there are no more than {workers} workers"
    return ""


def most_at_once(begin: Ints, end: Ints, slots: Ints, stays: bool = False) -> int:
    """How many slots are taken at once at most by what has begun. O(n log n).

    What ends at an instant gives its slots to what begins at it, unless it `stays`; what takes no time takes them too.

    >>> most_at_once(np.array([0, 5]), np.array([5, 9]), np.array([1, 1]))
    1
    >>> most_at_once(np.array([0, 5]), np.array([5, 5]), np.array([1, 2]), stays=True)
    3
    """
    begun = begin < BEYOND
    begin, end, slots = begin[begun], end[begun], slots[begun]
    order = np.where((begin == end) | stays, 2, 0)
    times = np.concatenate((begin, end))
    steps = np.concatenate((np.ones(len(begin), np.int64), order))
    taken = np.concatenate((slots, -slots))[np.lexsort((steps, times))]
    return int(np.cumsum(taken).max(initial=0))
