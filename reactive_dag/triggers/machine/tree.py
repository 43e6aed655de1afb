"""The tree of cells that a trigger compiles to.

Owns its three kinds of places. A `Leaf` is where items come in; a `CellNode` is a cell with its parts; a `Scope` is the
region of the tree that shares one key: all that stands inside of one `.by`, or outside of all. Invariants: nothing
here changes once compiled; a scope's nodes are listed parts first. All state is apart: a scope's `states` is the state
of its only node, or else a list of its nodes' states (so a join of leaves costs one list a key). Cost: O(nodes) a walk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from reactive_dag.model.callables import Call
from reactive_dag.model.records import Item
from reactive_dag.model.times import NEVER
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.cell import Cell, Opaque
from reactive_dag.triggers.cells.by import ByCell, Keys
from reactive_dag.triggers.cells.where import MapCell, WhereCell
from reactive_dag.triggers.functions.by import JoinKey
from reactive_dag.triggers.keys import KeyOf
from reactive_dag.triggers.leaves.completed import Completed
from reactive_dag.triggers.leaves.dataset import Updated
from reactive_dag.triggers.leaves.schedule import Scheduled
from reactive_dag.triggers.machine.firing import Key, Mapped, Ref
from reactive_dag.triggers.machine.pack import pack, unpack

Show: TypeAlias = Callable[[Item], str]
"""The identity of an item."""

Pairs: TypeAlias = list[tuple[int, Item]]
"""Leaf parts with the items that were delivered to them."""

Convert: TypeAlias = Callable[["PartPlace", Opaque], Any]
"""Turns what a place gave into plain data, or back."""

_PASSES = (WhereCell, MapCell)
"""Cells that hold nothing: what their part gives goes through them."""


def source_of(leaf: Trigger) -> object:
    """What the items of a leaf are events of, whatever kinds or states it takes. O(1)."""
    if isinstance(leaf, Updated):
        return leaf.dataset.uri
    return (leaf.dag, leaf.task) if isinstance(leaf, Completed) else leaf


class Leaf:
    """A leaf part: a source of facts, or the point where a tick or a silence comes in.

    `index` is the part's number, `is_source` says whether facts come in here, `source` what its items are events of,
    whatever kinds or states it takes. `written` is the trigger with the functions that stand directly behind it
    (`chain`). `up` and `part` say where its items go; `route` are the `.by` around it, the outermost first.
    """

    __slots__ = (
        "chain", "index", "is_source", "many", "part", "route", "scope", "source", "trigger", "up", "written",
    )  # fmt: skip

    def __init__(self, trigger: Trigger, scope: Scope) -> None:
        self.trigger = self.written = trigger
        self.scope = scope
        self.route = scope.route
        self.source = source = source_of(trigger)
        self.is_source = source is not trigger
        self.chain: tuple[tuple[str, Call], ...] = ()
        self.index = self.part = -1
        self.up: CellNode | None = None
        self.many = False

    @property
    def text(self) -> str:
        """How it is written. O(size)."""
        return repr(self.written)

    def takes(self, event: Any) -> bool:
        """Whether an event of its source is delivered here: by `kinds`, or by `states` (T1). O(1)."""
        if isinstance(self.trigger, Updated):
            return event.kind in self.trigger.kinds
        return not isinstance(self.trigger, Completed) or event.state in self.trigger.states

    @property
    def solo(self) -> bool:
        """Whether a composite holds one of its items at most (T9)."""
        return isinstance(self.trigger, Scheduled)

    def walk(self, release: Opaque) -> Pairs:
        """The leaf items of what it gave: one."""
        item: Any = release.item if type(release) is Mapped else release
        return [(self.index, item)]

    def payload(self, release: Opaque) -> object:
        """What it gave as a payload: the event, or what a `.map` made of it (T13)."""
        return release.value if type(release) is Mapped else Ref(release)

    def show(self, release: Opaque, show: Show) -> Any:
        """What it gave, without offsets; what armed a silence may be a name already."""
        if type(release) is Mapped:
            return [self.show(release.item, show), release.value]
        return release if isinstance(release, str) else show(release)

    def __repr__(self) -> str:
        return f"Leaf({self.index}, {self.text})"


class CellNode:
    """A cell with its parts. `inside` is set for `.by`; `own` is the leaf part that a silence comes in by."""

    __slots__ = ("asks", "cell", "inside", "kids", "own", "part", "scope", "slot", "trigger", "up")

    def __init__(self, trigger: Trigger, cell: Cell, scope: Scope, kids: list[Leaf | CellNode]) -> None:
        self.trigger = trigger
        self.cell = cell
        self.scope = scope
        self.kids = kids
        self.slot = len(scope.nodes)
        self.part = -1
        self.up: CellNode | None = None
        self.inside: Scope | None = None
        self.own: Leaf | None = None
        self.asks: dict[Leaf, tuple[KeyOf | Call, ...]] = {}
        scope.nodes.append(self)
        for part, kid in enumerate(kids):
            kid.up, kid.part = self, part
            if isinstance(kid, CellNode) and kid.own is not None:
                kid.own.up, kid.own.part = self, part

    @property
    def solo(self) -> bool:
        """Whether a composite holds one of its firings at most (T9)."""
        passes = isinstance(self.cell, _PASSES)
        return self.own is not None or (passes and self.kids[0].solo)

    @property
    def many(self) -> bool:
        """Whether its payload is a list of its parts' payloads, and so flattened by what stands around it (T13)."""
        if self.inside is not None:
            return self.inside.top.many
        if isinstance(self.cell, WhereCell):
            return self.kids[0].many
        return self.own is None and not isinstance(self.cell, MapCell)

    @property
    def keyed(self) -> bool:
        """Whether what it gives is of one key: a `.by`, or what looks at one."""
        if self.inside is not None:
            return True
        kid = self.kids[0] if isinstance(self.cell, _PASSES) else None
        return isinstance(kid, CellNode) and kid.keyed

    @property
    def joins(self) -> bool:
        """Whether it is a join that nobody wrote (T8)."""
        return any(isinstance(key, JoinKey) for key in getattr(self.trigger, "keys", ()))

    def walk(self, release: Opaque) -> Pairs:
        """The leaf items of a release, each with its leaf part. O(items)."""
        if self.own is not None:
            return [(self.own.index, release)]
        if self.inside is not None:
            return self.inside.top.walk(release)
        kids = self.kids
        return [pair for part, item in self.cell.spread(release) for pair in kids[part].walk(item)]

    def payload(self, release: Opaque) -> object:
        """The payload so far: the flat list of its parts' payloads, unless something says otherwise (T13). O(items)."""
        if self.own is not None:
            return Ref(release)
        if self.inside is not None:
            return self.inside.top.payload(release)
        if type(self.cell) is MapCell:
            return release.value
        if type(self.cell) is WhereCell:
            return self.kids[0].payload(release)
        flat: list[object] = []
        for part, item in self.cell.spread(release):
            payload = self.kids[part].payload(item)
            if isinstance(payload, list) and self.kids[part].many:
                flat += payload
            else:
                flat.append(payload)
        return flat

    def show(self, release: Opaque, show: Show) -> Any:
        """A release without offsets. O(items)."""
        if self.own is not None:
            return self.own.show(release, show)
        if self.inside is not None:
            return self.inside.top.show(release, show)
        shown = [[part, self.kids[part].show(item, show)] for part, item in self.cell.spread(release)]
        return [shown, release.value] if type(release) is Mapped else shown

    def __repr__(self) -> str:
        return f"CellNode({self.cell!r}, {self.trigger!r})"


PartPlace: TypeAlias = Leaf | CellNode


class Scope:
    """The nodes that share one key, and what can be asked of their states."""

    __slots__ = ("bys", "has_memory", "nodes", "route", "single", "timed", "top")

    def __init__(self, route: tuple[CellNode, ...] = ()) -> None:
        self.route = route
        self.nodes: list[CellNode] = []
        self.bys: list[CellNode] = []
        self.single = self.timed = self.has_memory = False
        self.top: PartPlace

    def close(self, top: PartPlace) -> None:
        """All nodes are there."""
        self.top = top
        self.single = len(self.nodes) == 1
        self.bys = [node for node in self.nodes if node.inside is not None]
        for node in self.nodes:
            self.timed = self.timed or node.cell.timed
            self.has_memory = self.has_memory or node.cell.has_memory
        for node in self.bys:
            assert isinstance(node.cell, ByCell) and node.inside is not None
            self.timed = self.timed or node.inside.timed or node.cell.ttl is not None
            self.has_memory = self.has_memory or node.inside.has_memory

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
        """The same for the cells of this key alone. O(nodes)."""
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

    def pending(self, states: Any, path: Key) -> Iterator[tuple[int, Key, Item]]:
        """What is pending: leaf part, key, item. O(pending)."""
        for node in self.nodes:
            state = self.state(states, node)
            if node.inside is not None:
                assert isinstance(node.cell, ByCell)
                for key, inner in state.by_key.items():
                    yield from node.inside.pending(inner, path + node.cell.path(key))
                continue
            for part, release in node.cell.held(state):
                for leaf, item in node.kids[part].walk(release):
                    yield leaf, path, item

    def check(self, states: Any) -> None:
        """Raise AssertionError unless the cells' invariants hold. O(pending)."""
        for node in self.nodes:
            node.cell.check(self.state(states, node))

    def save(self, states: Any, put: Convert) -> list[Any]:
        """The states as plain data, a list with one entry a node. O(pending)."""
        return [self._saved(node, self.state(states, node), put) for node in self.nodes]

    def _saved(self, node: CellNode, state: Any, put: Convert) -> list[Any]:
        if node.inside is None:
            return node.cell.save(state, lambda part, item: put(node.own or node.kids[part], item))
        keys: Keys = state
        inside = node.inside
        return [[pack(key), keys.opened.get(key), inside.save(inner, put)] for key, inner in keys.by_key.items()]

    def load(self, plain: list[Any], take: Convert) -> Any:
        """The states that `save` wrote. O(pending)."""
        if self.single and len(plain) == 1:
            return self._loaded(self.nodes[0], plain[0], take)
        return [self._loaded(node, saved, take) for node, saved in zip(self.nodes, plain, strict=True)]

    def _loaded(self, node: CellNode, saved: list[Any], take: Convert) -> Any:
        if node.inside is None:
            kids, own = node.kids, node.own
            return node.cell.load(saved, lambda part, item: take(own or kids[part], item))
        assert isinstance(node.cell, ByCell)
        keys = node.cell.fresh()
        for packed, opened, inner in saved:
            key = unpack(packed)
            keys.by_key[key] = node.inside.load(inner, take)
            if opened is not None:
                keys.opened[key] = opened
        node.cell.rebuild(keys)
        return keys
