"""What a finished fold left open, and why: waits, queued runs, tasks with a past, items of triggers, deadlines.

Owns `LooseEnds`. O(live runs + items pending).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from reactive_dag.declare.analysis.date_overlap import has_no_such_date
from reactive_dag.declare.internals import analysis_of
from reactive_dag.engine.inspect.pending import gathering
from reactive_dag.engine.items.events import event_of
from reactive_dag.model.records import DeadlineMissed, Item
from reactive_dag.model.text import counted
from reactive_dag.model.times import NEVER, from_datetime
from reactive_dag.whatif.outcome.rows import Due, Left, Unfinished

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reactive_dag.engine.deciding.router import ActiveTrigger
    from reactive_dag.engine.fold.fold import Fold
    from reactive_dag.engine.runs.state import RunState
    from reactive_dag.log.history import RunRow
    from reactive_dag.triggers.machine.counts import Count


NO_SUCH_DATE = "; the schedule awaited never has such a date"
OWN_PAST = "waits for its own success in the run before (depends_on_past)"


class LooseEnds:
    """Finds what a fold left unfinished; `limits` are the DAGs' `max_active_runs` as they were played."""

    def __init__(self, fold: Fold, limits: Mapping[str, int | None]) -> None:
        self.fold = fold
        self.limits = limits
        self._never_comes: dict[tuple[str, str], bool] = {}

    def unfinished(self) -> list[Unfinished]:
        """What has not come to its end. O(live runs + items pending)."""
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
            yield Unfinished("past", dag, key, run.plan.ids[index], OWN_PAST)

    def _never(self, dag: str, task: str) -> str:
        """What to add for a wait whose date no schedule ever has; else nothing."""
        if (dag, task) not in self._never_comes:
            self._never_comes[dag, task] = has_no_such_date(analysis_of(self.fold.graph), dag, task)
        return NO_SUCH_DATE if self._never_comes[dag, task] else ""

    def _held_back(self, dag: str) -> str:
        if dag in self.fold.slots.paused:
            return "the DAG is paused"
        return f"queued behind the DAG's active runs (max_active_runs={self.limits[dag]})"

    # ------------------------------------------------------------------------------------- deadlines

    def deadlines(self, rows: Iterable[RunRow]) -> list[Due]:
        """Those of these runs, and those for which no run came. O(records)."""
        found = []
        for row in rows:
            about = self.fold.runs.request(row.run).deadline
            if about is not None and about.due < NEVER:
                kept = row.state == "success" and row.ended is not None and row.ended < about.due
                found.append(Due(row.dag, row.run, about.due, row.logical_date, row.partition, not kept))
        for record in self.fold.log.read(0, self.fold.log.next_offset):
            if isinstance(record, DeadlineMissed) and not record.key:
                found.append(Due(record.dag, None, record.due, record.logical_date, record.partition, True))
        return found

    # ------------------------------------------------------------------------------------- items

    def left(self) -> list[Left]:
        """The items that no run took. O(items pending + parts)."""
        return [row for active in self.fold.router.triggers.values() for row in self._of_trigger(active)]

    def _of_trigger(self, active: ActiveTrigger) -> Iterator[Left]:
        counts = active.circuit.counts()
        lacking = [count.text for count, waiting in _waiting(active) if not waiting]
        waits = f"waits for {' and '.join(lacking)}" if lacking else "its window had not closed"
        parked = {item for _, item in active.circuit.parked}
        for part, _, item in active.circuit.pending():
            why = "a function raised on it: it is parked" if item in parked else waits
            yield self._item(active, counts[part].text, item, why)
        for firing in active.held:
            for item in firing.items:
                yield self._item(active, "", item, "the DAG is paused")
        for count in counts:
            for policy, number in sorted(count.dropped.items()):
                if policy != "heard":
                    yield Left(active.dag, active.label, count.text, "", None, None, number, f"dropped: {policy}")

    def _item(self, active: ActiveTrigger, part: str, item: Item, why: str) -> Left:
        event = event_of(self.fold.identities, item)
        name = event.dataset or ".".join(filter(None, (event.dag, event.task))) or event.kind
        at = None if event.at is None else from_datetime(event.at)
        return Left(active.dag, active.label, part, name, at, event.partition, 1, why)


def _waiting(active: ActiveTrigger) -> list[tuple[Count, int]]:
    """What each leaf part counted, and how many of its items wait: those that are parked do not. O(parts)."""
    parked = Counter([part for part, _ in active.circuit.parked])
    return [(count, count.pending - parked[part]) for part, count in enumerate(active.circuit.counts())]


def _of_active(active: ActiveTrigger) -> Iterator[Unfinished]:
    counts = _waiting(active)
    label = f"{active.label}: " if active.label else ""
    held = [f"{waiting} of {count.text}" for count, waiting in counts if waiting]
    parked = active.circuit.parked
    if parked:
        them = "it is" if len(parked) == 1 else "they are"
        why = f"{label}a function raised on {counted(len(parked), 'item')}: {them} parked"
        yield Unfinished("fault", active.dag, "", "", why)
    if held:
        missing = [count.text for count, waiting in counts if not waiting]
        lacking = f", nothing of {', '.join(missing)}" if missing else ""
        periods = "".join([f"; {period}" for period in gathering(active)])
        yield Unfinished("trigger", active.dag, "", "", f"{label}holds {', '.join(held)}{lacking}{periods}")
    if active.held:
        firings = counted(len(active.held), "firing")
        yield Unfinished("queued", active.dag, "", "", f"{label}{firings} held: the DAG is paused")
