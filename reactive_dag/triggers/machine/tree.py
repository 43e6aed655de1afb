"""The tree of cells that a trigger compiles to.

Owns its kinds of places but the leaves (leaf.py). A `CellNode` is a cell with its parts, a `ByNode` one for
each key; a `Scope` is the region of the tree that shares one key: all that stands inside of one `.by`, or outside of
all. Invariants: nothing here changes once compiled; a scope's nodes are listed parts first. All state is apart: a
scope's `states` is the state of its only node, or else a list of its nodes' states (so a join of leaves costs one list
a key). Cost: O(nodes) a walk.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable, Iterable, Iterator
from typing import Any, TypeAlias

from reactive_dag.model.callables import Call
from reactive_dag.model.records import Item
from reactive_dag.model.times import NEVER
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.cell import Cell, Opaque, Surroundings
from reactive_dag.triggers.firing import Key, Mapped, Ref, Rolled, delivery, in_order
from reactive_dag.triggers.functions.by import By, ByCell, Keys
from reactive_dag.triggers.keys import KeyOf, KeySpec, key_of
from reactive_dag.triggers.machine.books import Books, Pairs
from reactive_dag.triggers.machine.leaf import Leaf, Show
from reactive_dag.triggers.machine.pack import pack, unpack

ConvertRelease: TypeAlias = Callable[["PartPlace", Opaque], Any]
"""Turns what a part gave into plain data, or back."""


class CellNode(Surroundings):
    """A cell with its parts, and what it asks of its surroundings. `own` is the leaf that a silence comes in by."""

    __slots__ = ("books", "cell", "inside", "kids", "limit", "own", "part", "scope", "slot", "trigger", "up", "window")

    def __init__(
        self, trigger: Trigger, scope: Scope, kids: list[Leaf | CellNode], books: Books,
        own: Leaf | None = None, window: int | None = None, inside: Scope | None = None,
    ) -> None:  # fmt: skip
        self.trigger = trigger
        self.scope = scope
        self.kids = kids
        self.books = books
        self.own = own
        self.limit = books.limit
        self.window = window
        self.part = -1
        self.up: CellNode | None = None
        self.inside = inside
        for part, kid in enumerate(kids):
            kid.hang(self, part)
        self.cell = self._make_cell()
        self.slot = scope.add(self)

    def _make_cell(self) -> Cell:
        cell = self.trigger.cell(self)
        assert cell is not None, self.trigger
        return cell

    def hang(self, up: CellNode, part: int) -> None:
        """What it releases goes to a node, as that part of it."""
        self.up, self.part = up, part
        if self.own is not None:
            self.own.hang(up, part)

    # ------------------------------------------------------------------------------- what its cell asks

    @property
    def first(self) -> int:  # type: ignore[override]
        """The number of the first leaf part below it. O(depth)."""
        return self.kids[0].first

    @property
    def keys(self) -> tuple[KeySpec, ...]:  # type: ignore[override]
        """The keys around it, the outermost first. O(result)."""
        return tuple([key for node in self.scope.route for key in node.by.keys])

    @property
    def under_key(self) -> bool:  # type: ignore[override]
        """Whether a `.by` stands around it."""
        return bool(self.scope.route)

    def is_single(self, part: int) -> bool:
        """Whether a part is a clock or a silence, of which one item at most is pending (T9)."""
        return self.kids[part].gives_one

    def drop(self, policy: str, part: int, item: Opaque) -> None:
        """Count the leaf items of an item that goes without a firing."""
        self.books.drop(policy, self.kids[part].walk(item, False))

    def answer(self, part: int, item: Opaque) -> Any:
        """What the trigger's function says to the payload so far; GONE if it raised, and the items are parked."""
        kid = self.kids[part]
        items = in_order([each for _, each in kid.walk(item)])
        fn: Call = self.trigger.fn  # type: ignore[attr-defined]
        return self.books.answer(self.trigger.kind, fn, kid.payload(item), items, kid.walk(item, False))

    def atoms(self, part: int, item: Opaque) -> Iterable[Hashable]:
        """The leaf items that an item of a part consists of."""
        return [each for _, each in self.kids[part].walk(item, False)]

    def key(self, part: int, item: Opaque) -> Key:
        """The key that an item of a part is of. O(1)."""
        return self.kids[part].key_of(item)

    def newest(self, part: int, item: Opaque) -> object:
        """The newest leaf item of an item of a part."""
        return max([each for _, each in self.kids[part].walk(item, False)], key=delivery)

    def silence(self, due: int, armed: object) -> Opaque:
        """The mark of a silence, which counts as delivered to its own leaf."""
        assert self.own is not None
        by_function = any(isinstance(key, Call) for node in self.scope.route for key in node.by.keys)
        ticking = getattr(self.trigger, "at", None) is not None
        return self.books.silence(self.own.index, due, armed, ticking, by_function)

    # -------------------------------------------------------------------------------------- its releases

    @property
    def gives_one(self) -> bool:
        """Whether a join holds one of its releases at most (T9)."""
        if self.trigger.asks:
            return self.kids[0].gives_one
        return self.own is not None

    @property
    def keyed(self) -> bool:
        """Whether what it releases is of one key."""
        return self.trigger.keeps_key and self.kids[0].keyed

    def walk(self, release: Opaque, riders: bool = True) -> Pairs:
        """The leaf items of a release, each with its leaf part; without riders only those that it takes. O(items)."""
        if self.own is not None:
            return [(self.own.index, release)]
        kids, rides = self.kids, 0 if riders else self.cell.rides
        return [
            pair
            for part, item in self.cell.spread(release)
            if not rides >> part & 1
            for pair in kids[part].walk(item, riders)
        ]

    def key_of(self, release: Opaque) -> Key:
        """The key that a release is of: that of what its first part gave. O(1)."""
        return next((self.kids[0].key_of(item) for part, item in self.cell.spread(release) if part == 0), ())

    def rolled(self, release: Opaque) -> Iterator[tuple[Rolled, Pairs]]:
        """What rollups say of a release, each with the leaf items that it is about (T18). O(items)."""
        own = self.cell.rolled(release)
        if own is not None:
            yield own, self.walk(release)
        elif self.own is None:
            kids, rides = self.kids, self.cell.rides
            for part, item in self.cell.spread(release):
                if not rides >> part & 1:
                    yield from kids[part].rolled(item)

    def payload(self, release: Opaque) -> object:
        """The payload so far: the flat list of its parts' payloads, unless something says otherwise (T13). O(items)."""
        if self.own is not None:
            return Ref(release)
        if type(release) is Mapped:
            return release.value
        if self.trigger.passes:
            return self.kids[0].payload(release)
        flat: list[object] = []
        for part, item in self.cell.spread(release):
            payload = self.kids[part].payload(item)
            if isinstance(payload, list) and self.kids[part].written.payload_is_list:
                flat += payload
            else:
                flat.append(payload)
        return flat

    @property
    def written(self) -> Trigger:
        """The trigger that it was compiled from."""
        return self.trigger

    def show(self, release: Opaque, show: Show) -> Any:
        """A release without offsets. O(items)."""
        if self.own is not None:
            return self.own.show(release, show)
        shown = [[part, self.kids[part].show(item, show)] for part, item in self.cell.spread(release)]
        return [shown, release.value] if type(release) is Mapped else shown

    # ------------------------------------------------------------------------------------------- its state

    def pending(self, state: Any, path: Key) -> Iterator[tuple[int, Key, Item]]:
        """What is pending in it: leaf part, key, item. O(pending)."""
        for part, release in self.cell.held(state):
            for leaf, item in self.kids[part].walk(release, False):
                yield leaf, path, item

    def mark_ridden(self, state: Any, items: Container[Item]) -> None:
        """These items rode under an earlier definition: they stay known as that (T17). O(parts + items of those)."""
        self.cell.mark_ridden(state, lambda part, item: all(each in items for each in self.atoms(part, item)))

    def save(self, state: Any, change: ConvertRelease) -> list[Any]:
        """Its state as plain data. O(pending)."""
        return self.cell.save(state, lambda part, item: change(self.own or self.kids[part], item))

    def load(self, saved: list[Any], change: ConvertRelease) -> Any:
        """The state that `save` wrote. O(pending)."""
        return self.cell.load(saved, lambda part, item: change(self.own or self.kids[part], item))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.cell!r}, {self.trigger!r})"


class ByNode(CellNode):
    """A `.by`: what stands before it has a state for each key. `asks` reads the key for each leaf part inside.

    What it releases is `Keyed`. `place` puts what stands before it into the scope that it is given.
    """

    __slots__ = ("asks", "by", "keys_cell")

    def __init__(self, trigger: By, scope: Scope, books: Books, place: PlaceInside) -> None:
        self.by = trigger
        inside = Scope((*scope.route, self))
        top, leaves = place(inside)
        inside.close(top)
        self.keys_cell = ByCell(inside, len(trigger.keys), trigger.max_keys, trigger.ttl, self.expired)
        self.asks: dict[Leaf, tuple[KeyOf | Call, ...]] = {}
        arrival = trigger.undated is not None
        for leaf in leaves:
            partitions = leaf.trigger.partitions
            self.asks[leaf] = tuple(
                [key if isinstance(key, Call) else key_of(key, partitions, arrival) for key in trigger.keys]
            )
        super().__init__(trigger, scope, [], books, inside=inside)

    def _make_cell(self) -> Cell:
        return self.keys_cell

    @property
    def within(self) -> Scope:
        """What stands inside."""
        assert self.inside is not None
        return self.inside

    @property
    def first(self) -> int:  # type: ignore[override]
        """The number of the first leaf part inside. O(depth)."""
        return self.within.top.first

    @property
    def keyed(self) -> bool:
        """It gives keys."""
        return True

    def expired(self, pairs: Pairs, key: Any) -> None:
        """A key goes for the sake of a bound: count what it held."""
        self.books.expire(pairs, self.keys_cell.path(key), repr(self.trigger))

    def walk(self, release: Opaque, riders: bool = True) -> Pairs:
        """The leaf items of what a key released. O(items)."""
        return self.within.top.walk(release.release, riders)

    def rolled(self, release: Opaque) -> Iterator[tuple[Rolled, Pairs]]:
        """What rollups say of what a key released. O(items)."""
        return self.within.top.rolled(release.release)

    def key_of(self, release: Opaque) -> Key:
        """The key that a release is of. O(1)."""
        key: Key = release.key
        return key

    def payload(self, release: Opaque) -> object:
        """The payload of what a key released. O(items)."""
        return self.within.top.payload(release.release)

    def show(self, release: Opaque, show: Show) -> Any:
        """What a key released, without offsets. O(items)."""
        return self.within.top.show(release.release, show)

    def pending(self, state: Any, path: Key) -> Iterator[tuple[int, Key, Item]]:
        """What is pending under its keys. O(pending)."""
        for key, inner in state.by_key.items():
            yield from self.within.pending(inner, path + self.keys_cell.path(key))

    def save(self, state: Any, change: ConvertRelease) -> list[Any]:
        """Its keys as plain data. O(pending)."""
        keys: Keys = state
        return [
            [pack(key), keys.opened.get(key), self.within.save(inner, change)] for key, inner in keys.by_key.items()
        ]

    def load(self, saved: list[Any], change: ConvertRelease) -> Any:
        """The keys that `save` wrote. O(pending)."""
        keys = self.keys_cell.fresh()
        for packed, opened, inner in saved:
            key = unpack(packed)
            keys.by_key[key] = self.within.load(inner, change)
            if opened is not None:
                keys.opened[key] = opened
        self.keys_cell.rebuild(keys)
        return keys


PartPlace: TypeAlias = Leaf | CellNode
PlaceInside: TypeAlias = Callable[["Scope"], tuple[PartPlace, list[Leaf]]]


class Scope:
    """The nodes that share one key, and what can be asked of their states."""

    __slots__ = ("bys", "has_memory", "lasting", "nodes", "route", "single", "timed", "top")

    def __init__(self, route: tuple[ByNode, ...] = ()) -> None:
        self.route = route
        self.nodes: list[CellNode] = []
        self.bys: list[ByNode] = []
        self.single = self.timed = self.has_memory = self.lasting = False
        self.top: PartPlace

    def add(self, node: CellNode) -> int:
        """One more node, its parts before it; gives its number."""
        self.nodes.append(node)
        if isinstance(node, ByNode):
            self.bys.append(node)
        return len(self.nodes) - 1

    def close(self, top: PartPlace) -> None:
        """All nodes are there."""
        self.top = top
        self.single = len(self.nodes) == 1
        self.timed = any(node.cell.timed for node in self.nodes)
        remembering = [node.cell for node in self.nodes if node.cell.has_memory]
        self.has_memory, self.lasting = (
            bool(remembering),
            all(cell.lasting for cell in remembering) and remembering != [],
        )

    def fresh(self) -> Any:
        """States that hold nothing. O(nodes)."""
        return self.nodes[0].cell.fresh() if self.single else [node.cell.fresh() for node in self.nodes]

    def state(self, states: Any, node: CellNode) -> Any:
        """The state of a node. O(1)."""
        return states if self.single else states[node.slot]

    def due(self, states: Any) -> int:
        """When a cell must step next, keys included. O(nodes)."""
        if self.single:
            return self.nodes[0].cell.due(states)
        return min([node.cell.due(states[node.slot]) for node in self.nodes], default=NEVER)

    def own_due(self, states: Any) -> int:
        """When a cell of this key alone must step next. O(nodes)."""
        return min([n.cell.due(self.state(states, n)) for n in self.nodes if n.inside is None], default=NEVER)

    def is_idle(self, states: Any, now: int) -> bool:
        """Whether the states are as good as fresh. O(nodes)."""
        if self.single:
            return self.nodes[0].cell.is_idle(states, now)
        return all(node.cell.is_idle(states[node.slot], now) for node in self.nodes)

    def remembers_until(self, states: Any) -> int:
        """Until when they must be kept although they hold nothing. O(nodes)."""
        return max([node.cell.remembers_until(self.state(states, node)) for node in self.nodes], default=-NEVER)

    def held(self, states: Any) -> Iterator[tuple[int, Item]]:
        """The pairs of leaf part and item that are pending, keys included. O(pending)."""
        return ((part, item) for part, _, item in self.pending(states, ()))

    def everywhere(self, states: Any) -> Iterator[tuple[CellNode, Any]]:
        """Each node with its state, under each key. O(nodes * keys)."""
        for node in self.nodes:
            state = self.state(states, node)
            if isinstance(node, ByNode):
                for inner in state.by_key.values():
                    yield from node.within.everywhere(inner)
            else:
                yield node, state

    def pending(self, states: Any, path: Key) -> Iterator[tuple[int, Key, Item]]:
        """What is pending: leaf part, key, item. O(pending)."""
        for node in self.nodes:
            yield from node.pending(self.state(states, node), path)

    def check(self, states: Any) -> None:
        """Raise AssertionError unless the cells' invariants hold. O(pending)."""
        for node in self.nodes:
            node.cell.check(self.state(states, node))

    def save(self, states: Any, change: ConvertRelease) -> list[Any]:
        """The states as plain data, a list with one entry a node. O(pending)."""
        return [node.save(self.state(states, node), change) for node in self.nodes]

    def load(self, plain: list[Any], change: ConvertRelease) -> Any:
        """The states that `save` wrote. O(pending)."""
        if self.single and len(plain) == 1:
            return self.nodes[0].load(plain[0], change)
        return [node.load(saved, change) for node, saved in zip(self.nodes, plain, strict=True)]
