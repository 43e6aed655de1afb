"""How deep cascades are in feedback loops, and where they stop (G2).

Owns which feedback parts there are, by DAG. A run of the DAG of such a part is at depth 0 of it at least, what follows
from a run is as deep as that, and what goes through the part is one deeper. Invariant: the depths of a run are recorded
with its request, so they follow from the log; a graph without feedback records none. O(causes * parts behind them).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from reactive_dag.engine.facts.outbox import Outbox
from reactive_dag.engine.items.identity import Identities
from reactive_dag.model.records import (
    FeedbackStopped,
    Item,
    Mark,
    Published,
    RunFinished,
    StartRequested,
    TaskFinished,
)
from reactive_dag.triggers.firing import Firing
from reactive_dag.triggers.leaves.dataset import Feedback
from reactive_dag.triggers.machine.books import Loops
from reactive_dag.triggers.machine.leaf import Leaf

Loop: TypeAlias = tuple[str, str, str]
"""A feedback part: its DAG, its label, its dataset."""
Depths: TypeAlias = tuple[tuple[str, str, str, int], ...]


class FeedbackLoops:
    """The feedback parts of one engine's triggers."""

    def __init__(self, outbox: Outbox, identities: Identities) -> None:
        self.outbox = outbox
        self.identities = identities
        self.of_dag: dict[str, dict[tuple[str, int], Loop]] = {}

    def add(self, dag: str, label: str, parts: Iterable[Leaf]) -> None:
        """A trigger is in force. O(parts)."""
        for leaf in parts:
            if isinstance(leaf.trigger, Feedback):
                self.of_dag.setdefault(dag, {})[label, leaf.index] = dag, label, leaf.trigger.dataset.uri

    def remove(self, dag: str, label: str) -> None:
        """A trigger is in force no more. O(feedback parts of its DAG)."""
        left = {name: loop for name, loop in self.of_dag.pop(dag, {}).items() if name[0] != label}
        if left:
            self.of_dag[dag] = left

    def of_firing(self, dag: str, label: str, firing: Firing) -> Depths:
        """How deep a run is that a firing asks for, of all that drives it; in a fixed order."""
        if not self.of_dag:
            return ()
        found: dict[Loop, int] = {}
        own = self.of_dag.get(dag, {})
        for item in firing.items:
            if item not in firing.riders:
                _raise(found, self._of_item(item))
        for part, item in firing.pairs:
            loop = own.get((label, part))
            if loop is not None:
                _raise(found, {loop: self._of_item(item).get(loop, -1) + 1})
        return tuple([(*loop, found[loop]) for loop in sorted(found)])

    def through(self, dag: str, label: str, part: int, item: Item) -> int:
        """How deep an item is once it went through a feedback part. O(parts behind it)."""
        return self._of_item(item).get(self.of_dag[dag][label, part], -1) + 1

    def _of_item(self, item: Item) -> dict[Loop, int]:
        """How deep an item is: as deep as the run that made it; what comes from outside is in no loop."""
        fact = None if isinstance(item, Mark) else self.identities.record(item)
        return (
            self._of_run(fact.run) if isinstance(fact, Published | StartRequested | TaskFinished | RunFinished) else {}
        )

    def _of_run(self, run: int) -> dict[Loop, int]:
        """How deep a run is; a child is as deep as the run that started it (R3)."""
        found: dict[Loop, int] = {}
        while run >= 0:
            request = self.identities.request(run)
            _raise(found, {(dag, label, dataset): depth for dag, label, dataset, depth in request.depths})
            _raise(found, dict.fromkeys(self.of_dag.get(request.dag, {}).values(), 0))
            first = request.causes[0]
            fact = None if isinstance(first, Mark) else self.identities.record(first)
            run = fact.run if isinstance(fact, StartRequested) else -1
        return found

    def of_trigger(self, dag: str, label: str, text_of: Callable[[int], str]) -> Loops:
        """What the parts of one trigger ask. O(1)."""
        return _OfTrigger(self, dag, label, text_of)


class _OfTrigger(Loops):
    """The feedback parts of one trigger."""

    def __init__(self, loops: FeedbackLoops, dag: str, label: str, text_of: Callable[[int], str]) -> None:
        self._loops = loops
        self._dag = dag
        self._label = label
        self._text_of = text_of

    def depth(self, part: int, item: Item) -> int:
        """How often a cascade went through a feedback part once an item did."""
        return self._loops.through(self._dag, self._label, part, item)

    def stopped(self, part: int, item: Item) -> None:
        """An item went no further: a decision."""
        outbox, depth = self._loops.outbox, self.depth(part, item)
        outbox.decide(FeedbackStopped(outbox.log.last_at, self._dag, self._label, self._text_of(part), item, depth))


def _raise(found: dict[Loop, int], more: dict[Loop, int]) -> None:
    """The higher depth of each loop."""
    for loop, depth in more.items():
        found[loop] = max(found.get(loop, 0), depth)
