"""One step of a tree of cells: arrivals go up from leaf to top, timers close on the way (T3, I1).

Owns `Evaluator`: everything about a step that needs the tree, the keys and the counts together. Invariants: in one step
each cell is asked at most once, its parts before it; it first closes what is due, then takes what arrives; a step has
one key (T7); an item that goes without a firing is counted under its policy's name, and one whose callable raised is
parked (T10). Cost: O(depth) for an item in one leaf part, O(nodes) for several and for a timer; no recursion but into
`.by`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from reactive_dag.model.callables import Call
from reactive_dag.model.records import Item, Mark
from reactive_dag.triggers.cell import Arrivals, Opaque
from reactive_dag.triggers.cells.absent import AbsentCell
from reactive_dag.triggers.cells.by import ByCell, Keys
from reactive_dag.triggers.cells.sequence import SequenceCell
from reactive_dag.triggers.cells.where import MapCell, WhereCell
from reactive_dag.triggers.faults import CallableFault
from reactive_dag.triggers.keys import hashable, key_text, rank
from reactive_dag.triggers.leaves.absent import Absent
from reactive_dag.triggers.machine.counts import Counters
from reactive_dag.triggers.machine.firing import GONE, Ask, Key, Mapped, delivery, in_order
from reactive_dag.triggers.machine.tree import CellNode, Leaf, Pairs, Scope

OnExpired: TypeAlias = Callable[[str, str, str, int], None]
"""Told of items that a bound dropped, or that had no key: policy, part, key, how many."""

Landing: TypeAlias = list[tuple[Leaf, Opaque]]
"""What comes in by which leaf."""

_ASKING = (WhereCell, MapCell)


class Evaluator:
    """Runs steps on states of one tree. `path` is the key of the step under way, `key` that of the last release."""

    __slots__ = ("ask", "counters", "identity", "key", "last", "leaves", "on_expired", "parked", "path", "scope")

    def __init__(
        self, scope: Scope, leaves: tuple[Leaf, ...], ask: Ask, on_expired: OnExpired, identity: Callable[[Item], str]
    ) -> None:
        self.scope = scope
        self.leaves = leaves
        self.ask = ask
        self.on_expired = on_expired
        self.identity = identity
        self.counters = Counters(len(leaves))
        self.parked: list[tuple[int, Item, Key]] = []
        self.path: Key = ()
        self.key: Key = ()
        self.last = -1

    # ------------------------------------------------------------------------------------------ wiring

    def wire(self, scope: Scope, limit: int) -> None:
        """Give the cells of a scope what they tell and ask. O(nodes)."""
        for node in scope.nodes:
            cell = node.cell
            cell.limit = limit
            cell.drop = self._dropper(node)
            if isinstance(cell, SequenceCell):
                cell.atoms = _atoms(node)
            elif isinstance(cell, _ASKING):
                cell.ask = self._asker(node)
            elif isinstance(cell, AbsentCell):
                cell.name = _newest(node)
                cell.make = self._silence(node, cell)
            elif isinstance(cell, ByCell) and node.inside is not None:
                cell.expire = self._expirer(node, cell)
                self.wire(node.inside, limit)

    def _dropper(self, node: CellNode) -> Callable[[str, int, Opaque], None]:
        def drop(policy: str, part: int, item: Opaque) -> None:
            self.drop(policy, node.kids[part].walk(item))

        return drop

    def _asker(self, node: CellNode) -> Callable[[Opaque], Any]:
        kind = "where" if isinstance(node.cell, WhereCell) else "map"
        fn: Call = node.trigger.fn  # type: ignore[attr-defined]
        kid = node.kids[0]

        def ask(release: Opaque) -> Any:
            pairs = kid.walk(release)
            try:
                return self.ask(kind, fn, kid.payload(release), in_order([item for _, item in pairs]))
            except CallableFault:
                self.park(pairs)
                return GONE

        return ask

    def _silence(self, node: CellNode, cell: AbsentCell) -> Callable[[int, object], Mark]:
        own = node.own
        assert own is not None
        number = [leaf for leaf in self.leaves if isinstance(leaf.trigger, Absent)].index(own)

        def make(due: int, armed: object) -> Mark:
            by = armed if isinstance(armed, str) else self.identity(armed)  # type: ignore[arg-type]
            self.counters.delivered[own.index] += 1
            return Mark("absent", due, self.last, by if cell.at is None else f"{by}@{due}", number)

        return make

    def _expirer(self, node: CellNode, cell: ByCell) -> Callable[[list[tuple[int, Opaque]], Any], None]:
        def expire(pairs: Pairs, key: Any) -> None:
            outer, self.path = self.path, self.path + cell.path(key)
            self.drop("expired", pairs)
            if not pairs:  # a silence was waited for under this key
                self.on_expired("expired", repr(node.trigger), key_text(self.path), 0)
            self.path = outer

        return expire

    # ---------------------------------------------------------------------------------------- dropping

    def drop(self, policy: str, pairs: Pairs) -> None:
        """Count items that go without a firing; bounds are told of (T7, T14). O(items)."""
        if policy == "no_key":
            self._warn(pairs)
        for part, count in sorted(Counter([part for part, _ in pairs]).items()):
            self.counters.drop(policy, part, count)
            if policy == "expired":
                self.on_expired(policy, self.leaves[part].text, key_text(self.path), count)

    def _warn(self, pairs: Pairs) -> None:
        """One warning for each source that gives items without a key (T7)."""
        for part, _ in pairs:
            source = self.leaves[part].source
            known = (i for i, leaf in enumerate(self.leaves) if leaf.source == source)
            if not any("no_key" in self.counters.dropped[i] for i in known):
                self.on_expired("no_key", self.leaves[part].text, key_text(self.path), 1)
                self.counters.drop("no_key", part, 0)

    def park(self, pairs: Pairs) -> None:
        """Keep items whose callable raised, apart from all firings (T10). O(items)."""
        self.parked += [(part, item, self.path) for part, item in pairs]

    # ------------------------------------------------------------------------------------------- steps

    def deliver(self, states: Any, hits: Iterable[int], item: Item, now: int, event: object) -> list[Opaque] | None:
        """One fact comes in by all the leaf parts that it hits, as one step."""
        self.path = ()
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
            try:
                answer = self.ask(kind, fn, payload, item)
            except CallableFault:
                self.park([(leaf.index, item)])
                return GONE
            if kind == "map":
                payload, mapped = answer, True
            elif not answer:
                self.drop("filtered", [(leaf.index, item)])
                return GONE
        return Mapped(payload, item) if mapped else item

    def steps(self, states: Any, now: int, ticks: list[tuple[Leaf, Mark]]) -> Iterable[list[Opaque] | None]:
        """All timers due at `now`, and the clocks' ticks: a step for each key, in the order of keys (I1)."""
        self.path = ()
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
            assert isinstance(node.cell, ByCell) and node.inside is not None
            keys: Keys = scope.state(states, node)
            for key in node.cell.due_keys(keys, now):
                under = path + node.cell.path(key)
                if node.cell.outlived(keys, key, now):
                    found.setdefault(under, [])
                self._due_paths(node.inside, keys.by_key[key], under, now, found)

    def run(
        self, scope: Scope, states: Any, path: Key, target: Key | None, landing: Landing, now: int, event: object
    ) -> list[Opaque] | None:
        """One step in a scope; with `target`, of the timers of that key. Gives what the top of the scope releases."""
        if target is None and len(landing) == 1:
            return self._run_one(scope, states, path, landing, now, event)
        inbox: dict[int, Arrivals] = {}
        groups: dict[CellNode, Landing] = {}
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
        self.path = path
        if target == path:
            return self._sweep(scope, states, inbox, now, True)
        if len(inbox) == 1:
            slot, arrivals = inbox.popitem()
            return self._climb(scope, states, scope.nodes[slot], arrivals, now)
        return self._sweep(scope, states, inbox, now, False) if inbox else None

    def _run_one(
        self, scope: Scope, states: Any, path: Key, landing: Landing, now: int, event: object
    ) -> list[Opaque] | None:
        """The same for a fact that comes in by one leaf: only the nodes above it are touched."""
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
        self.path = path
        return self._climb(scope, states, up, arrivals, now)

    def _run_key(
        self,
        scope: Scope,
        node: CellNode,
        states: Any,
        path: Key,
        target: Key | None,
        landing: Landing,
        now: int,
        event: object,
    ) -> list[Opaque] | None:
        cell, inside = node.cell, node.inside
        assert isinstance(cell, ByCell) and inside is not None
        keys: Keys = scope.state(states, node)
        self.path = path
        key = self._key(node, landing, event) if target is None else _on_the_way(cell, keys, path, target, landing)
        if key is GONE:
            return None
        under = path + cell.path(key)
        released = self.run(inside, cell.opened(keys, key, now), under, target, landing, now, event)
        self.path = path
        cell.settle(keys, key, now)
        if target == under:
            cell.outlive(keys, key, now)
        if released and not (isinstance(inside.top, CellNode) and inside.top.keyed):
            self.key = under
        return released

    def _key(self, node: CellNode, landing: Landing, event: object) -> Any:
        """The key of a fact under one `.by`; GONE if it has none, or the function raised."""
        if not landing:
            return GONE
        pairs = [pair for leaf, value in landing for pair in leaf.walk(value)]
        found = []
        for ask in node.asks[landing[0][0]]:
            try:
                value = hashable(self.ask("by", ask, event, pairs[0][1])) if isinstance(ask, Call) else ask(event)
            except CallableFault:
                self.park(pairs)
                return GONE
            if value is None:
                self.drop("no_key", pairs)
                return GONE
            found.append(value)
        return found[0] if len(found) == 1 else tuple(found)

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
                due = stepping and node.cell.timed and node.cell.due(state) <= now
                released = node.cell.step(state, now) if due else None
                if arrivals:
                    fed = node.cell.feed_many(state, sorted(arrivals, key=_part), now)
                    released = [*(released or ()), *(fed or ())]
            if released and node.up is not None:
                inbox.setdefault(node.up.slot, []).extend([(node.part, release) for release in released])
        return released or None


def _part(arrival: tuple[int, Opaque]) -> int:
    return arrival[0]


def _on_the_way(cell: ByCell, keys: Keys, path: Key, target: Key, landing: Landing) -> Any:
    """The key of this `.by` that leads from `path` to `target`; GONE if none does."""
    values = target[len(path) : len(path) + cell.width]
    if len(values) < cell.width:
        return GONE
    key = values[0] if cell.width == 1 else values
    return key if landing or key in keys.by_key else GONE


def _tick_path(leaf: Leaf, mark: Mark) -> Key:
    """The keys that a tick goes to: its due time, or the calendar's partition of it (T7)."""
    path: Key = ()
    for node in leaf.route:
        path += tuple([ask(mark) for ask in node.asks[leaf] if not isinstance(ask, Call)])
    return path


def _atoms(node: CellNode) -> Callable[[int, Opaque], Iterable[Item]]:
    return lambda part, item: [each for _, each in node.kids[part].walk(item)]


def _newest(node: CellNode) -> Callable[[int, Opaque], object]:
    return lambda part, item: max([each for _, each in node.kids[part].walk(item)], key=delivery)


def mark_text(item: Item) -> str:
    """How a silence names what armed it where nobody gives identities: `@` and the offset of a fact. O(1)."""
    if isinstance(item, Mark):
        return f"{item.kind}:{item.due}" if item.kind == "tick" else f"{item.kind}:{item.by}"
    return f"@{item}"
