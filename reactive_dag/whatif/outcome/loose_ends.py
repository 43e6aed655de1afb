"""What a finished fold left unfinished, and why: waits, queued runs, tasks with a past, triggers with items.

Owns `LooseEnds`. O(live runs + items pending).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reactive_dag.engine.inspect.pending import gathering
from reactive_dag.model.text import counted
from reactive_dag.whatif.outcome.outcome import Unfinished

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reactive_dag.engine.deciding.router import ActiveTrigger
    from reactive_dag.engine.fold.fold import Fold
    from reactive_dag.engine.runs.state import RunState


class LooseEnds:
    """Finds what a fold left unfinished; `limits` are the DAGs' `max_active_runs` as they were played."""

    def __init__(self, fold: Fold, limits: Mapping[str, int | None]) -> None:
        self.fold = fold
        self.limits = limits

    def all(self) -> list[Unfinished]:
        """Everything. O(live runs + items pending)."""
        fold = self.fold
        rows = [row for run in fold.runs.live.values() for row in self._of_run(run)]
        for dag, queue in fold.slots.queues.items():
            rows.extend(Unfinished("queued", dag, fold.runs.row(run).key, "", self._held_back(dag)) for run in queue)
        for active in fold.router.triggers.values():
            rows.extend(_of_active(active))
        return rows

    def _of_run(self, run: RunState) -> Iterator[Unfinished]:
        dag, key = run.dag.id, run.started.key
        watches = {watch.index: watch.why for watch in self.fold.waits.watches if watch.run is run}
        for index, task in enumerate(run.plan.ids):
            if index in watches:
                yield Unfinished("wait", dag, key, task, f"awaits {watches[index]}{self._never(dag, task)}")
        for index in self.fold.runs.flow.past.of_run.get(run.run, ()):
            why = "waits for its own success in the run before (depends_on_past)"
            yield Unfinished("past", dag, key, run.plan.ids[index], why)

    def _never(self, dag: str, task: str) -> str:
        """What to add for a wait whose date no schedule ever has; else nothing."""
        own = f"{dag}.{task}"
        problems = self.fold.graph.problems()
        known = any(each.kind == "no_such_date" and own in each.ids for each in problems)
        return "; the schedule awaited never has such a date" if known else ""

    def _held_back(self, dag: str) -> str:
        if dag in self.fold.slots.paused:
            return "the DAG is paused"
        return f"queued behind the DAG's active runs (max_active_runs={self.limits[dag]})"


def _of_active(active: ActiveTrigger) -> Iterator[Unfinished]:
    counts = active.circuit.counts()
    label = f"{active.label}: " if active.label else ""
    held = [f"{count.pending} of {count.text}" for count in counts if count.pending]
    parked = active.circuit.parked
    if parked:
        them = "it is" if len(parked) == 1 else "they are"
        why = f"{label}a function raised on {counted(len(parked), 'item')}: {them} parked"
        yield Unfinished("fault", active.dag, "", "", why)
    if held:
        missing = [count.text for count in counts if not count.pending]
        lacking = f", nothing of {', '.join(missing)}" if missing else ""
        periods = "".join([f"; {period}" for period in gathering(active)])
        yield Unfinished("trigger", active.dag, "", "", f"{label}holds {', '.join(held)}{lacking}{periods}")
    if active.held:
        firings = counted(len(active.held), "firing")
        yield Unfinished("queued", active.dag, "", "", f"{label}{firings} held: the DAG is paused")
