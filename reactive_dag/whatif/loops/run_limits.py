"""Which requested runs of one play may begin: `max_active_runs` and what becomes of runs that overlap (R6), on numbers.

Owns the queue and the active runs of each DAG with a limit. Invariant: no more are active than may be. It judges when
all that is due at an instant is decided, as engine/limits/slots.py does. O(runs of the DAG that wait or are active).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from reactive_dag.whatif.loops.loop_plan import LoopPlan


class RunLimits:
    """The runs of DAGs with a limit; `begin` begins one, `skip` and `replace` give one up.

    `look` holds the DAGs in which something has changed.
    """

    def __init__(
        self, plan: LoopPlan, begin: Callable[[int], None], skip: Callable[[int], None],
        replace: Callable[[int], None],
    ) -> None:  # fmt: skip
        self.plan = plan
        self.look: set[int] = set()
        self._begin = begin
        self._skip = skip
        self._replace = replace
        self._queues: dict[int, deque[int]] = {}
        self._active: dict[int, list[int]] = {}

    def queue(self, run: int) -> None:
        """Take a run that is to begin when it may. O(1)."""
        dag = self.plan.run_dag[run]
        self._queues.setdefault(dag, deque()).append(run)
        self.look.add(dag)

    def leave(self, run: int) -> None:
        """A run is over. O(active runs of its DAG)."""
        dag = self.plan.run_dag[run]
        active = self._active.get(dag)
        if active is not None and run in active:
            active.remove(run)
            if self._queues[dag]:
                self.look.add(dag)

    def take(self) -> None:
        """Begin what may begin, of the DAGs in which something has changed. O(their runs)."""
        looking, self.look = sorted(self.look), set()
        for dag in looking:
            queue, active = self._queues[dag], self._active.setdefault(dag, [])
            limit, overlap = self.plan.limit[dag] or 0, self.plan.overlap[dag]
            if overlap == "skip":
                room = max(limit - len(active), 0)
                over = [queue[at] for at in range(room, len(queue))]
                for run in over:
                    queue.remove(run)
                    self._skip(run)
            elif overlap == "replace":
                line = [*active, *queue]
                for run in line[: max(len(line) - limit, 0)]:
                    if run in queue:
                        queue.remove(run)
                    self._replace(run)
            while queue and len(active) < limit:
                run = queue.popleft()
                active.append(run)
                self._begin(run)
