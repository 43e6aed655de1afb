"""Where items come into a compiled trigger.

Owns `Leaf`. Invariant: nothing of it changes once the tree is compiled. Cost: O(1).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from reactive_dag.model.records import Item, Mark
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.cell import Opaque
from reactive_dag.triggers.firing import Key, Mapped, Ref, Rolled, in_order
from reactive_dag.triggers.machine.books import Pairs

CROSSING = "crossing"
"""What stands in a chain where a leaf is a feedback part, which asks its bound first (G2)."""
LeafChain: TypeAlias = tuple[tuple[str, Any], ...]
"""What is asked directly behind a leaf, in order: of what kind, and the function, or for a crossing the leaf itself."""
Show: TypeAlias = Callable[[Item], str]
"""The identity of an item."""


class Leaf:
    """A leaf part: a source of facts, or the point where a tick or a silence comes in.

    `index` is the part's number, `chain` the functions that stand directly behind it, `written` the trigger with those.
    `is_source`: facts come in here; `gives_one`: a join holds one of its items at most (T9). It gives no key.
    `up` and `part` say where its items go; `route` are the `.by` around it, the outermost first. `rides`: its items
    only ride along (T17).
    """

    __slots__ = (
        "chain",
        "gives_one",
        "index",
        "is_source",
        "part",
        "rides",
        "route",
        "source",
        "trigger",
        "up",
        "written",
    )

    keyed = False

    def __init__(
        self, trigger: Trigger, written: Trigger, chain: LeafChain, route: tuple[Any, ...], index: int, rides: bool
    ) -> None:
        self.trigger = trigger
        self.written = written
        self.chain = chain
        self.route = route
        self.index = index
        self.rides = rides
        self.source = trigger.source
        self.is_source = trigger.hears
        self.gives_one = trigger.holds_one
        self.part = -1
        self.up: Any = None

    def hang(self, up: object, part: int) -> None:
        """Its items go to a node, as that part of it."""
        self.up, self.part = up, part

    @property
    def first(self) -> int:
        """Its number: the first leaf part below it is it."""
        return self.index

    @property
    def text(self) -> str:
        """How it is written. O(size)."""
        return repr(self.written)

    def takes(self, event: Any) -> bool:
        """Whether an event of its source is delivered here: by `kinds`, or by `states` (T1). O(1)."""
        return self.trigger.takes(event)

    def walk(self, release: Opaque, riders: bool = True) -> Pairs:
        """The leaf items of what it gave: one."""
        item: Any = release.item if type(release) is Mapped else release
        return [(self.index, item)]

    def key_of(self, release: Opaque) -> Key:
        """The key of what it gave: none."""
        return ()

    def rolled(self, release: Opaque) -> Iterator[tuple[Rolled, Pairs]]:
        """What rollups say of what it gave: nothing."""
        return iter(())

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


def takers(
    parts: tuple[Leaf, ...],
    pending: Iterable[tuple[Trigger, Item]],
    event_of: Callable[[Item], object],
    ridden: Mapping[tuple[Trigger, Item], int],
) -> tuple[list[tuple[Item, object, tuple[int, ...], bool]], list[tuple[Trigger, Item]]]:
    """Who takes items that another trigger held: item, event, leaf parts, whether it only rides; and what is left.

    An item goes to all parts on its source that take it, one that only ever rode to those that ride (T11, T17).
    `ridden` counts the leaf parts that hold it as that: leaf parts may be equal.
    Cost: O(pending * parts).
    """
    by_item: dict[Item, list[Trigger]] = {}
    for leaf, item in pending:
        by_item.setdefault(item, []).append(leaf)
    taken: list[tuple[Item, object, tuple[int, ...], bool]] = []
    left: list[tuple[Trigger, Item]] = []
    for item in in_order(list(by_item)):
        event = item if isinstance(item, Mark) else event_of(item)
        sources = [leaf.source for leaf in by_item[item]]
        rides = all(ridden.get((leaf, item), 0) >= count for leaf, count in Counter(by_item[item]).items())
        found = [part for part in parts if part.source in sources and part.takes(event)]
        hits = tuple([part.index for part in found if part.rides or not rides])
        if hits:
            taken.append((item, event, hits, rides))
        else:
            left += [(leaf, item) for leaf in by_item[item]]
    return taken, left
