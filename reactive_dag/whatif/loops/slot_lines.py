"""The attempts of one play that wait for slots and workers, and who is next (R16), on numbers.

Owns a line (a heap) for each pool, and one for what needs none. Invariant: as in engine/limits/pools.py the first in
order goes first within a pool, and what waits for one pool holds nothing up that needs another. An attempt costs
O(log waiting), giving out O(lines with attempts + what begins * log).
"""

from __future__ import annotations

import sys
from heapq import heapify, heappop, heappush, heapreplace
from typing import TYPE_CHECKING

from reactive_dag.whatif.loops.states import READY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reactive_dag.whatif.loops.loop_plan import LoopPlan

WaitingAttempt = tuple[int, int, int]
"""Of an attempt that waits: priority (negated), the instant of the run's request, its rank in the window."""


class SlotLines:
    """The lines. `begun` are the instants at which nodes began, of a run's START: was requested, `delay` later.

    `capacity` holds the slots of each pool, `workers` how many attempts there may be at once (None: any number);
    `begin` begins an attempt. `eager` says that what needs no pool waits for nothing.
    """

    def __init__(
        self, plan: LoopPlan, capacity: Sequence[int], workers: int | None, begun: Sequence[int], delay: Sequence[int],
        state: list[int], begin: Callable[[int], None],
    ) -> None:  # fmt: skip
        self.plan = plan
        self.eager = workers is None and not plan.replaces
        self.asked = False
        self._begun = begun
        self._delay = delay
        self._state = state
        self._begin = begin
        self._capacity = [sys.maxsize, *capacity]
        self._free = self._capacity[:]
        self._workers = sys.maxsize if workers is None else workers
        self._lines: list[list[WaitingAttempt]] = [[] for _ in self._free]
        self._waiting: set[int] = set()
        """The lines with attempts."""
        self._starved = False
        """Whether no worker was free when slots were given last."""
        self._stirred: set[int] = set()
        """The lines in which something may begin now."""

    def offer(self, node: int) -> None:
        """Take an attempt that is to begin when it may. O(log waiting)."""
        plan = self.plan
        line = plan.line[node]
        self._state[node] = READY
        start = plan.start[node]
        request = self._begun[start] - self._delay[start]
        heappush(self._lines[line], (plan.priority[node], request, plan.rank[node]))
        self._waiting.add(line)
        self._stirred.add(line)
        self.asked = True

    def withdraw(self, node: int) -> None:
        """An attempt that waits will not begin: what stands behind it may. O(1)."""
        self._stirred.add(self.plan.line[node])
        self.asked = True

    def give_back(self, node: int) -> None:
        """An attempt is over: its slots and its worker are free. O(1)."""
        line = self.plan.line[node]
        self._free[line] += self.plan.need[node]
        self._workers += 1
        if self._starved:
            self.asked = True
        elif line in self._waiting:
            self._stirred.add(line)
            self.asked = True

    def give(self) -> None:
        """Begin what may begin, in order. O(what begins * log of what waits + lines in which something may)."""
        self.asked = False
        lines = self._waiting if self._starved else self._stirred
        if len(lines) == 1:
            (at,) = lines
            self._starved = self._give_one(at)
        else:
            self._give_among(lines & self._waiting)
        self._stirred.clear()

    def _give_among(self, lines: set[int]) -> None:
        """Begin what may begin of several lines: what is first in all of them goes first."""
        heads = [(self._lines[at][0], at) for at in lines]
        heapify(heads)
        while heads and self._workers > 0:
            at = heads[0][1]
            line = self._lines[at]
            if not self._take(at, line):
                heappop(heads)
            elif line:
                heapreplace(heads, (line[0], at))
            else:
                heappop(heads)
                self._waiting.discard(at)
        self._starved = bool(heads)

    def _give_one(self, at: int) -> bool:
        """Begin what may begin of one line; whether workers were lacking."""
        line, free, begin, need_of = self._lines[at], self._free, self._begin, self.plan.need
        by_rank, state = self.plan.by_rank, self._state
        while line:  # as `_take`, which a call each would slow down
            if self._workers <= 0:
                return True
            node = by_rank[line[0][2]]
            if state[node] == READY:
                need = need_of[node]
                if free[at] < need and free[at] < min(need, self._capacity[at]):
                    return False
                free[at] -= need
                self._workers -= 1
                begin(node)
            heappop(line)
        self._waiting.discard(at)
        return False

    def _take(self, at: int, line: list[WaitingAttempt]) -> bool:
        """Begin the first attempt of a line; whether it fitted, or was cancelled meanwhile. O(log waiting)."""
        node = self.plan.by_rank[line[0][2]]
        if self._state[node] == READY:
            need, free = self.plan.need[node], self._free[at]
            if free < need and free < min(need, self._capacity[at]):
                return False
            self._free[at] = free - need
            self._workers -= 1
            self._begin(node)
        heappop(line)
        return True
