"""Bodies that wait for a run which cannot begin before their own has ended (R3): that would never end.

Owns no state. Invariant: a circle is closed by the last wait in it, so each wait is judged once, when the run that it
waits for is known. Costs O(bodies that wait) for each run that has to do with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reactive_dag.engine.execute.waiting_bodies import WaitingBody
from reactive_dag.engine.limits.slots import Slots
from reactive_dag.engine.runs.task_arrays import TaskArrays

Waits = Mapping[int, Iterable[int]]
"""The runs that bodies of a run wait for, by run."""


class Circles:
    """Finds the circles of one engine, by its slots."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._statuses = slots.statuses

    def _arrays(self, id: str) -> TaskArrays | None:
        dag = self._slots.dag_of(id)
        return None if dag is None else self._slots.arrays.of(dag)

    def why_never(self, body: WaitingBody, others: Iterable[WaitingBody]) -> str | None:
        """Why a body would wait for ever, or None. O(bodies that wait)."""
        waits: dict[int, list[int]] = {}
        for each in (body, *others):
            if not each.ends:
                waits.setdefault(each.job.run.run, []).append(each.run)
        if body.ends or not self._is_stuck(body.run, waits, frozenset()):
            return None
        dag, own = self._slots.request(body.run).dag, body.job.run.started.dag
        what = f"{body.job.name} waits for run {dag!r}, which begins"
        if dag == own and (arrays := self._arrays(dag)) is not None:
            what += f" when a run of {dag!r} has ended (max_active_runs={arrays.limit}), and this is one"
        else:
            what += " or ends only when others do that wait for this run (max_active_runs)"
        return f"{what}: that would never end; start it without waiting for it, or let more runs be active"

    def _is_stuck(self, run: int, waits: Waits, above: frozenset[int]) -> bool:
        """Whether a run neither begins nor ends unless one of those `above` does."""
        if run in above:
            return True
        above |= {run}
        if run not in self._statuses.queued:
            return any(self._is_stuck(each, waits, above) for each in waits.get(run, ()))
        dag, live, parked = self._slots.request(run).dag, self._statuses.live, self._statuses.parked
        arrays = self._arrays(dag)
        if arrays is None or arrays.limit is None or arrays.overlap:
            return False
        waiting = [each for each in waits if each in live and live[each].started.dag == dag and each not in parked]
        return len(waiting) >= max(arrays.limit, self._statuses.active.get(dag, 0)) and all(
            self._is_stuck(each, waits, above) for each in waiting
        )
