"""One step of a tree of cells: arrivals go up from leaf to top, timers close on the way (T3, I1).

Owns `Evaluator`: everything about a step that needs the tree and the keys together. Invariants: in one step each cell
is asked at most once, its parts before it; it first closes what is due, then takes what arrives; a step has one key,
but that an item with several keys takes one after the other (T7). Cost: O(depth) for an item in one leaf part, O(nodes)
for several and for a timer; no recursion but into `.by`.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import Any, TypeAlias

from reactive_dag.model.callables import Call
from reactive_dag.model.records import Item, Mark
from reactive_dag.triggers.cell import Arrivals, Opaque
from reactive_dag.triggers.firing import GONE, Key, Keyed, Mapped
from reactive_dag.triggers.functions.by import ByCell, Keys
from reactive_dag.triggers.keys import hashable, rank
from reactive_dag.triggers.machine.books import Books, Pairs
from reactive_dag.triggers.machine.leaf import CROSSING, Leaf
from reactive_dag.triggers.machine.tree import ByNode, CellNode, Scope

Landing: TypeAlias = list[tuple[Leaf, Opaque]]
"""What comes in by which leaf."""


class Evaluator:
    """Runs steps on states of one tree."""

    __slots__ = ("books", "leaves", "scope")

    def __init__(self, scope: Scope, leaves: tuple[Leaf, ...], books: Books) -> None:
        self.scope = scope
        self.leaves = leaves
        self.books = books

    # ------------------------------------------------------------------------------------------- steps

    def deliver(self, states: Any, hits: Iterable[int], item: Item, now: int, event: object) -> list[Opaque] | None:
        """One fact comes in by all the leaf parts that it hits, as one step."""
        self.books.path = ()
        landing: Landing = []
        for index in hits:
            leaf = self.leaves[index]
            value = self.through(leaf, item, event) if leaf.chain else item
            if value is not GONE:
                landing.append((leaf, value))
        return self.run(self.scope, states, (), None, landing, now, event) if landing else None

    def through(self, leaf: Leaf, item: Item, event: object) -> Opaque:
        """Ask the functions directly behind a leaf; GONE if the item does not pass."""
        payload, mapped = event, False
        for kind, fn in leaf.chain:
            if kind == CROSSING:
                if self.books.crosses(leaf.index, item, fn, event):
                    continue
                return GONE
            answer = self.books.answer(kind, fn, payload, item, [(leaf.index, item)])
            if answer is GONE:
                return GONE
            if kind == "map":
                payload, mapped = answer, True
            elif not answer:
                self.books.drop("filtered", [(leaf.index, item)])
                return GONE
        return Mapped(payload, item) if mapped else item

    def steps(self, states: Any, now: int, ticks: list[tuple[Leaf, Mark]]) -> Iterable[list[Opaque] | None]:
        """All timers due at `now`, and the clocks' ticks: a step for each key, in the order of keys (I1)."""
        self.books.path = ()
        due: dict[Key, Landing] = {}
        for leaf, mark in ticks:
            value = self.through(leaf, mark, mark) if leaf.chain else mark
            if value is not GONE:
                due.setdefault(_tick_path(leaf, mark), []).append((leaf, value))
        self._due_paths(self.scope, states, (), now, due)
        for path in sorted(due, key=rank) if len(due) > 1 else due:
            yield self.run(self.scope, states, (), path, due[path], now, None)

    def _due_paths(self, scope: Scope, states: Any, path: Key, now: int, found: dict[Key, Landing]) -> None:
        if scope.own_due(states) <= now:
            found.setdefault(path, [])
        for node in scope.bys:
            keys: Keys = scope.state(states, node)
            cell = node.keys_cell
            for key in cell.due_keys(keys, now):
                under = path + cell.path(key)
                if cell.outlived(keys, key, now):
                    found.setdefault(under, [])
                self._due_paths(node.within, keys.by_key[key], under, now, found)

    def run(
        self, scope: Scope, states: Any, path: Key, target: Key | None, landing: Landing, now: int, event: object
    ) -> list[Opaque] | None:
        """One step in a scope; with `target`, of the timers of that key. Gives what the top of the scope releases."""
        if target is None and len(landing) == 1:
            return self._run_one(scope, states, path, landing, now, event)
        inbox: dict[int, Arrivals] = {}
        groups: dict[ByNode, Landing] = {}
        depth = len(scope.route)
        for leaf, value in landing:
            if len(leaf.route) > depth:
                groups.setdefault(leaf.route[depth], []).append((leaf, value))
            elif leaf.up is None:
                return [value]
            else:
                inbox.setdefault(leaf.up.slot, []).append((leaf.part, value))
        for node in scope.bys if groups or target is not None else ():
            released = self._run_key(scope, node, states, path, target, groups.get(node, []), now, event)
            if released:
                inbox[node.slot] = released
        self.books.path = path
        if target == path:
            return self._sweep(scope, states, inbox, now, True)
        if len(inbox) == 1:
            slot, arrivals = inbox.popitem()
            return self._climb(scope, states, scope.nodes[slot], arrivals, now)
        return self._sweep(scope, states, inbox, now, False) if inbox else None

    def _run_one(
        self, scope: Scope, states: Any, path: Key, landing: Landing, now: int, event: object
    ) -> list[Opaque] | None:
        """A step for a fact that comes in by one leaf: only the nodes above it are touched."""
        leaf, value = landing[0]
        depth = len(scope.route)
        if len(leaf.route) > depth:
            node = leaf.route[depth]
            released = self._run_key(scope, node, states, path, None, landing, now, event)
            up, arrivals = node.up, [(node.part, release) for release in released or ()]
        else:
            released, up, arrivals = [value], leaf.up, [(leaf.part, value)]
        if not released or up is None:
            return released
        self.books.path = path
        return self._climb(scope, states, up, arrivals, now)

    def _run_key(
        self,
        scope: Scope,
        node: ByNode,
        states: Any,
        path: Key,
        target: Key | None,
        landing: Landing,
        now: int,
        event: object,
    ) -> list[Opaque] | None:
        cell, inside = node.keys_cell, node.within
        keys: Keys = scope.state(states, node)
        self.books.path = path
        if target is None or (landing and len(target) <= len(path)):  # what is parked goes back to where it was
            found = self._keys(node, landing, event)
        else:
            found = _on_the_way(cell, keys, path, target, landing)
        released: list[Opaque] = []
        for key in found:
            under = path + cell.path(key)
            fired = self.run(inside, cell.opened(keys, key, now), under, target, landing, now, event)
            self.books.path = path
            cell.settle(keys, key, now)
            if target == under:
                cell.outlive(keys, key, now)
            for each in fired or ():
                released.append(Keyed(inside.top.key_of(each) if inside.top.keyed else under, each))
        return released

    def _keys(self, node: ByNode, landing: Landing, event: object) -> list[Any]:
        """The keys of a fact under one `.by`; none if it has none, or the function raised."""
        if not landing:
            return []
        pairs = [pair for leaf, value in landing for pair in leaf.walk(value)]
        found: list[Any] = []
        several = False
        for ask in node.asks[landing[0][0]]:
            value = self._asked(ask, event, pairs) if isinstance(ask, Call) else ask(event)
            if value is GONE:
                return []
            if value is None:
                self.books.drop("no_key", pairs)
                return []
            several = several or type(value) is list
            found.append(value)
        if several:
            return self._counted(node, [value if type(value) is list else [value] for value in found], pairs)
        return found if len(found) == 1 else [tuple(found)]

    def _asked(self, fn: Call, event: object, pairs: Pairs) -> Any:
        """What a function gives: a key, None, or a list of several keys."""
        answer = self.books.answer("by", fn, event, pairs[0][1], pairs)
        if answer is GONE or type(answer) is not list:
            return answer if answer is GONE else hashable(answer)
        keys = list(dict.fromkeys([hashable(each) for each in answer]))
        if len(keys) > 1 and any(key is not None for key in keys):
            return keys
        return keys[0] if keys else None

    def _counted(self, node: ByNode, found: list[list[Any]], pairs: Pairs) -> list[Any]:
        """Those of several keys that are some; each is one delivery, and one that is None goes as `no_key` (T7)."""
        keys = found[0] if len(found) == 1 else list(product(*found))
        self.books.copy(pairs, len(keys))
        some = [key for key in keys if not (key is None or (node.keys_cell.width > 1 and None in key))]
        for _ in range(len(keys) - len(some)):
            self.books.drop("no_key", pairs)
        return some

    def _climb(self, scope: Scope, states: Any, node: CellNode, arrivals: Arrivals, now: int) -> list[Opaque] | None:
        """What one node was given goes up as far as it releases."""
        single = scope.single
        released: list[Opaque] | None = arrivals
        while True:
            if node.inside is None:
                state = states if single else states[node.slot]
                if len(arrivals) == 1:
                    part, item = arrivals[0]
                    released = node.cell.feed(state, part, item, now)
                else:
                    released = node.cell.feed_many(state, sorted(arrivals, key=_part), now)
            if not released or node.up is None:
                return released
            arrivals = [(node.part, release) for release in released]
            node = node.up

    def _sweep(
        self, scope: Scope, states: Any, inbox: dict[int, Arrivals], now: int, stepping: bool
    ) -> list[Opaque] | None:
        """Each node, parts first: close what is due, then take what arrived."""
        released: list[Opaque] | None = None
        for node in scope.nodes:
            arrivals = inbox.get(node.slot)
            if node.inside is not None:
                released = arrivals
            else:
                state = scope.state(states, node)
                due = stepping and node.cell.due(state) <= now
                released = node.cell.step(state, now) if due else None
                if arrivals:
                    fed = node.cell.feed_many(state, sorted(arrivals, key=_part), now)
                    released = [*(released or ()), *(fed or ())]
            if released and node.up is not None:
                inbox.setdefault(node.up.slot, []).extend([(node.part, release) for release in released])
        return released or None


def _part(arrival: tuple[int, Opaque]) -> int:
    return arrival[0]


def _on_the_way(cell: ByCell, keys: Keys, path: Key, target: Key, landing: Landing) -> list[Any]:
    """The key of this `.by` that leads from `path` to `target`, if one does."""
    values = target[len(path) : len(path) + cell.width]
    if len(values) < cell.width:
        return []
    key = values[0] if cell.width == 1 else values
    return [key] if landing or key in keys.by_key else []


def _tick_path(leaf: Leaf, mark: Mark) -> Key:
    """The keys that a tick goes to: its due time, or the calendar's partition of it (T7)."""
    path: Key = ()
    for node in leaf.route:
        path += tuple([ask(mark) for ask in node.asks[leaf] if not isinstance(ask, Call)])
    return path
