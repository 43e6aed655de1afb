"""What a `.reset` clears, and when next (T16).

Owns `ResetPoint`: the nodes that stand before one `.reset`, and its timer. Invariant: after each step a timer is set
exactly if something is held there that is no silence, parked items included. Cost: O(nodes) to look; O(what is dropped
and keys) to clear.
"""

from __future__ import annotations

from typing import Any

from reactive_dag.model.times import NEVER
from reactive_dag.triggers.functions.by import Keys
from reactive_dag.triggers.leaves.schedule import Ticks
from reactive_dag.triggers.machine.books import Books
from reactive_dag.triggers.machine.tree import ByNode, CellNode, Scope


class ResetPoint:
    """One `.reset`: its schedule, the nodes before it in their scope, and the leaf parts below those.

    `due` is the instant of its next tick, NEVER while nothing is held.
    """

    __slots__ = ("due", "nodes", "parts", "schedule", "scope")

    def __init__(self, schedule: Ticks, scope: Scope, nodes: tuple[CellNode, ...], parts: frozenset[int]) -> None:
        self.schedule = schedule
        self.scope = scope
        self.nodes = nodes
        self.parts = parts
        self.due = NEVER

    def look(self, root: Scope, states: Any, books: Books, now: int) -> None:
        """Set the timer if something is held and there is none, take it off if nothing is."""
        if not self._holds(root, states, books, now):
            self.due = NEVER
        elif self.due == NEVER:
            tick = self.schedule.after(now)
            self.due = NEVER if tick is None else tick

    def _holds(self, root: Scope, states: Any, books: Books, now: int) -> bool:
        if any(part in self.parts for part, _, _ in books.parked):
            return True
        if self.scope is not root:
            outer = self.scope.route[0]
            return outer.cell.holds(root.state(states, outer), now)
        return any(node.cell.holds(root.state(states, node), now) for node in self.nodes if node.own is None)

    def clear(self, root: Scope, states: Any, books: Books, now: int) -> None:
        """Drop what is pending before it, under all keys; silences stay armed."""
        books.drop_parked("reset", self.parts)
        self._descend(root, states, books, now)
        self.due = NEVER

    def _descend(self, scope: Scope, states: Any, books: Books, now: int) -> None:
        """Go down to its scope, key after key."""
        if scope is self.scope:
            for node in self.nodes:
                _clear(node, scope.state(states, node), books, now)
            return
        node = self.scope.route[len(scope.route)]
        keys: Keys = scope.state(states, node)
        for key in list(keys.by_key):
            self._descend(node.within, keys.by_key[key], books, now)
            node.keys_cell.settle(keys, key, now)


def _clear(node: CellNode, state: Any, books: Books, now: int) -> None:
    if isinstance(node, ByNode):
        for key in list(state.by_key):
            for inner in node.within.nodes:
                _clear(inner, node.within.state(state.by_key[key], inner), books, now)
            node.keys_cell.settle(state, key, now)
    else:
        books.drop("reset", [(part, item) for part, _, item in node.pending(state, ())])
        node.cell.reset(state)
