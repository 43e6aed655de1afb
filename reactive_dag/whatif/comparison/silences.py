"""What a silence listened for that came before it in one course only: why the silence is in the other one alone.

Owns `Silences`. O(runs and events that it listens for).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING

from reactive_dag.model.times import NEVER
from reactive_dag.triggers.leaves.absent import Absent
from reactive_dag.triggers.leaves.completed import Completed
from reactive_dag.triggers.leaves.dataset import Updated
from reactive_dag.triggers.walks import leaves, walk
from reactive_dag.whatif.comparison.pairs import BASE, MINE, RunPair, RunPairs, Side

if TYPE_CHECKING:
    from reactive_dag.declare.graph import Graph
    from reactive_dag.log.history import RunRow
    from reactive_dag.whatif.outcome.outcome import Outcome


class Silences:
    """Looks for what was late in the course that has a silence, and came in time in the other one."""

    def __init__(self, pairs: RunPairs, graph: Graph) -> None:
        self.pairs = pairs
        self.graph = graph

    def late_run(self, side: Side, run: RunRow, at: int) -> RunPair | None:
        """The last run that would have broken the silence which caused `run`. O(runs that it listens for)."""
        found: list[tuple[int, RunPair]] = []
        for dag in sorted(self._dags(run)):
            for run_there in self.pairs.base.by_dag.get(dag, ()):
                pair = self.pairs.pair(BASE, run_there)
                base, mine = _success(self.pairs.base, pair[0]), _success(self.pairs.mine, pair[1])
                heard, late = (base, mine) if side == MINE else (mine, base)
                if heard <= at < late:
                    found.append((heard, pair))
        return max(found, key=lambda each: each[0])[1] if found else None

    def late_event(self, side: Side, run: RunRow, at: int) -> tuple[str, int] | None:
        """The dataset of an outside event that would have broken it, and how much later (ns) that comes than before."""
        for dataset in sorted(self._datasets(run)):
            for number in count():
                base, mine = (each.event_at((dataset, number)) for each in (self.pairs.base, self.pairs.mine))
                if number and base is None and mine is None:
                    break
                heard, late = (base, mine) if side == MINE else (mine, base)
                if base is not None and mine is not None and (heard or 0) <= at < (late or 0):
                    return dataset, mine - base
        return None

    def _parts(self, run: RunRow) -> Iterator[Completed | Updated]:
        dag = self.graph.dags.get(run.dag)
        trigger = None if dag is None else dag.triggers.get(run.label)
        for part in () if trigger is None else walk(trigger):
            if isinstance(part, Absent):
                yield from (leaf for leaf in leaves(part.part) if isinstance(leaf, Completed | Updated))

    def _datasets(self, run: RunRow) -> set[str]:
        return {part.dataset.uri for part in self._parts(run) if isinstance(part, Updated)}

    def _dags(self, run: RunRow) -> set[str]:
        made = {dag for dataset in self._datasets(run) for dag in self.graph.producers(dataset)}
        return made | {part.dag for part in self._parts(run) if isinstance(part, Completed)}


def _success(outcome: Outcome, run: int | None) -> int:
    """When a run succeeded; NEVER if it did not."""
    if run is None or outcome.state(run) != "success":
        return NEVER
    ended = outcome.ended(run)
    return NEVER if ended is None else ended
