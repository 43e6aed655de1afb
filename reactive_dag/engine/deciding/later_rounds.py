"""What becomes of an item that a later round of a run makes: it takes the place of the earlier round's (R10).

Owns no state. Invariant: of the items of one identity each leaf part has one at most: one that it holds is replaced in
place, if it takes the new one; one that a run of this trigger consumed by it is not delivered again; what it has not is
delivered. An item costs O(consumers of its run + pending items of the triggers that it reaches).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from reactive_dag.engine.deciding.paused import pairs_of
from reactive_dag.engine.deciding.router import ActiveTrigger, Route, Router
from reactive_dag.engine.items.events import subject_of
from reactive_dag.engine.items.identity import Identities, MadeItem, made
from reactive_dag.engine.runs.consumers import Consumers
from reactive_dag.model.records import AnyRecord, Mark, RunRequested
from reactive_dag.triggers.machine.replace import Replacement


class LaterRounds:
    """Delivers the items of later rounds. `ahead` gives the records that this turn has not applied yet."""

    def __init__(
        self, router: Router, identities: Identities, consumers: Consumers, ahead: Callable[[], Iterable[AnyRecord]]
    ) -> None:
        self.router = router
        self.identities = identities
        self.consumers = consumers
        self.log = identities.log
        self._ahead = ahead

    def feed(self, routes: Iterable[Route], kind: str, item: int, at: int, event: object) -> None:
        """Give the item of a later round to the triggers of `routes` whose leaf parts take `kind`."""
        name = made(self.identities.record(item))
        assert name is not None, item
        hits: dict[tuple[str, str], tuple[ActiveTrigger, list[int]]] = {}
        for active, parts, kinds in routes:
            if kind in kinds:
                hits.setdefault(active.name, (active, []))[1].extend(parts)
        consumed = self._consumed(name, item) if hits else {}
        for active, taking in hits.values():
            held = self._held(active, name, item)
            having = {part for _, part in held} | self._took(active, consumed.get(active.name, ()))
            for old in {old for old, part in held if part in taking}:
                change = Replacement(old, item, taking)
                active.replace(change, partial(pairs_of, active.circuit, log=self.log))
            fresh = tuple([part for part in taking if part not in having])
            if fresh:
                self.router.deliver(active, fresh, item, at, event)

    def _held(self, active: ActiveTrigger, name: MadeItem, new: int) -> list[tuple[int, int]]:
        """The items of earlier rounds that a trigger holds, with their leaf parts. O(pending items)."""
        places = {id(leaf.trigger): leaf.index for leaf in active.circuit.leaves}
        pending = [(item, part) for part, _, item in active.circuit.pending()]
        held = [pair for firing in active.held for pair in pairs_of(active.circuit, firing, self.log)]
        pending += [(item, part) for part, item in held]
        pending += [(item, places[id(leaf)]) for leaf, item in active.backlog]
        record, low = self.identities.record, name[0]
        return [
            (item, part)
            for item, part in dict.fromkeys(pending)
            if not isinstance(item, Mark) and low < item < new and made(record(item)) == name
        ]

    def _consumed(self, name: MadeItem, new: int) -> dict[tuple[str, str], set[int]]:
        """The items of this name, older than `new`, that runs consumed, by trigger. O(causes of the consumers)."""
        found: dict[tuple[str, str], set[int]] = {}
        runs = [self.identities.request(run) for run in self.consumers.of(name[0])]
        runs += [record for record in self._ahead() if type(record) is RunRequested]
        record = self.identities.record
        for request in runs:
            for cause in request.causes:
                if not isinstance(cause, Mark) and name[0] < cause < new and made(record(cause)) == name:
                    found.setdefault((request.dag, request.label), set()).add(cause)
        return found

    def _took(self, active: ActiveTrigger, items: Iterable[int]) -> set[int]:
        """The leaf parts that took items which were consumed. O(items * parts)."""
        events = [(self.identities.record(item), subject_of(self.identities, item)) for item in items]
        leaves = active.circuit.leaves
        return {
            leaf.index for leaf in leaves for fact, event in events if leaf.trigger.came(fact) and leaf.takes(event)
        }
