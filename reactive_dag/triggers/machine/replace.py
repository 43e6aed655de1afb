"""An item takes the place of another that a trigger holds (R10): under the same keys, with what callables said of it.

Owns no state. Invariants: each leaf part is replaced for itself, so one never comes to hold what it does not take; the
replaced item stays where the other stood, so nothing fires and no count changes. Cost: O(pending).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from reactive_dag.model.records import Item
from reactive_dag.triggers.cell import Opaque
from reactive_dag.triggers.firing import Firing, Keyed, Mapped, Ref, in_order
from reactive_dag.triggers.machine.books import Books, Pairs
from reactive_dag.triggers.machine.leaf import Leaf
from reactive_dag.triggers.machine.tree import ByNode, PartPlace, Scope


class Replacement(msgspec.Struct, frozen=True, gc=False):
    """One item in the place of another, in some leaf parts."""

    old: int
    new: int
    parts: Collection[int]

    def item(self, part: int, item: Item) -> Item:
        """What a leaf part has that had an item. O(1)."""
        return self.new if item == self.old and part in self.parts else item

    def release(self, place: PartPlace, release: Opaque) -> Any:
        """What a place gave, with the new item in it. O(items)."""
        if isinstance(place, ByNode):
            return Keyed(release.key, self.release(place.within.top, release.release))
        leaf = place if isinstance(place, Leaf) else place.own
        if leaf is None:
            kids = place.kids  # type: ignore[union-attr]
            done = place.cell.converted(release, lambda part, item: self.release(kids[part], item))  # type: ignore[union-attr]
        elif type(release) is Mapped:
            inner: Any = release.item
            done = Mapped(release.value, self.item(leaf.index, inner))
        elif leaf.is_source:
            done = self.item(leaf.index, release)
        else:  # what armed a silence: whoever heard it
            done = self.new if release == self.old else release
        if type(done) is Mapped and all(item != self.old for _, item in place.walk(done)):
            return Mapped(self.payload(done.value), done.item)
        return done

    def payload(self, payload: Any) -> Any:
        """A payload that refers to the one item, so that it refers to the other. O(size).

        >>> Replacement(3, 9, [0]).payload([Ref(3), {"rows": 3}])
        [Ref(item=9), {'rows': 3}]
        """
        if type(payload) is Ref:
            return Ref(self.new) if payload.item == self.old else payload
        return [self.payload(each) for each in payload] if type(payload) is list else payload

    def pairs(self, pairs: Sequence[tuple[int, Item]]) -> Pairs:
        """Leaf parts with items. O(pairs)."""
        return [(part, self.item(part, item)) for part, item in pairs]


def replace_pending(scope: Scope, states: Any, books: Books, change: Replacement) -> None:
    """Put an item in the place of another in the states of a trigger. O(pending)."""
    for node in scope.nodes:
        state = scope.state(states, node)
        kept = node.save(state, change.release)
        node.cell.refill(state, node.load(kept, lambda place, item: item))
    books.replace(change.item, change.new)


def replaced_in_firing(firing: Firing, pairs: Sequence[tuple[int, Item]], change: Replacement) -> Firing:
    """A firing that has one item as a cause, with another in its place; `pairs` are its leaf parts and items. O(items).

    What a `.map` said of both together stays said of the one that stays.
    """
    after = change.pairs(pairs)
    stays = any(item == change.old for _, item in after)
    others = [item for item in firing.items if item != change.old]
    riders = [new for (_, old), (_, new) in zip(pairs, after, strict=True) if old in firing.riders]
    rest = [new for (_, old), (_, new) in zip(pairs, after, strict=True) if old in firing.rest]
    return Firing(
        in_order([*others, *[item for _, item in after]]), firing.payload if stays else change.payload(firing.payload),
        firing.mapped, firing.key, firing.parts, in_order(riders), firing.split,
        after if stays or firing.pairs else (), firing.rolled, in_order(rest),
    )  # fmt: skip
