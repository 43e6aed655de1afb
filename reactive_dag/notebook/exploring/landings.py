"""When DAGs land over many futures, beside the base and against their deadlines, as plain data.

Owns `Landings`. Times are seconds since the simulation's start. Invariant: a scenario's rows are of the DAGs that land
otherwise than in the base in one of the futures that are done, or that have a deadline. O(DAGs * futures log futures).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from reactive_dag.model.times import from_datetime, to_datetime

if TYPE_CHECKING:
    from reactive_dag.notebook.exploring.courses import BaseCourse
    from reactive_dag.whatif.futures.finish import FinishTime
    from reactive_dag.whatif.futures.futures import Futures
    from reactive_dag.whatif.futures.so_far import FuturesSoFar
    from reactive_dag.whatif.simulation import Simulation

LandingNumbers: TypeAlias = "list[float | None]"
"""The place of a DAG, by when it has landed in 5, 50 and 95 % of the futures, in which share it does, its deadline, and
in which share it lands before that."""
SHARES = (0.05, 0.5, 0.95)


MOST_AT_ONCE = 2**23
"""So many ends of nodes, in all futures, are worked out at once: then a drag costs only what it reaches."""


class Landings:
    """The landing times of a base in `n` futures, and what scenarios are compared with."""

    def __init__(self, base: BaseCourse, n: int) -> None:
        self.base = base
        self.n = n
        self._finishes: dict[str, FinishTime] = {}
        self._coming: Iterator[FuturesSoFar | Futures] | None = None
        self.is_known = False

    def of_base(self) -> Iterator[dict[str, object]]:
        """Plain data of the base, each time that more futures are done; it goes on where it was left. O(n * nodes)."""
        if self._coming is None:
            self._coming = self._futures()
        for part in self._coming:
            self._finishes = {dag: part.finish(dag) for dag in self.base.simulation.outcome.by_dag}
            self.is_known = part.n == self.n
            yield self._shown(part.n, [self._row(finish) for finish in self._finishes.values()])

    def _futures(self) -> Iterator[FuturesSoFar | Futures]:
        base = self.base.simulation
        arrays = base.answer
        if arrays is not None and not base.effects.fails and arrays.window.size * self.n <= MOST_AT_ONCE:
            return iter([base.futures(self.n, progress=False)])
        return base.futures_so_far(self.n)

    def of(self, scenario: Simulation) -> Iterator[dict[str, object]]:
        """Plain data of a scenario, each time that more futures are done. O(n * nodes reached)."""
        for part in scenario.futures_so_far(self.n):
            found = [part.finish(dag) for dag in self._finishes]
            yield self._shown(part.n, [self._row(finish) for finish in found if self._is_shown(finish)])

    def _is_shown(self, finish: FinishTime) -> bool:
        known = self._finishes[finish.name].ends
        both = min(len(known), finish.n)
        return (finish.name, finish.date) in self._due or not np.array_equal(known[:both], finish.ends[:both])

    @cached_property
    def _due(self) -> dict[tuple[str, int | None], int]:
        return self.base.due_by_date

    def _row(self, finish: FinishTime) -> LandingNumbers:
        base, due = self.base, self._due.get((finish.name, finish.date))
        ends = [None if each is None else base.seconds(from_datetime(each)) for each in finish.quantile(SHARES)]
        chance = None if due is None else finish.probability(to_datetime(due))
        return [base.dags[finish.name], *ends, finish.succeeded, base.seconds(due), chance]

    def _shown(self, n: int, rows: list[LandingNumbers]) -> dict[str, object]:
        return {"n": n, "asked": self.n, "rows": rows}
