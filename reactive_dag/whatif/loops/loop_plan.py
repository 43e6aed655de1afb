"""What the event loops need to know of a window: its edges as lists, and what tasks, waits and DAGs say of themselves.

Owns `LoopPlan`, made once for a window and shared by all plays of it. Invariant: what is shared never changes.
O(nodes + edges) to make.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

from reactive_dag.whatif.loops.attempts import delays_of
from reactive_dag.whatif.window.arrays import END, rows_of

if TYPE_CHECKING:
    from reactive_dag.whatif.window.arrays import Numbers, Window

NO_PLACE: frozenset[int] = frozenset()


@frozen(eq=False)
class LoopPlan:
    """The lists, by node, by run, by task and by DAG. Ends of runs are not among followers: their tasks are counted.

    `watching[n]` are the waits that await n, each as `~wait`, `several` those with more than one candidate; `past[n]`
    are those of its followers that wait for it as their past (R14); `counted_in` is its run if it is one of the run's
    tasks, else -1; `rank` its place in the order of slots, and `by_rank` the other way round; `line` is the number of
    its pool, from 1 (0: none), `need` how many slots it takes, `priority` is negated, `start` is the START of its run.
    Of tasks: delays of retries; of waits the timeout and whether they fail softly. Of DAGs: limit, overlap, timeout of
    runs. `last` are the tasks of a run that nothing in it follows.
    """

    window: Window
    kind: list[int]
    run: list[int]
    subject: list[int]
    needs: list[int]
    followers: list[tuple[int, ...]]
    past: list[frozenset[int]]
    watching: list[tuple[int, ...]]
    candidates: list[tuple[tuple[int, int], ...] | None]
    several: list[int]
    counted_in: list[int]
    rank: list[int]
    by_rank: list[int]
    line: list[int]
    need: list[int]
    priority: list[int]
    start: list[int]
    roots: list[int]
    run_dag: list[int]
    run_start: list[int]
    run_end: list[int]
    run_nodes: list[tuple[int, ...]]
    last: list[tuple[int, ...]]
    open_tasks: list[int]
    delays: list[tuple[int, ...]]
    timeout: list[int | None]
    soft: list[bool]
    limit: list[int | None]
    overlap: list[str]
    run_timeout: list[int | None]

    @property
    def size(self) -> int:
        """How many nodes there are. O(1)."""
        return len(self.kind)

    @property
    def replaces(self) -> bool:
        """Whether a run may take the place of another. O(DAGs)."""
        return "replace" in self.overlap

    @classmethod
    def of(cls, window: Window) -> LoopPlan:
        """That of a window. O(nodes + edges)."""
        kind, settings = window.kind, window.settings
        run, kinds, size = window.run.tolist(), kind.tolist(), window.size
        followers = [tuple([each for each in row if kinds[each] != END]) for row in window.follows]
        run_nodes = rows_of(window.run_ptr, window.run_nodes)
        counted = np.full(size, -1, np.int32)
        counted[window.run_nodes] = window.run[window.run_nodes]
        by_rank = _order(window)
        rank = np.full(size, -1, np.int64)
        rank[by_rank] = np.arange(len(by_rank))
        pools = {name: at for at, name in enumerate(window.pools, 1)}
        is_task = counted >= 0

        def of_task(values: list[int]) -> list[int]:
            found: list[int] = np.where(
                is_task, np.array(values or [0])[np.where(is_task, window.subject, 0)], 0
            ).tolist()
            return found

        waits = window.waits
        return cls(
            window, kinds, run, window.subject.tolist(), np.diff(window.need_ptr).tolist(), followers,
            _past(window, counted), _watching(window), window.candidates,
            np.flatnonzero(np.diff(window.candidate_ptr) > 1).tolist(), counted.tolist(), rank.tolist(),
            by_rank.tolist(), of_task([0 if each.pool is None else pools[each.pool] for each in settings]),
            of_task([each.slots for each in settings]), of_task([-each.priority for each in settings]),
            _starts(window).tolist(),
            np.flatnonzero((np.diff(window.need_ptr) == 0) & (kind != END)).tolist(), window.run_dag.tolist(),
            window.run_start.tolist(), window.run_end.tolist(), run_nodes,
            [tuple([n for n in nodes if not _followed(n, followers, run)]) for nodes in run_nodes],
            np.diff(window.run_ptr).tolist(),
            [delays_of(each) for each in settings], [None if each is None else each.timeout for each in waits],
            [each is not None and each.soft_fail for each in waits],
            [each.max_active_runs for each in window.dag_settings], [each.overlap for each in window.dag_settings],
            [each.timeout for each in window.dag_settings],
        )  # fmt: skip


def _order(window: Window) -> Numbers:
    """The tasks of runs in the order of slots, as far as it is known before: DAGs by rank, runs by date, the plan."""
    runs = np.lexsort((np.arange(window.runs), window.rank[window.run_dag]))
    low, high = window.run_ptr[runs], window.run_ptr[runs + 1]
    return np.concatenate([window.run_nodes[a:b] for a, b in zip(low.tolist(), high.tolist())] or [window.run_nodes])


def _past(window: Window, counted: Numbers) -> list[frozenset[int]]:
    """Of each node its followers in other runs that wait for it as their past."""
    found = [NO_PLACE] * window.size
    of_edge = np.repeat(np.arange(window.size), np.diff(window.follow_ptr))
    to = window.follow_idx
    is_past = (counted[of_edge] >= 0) & (counted[to] >= 0) & (counted[of_edge] != counted[to])
    for at in np.flatnonzero(is_past).tolist():
        found[of_edge[at]] |= {int(to[at])}
    return found


def _starts(window: Window) -> Numbers:
    """The START of the run of each node, -1 of an outside event."""
    found = np.full(window.size, -1, np.int32)
    inside = window.run >= 0
    found[inside] = window.run_start[window.run[inside]]
    return found


def _watching(window: Window) -> list[tuple[int, ...]]:
    found: list[tuple[int, ...]] = [()] * window.size
    for wait, row in enumerate(window.candidates):
        for awaited, _ in row or ():
            found[awaited] += (~wait,)
    return found


def _followed(node: int, followers: list[tuple[int, ...]], run: list[int]) -> bool:
    return any(run[each] == run[node] for each in followers[node])
