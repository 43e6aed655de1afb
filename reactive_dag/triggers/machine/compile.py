"""From a trigger to its tree of cells.

Owns `Compiler`. Invariants: sources are numbered first, in the order in which they are written, then clocks and
silences; a function directly behind a leaf is no cell but the leaf's; `.within` is the window of its part's cell,
`.reset` a note of the cells that it clears; `.by(None)` is nothing. All else a class says itself. Cost: O(size), some
5 µs a node; nothing is compiled while facts are fed.
"""

from __future__ import annotations

from collections.abc import Callable

from reactive_dag.model.callables import Call
from reactive_dag.model.records import Item
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.firing import Ask
from reactive_dag.triggers.functions.by import By
from reactive_dag.triggers.leaves.dataset import Feedback
from reactive_dag.triggers.machine.books import Books, Loops, OnExpired, OnTurnedAway
from reactive_dag.triggers.machine.leaf import CROSSING, Leaf, LeafChain
from reactive_dag.triggers.machine.resets import ResetPoint
from reactive_dag.triggers.machine.tree import ByNode, CellNode, PartPlace, Scope
from reactive_dag.triggers.walks import walk
from reactive_dag.triggers.windows.reset import Reset
from reactive_dag.triggers.windows.within import Within


class Compiler:
    """Compiles one trigger. After that `scope`, `leaves`, `sources` and `books` are its tree."""

    def __init__(
        self, trigger: Trigger, ask: Ask, on_expired: OnExpired, identity: Callable[[Item], str], limit: int,
        loops: Loops, on_turned_away: OnTurnedAway | None = None,
    ) -> None:  # fmt: skip
        emits = hears = 0
        self.mapped = self.rolls = False
        for found in walk(trigger) if trigger.parts else (trigger,):
            if found.emits:
                emits, hears = emits + 1, hears + found.hears
            elif found.kind == "map":
                self.mapped = True
            elif found.dates_anew:
                self.rolls = True
        self._next_source, self._next_other = 0, hears
        self.books = Books(emits, ask, on_expired, identity, limit, loops, on_turned_away)
        self._found: list[Leaf] = []
        self.resets: list[ResetPoint] = []
        self.scope = Scope()
        self.scope.close(self._place(trigger, self.scope, False))
        found_all = tuple(self._found)
        self.sources = found_all if hears == emits else tuple([leaf for leaf in found_all if leaf.is_source])
        self.leaves = (*self.sources, *[leaf for leaf in found_all if not leaf.is_source])

    def _place(self, trigger: Trigger, scope: Scope, rides: bool, window: int | None = None) -> PartPlace:
        trigger = trigger.compiled_as
        if not trigger.parts:
            return self._leaf(trigger, trigger, (), scope, rides)
        if isinstance(trigger, Within):
            return self._place(trigger.part, scope, rides, trigger.window)
        if isinstance(trigger, Reset):
            return self._reset(trigger, scope, rides)
        if isinstance(trigger, By):
            return self._by(trigger, scope, rides) if trigger.keys else self._place(trigger.part, scope, rides)
        if trigger.asks:
            chain, leaf = _functions(trigger)
            if not leaf.parts:
                return self._leaf(leaf, trigger, tuple(chain), scope, rides)
        own = self._leaf(trigger, trigger, (), scope, rides) if trigger.emits else None
        parts = trigger.parts
        driving = len(trigger.drives) or len(parts)
        kids = [self._place(part, scope, rides or at >= driving) for at, part in enumerate(parts)]
        return CellNode(trigger, scope, kids, self.books, own, window)

    def _leaf(self, trigger: Trigger, written: Trigger, chain: LeafChain, scope: Scope, rides: bool) -> Leaf:
        if trigger.hears:
            index, self._next_source = self._next_source, self._next_source + 1
        else:
            index, self._next_other = self._next_other, self._next_other + 1
        if isinstance(trigger, Feedback):
            chain = ((CROSSING, trigger), *chain)
        leaf = Leaf(trigger, written, chain, scope.route, index, rides)
        self._found.append(leaf)
        self.books.leaves.append(leaf)
        if trigger.parts:
            self.books.silences.append(index)
        return leaf

    def _reset(self, trigger: Reset, scope: Scope, rides: bool) -> PartPlace:
        nodes, leaves = len(scope.nodes), len(self._found)
        top = self._place(trigger.part, scope, rides)
        parts = frozenset([leaf.index for leaf in self._found[leaves:]])
        self.resets.append(ResetPoint(trigger.at.schedule, scope, tuple(scope.nodes[nodes:]), parts))
        return top

    def _by(self, trigger: By, scope: Scope, rides: bool) -> ByNode:
        def place(inside: Scope) -> tuple[PartPlace, list[Leaf]]:
            before = len(self._found)
            top = self._place(trigger.part, inside, rides)
            return top, self._found[before:]

        return ByNode(trigger, scope, self.books, place)


def _functions(trigger: Trigger) -> tuple[list[tuple[str, Call]], Trigger]:
    """The functions that a trigger begins with, the innermost first, and what stands before them."""
    chain: list[tuple[str, Call]] = []
    while trigger.asks or (isinstance(trigger, By) and not trigger.keys):
        if trigger.asks:
            chain.append((trigger.kind, trigger.fn))  # type: ignore[attr-defined]
        trigger = trigger.parts[0]
    return chain[::-1], trigger
