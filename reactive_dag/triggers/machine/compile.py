"""From a trigger to its tree of cells: one line for each combinator.

Owns the table. Invariants: sources are numbered first, in the order in which they are written, then clocks and
silences; a `.where` or `.map` directly behind a leaf is no cell but the leaf's; `.within` is the composite's own
window; `.by(None)` is nothing. Cost: O(size), some 5 µs a node; nothing is compiled while facts are fed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reactive_dag.model.callables import Call
from reactive_dag.model.errors import UsageError
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.cell import Cell
from reactive_dag.triggers.cells.absent import AbsentCell
from reactive_dag.triggers.cells.all_of import AllOfCell, EachCell
from reactive_dag.triggers.cells.any_of import AnyOfCell
from reactive_dag.triggers.cells.at_least import AtLeastCell
from reactive_dag.triggers.cells.batch import BatchCell
from reactive_dag.triggers.cells.by import ByCell
from reactive_dag.triggers.cells.debounce import DebounceCell
from reactive_dag.triggers.cells.sequence import SequenceCell
from reactive_dag.triggers.cells.throttle import ThrottleCell
from reactive_dag.triggers.cells.where import MapCell, WhereCell
from reactive_dag.triggers.functions.by import By
from reactive_dag.triggers.functions.map import Map
from reactive_dag.triggers.functions.where import Where
from reactive_dag.triggers.joins.all_of import AllOf
from reactive_dag.triggers.joins.any_of import AnyOf
from reactive_dag.triggers.joins.at_least import AtLeast
from reactive_dag.triggers.joins.sequence import Sequence
from reactive_dag.triggers.keys import key_of
from reactive_dag.triggers.leaves.absent import Absent
from reactive_dag.triggers.leaves.completed import Completed
from reactive_dag.triggers.leaves.dataset import Updated
from reactive_dag.triggers.leaves.schedule import Scheduled
from reactive_dag.triggers.machine.tree import CellNode, Leaf, PartPlace, Scope
from reactive_dag.triggers.pending_rows import PendingRows
from reactive_dag.triggers.windows.batch import Batch
from reactive_dag.triggers.windows.debounce import Debounce
from reactive_dag.triggers.windows.throttle import Throttle
from reactive_dag.triggers.windows.within import Within


def _all_of(t: AllOf, window: int | None) -> Cell:
    return EachCell(len(t.parts), window) if t.consume == "each" else AllOfCell(len(t.parts), t.consume, window)


CELLS: dict[type[Trigger], Callable[[Any, int | None], Cell]] = {
    AllOf: _all_of,
    AnyOf: lambda t, window: AnyOfCell(),
    AtLeast: lambda t, window: AtLeastCell(t.n, len(t.parts), window),
    Sequence: lambda t, window: SequenceCell(len(t.parts), window),
    Batch: lambda t, window: BatchCell(t.count, t.max_wait),
    Debounce: lambda t, window: DebounceCell(t.pause, t.max_wait),
    Throttle: lambda t, window: ThrottleCell(t.period),
    Absent: lambda t, window: AbsentCell(
        t.for_, t.at.schedule if t.at is not None else None, after=t.after is not None
    ),
    Where: lambda t, window: WhereCell(),
    Map: lambda t, window: MapCell(),
}
"""How the cell of each combinator is made; beside these there are leaves, `.by` and `.within`."""

_LEAVES = (Updated, Completed, Scheduled)
_CHAINED = (Where, Map)
_PILES = (PendingRows, EachCell)


class Compiler:
    """Compiles one trigger. After that `scope` and `leaves` are its tree, and `mapped` tells of a `.map` in it."""

    def __init__(self, trigger: Trigger) -> None:
        self.found: list[Leaf] = []
        self.mapped = False
        self.scope = Scope()
        self.scope.close(self._place(trigger, self.scope, None))
        self.sources = tuple([leaf for leaf in self.found if leaf.is_source])
        self.leaves = (*self.sources, *[leaf for leaf in self.found if not leaf.is_source])
        for index, leaf in enumerate(self.leaves):
            leaf.index = index

    def _place(self, trigger: Trigger, scope: Scope, window: int | None) -> PartPlace:
        make = CELLS.get(type(trigger))
        if make is None:
            return self._without_cell(trigger, scope)
        own = self._leaf(trigger, scope) if type(trigger) is Absent else None
        kids = [self._place(part, scope, None) for part in trigger.parts]
        if isinstance(trigger, _CHAINED):
            self.mapped = self.mapped or type(trigger) is Map
            if isinstance(kids[0], Leaf):
                return _chained(kids[0], trigger)
        node = CellNode(trigger, make(trigger, window), scope, kids)
        if own is not None:
            node.own = own
        _finish(node)
        return node

    def _without_cell(self, trigger: Trigger, scope: Scope) -> PartPlace:
        if isinstance(trigger, _LEAVES):
            return self._leaf(trigger, scope)
        if isinstance(trigger, Within):
            return self._place(trigger.part, scope, trigger.window)
        if isinstance(trigger, By):
            return self._by(trigger, scope) if trigger.keys else self._place(trigger.part, scope, None)
        raise UsageError(f"{trigger!r} cannot be compiled: {type(trigger).__name__} has no cell in compile.CELLS")

    def _leaf(self, trigger: Trigger, scope: Scope) -> Leaf:
        leaf = Leaf(trigger, scope)
        self.found.append(leaf)
        return leaf

    def _by(self, trigger: By, scope: Scope) -> CellNode:
        node = CellNode.__new__(CellNode)
        inside = Scope((*scope.route, node))
        before = len(self.found)
        top = self._place(trigger.part, inside, None)
        inside.close(top)
        CellNode.__init__(node, trigger, ByCell(inside, len(trigger.keys), trigger.max_keys, trigger.ttl), scope, [])
        node.inside = inside
        for leaf in self.found[before:]:
            node.asks[leaf] = tuple(
                [key if isinstance(key, Call) else key_of(key, leaf.trigger) for key in trigger.keys]
            )
        return node


def _chained(leaf: Leaf, trigger: Where | Map) -> Leaf:
    leaf.chain = (*leaf.chain, ("where" if isinstance(trigger, Where) else "map", trigger.fn))
    leaf.written = trigger
    return leaf


def _finish(node: CellNode) -> None:
    """Tell the cell what it must know of its parts and its place."""
    cell = node.cell
    if isinstance(cell, _PILES):
        cell.solo = sum([1 << part for part, kid in enumerate(node.kids) if kid.solo])
    if isinstance(cell, AbsentCell):
        cell.once = cell.once or bool(node.scope.route)
