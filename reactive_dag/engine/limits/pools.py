"""Attempts that wait for slots of a pool, and who is next among them and all others (R16).

Owns a line (a heap) for each pool. Invariant: within a pool the first in order goes first, so one that needs many slots
is not overtaken by those that need few; what waits for one pool holds nothing up that needs none, or another. An
attempt holds its slots from when it is handed out until it is back. An attempt costs O(log waiting), giving out O(pools
that are waited for + attempts under way).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from heapq import heapify, heappop, heappush, heapreplace
from typing import Protocol

from reactive_dag.declare.settings.pool import Pool
from reactive_dag.engine.runs.state import RunOrder, RunState
from reactive_dag.engine.runs.task_arrays import TaskArrays

ReadyAttempt = tuple[int, RunOrder, int]
"""Priority (negated), the run's place among others (`RunState.order`), and the number of the task."""


class UnderWay(Protocol):
    """An attempt that was handed out and has not come back, of a task in the `arrays` of then."""

    run: RunState
    index: int
    waits: int
    """Of one that waits for a run others have the slots (R3)."""

    @property
    def arrays(self) -> TaskArrays:
        """Those tasks."""


class PoolLines:
    """The attempts that wait for slots of pools; `pools` gives those that are declared."""

    def __init__(self, pools: Callable[[], Mapping[str, Pool]]) -> None:
        self.pools = pools
        self.lines: dict[str, list[ReadyAttempt]] = {}
        self._under_way: Mapping[tuple[int, int], UnderWay] = {}
        """What was under way when slots were given out last; it goes on to say what is."""
        self.wanted: set[str] = set()
        """The pools that bodies want back in which there is no room yet: they go before what has not begun (R3)."""

    def add(self, pool: str, entry: ReadyAttempt) -> None:
        """Take an attempt that waits. O(log waiting)."""
        line = self.lines.get(pool)
        if line is None:
            self.lines[pool] = [entry]
        else:
            heappush(line, entry)

    def round(self, ready: list[ReadyAttempt], under_way: Mapping[tuple[int, int], UnderWay]) -> PoolRound:
        """Give out once, to what waits for pools and to `ready`, which needs none. O(pools + attempts under way)."""
        self._under_way = under_way
        return PoolRound(self, ready, self.taken())

    def taken(self) -> dict[str, int]:
        """How many slots of each pool are taken, of those of which any are. O(attempts under way)."""
        found: dict[str, int] = {}
        for job in list(self._under_way.values()):
            pool = job.arrays.pools[job.index]
            if pool is not None and not job.waits:
                found[pool] = found.get(pool, 0) + job.arrays.slots[job.index]
        return found

    def has_room(self, job: UnderWay, under_way: Mapping[tuple[int, int], UnderWay]) -> bool:
        """Whether an attempt that has waited for a run can have its slots again. O(attempts under way).

        If not, its pool gives none to others: neither to a body that wants them back later, nor to what has not begun.
        """
        pool = job.arrays.pools[job.index]
        declared = None if pool is None else self.pools().get(pool)
        if pool is None or declared is None:
            return True
        self._under_way = under_way
        taken = self.taken().get(pool, 0)
        if taken + min(job.arrays.slots[job.index], declared.slots) > declared.slots:
            self.wanted.add(pool)
        return pool not in self.wanted

    def waiting(self) -> Iterator[tuple[str, ReadyAttempt]]:
        """Whatever waits, with its pool. O(result)."""
        for pool, line in list(self.lines.items()):
            for entry in list(line):
                yield pool, entry

    def why(self, pool: str, slots: int) -> str:
        """What an attempt waits for, in words. O(attempts under way)."""
        declared = self.pools().get(pool)
        if declared is None:
            return f"pool {pool!r}, which is not declared"
        what = "a slot" if slots == 1 else f"{slots} slots"
        return f"{what} of pool {pool!r} ({self.taken().get(pool, 0)} of {declared.slots} taken)"


class PoolRound:
    """One time of giving out. `pool` is that of the attempt that was taken last, "" where it needs none."""

    def __init__(self, waiting: PoolLines, ready: list[ReadyAttempt], taken: dict[str, int]) -> None:
        self._waiting = waiting
        self._lines = {**waiting.lines, "": ready}
        self._taken = taken
        self._sizes = waiting.pools()
        self._closed = {*waiting.wanted}
        self._heads = [(line[0], pool) for pool, line in self._lines.items() if line]
        heapify(self._heads)
        self.pool = ""

    def pop(self) -> ReadyAttempt | None:
        """The next attempt in order, of those whose pool has not turned one away; None without any. O(log)."""
        heads = self._heads
        while heads:
            entry, pool = heads[0]
            if pool in self._closed:
                heappop(heads)
                continue
            line = self._lines[pool]
            heappop(line)
            if line:
                heapreplace(heads, (line[0], pool))
            else:
                heappop(heads)
                self._waiting.lines.pop(pool, None)
            self.pool = pool
            return entry
        return None

    def fits(self, run: RunState, index: int) -> bool:
        """Whether the attempt that was taken last has its slots now; if not, its pool turns all others away. O(1).

        One that needs more slots than its pool has any more goes when nothing else is in it.
        """
        pool = self.pool
        if not pool:
            return True
        declared = self._sizes.get(pool)
        need = run.arrays.slots[index]
        if declared is None or self._taken.get(pool, 0) + min(need, declared.slots) > declared.slots:
            self._closed.add(pool)
            return False
        self._taken[pool] = self._taken.get(pool, 0) + need
        return True
