"""Many futures evaluated again where values have changed: only the nodes that the change reaches, a row each.

Owns `EndsAgain`. Futures draw by key, so what a node did not have changed it has as before: a node ends as much later
as what it follows, and only what is touched is drawn. Invariant: the ends are those of all futures evaluated anew, bit
for bit. Rows that do not change are shared with the ends before. O(nodes reached * futures), some 8 µs a node and 500
futures.
"""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from reactive_dag.whatif.futures.binding import where_it_binds
from reactive_dag.whatif.loops.levels import wait_ends
from reactive_dag.whatif.question.draws import DURATION, future_keys
from reactive_dag.whatif.question.duration_table import DurationTable
from reactive_dag.whatif.window.arrays import BEYOND, END, SOURCE, START, TASK, WAIT, Ints, Numbers

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reactive_dag.whatif.futures.window_futures import WindowFutures
    from reactive_dag.whatif.question.effects import Touched
    from reactive_dag.whatif.question.lateness import Lateness
    from reactive_dag.whatif.question.names import TaskName

WIDE, FEW, SOME = 256, 2048, 32
"""Of so many futures or more rows cost no more than levels; of fewer only so small a share of the nodes is worth it.

Beside compiled levels half of that is.
"""


class EndsAgain:
    """The ends of all nodes, made from those `before`: a row a node, a column a future.

    `futures` are the `n` asked for now, `touched` is what is different in them. `before` was evaluated by levels alone.
    """

    def __init__(self, futures: WindowFutures, before: Sequence[Ints], n: int, touched: Touched) -> None:
        self._futures = futures
        self._window = futures.window
        self._before = before
        self.rows = list(before)
        self._n = n
        self._keys = future_keys(futures.seed, range(self._n))
        self._ties = np.zeros(self._n, np.bool_)
        self._given = futures.effects
        self._kinds = futures.window.kind.tobytes()  # numbers that are read fast, one by one
        self._needs = futures.window.needs
        self._tasks = touched.durations | touched.delays
        self._about = touched
        self._spans: dict[int, Ints] = {}
        self._changed: list[int] = []

    def evaluate(self) -> bool:
        """Put the new ends in `rows`; False where it is no answer, or more work than all anew. O(nodes reached * n)."""
        window, rows, left = self._window, self.rows, self._most
        if self._most_touched > left // 2:  # drawing for them costs as much again
            return False
        self._spans = self._drawn(self._tasks)
        waiting = bytearray(window.size)
        for node in self._touched:
            waiting[node] = 1
        node = waiting.find(1)
        while node >= 0:
            left -= 1
            if left < 0:
                return False
            end = self._end(node)
            if end.tobytes() != rows[node].tobytes():  # the fastest way to compare
                rows[node] = end
                self._changed.append(node)
                for each in (*window.follows[node], *window.watches[node]):
                    waiting[each] = 1
            node = waiting.find(1, node + 1)
        return not self._ties.any() and not self._binds()

    @property
    def _most(self) -> int:
        """How many nodes are evaluated before it is left: where all anew costs less, some sixth of what that costs."""
        size, n = self._window.size, self._n
        most = size if n >= WIDE else size * n // FEW + SOME
        return most // 2 if self._futures.compiles(n) else most

    # ------------------------------------------------------------------------------------- a node

    def _end(self, node: int) -> Ints:
        """When a node ends, in each future."""
        now, kind = self._latest(node, self.rows), self._kinds[node]
        if kind == WAIT:
            return self._wait_ends(node, now + self._late(node))
        was = self._before[node]
        if node not in self._touched and np.maximum.reduce(was) < BEYOND:
            found: Ints = np.minimum(now + (was - self._latest(node, self._before)), BEYOND)
            return found
        begin: Ints = np.minimum(now + self._late(node), BEYOND)
        if kind == TASK:
            begin = np.minimum(begin + self._span(node), BEYOND)
        return begin

    def _wait_ends(self, node: int, begin: Ints) -> Ints:
        pairs = self._window.candidates[node] or ()
        if len(pairs) != 1:
            return wait_ends(self._window, node, begin, self.rows, self._ties)
        found: Ints = np.minimum(np.maximum(begin, self.rows[pairs[0][0]]), BEYOND)
        return found

    def _latest(self, node: int, ends: Sequence[Ints]) -> Ints:
        """When a node may begin, its delay left out. O(needs * futures)."""
        above = self._needs[node]
        base = self._window.base[node] if self._kinds[node] in (SOURCE, START) else 0
        if not above:
            return np.full(self._n, base, np.int64)
        found = ends[above[0]]
        for each in above[1:]:
            found = np.maximum(found, ends[each])
        return np.maximum(found, base) if base else found

    def _late(self, node: int) -> Ints | int:
        """How much later a node comes. O(futures)."""
        window, given, kind = self._window, self._given, self._kinds[node]
        late: Lateness | None
        if kind == SOURCE:
            late = given.datasets.get(window.sources[window.subject[node]])
        elif kind == START:
            late = given.dags.get(window.dags[window.subject[node]])
        else:
            late = None if kind == END else given.tasks.get(window.tasks[window.subject[node]])
        if late is None or not late.drawn:
            return 0 if late is None else late.fixed
        found: Ints = self._futures.drawn.late(late, np.array([node]), self._keys)[0]
        return found

    def _span(self, node: int) -> Ints:
        """How long the first attempt of a task takes. O(futures)."""
        found = self._spans.get(node)
        if found is None:
            found = self._drawn([self._window.tasks[self._window.subject[node]]])[node]
        return found

    # ------------------------------------------------------------------------------------- what is touched

    @property
    def _most_touched(self) -> int:
        """How many nodes are touched, at most, if no source is. O(tasks touched)."""
        window, runs = self._window, self._window.dag_runs
        tasks = Counter(window.dag_number.get(dag, -1) for dag, _ in self._tasks)
        return sum(int(runs[dag + 1] - runs[dag]) * count for dag, count in tasks.items() if dag >= 0)

    @cached_property
    def _touched(self) -> frozenset[int]:
        """The nodes of which something may be different. O(result) once."""
        window, touched = self._window, self._about
        found = [window.nodes_of_task(task) for task in self._tasks]
        found += [window.starts_of_dag(dag) for dag in touched.dags]
        found += [window.events_of(dataset) for dataset in touched.datasets]
        return frozenset(node for nodes in found for node in nodes.tolist())

    def _drawn(self, tasks: Iterable[TaskName]) -> dict[int, Ints]:
        """How long the first attempts of these tasks take, by their nodes. O(nodes * futures)."""
        drawn, here = self._futures.drawn, [task for task in tasks if task in self._window.task_number]
        if not here:
            return {}
        found = [self._window.nodes_of_task(task) for task in here]
        nodes, places = np.concatenate(found), np.repeat(np.arange(len(here)), [len(each) for each in found])
        working = self._window.kind[nodes] == TASK
        nodes, places = nodes[working], places[working]
        keys = drawn.keys(np.searchsorted(drawn.nodes, nodes), DURATION, 1)
        spans = DurationTable.of(here, self._given).spans(places, keys, self._keys)
        return dict(zip(nodes.tolist(), spans))

    # ------------------------------------------------------------------------------------- limits

    def _binds(self) -> bool:
        """Whether a limit holds something back in a future. O(what is limited * futures)."""
        if not self._futures.limited:
            return False

        def ends(nodes: Ints | Numbers) -> Ints:
            return np.array([self.rows[node] for node in nodes.tolist()], np.int64).reshape(-1, self._n)

        def begins(nodes: Ints | Numbers) -> Ints:
            found = [self._latest(node, self.rows) + self._late(node) for node in nodes.tolist()]
            return np.minimum(np.array(found, np.int64).reshape(-1, self._n), BEYOND)

        window = self._window
        numbers = np.unique(window.run_dag[window.run[self._changed]])
        dags = {window.dags[number] for number in numbers.tolist()}
        return bool(where_it_binds(window, self._given, self._n, begins, ends, dags).any())
