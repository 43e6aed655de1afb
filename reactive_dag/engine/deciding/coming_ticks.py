"""Which ticks of a DAG may still be requested: a wait for one that never will be fails at once (the wait table).

Owns no state. A tick may still be requested while its clock has not come to it, while it is pending in a trigger or
held by a pause, and while its request is on the way: decided, and not applied. Which of these it is depends on how
facts were grouped, and so decides nothing (X6). O(triggers of the DAG + what they hold + records on the way).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from reactive_dag.model.records import AnyRecord, Mark, RunRequested
from reactive_dag.model.times import NEVER

if TYPE_CHECKING:
    from reactive_dag.declare.dag import Dag
    from reactive_dag.engine.deciding.router import ActiveTrigger, Router
    from reactive_dag.engine.facts.outbox import Outbox


class ComingTicks:
    """Asks the triggers in force. `cursor` gives the first record that is not applied; `delayed` queues later."""

    def __init__(
        self, router: Router, outbox: Outbox, cursor: Callable[[], int], delayed: Callable[[], Iterable[RunRequested]]
    ) -> None:  # fmt: skip
        self.router = router
        self.outbox = outbox
        self._cursor = cursor
        self._delayed = delayed

    def newest(self, dag: Dag, low: int, high: int) -> int | None:
        """The newest tick in `low <= tick <= high` that may still be requested; `high` before the DAG is registered."""
        active = [found for label in dag.triggers if (found := self.router.triggers.get((dag.id, label)))]
        if len(active) < len(dag.triggers):
            return high
        end = NEVER if dag.end is None else dag.end
        held = [tick for each in active for tick in (*each.circuit.coming(high, end), *_held_by(each))]
        return max([tick for tick in (*held, *self._on_the_way(dag.id)) if low <= tick <= high], default=None)

    def _on_the_way(self, dag: str) -> Iterator[int]:
        log = self.outbox.log
        records: list[AnyRecord] = [*self.outbox.decisions, *log.read(self._cursor(), log.next_offset)]
        for record in (*records, *self._delayed()):
            if type(record) is RunRequested and record.dag == dag:
                yield from _ticks(record.causes)


def _held_by(active: ActiveTrigger) -> Iterator[int]:
    yield from _ticks(item for _, _, item in active.circuit.pending())
    for firing in active.held:
        yield from _ticks(firing.items)
    yield from _ticks(item for _, item in active.backlog)


def _ticks(items: Iterable[object]) -> Iterator[int]:
    for item in items:
        if isinstance(item, Mark) and item.kind == "tick":
            yield item.due
